"""The prompt-pay clocks of one claim: dates and events in, deadlines and outcome out.

Nothing here reads the wall clock. What happened to a claim folds into an :class:`Outcome` that does not
depend on today; only ``open``, ``near`` and ``overdue`` do, and they are told apart when somebody asks.

Sources: Health and Safety Code 1371 before and since AB 3275 (Stats. 2024 ch. 763); 28 CCR 1300.71;
42 CFR 447.45(d). All dates are California's; the day of receipt is day 0.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from shared.calendar import add_working_days, next_working_day
from shared.payers import PayerTerms
from shared.prompt_pay import (
    Standard,
    deadline_of,
    end_of_period,
    interest_on_cent_days,
    receipt_date_of,
    running_state,
    standard_of,
)

Status = Literal["running", "contested", "paid", "denied", "withdrawn"]
State = Literal[
    "open",
    "near",
    "overdue",
    "contested",
    "paid_on_time",
    "paid_late",
    "denied_on_time",
    "denied_late",
    "withdrawn",
]
Kind = Literal["paid", "denied", "contested", "information_received", "payment_reversed", "withdrawn"]

ACKNOWLEDGE_WORKING_DAYS = 2
_NEAR_PERIOD_DAYS = 30


class Entry(Struct, frozen=True, omit_defaults=True):
    """One thing that happened to a claim. ``amount_cents`` absent: all that was still open (or, reversed,
    paid).

    ``withdrawn`` is the provider's own void or replacement of the claim.
    """

    kind: Kind
    date: date
    amount_cents: int | None = None
    interest_cents: int = 0


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


class Outcome(Struct, frozen=True):
    """A claim's clock after everything that was recorded for it.

    ``deadline`` and ``near_on`` are those that run now (the new ones once information arrived).
    ``contract_from`` is the day 0 of the contract clocks, ``None`` while the claim waits for information.
    ``cent_days_late`` sums cents times days late over all payments. ``late`` speaks of what settled the
    claim, once ``settled_on``.
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
    days_late: int = 0
    cent_days_late: int = 0
    last_late_payment_on: date | None = None
    interest_paid_cents: int = 0
    interest_paid_entries: tuple[tuple[date, int], ...] = ()

    @property
    def interest_cents(self) -> int:
        """Interest that the payments made so far have earned, in cents."""
        return interest_on_cent_days(self.cent_days_late)

    @property
    def payable_cents(self) -> int | None:
        """The most that a further payment can be, in cents: what is open and what was denied."""
        return None if self.outstanding_cents is None else self.outstanding_cents + self.denied_cents


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
        near_dates=_near_dates(standard, arrival_date, days, terms),
        contract_30=arrival_date + timedelta(days=30),
        contract_90=arrival_date + timedelta(days=90),
        contract_90_near_dates=tuple(arrival_date + timedelta(days=day) for day in terms.near_days_90),
        acknowledgement_due=acknowledgement_due(arrival_date),
    )


@lru_cache(maxsize=4096)
def acknowledgement_due(arrival_date: date) -> date:
    """The last day to acknowledge an electronic claim: two working days on (28 CCR 1300.71)."""
    return add_working_days(next_working_day(arrival_date), ACKNOWLEDGE_WORKING_DAYS)


@lru_cache(maxsize=4096)
def opening(arrival_date: date, terms: PayerTerms) -> Outcome:
    """The clock of a clean claim of unknown amount to which nothing has happened yet."""
    return run(period_of(arrival_date, terms), terms, None, ())


def run(period: Period, terms: PayerTerms, amount_cents: int | None, entries: Iterable[Entry]) -> Outcome:
    """What ``entries`` make of the clock: taken by date, and as recorded within a day."""
    fold = _Fold(period, terms, amount_cents)
    for entry in sorted(entries, key=lambda entry: entry.date):
        fold.take(entry)
    return fold.outcome()


def state_of(status: str, late: bool, deadline: date, near_on: date, as_of: date) -> State:
    """The state that people see on ``as_of``."""
    if status == "running":
        return running_state(deadline, near_on, as_of)
    if status == "paid":
        return "paid_late" if late else "paid_on_time"
    if status == "denied":
        return "denied_late" if late else "denied_on_time"
    return "contested" if status == "contested" else "withdrawn"


def _near_dates(standard: Standard, start: date, days: int, terms: PayerTerms) -> tuple[date, ...]:
    # near_days speak of a period of 30; a longer one warns as many days before its end.
    return tuple(end_of_period(standard, start, days - _NEAR_PERIOD_DAYS + day) for day in terms.near_days)


class _Fold:
    """The claim's state while its entries are taken, oldest first."""

    def __init__(self, period: Period, terms: PayerTerms, amount_cents: int | None) -> None:
        self.period, self.terms = period, terms
        self.amount = None if amount_cents is None else max(0, amount_cents)
        self.deadline, self.near_on = period.deadline, period.near_dates[0]
        self.contract_from: date | None = period.arrival_date
        self.suspended = False
        self.contested_on: date | None = None
        self.contest_in_time: bool | None = None
        self.information_on: date | None = None
        self.after_information: date | None = None
        self.payments: list[tuple[date, int, int]] = []
        self.denied = 0
        self.denied_on: date | None = None
        self.denied_late = self.denial_stands = False
        self.withdrawn_on: date | None = None
        self.settled_on: date | None = None
        self.interest: list[tuple[date, int]] = []

    def take(self, entry: Entry) -> None:
        getattr(self, "_" + entry.kind)(entry)
        if entry.interest_cents:
            sign = -1 if entry.kind == "payment_reversed" else 1
            self.interest.append((entry.date, sign * entry.interest_cents))
        if not self._is_settled():
            self.settled_on = None
        elif self.settled_on is None:
            self.settled_on = entry.date

    def _paid(self, entry: Entry) -> None:
        if entry.amount_cents == 0 and entry.interest_cents:
            return
        outstanding = self._outstanding()
        amount = entry.amount_cents if entry.amount_cents is not None else outstanding or self.denied
        # A payment of what was denied is measured from the deadline: 28 CCR 1300.71.38(g).
        self.denied = max(0, self.denied - max(0, amount - outstanding))
        self.denial_stands = self.denial_stands and self.denied > 0
        self.payments.append((entry.date, amount, self._days_late(entry.date)))

    def _denied(self, entry: Entry) -> None:
        outstanding = self._outstanding()
        self.denied += outstanding if entry.amount_cents is None else min(entry.amount_cents, outstanding)
        self.denial_stands = not self.amount or self.denied > 0
        self.denied_on = entry.date
        self.denied_late = self.denied_late or self._days_late(entry.date) > 0

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
        self.near_on = _near_dates(period.standard, entry.date, period.days, self.terms)[0]

    def _payment_reversed(self, entry: Entry) -> None:
        left = (
            sum(cents for _, cents, _ in self.payments) if entry.amount_cents is None else entry.amount_cents
        )
        while self.payments and (left > 0 or entry.amount_cents is None):
            day, cents, late = self.payments.pop()
            if cents > left:
                self.payments.append((day, cents - left, late))
            left -= min(left, cents)

    def _withdrawn(self, entry: Entry) -> None:
        if not self._is_settled():
            self.withdrawn_on = entry.date

    def _days_late(self, day: date) -> int:
        return 0 if self.suspended else max(0, (day - self.deadline).days)

    def _paid_cents(self) -> int:
        return sum(cents for _, cents, _ in self.payments)

    def _outstanding(self) -> int:
        return 0 if self.amount is None else max(0, self.amount - self._paid_cents() - self.denied)

    def _is_settled(self) -> bool:
        if self.withdrawn_on is not None:
            return True
        if not self.amount:  # unknown or nothing: whatever is said first settles it
            return bool(self.payments) or self.denial_stands
        return self._outstanding() == 0

    def outcome(self) -> Outcome:
        settled = self._is_settled()
        paid = self._paid_cents()
        late_payments = [payment for payment in self.payments if payment[2] > 0]
        status: Status = "contested" if self.suspended else "running"
        late = False
        if settled:
            late = bool(late_payments) or (self.denied_late and self.denial_stands)
            status = "paid" if self.payments else "denied"
            if self.withdrawn_on is not None and (self._outstanding() > 0 or not self.payments):
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
            paid_on=self.payments[-1][0] if self.payments else None,
            denied_on=self.denied_on,
            withdrawn_on=self.withdrawn_on,
            settled_on=self.settled_on,
            paid_cents=paid,
            denied_cents=self.denied,
            outstanding_cents=None if self.amount is None else self._outstanding(),
            days_late=max((days for _, _, days in late_payments), default=0),
            cent_days_late=sum(cents * days for _, cents, days in late_payments),
            last_late_payment_on=late_payments[-1][0] if late_payments else None,
            interest_paid_cents=sum(cents for _, cents in self.interest),
            interest_paid_entries=tuple(self.interest),
        )
