"""Received claims in, verdicts out: a batch is one load of facts, one pure judgement, one write."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from services.validator import facts
from services.validator.models import JUDGEMENTS, MESSAGING
from services.validator.rules import Context, Judgement, judge_batch, needs, prepare
from shared.database import insert_rows
from shared.events import (
    CLAIMS_PENDED,
    CLAIMS_RECEIVED,
    CLAIMS_REJECTED,
    CLAIMS_VALIDATED,
    ClaimJudged,
    ClaimReceived,
    Event,
    encode,
    new_event,
)
from shared.findings import Verdict
from shared.messaging.consumer import InvalidEvent, Subscription
from shared.messaging.outbox import enqueue
from shared.parts import Parts
from shared.reference.codes import CodeSet

SOURCE = "/validator"

_decode = msgspec.json.Decoder(ClaimReceived).decode
_EVENTS: dict[Verdict, tuple[str, str]] = {
    "accepted": (CLAIMS_VALIDATED, "claim.validated"),
    "pended": (CLAIMS_PENDED, "claim.pended"),
    "rejected": (CLAIMS_REJECTED, "claim.rejected"),
}


class JudgeReceived:
    """The handler of ``claims.received.v1``."""

    def __init__(self, parts: Parts) -> None:
        self._now = parts.now
        self._context = Context(codes=CodeSet.load(), payers=parts.payers)

    def __call__(self, connection: Connection, events: Sequence[Event]) -> None:
        """Judge each claim once. Raises ``InvalidEvent`` for data that is not a received claim."""
        received = {event.subject: (event, _received(event)) for event in events}
        known = facts.already_judged(connection, received)
        fresh = [pair for claim_id, pair in received.items() if claim_id not in known]
        batch = [prepare(claim) for _, claim in fresh]
        judgements = judge_batch(batch, self._context, facts.load(connection, needs(batch)))
        facts.keep(connection, judgements)
        self._publish(connection, [event for event, _ in fresh], judgements)

    def _publish(
        self, connection: Connection, events: Sequence[Event], judgements: Sequence[Judgement]
    ) -> None:
        now = self._now()
        rows, verdicts = [], []
        for event, judgement in zip(events, judgements, strict=True):
            document = encode(_judged(judgement))
            rows.append(
                {
                    "claim_id": judgement.received.claim_id,
                    "judgement": 1,
                    "judged_at": now,
                    "payer_id": (judgement.received.claim.payer.id or "")[:80] or None,
                    "verdict": judgement.verdict,
                    "document": document,
                }
            )
            topic, type_ = _EVENTS[judgement.verdict]
            verdicts.append(
                new_event(
                    topic,
                    type_,
                    SOURCE,
                    subject=judgement.received.claim_id,
                    key=event.key,
                    data=document,
                    now=now,
                    correlation_id=event.correlation_id,
                )
            )
        insert_rows(connection, JUDGEMENTS, rows)
        enqueue(connection, MESSAGING, verdicts)


def subscriptions(parts: Parts) -> list[Subscription]:
    """What the validator listens to."""
    return [Subscription((CLAIMS_RECEIVED,), JudgeReceived(parts))]


def _received(event: Event) -> ClaimReceived:
    try:
        return _decode(event.data)
    except msgspec.DecodeError as error:
        raise InvalidEvent("the data is not a received claim of the agreed shape") from error


def _judged(judgement: Judgement) -> ClaimJudged:
    received = judgement.received
    return ClaimJudged(
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
    )
