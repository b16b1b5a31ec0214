"""What a payment clock makes of a claim in review: which deadline runs, whether anything is still to be paid or denied.

The conditions are SQL over ``reviews`` and ``claim_clocks``, read at the moment somebody looks, so that it is the same
whether the clock or the review came first.
"""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, case, func

from services.validator.models import CLAIM_CLOCKS, REVIEWS
from services.validator.review.clock_handlers import RUNNING
from shared.calendar import OutsideCalendar
from shared.payers import Payers
from shared.prompt_pay import (
    CALENDAR_DAYS,
    RunningState,
    end_of_period,
    receipt_date_of,
    running_state,
    standard_of,
)

_c, _r = CLAIM_CLOCKS.c, REVIEWS.c

_SETTLED = ("paid_on_time", "paid_late", "denied_on_time", "denied_late", "withdrawn")

is_settled: ColumnElement[int] = case((_c.state.in_(_SETTLED), 1), else_=0)
"""1 where the claim was paid, denied or withdrawn meanwhile, so that no deadline waits for the decision; else 0."""

runs_until: ColumnElement[date] = case(
    (func.coalesce(_c.state, "").not_in((*_SETTLED, "contested")), func.coalesce(_c.deadline, _r.deadline)),
)
"""The day by which the claim is to be paid or denied: its clock's, or its receipt's until payments has told of a clock.

None while a contest stops the clock, and of what is settled.
"""


def due(row: Any, payers: Payers, today: date) -> RunningState | None:
    """Whether the deadline of a row of the queue is near or over; ``None`` where none runs."""
    if row.runs_until is None:
        return None
    near_from = row.near_from
    if near_from is None:
        terms = payers.terms_of(row.payer_id)
        try:
            standard, days = standard_of(row.arrival_date, terms)
            # near_days speak of a period of 30 days; a longer one warns as many days before its end.
            near = days - CALENDAR_DAYS + terms.near_days[0]
            near_from = end_of_period(standard, receipt_date_of(row.arrival_date, terms), near)
        except OutsideCalendar:
            return None
    return running_state(row.runs_until, near_from, today)


def clock_state(row: Any, due: RunningState | None) -> str | None:
    """The clock's state as payments shows it; ``None`` where payments has told of none that runs or ran."""
    if row.state == RUNNING:
        return due
    return None if row.state == "not_running" else row.state
