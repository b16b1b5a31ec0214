"""Writing judgements: the row that is kept, the event that tells of it, and the review that it opens or closes.

A claim is judged on receipt, again when a record of other care comes or goes or an earlier claim no longer counts,
and by the claims department. Each is one more judgement; none is ever changed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection, delete, select

from services.validator.models import CLAIMS, JUDGEMENTS, MESSAGING, REVIEWS
from services.validator.rules import Judgement
from shared.among import among
from shared.calendar import OutsideCalendar
from shared.claim import Claim
from shared.database import insert_rows, update_rows
from shared.events import (
    CLAIMS_DUPLICATES_FOUND,
    CLAIMS_PENDED,
    CLAIMS_REJECTED,
    CLAIMS_VALIDATED,
    ClaimJudged,
    encode,
    new_event,
)
from shared.findings import Verdict
from shared.messaging.outbox import enqueue
from shared.payers import Payers
from shared.prompt_pay import deadline_of

SOURCE = "/validator"

Cause = Literal["received", "record", "decision"]
Message = tuple[str, str]
"""Topic and type of an event."""

OF_VERDICT: dict[Verdict, Message] = {
    "accepted": (CLAIMS_VALIDATED, "claim.validated"),
    "pended": (CLAIMS_PENDED, "claim.pended"),
    "rejected": (CLAIMS_REJECTED, "claim.rejected"),
}
DUPLICATES_FOUND: Message = (CLAIMS_DUPLICATES_FOUND, "claim.duplicates_found")


class Written(Struct, frozen=True):
    """A judgement to write. ``message`` ``None``: nobody outside is told.

    ``key`` is the event's: the keyed hash of the CIN. ``judged.review`` opens a review, or leaves none open.
    """

    judged: ClaimJudged
    cause: Cause
    findings_of_reading: int
    message: Message | None
    key: str
    correlation_id: str = ""


def on_receipt(judgement: Judgement, key: str, correlation_id: str) -> Written:
    """A claim's first judgement."""
    received = judgement.received
    return Written(
        judged=ClaimJudged(
            claim_id=received.claim_id,
            submission_id=received.submission_id,
            judgement=1,
            verdict=judgement.verdict,
            clean=judgement.clean,
            claim=received.claim,
            receipt=received.receipt,
            organisation=received.submitter.organisation,
            findings=judgement.findings,
            services=judgement.services,
            versions=judgement.versions,
            review="pended" if judgement.verdict == "pended" else None,
            evidence=judgement.evidence,
            file_notes=judgement.file_notes,
            source_sha256=received.source_sha256,
            supersedes=supersedes_of(
                received.claim, judgement.original.claim_id if judgement.original else None
            ),
        ),
        cause="received",
        findings_of_reading=len(received.findings),
        message=OF_VERDICT[judgement.verdict],
        key=key,
        correlation_id=correlation_id,
    )


def supersedes_of(claim: Claim, original: str | None) -> str | UnsetType | None:
    """What a judgement says of the claim in whose place this one stands; nothing of one that names no other."""
    return original if claim.frequency in ("7", "8") else UNSET


def write(connection: Connection, judgements: Sequence[Written], payers: Payers, now: datetime) -> None:
    """Write a batch of judgements at ``now`` (aware), in the caller's transaction.

    Of claims judged before (judgement 2 and on) the row in ``claims`` follows, and an open review is replaced.
    """
    rows, events = [], []
    reviews: list[dict[str, Any]] = []
    for each in judgements:
        judged = each.judged
        document = encode(judged)
        payer_id = payers.first_id(judged.claim.payer.id)
        rows.append(
            {
                "claim_id": judged.claim_id,
                "judgement": judged.judgement,
                "judged_at": now,
                "cause": each.cause,
                "payer_id": (payer_id or "")[:80] or None,
                "verdict": judged.verdict,
                "findings_of_reading": each.findings_of_reading,
                "document": document,
            }
        )
        if judged.review is not None:
            reviews.append(
                {
                    "claim_id": judged.claim_id,
                    "kind": judged.review,
                    "payer_id": (payer_id or "")[:80] or None,
                    "organisation": judged.organisation,
                    "opened_at": now,
                    "arrival_date": judged.receipt.arrival_date,
                    "deadline": _deadline(judged, payers),
                    "amount_cents": charged_cents(judged.claim),
                }
            )
        if each.message is not None:
            topic, type_ = each.message
            events.append(
                new_event(
                    topic,
                    type_,
                    SOURCE,
                    subject=judged.claim_id,
                    key=each.key,
                    data=document,
                    now=now,
                    correlation_id=each.correlation_id,
                )
            )
    insert_rows(connection, JUDGEMENTS, rows)
    again = [each.judged for each in judgements if each.judged.judgement > 1]
    if again:
        since = _open_since(connection, [judged.claim_id for judged in again])
        for review in reviews:
            review["opened_at"] = since.get(review["claim_id"], now)
        update_rows(
            connection,
            CLAIMS,
            ("claim_id",),
            [
                {"claim_id": judged.claim_id, "judgement": judged.judgement, "verdict": judged.verdict}
                for judged in again
            ],
        )
        connection.execute(
            delete(REVIEWS).where(
                among(connection, REVIEWS.c.claim_id, [judged.claim_id for judged in again])
            )
        )
    insert_rows(connection, REVIEWS, reviews)
    enqueue(connection, MESSAGING, events)


def _open_since(connection: Connection, claim_ids: Sequence[str]) -> dict[str, datetime]:
    """Since when the claims among these that are in review have been so."""
    rows = connection.execute(
        select(REVIEWS.c.claim_id, REVIEWS.c.opened_at).where(
            among(connection, REVIEWS.c.claim_id, claim_ids)
        )
    )
    return {row.claim_id: row.opened_at for row in rows}


def charged_cents(claim: Claim) -> int:
    """The claim's total charge in cents: as stated, or the sum of its lines."""
    if claim.total_cents is not None:
        return claim.total_cents
    return sum(line.charge_cents or 0 for line in claim.lines)


def _deadline(judged: ClaimJudged, payers: Payers) -> object:
    if judged.claim.frequency == "8":
        return None  # A void bills nothing, so no clock runs.
    try:
        return deadline_of(judged.receipt.arrival_date, payers.terms_of(judged.claim.payer.id))
    except OutsideCalendar:
        return None
