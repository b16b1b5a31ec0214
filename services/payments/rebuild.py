"""Making the clocks again from the record: where a row was damaged, or an update counts otherwise than it was counted.

What a claim's row says of receipt, verdict and outcome is made from the timeliness log and the payment entries. What
the log does not hold (claim number, lines, terms of the payer) has no second copy: where a row is gone, or its seal
does not fit, only a backup helps. Every row that is changed gets an entry in the log, ``clock.rebuilt``.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from services.payments.log import audit_log
from services.payments.log.audit_log import Happening
from services.payments.log.cross_check import of_record
from services.payments.log.on_record import Claim, Stored, differing, on_record, range_after
from services.payments.log.told import REBUILT
from services.payments.models import CLOCKS
from shared.database import Database, update_rows


class Repair(Struct, frozen=True):
    """A row of ``clocks`` that is not what the record makes of it. ``columns``: what is stored, and what is right;
    none where the row cannot be made again, and ``reason`` says why.
    """

    claim_id: str
    columns: dict[str, tuple[Any, Any]] = {}
    reason: str = ""


class Looked(Struct, frozen=True):
    """Some claims were looked at: how many, and what is to be repaired, or was."""

    claims: int
    repairs: tuple[Repair, ...]


def rebuild(database: Database, now: datetime, *, apply: bool) -> Iterator[Looked]:
    """Compare every clock with what the record makes of it, and, with ``apply``, write what differs.

    Some thousand claims at a time, each time in a transaction of its own, so that other writers have their turn.
    ``now`` is aware. Raises ``NotAnEntry`` where the log itself was changed, and ``sqlalchemy.exc.DBAPIError``; what
    was yielded until then stays.
    """
    after: str | None = ""
    while after is not None:
        with database.begin() if apply else database.read() as connection:
            if apply:
                audit_log.lock(connection)
            of, after = range_after(connection, after)
            claims = on_record(connection, of, proven=False)
            repairs = tuple(_repairs(claims))
            if apply:
                _write(connection, claims, repairs, now)
        yield Looked(len(claims), repairs)


def _repairs(claims: Mapping[str, Claim]) -> Iterator[Repair]:
    for claim_id, claim in claims.items():
        row, received = claim.row, claim.told.received
        if row is None and received is None:
            continue  # A payment that waits for its claim.
        if row is None:
            yield Repair(claim_id, reason="the clock is gone; take it from a backup")
            continue
        if received is None:
            yield Repair(claim_id, reason="the log does not know this clock")
            continue
        forged = min(of_record(claim_id, claim, received.sequence), default=None)
        if forged is not None:
            yield Repair(claim_id, reason=f"{forged.reason} Take it from a backup.")
            continue
        repair = _repair(claim_id, claim, row)
        if repair is not None:
            yield repair


def _repair(claim_id: str, claim: Claim, row: Stored) -> Repair | None:
    made: dict[str, Any] = {}
    try:
        for said in claim.told.of_clock():
            made |= said.columns
        made |= claim.outcome_made()
    except (ValueError, msgspec.DecodeError):
        return Repair(claim_id, reason="its terms of the payer cannot be read; take it from a backup")
    different = {name: (row[name], made[name]) for name in differing(row, made)}
    return Repair(claim_id, different) if different else None


def _write(
    connection: Connection, claims: Mapping[str, Claim], repairs: tuple[Repair, ...], now: datetime
) -> None:
    changed = [repair for repair in repairs if repair.columns]
    # All rows with the same columns, as one statement takes them: those that are right are written as they are.
    names = sorted({name for repair in changed for name in repair.columns})
    rows = []
    for repair in changed:
        stored = claims[repair.claim_id].row or {}
        right = {name: value for name, (_, value) in repair.columns.items()}
        rows.append({"claim_id": repair.claim_id, **{name: stored[name] for name in names}, **right})
    update_rows(connection, CLOCKS, ("claim_id",), rows)
    happenings = [
        Happening(REBUILT, repair.claim_id, _logged(claims[repair.claim_id], repair)) for repair in changed
    ]
    audit_log.append(connection, happenings, now)


def _logged(claim: Claim, repair: Repair) -> dict[str, Any]:
    data: dict[str, Any] = {"columns": sorted(repair.columns)}
    outcome = claim.outcome()
    if outcome is not None:
        period = outcome.period
        data["standard"] = period.standard
        data["receipt_date"] = period.receipt_date.isoformat()
        data["deadline"] = period.deadline.isoformat()
    return data
