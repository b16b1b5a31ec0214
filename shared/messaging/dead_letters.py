"""Events that could not be processed: ``<topic>.dead-letter`` holds them with the reason in their headers."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple
from uuid import uuid4

from msgspec import json, structs

from shared.bus import Bus, Delivery
from shared.events import TOPICS, Event

SUFFIX = ".dead-letter"
UNREADABLE = "promptclaim.unreadable-record"
"""Type of the event that carries a record which was no CloudEvent. It cannot be replayed."""
OVERSIZED = "promptclaim.oversized-event"
"""Type of the event that stands for one too large for the bus, with nothing of its data. It cannot be replayed."""


class DeadLetter(NamedTuple):
    """``event`` as it was, with its first topic; ``offset`` is that of the dead letter in its own topic."""

    topic: str
    partition: int
    offset: int
    event: Event
    reason: str
    group: str
    origin: str

    def described(self) -> dict[str, str | int]:
        """What may be shown and logged: no data and no key."""
        return {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "event_id": self.event.id,
            "type": self.event.type,
            "time": self.event.time,
            "reason": self.reason,
            "group": self.group,
            "origin": self.origin,
        }


def dead_letter_topic(topic: str) -> str:
    return f"{topic}{SUFFIX}"


def dead_letter_headers(group: str, delivery: Delivery, reason: str) -> dict[str, str]:
    """The headers of a dead letter. ``reason`` holds no PHI."""
    return {
        "dead_letter_reason": reason[:500],
        "dead_letter_group": group,
        "dead_letter_topic": delivery.partition.topic,
        "dead_letter_partition": str(delivery.partition.number),
        "dead_letter_offset": str(delivery.offset),
    }


def set_aside_oversized(bus: Bus, event: Event) -> None:
    """Publish the dead letter of an event that the bus will never take. Raises ``BusUnavailable``."""
    size, topic = len(event.data), event.topic.removesuffix(SUFFIX)
    letter = structs.replace(
        event,
        topic=dead_letter_topic(topic),
        type=OVERSIZED,
        data=json.encode({"type": event.type, "bytes": size}),
    )
    reason = f"The {event.type} event has {size:,} bytes, more than the bus takes. It stands in the sender's outbox."
    bus.publish(
        [letter],
        {
            "dead_letter_reason": reason,
            "dead_letter_group": "outbox",
            "dead_letter_topic": topic,
        },
    )


def dead_letters(
    bus: Bus, topics: Iterable[str] = TOPICS, *, patience_seconds: float = 10.0
) -> Iterator[DeadLetter]:
    """All dead letters of ``topics`` (the first topics' names), oldest first in each partition.

    Waits at most ``patience_seconds`` for the bus to give the next. Raises ``BusUnavailable``.
    """
    consumer = bus.consumer(
        f"promptclaim-dead-letters-{uuid4().hex}",
        [dead_letter_topic(topic) for topic in topics],
        lambda _: {},
    )
    try:
        first = True
        while deliveries := consumer.poll(500, patience_seconds if first or consumer.lag() else 0.0):
            first = False
            yield from map(_letter, deliveries)
    finally:
        consumer.close()


def replay(
    bus: Bus, topics: Iterable[str] = TOPICS, event_ids: Collection[str] | None = None
) -> tuple[list[DeadLetter], list[DeadLetter]]:
    """Publish dead letters to their first topic again, as they were; those replayed and those that cannot be.

    ``event_ids`` chooses some. A letter stays in its topic and may be replayed again: readers that have its
    effects by then drop it. Raises ``BusUnavailable``.
    """
    replayed: list[DeadLetter] = []
    impossible: list[DeadLetter] = []
    seen: set[Event] = set()
    for letter in dead_letters(bus, topics):
        if (event_ids is not None and letter.event.id not in event_ids) or letter.event in seen:
            continue
        seen.add(letter.event)
        (impossible if letter.event.type in (UNREADABLE, OVERSIZED) else replayed).append(letter)
    bus.publish([letter.event for letter in replayed])
    return replayed, impossible


def _letter(delivery: Delivery) -> DeadLetter:
    headers = delivery.headers or {}
    topic = headers.get("dead_letter_topic", delivery.partition.topic.removesuffix(SUFFIX))
    event = delivery.event or Event(
        id="", topic=topic, type=UNREADABLE, source="", subject="", time="", key="", data=delivery.raw
    )
    place = (headers.get("dead_letter_partition", "?"), headers.get("dead_letter_offset", "?"))
    return DeadLetter(
        topic=delivery.partition.topic,
        partition=delivery.partition.number,
        offset=delivery.offset,
        event=structs.replace(event, topic=topic),
        reason=headers.get("dead_letter_reason", delivery.defect),
        group=headers.get("dead_letter_group", ""),
        origin="/".join((topic, *place)),
    )
