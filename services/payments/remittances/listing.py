"""What the API and the pages show of remittances, limited to those of the caller's payers."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, func, select

from services.payments.models import REMITTANCE_ITEMS, REMITTANCES
from services.payments.remittances.post import OPEN_STATUSES, STATUSES, entry_of, scope_text
from services.payments.remittances.settle import Settled
from services.payments.remittances.waiting import decode_item
from shared.among import among
from shared.events import utc_text

_ID = re.compile(r"rem_[0-9a-f]{32}")


def visible(payers: Sequence[str] | None) -> list[ColumnElement[bool]]:
    """The condition for the remittances of whoever may pay the claims of ``payers`` (``None``: all)."""
    return [] if payers is None else [REMITTANCES.c.scope == scope_text(tuple(payers))]


def remittances(
    connection: Connection, payers: Sequence[str] | None, *, before: str | None, limit: int
) -> list[dict[str, Any]]:
    """Remittances, the newest first, each with how many of its claim payments have which status now."""
    r = REMITTANCES.c
    conditions = visible(payers)
    if before:
        conditions.append(r.remittance_id < before)
    statement = (
        select(r.remittance_id, r.file_name, r.recorded_at, r.balanced)
        .where(*conditions)
        .order_by(r.remittance_id.desc())
        .limit(limit)
    )
    rows = connection.execute(statement).all()
    counts = _counts(connection, [row.remittance_id for row in rows])
    return [
        {
            "remittance_id": row.remittance_id,
            "file_name": row.file_name,
            "recorded_at": utc_text(row.recorded_at),
            "balanced": row.balanced,
            "counts": counts[row.remittance_id],
        }
        for row in rows
    ]


def _counts(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    i = REMITTANCE_ITEMS.c
    found = {remittance_id: dict.fromkeys(STATUSES, 0) for remittance_id in ids}
    statement = (
        select(i.remittance_id, i.status, func.count())
        .where(among(connection, i.remittance_id, ids))
        .group_by(i.remittance_id, i.status)
    )
    for remittance_id, status, count in connection.execute(statement):
        found[remittance_id][status] = count
    return found


def remittance(
    connection: Connection, payers: Sequence[str] | None, remittance_id: str, *, after: int, limit: int
) -> dict[str, Any] | None:
    """One remittance as it was answered, with its claim payments as they stand now; ``None`` where the caller sees
    no such one.
    """
    if not _ID.fullmatch(remittance_id):
        return None
    statement = select(REMITTANCES).where(REMITTANCES.c.remittance_id == remittance_id, *visible(payers))
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    summary: dict[str, Any] = msgspec.json.decode(row.summary)
    for name in ("matched", "waiting", "repeated", "unmatched", "refused", "will_be_refused", "payers"):
        summary.pop(name, None)
    i = REMITTANCE_ITEMS.c
    items = (
        select(REMITTANCE_ITEMS)
        .where(i.remittance_id == remittance_id, i.ordinal > after)
        .order_by(i.ordinal)
        .limit(limit)
    )
    return {
        **summary,
        "counts": _counts(connection, [remittance_id])[remittance_id],
        "items": [item_entry(each) for each in connection.execute(items)],
    }


def unmatched(
    connection: Connection, payers: Sequence[str] | None, *, after: tuple[str, int] | None, limit: int
) -> list[dict[str, Any]]:
    """The claim payments that a person has to look at, the oldest first."""
    i = REMITTANCE_ITEMS.c
    conditions = [i.status.in_(OPEN_STATUSES), *visible(payers)]
    if after:
        conditions.append(
            (i.remittance_id > after[0]) | ((i.remittance_id == after[0]) & (i.ordinal > after[1]))
        )
    statement = (
        select(REMITTANCE_ITEMS)
        .select_from(REMITTANCE_ITEMS.join(REMITTANCES, REMITTANCES.c.remittance_id == i.remittance_id))
        .where(*conditions)
        .order_by(i.remittance_id, i.ordinal)
        .limit(limit)
    )
    return [{"remittance_id": row.remittance_id, **item_entry(row)} for row in connection.execute(statement)]


def item_row(
    connection: Connection, payers: Sequence[str] | None, remittance_id: str, ordinal: int
) -> Row[Any] | None:
    """One claim payment as kept, or ``None`` where the caller sees no such one."""
    if not _ID.fullmatch(remittance_id):
        return None
    i = REMITTANCE_ITEMS.c
    statement = (
        select(REMITTANCE_ITEMS)
        .select_from(REMITTANCE_ITEMS.join(REMITTANCES, REMITTANCES.c.remittance_id == i.remittance_id))
        .where(i.remittance_id == remittance_id, i.ordinal == ordinal, *visible(payers))
    )
    return connection.execute(statement).one_or_none()


def item_entry(row: Row[Any]) -> dict[str, Any]:
    """A claim payment as the API lists it, from its row."""
    item = decode_item(row.document)
    if row.status != "closed":
        return entry_of(Settled(item, row.status, row.claim_id, row.matched_by))
    closed = {"closed_by": row.matched_by, "closed_at": utc_text(row.matched_at)}
    return entry_of(Settled(item, row.status)) | closed | {"closed_reason": item.closed_because}
