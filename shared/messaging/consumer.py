"""The consumer runtime: a batch of events, their effects and the new position in one database transaction.

The bus delivers at least once; effects happen exactly once, by three means in that one transaction: the
position of each partition is moved only from where this consumer believes it to be (a consumer that lost its
partition in a rebalance cannot commit), events whose ids are in the inbox are dropped, and everything else is
committed with them or not at all.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, exc, select, text, update

from shared.among import among, array_text
from shared.bus import Bus, BusUnavailable, Delivery, Partition, Positions
from shared.database import Database, insert_rows, safe_description
from shared.events import Event, utc_text
from shared.failpoints import failpoint
from shared.messaging import metrics
from shared.messaging.dead_letters import UNREADABLE, dead_letter_headers, dead_letter_topic
from shared.messaging.outbox import enqueue
from shared.messaging.tables import MessagingTables
from shared.parts import utc_now

Handler = Callable[[Connection, Sequence[Event]], None]
"""Gets fresh events in delivery order;

writes its effects and its own events on the connection. May be called again with the same events, or with
some of them, after its writes were rolled back: it keeps nothing outside.
"""

LAG_EVERY_SECONDS = 15.0
OTHERS_WRITE = 10_000
"""``halt_after`` of topics that plans and counties write."""

log = logging.getLogger(__name__)


class InvalidEvent(Exception):
    """This event can never be processed. The message becomes the dead letter's reason: it holds no PHI."""


class ConsumerHalted(Exception):
    """Too many events in a row could not be processed: the fault is more likely ours. A person must look."""


class Subscription(NamedTuple):
    """Topics and what takes their events.

    After ``halt_after`` dead letters with no good event between them the consumer halts: where our own services
    write the topic, the fault is ours. What others write may be wrong for long without a fault here.
    ``pause_seconds`` after each batch let events gather that nobody waits for: a batch costs as much as many events.
    """

    topics: tuple[str, ...]
    handler: Handler
    halt_after: int = 20
    pause_seconds: float = 0.0


class _Fenced(Exception):
    """Another consumer has moved a position on."""


class ConsumerLoop:
    """One member of a group. Not for use by more than one thread.

    After ``halt_after`` dead letters with no good event between them nothing more is read: ``halted`` is true
    and :meth:`run_once` raises ``ConsumerHalted``; positions stay before the last, uncommitted batch.
    """

    def __init__(
        self,
        database: Database,
        tables: MessagingTables,
        bus: Bus,
        group: str,
        subscription: Subscription,
        batch_size: int = 500,
        *,
        halt_after: int | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.group = group
        self.halted = False
        self._database = database
        self._tables = tables
        self._handler = subscription.handler
        self._batch_size = batch_size
        self._halt_after = subscription.halt_after if halt_after is None else halt_after
        self._now = now
        self._bad_in_a_row = 0
        self._place_lost = False
        self._lag_measured = time.monotonic()
        self._positions: dict[Partition, int] = {}
        self._statements = _Statements(tables, group)
        self._consumer = bus.consumer(group, subscription.topics, self._assigned)

    def run_once(self, timeout_seconds: float = 1.0) -> int:
        """Read and process at most one batch, waiting up to ``timeout_seconds``; how many records were read.

        Raises whatever stopped the batch (database or bus away, a handler's bug): nothing of it is committed
        and the same records come again. Raises ``ConsumerHalted`` once halted.
        """
        if self.halted:
            raise ConsumerHalted(f"{self.group} is halted")
        self._measure_lag()
        if self._place_lost:
            self._consumer.seek(self._positions)
        self._place_lost = True  # until the bus has handed over whatever it takes from the stream here
        deliveries = self._consumer.poll(self._batch_size, timeout_seconds)
        self._place_lost = False
        if not deliveries:
            return 0
        try:
            self._process(deliveries)
        except _Fenced:
            metrics.fenced.labels(self.group).inc()
            log.info("another consumer of %s is ahead: reading on from its positions", self.group)
            self._read_again(deliveries)
        except ConsumerHalted:
            self.halted = True
            raise
        except BaseException:
            self._read_again(deliveries)
            raise
        return len(deliveries)

    def lag(self) -> int:
        """How many records wait in the partitions of this consumer."""
        return self._consumer.lag()

    def _measure_lag(self) -> None:
        if time.monotonic() - self._lag_measured < LAG_EVERY_SECONDS:
            return
        self._lag_measured = time.monotonic()
        try:
            metrics.lag.labels(self.group).set(self.lag())
        except BusUnavailable:
            log.info("the lag of %s cannot be measured now", self.group)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _process(self, deliveries: Sequence[Delivery]) -> None:
        after: dict[Partition, int] = {}
        for delivery in deliveries:
            after[delivery.partition] = delivery.offset + 1
        bad_before, poison = self._bad_in_a_row, 0
        try:
            try:
                with self._database.begin() as connection:
                    self._advance(connection, after)
                    events = [delivery.event for delivery in deliveries if delivery.event is not None]
                    fresh = self._fresh(connection, events)
                    repeated = len(events) - len(fresh)
                    if len(events) < len(deliveries):
                        raise InvalidEvent("a record is no event")
                    failpoint("before_handler")
                    if fresh:
                        self._handler(connection, fresh)
                    failpoint("after_handler_before_commit")
                if fresh:
                    self._bad_in_a_row = 0
            except (InvalidEvent, exc.DataError):
                # The whole transaction is undone; now in parts, so that only the bad ones are set aside.
                with self._database.begin() as connection:
                    self._advance(connection, after)
                    repeated, poison = self._process_in_parts(connection, deliveries)
                    failpoint("after_handler_before_commit")
        except BaseException:
            self._bad_in_a_row = bad_before
            raise
        self._positions.update(after)
        failpoint("after_commit")
        metrics.consumed.labels(self.group).inc(len(deliveries) - repeated - poison)
        if repeated:
            metrics.repeated.labels(self.group).inc(repeated)
        if poison:
            metrics.dead_lettered.labels(self.group).inc(poison)

    def _process_in_parts(self, connection: Connection, deliveries: Sequence[Delivery]) -> tuple[int, int]:
        events = {id(delivery.event) for delivery in deliveries if delivery.event is not None}
        fresh = self._fresh(connection, [item.event for item in deliveries if item.event is not None])
        wanted = {id(event) for event in fresh}
        todo = [item for item in deliveries if item.event is None or id(item.event) in wanted]
        return len(events) - len(fresh), self._halves(connection, todo)

    def _halves(self, connection: Connection, deliveries: Sequence[Delivery]) -> int:
        """Process in order, halving around whatever cannot be processed; how many dead letters."""
        if not deliveries:
            return 0
        events = [delivery.event for delivery in deliveries if delivery.event is not None]
        reason = deliveries[0].defect or "the record is no CloudEvent"
        if len(events) == len(deliveries):
            try:
                with connection.begin_nested():
                    self._handler(connection, events)
            except InvalidEvent as error:
                reason = str(error) or "InvalidEvent"
            except exc.DataError as error:
                reason = f"the database refused a value ({safe_description(error)})"
            else:
                self._bad_in_a_row = 0
                return 0
        if len(deliveries) == 1:
            self._set_aside(connection, deliveries[0], reason)
            return 1
        middle = len(deliveries) // 2
        return self._halves(connection, deliveries[:middle]) + self._halves(connection, deliveries[middle:])

    def _set_aside(self, connection: Connection, delivery: Delivery, reason: str) -> None:
        self._bad_in_a_row += 1
        if self._bad_in_a_row >= self._halt_after:
            raise ConsumerHalted(
                f"{self._bad_in_a_row} events in a row could not be processed, last: {reason}"
            )
        event = delivery.event
        topic = delivery.partition.topic
        if event is None:
            place = f"{topic}/{delivery.partition.number}/{delivery.offset}"
            event = Event(
                id=place,
                topic=topic,
                type=UNREADABLE,
                source="promptclaim",
                subject=place,
                time=utc_text(self._now()),
                key="",
                data=delivery.raw,
            )
        else:
            # Its effects are not here: after a replay it has to be fresh again.
            connection.execute(self._statements.forget, {"event": _identity(event)})
        letter = msgspec.structs.replace(event, topic=dead_letter_topic(topic))
        headers = dead_letter_headers(self.group, delivery, reason)
        enqueue(connection, self._tables, [letter], headers, now=self._now)
        log.warning("%s set aside an event of %s: %s", self.group, topic, reason)

    def _advance(self, connection: Connection, after: Positions) -> None:
        """Move the positions, which locks them: first of all, so that a second consumer waits here."""
        moves = [
            {
                "for_topic": partition.topic,
                "for_partition": partition.number,
                "expected": self._positions.get(partition, 0),
                "after": next_offset,
            }
            for partition, next_offset in sorted(after.items())
        ]
        if connection.execute(self._statements.move, moves).rowcount != len(moves):
            raise _Fenced

    def _fresh(self, connection: Connection, events: Sequence[Event]) -> list[Event]:
        """Those of ``events`` whose ids were not in the inbox; now they are."""
        identities = [_identity(event) for event in events]
        new = set(self._statements.take_in(connection, identities, self._now()))
        if len(new) == len(events):
            return list(events)
        fresh = []
        for identity, event in zip(identities, events, strict=True):
            if identity in new:
                new.discard(identity)
                fresh.append(event)
        return fresh

    def _assigned(self, partitions: Iterable[Partition]) -> Positions:
        """Where to read these partitions from.

        Makes sure that each has a row, without which nothing can move.
        """
        wanted = list(partitions)
        table = self._tables.positions
        with self._database.begin() as connection:
            rows = [
                {
                    "consumer_group": self.group,
                    "topic": partition.topic,
                    "partition": partition.number,
                    "next_offset": 0,
                }
                for partition in wanted
            ]
            insert_rows(connection, table, rows, ignore_conflicts=True)
            known = {
                Partition(topic, number): int(next_offset)
                for topic, number, next_offset in connection.execute(
                    select(table.c.topic, table.c.partition, table.c.next_offset).where(
                        table.c.consumer_group == self.group
                    )
                )
            }
        positions = {partition: known[partition] for partition in wanted}
        self._positions.update(positions)
        return positions

    def _read_again(self, deliveries: Sequence[Delivery]) -> None:
        """Go back to what the database says; while it cannot be asked, to what was last known to be there."""
        partitions = {delivery.partition for delivery in deliveries}
        try:
            positions = self._assigned(partitions)
        except exc.SQLAlchemyError:
            positions = {partition: self._positions.get(partition, 0) for partition in partitions}
        self._consumer.seek(positions)


def _identity(event: Event) -> str:
    return f"{event.source}#{event.id}"


class _Statements:
    """Built once a consumer: building a statement costs more than running it."""

    def __init__(self, tables: MessagingTables, group: str) -> None:
        positions, inbox = tables.positions, tables.inbox
        self._group = group
        self._inbox = inbox
        self._take_in = text(
            f"INSERT INTO {inbox.name} (consumer_group, event, consumed_at) "  # noqa: S608 - fixed names
            "SELECT :consumer_group, given, :now FROM unnest(CAST(:events AS text[])) AS given "
            "ON CONFLICT DO NOTHING RETURNING event"
        ).bindparams(bindparam("now", type_=inbox.c.consumed_at.type))
        self.move = (
            update(positions)
            .where(
                and_(
                    positions.c.consumer_group == group,
                    positions.c.topic == bindparam("for_topic"),
                    positions.c.partition == bindparam("for_partition"),
                    positions.c.next_offset == bindparam("expected"),
                )
            )
            .values(next_offset=bindparam("after"))
        )
        self.forget = delete(inbox).where(
            and_(inbox.c.consumer_group == group, inbox.c.event == bindparam("event"))
        )

    def take_in(self, connection: Connection, identities: list[str], now: datetime) -> list[str]:
        """Put the identities into the inbox; those that were not there."""
        if not identities:
            return []
        if connection.dialect.name == "postgresql":
            parameters = {"events": array_text(identities), "consumer_group": self._group, "now": now}
            return list(connection.execute(self._take_in, parameters).scalars().all())
        # The write lock is ours: nobody takes one in between.
        inbox = self._inbox
        statement = select(inbox.c.event).where(
            inbox.c.consumer_group == self._group, among(connection, inbox.c.event, identities)
        )
        known = set(connection.execute(statement).scalars())
        new = [each for each in dict.fromkeys(identities) if each not in known]
        rows = [{"consumer_group": self._group, "event": each, "consumed_at": now} for each in new]
        insert_rows(connection, inbox, rows)
        return new
