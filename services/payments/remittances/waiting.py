"""Payments that wait: for their claim, for their day, or for a person to say which claim is meant."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection, select, tuple_

from services.payments.log import audit_log
from services.payments.log.told import RECEIPT
from services.payments.models import CLOCKS, REMITTANCE_ITEMS, REMITTANCE_NAMES, REMITTANCES, TIMELINESS_LOG
from services.payments.remittances.item import Item
from services.payments.remittances.post import HASHED, item_row
from services.payments.remittances.settle import Pending, Settled, settle
from shared.among import among
from shared.calendar import pacific_date
from shared.database import update_rows
from shared.parts import Parts
from shared.worker import Step

_PAGE = 500
_IDLE_SECONDS = 2.0

decode_item = msgspec.json.Decoder(Item).decode


class _Summary(msgspec.Struct):
    payers: tuple[str, ...] | None = None


_decode_payers = msgspec.json.Decoder(_Summary).decode


def settle_stored(connection: Connection, pending: Sequence[Pending], parts: Parts) -> list[Settled]:
    """Settle items that are kept already, and note what became of them, in the caller's transaction."""
    now = parts.now()
    settled = settle(connection, pending, parts.payers, now)
    rows = [
        {"remittance_id": each.remittance_id, **item_row(found, now)}
        for each, found in zip(pending, settled, strict=True)
    ]
    update_rows(connection, REMITTANCE_ITEMS, ("remittance_id", "ordinal"), rows)
    return settled


def remittances_step(parts: Parts) -> Step:
    """The worker's step."""
    return Step("remittances", PostWhatWaited(parts).run_once, idle_seconds=_IDLE_SECONDS)


class PostWhatWaited:
    """Posts payments whose claim, or whose day, has come since. One step of the worker."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._seen = -1
        self._day: date | None = None

    def run_once(self) -> int:
        """How many were posted."""
        parts = self._parts
        today = pacific_date(parts.now())
        with parts.database.read() as connection:
            head = audit_log.read_head(connection).sequence
            if head == self._seen and today == self._day:
                return 0
            come = None if self._seen < 0 else _claims_since(connection, self._seen)
        posted = 0
        if come is None or come:
            posted += self._pass("unmatched", come)
        if today != self._day:
            posted += self._pass("waiting", None)
        self._seen, self._day = head, today
        return posted

    def _pass(self, status: str, come: set[str] | None) -> int:
        posted, after = 0, ("", 0)
        while True:
            with self._parts.database.read() as connection:
                page = _stored(connection, status, after, come)
            if not page:
                return posted
            after = (page[-1].remittance_id, page[-1].item.ordinal)
            posted += self._post(status, page)

    def _post(self, status: str, pending: Sequence[Pending]) -> int:
        with self._parts.database.begin() as connection:
            audit_log.lock(connection)
            settled = settle_stored(connection, _still(connection, pending, status), self._parts)
        return sum(each.status == "matched" for each in settled)


def _claims_since(connection: Connection, sequence: int) -> set[str]:
    """By what a payment may name the claims that came after this entry of the log."""
    log, c = TIMELINESS_LOG.c, CLOCKS.c
    statement = (
        select(c.claim_id, c.claim_number, c.member_key)
        .select_from(TIMELINESS_LOG.join(CLOCKS, c.claim_id == log.claim_id))
        .where(log.sequence > sequence, log.event == RECEIPT)
    )
    return {name for row in connection.execute(statement) for name in row if name}


def _stored(
    connection: Connection, status: str, after: tuple[str, int], names: set[str] | None
) -> list[Pending]:
    """A page of the items, of those with ``names`` where these are given."""
    i, n = REMITTANCE_ITEMS.c, REMITTANCE_NAMES.c
    later = (i.remittance_id > after[0]) | ((i.remittance_id == after[0]) & (i.ordinal > after[1]))
    statement = (
        select(i.remittance_id, i.document)
        .where(i.status == status, later)
        .order_by(i.remittance_id, i.ordinal)
        .limit(_PAGE)
    )
    if names is not None:
        named = select(n.remittance_id, n.ordinal).where(among(connection, n.name, names))
        statement = statement.where(tuple_(i.remittance_id, i.ordinal).in_(named))
    return pending_of(connection, connection.execute(statement).all())


def pending_of(connection: Connection, rows: Sequence[Any]) -> list[Pending]:
    """Items as kept (``remittance_id``, ``document``), with the rights of whoever sent them."""
    senders = _senders(connection, {row.remittance_id for row in rows})
    return [
        Pending(row.remittance_id, decode_item(row.document), *senders[row.remittance_id]) for row in rows
    ]


def _senders(connection: Connection, ids: Iterable[str]) -> Mapping[str, tuple[str, tuple[str, ...] | None]]:
    r = REMITTANCES.c
    found: dict[str, tuple[str, tuple[str, ...] | None]] = {}
    hashed = []
    statement = select(r.remittance_id, r.recorded_by, r.scope).where(among(connection, r.remittance_id, ids))
    for remittance_id, by, scope in connection.execute(statement):
        found[remittance_id] = by, tuple(scope.split("\n")) if scope else None
        if scope.startswith(HASHED):
            hashed.append(remittance_id)
    if hashed:
        # A summary may be long, so it is read only where the payers did not fit into their column.
        long = select(r.remittance_id, r.summary).where(among(connection, r.remittance_id, hashed))
        for remittance_id, summary in connection.execute(long):
            found[remittance_id] = found[remittance_id][0], _decode_payers(summary).payers
    return found


def _still(connection: Connection, pending: Sequence[Pending], status: str) -> list[Pending]:
    """Those that nobody else has posted meanwhile."""
    i = REMITTANCE_ITEMS.c
    ids, ordinals = {each.remittance_id for each in pending}, {each.item.ordinal for each in pending}
    statement = select(i.remittance_id, i.ordinal).where(
        i.status == status,
        among(connection, i.remittance_id, ids),
        among(connection, i.ordinal, ordinals),
    )
    open_ = {(row.remittance_id, row.ordinal) for row in connection.execute(statement)}
    return [each for each in pending if (each.remittance_id, each.item.ordinal) in open_]
