"""Which deadlines of a claim somebody has to be told of, and on which day: a clock in, notices out.

Nothing here reads the wall clock. A notice belongs to the clock as it stands now: what was paid, denied, contested
or withdrawn calls for no notice of a deadline; interest that a late payment earned and that is still owed does.

Sources: Health and Safety Code 1371 (deadline, interest from the first day after it, interest with the payment or
within five working days); 42 CFR 447.45(d) (30 and 90 days). The days of a warning are the payer's
(``near_days``, ``near_days_90``); no law sets them. All dates are California's.
"""

from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from services.payments.clock import Outcome
from services.payments.clock_document import interest_payable_by
from services.payments.clock_period import near_dates
from shared.payers import PayerTerms

EventType = Literal["clock.deadline_near", "clock.deadline_missed", "interest.due"]

CONTRACT_DAYS = (30, 90)

LAW = "Health and Safety Code 1371"
CONTRACT = "42 CFR 447.45(d) through 447.46 and the Medi-Cal contract"

_ONE_DAY = timedelta(days=1)


class Notice(Struct, frozen=True):
    """One notice. ``due_on`` is the first day on which it is true: for a missed deadline, the day after it.

    ``notice`` is ``near_20``, ``near_27``, ``missed``, ``contract_near_75``, ``contract_near_87``,
    ``contract_missed_30``, ``contract_missed_90``, ``interest_started`` or ``interest_due`` (with the payer's own
    warning days in the names). ``deadline`` is the day it speaks of, and tells a new period's notices from the old's.
    """

    due_on: date
    event: EventType
    notice: str
    deadline: date
    authority: str


def notices(outcome: Outcome, terms: PayerTerms) -> list[Notice]:
    """Everything to be told of this clock, past days included, in the order of the days.

    Raises ``shared.calendar.OutsideCalendar`` where the federal holidays are not known.
    """
    found = [*_of_the_statute(outcome, terms), *_of_the_contract(outcome, terms), *_of_late_payments(outcome)]
    return sorted(found, key=lambda notice: notice.due_on)


def next_notice_on(outcome: Outcome) -> date | None:
    """The day of the first of the clock's notices, told already or not; ``None`` where it calls for none.

    It needs no terms of the payer, so that every change of a clock can set it. The step that tells then moves it on.
    """
    days = [notice.due_on for notice in _of_late_payments(outcome)]
    if outcome.status == "running" and outcome.contract_from is not None:
        period, start = outcome.period, outcome.contract_from
        first_warning = period.contract_90_near_dates[0] - period.arrival_date
        first_limit = timedelta(days=CONTRACT_DAYS[0]) + _ONE_DAY
        days += [outcome.near_on, outcome.deadline + _ONE_DAY, start + min(first_warning, first_limit)]
    return min(days, default=None)


def _of_the_statute(outcome: Outcome, terms: PayerTerms) -> list[Notice]:
    if outcome.status != "running" or outcome.contract_from is None:
        return []
    period, deadline, overdue = outcome.period, outcome.deadline, outcome.deadline + _ONE_DAY
    # Counted from the arrival or from the day the information came, not from the working day of receipt: a warning
    # that comes early does no harm.
    warnings = near_dates(period.standard, outcome.contract_from, period.days, terms)
    found = [
        Notice(day, "clock.deadline_near", f"near_{number}", deadline, LAW)
        for number, day in zip(terms.near_days, warnings, strict=True)
    ]
    found.append(Notice(overdue, "clock.deadline_missed", "missed", deadline, LAW))
    if outcome.outstanding_cents:
        found.append(Notice(overdue, "interest.due", "interest_started", deadline, LAW))
    return found


def _of_the_contract(outcome: Outcome, terms: PayerTerms) -> list[Notice]:
    start = outcome.contract_from
    if outcome.status != "running" or start is None:
        return []
    last = start + timedelta(days=CONTRACT_DAYS[-1])
    found = [
        Notice(start + timedelta(days=day), "clock.deadline_near", f"contract_near_{day}", last, CONTRACT)
        for day in terms.near_days_90
    ]
    for days in CONTRACT_DAYS:
        limit = start + timedelta(days=days)
        found.append(
            Notice(limit + _ONE_DAY, "clock.deadline_missed", f"contract_missed_{days}", limit, CONTRACT)
        )
    return found


def _of_late_payments(outcome: Outcome) -> list[Notice]:
    """Interest that was not paid with a late payment, told on the last day on which it still goes without a fee."""
    last = outcome.last_late_payment_on if outcome.payments else None
    if last is None or outcome.interest_cents <= outcome.interest_paid_cents:
        return []
    payable_by = interest_payable_by(outcome.interest_cents, last)
    return [Notice(payable_by, "interest.due", "interest_due", payable_by, LAW)]
