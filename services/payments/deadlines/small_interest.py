"""Interest under 2 dollars, which may be paid in one sum a month: which claims, whose, how much.

DMHC guidance lets a plan gather interest of less than 2 dollars on a late claim and pay it within 10 calendar days of
the end of the month, with a list of the claims. A claim stands in the month of its last late payment, as its clock
says (``interest_may_wait_for_month``). Money in cents; days are California's.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, Row, and_, exists, select

from services.payments.clock import Outcome
from services.payments.clock_document import interest_payable_by
from services.payments.models import CLOCKS, PAYMENT_ENTRIES
from services.payments.projection import entries_of, fold_row
from services.payments.queries import Scope
from shared.prompt_pay import SMALL_INTEREST_BELOW_CENTS, is_small

AUTHORITY = "Health and Safety Code 1371; DMHC guidance on interest under 2 dollars"

_CHUNK = 1000
_SMALL_CENTS = 1
"""Any interest that :func:`is_small` calls small is small at one cent, so this gives the day of all of them."""


class Month(NamedTuple):
    """A calendar month. ``last`` is included."""

    first: date
    last: date

    @classmethod
    def of(cls, day: date) -> "Month":
        """The month that ``day`` lies in."""
        first = day.replace(day=1)
        return cls(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))

    @property
    def name(self) -> str:
        """``2026-05``."""
        return f"{self.first:%Y-%m}"

    @property
    def payable_by(self) -> date:
        """The last day for the sum of this month."""
        return interest_payable_by(_SMALL_CENTS, self.last)


class Item(Struct, frozen=True):
    """One claim. ``paid_late_cents`` is what was paid after the deadline, ``days_late`` the most of its payments."""

    claim_id: str
    claim: str
    payer_id: str
    provider_npi: str
    received: date
    deadline: date
    paid: date
    paid_late_cents: int
    days_late: int
    interest_cents: int
    interest_paid_cents: int
    interest_due_cents: int


class Sum(Struct, frozen=True):
    """What one payer owes one provider for the month; the total of all names neither."""

    payer_id: str
    provider_npi: str
    claims: int
    interest_cents: int
    interest_paid_cents: int
    interest_due_cents: int


class SmallInterest(Struct, frozen=True):
    """The list of a month. ``items`` by payer, provider and claim; ``providers`` in the same order."""

    month: str
    payable_by: date
    items: tuple[Item, ...]
    providers: tuple[Sum, ...]
    total: Sum
    authority: str = AUTHORITY


def item_of(claim: Mapping[str, Any], outcome: Outcome, month: Month) -> Item | None:
    """The claim (columns of ``clocks``) as it stands in the month's list, or ``None`` where it does not."""
    last = outcome.last_late_payment_on
    if last is None or not month.first <= last <= month.last or not is_small(outcome.interest_cents):
        return None
    return Item(
        claim_id=claim["claim_id"],
        claim=claim["claim_number"],
        payer_id=claim["payer_id"],
        provider_npi=claim["provider_npi"],
        received=claim["arrival_date"],
        deadline=outcome.deadline,
        paid=last,
        paid_late_cents=sum(payment.cents for payment in outcome.late_payments),
        days_late=outcome.days_late,
        interest_cents=outcome.interest_cents,
        interest_paid_cents=outcome.interest_paid_cents,
        interest_due_cents=max(0, outcome.interest_cents - outcome.interest_paid_cents),
    )


def listed(items: Iterable[Item], month: Month) -> SmallInterest:
    """The items in order, with their sums by payer and provider and over all."""
    ordered = sorted(items, key=lambda item: (item.payer_id, item.provider_npi, item.claim_id))
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in ordered:
        groups.setdefault((item.payer_id, item.provider_npi), []).append(item)
    return SmallInterest(
        month=month.name,
        payable_by=month.payable_by,
        items=tuple(ordered),
        providers=tuple(_sum(payer_id, npi, group) for (payer_id, npi), group in groups.items()),
        total=_sum("", "", ordered),
    )


def _sum(payer_id: str, provider_npi: str, items: Iterable[Item]) -> Sum:
    together = list(items)
    return Sum(
        payer_id=payer_id,
        provider_npi=provider_npi,
        claims=len(together),
        interest_cents=sum(item.interest_cents for item in together),
        interest_paid_cents=sum(item.interest_paid_cents for item in together),
        interest_due_cents=sum(item.interest_due_cents for item in together),
    )


def small_interest(connection: Connection, scope: Scope, month: Month) -> SmallInterest:
    """The month's list of the claims of ``scope``."""
    return listed(_items(connection, scope, month), month)


def _items(connection: Connection, scope: Scope, month: Month) -> Iterator[Item]:
    c, e = CLOCKS.c, PAYMENT_ENTRIES.c
    # A payment of the month, corrected or not: which of them count, and how late, only the clock's fold says.
    paid = exists().where(e.claim_id == c.claim_id, e.kind == "paid", e.date.between(month.first, month.last))
    small = and_(c.interest_cents > 0, c.interest_cents < SMALL_INTEREST_BELOW_CENTS)
    after = ""
    while True:
        statement = (
            select(CLOCKS)
            .where(small, c.arrival_date <= month.last, c.claim_id > after, c.status != "none", paid)
            .where(*scope.conditions())
            .order_by(c.claim_id)
            .limit(_CHUNK)
        )
        rows = connection.execute(statement).all()
        yield from _of_rows(connection, rows, scope, month)
        if len(rows) < _CHUNK:
            return
        after = rows[-1].claim_id


def _of_rows(connection: Connection, rows: Iterable[Row[Any]], scope: Scope, month: Month) -> Iterator[Item]:
    chunk = list(rows)
    entries = entries_of(connection, [row.claim_id for row in chunk])
    for row in chunk:
        claim = {**row._mapping, "payer_id": scope.payer(row.payer_id)}
        item = item_of(claim, fold_row(row, entries.get(row.claim_id, ())), month)
        if item is not None:
            yield item
