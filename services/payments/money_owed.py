"""The money of one claim in portions: what is open, denied and paid, and for how long it was missed.

A payment takes portions from what is open, and after that from what was denied; a reversal gives them back,
with the days on which the provider had the money. So a payment that is taken back and made again on the same
day, as remittances correct themselves, is no late payment, and one made again a month later is late by that
month only. Whole cents; dates are California's.
"""

from datetime import date

from msgspec import Struct
from msgspec.structs import replace

Held = tuple[tuple[date, date], ...]
"""The spans in which the provider had the money: paid on, taken back on."""


class Portion(Struct, frozen=True):
    """Cents that share one history. ``line``: the service line they were last paid or denied for.

    ``denied_late``: they were last denied after the deadline.
    """

    cents: int
    line: int | None = None
    held: Held = ()
    denied_late: bool = False


class Payment(Struct, frozen=True):
    """Cents that were paid and not taken back, and how late. ``line``: where the plan paid by service line."""

    date: date
    cents: int
    days_late: int = 0
    line: int | None = None
    held: Held = ()


class Money:
    """The portions of a claim of ``amount`` cents. ``None``: the amount is not known, and nothing is open."""

    def __init__(self, amount: int | None) -> None:
        self._amount = amount or 0
        self._open = [Portion(amount)] if amount else []
        self._denied: list[Portion] = []
        self.payments: list[Payment] = []

    @property
    def outstanding(self) -> int:
        return _sum(self._open)

    @property
    def denied(self) -> int:
        return _sum(self._denied)

    @property
    def paid(self) -> int:
        return sum(payment.cents for payment in self.payments)

    @property
    def denied_portions(self) -> tuple[Portion, ...]:
        return tuple(self._denied)

    def pay(self, cents: int, day: date, line: int | None, deadline: date | None) -> None:
        """Pay ``cents``, measured from ``deadline`` (``None``: no clock runs, so nothing is late)."""
        taken = _take(self._open, cents, line)
        # What was denied comes after what is open, and is measured from the deadline: 28 CCR 1300.71.38(g).
        taken += _take(self._denied, cents - _sum(taken), line)
        rest = cents - _sum(taken)
        if rest or not taken:
            taken.append(Portion(rest))
        self.payments += [
            Payment(day, portion.cents, days_late(day, portion.held, deadline), line, portion.held)
            for portion in taken
        ]

    def deny(self, cents: int | None, line: int | None, *, late: bool) -> None:
        """Deny ``cents`` of what is open; ``None``: all of it."""
        wanted = self.outstanding if cents is None else cents
        taken = _take(self._open, wanted, line)
        self._denied += [replace(portion, line=line, denied_late=late) for portion in taken]

    def reverse(self, cents: int | None, day: date, line: int | None) -> None:
        """Take payments back, the latest first, those of ``line`` before others; ``None``: all of them."""
        paid = self.paid
        left = paid if cents is None else cents
        kept: dict[int, Payment] = {}
        for place in sorted(range(len(self.payments)), key=lambda place: self._rank(place, line)):
            payment = self.payments[place]
            back = min(left, payment.cents)
            left -= back
            paid -= back
            if payment.cents > back or (back == 0 and cents is not None):
                kept[place] = replace(payment, cents=payment.cents - back)
            held = (*payment.held, (payment.date, day)) if day > payment.date else payment.held
            # Never more than the claim is for, also where too much had been paid.
            owed = min(back, self._amount - paid - self.denied - self.outstanding)
            if owed > 0:
                self._open.append(Portion(owed, payment.line, held))
        self.payments = [kept[place] for place in sorted(kept)]

    def held_cent_days(self, deadline: date) -> int:
        """Cents that are open times days after ``deadline`` on which the provider had them."""
        return sum(portion.cents * _days_held(portion.held, deadline) for portion in self._open)

    def _rank(self, place: int, line: int | None) -> tuple[bool, int]:
        return line is not None and self.payments[place].line != line, -place


def days_late(day: date, held: Held, deadline: date | None) -> int:
    """Calendar days from ``deadline`` to ``day`` on which the provider was without the money."""
    if deadline is None:
        return 0
    return max(0, (day - deadline).days - _days_held(held, deadline))


def _days_held(held: Held, deadline: date) -> int:
    return sum(max(0, (back - max(paid, deadline)).days) for paid, back in held)


def _sum(portions: list[Portion]) -> int:
    return sum(portion.cents for portion in portions)


def _take(pool: list[Portion], cents: int, line: int | None) -> list[Portion]:
    """Take ``cents`` out of ``pool``: what belongs to ``line`` first, then to no line; the latest first."""

    def rank(place: int) -> tuple[int, int]:
        of = pool[place].line
        return (0 if of == line else 1 if of is None else 2), -place

    taken = []
    for place in sorted(range(len(pool)), key=rank):
        here = min(cents, pool[place].cents)
        if here > 0:
            taken.append(replace(pool[place], cents=here))
            pool[place] = replace(pool[place], cents=pool[place].cents - here)
            cents -= here
    pool[:] = [portion for portion in pool if portion.cents > 0]
    return taken
