"""What both buses promise: order per key, durability, dense positions, and records that are no events."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaProducer
from kafka.partitioner.default import murmur2

from shared.bus import Bus, BusUnavailable, Consumer, Delivery, EventTooLarge, Partition, Positions
from shared.bus.embedded import EmbeddedBus
from shared.bus.kafka import MAX_EVENT_BYTES, KafkaBus, java_hash
from shared.events import Event


def event(number: int, topic: str, *, key: str | None = None, data: bytes = b"{}") -> Event:
    return Event(
        id=f"event-{number}",
        topic=topic,
        type="thing.happened",
        source="/tests",
        subject=f"thing-{number}",
        time="2026-11-02T10:00:00.000000Z",
        key=f"key-{number % 7}" if key is None else key,
        data=data,
        correlation_id=f"request-{number}",
    )


def from_start(_: Iterable[Partition]) -> Positions:
    return {}


def read(consumer: Consumer, count: int) -> list[Delivery]:
    """Exactly ``count`` deliveries, or what came within 20 s."""
    found: list[Delivery] = []
    for _ in range(40):
        found.extend(consumer.poll(500, 0.5))
        if len(found) >= count:
            break
    return found


@pytest.fixture
def ready(bus: Bus, topic: str) -> tuple[Bus, str]:
    bus.create_topics([topic])
    return bus, topic


def test_an_event_comes_out_as_it_went_in(ready: tuple[Bus, str]) -> None:
    bus, topic = ready
    sent = event(1, topic, data='{"name": "Núñez \\u0000"}'.encode())
    bus.publish([sent])
    consumer = bus.consumer(f"{topic}-group", [topic], from_start)
    (delivery,) = read(consumer, 1)
    assert delivery.event == sent
    assert delivery.offset == 0
    assert delivery.headers is None
    consumer.close()


def test_events_of_one_key_stay_in_order_and_in_one_partition(ready: tuple[Bus, str]) -> None:
    bus, topic = ready
    for start in range(0, 300, 100):
        bus.publish([event(number, topic) for number in range(start, start + 100)])
    consumer = bus.consumer(f"{topic}-group", [topic], from_start)
    deliveries = read(consumer, 300)
    consumer.close()
    by_key: dict[str, list[int]] = {}
    places: dict[str, set[Partition]] = {}
    for delivery in deliveries:
        assert delivery.event is not None
        by_key.setdefault(delivery.event.key, []).append(int(delivery.event.id.split("-")[1]))
        places.setdefault(delivery.event.key, set()).add(delivery.partition)
    assert {key: list(range(int(key[4:]), 300, 7)) for key in by_key} == by_key
    assert len(by_key) == 7
    assert all(len(partitions) == 1 for partitions in places.values())


def test_offsets_of_a_partition_are_dense_from_zero(ready: tuple[Bus, str]) -> None:
    bus, topic = ready
    bus.publish([event(number, topic) for number in range(50)])
    consumer = bus.consumer(f"{topic}-group", [topic], from_start)
    offsets: dict[Partition, list[int]] = {}
    for delivery in read(consumer, 50):
        offsets.setdefault(delivery.partition, []).append(delivery.offset)
    consumer.close()
    assert sum(map(len, offsets.values())) == 50
    assert all(seen == list(range(len(seen))) for seen in offsets.values())


def test_a_consumer_starts_where_its_caller_says(ready: tuple[Bus, str]) -> None:
    bus, topic = ready
    bus.publish([event(number, topic, key="one") for number in range(10)])

    def from_seven(partitions: Iterable[Partition]) -> Positions:
        return dict.fromkeys(partitions, 7)

    consumer = bus.consumer(f"{topic}-group", [topic], from_seven)
    assert [delivery.offset for delivery in read(consumer, 3)] == [7, 8, 9]
    consumer.close()


def test_seeking_back_delivers_again(ready: tuple[Bus, str]) -> None:
    bus, topic = ready
    bus.publish([event(number, topic, key="one") for number in range(5)])
    consumer = bus.consumer(f"{topic}-group", [topic], from_start)
    first = read(consumer, 5)
    consumer.seek({first[0].partition: 3, Partition("another.topic", 0): 1})
    assert [delivery.offset for delivery in read(consumer, 2)] == [3, 4]
    consumer.close()


def test_a_poll_gives_no_more_than_its_limit(ready: tuple[Bus, str]) -> None:
    bus, topic = ready
    bus.publish([event(number, topic) for number in range(25)])
    consumer = bus.consumer(f"{topic}-group", [topic], from_start)
    sizes = []
    while sum(sizes) < 25:
        sizes.append(len(consumer.poll(10, 5.0)))
    consumer.close()
    assert max(sizes) <= 10


def test_lag_counts_what_is_still_to_read(ready: tuple[Bus, str]) -> None:
    bus, topic = ready
    bus.publish([event(number, topic, key="one") for number in range(5)])
    consumer = bus.consumer(f"{topic}-group", [topic], from_start)
    read(consumer, 5)
    assert consumer.lag() == 0
    bus.publish([event(number, topic, key="one") for number in range(5, 8)])
    assert consumer.lag() == 3
    consumer.close()


def test_added_headers_reach_the_reader(ready: tuple[Bus, str]) -> None:
    bus, topic = ready
    bus.publish([event(1, topic)], {"dead_letter_reason": "wrong"})
    consumer = bus.consumer(f"{topic}-group", [topic], from_start)
    (delivery,) = read(consumer, 1)
    consumer.close()
    assert delivery.headers == {"dead_letter_reason": "wrong"}
    assert delivery.event == event(1, topic)


def test_two_groups_both_get_everything(ready: tuple[Bus, str]) -> None:
    bus, topic = ready
    bus.publish([event(number, topic) for number in range(20)])
    for group in ("first", "second"):
        consumer = bus.consumer(f"{topic}-{group}", [topic], from_start)
        assert len(read(consumer, 20)) == 20
        consumer.close()


def test_making_topics_twice_keeps_what_they_hold(ready: tuple[Bus, str]) -> None:
    bus, topic = ready
    bus.publish([event(1, topic)])
    bus.create_topics([topic])
    consumer = bus.consumer(f"{topic}-group", [topic], from_start)
    assert len(read(consumer, 1)) == 1
    consumer.close()


def test_threads_publish_at_once_and_nothing_is_lost(ready: tuple[Bus, str]) -> None:
    bus, topic = ready

    def publish(start: int) -> None:
        for number in range(start, start + 50, 10):
            bus.publish([event(each, topic) for each in range(number, number + 10)])

    threads = [threading.Thread(target=publish, args=(start,)) for start in (0, 50, 100, 150)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    consumer = bus.consumer(f"{topic}-group", [topic], from_start)
    found = {delivery.event.id for delivery in read(consumer, 200) if delivery.event}
    consumer.close()
    assert found == {f"event-{number}" for number in range(200)}


def test_the_embedded_log_outlives_its_process(tmp_path: Path, topic: str) -> None:
    bus = EmbeddedBus(tmp_path / "events.db")
    bus.publish([event(number, topic) for number in range(10)])
    bus.close()
    again = EmbeddedBus(tmp_path / "events.db", partitions=9)
    again.publish([event(number, topic) for number in range(10, 20)])
    consumer = again.consumer("group", [topic], from_start)
    deliveries = read(consumer, 20)
    consumer.close()
    again.close()
    assert len({delivery.partition for delivery in deliveries}) <= 4, "a topic keeps its number of partitions"
    assert len(deliveries) == 20


def test_a_waiting_embedded_consumer_is_woken_at_once(embedded_bus: EmbeddedBus, topic: str) -> None:
    consumer = embedded_bus.consumer("group", [topic], from_start)
    timer = threading.Timer(0.1, embedded_bus.publish, ([event(1, topic)],))
    timer.start()
    assert len(consumer.poll(10, 30.0)) == 1
    timer.join()
    consumer.close()


@pytest.mark.parametrize(
    ("headers", "defect"),
    [
        ([], "no CloudEvents 1.0 headers"),
        ([("ce_specversion", b"0.3"), ("ce_id", b"1")], "no CloudEvents 1.0 headers"),
        ([("ce_specversion", b"1.0"), ("ce_source", b"/x"), ("ce_type", b"t")], "ce_id"),
        ([("ce_specversion", b"1.0"), ("ce_id", b"\xff")], "not UTF-8"),
    ],
)
def test_a_record_that_is_no_cloudevent_is_delivered_with_its_defect(
    kafka_bus: KafkaBus, kafka_broker: Any, topic: str, headers: list[tuple[str, bytes]], defect: str
) -> None:
    kafka_bus.create_topics([topic])
    producer = KafkaProducer(bootstrap_servers=kafka_broker.bootstrap_servers)
    producer.send(topic, b"anything", key=b"k", headers=headers).get(10)
    producer.close()
    consumer = kafka_bus.consumer(f"{topic}-group", [topic], from_start)
    (delivery,) = read(consumer, 1)
    consumer.close()
    assert delivery.event is None
    assert delivery.raw == b"anything"
    assert defect in delivery.defect


@pytest.mark.parametrize(
    ("key", "java"), [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)]
)
def test_the_partition_of_a_key_is_that_of_the_java_client(key: bytes, java: int) -> None:
    # Values from the Kafka clients' own UtilsTest.testMurmur2.
    assert java_hash(key) == java & 0xFFFFFFFF


@given(st.binary(max_size=100))
def test_our_hash_of_any_key_is_that_of_the_kafka_client(key: bytes) -> None:
    assert java_hash(key) == murmur2(key) & 0xFFFFFFFF


def test_kafka_that_is_not_there_is_unavailable(topic: str, unused_port: Callable[[], int]) -> None:
    bus = KafkaBus(f"127.0.0.1:{unused_port()}", {"bootstrap_timeout_ms": 500}, delivery_timeout_seconds=2)
    with pytest.raises(BusUnavailable):
        bus.publish([event(1, topic)])
    bus.close()


def test_kafka_says_which_events_it_will_never_take_and_takes_the_others(
    kafka_bus: KafkaBus, topic: str
) -> None:
    kafka_bus.create_topics([topic])
    large = event(1, topic, key="key", data=b"7" * (MAX_EVENT_BYTES + 1))
    with pytest.raises(EventTooLarge) as refused:
        kafka_bus.publish([event(0, topic, key="key"), large, event(2, topic, key="key")])
    assert refused.value.events == [large]
    kafka_bus.publish([event(3, topic, key="key")])
    consumer = kafka_bus.consumer(f"{topic}-group", [topic], from_start)
    assert [each.event.id for each in read(consumer, 3) if each.event] == ["event-0", "event-2", "event-3"]
    consumer.close()
