"""What intake shows: submissions and claims, with findings, clock, payments and timeline. Reads only."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, select

from services.intake.clock_on_day import clock_on
from services.intake.models import CLAIMS, SUBMISSIONS, TIMELINE, UNREADABLE_CLAIMS
from shared.events import ClaimReceived, utc_text

PAGE = 1000
"""Claims of one submission shown at once."""

_decode_received = msgspec.json.Decoder(ClaimReceived).decode


class Scope(Struct, frozen=True):
    """Whose claims may be seen: one organisation's, or those of some payers; ``None`` leaves that side open.

    ``payer_ids`` are all of these payers' ids, in capitals.
    """

    organisation: str | None = None
    payer_ids: tuple[str, ...] | None = None


def submissions(
    connection: Connection, scope: Scope, *, before: str | None, limit: int
) -> list[dict[str, Any]]:
    """The newest submissions first, those before the id ``before``."""
    query = select(SUBMISSIONS).order_by(SUBMISSIONS.c.submission_id.desc()).limit(limit)
    if before:
        query = query.where(SUBMISSIONS.c.submission_id < before)
    rows = connection.execute(_submissions_seen(query, scope)).mappings()
    return [{**_summary(row), "counts": _counts(row)} for row in rows]


def receipt(connection: Connection, submission_id: str) -> dict[str, Any]:
    """What the sender is told at once."""
    row = (
        connection.execute(select(SUBMISSIONS).where(SUBMISSIONS.c.submission_id == submission_id))
        .mappings()
        .one()
    )
    return _summary(row)


def submission(
    connection: Connection,
    scope: Scope,
    submission_id: str,
    today: date,
    *,
    after: int | None = None,
    limit: int = PAGE,
) -> dict[str, Any] | None:
    """One submission with ``limit`` of its claims after ordinal ``after``; ``None`` where it is not to be seen."""
    query = _submissions_seen(select(SUBMISSIONS).where(SUBMISSIONS.c.submission_id == submission_id), scope)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    claims = _claims_of(connection, scope, submission_id, today, -1 if after is None else after, limit + 1)
    shown, more = claims[:limit], len(claims) > limit
    return {
        **_summary(row),
        "counts": _counts(row),
        "census": Raw(_json(row["census"])),
        "notes": Raw(_json(row["notes"])),
        "claims": [view for _, view in shown],
        "next_after": shown[-1][0] if more else None,
    }


def claims(
    connection: Connection,
    scope: Scope,
    today: date,
    *,
    verdict: str | None,
    claim_number: str | None,
    before: str | None,
    limit: int,
) -> list[dict[str, Any]]:
    """The newest claims first, those before the id ``before``."""
    query = select(CLAIMS).order_by(CLAIMS.c.claim_id.desc()).limit(limit)
    if before:
        query = query.where(CLAIMS.c.claim_id < before)
    if verdict == "judging":
        query = query.where(CLAIMS.c.verdict.is_(None))
    elif verdict:
        query = query.where(CLAIMS.c.verdict == verdict)
    if claim_number:
        query = query.where(CLAIMS.c.claim_number == claim_number)
    return [_claim_view(row, today) for row in connection.execute(_claims_seen(query, scope)).mappings()]


def claim(connection: Connection, scope: Scope, claim_id: str, today: date) -> dict[str, Any] | None:
    """One claim with everything known of it; ``None`` where it is not to be seen."""
    query = (
        select(CLAIMS, SUBMISSIONS.c.received_at, SUBMISSIONS.c.file_name)
        .join(SUBMISSIONS, SUBMISSIONS.c.submission_id == CLAIMS.c.submission_id)
        .where(CLAIMS.c.claim_id == claim_id)
    )
    row = connection.execute(_claims_seen(query, scope)).mappings().one_or_none()
    if row is None:
        return None
    entries = (
        connection.execute(
            select(TIMELINE)
            .where(TIMELINE.c.claim_id == claim_id)
            .order_by(TIMELINE.c.at, TIMELINE.c.event_id)
        )
        .mappings()
        .all()
    )
    return {
        **_claim_view(row, today),
        "submission_id": row["submission_id"],
        "received_at": utc_text(row["received_at"]),
        "received": _decode_received(row["received"]),
        "payments": _payments([entry["payment"] for entry in entries if entry["payment"]]),
        "timeline": [
            _moment(row["received_at"], "claim.received", f"Received in the file {row['file_name']}."),
            *(_moment(entry["at"], entry["event"], entry["detail"]) for entry in entries),
        ],
    }


def _payments(documents: list[str | bytes]) -> list[dict[str, Any]]:
    """What the plan recorded, oldest first; an entry that a later one puts right names it and counts no more."""
    payments = [msgspec.json.decode(document) for document in documents]
    corrected = {payment["corrects"]: payment for payment in payments if payment.get("corrects")}
    for payment in payments:
        by = corrected.get(payment.get("payment_event_id"))
        if by is not None:
            payment["corrected_by"] = by["payment_event_id"]
    return payments


def _claims_of(
    connection: Connection, scope: Scope, submission_id: str, today: date, after: int, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    read = connection.execute(
        _claims_seen(
            select(CLAIMS)
            .where(CLAIMS.c.submission_id == submission_id, CLAIMS.c.ordinal > after)
            .order_by(CLAIMS.c.ordinal)
            .limit(limit),
            scope,
        )
    ).mappings()
    both = [(row["ordinal"], _claim_view(row, today)) for row in read]
    if scope.payer_ids is None:  # whose an unreadable claim is, nobody knows: it may be another payer's
        unreadable = connection.execute(
            select(UNREADABLE_CLAIMS)
            .where(UNREADABLE_CLAIMS.c.submission_id == submission_id, UNREADABLE_CLAIMS.c.ordinal > after)
            .order_by(UNREADABLE_CLAIMS.c.ordinal)
            .limit(limit)
        ).mappings()
        both += [(row["ordinal"], _unreadable_view(row)) for row in unreadable]
    return sorted(both, key=lambda pair: pair[0])[:limit]


def _submissions_seen(query: Select[Any], scope: Scope) -> Select[Any]:
    if scope.organisation is not None:
        query = query.where(SUBMISSIONS.c.organisation == scope.organisation)
    if scope.payer_ids is not None:
        query = query.where(
            SUBMISSIONS.c.submission_id.in_(
                select(CLAIMS.c.submission_id).where(_is_of_payer(scope.payer_ids))
            )
        )
    return query


def _claims_seen(query: Select[Any], scope: Scope) -> Select[Any]:
    if scope.organisation is not None:
        query = query.where(CLAIMS.c.organisation == scope.organisation)
    if scope.payer_ids is not None:
        query = query.where(_is_of_payer(scope.payer_ids))
    return query


def _is_of_payer(ids: Sequence[str]) -> ColumnElement[bool]:
    # The id stands as the provider wrote it, and an invoice is typed by hand.
    return func.upper(CLAIMS.c.payer_id).in_(ids)


def _summary(row: RowMapping) -> dict[str, Any]:
    return {
        "submission_id": row["submission_id"],
        "file_name": row["file_name"],
        "received_at": utc_text(row["received_at"]),
        "receipt_date": row["receipt_date"],
        "channel": row["channel"],
        "claims": row["claims"],
        "unreadable": row["unreadable"],
        "status": row["status"],
    }


def _counts(row: RowMapping) -> dict[str, int]:
    return {name: row[name] for name in ("accepted", "pended", "rejected", "unreadable")}


def _claim_view(row: RowMapping, today: date) -> dict[str, Any]:
    return {
        "claim_id": row["claim_id"],
        "claim": row["claim_number"],
        "payer_id": row["payer_id"],
        "verdict": row["verdict"],
        "clean": row["clean"],
        "findings": Raw(_json(row["findings"] or "[]")),
        "review": row["review"],
        "clock": Raw(clock_on(_json(row["clock"]), today)) if row["clock"] else None,
    }


def _unreadable_view(row: RowMapping) -> dict[str, Any]:
    return {
        "claim_id": None,
        "claim": row["claim_number"],
        "rows": Raw(_json(row["rows"])),
        "verdict": "unreadable",
        "clean": False,
        "findings": Raw(_json(row["findings"])),
    }


def _moment(at: datetime, event: str, detail: str) -> dict[str, str]:
    return {"at": utc_text(at), "event": event, "detail": detail}


def _json(document: str | bytes) -> bytes:
    return document.encode() if isinstance(document, str) else document


def plain(view: Any) -> Any:
    """The same view as plain values, for templates."""
    return msgspec.json.decode(msgspec.json.encode(view))
