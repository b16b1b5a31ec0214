"""Received claims in, verdicts out: a batch is one load of facts, one pure judgement, one write."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from services.validator import facts
from services.validator.feeds import handlers as feed_handlers
from services.validator.judgements import on_receipt, write
from services.validator.late import judge_beside_others
from services.validator.review import clock_handlers
from services.validator.rules import Context, judge_batch, prepare
from shared.events import CLAIMS_RECEIVED, ClaimReceived, Event
from shared.messaging.consumer import InvalidEvent, Subscription
from shared.parts import Parts
from shared.reference.codes import CodeSet

_decode = msgspec.json.Decoder(ClaimReceived).decode


class JudgeReceived:
    """The handler of ``claims.received.v1``."""

    def __init__(self, parts: Parts) -> None:
        self._now = parts.now
        self._context = Context(codes=CodeSet.load(), payers=parts.payers)

    def __call__(self, connection: Connection, events: Sequence[Event]) -> None:
        """Judge each claim once. Raises ``InvalidEvent`` for data that is not a received claim."""
        judge_beside_others(connection)
        received = {event.subject: (event, _received(event)) for event in events}
        known = facts.already_judged(connection, received)
        # In the order of receipt, as they would be judged later: who came first is the other's original.
        fresh = [received[claim_id] for claim_id in sorted(received.keys() - known)]
        batch = [prepare(claim, self._context) for _, claim in fresh]
        history, records = facts.load(connection, batch)
        judgements = judge_batch(batch, self._context, history, records)
        facts.keep(connection, judgements)
        written = [
            on_receipt(judgement, event.key, event.correlation_id)
            for (event, _), judgement in zip(fresh, judgements, strict=True)
        ]
        write(connection, written, self._context.payers, self._now())


def subscriptions(parts: Parts) -> list[Subscription]:
    """What the validator listens to."""
    return [
        Subscription((CLAIMS_RECEIVED,), JudgeReceived(parts)),
        *feed_handlers.subscriptions(parts),
        *clock_handlers.subscriptions(),
    ]


def _received(event: Event) -> ClaimReceived:
    try:
        return _decode(event.data)
    except msgspec.DecodeError as error:
        raise InvalidEvent("the data is not a received claim of the agreed shape") from error
