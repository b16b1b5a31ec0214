"""A clock as people and programs read it: the ``deadlines`` output of the outside contract.

Money is integer cents, days are ISO 8601 text; keys that do not apply are absent.
"""

import calendar
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, get_args

from services.payments.clock import (
    Entry,
    Outcome,
    Period,
    cent_days_by_line,
    interest_by_line,
    opening,
    period_of,
    run,
    state_of,
)
from shared.calendar import add_working_days, pacific_date, us_date
from shared.payers import PayerTerms, Regime
from shared.prompt_pay import fee_cents, interest_cents, interest_on_cent_days, is_small

AUTOMATIC_INTEREST_WORKING_DAYS = 5
SMALL_INTEREST_DAYS_AFTER_MONTH = 10

_LAW = {
    "clock.hsc1371_working": "Health and Safety Code 1371 (received before 2026)",
    "clock.hsc1371_calendar": "Health and Safety Code 1371 as amended by AB 3275 (received in 2026 or later)",
}
_CONTRACT = (
    "42 CFR 447.45(d) through 447.46 and the Medi-Cal contract: 90 percent in 30 days, 99 percent in 90"
)
_RECEIPT = "28 CCR 1300.71: the date of receipt is a working day"


class BadRequest(ValueError):
    """What was asked cannot be answered; the message says why, for people."""


def clock_document(outcome: Outcome, as_of: date) -> dict[str, Any]:
    """The clock on ``as_of``: deadlines, what happened, state, and interest in cents where it was or runs
    late.

    For an overdue claim ``days_late`` and ``interest_cents`` are what a payment on ``as_of`` would bear.
    """
    period = outcome.period
    state = state_of(outcome.status, outcome.late, outcome.deadline, outcome.near_on, as_of)
    document = dict(_period_keys(period))
    document["state"] = state
    if outcome.status == "running":
        document["near_from"] = outcome.near_on.isoformat()
    for key, day in (
        ("contested", outcome.contested_on),
        ("information_received", outcome.information_on),
        ("deadline_after_information", outcome.deadline_after_information),
        ("paid" if outcome.status == "paid" else "partially_paid", outcome.paid_on),
        ("denied", outcome.denied_on),
        ("withdrawn", outcome.withdrawn_on),
    ):
        if day is not None:
            document[key] = day.isoformat()
    if outcome.contest_in_time is not None:
        document["contest_in_time"] = outcome.contest_in_time
    if outcome.deadline_after_information and outcome.contract_from:
        document["contract_30_after_information"] = (outcome.contract_from + timedelta(days=30)).isoformat()
        document["contract_90_after_information"] = (outcome.contract_from + timedelta(days=90)).isoformat()
    if outcome.amount_cents is not None:
        document["amount_cents"] = outcome.amount_cents
        document["paid_cents"] = outcome.paid_cents
        if outcome.denied_cents:
            document["denied_cents"] = outcome.denied_cents
    _add_interest(document, outcome, state, as_of)
    return document


@lru_cache(maxsize=4096)
def _period_keys(period: Period) -> dict[str, Any]:
    """What the arrival alone says; thousands of claims share it, so it is made once and copied."""
    return {
        "received": period.arrival_date.isoformat(),
        "arrival_date": period.arrival_date.isoformat(),
        "receipt_date": period.receipt_date.isoformat(),
        "standard": period.standard,
        "deadline": period.deadline.isoformat(),
        "cautious_deadline": period.cautious_deadline.isoformat(),
        "near_dates": [day.isoformat() for day in period.near_dates],
        "contract_30": period.contract_30.isoformat(),
        "contract_90": period.contract_90.isoformat(),
        "contract_90_near_dates": [day.isoformat() for day in period.contract_90_near_dates],
        "acknowledgement_due": period.acknowledgement_due.isoformat(),
        "authority": [_LAW[period.standard], _RECEIPT, _CONTRACT],
    }


def interest_on(outcome: Outcome, as_of: date) -> int:
    """Interest in cents: earned by late payments, and running on what is overdue and unpaid on ``as_of``.

    It is what a payment of all that is open would make it on that day, rounded as that payment would be.
    """
    by_line = cent_days_by_line(outcome.late_payments)
    if outcome.status == "running" and as_of > outcome.deadline and outcome.outstanding_cents:
        running = outcome.outstanding_cents * (as_of - outcome.deadline).days
        by_line[None] = _cent_days_so_far(outcome) + running
    return sum(map(interest_on_cent_days, by_line.values()))


def _cent_days_so_far(outcome: Outcome) -> int:
    """What is rounded together with the interest that runs: late payments that were not made by line, less the days
    on which the provider had what is open.
    """
    return cent_days_by_line(outcome.late_payments).get(None, 0) - outcome.held_cent_days


def interest_per_day_cents(outcome: Outcome) -> int:
    """What each day after the deadline costs while the claim stays unpaid: cents of interest, half up."""
    return interest_cents(outcome.outstanding_cents or 0, 1) if outcome.status == "running" else 0


def _add_interest(document: dict[str, Any], outcome: Outcome, state: str, as_of: date) -> None:
    per_day = interest_per_day_cents(outcome)
    if per_day:
        document["interest_per_day_cents"] = per_day
    if outcome.status == "running" and (so_far := _cent_days_so_far(outcome)):
        document["interest_cent_days"] = so_far
    if state == "overdue":
        document["days_late"] = (as_of - outcome.deadline).days
    elif outcome.paid_on is not None:
        document["days_late"] = outcome.days_late
    if outcome.amount_cents is None or "days_late" not in document:
        return
    interest = document["interest_cents"] = interest_on(outcome, as_of)
    if outcome.interest_paid_cents:
        document["interest_paid_cents"] = outcome.interest_paid_cents
    if interest <= 0:
        return
    arrival = outcome.period.arrival_date
    document["interest_fee_cents_if_not_automatic"] = fee_cents(interest, arrival)
    late = outcome.late_payments
    earned = outcome.interest_cents
    if not earned or not late:
        return
    by_line = interest_by_line(late)
    if set(by_line) != {None}:
        document["interest_lines"] = [
            {"interest_cents": cents} if line is None else {"line": line, "interest_cents": cents}
            for line, cents in sorted(by_line.items(), key=lambda item: item[0] or 0)
        ]
    document["interest_payable_by"] = interest_payable_by(earned, late[-1].date).isoformat()
    if is_small(earned):
        document["interest_may_wait_for_month"] = late[-1].date.strftime("%Y-%m")
    fee = fee_due_cents(outcome, as_of)
    if fee:
        document["interest_fee_due_cents"] = fee


def interest_payable_by(interest: int, paid_on: date) -> date:
    """The last day on which interest still goes without a fee.

    Five working days after the payment; interest under 2 dollars may wait until 10 calendar days after the
    end of the month (DMHC guidance).
    """
    if not is_small(interest):
        return add_working_days(paid_on, AUTOMATIC_INTEREST_WORKING_DAYS)
    month_end = paid_on.replace(day=calendar.monthrange(paid_on.year, paid_on.month)[1])
    return month_end + timedelta(days=SMALL_INTEREST_DAYS_AFTER_MONTH)


def fee_due_cents(outcome: Outcome, as_of: date) -> int:
    """The fee in cents that is owed on ``as_of`` because interest was not paid by its day, or 0.

    One fee a claim (Health and Safety Code 1371), on all interest earned up to the last payment whose interest
    did not come in time. What was paid beyond the interest counts towards it.
    """
    late = outcome.late_payments
    fee = 0
    for day in sorted({payment.date for payment in late}):
        earned = sum(interest_by_line(payment for payment in late if payment.date <= day).values())
        payable_by = interest_payable_by(earned, day)
        in_time = sum(cents for paid_on, cents in outcome.interest_paid_entries if paid_on <= payable_by)
        if as_of > payable_by and in_time < earned:
            fee = fee_cents(earned, outcome.period.arrival_date)
    beyond = sum(cents for day, cents in outcome.interest_paid_entries if day <= as_of)
    return max(0, fee - max(0, beyond - outcome.interest_cents))


def clock_of_receipt(arrival_date: date, terms: PayerTerms, as_of: date) -> dict[str, Any]:
    """The clock of a clean claim on the day it arrived: shared by all claims of one file, so do not change
    it.
    """
    return _clock_of_receipt(arrival_date, terms, as_of)


@lru_cache(maxsize=1024)
def _clock_of_receipt(arrival_date: date, terms: PayerTerms, as_of: date) -> dict[str, Any]:
    return clock_document(opening(arrival_date, terms), as_of)


def deadlines_document(
    received_text: str,
    regime: str = "knox-keene",
    contested: date | None = None,
    information_received: date | None = None,
    paid: date | None = None,
    amount_cents: int | None = None,
    as_of: date | None = None,
) -> dict[str, Any]:
    """What ``promptclaim deadlines`` prints.

    ``received_text`` is a date, or a time with its UTC offset, whose date in California counts. The events
    given are taken as facts even where they lie after ``as_of``; without ``as_of`` it is the last day given.
    Raises ``BadRequest`` where the facts contradict each other.
    """
    received = received_date(received_text)
    if regime not in get_args(Regime):
        raise BadRequest(f"The regime is {regime!r}. Use knox-keene or hmo.")
    if information_received is not None and contested is None:
        raise BadRequest(
            "Information was received, but no contest is given. Give the day of the contest as well."
        )
    if amount_cents is not None and amount_cents < 0:
        raise BadRequest("The amount is less than nothing. Give whole cents, such as 125000.")
    entries = []
    for kind, day in (
        ("contested", contested),
        ("information_received", information_received),
        ("paid", paid),
    ):
        if day is None:
            continue
        if day < received:
            name = kind.replace("_", " ")
            raise BadRequest(
                f"The day given for {name}, {us_date(day)}, lies before the receipt on {us_date(received)}."
            )
        entries.append(Entry(kind, day))  # type: ignore[arg-type]
    if contested and information_received and information_received < contested:
        raise BadRequest(f"Information on {information_received} lies before the contest on {contested}.")
    terms = PayerTerms(regime=regime)  # type: ignore[arg-type]
    outcome = run(period_of(received, terms), terms, amount_cents, entries)
    last = max([received, *(entry.date for entry in entries)])
    return clock_document(outcome, as_of or last)


def received_date(text: str) -> date:
    """The date in California of a date or of a time with its UTC offset. Raises ``BadRequest``."""
    try:
        if len(text) <= 10:
            return date.fromisoformat(text)
        return pacific_date(datetime.fromisoformat(text))
    except ValueError as error:
        raise BadRequest(
            f"{text!r} is not a day of receipt. Use a date such as 2026-03-02, "
            "or a time with its offset such as 2026-03-02T23:30:00-08:00."
        ) from error
