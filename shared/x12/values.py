"""Values of X12 elements, exactly: money never passes through a float, a date that does not exist is no date.

Each function answers ``None`` for what it cannot understand and guesses nothing.
"""

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache

_AMOUNT = re.compile(r"-?(?:[0-9]{1,12}(?:\.[0-9]*)?|\.[0-9]+)")
_NUMBER = re.compile(r"-?(?:[0-9]{1,12}(?:\.[0-9]{0,6})?|\.[0-9]{1,6})")
_DAY = re.compile(r"[0-9]{8}")
# What is remembered comes from files: a hostile one must not fill the memory with long values.
_LONGEST = 24
_DAY_AND_TIME = re.compile(r"([0-9]{8})([01][0-9]|2[0-3])([0-5][0-9])(?:[0-5][0-9])?")


def cents(text: str) -> int | None:
    """Dollars with at most two decimals that matter (``120``, ``120.5``, ``.50``, ``120.000``), in cents."""
    return _cents(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=65_536)
def _cents(text: str) -> int | None:
    if not _AMOUNT.fullmatch(text):
        return None
    dollars, _, fraction = text.lstrip("-").partition(".")
    if fraction[2:].strip("0"):
        return None
    amount = int(dollars or "0") * 100 + int(fraction[:2].ljust(2, "0"))
    return -amount if text[0] == "-" else amount


def number(text: str) -> Decimal | None:
    """A count of units, at most twelve digits and six decimals."""
    return _number(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4_096)
def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def day(text: str) -> date | None:
    """CCYYMMDD."""
    return _day(text) if len(text) == 8 else None


@lru_cache(maxsize=65_536)
def _day(text: str) -> date | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def moment(text: str) -> tuple[date, str | None] | None:
    """CCYYMMDD, or CCYYMMDDHHMM with optional seconds: the day and the time as ``HH:MM`` if there is one."""
    if len(text) != 8 and (match := _DAY_AND_TIME.fullmatch(text)):
        start = day(match[1])
        return (start, f"{match[2]}:{match[3]}") if start else None
    start = day(text)
    return (start, None) if start else None


def period(text: str) -> tuple[date, str | None, date, str | None] | None:
    """A day or a period ``START-END``, each with or without a time: start, its time, end, its time."""
    first, dash, last = text.partition("-")
    start = moment(first)
    end = moment(last) if dash else start
    if start is None or end is None:
        return None
    return (*start, *end) if dash else (*start, start[0], None)
