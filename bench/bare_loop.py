"""The yardstick of the pipeline: produce, consume, insert claim and lines, produce, consume, insert clock.

The same payloads as the pipeline's, decoded and looked at by whoever consumes them, batches of 500, each batch's
inserts one transaction as durable as the pipeline's own. Bulk inserts (``COPY`` on PostgreSQL); positions are kept by
nobody; garbage is collected as seldom as in the pipeline.
"""

import multiprocessing
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Column, MetaData, String, Table

from shared.bus import Bus, Consumer
from shared.bus.embedded import EmbeddedBus
from shared.bus.kafka import KafkaBus
from shared.collection import collect_seldom
from shared.database import Database, Json, insert_rows
from shared.events import Event, new_event
from shared.parts import utc_now

BATCH = 500
PARTITIONS = 12
CLAIMS_TOPIC, CLOCKS_TOPIC = "bench.claims.v1", "bench.clocks.v1"
WAIT_SECONDS = 120

METADATA = MetaData()
CLAIMS = Table("bare_claims", METADATA, Column("id", String(40), primary_key=True), Column("document", Json))
LINES = Table(
    "bare_lines",
    METADATA,
    Column("claim", String(40), primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("code", String(5)),
)
CLOCKS = Table(
    "bare_clocks", METADATA, Column("id", String(40), primary_key=True), Column("member", String(40))
)


class Payload(Struct, frozen=True):
    """A claim as intake publishes it."""

    claim_id: str
    member: str
    data: bytes


def in_one_process(folder: Path, payloads: Sequence[Payload]) -> float:
    """Seconds for all payloads on the embedded log and SQLite, one batch after the other."""
    folder.mkdir()
    bus, database = EmbeddedBus(folder / "events.db"), Database(f"sqlite:///{folder / 'bare.db'}", "bare")
    try:
        bus.create_topics((CLAIMS_TOPIC, CLOCKS_TOPIC))
        _create_tables(database)
        claims, clocks = _reader(bus, CLAIMS_TOPIC), _reader(bus, CLOCKS_TOPIC)
        collect_seldom()
        started = time.perf_counter()
        done = 0
        for batch in _batches(payloads):
            _produce(bus, batch)
            _relay_claims(bus, database, _read(claims, len(batch)))
            done += _insert_clocks(database, _read(clocks, len(batch)))
        seconds = time.perf_counter() - started
        claims.close()
        clocks.close()
        if done != len(payloads):
            raise RuntimeError(f"the bare loop moved {done} of {len(payloads)} claims")
        return seconds
    finally:
        database.close()
        bus.close()


def in_three_processes(bootstrap: str, url: str, payloads: Sequence[Payload]) -> float:
    """Seconds for all payloads on Kafka and PostgreSQL: one process produces, one inserts claims, one clocks."""
    bus, database = KafkaBus(bootstrap, partitions=PARTITIONS), Database(url, "bare")
    bus.create_topics((CLAIMS_TOPIC, CLOCKS_TOPIC))
    bus.close()
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA bare")
    _create_tables(database)
    database.close()
    spawn = multiprocessing.get_context("spawn")
    ready, done = spawn.Barrier(4), spawn.Barrier(4)
    work = (bootstrap, url, payloads, ready, done)
    children = [spawn.Process(target=each, args=work) for each in (_producing, _inserting_claims, _clocking)]
    for child in children:
        child.start()
    ready.wait(WAIT_SECONDS)
    started = time.perf_counter()
    done.wait(WAIT_SECONDS)
    seconds = time.perf_counter() - started
    for child in children:
        child.join(WAIT_SECONDS)
    return seconds


def _producing(
    bootstrap: str, _: str, payloads: Sequence[Payload], ready: "Barrier", done: "Barrier"
) -> None:
    bus = KafkaBus(bootstrap)
    ready.wait(WAIT_SECONDS)
    for batch in _batches(payloads):
        _produce(bus, batch)
    done.wait(WAIT_SECONDS)
    bus.close()


def _inserting_claims(
    bootstrap: str, url: str, payloads: Sequence[Payload], ready: "Barrier", done: "Barrier"
) -> None:
    bus, database = KafkaBus(bootstrap), Database(url, "bare")
    collect_seldom()
    reader = _assigned_reader(bus, CLAIMS_TOPIC)
    ready.wait(WAIT_SECONDS)
    left = len(payloads)
    while left:
        events = _read(reader, 1)
        _relay_claims(bus, database, events)
        left -= len(events)
    done.wait(WAIT_SECONDS)
    reader.close()
    bus.close()


def _clocking(
    bootstrap: str, url: str, payloads: Sequence[Payload], ready: "Barrier", done: "Barrier"
) -> None:
    bus, database = KafkaBus(bootstrap), Database(url, "bare")
    collect_seldom()
    reader = _assigned_reader(bus, CLOCKS_TOPIC)
    ready.wait(WAIT_SECONDS)
    left = len(payloads)
    while left:
        left -= _insert_clocks(database, _read(reader, 1))
    done.wait(WAIT_SECONDS)
    reader.close()
    bus.close()


def _produce(bus: Bus, batch: Iterable[Payload]) -> None:
    bus.publish([_event(CLAIMS_TOPIC, each.claim_id, each.member, each.data) for each in batch])


def _relay_claims(bus: Bus, database: Database, events: Sequence[Event]) -> None:
    claims = [(event.subject, _checked(event)["claim"]) for event in events]
    with database.begin() as connection:
        insert_rows(connection, CLAIMS, [{"id": event.subject, "document": event.data} for event in events])
        insert_rows(
            connection,
            LINES,
            [
                {"claim": claim_id, "line": line["number"], "code": line["procedure_code"]}
                for claim_id, claim in claims
                for line in claim["lines"]
            ],
        )
    bus.publish([_event(CLOCKS_TOPIC, event.subject, event.key, event.data) for event in events])


def _insert_clocks(database: Database, events: Sequence[Event]) -> int:
    for event in events:
        _checked(event)
    with database.begin() as connection:
        insert_rows(connection, CLOCKS, [{"id": event.subject, "member": event.key} for event in events])
    return len(events)


def _event(topic: str, claim_id: str, key: str, data: bytes) -> Event:
    return new_event(topic, "bench", "/bench", subject=claim_id, key=key, data=data, now=utc_now())


def _checked(event: Event) -> dict[str, Any]:
    """The event's data as a reader without types has it: decoded to dicts, and seen to hold what is needed."""
    data: dict[str, Any] = msgspec.json.decode(event.data)
    if (
        data["claim_id"] != event.subject
        or not data["claim"]["lines"]
        or "arrival_date" not in data["receipt"]
    ):
        raise RuntimeError("an event of another shape")
    return data


def _read(reader: Consumer, at_least: int) -> list[Event]:
    """At least so many events, at most a batch."""
    events: list[Event] = []
    deadline = time.monotonic() + WAIT_SECONDS
    while len(events) < at_least:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the bare loop waited {WAIT_SECONDS} s for {at_least} events")
        events += [each.event for each in reader.poll(BATCH - len(events), 1.0) if each.event is not None]
    return events


def _reader(bus: Bus, topic: str) -> Consumer:
    return bus.consumer(f"bench.{topic}", (topic,), lambda _: {})


def _assigned_reader(bus: Bus, topic: str) -> Consumer:
    """A reader that has joined its group and been given its partitions, so that the clock does not run meanwhile."""
    assigned = 0

    def count(partitions: Iterable[object]) -> dict[object, int]:
        nonlocal assigned
        assigned += len(list(partitions))
        return {}

    reader = bus.consumer(f"bench.{topic}", (topic,), count)  # type: ignore[arg-type]
    deadline = time.monotonic() + WAIT_SECONDS
    while assigned < PARTITIONS:
        if reader.poll(1, 0.2) or time.monotonic() > deadline:
            raise RuntimeError(f"the reader of {topic} was given {assigned} of {PARTITIONS} partitions")
    return reader


def _batches(payloads: Sequence[Payload]) -> Iterator[list[Payload]]:
    rest = iter(payloads)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _create_tables(database: Database) -> None:
    with database.begin() as connection:
        METADATA.create_all(connection)
