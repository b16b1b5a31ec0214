"""The bus on Apache Kafka: CloudEvents in the binary content mode of the CloudEvents Kafka binding 1.0.

Positions live in the reader's database, not in Kafka: group membership only says who reads which partition.
The partition of a key is that of the Java client (murmur2), so that other producers' events of a member meet
ours.
"""

import logging
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NoReturn

import kafka.record.util
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError
from kafka.partitioner.default import DefaultPartitioner

from shared.bus import BusUnavailable, Consumer, Delivery, EventTooLarge, Partition, Positions
from shared.events import Event

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""A claim with thousands of lines and its findings. Our topics are made with the same limit."""

BOOTSTRAP_SECONDS = 5
CLOSE_SECONDS = 5.0

log = logging.getLogger(__name__)

_REQUIRED = ("ce_id", "ce_source", "ce_type")
_OWN = frozenset(
    (
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "ce_correlationid",
        "content-type",
    )
)
_FIRST = ("ce_specversion", b"1.0")
_LAST = ("content-type", b"application/json")
_SEED, _MIX, _32_BITS = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


class KafkaBus:
    """``options`` are the security settings of every client (``security_protocol``, ``ssl_…``, ``sasl_…``).

    New topics get ``partitions`` partitions and ``replication_factor`` copies. Raises ``RuntimeError`` where
    the checksum extension that makes kafka-python ten times faster is missing.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        options: Mapping[str, Any] | None = None,
        *,
        partitions: int = 12,
        replication_factor: int = 1,
        session_timeout_seconds: float = 45.0,
        delivery_timeout_seconds: float = 60.0,
    ) -> None:
        if kafka.record.util.crc32c_c is None:
            raise RuntimeError(
                "kafka-python runs ten times slower without crc32c: install the package crc32c"
            )
        # At DEBUG the producer logs every key and value.
        logging.getLogger("kafka").setLevel(max(logging.INFO, logging.getLogger("kafka").level))
        self._common = {
            "bootstrap_servers": bootstrap_servers.split(","),
            "bootstrap_timeout_ms": BOOTSTRAP_SECONDS * 1000,
            **(options or {}),
        }
        self._partitions = partitions
        self._replication_factor = replication_factor
        self._session_timeout_seconds = session_timeout_seconds
        self._delivery_timeout_seconds = delivery_timeout_seconds
        self._producing = threading.Lock()
        self._producer: Any = None

    def publish(self, events: Sequence[Event], headers: Mapping[str, str] | None = None) -> None:
        """Send and wait until all in-sync replicas have everything (``acks=all``, idempotent).

        Raises ``BusUnavailable``, and ``EventTooLarge``.
        """
        if not events:
            return
        extra = [(name, value.encode()) for name, value in (headers or {}).items()]
        with self._producing:
            refused = self._send(events, extra)
            if refused and len(events) > 1:
                # A broker refuses a batch as a whole: alone, each shows whether it is too large itself.
                refused = [event for event in refused if self._send([event], extra)]
        if refused:
            raise EventTooLarge(refused)

    def _send(self, events: Sequence[Event], extra: list[tuple[str, bytes]]) -> list[Event]:
        """Send and wait; those that were refused for their size."""
        refused = []
        try:
            if self._producer is None:
                self._producer = self._new_producer()
            send, sent = self._producer.send, []
            for event in events:
                try:
                    headers = _headers(event) + extra
                    future = send(event.topic, event.data, key=event.key.encode(), headers=headers)
                    sent.append((event, future))
                except MessageSizeTooLargeError:
                    refused.append(event)
            self._producer.flush(self._delivery_timeout_seconds)
            for event, future in sent:
                try:
                    future.get(timeout=0)
                except MessageSizeTooLargeError:
                    refused.append(event)
        except KafkaError as error:
            # What is still in its buffer must not arrive after a later attempt: the order would be lost.
            self._drop_producer()
            _unavailable(error)
        return refused

    def consumer(
        self, group: str, topics: Sequence[str], positions: Callable[[Iterable[Partition]], Positions]
    ) -> Consumer:
        """A new member of ``group``. Raises ``BusUnavailable``."""
        try:
            client = KafkaConsumer(
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=int(self._session_timeout_seconds * 1000),
                heartbeat_interval_ms=int(min(3.0, self._session_timeout_seconds / 3) * 1000),
                max_partition_fetch_bytes=4 * 1024 * 1024,
                allow_auto_create_topics=False,
                metadata_max_age_ms=60_000,
                metrics_enabled=False,
                **self._common,
            )
        except KafkaError as error:
            _unavailable(error)
        return _Consumer(client, topics, positions)

    def create_topics(self, topics: Sequence[str]) -> None:
        """Make what is missing; what exists is left as it is. Dead-letter topics have one partition."""
        limits = {"max.message.bytes": str(MAX_EVENT_BYTES)}
        try:
            admin = KafkaAdminClient(**self._common)
            try:
                known = set(admin.list_topics())
                wanted = {
                    name: {
                        "num_partitions": partitions,
                        "replication_factor": self._replication_factor,
                        "configs": limits,
                    }
                    for topic in topics
                    for name, partitions in ((topic, self._partitions), (f"{topic}.dead-letter", 1))
                    if name not in known
                }
                for name, settings in wanted.items():
                    try:
                        admin.create_topics({name: settings}, wait_for_metadata=True)
                    except TopicAlreadyExistsError:
                        log.info("topic %s was made by somebody else meanwhile", name)
            finally:
                admin.close()
        except KafkaError as error:
            _unavailable(error)

    def close(self) -> None:
        with self._producing:
            self._drop_producer()

    def _new_producer(self) -> Any:
        return KafkaProducer(
            acks="all",
            enable_idempotence=True,
            batch_size=1024 * 1024,
            linger_ms=10,
            max_request_size=MAX_EVENT_BYTES,
            delivery_timeout_ms=int(self._delivery_timeout_seconds * 1000),
            request_timeout_ms=int(min(20.0, self._delivery_timeout_seconds / 2) * 1000),
            max_block_ms=int(self._delivery_timeout_seconds * 1000),
            allow_auto_create_topics=False,
            metrics_enabled=False,
            partitioner=_Partitioner(),
            **self._common,
        )

    def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        # kafka-python's close(timeout=0) first flushes, fails at that, and leaves its sender running.
        producer._sender.force_close()
        producer._sender.join(CLOSE_SECONDS)
        try:
            producer.close(timeout=0)
        except KafkaError as error:
            log.warning("the Kafka producer did not close cleanly: %s", type(error).__name__)


class _Partitioner(DefaultPartitioner):  # type: ignore[misc]
    """The standard one, with a faster hash, computed once a member."""

    def partition(
        self, topic: str, key: Any, serialized_key: bytes, value: Any, serialized_value: Any, cluster: Any
    ) -> int:
        return int((java_hash(serialized_key) & 0x7FFFFFFF) % len(cluster.partitions_for_topic(topic)))


@lru_cache(maxsize=65_536)
def java_hash(key: bytes) -> int:
    """The 32-bit hash of Kafka's Java client, whole words at a time: the client's own goes byte by byte."""
    whole = len(key) & ~3
    hashed = _SEED ^ len(key)
    for word in struct.unpack_from(f"<{whole >> 2}I", key):
        mixed = word * _MIX & _32_BITS
        hashed = hashed * _MIX & _32_BITS ^ (mixed ^ mixed >> 24) * _MIX & _32_BITS
    if whole < len(key):
        hashed = (hashed ^ int.from_bytes(key[whole:], "little")) * _MIX & _32_BITS
    hashed = (hashed ^ hashed >> 13) * _MIX & _32_BITS
    return hashed ^ hashed >> 15


class _Assigned(ConsumerRebalanceListener):  # type: ignore[misc]
    """Runs on the client's own thread: only notes what is new, so that ``poll`` sets the positions."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.new: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        with self.lock:
            self.new.difference_update(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        with self.lock:
            self.new.update(assigned)


class _Consumer:
    """For one thread at a time."""

    def __init__(
        self, client: Any, topics: Sequence[str], positions: Callable[[Iterable[Partition]], Positions]
    ) -> None:
        self._client = client
        self._ask = positions
        self._assigned = _Assigned()
        client.subscribe(list(topics), listener=self._assigned)

    def poll(self, limit: int, timeout_seconds: float) -> Sequence[Delivery]:
        """See ``shared.bus.Consumer``.

        Records read before a new partition's position was set are dropped here: they come again from the
        right place. Raises ``BusUnavailable`` and whatever ``positions`` raises.
        """
        until = time.monotonic() + timeout_seconds
        while True:
            self._position_new()
            try:
                left = max(0.0, until - time.monotonic())
                found = self._client.poll(timeout_ms=int(left * 1000), max_records=limit)
            except KafkaError as error:
                _unavailable(error)
            unpositioned = self._position_new()
            deliveries: list[Delivery] = []
            for place, records in found.items():
                if place not in unpositioned:
                    partition = Partition(place.topic, place.partition)
                    deliveries.extend(_delivery(partition, record) for record in records)
            if deliveries or time.monotonic() >= until:
                return deliveries

    def seek(self, positions: Positions) -> None:
        for partition, offset in positions.items():
            try:
                self._client.seek(TopicPartition(partition.topic, partition.number), offset)
            except ValueError:  # no longer ours
                continue

    def lag(self) -> int:
        try:
            ends = self._client.end_offsets(list(self._client.assignment()))
            return sum(
                max(0, end - (self._client.position(place, timeout_ms=1000) or 0))
                for place, end in ends.items()
            )
        except KafkaError as error:
            _unavailable(error)

    def close(self) -> None:
        self._client.close(autocommit=False, timeout_ms=5000)

    def _position_new(self) -> set[TopicPartition]:
        with self._assigned.lock:
            new = set(self._assigned.new)
        if new:
            partitions = [Partition(place.topic, place.partition) for place in new]
            known = self._ask(partitions)
            self.seek({partition: known.get(partition, 0) for partition in partitions})
            with self._assigned.lock:
                self._assigned.new -= new
        return new


def _headers(event: Event) -> list[tuple[str, bytes]]:
    headers = [
        _FIRST,
        ("ce_id", event.id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
        ("ce_subject", event.subject.encode()),
        ("ce_time", event.time.encode()),
        _LAST,
    ]
    if event.correlation_id:
        headers.append(("ce_correlationid", event.correlation_id.encode()))
    return headers


def _delivery(partition: Partition, record: Any) -> Delivery:
    try:
        headers = {name: value.decode() for name, value in record.headers}
        key = (record.key or b"").decode()
    except (UnicodeDecodeError, AttributeError):
        return _no_event(partition, record, "a header or the key is not UTF-8 text")
    if headers.get("ce_specversion") != "1.0":
        return _no_event(partition, record, "no CloudEvents 1.0 headers (binary content mode)")
    missing = [name for name in _REQUIRED if not headers.get(name)]
    if missing:
        return _no_event(partition, record, f"the header {missing[0]} is missing")
    if record.value is None:
        return _no_event(partition, record, "the record has no value")
    event = Event(
        id=headers["ce_id"],
        topic=partition.topic,
        type=headers["ce_type"],
        source=headers["ce_source"],
        subject=headers.get("ce_subject", ""),
        time=headers.get("ce_time", ""),
        key=key,
        data=record.value,
        correlation_id=headers.get("ce_correlationid", ""),
    )
    extra = None
    if not _OWN.issuperset(headers):
        extra = {name: value for name, value in headers.items() if name not in _OWN}
    return Delivery(partition, record.offset, event, headers=extra)


def _no_event(partition: Partition, record: Any, defect: str) -> Delivery:
    return Delivery(partition, record.offset, None, raw=record.value or b"", defect=defect)


def _unavailable(error: KafkaError) -> NoReturn:
    raise BusUnavailable(f"Kafka cannot be used: {type(error).__name__}") from error
