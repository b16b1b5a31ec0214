"""Outbox, bus and consumer together, on both databases and both buses:

effects happen exactly once, in order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, exc, func, select

from shared.bus import Bus, BusUnavailable, EventTooLarge
from shared.bus.embedded import EmbeddedBus
from shared.database import Database, insert_rows
from shared.events import Event
from shared.messaging.consumer import ConsumerHalted, ConsumerLoop, Handler, InvalidEvent, Subscription
from shared.messaging.dead_letters import OVERSIZED, UNREADABLE, dead_letters, replay
from shared.messaging.outbox import Relay, enqueue, prune, refill
from shared.messaging.tables import messaging_tables

NOW = datetime(2026, 11, 2, 18, 0, tzinfo=UTC)


class Service:
    """A service in small: it notes every event that it handles."""

    def __init__(self, database: Database, bus: Bus, topic: str) -> None:
        metadata = MetaData()
        self.database, self.bus, self.topic = database, bus, topic
        self.tables = messaging_tables(metadata)
        self.effects = Table(
            "effects",
            metadata,
            Column("id", Integer, primary_key=True),
            Column("event_id", Text, nullable=False),
            Column("key", Text, nullable=False),
        )
        metadata.create_all(database.engine)
        self.bad: set[str] = set()
        self.open: list[ConsumerLoop] = []
        self.relay = Relay(database, self.tables, bus)

    def event(self, number: int, key: str | None = None) -> Event:
        return Event(
            id=f"e{number:05}",
            topic=self.topic,
            type="thing.happened",
            source="/tests",
            subject=f"thing-{number}",
            time="2026-11-02T10:00:00.000000Z",
            key=key or f"key-{number % 5}",
            data=b'{"number":%d}' % number,
        )

    def send(self, *numbers: int) -> None:
        with self.database.begin() as connection:
            enqueue(connection, self.tables, [self.event(number) for number in numbers], now=lambda: NOW)

    def publish(self) -> int:
        published = 0
        while count := self.relay.run_once():
            published += count
        return published

    def handle(self, connection: Connection, events: Sequence[Event]) -> None:
        for event in events:
            if event.id in self.bad:
                raise InvalidEvent("the amount is not a number")
        rows = [{"event_id": event.id, "key": event.key} for event in events]
        insert_rows(connection, self.effects, rows)

    def loop(self, handler: Handler | None = None, **settings: Any) -> ConsumerLoop:
        subscription = Subscription((self.topic,), handler or self.handle)
        group = f"{self.topic}-group"
        loop = ConsumerLoop(
            self.database, self.tables, self.bus, group, subscription, now=lambda: NOW, **settings
        )
        self.open.append(loop)
        return loop

    def done(self) -> list[str]:
        with self.database.read() as connection:
            return list(connection.scalars(select(self.effects.c.event_id).order_by(self.effects.c.id)))

    def position(self) -> int:
        with self.database.read() as connection:
            return int(connection.scalar(select(func.sum(self.tables.positions.c.next_offset))) or 0)

    def letters(self) -> list[Any]:
        return list(dead_letters(self.bus, [self.topic], patience_seconds=10.0))


def consume(loop: ConsumerLoop, service: Service, count: int) -> list[str]:
    """Run until ``count`` effects are there, at most 20 s; the ids in order of their effects."""
    for _ in range(40):
        if len(service.done()) >= count:
            break
        loop.run_once(0.5)
    return service.done()


def ids(*numbers: int) -> list[str]:
    return [f"e{number:05}" for number in numbers]


@pytest.fixture
def service(database: Database, bus: Bus, topic: str) -> Iterator[Service]:
    bus.create_topics([topic])
    made = Service(database, bus, topic)
    yield made
    for loop in made.open:
        loop.close()


@pytest.fixture
def local(database: Database, embedded_bus: Bus, topic: str) -> Iterator[Service]:
    """A service on the embedded bus, for what does not depend on the bus."""
    made = Service(database, embedded_bus, topic)
    yield made
    for loop in made.open:
        loop.close()


def test_events_reach_their_effects_once_and_in_order_per_key(service: Service) -> None:
    for start in range(0, 1200, 300):
        service.send(*range(start, start + 300))
    assert service.publish() == 1200
    assert service.publish() == 0
    loop = service.loop()
    done = consume(loop, service, 1200)
    assert sorted(done) == ids(*range(1200))
    for key in range(5):
        assert [each for each in done if int(each[1:]) % 5 == key] == ids(*range(key, 1200, 5))
    assert loop.run_once(0.1) == 0
    assert service.position() == 1200


def test_events_delivered_twice_have_one_effect(service: Service) -> None:
    events = [service.event(number) for number in range(20)]
    service.bus.publish(events)
    service.bus.publish(events[5:] + events[:5])
    loop = service.loop()
    while service.position() < 40:
        loop.run_once(0.5)
    assert sorted(service.done()) == ids(*range(20))


def test_ids_repeat_only_within_their_source(service: Service) -> None:
    first = service.event(1)
    service.bus.publish([first, msgspec.structs.replace(first, source="/elsewhere")])
    assert consume(service.loop(), service, 2) == ids(1, 1)


def test_positions_and_effects_survive_a_restart(service: Service) -> None:
    service.send(*range(10))
    service.publish()
    first = service.loop()
    consume(first, service, 10)
    first.close()
    service.open.clear()
    service.send(*range(10, 15))
    service.publish()
    seen: list[str] = []

    def handler(connection: Connection, events: Sequence[Event]) -> None:
        seen.extend(event.id for event in events)
        service.handle(connection, events)

    consume(service.loop(handler), service, 15)
    assert sorted(seen) == ids(*range(10, 15))


def test_a_failing_handler_leaves_nothing_and_gets_everything_again(service: Service) -> None:
    service.send(*range(10))
    service.publish()
    failing = True

    def handler(connection: Connection, events: Sequence[Event]) -> None:
        service.handle(connection, events)
        if failing:
            raise ConnectionError("the database went away")

    loop = service.loop(handler)
    with pytest.raises(ConnectionError):
        for _ in range(40):
            loop.run_once(0.5)
    assert service.done() == []
    assert service.position() == 0
    failing = False
    assert sorted(consume(loop, service, 10)) == ids(*range(10))


def test_one_bad_event_goes_to_the_dead_letters_and_the_rest_proceeds(service: Service) -> None:
    service.bad = {"e00013", "e00014", "e00090"}
    service.send(*range(100))
    service.publish()
    done = consume(service.loop(), service, 97)
    assert sorted(done) == [each for each in ids(*range(100)) if each not in service.bad]
    for key in range(5):
        mine = [each for each in done if int(each[1:]) % 5 == key]
        assert mine == sorted(mine), "the order per key is kept around a bad event"
    assert service.publish() == 3
    letters = service.letters()
    assert {letter.event.id for letter in letters} == service.bad
    described = letters[0].described()
    assert described["reason"] == "the amount is not a number"
    assert described["group"] == f"{service.topic}-group"
    assert str(described["origin"]).startswith(f"{service.topic}/")
    assert not {"data", "key"} & set(described), "what is listed holds no data"


def test_a_replayed_dead_letter_is_processed_once(service: Service) -> None:
    service.bad = {"e00003"}
    service.send(*range(5))
    service.publish()
    loop = service.loop()
    consume(loop, service, 4)
    service.publish()
    service.bad = set()
    replayed, impossible = replay(service.bus, [service.topic])
    assert [letter.event.id for letter in replayed] == ["e00003"]
    assert replayed[0].event == service.event(3)
    assert impossible == []
    assert sorted(consume(loop, service, 5)) == ids(*range(5))
    replay(service.bus, [service.topic], ["e00003"])
    while service.position() < 7:
        loop.run_once(0.5)
    assert len(service.done()) == 5


def test_a_value_that_the_database_refuses_is_a_dead_letter(
    new_database: Callable[[str], Database], embedded_bus: Bus, topic: str
) -> None:
    service = Service(new_database("postgresql"), embedded_bus, topic)

    def handler(connection: Connection, events: Sequence[Event]) -> None:
        rows = [{"event_id": event.id, "key": event.data.decode()} for event in events]
        insert_rows(connection, service.effects, rows)

    good, bad = service.event(1), service.event(2)
    embedded_bus.publish([good, msgspec.structs.replace(bad, data=b"Smith\x00")])
    loop = service.loop(handler)
    assert consume(loop, service, 1) == ids(1)
    while service.position() < 2:
        loop.run_once(0.5)
    service.publish()
    (letter,) = service.letters()
    assert letter.event.id == "e00002"
    assert "Smith" not in letter.reason
    loop.close()


def test_many_bad_events_in_a_row_halt_the_consumer(local: Service) -> None:
    local.bad = set(ids(*range(10, 40)))
    for number in range(40):
        local.bus.publish([local.event(number, key="one")])
    loop = local.loop(batch_size=8, halt_after=20)
    with pytest.raises(ConsumerHalted):
        for _ in range(40):
            loop.run_once(0.1)
    assert loop.halted
    with pytest.raises(ConsumerHalted):
        loop.run_once(0.1)
    position = local.position()
    local.publish()
    letters = local.letters()
    assert len(local.done()) + len(letters) == position, "nothing beyond the position, nothing lost before it"
    assert position < 40


def test_bad_events_with_good_ones_between_do_not_halt(local: Service) -> None:
    local.bad = set(ids(*range(0, 120, 2)))
    local.send(*range(120))
    local.publish()
    assert sorted(consume(local.loop(halt_after=5), local, 60)) == ids(*range(1, 120, 2))


def test_a_record_that_is_no_event_becomes_a_dead_letter_that_cannot_be_replayed(
    database: Database, kafka_bus: Bus, kafka_broker: Any, topic: str
) -> None:
    kafka_bus.create_topics([topic])
    service = Service(database, kafka_bus, topic)
    producer = KafkaProducer(bootstrap_servers=kafka_broker.bootstrap_servers)
    producer.send(topic, b"not an event", key=b"k").get(10)
    producer.close()
    kafka_bus.publish([service.event(1)])
    loop = service.loop()
    assert consume(loop, service, 1) == ids(1)
    while service.position() < 2:
        loop.run_once(0.5)
    service.publish()
    (letter,) = service.letters()
    assert letter.event.type == UNREADABLE
    assert letter.event.data == b"not an event"
    assert "CloudEvents" in letter.reason
    replayed, impossible = replay(kafka_bus, [topic])
    assert (len(replayed), len(impossible)) == (0, 1)
    loop.close()


def test_two_loops_of_a_group_have_every_effect_once(service: Service) -> None:
    service.send(*range(500))
    service.publish()
    loops = [service.loop(batch_size=20), service.loop(batch_size=20)]
    for _ in range(400):
        for loop in loops:
            loop.run_once(0.05)
        if service.position() >= 500:
            break
    assert sorted(service.done()) == ids(*range(500))


def test_a_consumer_that_lost_its_place_cannot_commit(local: Service) -> None:
    local.send(*range(10))
    local.publish()
    stalled = True
    seen: list[str] = []

    def handle(connection: Connection, events: Sequence[Event]) -> None:
        if stalled:
            raise TimeoutError
        seen.extend(event.id for event in events)
        local.handle(connection, events)

    zombie, heir = local.loop(handle), local.loop()
    with pytest.raises(TimeoutError):
        zombie.run_once(1.0)
    consume(heir, local, 10)
    # The inbox forgets in time, so it alone would not stop a consumer that wakes up late.
    prune(local.database, local.tables, NOW + timedelta(days=1))
    stalled = False
    assert zombie.run_once(1.0) == 10, "it reads the records that the other has done meanwhile"
    assert seen == [], "and is stopped before its handler"
    assert sorted(local.done()) == ids(*range(10))
    local.send(10)
    local.publish()
    assert sorted(consume(zombie, local, 11)) == ids(*range(11)), "then goes on from the other's positions"
    assert seen == ids(10)


def test_a_group_rebalances_when_a_member_joins_and_leaves(
    database: Database, kafka_bus: Bus, topic: str
) -> None:
    kafka_bus.create_topics([topic])
    service = Service(database, kafka_bus, topic)
    service.send(*range(200))
    service.publish()
    first = service.loop(batch_size=10)
    consume(first, service, 30)
    second = service.loop(batch_size=10)
    for _ in range(200):
        first.run_once(0.05)
        second.run_once(0.05)
        if len(service.done()) >= 200:
            break
    service.send(*range(200, 240))
    service.publish()
    second.close()
    done = consume(first, service, 240)
    first.close()
    assert sorted(done) == ids(*range(240))
    for key in range(5):
        assert [each for each in done if int(each[1:]) % 5 == key] == ids(*range(key, 240, 5))


class FlakyBus:
    """Hands half of a publication on and then cannot be reached, as often as asked."""

    def __init__(self, bus: Bus, failures: int) -> None:
        self._bus, self.failures = bus, failures

    def publish(self, events: Sequence[Event], headers: Mapping[str, str] | None = None) -> None:
        if self.failures:
            self.failures -= 1
            self._bus.publish(events[: len(events) // 2], headers)
            raise BusUnavailable("gone")
        self._bus.publish(events, headers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)


class NarrowBus:
    """Takes no event of more than some bytes, after it has handed on those before it."""

    def __init__(self, bus: Bus, most: int) -> None:
        self._bus, self._most = bus, most

    def publish(self, events: Sequence[Event], headers: Mapping[str, str] | None = None) -> None:
        refused = [event for event in events if len(event.data) > self._most]
        first = events.index(refused[0]) if refused else len(events)
        self._bus.publish(events[:first], headers)
        if refused:
            raise EventTooLarge(refused)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)


def test_an_event_that_is_too_large_for_the_bus_is_set_aside_and_the_rest_proceeds(
    local: Service, caplog: pytest.LogCaptureFixture
) -> None:
    bus = NarrowBus(local.bus, 100)
    relay = Relay(local.database, local.tables, bus)
    local.send(*range(5))
    large = [
        msgspec.structs.replace(local.event(5), data=b"7" * 101, topic=topic)
        for topic in (local.topic, f"{local.topic}.dead-letter")
    ]
    with local.database.begin() as connection:
        enqueue(connection, local.tables, large)
    local.send(*range(6, 10))

    assert relay.run_once() == 11

    assert relay.waiting() == 0
    assert sorted(consume(local.loop(), local, 9)) == ids(*range(5), *range(6, 10))
    letters = list(dead_letters(local.bus, [local.topic], patience_seconds=1))
    assert [(each.event.id, each.event.type, each.group) for each in letters] == [
        ("e00005", OVERSIZED, "outbox")
    ] * 2
    assert "has 101 bytes, more than the bus takes" in letters[0].reason
    assert b"777" not in letters[0].event.data
    assert any(record.levelname == "CRITICAL" and "e00005" in record.message for record in caplog.records)
    replayed, impossible = replay(local.bus, [local.topic])
    assert (replayed, len(impossible)) == ([], 1)


def test_nothing_is_lost_when_the_bus_fails_in_the_middle(service: Service) -> None:
    flaky = FlakyBus(service.bus, failures=2)
    relay = Relay(service.database, service.tables, flaky)
    service.send(*range(60))
    for _ in range(2):
        with pytest.raises(BusUnavailable):
            relay.run_once()
    assert relay.waiting() == 60
    assert relay.run_once() == 60
    assert relay.waiting() == 0
    done = consume(service.loop(), service, 60)
    assert sorted(done) == ids(*range(60))
    for key in range(5):
        assert [each for each in done if int(each[1:]) % 5 == key] == ids(*range(key, 60, 5))


def test_an_event_that_commits_after_its_successor_is_not_lost(
    new_database: Callable[[str], Database], embedded_bus: Bus, topic: str
) -> None:
    service = Service(new_database("postgresql"), embedded_bus, topic)
    with service.database.begin() as slow:
        enqueue(slow, service.tables, [service.event(1)])
        service.send(2)
        assert service.publish() == 1
    assert service.publish() == 1
    loop = service.loop()
    assert sorted(consume(loop, service, 2)) == ids(1, 2)
    loop.close()


def test_an_event_of_a_transaction_that_fails_is_never_published(local: Service) -> None:
    with pytest.raises(exc.IntegrityError), local.database.begin() as connection:
        enqueue(connection, local.tables, [local.event(1)])
        insert_rows(connection, local.effects, [{"id": 1, "event_id": "x", "key": "k"}] * 2)
    assert local.publish() == 0


def test_a_second_relay_leaves_the_work_to_the_first(local: Service) -> None:
    local.send(*range(10))
    other = Relay(local.database, local.tables, local.bus)
    with local.database.try_lock("outbox"):
        assert other.run_once() == 0
    assert other.run_once() == 10
    assert local.relay.run_once() == 0


def test_two_relays_that_both_publish_keep_the_order(local: Service) -> None:
    """As if the first had lost its lock: the first copies still come in order, second copies are dropped."""
    events = [local.event(number) for number in range(50)]
    for start in range(0, 50, 10):
        local.bus.publish(events[start : start + 10])
        local.bus.publish(events[max(0, start - 10) : start + 10])
    loop = local.loop(batch_size=7)
    done = consume(loop, local, 50)
    for key in range(5):
        assert [each for each in done if int(each[1:]) % 5 == key] == ids(*range(key, 50, 5))


def test_a_new_bus_is_filled_again_from_the_outbox(local: Service, kafka_bus: Bus) -> None:
    local.send(*range(8))
    local.publish()
    consume(local.loop(), local, 8)
    kafka_bus.create_topics([local.topic])
    assert refill(local.database, local.tables) == 8
    assert Relay(local.database, local.tables, kafka_bus).run_once() == 8
    consumer = kafka_bus.consumer(f"{local.topic}-new", [local.topic], lambda _: {})
    found: list[str] = []
    for _ in range(40):
        found.extend(delivery.event.id for delivery in consumer.poll(100, 0.5) if delivery.event)
        if len(found) == 8:
            break
    consumer.close()
    assert sorted(found) == ids(*range(8))


def test_pruning_takes_only_what_is_published_and_old(local: Service) -> None:
    local.send(*range(5))
    local.publish()
    consume(local.loop(), local, 5)
    local.send(5)
    assert prune(local.database, local.tables, NOW) == 0
    assert prune(local.database, local.tables, NOW + timedelta(seconds=1)) == 10
    assert local.relay.waiting() == 1


def test_a_consumer_reads_a_log_that_was_lost_from_its_new_start(local: Service, tmp_path: Path) -> None:
    local.send(*range(5))
    local.publish()
    consume(local.loop(), local, 5)
    new_log = EmbeddedBus(tmp_path / "new.db")
    again = Service(local.database, new_log, local.topic)
    new_log.publish([again.event(number) for number in (3, 4, 5)])
    loop = again.loop()
    assert sorted(consume(loop, again, 6)) == ids(*range(6))
    loop.close()
    new_log.close()
