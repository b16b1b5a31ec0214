"""What the validator learns from payments: each claim's clock, so that the review queue knows what runs."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from services.validator.models import CLAIM_CLOCKS
from shared.among import among
from shared.database import insert_rows, update_rows
from shared.events import PAYMENTS_CLOCKS, Event
from shared.messaging.consumer import InvalidEvent, Subscription
from shared.prompt_pay import ClockState

RUNNING = "running"
_PAUSE_SECONDS = 0.25


class Clock(Struct, frozen=True):
    """What the queue needs of a clock of the outside contract."""

    state: Literal[ClockState, "not_running"]
    deadline: date | None = None
    deadline_after_information: date | None = None
    near_from: date | None = None
    contested: date | None = None
    information_received: date | None = None
    paid: date | None = None
    denied: date | None = None
    withdrawn: date | None = None
    paid_cents: int = 0

    @property
    def since(self) -> date | None:
        """The day of what brought the clock to its state; ``None`` where it runs as it started."""
        if self.state in ("open", "near", "overdue"):
            # Information after a contest that came too late begins no new period.
            return self.information_received if self.deadline_after_information else None
        days = {
            "contested": self.contested,
            "paid": self.paid,
            "denied": self.denied,
            "withdrawn": self.withdrawn,
        }
        return days.get(self.state.split("_")[0])


class ClockFacts(Struct, frozen=True):
    """What the validator reads of a ``shared.events.ClockEvent``."""

    claim_id: str
    sequence: int
    clock: Clock


_decode = msgspec.json.Decoder(ClockFacts).decode


def subscriptions() -> list[Subscription]:
    """A consumer of its own, which takes many at once: nobody waits for it, and judging needs the database."""
    return [Subscription((PAYMENTS_CLOCKS,), record_clocks, pause_seconds=_PAUSE_SECONDS)]


def record_clocks(connection: Connection, events: Sequence[Event]) -> None:
    """Keep each claim's latest clock. Raises ``InvalidEvent`` for data that is not a clock.

    Two consumers never write one claim's clock at once: its events are in one partition.
    """
    latest: dict[str, ClockFacts] = {}
    for event in events:
        facts = _clock_facts(event)
        other = latest.get(facts.claim_id)
        if other is None or facts.sequence >= other.sequence:
            latest[facts.claim_id] = facts
    c = CLAIM_CLOCKS.c
    rows = connection.execute(select(c.claim_id, c.sequence).where(among(connection, c.claim_id, latest)))
    known = {row.claim_id: row.sequence for row in rows}
    insert_rows(
        connection, CLAIM_CLOCKS, [_row(facts) for claim_id, facts in latest.items() if claim_id not in known]
    )
    update_rows(
        connection,
        CLAIM_CLOCKS,
        ("claim_id",),
        [
            _row(facts)
            for claim_id, facts in latest.items()
            if facts.sequence > known.get(claim_id, facts.sequence)
        ],
    )


def _clock_facts(event: Event) -> ClockFacts:
    try:
        return _decode(event.data)
    except msgspec.DecodeError as error:
        raise InvalidEvent("the data is not a clock of the agreed shape") from error


def _row(facts: ClockFacts) -> dict[str, Any]:
    clock = facts.clock
    return {
        "claim_id": facts.claim_id,
        "sequence": facts.sequence,
        "state": RUNNING if clock.state in ("open", "near", "overdue") else clock.state,
        "deadline": clock.deadline_after_information or clock.deadline,
        "near_from": clock.near_from,
        "since": clock.since,
        "paid_cents": clock.paid_cents,
    }
