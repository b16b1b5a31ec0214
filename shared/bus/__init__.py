"""One bus, two engines: Apache Kafka and a durable log in SQLite. Handlers cannot tell which they run on.

Delivery is at least once and in order within a partition. A consumer's position is kept by its caller, in the
same database transaction as the effects of what it read: see ``shared.messaging.consumer``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.events import Event


class Partition(NamedTuple):
    topic: str
    number: int


class Delivery(NamedTuple):
    """An event as read: ``offset`` is its place in ``partition``; the next position is ``offset + 1``.

    ``event`` is ``None`` where the record is not a CloudEvent; then ``defect`` says why and ``raw`` holds it.
    ``headers`` are those that are not the event's own (a dead letter's reason and origin), ``None`` for none.
    """

    partition: Partition
    offset: int
    event: Event | None
    raw: bytes = b""
    defect: str = ""
    headers: Mapping[str, str] | None = None


Positions = Mapping[Partition, int]
"""The next offset to read, by partition."""


class Consumer(Protocol):
    """Reads the partitions that this member of a group is assigned."""

    def poll(self, limit: int, timeout_seconds: float) -> Sequence[Delivery]:
        """At most ``limit`` deliveries, waiting up to ``timeout_seconds`` for the first; empty where none came."""

    def seek(self, positions: Positions) -> None:
        """Read on from these positions; partitions that are not assigned are ignored."""

    def lag(self) -> int:
        """How many records lie between this consumer's positions and the ends of its partitions."""

    def close(self) -> None:
        """Leave the group."""


class Bus(Protocol):
    def publish(self, events: Sequence[Event], headers: Mapping[str, str] | None = None) -> None:
        """Durably append the events, in order per key. Returns when all are safe; raises ``BusUnavailable``.

        ``headers`` are added to every event (a dead letter's reason and origin). Raises ``EventTooLarge`` where the
        bus will never take some of them; the others may be published by then.
        """

    def consumer(
        self, group: str, topics: Sequence[str], positions: Callable[[Iterable[Partition]], Positions]
    ) -> Consumer:
        """A member of ``group``. On every assignment it asks ``positions`` where to start; absent means 0."""

    def create_topics(self, topics: Sequence[str]) -> None:
        """Make sure that the topics and their dead-letter topics exist."""

    def close(self) -> None:
        """Release connections."""


class EventTooLarge(Exception):
    """The bus will never take these events."""

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__(f"{len(events)} events are larger than the bus takes")
        self.events = events


class BusUnavailable(Exception):
    """The bus cannot be reached now; trying again later is right."""
