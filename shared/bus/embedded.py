"""The bus on one machine: a durable log in one SQLite file, for any number of threads and processes.

Every record's place is one 64-bit row number made of topic, partition and offset, so that a partition is one
stretch of the table and its end is found by one look into the tree. Every consumer of a group reads all
partitions: what keeps two of them from doing the same work twice is the fence in
``shared.messaging.consumer``.
"""

import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shared.bus import BusUnavailable, Consumer, Delivery, Partition, Positions
from shared.database import SQLITE_LOG
from shared.events import Event

PARTITIONS = 4
BUSY_TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.05
"""How soon a consumer sees what another process published; within a process it is woken."""

_OFFSET_BITS = 40
_PARTITION_BITS = 8

_SCHEMA = """
CREATE TABLE IF NOT EXISTS topics (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS log (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL, subject TEXT NOT
    NULL, time TEXT NOT NULL, key TEXT NOT NULL, correlation_id TEXT NOT NULL, data BLOB NOT NULL, headers
    TEXT);
"""
_APPEND = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_READ = "SELECT * FROM log WHERE place >= ? AND place < ? ORDER BY place LIMIT ?"
_LAST = "SELECT max(place) FROM log WHERE place >= ? AND place < ?"

_decode_headers = msgspec.json.Decoder(dict[str, str]).decode


class EmbeddedBus:
    """The log in ``path``; its folder must exist. New topics get ``partitions`` partitions."""

    def __init__(self, path: Path, *, partitions: int = PARTITIONS) -> None:
        self._path = path
        self._partitions = partitions
        self._publishing = threading.Lock()
        self._published = threading.Condition()
        self._publications = 0
        with _unavailable():
            self._writer = _connect(path)
            self._writer.executescript(_SCHEMA)
        self._topics: dict[str, tuple[int, int]] = {}

    def publish(self, events: Sequence[Event], headers: Mapping[str, str] | None = None) -> None:
        """Append the events in one transaction, on the disk when this returns. Raises ``BusUnavailable``."""
        if not events:
            return
        encoded = msgspec.json.encode(dict(headers)).decode() if headers else None
        with self._publishing, _unavailable(), _transaction(self._writer):
            ends: dict[int, int] = {}
            rows = []
            for event in events:
                number, partitions = self._topic(event.topic)
                start = _start(number, zlib.crc32(event.key.encode()) % partitions)
                end = ends.get(start)
                if end is None:
                    end = start + _length(self._writer, start)
                ends[start] = end + 1
                rows.append(
                    (
                        end,
                        event.id,
                        event.type,
                        event.source,
                        event.subject,
                        event.time,
                        event.key,
                        event.correlation_id,
                        event.data,
                        encoded,
                    )
                )
            self._writer.executemany(_APPEND, rows)
        with self._published:
            self._publications += 1
            self._published.notify_all()

    def consumer(
        self, group: str, topics: Sequence[str], positions: Callable[[Iterable[Partition]], Positions]
    ) -> Consumer:
        """A reader of all partitions of ``topics``; ``positions`` is asked once, here."""
        self._make(topics)
        partitions = {
            Partition(topic, number): _start(self._topics[topic][0], number)
            for topic in topics
            for number in range(self._topics[topic][1])
        }
        return EmbeddedConsumer(self, _connect(self._path), partitions, positions(list(partitions)))

    def create_topics(self, topics: Sequence[str]) -> None:
        self._make([name for topic in topics for name in (topic, f"{topic}.dead-letter")])

    def close(self) -> None:
        with self._publishing:
            self._writer.close()

    def publications(self) -> int:
        """How often this process has published: hand it to :meth:`wait`."""
        return self._publications

    def wait(self, seen: int, timeout_seconds: float) -> None:
        """Wait until this process has published more often than ``seen``, or another one may have."""
        with self._published:
            self._published.wait_for(lambda: self._publications > seen, min(timeout_seconds, POLL_SECONDS))

    def _make(self, topics: Iterable[str]) -> None:
        with self._publishing, _unavailable(), _transaction(self._writer):
            for topic in topics:
                self._topic(topic)

    def _topic(self, name: str) -> tuple[int, int]:
        """Number and partitions of a topic, made where it is new. Inside a transaction."""
        if name not in self._topics:
            find = "SELECT number, partitions FROM topics WHERE name = ?"
            self._writer.execute(
                "INSERT OR IGNORE INTO topics (name, partitions) VALUES (?, ?)", (name, self._partitions)
            )
            self._topics[name] = self._writer.execute(find, (name,)).fetchone()
        return self._topics[name]


class EmbeddedConsumer:
    """Reads with a connection of its own; for one thread at a time."""

    def __init__(
        self,
        bus: EmbeddedBus,
        connection: sqlite3.Connection,
        starts: Mapping[Partition, int],
        positions: Positions,
    ) -> None:
        self._bus = bus
        self._connection = connection
        self._starts = starts
        self._order = sorted(starts)
        self._positions = dict.fromkeys(starts, 0)
        self._read_to_the_end: int | None = None
        self.seek(positions)

    def poll(self, limit: int, timeout_seconds: float) -> Sequence[Delivery]:
        """See ``shared.bus.Consumer``. Raises ``BusUnavailable``."""
        until = time.monotonic() + timeout_seconds
        while True:
            seen = self._bus.publications()
            found = self._read(limit)
            left = until - time.monotonic()
            if found or left <= 0:
                return found
            self._bus.wait(seen, left)

    def seek(self, positions: Positions) -> None:
        """See ``shared.bus.Consumer``.

        A position beyond the end is that of a log that is gone: all is new then.
        """
        for partition, offset in positions.items():
            start = self._starts.get(partition)
            if start is not None:
                with _unavailable():
                    known = offset <= _length(self._connection, start)
                self._positions[partition] = offset if known else 0
        self._read_to_the_end = None

    def lag(self) -> int:
        with _unavailable():
            return sum(
                max(0, _length(self._connection, start) - self._positions[partition])
                for partition, start in self._starts.items()
            )

    def close(self) -> None:
        self._connection.close()

    def _read(self, limit: int) -> list[Delivery]:
        found: list[Delivery] = []
        # One look at whether anybody has written since nothing was found, instead of one into every partition.
        with _unavailable():
            version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._read_to_the_end:
            return found
        for partition in self._order:
            start = self._starts[partition]
            offset = self._positions[partition]
            with _unavailable():
                rows = self._connection.execute(
                    _READ, (start + offset, _end(start), limit - len(found))
                ).fetchall()
            topic = partition.topic
            for place, id_, type_, source, subject, time_, key, correlation_id, data, headers in rows:
                event = Event(id_, topic, type_, source, subject, time_, key, data, correlation_id)
                known = _decode_headers(headers) if headers else None
                found.append(Delivery(partition, place - start, event, headers=known))
            if rows:
                self._positions[partition] = rows[-1][0] - start + 1
            if len(found) == limit:
                break
        self._read_to_the_end = None if found else version
        # The one that was read first comes last next time: none can starve the others.
        self._order.append(self._order.pop(0))
        return found


def _start(topic: int, partition: int) -> int:
    return ((topic << _PARTITION_BITS) | partition) << _OFFSET_BITS


def _end(start: int) -> int:
    return start + (1 << _OFFSET_BITS)


def _length(connection: sqlite3.Connection, start: int) -> int:
    last = connection.execute(_LAST, (start, _end(start))).fetchone()[0]
    return 0 if last is None else last - start + 1


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
    )
    # FULL: the outbox forgets an event once it is here, so it has to survive the loss of power.
    for pragma in SQLITE_LOG:
        connection.execute(f"PRAGMA {pragma}")
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise BusUnavailable(f"the event log cannot be used: {error}") from error
