"""Loading what the rules need to know of earlier claims, and keeping what they must know of these: a batch a query."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, select, update

from services.validator.models import CLAIMS, SERVICE_LINES
from services.validator.rules import EarlierLine, History, Judgement, Needs, OriginalClaim
from shared.among import among
from shared.database import insert_rows

_encode = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(EarlierLine).decode


def load(connection: Connection, needs: Needs) -> History:
    """The earlier lines and claims that a batch asks for, oldest first."""
    history = History()
    if needs.keys:
        lines = SERVICE_LINES.c
        rows = connection.execute(
            select(lines.document)
            .where(lines.standing, among(connection, lines.key, needs.keys))
            .order_by(lines.claim_id, lines.line)
        )
        history.add(lines=[_decode_line(document) for (document,) in rows])
    if needs.originals:
        names = {name for _, name in needs.originals}
        for searched in (CLAIMS.c.claim_id, CLAIMS.c.claim_number):
            rows = connection.execute(_claims_by(connection, searched, names))
            history.add(claims=[OriginalClaim(*row) for row in rows])
    return history


def already_judged(connection: Connection, claim_ids: Iterable[str]) -> set[str]:
    """Those of the claims that stand here already."""
    claims = CLAIMS.c
    return set(
        connection.execute(
            select(claims.claim_id).where(among(connection, claims.claim_id, claim_ids))
        ).scalars()
    )


def keep(connection: Connection, judgements: Sequence[Judgement]) -> None:
    """Make the claims history, and take out of history what they void or replace."""
    insert_rows(
        connection,
        CLAIMS,
        [
            {
                "claim_id": judgement.received.claim_id,
                "claim_number": (judgement.received.claim.claim_number or "")[:80] or None,
                "billing_npi": (judgement.received.claim.billing_provider.npi or "")[:20] or None,
                "verdict": judgement.verdict,
                "superseded": False,
            }
            for judgement in judgements
        ],
    )
    insert_rows(
        connection,
        SERVICE_LINES,
        [
            {
                "claim_id": line.claim_id,
                "line": line.line,
                "key": line.key,
                "standing": True,
                "document": _encode(line),
            }
            for judgement in judgements
            for line in judgement.lines
        ],
    )
    superseded = [judgement.supersedes.claim_id for judgement in judgements if judgement.supersedes]
    if superseded:
        connection.execute(update(CLAIMS).where(CLAIMS.c.claim_id.in_(superseded)).values(superseded=True))
        connection.execute(
            update(SERVICE_LINES).where(SERVICE_LINES.c.claim_id.in_(superseded)).values(standing=False)
        )


def _claims_by(connection: Connection, searched: Column[Any], values: Iterable[str]) -> Any:
    # A rejected claim is nobody's original.
    c = CLAIMS.c
    return (
        select(c.claim_id, c.claim_number, c.billing_npi, c.superseded)
        .where(among(connection, searched, values), c.verdict != "rejected")
        .order_by(c.claim_id)
    )
