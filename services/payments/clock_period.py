"""What the arrival of a clean claim sets: the period of Health and Safety Code 1371 and the contract's days.

Sources: Health and Safety Code 1371 before and since AB 3275 (Stats. 2024 ch. 763); 28 CCR 1300.71;
42 CFR 447.45(d). All dates are California's; the day of receipt is day 0.
"""

from datetime import date, timedelta
from functools import lru_cache

from msgspec import Struct

from shared.calendar import add_working_days, next_working_day
from shared.payers import PayerTerms
from shared.prompt_pay import Standard, deadline_of, end_of_period, receipt_date_of, standard_of

ACKNOWLEDGE_WORKING_DAYS = 2
_NEAR_PERIOD_DAYS = 30


class Period(Struct, frozen=True):
    """What follows from the arrival of a claim alone.

    ``deadline`` is that of Health and Safety Code 1371; ``cautious_deadline`` is the same period counted from
    the arrival instead of the working day of receipt, and warnings (``near_dates``) are counted towards it.
    """

    arrival_date: date
    receipt_date: date
    standard: Standard
    days: int
    deadline: date
    cautious_deadline: date
    near_dates: tuple[date, ...]
    contract_30: date
    contract_90: date
    contract_90_near_dates: tuple[date, ...]
    acknowledgement_due: date


@lru_cache(maxsize=4096)
def period_of(arrival_date: date, terms: PayerTerms) -> Period:
    """The deadlines that the arrival of a clean claim sets. Raises ``shared.calendar.OutsideCalendar``."""
    receipt_date = receipt_date_of(arrival_date, terms)
    standard, days = standard_of(arrival_date, terms)
    return Period(
        arrival_date=arrival_date,
        receipt_date=receipt_date,
        standard=standard,
        days=days,
        deadline=deadline_of(arrival_date, terms),
        cautious_deadline=end_of_period(standard, arrival_date, days),
        near_dates=near_dates(standard, arrival_date, days, terms),
        contract_30=arrival_date + timedelta(days=30),
        contract_90=arrival_date + timedelta(days=90),
        contract_90_near_dates=tuple(arrival_date + timedelta(days=day) for day in terms.near_days_90),
        acknowledgement_due=acknowledgement_due(arrival_date),
    )


@lru_cache(maxsize=4096)
def acknowledgement_due(arrival_date: date) -> date:
    """The last day to acknowledge an electronic claim: two working days on (28 CCR 1300.71)."""
    return add_working_days(next_working_day(arrival_date), ACKNOWLEDGE_WORKING_DAYS)


def near_dates(standard: Standard, start: date, days: int, terms: PayerTerms) -> tuple[date, ...]:
    """The days from which the end of a period that runs from ``start`` counts as near."""
    # near_days speak of a period of 30; a longer one warns as many days before its end.
    return tuple(end_of_period(standard, start, days - _NEAR_PERIOD_DAYS + day) for day in terms.near_days)
