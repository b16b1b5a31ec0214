"""The outbox: events leave in the transaction that makes them true, and reach the bus at least once.

One relay publishes at a time. Should two ever run (a lock lost with its connection), both go through the
unpublished rows in the order of their ids, so the first copy of every event still comes in order, and readers
drop the second by its id.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

import msgspec
from sqlalchemy import Connection, Row, delete, func, select, update

from shared.bus import Bus
from shared.database import Database, insert_rows
from shared.events import Event
from shared.failpoints import failpoint
from shared.messaging import metrics
from shared.messaging.tables import MessagingTables
from shared.parts import utc_now

_headers = msgspec.json.Decoder(dict[str, str])


def enqueue(
    connection: Connection,
    tables: MessagingTables,
    events: Sequence[Event],
    headers: dict[str, str] | None = None,
) -> None:
    """Put ``events`` into the outbox, in order, in the caller's transaction.

    ``headers`` go with each of them.
    """
    encoded = msgspec.json.encode(headers) if headers else None
    insert_rows(
        connection,
        tables.outbox,
        [
            {
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
            }
            for event in events
        ],
    )


class Relay:
    """Publishes what stands in the outbox and marks it. Any number may run; one at a time works."""

    def __init__(
        self,
        database: Database,
        tables: MessagingTables,
        bus: Bus,
        *,
        batch_size: int = 1000,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._bus = bus
        self._now = now
        self._seen = 0
        outbox = tables.outbox
        waiting = outbox.c.published_at.is_(None)
        self._next = select(outbox).where(waiting).order_by(outbox.c.id).limit(batch_size)
        self._outbox = outbox

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
                self._bus.publish(events, headers)
            failpoint("relay_after_publish_before_mark")
            self._mark([row.id for row in rows])
            failpoint("relay_after_mark")
        for topic, run in groupby(rows, key=lambda row: str(row.topic)):
            metrics.published.labels(topic).inc(sum(1 for _ in run))
        return len(rows)

    def wait(self, timeout_seconds: float) -> None:
        """Wait until this process commits something more to the database, at most ``timeout_seconds``."""
        self._database.wait_for_commit(self._seen, timeout_seconds)

    def waiting(self) -> int:
        """How many events wait to be published."""
        with self._database.read() as connection:
            statement = select(func.count()).where(self._outbox.c.published_at.is_(None))
            return int(connection.execute(statement).scalar_one())

    def _mark(self, ids: list[int]) -> None:
        # Ids between the first and the last may have been committed meanwhile: only those read are marked.
        outbox = self._outbox
        with self._database.begin() as connection:
            connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(published_at=self._now()))


def prune(database: Database, tables: MessagingTables, before: datetime) -> int:
    """Delete outbox rows published, and inbox ids consumed, before ``before`` (aware); how many rows went.

    Published events are kept that long so that topics of a lost broker can be filled again
    (:func:`unpublish`); inbox ids, because a repeat can come no later than that. Keep at least the retention
    of the topics.
    """
    with database.begin() as connection:
        outbox = connection.execute(delete(tables.outbox).where(tables.outbox.c.published_at < before))
        inbox = connection.execute(delete(tables.inbox).where(tables.inbox.c.consumed_at < before))
        return outbox.rowcount + inbox.rowcount


def unpublish(database: Database, tables: MessagingTables, since: datetime) -> int:
    """Mark everything published since ``since`` (aware) as unpublished: the relay fills a new bus with it.

    Returns how many events. Readers that have their effects already drop them.
    """
    with database.begin() as connection:
        outbox = tables.outbox
        statement = update(outbox).where(outbox.c.published_at >= since).values(published_at=None)
        return connection.execute(statement).rowcount


def _runs(rows: Sequence[Row[tuple[object, ...]]]) -> Iterator[tuple[dict[str, str] | None, list[Event]]]:
    """Neighbours with the same headers together: nearly always the whole batch."""
    for headers, run in groupby(rows, key=lambda row: row.headers):
        yield (
            _headers.decode(headers) if headers else None,
            [
                Event(
                    id=row.event_id,
                    topic=row.topic,
                    type=row.type,
                    source=row.source,
                    subject=row.subject,
                    time=row.time,
                    key=row.key,
                    data=row.data,
                    correlation_id=row.correlation_id,
                )
                for row in run
            ],
        )
