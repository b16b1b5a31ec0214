"""What the passing of days makes of an unpaid claim: its state, and interest, exact to the cent.

Whole cents and days in, whole cents out, rounded half up once. Payments counts with it; intake shows a clock
with it on the day that somebody looks.

Health and Safety Code 1371: 15 percent a year, simple, from the first calendar day after the deadline through
the day of payment. The statute names no year length; 365 days is the choice made here and never 360.
"""

from datetime import date
from typing import Literal

RunningState = Literal["open", "near", "overdue"]

AB_3275_FROM = date(2026, 1, 1)
"""Claims received from this day on fall under Health and Safety Code 1371 as amended by AB 3275."""

RATE_PERCENT_A_YEAR = 15
DAYS_A_YEAR = 365
SMALL_INTEREST_BELOW_CENTS = 200

_DIVISOR = 100 * DAYS_A_YEAR


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
