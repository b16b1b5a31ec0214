"""The outbox: events leave in the transaction that makes them true, and reach the bus at least once.

One relay publishes at a time. Should two ever run (a lock lost with its connection), both go through the
unpublished rows in the order of their ids, so the first copy of every event still comes in order, and readers
drop the second by its id.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, func, select

from shared.among import among
from shared.bus import Bus, EventTooLarge
from shared.database import Database, insert_rows
from shared.events import Event
from shared.failpoints import failpoint
from shared.messaging import metrics
from shared.messaging.dead_letters import set_aside_oversized
from shared.messaging.tables import MessagingTables
from shared.parts import utc_now

log = logging.getLogger(__name__)

_headers = msgspec.json.Decoder(dict[str, str])


def enqueue(
    connection: Connection,
    tables: MessagingTables,
    events: Sequence[Event],
    headers: dict[str, str] | None = None,
    *,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Put ``events`` into the outbox, in order, in the caller's transaction.

    ``headers`` go with each of them.
    """
    if not events:
        return
    encoded = msgspec.json.encode(headers) if headers else None
    ids = _new_ids(connection, len(events))
    at = now()
    rows = [
        {
            "id": id_,
            "event_id": event.id,
            "topic": event.topic,
            "type": event.type,
            "source": event.source,
            "subject": event.subject,
            "time": event.time,
            "key": event.key,
            "correlation_id": event.correlation_id,
            "data": event.data,
            "headers": encoded,
            "enqueued_at": at,
        }
        for id_, event in zip(ids, events, strict=True)
    ]
    insert_rows(connection, tables.outbox, rows)
    insert_rows(connection, tables.waiting, [{"id": id_} for id_ in ids])


class Relay:
    """Publishes what stands in the outbox and marks it. Any number may run; one at a time works."""

    def __init__(
        self,
        database: Database,
        tables: MessagingTables,
        bus: Bus,
        *,
        batch_size: int = 1000,
    ) -> None:
        self._database = database
        self._bus = bus
        self._seen = 0
        outbox, waiting = tables.outbox, tables.waiting
        columns = [outbox.c[name] for name in _EVENT_COLUMNS]
        self._next = (
            select(waiting.c.id, outbox.c.headers, *columns)
            .join_from(waiting, outbox, waiting.c.id == outbox.c.id)
            .order_by(waiting.c.id)
            .limit(batch_size)
        )
        self._waiting = waiting

    def run_once(self) -> int:
        """Publish one batch; how many events it held, 0 where nothing waits or another relay is at work.

        Raises ``BusUnavailable`` or a database error; then everything unmarked is published again next time.
        """
        self._seen = self._database.commits()
        with self._database.try_lock("outbox") as mine:
            if not mine:
                return 0
            with self._database.read() as connection:
                rows = connection.execute(self._next).all()
            if not rows:
                return 0
            failpoint("relay_before_publish")
            for headers, events in _runs(rows):
                self._publish(events, headers)
            failpoint("relay_after_publish_before_mark")
            self._mark([row[0] for row in rows])
            failpoint("relay_after_mark")
        for topic, run in groupby(rows, key=itemgetter(3)):
            metrics.published.labels(topic).inc(sum(1 for _ in run))
        return len(rows)

    def wait(self, timeout_seconds: float) -> None:
        """Wait until this process commits something more to the database, at most ``timeout_seconds``."""
        self._database.wait_for_commit(self._seen, timeout_seconds)

    def waiting(self) -> int:
        """How many events wait to be published."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(self._waiting)).scalar_one())

    def _publish(self, events: list[Event], headers: dict[str, str] | None) -> None:
        try:
            self._bus.publish(events, headers)
        except EventTooLarge as error:
            # It would hold up everybody's events behind it.
            for event in error.events:
                set_aside_oversized(self._bus, event)
                metrics.dead_lettered.labels("outbox").inc()
                log.critical(
                    "event %s (%s) is too large for the bus, %d bytes: set aside as a dead letter of %s",
                    *(event.id, event.type, len(event.data), event.topic),
                )
            aside = {event.id for event in error.events}
            self._publish([event for event in events if event.id not in aside], headers)

    def _mark(self, ids: list[int]) -> None:
        # Ids between the first and the last may have been committed meanwhile: only those read are marked.
        with self._database.begin() as connection:
            connection.execute(delete(self._waiting).where(among(connection, self._waiting.c.id, ids)))


def prune(database: Database, tables: MessagingTables, before: datetime) -> int:
    """Delete outbox rows sent, and inbox ids consumed, before ``before`` (aware); how many rows went.

    What still waits stays. Published events are kept so that topics of a lost broker can be filled again
    (:func:`refill`); inbox ids, because a repeat can come no later than that. Keep at least the retention
    of the topics.
    """
    outbox, waiting, inbox = tables.outbox, tables.waiting, tables.inbox
    with database.begin() as connection:
        published = outbox.c.id.not_in(select(waiting.c.id))
        old = connection.execute(delete(outbox).where(outbox.c.enqueued_at < before, published))
        return old.rowcount + connection.execute(delete(inbox).where(inbox.c.consumed_at < before)).rowcount


def refill(database: Database, tables: MessagingTables) -> int:
    """For topics that were lost: let everything sent wait again, and read from the beginning of the new topics.

    Returns how many events wait that did not. Readers that have their effects already drop them.
    """
    outbox, waiting = tables.outbox, tables.waiting
    with database.begin() as connection:
        # An old position may lie inside a new topic: what stands before it would never be read.
        connection.execute(delete(tables.positions))
        sent = select(outbox.c.id).where(outbox.c.id.not_in(select(waiting.c.id)))
        count = connection.execute(select(func.count()).select_from(sent.subquery())).scalar_one()
        connection.execute(waiting.insert().from_select(["id"], sent))
        return int(count)


_EVENT_COLUMNS = ("event_id", "topic", "type", "source", "subject", "time", "key", "data", "correlation_id")
"""In the order of the fields of ``Event``."""


def _new_ids(connection: Connection, count: int) -> list[int]:
    if connection.dialect.name == "postgresql":
        statement = "SELECT nextval('outbox_id_seq') FROM generate_series(1, %s)"
        return [row[0] for row in connection.exec_driver_sql(statement, (count,))]
    # The write lock is ours: nobody else takes the same.
    last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM outbox").scalar_one()
    return list(range(last + 1, last + 1 + count))


def _runs(rows: Sequence[Row[Any]]) -> Iterator[tuple[dict[str, str] | None, list[Event]]]:
    """Neighbours with the same headers together: nearly always the whole batch."""
    for headers, run in groupby(rows, key=itemgetter(1)):
        yield (_headers.decode(headers) if headers else None, [_event(row) for row in run])


def _event(row: Any) -> Event:
    return Event(*row[2:])
