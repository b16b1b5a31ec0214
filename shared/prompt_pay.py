"""What the passing of days makes of an unpaid claim: its state, and interest, exact to the cent.

Whole cents and days in, whole cents out, rounded half up once. Payments counts with it; intake shows a clock
with it on the day that somebody looks.

Health and Safety Code 1371: 15 percent a year, simple, from the first calendar day after the deadline through
the day of payment. The statute names no year length; 365 days is the choice made here and never 360.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from shared.calendar import add_working_days, next_working_day
from shared.payers import PayerTerms

Standard = Literal["clock.hsc1371_working", "clock.hsc1371_calendar"]
RunningState = Literal["open", "near", "overdue"]
ClockState = Literal[
    RunningState,
    "contested",
    "paid_on_time",
    "paid_late",
    "denied_on_time",
    "denied_late",
    "withdrawn",
]
"""The state of a clock that runs or ran."""

CALENDAR_DAYS = 30
WORKING_DAYS = {"knox-keene": 30, "hmo": 45}

AB_3275_FROM = date(2026, 1, 1)
"""Claims received from this day on fall under Health and Safety Code 1371 as amended by AB 3275."""

RATE_PERCENT_A_YEAR = 15
DAYS_A_YEAR = 365
SMALL_INTEREST_BELOW_CENTS = 200

_DIVISOR = 100 * DAYS_A_YEAR


def receipt_date_of(arrival_date: date, terms: PayerTerms) -> date:
    """The day from which the statute's period runs: a working day (28 CCR 1300.71), unless the payer chose else."""
    if terms.receipt_on_non_working_day == "same_day":
        return arrival_date
    return next_working_day(arrival_date)


def standard_of(arrival_date: date, terms: PayerTerms) -> tuple[Standard, int]:
    """Which period of Health and Safety Code 1371 a claim that arrived then has, and its days."""
    if arrival_date >= AB_3275_FROM:
        return "clock.hsc1371_calendar", CALENDAR_DAYS
    return "clock.hsc1371_working", WORKING_DAYS[terms.regime]


def end_of_period(standard: Standard, start: date, days: int) -> date:
    """The last day of a period that runs from ``start`` (day 0)."""
    # The end never moves off a weekend or holiday: the statute gives no extension.
    if standard == "clock.hsc1371_calendar":
        return start + timedelta(days=days)
    return add_working_days(start, days)


@lru_cache(maxsize=4096)
def deadline_of(arrival_date: date, terms: PayerTerms) -> date:
    """The day by which a clean claim is to be paid, contested or denied. Raises ``calendar.OutsideCalendar``."""
    standard, days = standard_of(arrival_date, terms)
    return end_of_period(standard, receipt_date_of(arrival_date, terms), days)


def interest_cents(amount_cents: int, days_late: int) -> int:
    """Interest on ``amount_cents`` paid ``days_late`` calendar days after the deadline; 0 where it was not
    late.
    """
    return interest_on_cent_days(amount_cents * max(days_late, 0))


def interest_on_cent_days(cent_days: int) -> int:
    """Interest on a sum of cents times days late: late payments of one claim, rounded once together."""
    return (2 * cent_days * RATE_PERCENT_A_YEAR + _DIVISOR) // (2 * _DIVISOR)


def fee_cents(interest: int, arrival_date: date) -> int:
    """What is owed on top where ``interest`` (cents) was due but not paid with the claim; 0 where none was
    due.

    10 dollars for claims received before 2026; since then the greater of 15 dollars and 10 percent of the
    interest.
    """
    if interest <= 0:
        return 0
    if arrival_date < AB_3275_FROM:
        return 1000
    return max(1500, (interest + 5) // 10)


def is_small(interest: int) -> bool:
    """Whether the interest (cents) may wait for one monthly sum: under 2 dollars (DMHC guidance)."""
    return 0 < interest < SMALL_INTEREST_BELOW_CENTS


def running_state(deadline: date, near_from: date, as_of: date) -> RunningState:
    """The state of a clock that nothing has stopped: the deadline itself is still in time."""
    return "overdue" if as_of > deadline else "near" if as_of >= near_from else "open"
