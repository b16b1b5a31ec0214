"""A clock told in plain sentences: why it stands as it does, on whose authority, and what would change it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from msgspec import Struct

from services.payments.clock import Entry, Outcome, Period, standing, steps
from services.payments.clock_document import fee_due_cents, interest_on, interest_payable_by
from services.payments.money_owed import Payment
from services.payments.refusals import KIND_NAMES, dollars
from shared.calendar import FEDERAL_HOLIDAYS, FIRST_DAY, LAST_DAY, is_working_day, us_date
from shared.payers import PayerTerms
from shared.prompt_pay import AB_3275_FROM, fee_cents, interest_cents

RECEIPT = "28 CCR 1300.71: the date of receipt is a working day"
CONTRACT = "42 CFR 447.45(d) through 447.46 and the Medi-Cal contract"
TERMS = "The plan's terms, as they were when the claim was first judged"
_OVERTURNED = "28 CCR 1300.71.38(g)"
_RECORD = "The record of payment events, which is only added to"


class Sentence(Struct, frozen=True):
    """``text`` for people; ``authority``: the law, rule or agreement that it rests on."""

    text: str
    authority: str


def law_of(period: Period) -> str:
    """The statute that rules the claim, with the rule that computes it."""
    if period.standard == "clock.hsc1371_calendar":
        return f"Health and Safety Code 1371 as amended by AB 3275 (rule {period.standard})"
    return f"Health and Safety Code 1371 before AB 3275 (rule {period.standard})"


def explanation(
    period: Period, terms: PayerTerms, amount_cents: int | None, entries: Sequence[Entry], as_of: date
) -> list[Sentence]:
    """Why the clock stands as it does on ``as_of``, from the receipt on. ``entries`` as they were recorded."""
    law = law_of(period)
    told = [_receipt(period, terms), _standard(period, law), _deadline(period, law), _contract(period)]
    told += _corrections(entries)
    outcome = None
    for entry, before, after in steps(period, terms, amount_cents, entries):
        told.append(_TELL[entry.kind](entry, before, after, law))
        outcome = after
    if outcome is not None:
        told += _interest(outcome, as_of, law)
    told.append(_terms(terms))
    return told


def what_would_change_it(outcome: Outcome, as_of: date) -> list[Sentence]:
    """What can still happen to the clock after ``as_of``, and what it would do."""
    law, deadline = law_of(outcome.period), outcome.deadline
    period = _period_words(outcome.period)
    found = []
    if outcome.status == "contested":
        text = f"When the information arrives, a new period of {period} begins on that day."
        found.append(Sentence(text, law))
    elif outcome.status == "running" and as_of <= deadline:
        found = [
            Sentence(f"Payment in full on or before {us_date(deadline)} settles the claim in time.", law),
            Sentence(
                f"A written contest on or before {us_date(deadline)} that names the information needed stops the "
                "clock until the information arrives.",
                law,
            ),
            Sentence(
                f"A written denial with the specific reasons on or before {us_date(deadline)} ends the clock in time.",
                law,
            ),
        ]
        if outcome.outstanding_cents:
            per_day = dollars(interest_cents(outcome.outstanding_cents, 1))
            text = (
                f"From the day after {us_date(deadline)}, each unpaid day adds interest of about {per_day}."
            )
            found.append(Sentence(text, law))
    elif outcome.status == "running":
        interest = dollars(interest_on(outcome, as_of))
        per_day = dollars(interest_cents(outcome.outstanding_cents or 0, 1))
        found = [
            Sentence(
                f"Payment ends the interest, which is {interest} on {us_date(as_of)} and grows by about {per_day} "
                "a day.",
                law,
            ),
            Sentence("A contest comes too late now. It would stop nothing.", law),
            Sentence("A denial now would be late.", law),
        ]
    elif outcome.status == "paid":
        text = "A reversal of the payment would open the claim again."
        if outcome.withdrawn_on is not None:
            text = "A reversal of the payment would leave nothing owed: the claim was taken back or replaced."
        found.append(Sentence(text, law))
    elif outcome.status == "denied":
        text = "A payment would overturn the denial. It is measured from the deadline, not from the denial."
        found.append(Sentence(text, _OVERTURNED))
    if outcome.status != "withdrawn":
        text = "A correction of a recorded event that was a mistake would count from the day it is recorded."
        found.append(Sentence(text, _RECORD))
    return found


def _receipt(period: Period, terms: PayerTerms) -> Sentence:
    arrived = period.arrival_date
    if is_working_day(arrived):
        text = f"The claim arrived on {us_date(arrived)} in California, a working day. That is its date of receipt."
        return Sentence(text, RECEIPT)
    why = FEDERAL_HOLIDAYS.get(arrived) or f"a {arrived:%A}"
    if terms.receipt_on_non_working_day == "same_day":
        text = f"The claim arrived on {us_date(arrived)} ({why}). The plan takes that day as the date of receipt."
        return Sentence(text, TERMS)
    text = (
        f"The claim arrived on {us_date(arrived)} ({why}), which is no working day. Its date of receipt is the next "
        f"working day, {us_date(period.receipt_date)}."
    )
    return Sentence(text, RECEIPT)


def _standard(period: Period, law: str) -> Sentence:
    words = _period_words(period)
    if period.standard == "clock.hsc1371_calendar":
        text = (
            f"It arrived on or after {us_date(AB_3275_FROM)}, so the plan has {words} to pay, contest or deny it. The "
            "day of arrival decides, not the day of service."
        )
        return Sentence(text, law)
    which = "a health maintenance organization" if period.days > 30 else "a health care service plan"
    text = (
        f"It arrived before {us_date(AB_3275_FROM)} and the plan is {which} by its terms, so the plan has {words} "
        f"(Monday to Friday except federal holidays, which are listed for {FIRST_DAY.year} to "
        f"{LAST_DAY.year}) to pay, contest or deny it."
    )
    return Sentence(text, law)


def _deadline(period: Period, law: str) -> Sentence:
    text = (
        f"The period runs from {us_date(period.receipt_date)} (day 0) and ends on {us_date(period.deadline)}. "
        "The end does not move off a weekend or holiday."
    )
    if period.cautious_deadline != period.deadline:
        text += f" Counted from the arrival itself it would end on {us_date(period.cautious_deadline)}."
    return Sentence(text, law)


def _contract(period: Period) -> Sentence:
    text = (
        f"For the contract the days count from the arrival: 30 days end on {us_date(period.contract_30)}, 90 days on "
        f"{us_date(period.contract_90)}."
    )
    return Sentence(text, CONTRACT)


def _terms(terms: PayerTerms) -> Sentence:
    days = " and ".join(map(str, terms.near_days))
    text = (
        f"Terms used: regime {terms.regime}; a claim that arrives on a day off is received "
        f"{'on the same day' if terms.receipt_on_non_working_day == 'same_day' else 'on the next working day'}; "
        f"warnings after {days} days."
    )
    return Sentence(text, TERMS)


def _corrections(entries: Sequence[Entry]) -> Iterator[Sentence]:
    count = {id(entry) for entry in standing(entries)}
    for entry in entries:
        if entry.kind != "cancelled" and id(entry) not in count:
            text = f"A {KIND_NAMES[entry.kind]} of {us_date(entry.date)} was recorded by mistake. It counts no more."
            yield Sentence(text, _RECORD)


def _contested(entry: Entry, before: Outcome, after: Outcome, law: str) -> Sentence:
    if before.status == "contested" or before.settled_on is not None:
        return Sentence(
            f"The contest of {us_date(entry.date)} found nothing to stop and changed nothing.", law
        )
    if after.contest_in_time:
        text = (
            f"The plan contested the claim in writing on {us_date(entry.date)}, in time (the deadline was "
            f"{us_date(before.deadline)}). The clock stopped."
        )
        return Sentence(text, law)
    text = (
        f"The plan contested the claim on {us_date(entry.date)}, after the deadline of "
        f"{us_date(before.deadline)}. A late contest stops nothing."
    )
    return Sentence(text, law)


def _information(entry: Entry, before: Outcome, after: Outcome, law: str) -> Sentence:
    if before.status == "contested" and after.status != "contested":
        text = (
            f"The information arrived on {us_date(entry.date)}. A new period of {_period_words(after.period)} began "
            f"that day and ends on {us_date(after.deadline)}."
        )
        return Sentence(text, law)
    text = f"Information arrived on {us_date(entry.date)}. No clock was stopped, so none started again."
    return Sentence(text, law)


def _paid(entry: Entry, before: Outcome, after: Outcome, law: str) -> Sentence:
    if entry.amount_cents == 0 and entry.interest_cents:
        return Sentence(
            f"The plan paid {dollars(entry.interest_cents)} of interest on {us_date(entry.date)}.", law
        )
    made = after.payments[len(before.payments) :]
    cents = sum(payment.cents for payment in made)
    text = f"The plan paid {dollars(cents)}{_for_line(entry)} on {us_date(entry.date)}, {_lateness(made, before)}."
    if entry.interest_cents:
        text += f" {dollars(entry.interest_cents)} of interest came with it."
    if after.status == "running" and after.outstanding_cents:
        text += f" For the {dollars(after.outstanding_cents)} still open the clock runs on."
    overturned = after.denied_cents < before.denied_cents
    return Sentence(text, _OVERTURNED if overturned else law)


def _lateness(made: Sequence[Payment], before: Outcome) -> str:
    if before.status == "contested":
        return "while the clock stood still"
    late = max((payment.days_late for payment in made), default=0)
    if not late:
        return f"in time (the deadline was {us_date(before.deadline)})"
    days = "1 day" if late == 1 else f"{late} days"
    if any(payment.held for payment in made):
        return f"late by the {days} on which the provider was without money it had been paid before"
    return f"{days} after the deadline of {us_date(before.deadline)}"


def _denied(entry: Entry, before: Outcome, after: Outcome, law: str) -> Sentence:
    cents = after.denied_cents - before.denied_cents
    late = before.status != "contested" and entry.date > before.deadline
    when = f"after the deadline of {us_date(before.deadline)}" if late else "in time"
    return Sentence(
        f"The plan denied {dollars(cents)}{_for_line(entry)} in writing on {us_date(entry.date)}, {when}.",
        law,
    )


def _reversed(entry: Entry, before: Outcome, after: Outcome, law: str) -> Sentence:
    cents = before.paid_cents - after.paid_cents
    text = f"The plan took back {dollars(cents)}{_for_line(entry)} on {us_date(entry.date)}."
    if after.status == "withdrawn":
        text += " It is not owed again: the provider had taken the claim back or replaced it."
    else:
        text += " It is owed again; days on which the provider had it do not count as late."
    return Sentence(text, law)


def _withdrawn(entry: Entry, before: Outcome, after: Outcome, law: str) -> Sentence:
    text = f"The provider took the claim back or replaced it on {us_date(entry.date)}."
    if after.status == "withdrawn":
        text += " What was open is no longer owed."
    return Sentence(text, "A void or replacement of the claim (frequency 8 or 7)")


_TELL: dict[str, Callable[[Entry, Outcome, Outcome, str], Sentence]] = {
    "contested": _contested,
    "information_received": _information,
    "paid": _paid,
    "denied": _denied,
    "payment_reversed": _reversed,
    "withdrawn": _withdrawn,
}


def _interest(outcome: Outcome, as_of: date, law: str) -> Iterator[Sentence]:
    earned, paid = outcome.interest_cents, outcome.interest_paid_cents
    if not earned:
        return
    text = (
        f"Late payments earned {dollars(earned)} of interest: 15 percent a year, for calendar days, a year of "
        f"365, rounded to the cent. {dollars(paid)} was paid as interest."
    )
    yield Sentence(text, law)
    last = outcome.late_payments[-1].date
    payable_by = interest_payable_by(earned, last)
    fee = fee_due_cents(outcome, as_of)
    if fee:
        text = (
            f"Interest was not paid with the claim by its last day, so a fee is owed; {dollars(fee)} is open."
        )
        yield Sentence(text, law)
    elif paid < earned and as_of <= payable_by:
        amount = fee_cents(earned, outcome.period.arrival_date)
        text = f"If the interest is not paid by {us_date(payable_by)}, a fee of {dollars(amount)} is owed as well."
        yield Sentence(text, law)


def _for_line(entry: Entry) -> str:
    return "" if entry.line is None else f" for line {entry.line}"


def _period_words(period: Period) -> str:
    kind = "calendar" if period.standard == "clock.hsc1371_calendar" else "working"
    return f"{period.days} {kind} days"
