"""Loading what the rules need to know of earlier claims, and keeping what they must know of these: a batch a query."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import ARRAY, BigInteger, Connection, String, any_, bindparam, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from services.validator.models import CLAIMS, SERVICE_LINES
from services.validator.rules import EarlierLine, History, Judgement, Needs, OriginalClaim
from shared.database import insert_rows

_encode = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(EarlierLine).decode


def load(connection: Connection, needs: Needs) -> History:
    """The earlier lines and claims that a batch asks for, oldest first."""
    history = History()
    if needs.keys:
        rows = connection.execute(_lines_by_key(connection.dialect.name), _values(connection, needs.keys))
        history.add(lines=[_decode_line(document) for (document,) in rows])
    if needs.originals:
        names = {name for _, name in needs.originals}
        for by in ("claim_id", "claim_number"):
            rows = connection.execute(_claims_by(by, connection.dialect.name), _values(connection, names))
            history.add(claims=[OriginalClaim(*row) for row in rows])
    return history


def already_judged(connection: Connection, claim_ids: Iterable[str]) -> set[str]:
    """Those of the claims that stand here already."""
    rows = connection.execute(_claims_by("claim_id", connection.dialect.name), _values(connection, claim_ids))
    return {row.claim_id for row in rows}


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


@cache
def _lines_by_key(dialect: str) -> Any:
    return (
        select(SERVICE_LINES.c.document)
        .where(SERVICE_LINES.c.standing, _among(SERVICE_LINES.c.key, BigInteger(), dialect))
        .order_by(SERVICE_LINES.c.claim_id, SERVICE_LINES.c.line)
    )


@cache
def _claims_by(column: str, dialect: str) -> Any:
    # A rejected claim is nobody's original.
    return (
        select(CLAIMS.c.claim_id, CLAIMS.c.claim_number, CLAIMS.c.billing_npi, CLAIMS.c.superseded)
        .where(_among(CLAIMS.c[column], String(), dialect), CLAIMS.c.verdict != "rejected")
        .order_by(CLAIMS.c.claim_id)
    )


def _among(column: Any, type_: Any, dialect: str) -> ColumnElement[bool]:
    """One statement for any number of values: SQLAlchemy would write an IN anew for every batch, at twice the cost."""
    if dialect == "postgresql":
        return column == any_(bindparam("values", type_=ARRAY(type_)))  # type: ignore[no-any-return]
    return column.in_(select(func.json_each(bindparam("values")).table_valued("value").c.value))  # type: ignore[no-any-return]


def _values(connection: Connection, values: Iterable[Any]) -> dict[str, Any]:
    listed = list(values)
    return {"values": listed if connection.dialect.name == "postgresql" else _encode(listed).decode()}
