"""What an auditor draws samples from: claims that arrived in a period, read in the order of their ids."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from services.payments.clock import state_of
from services.payments.models import CLAIM_LINES, CLOCKS
from services.payments.queries import Scope
from shared.among import among
from shared.events import utc_text
from shared.identifiers import is_npi

_CHUNK = 5000

UNIVERSES = {
    "claims": "All claims and invoices that arrived in the period, rejected ones and voids included.",
    "denials": "Claims of which the plan denied all or a part.",
    "late": "Claims settled after their deadline under Health and Safety Code 1371, or open beyond it.",
    "outreach": "Claims with at least one line of outreach (modifier U8).",
}


class Universe(Struct, frozen=True):
    """``first`` and ``last`` are days of arrival in California, both included; ``as_of`` is for what is open yet."""

    name: str
    first: date | None
    last: date | None
    as_of: date

    def conditions(self) -> list[ColumnElement[bool]]:
        c = CLOCKS.c
        found = []
        if self.first:
            found.append(c.arrival_date >= self.first)
        if self.last:
            found.append(c.arrival_date <= self.last)
        if self.name == "denials":
            found.append(c.denied_on.is_not(None))
        elif self.name == "late":
            overdue = and_(c.status == "running", c.running_deadline < self.as_of)
            found.append(or_(c.late.is_(True), overdue))
        elif self.name == "outreach":
            lines = select(CLAIM_LINES.c.line).where(
                CLAIM_LINES.c.claim_id == c.claim_id, CLAIM_LINES.c.outreach.is_(True)
            )
            found.append(or_(c.outreach.in_(("yes", "mixed")), lines.exists()))
        return found


def claim_ids(connection: Connection, scope: Scope, universe: Universe) -> Iterator[str]:
    """The ids of the universe, sorted, a batch at a time."""
    c, after = CLOCKS.c, ""
    while True:
        statement = (
            select(c.claim_id)
            .where(c.claim_id > after, *scope.conditions(), *universe.conditions())
            .order_by(c.claim_id)
            .limit(_CHUNK)
        )
        found = list(connection.execute(statement).scalars())
        # The database may sort otherwise than by code points; within a batch that is put right here.
        yield from sorted(found)
        if len(found) < _CHUNK:
            return
        after = found[-1]


def described(connection: Connection, scope: Scope, ids: Sequence[str], as_of: date) -> list[dict[str, Any]]:
    """The claims of a sample, in the order of ``ids``. No PHI: the member is not among it."""
    rows = {
        row.claim_id: row
        for row in connection.execute(select(CLOCKS).where(among(connection, CLOCKS.c.claim_id, ids)))
    }
    return [_item(scope, rows[claim_id], as_of) for claim_id in ids if claim_id in rows]


def _item(scope: Scope, row: Any, as_of: date) -> dict[str, Any]:
    state = "not_running"
    if row.status != "none":
        state = state_of(row.status, row.late, row.running_deadline, row.near_on, as_of)
    return {
        "claim_id": row.claim_id,
        "submission_id": row.submission_id,
        "payer_id": scope.payer_shown(row),
        # A rejected claim may hold anything in this place, a person's name as well.
        "provider_npi": row.provider_npi if is_npi(row.provider_npi) else "",
        "channel": row.channel,
        "benefit": row.benefit,
        "outreach": row.outreach,
        "received_at": utc_text(row.received_at),
        "verdict": row.verdict,
        "state": state,
        "deadline": row.running_deadline,
        "settled": row.settled_on,
        "amount_cents": row.amount_cents,
        "paid_cents": row.paid_cents,
        "denied_cents": row.denied_cents,
        "evidence": f"/payments/api/v1/claims/{row.claim_id}/evidence.zip",
    }
