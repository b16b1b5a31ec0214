"""The prompt-pay clocks of one claim: dates and events in, deadlines and outcome out.

Nothing here reads the wall clock. What happened to a claim folds into an :class:`Outcome` that does not
depend on today; only ``open``, ``near`` and ``overdue`` do, and they are told apart when somebody asks.

Sources: Health and Safety Code 1371 before and since AB 3275 (Stats. 2024 ch. 763); 28 CCR 1300.71;
42 CFR 447.45(d). All dates are California's; the day of receipt is day 0.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from services.payments.clock_period import Period as Period
from services.payments.clock_period import acknowledgement_due as acknowledgement_due
from services.payments.clock_period import near_dates
from services.payments.clock_period import period_of as period_of
from services.payments.money_owed import Money, Payment, Portion
from shared.payers import PayerTerms
from shared.prompt_pay import ClockState, end_of_period, interest_on_cent_days, running_state

Status = Literal["running", "contested", "paid", "denied", "withdrawn"]
Kind = Literal[
    "paid", "denied", "contested", "information_received", "payment_reversed", "withdrawn", "cancelled"
]


class Entry(Struct, frozen=True, omit_defaults=True):
    """One thing that happened to a claim. ``amount_cents`` absent: all that was still open (or, reversed,
    paid).

    ``withdrawn`` is the provider's own void or replacement of the claim. ``line`` is the service line that it
    was for, where the plan says so. ``corrects`` is the ``entry_id`` of an earlier entry that counts no more:
    this one stands in its place, and one that is ``cancelled`` leaves the place empty.
    """

    kind: Kind
    date: date
    amount_cents: int | None = None
    interest_cents: int = 0
    line: int | None = None
    entry_id: str = ""
    corrects: str | None = None


class Outcome(Struct, frozen=True):
    """A claim's clock after everything that was recorded for it.

    ``deadline`` and ``near_on`` are those that run now (the new ones once information arrived).
    ``contract_from`` is the day 0 of the contract clocks, ``None`` while the claim waits for information.
    ``late`` speaks of what settled the claim, once ``settled_on``. ``held_cent_days``: of what is open, cents
    times days after the deadline on which the provider had them, before a reversal.
    """

    period: Period
    amount_cents: int | None
    status: Status
    late: bool
    deadline: date
    near_on: date
    contract_from: date | None
    contested_on: date | None = None
    contest_in_time: bool | None = None
    information_on: date | None = None
    deadline_after_information: date | None = None
    paid_on: date | None = None
    denied_on: date | None = None
    withdrawn_on: date | None = None
    settled_on: date | None = None
    paid_cents: int = 0
    denied_cents: int = 0
    outstanding_cents: int | None = None
    held_cent_days: int = 0
    payments: tuple[Payment, ...] = ()
    denied_portions: tuple[Portion, ...] = ()
    interest_paid_entries: tuple[tuple[date, int], ...] = ()

    @property
    def late_payments(self) -> tuple[Payment, ...]:
        """The payments, or parts of them, that were made after the deadline, the earliest first."""
        return tuple(payment for payment in self.payments if payment.days_late > 0)

    @property
    def days_late(self) -> int:
        """Calendar days of the latest of the payments."""
        return max((payment.days_late for payment in self.payments), default=0)

    @property
    def last_late_payment_on(self) -> date | None:
        late = self.late_payments
        return late[-1].date if late else None

    @property
    def interest_cents(self) -> int:
        """Interest that the payments made so far have earned, in cents."""
        return sum(interest_by_line(self.late_payments).values())

    @property
    def interest_paid_cents(self) -> int:
        """What was paid as interest, in cents, less what was taken back."""
        return sum(cents for _, cents in self.interest_paid_entries)

    @property
    def payable_cents(self) -> int | None:
        """The most that a further payment can be, in cents: what is open and what was denied."""
        return None if self.outstanding_cents is None else self.outstanding_cents + self.denied_cents


def interest_by_line(payments: Iterable[Payment]) -> dict[int | None, int]:
    """Interest in cents by service line, rounded once for each; ``None``: what was not paid by line.

    Rounded by line, so that an itemised list adds up to what is paid.
    """
    return {line: interest_on_cent_days(total) for line, total in cent_days_by_line(payments).items()}


def cent_days_by_line(payments: Iterable[Payment]) -> dict[int | None, int]:
    """Cents times days late by service line; ``None``: what was not paid by line."""
    found: dict[int | None, int] = {}
    for payment in payments:
        found[payment.line] = found.get(payment.line, 0) + payment.cents * payment.days_late
    return found


@lru_cache(maxsize=4096)
def opening(arrival_date: date, terms: PayerTerms) -> Outcome:
    """The clock of a clean claim of unknown amount to which nothing has happened yet."""
    return run(period_of(arrival_date, terms), terms, None, ())


def run(period: Period, terms: PayerTerms, amount_cents: int | None, entries: Iterable[Entry]) -> Outcome:
    """What ``entries`` (in the order of their recording) make of the clock: taken by date, and as recorded
    within a day. Entries that were corrected do not count.
    """
    fold = _Fold(period, terms, amount_cents)
    for entry in in_order(entries):
        fold.take(entry)
    return fold.outcome()


def steps(
    period: Period, terms: PayerTerms, amount_cents: int | None, entries: Iterable[Entry]
) -> Iterator[tuple[Entry, Outcome, Outcome]]:
    """The entries that count, in the order in which they take effect, each with the clock before and after."""
    fold = _Fold(period, terms, amount_cents)
    before = fold.outcome()
    for entry in in_order(entries):
        fold.take(entry)
        after = fold.outcome()
        yield entry, before, after
        before = after


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that count, by date, and as recorded within a day."""
    return sorted(standing(entries), key=lambda entry: entry.date)


def standing(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that count: one that was corrected does not, and its correction stands in its place."""
    listed = list(entries)
    if not any(entry.corrects for entry in listed):
        return [entry for entry in listed if entry.kind != "cancelled"]
    kept: list[Entry | None] = []
    places: dict[str, int] = {}
    for entry in listed:
        place = places.get(entry.corrects or "", len(kept))
        if place == len(kept):
            kept.append(None)
        kept[place] = None if entry.kind == "cancelled" else entry
        if entry.entry_id:
            places[entry.entry_id] = place
    return [entry for entry in kept if entry is not None]


def state_of(status: str, late: bool, deadline: date, near_on: date, as_of: date) -> ClockState:
    """The state that people see on ``as_of``."""
    if status == "running":
        return running_state(deadline, near_on, as_of)
    if status == "paid":
        return "paid_late" if late else "paid_on_time"
    if status == "denied":
        return "denied_late" if late else "denied_on_time"
    return "contested" if status == "contested" else "withdrawn"


class _Fold:
    """The claim's state while its entries are taken, oldest first."""

    def __init__(self, period: Period, terms: PayerTerms, amount_cents: int | None) -> None:
        self.period, self.terms = period, terms
        self.amount = None if amount_cents is None else max(0, amount_cents)
        self.money = Money(self.amount)
        self.deadline, self.near_on = period.deadline, period.near_dates[0]
        self.contract_from: date | None = period.arrival_date
        self.suspended = False
        self.contested_on: date | None = None
        self.contest_in_time: bool | None = None
        self.information_on: date | None = None
        self.after_information: date | None = None
        self.denied_on: date | None = None
        self.denied_late = self.denial_stands = False
        self.withdrawn_on: date | None = None
        self.settled_on: date | None = None
        self.reopened: tuple[date, date] | None = None
        self.interest: list[tuple[date, int]] = []

    def take(self, entry: Entry) -> None:
        getattr(self, "_" + entry.kind)(entry)
        if entry.interest_cents:
            sign = -1 if entry.kind == "payment_reversed" else 1
            self.interest.append((entry.date, sign * entry.interest_cents))
        if not self._is_settled():
            if self.settled_on is not None:
                self.reopened = (self.settled_on, entry.date)
            self.settled_on = None
        elif self.settled_on is None:
            # Taken back and paid again on one day, as remittances correct themselves: it stayed paid.
            stayed = entry.kind == "paid" and self.reopened is not None and self.reopened[1] == entry.date
            self.settled_on = self.reopened[0] if stayed and self.reopened else entry.date

    def _paid(self, entry: Entry) -> None:
        if entry.amount_cents == 0 and entry.interest_cents:
            return
        money = self.money
        amount = entry.amount_cents if entry.amount_cents is not None else money.outstanding or money.denied
        money.pay(amount, entry.date, entry.line, None if self.suspended else self.deadline)
        self.denial_stands = self.denial_stands and money.denied > 0

    def _denied(self, entry: Entry) -> None:
        late = not self.suspended and entry.date > self.deadline
        self.money.deny(entry.amount_cents, entry.line, late=late)
        self.denial_stands = not self.amount or self.money.denied > 0
        self.denied_on = entry.date
        self.denied_late = self.denied_late or late

    def _contested(self, entry: Entry) -> None:
        if self.suspended or self._is_settled():
            return
        self.contested_on, self.contest_in_time = entry.date, entry.date <= self.deadline
        if self.contest_in_time:
            self.suspended, self.contract_from = True, None
            self.information_on = self.after_information = None

    def _information_received(self, entry: Entry) -> None:
        if self._is_settled() or self.contested_on is None:
            return
        self.information_on = entry.date
        if not self.suspended:
            return  # The contest came too late and stopped nothing, so nothing starts again.
        period = self.period
        self.suspended, self.contract_from = False, entry.date
        self.deadline = self.after_information = end_of_period(period.standard, entry.date, period.days)
        self.near_on = near_dates(period.standard, entry.date, period.days, self.terms)[0]

    def _payment_reversed(self, entry: Entry) -> None:
        self.money.reverse(entry.amount_cents, entry.date, entry.line)

    def _withdrawn(self, entry: Entry) -> None:
        # It stays, also where the claim was settled before: a plan that then takes its payment back owes nothing.
        self.withdrawn_on = self.withdrawn_on or entry.date

    def _is_settled(self) -> bool:
        if self.withdrawn_on is not None:
            return True
        if not self.amount:  # unknown or nothing: whatever is said first settles it
            return bool(self.money.payments) or self.denial_stands
        return self.money.outstanding == 0

    def outcome(self) -> Outcome:
        settled, money = self._is_settled(), self.money
        status: Status = "contested" if self.suspended else "running"
        late = False
        if settled:
            late_payment = any(payment.days_late > 0 for payment in money.payments)
            late = late_payment or (self.denied_late and self.denial_stands)
            status = "paid" if money.payments else "denied"
            answered = bool(money.payments) or self.denial_stands
            if self.withdrawn_on is not None and (money.outstanding > 0 or not answered):
                status, late = "withdrawn", False
        return Outcome(
            period=self.period,
            amount_cents=self.amount,
            status=status,
            late=late,
            deadline=self.deadline,
            near_on=self.near_on,
            contract_from=self.contract_from,
            contested_on=self.contested_on,
            contest_in_time=self.contest_in_time,
            information_on=self.information_on,
            deadline_after_information=self.after_information,
            paid_on=money.payments[-1].date if money.payments else None,
            denied_on=self.denied_on,
            withdrawn_on=self.withdrawn_on,
            settled_on=self.settled_on,
            paid_cents=money.paid,
            denied_cents=money.denied,
            outstanding_cents=None if self.amount is None else money.outstanding,
            held_cent_days=0 if self.suspended else money.held_cent_days(self.deadline),
            payments=tuple(money.payments),
            denied_portions=money.denied_portions,
            interest_paid_entries=tuple(self.interest),
        )
