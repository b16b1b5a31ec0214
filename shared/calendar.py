"""Days as the law counts them: California's date of an instant, working days, federal holidays.

Working day: Monday to Friday except a federal holiday as observed (28 CCR 1300.71; 5 U.S.C. 6103). The
holidays are data, ``shared/reference/holidays.csv``, and cover whole years; a question about any other year
is refused rather than answered wrongly.
"""

import csv
from bisect import bisect_right
from datetime import date, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class OutsideCalendar(ValueError):
    """The day lies outside of the years for which the federal holidays are known."""


def _read_holidays() -> dict[date, str]:
    text = files("shared.reference").joinpath("holidays.csv").read_text(encoding="utf-8")
    return {date.fromisoformat(row["date"]): row["name"] for row in csv.DictReader(text.splitlines())}


FEDERAL_HOLIDAYS = _read_holidays()
"""Every federal holiday by the day on which it is observed."""

FIRST_DAY = date(min(FEDERAL_HOLIDAYS).year, 1, 1)
LAST_DAY = date(max(FEDERAL_HOLIDAYS).year, 12, 31)

_HOLIDAY_ORDINALS = frozenset(day.toordinal() for day in FEDERAL_HOLIDAYS)
_WORKING_DAYS = [
    ordinal
    for ordinal in range(FIRST_DAY.toordinal(), LAST_DAY.toordinal() + 1)
    if (ordinal - 1) % 7 < 5 and ordinal not in _HOLIDAY_ORDINALS
]


def pacific_date(instant: datetime, zone: ZoneInfo = PACIFIC) -> date:
    """The date in California at ``instant``. Raises ``ValueError`` where it carries no UTC offset."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a UTC offset")
    return instant.astimezone(zone).date()


def is_working_day(day: date) -> bool:
    """Whether ``day`` is Monday to Friday and no federal holiday. Raises ``OutsideCalendar``."""
    ordinal = _known(day)
    return (ordinal - 1) % 7 < 5 and ordinal not in _HOLIDAY_ORDINALS


def next_working_day(day: date) -> date:
    """``day`` itself where it is a working day, else the first one after it. Raises ``OutsideCalendar``."""
    return day if is_working_day(day) else add_working_days(day, 1)


def add_working_days(day: date, count: int) -> date:
    """The ``count``-th working day after ``day``; ``day`` itself is day 0 and need not be a working day.

    ``count`` 0 is ``day`` as it stands. Raises ``ValueError`` for a negative count and ``OutsideCalendar``.
    """
    if count < 0:
        raise ValueError("working days are counted forward")
    if count == 0:
        return day
    place = bisect_right(_WORKING_DAYS, _known(day)) + count - 1
    if place >= len(_WORKING_DAYS):
        raise OutsideCalendar(_refusal(day))
    return date.fromordinal(_WORKING_DAYS[place])


def _known(day: date) -> int:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise OutsideCalendar(_refusal(day))
    return day.toordinal()


def _refusal(day: date) -> str:
    return (
        f"Working days around {day.isoformat()} are not known: federal holidays are listed for "
        f"{FIRST_DAY.year} to {LAST_DAY.year}."
    )


def us_date(day: date) -> str:
    """A date as people read it, on pages and in messages: ``Mar 2, 2026``. Programs get ISO dates."""
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"
