"""The payment clock once more, slowly: one day after the other, every portion of money with its own counter.

Written from the rules and not from the product, to be compared with it. Holidays come from the `holidays`
package; money is summed in exact fractions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction

import holidays

DAY = timedelta(1)
NEW_LAW = date(2026, 1, 1)
FEDERAL = frozenset(holidays.country_holidays("US", observed=True, years=range(2023, 2031)))


def works(day: date) -> bool:
    return day.isoweekday() <= 5 and day not in FEDERAL


def half_up(exact: Fraction) -> int:
    return int((2 * exact + 1) // 2)


@dataclass(frozen=True)
class Facts:
    arrived: date
    amount: int
    hmo: bool = False
    same_day: bool = False

    @property
    def received(self) -> date:
        day = self.arrived
        while not self.same_day and not works(day):
            day += DAY
        return day

    def period_from(self, start: date) -> date:
        if self.arrived >= NEW_LAW:
            return start + 30 * DAY
        left, day = (45 if self.hmo else 30), start
        while left:
            day += DAY
            left -= works(day)
        return day


@dataclass(frozen=True)
class Told:
    """An event as it was recorded."""

    id: str
    kind: str
    on: date
    amount: int | None = None
    interest: int = 0
    line: int | None = None
    corrects: str | None = None


@dataclass
class Share:
    """Some cents with one fate. ``late`` counts the days after the deadline without the money."""

    cents: int
    late: int = 0
    line: int | None = None
    paid_on: date | None = None


@dataclass
class Slow:
    facts: Facts
    deadline: date = date.max
    waiting: bool = False
    open: list[Share] = field(default_factory=list)
    denied: list[Share] = field(default_factory=list)
    paid: list[Share] = field(default_factory=list)
    contested: date | None = None
    contest_in_time: bool | None = None
    information: date | None = None
    denied_late: bool = False
    settled_on: date | None = None
    left: tuple[date, date] | None = None
    interest: list[tuple[date, int]] = field(default_factory=list)

    @property
    def outstanding(self) -> int:
        return sum(share.cents for share in self.open)

    @property
    def state(self) -> str:
        if not self.open:
            late = any(share.late for share in self.paid) or (self.denied_late and bool(self.denied))
            return ("paid" if self.paid else "denied") + ("_late" if late else "_on_time")
        return "contested" if self.waiting else "running"

    def earned(self, until: date = date.max) -> int:
        return self._interest(share for share in self.paid if share.paid_on and share.paid_on <= until)

    def earned_and_running(self) -> int:
        """As if what is open were paid today, for the whole claim."""
        still_open = self.open if self.state == "running" else []
        return self._interest([*self.paid, *(replace(share, line=None) for share in still_open)])

    def _interest(self, shares: Iterable[Share]) -> int:
        lines: dict[int | None, Fraction] = {}
        for share in shares:
            if share.late:
                more = Fraction(share.cents * share.late * 15, 36500)
                lines[share.line] = lines.get(share.line, Fraction(0)) + more
        return sum(half_up(total) for total in lines.values())

    def fee(self, as_of: date) -> int:
        fee = 0
        for day in sorted({share.paid_on for share in self.paid if share.late and share.paid_on}):
            earned, last = self.earned(day), day
            if 0 < earned < 200:
                while (last + DAY).day != 1:
                    last += DAY
                last += 10 * DAY
            else:
                left = 5
                while left:
                    last += DAY
                    left -= works(last)
            if as_of > last and sum(cents for on, cents in self.interest if on <= last) < earned:
                tenth = half_up(Fraction(earned, 10))
                fee = 1000 if self.facts.arrived < NEW_LAW else max(1500, tenth)
                fee = fee if earned else 0
        return max(0, fee - max(0, sum(cents for _, cents in self.interest) - self.earned()))


def what_counts(told: list[Told]) -> list[Told]:
    """Each first event, or what came to stand in its place."""
    found = []
    for first in told:
        if first.corrects:
            continue
        last = first
        while True:
            later = [each for each in told if each.corrects == last.id]
            if not later:
                break
            [last] = later
        if last.kind != "cancelled":
            found.append(last)
    return found


def simulate(facts: Facts, told: list[Told], as_of: date) -> Slow:
    """The claim at the end of ``as_of``, from the day of its arrival on."""
    slow = Slow(facts, facts.period_from(facts.received), open=[Share(facts.amount)])
    events: dict[date, list[Told]] = {}
    for event in what_counts(told):
        events.setdefault(event.on, []).append(event)
    day = facts.arrived
    while day <= as_of:
        if day > slow.deadline and not slow.waiting:
            for share in (*slow.open, *slow.denied):
                share.late += 1
        for event in events.get(day, ()):
            happen(slow, event)
        day += DAY
    return slow


def happen(slow: Slow, event: Told) -> None:
    if event.kind == "paid" and not (event.amount == 0 and event.interest):
        amount = event.amount if event.amount is not None else slow.outstanding
        taken = move(slow.open, amount, event.line)
        taken += move(slow.denied, amount - sum(share.cents for share in taken), event.line)
        for share in taken:
            share.line, share.paid_on = event.line, event.on
            if slow.waiting:
                share.late = 0
        # Recorded later but dated earlier than another payment, it may for some days have been too much.
        over = amount - sum(share.cents for share in taken)
        if over:
            late = 0 if slow.waiting else max(0, (event.on - slow.deadline).days)
            taken.append(Share(over, late, event.line, event.on))
        slow.paid += taken
    elif event.kind == "denied":
        amount = event.amount if event.amount is not None else slow.outstanding
        slow.denied_late = slow.denied_late or (event.on > slow.deadline and not slow.waiting)
        taken = move(slow.open, amount, event.line)
        for share in taken:
            share.line = event.line
        slow.denied += taken
    elif event.kind == "payment_reversed":
        amount = event.amount if event.amount is not None else sum(share.cents for share in slow.paid)
        back: list[Share] = []
        wanted = [share for share in slow.paid if event.line is None or share.line == event.line]
        others = [share for share in slow.paid if share not in wanted]
        for share in [*reversed(wanted), *reversed(others)]:
            here = min(amount, share.cents)
            amount -= here
            share.cents -= here
            kept = sum(each.cents for each in (*slow.paid, *slow.denied, *slow.open, *back))
            owed = min(here, slow.facts.amount - kept)
            if owed > 0:
                back.append(Share(owed, share.late, share.line))
        slow.paid = [share for share in slow.paid if share.cents]
        slow.open += back
    elif event.kind == "contested":
        if not slow.waiting and slow.open:
            slow.contested, slow.contest_in_time = event.on, event.on <= slow.deadline
            if slow.contest_in_time:
                slow.waiting, slow.information = True, None
    elif event.kind == "information_received" and slow.open and slow.contested:
        slow.information = event.on
        if slow.waiting:
            slow.waiting, slow.deadline = False, slow.facts.period_from(event.on)
    if event.interest:
        slow.interest.append(
            (event.on, -event.interest if event.kind == "payment_reversed" else event.interest)
        )
    settle(slow, event)


def settle(slow: Slow, event: Told) -> None:
    if slow.open:
        if slow.settled_on:
            slow.left = (slow.settled_on, event.on)
        slow.settled_on = None
    elif slow.settled_on is None:
        same_day = event.kind == "paid" and slow.left is not None and slow.left[1] == event.on
        slow.settled_on = slow.left[0] if same_day and slow.left else event.on


def move(pool: list[Share], cents: int, line: int | None) -> list[Share]:
    """Cents out of the pool: of this line, then of none, then of others; what came last goes first."""
    order = (
        [share for share in reversed(pool) if share.line == line],
        [share for share in reversed(pool) if share.line != line and share.line is None],
        [share for share in reversed(pool) if share.line != line and share.line is not None],
    )
    taken = []
    for share in (each for some in order for each in some):
        here = min(cents, share.cents)
        if here > 0:
            taken.append(Share(here, share.late, share.line))
            share.cents -= here
            cents -= here
    pool[:] = [share for share in pool if share.cents]
    return taken
