"""Dates, times, amounts and units in a cell, read as :mod:`services.intake.readers.values` says."""

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from services.intake.readers.values import EMPTY, MisreadError, Reading, plain
from shared.calendar import us_date

_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
_US_DATE = re.compile(
    r"(\d{1,2})([/-])(\d{1,2})\2(\d{4})(?: 0?0:00(?::00)?| 12:00(?::00)? ?AM)?", re.IGNORECASE
)
_SHORT_YEAR = re.compile(r"\d{1,2}[/-]\d{1,2}[/-]\d{2}")
_COMPACT_DATE = re.compile(r"(?:19|20)\d{6}")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?(?:\.0+)?\s*([AaPp])?\.?(?:[Mm]\.?)?")
_MILITARY_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d)")
_AMOUNT = re.compile(r"\d+(?:\.\d{1,2})?|\.\d{1,2}")
_GROUPED_AMOUNT = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?")
_UNITS = re.compile(r"-?\d{1,9}(?:\.\d{1,4})?")
_DATE_EXPECTED = "A date such as 10/06/2026 (month/day/year)"
_AMOUNT_EXPECTED = "Dollars and cents, such as 1250.00"
_UNITS_EXPECTED = "A number, such as 4"
_TIME_EXPECTED = "A time such as 9:30 AM or 09:30"


def _calendar_date(year: str, month: str, day: str, shown: str) -> date:
    if int(month) > 12 or int(month) < 1:
        raise MisreadError(
            f"{shown} is not a date we can read: the month comes first, and there is no month {int(month)}.",
            _DATE_EXPECTED,
        )
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        raise MisreadError(f"{shown} is not a day in the calendar.", _DATE_EXPECTED) from None
    return _plausible(found, shown)


def _plausible(found: date, shown: str) -> date:
    if not 1900 <= found.year <= 2100:
        raise MisreadError(f"The year of {shown} cannot be right.", _DATE_EXPECTED)
    return found


def day(cell: object) -> Reading:
    """A calendar date: a date cell, ISO text, month/day/year with four digits for the year, or YYYYMMDD.

    A number such as 46301 is what a spreadsheet shows of a date cell with the wrong format. What the person
    saw was not a date, so it is not read as one. A two-digit year is not read either: birth years make it
    ambiguous.
    """
    if isinstance(cell, datetime):
        found = _plausible(cell.date(), cell.isoformat(" "))
        return Reading(
            found,
            "repair.date_with_time",
            f"The date cell also held a time. We read {us_date(found)}.",
            found.isoformat(),
        )
    if isinstance(cell, date):
        return Reading(_plausible(cell, cell.isoformat()))
    if isinstance(cell, (time, timedelta)):
        raise MisreadError("This is a time, not a date.", _DATE_EXPECTED)
    if isinstance(cell, float) and not cell.is_integer():
        raise MisreadError(f"{cell:g} is a number, not a date.", _DATE_EXPECTED)
    shown = plain(cell)
    if shown is None:
        return EMPTY
    if match := _ISO_DATE.fullmatch(shown):
        return Reading(_calendar_date(match[1], match[2], match[3], shown))
    if match := _US_DATE.fullmatch(shown):
        month, _, day_of_month, year = match.groups()
        found = _calendar_date(year, month, day_of_month, shown)
        return Reading(
            found,
            "repair.date_us",
            f"We read {shown} as month/day/year: {us_date(found)}.",
            found.isoformat(),
        )
    if _COMPACT_DATE.fullmatch(shown):
        found = _calendar_date(shown[:4], shown[4:6], shown[6:], shown)
        return Reading(
            found, "repair.date_compact", f"We read {shown} as the date {us_date(found)}.", found.isoformat()
        )
    if _SHORT_YEAR.fullmatch(shown):
        raise MisreadError(f"The date {shown} has only two digits for the year.", _DATE_EXPECTED)
    if isinstance(cell, float) and 20_000 < cell < 80_000:
        raise MisreadError(
            f"The cell shows the number {shown}, not a date. Format it as a date and check what it shows.",
            _DATE_EXPECTED,
        )
    raise MisreadError(f"{shown} is not a date we can read.", _DATE_EXPECTED)


def amount(cell: object) -> Reading:
    """Money in dollars, as integer cents, exact. A dollar sign and commas between thousands are dropped."""
    if isinstance(cell, (float, int)) and not isinstance(cell, bool):
        return Reading(_cents(Decimal(repr(cell)), f"{cell:.10g}"))
    shown = plain(cell)
    if shown is None:
        return EMPTY
    bare = shown.replace("$", "", 1).strip().removesuffix(" USD").removesuffix(" usd")
    if bare[:1] in "(-" or bare[-1:] == "-":
        raise MisreadError(
            f"The amount {shown} is below zero. To take back a claim, send it again with frequency 8.",
            _AMOUNT_EXPECTED,
        )
    if _AMOUNT.fullmatch(bare):
        cents = _cents(Decimal(bare), shown)
    elif _GROUPED_AMOUNT.fullmatch(bare):
        cents = _cents(Decimal(bare.replace(",", "")), shown)
    else:
        raise MisreadError(f"{shown} is not an amount we can read.", _AMOUNT_EXPECTED)
    if bare == shown and "," not in bare:
        return Reading(cents)
    said = f"{cents // 100}.{cents % 100:02d}"
    return Reading(cents, "repair.amount_symbols", f"We read the amount {shown} as {said}.", said)


def _cents(dollars: Decimal, shown: str) -> int:
    if not dollars.is_finite():
        raise MisreadError(f"{shown} is not an amount we can read.", _AMOUNT_EXPECTED)
    if dollars < 0:
        raise MisreadError(
            f"The amount {shown} is below zero. To take back a claim, send it again with frequency 8.",
            _AMOUNT_EXPECTED,
        )
    if dollars >= 10**8:
        raise MisreadError(f"The amount {shown} is too large for one line.", _AMOUNT_EXPECTED)
    cents = dollars * 100
    whole = cents.to_integral_value()
    # A calculated cell may hold 12.100000000000001 where it shows 12.10: binary fractions, not cents.
    if abs(cents - whole) > Decimal("0.000001"):
        raise MisreadError(f"The amount {shown} has fractions of a cent.", _AMOUNT_EXPECTED)
    return int(whole)


def units(cell: object) -> Reading:
    """How many units, exact. Whether the number is plausible is judged later."""
    if isinstance(cell, (float, int)) and not isinstance(cell, bool):
        if isinstance(cell, float) and not cell.is_integer():
            return Reading(_units_of(repr(round(cell, 9)), f"{cell:g}"))
        return Reading(_units_of(str(int(cell)) if abs(cell) < 10**9 else "", f"{cell:g}"))
    if isinstance(cell, (time, timedelta)):
        raise MisreadError("This is a time. Send the number of units.", _UNITS_EXPECTED)
    if isinstance(cell, (date, datetime)):
        raise MisreadError("This is a date. Send the number of units.", _UNITS_EXPECTED)
    shown = plain(cell)
    return EMPTY if shown is None else Reading(_units_of(shown.removeprefix("+"), shown))


def _units_of(number: str, shown: str) -> Decimal:
    if not _UNITS.fullmatch(number):
        raise MisreadError(f"{shown} is not a number of units we can read.", _UNITS_EXPECTED)
    found = Decimal(number)
    return Decimal(int(found)) if found == found.to_integral_value() else found.normalize()


def clock_time(cell: object) -> Reading:
    """``HH:MM``, 24 hours. Seconds are dropped; without AM or PM the 24-hour clock is meant."""
    if isinstance(cell, datetime):
        return Reading(f"{cell.hour:02d}:{cell.minute:02d}")
    if isinstance(cell, time):
        return Reading(f"{cell.hour:02d}:{cell.minute:02d}")
    if isinstance(cell, timedelta) and timedelta(0) <= cell < timedelta(days=1):
        minutes = int(cell.total_seconds()) // 60
        return Reading(f"{minutes // 60:02d}:{minutes % 60:02d}")
    if isinstance(cell, (date, timedelta)) or (isinstance(cell, float) and not cell.is_integer()):
        raise MisreadError("This is not a time of day.", _TIME_EXPECTED)
    shown = plain(cell)
    if shown is None:
        return EMPTY
    if match := _MILITARY_TIME.fullmatch(shown):
        return Reading(f"{match[1]}:{match[2]}")
    match = _TIME.fullmatch(shown)
    if match is None or int(match[2]) > 59:
        raise MisreadError(f"{shown} is not a time we can read.", _TIME_EXPECTED)
    hour, half = int(match[1]), (match[3] or "").upper()
    if hour > 23 or (half and not 1 <= hour <= 12):
        raise MisreadError(f"{shown} is not a time of day.", _TIME_EXPECTED)
    if half:
        hour = hour % 12 + (12 if half == "P" else 0)
    return Reading(f"{hour:02d}:{match[2]}")
