"""A process that relays and consumes until all effects are there. Fault tests kill it wherever they like.

Arguments: database URL, schema, bus (a path, or Kafka's host:port), topic, number of effects to reach.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, func, select

from shared.bus import Bus, BusUnavailable
from shared.bus.embedded import EmbeddedBus
from shared.bus.kafka import KafkaBus
from shared.database import Database, insert_rows
from shared.events import Event
from shared.messaging.consumer import ConsumerLoop, Subscription
from shared.messaging.outbox import Relay
from shared.messaging.tables import messaging_tables

PATIENCE_SECONDS = 60

metadata = MetaData()
tables = messaging_tables(metadata)
# No unique constraint: an effect that happened twice is to be seen twice.
effects = Table("effects", metadata, Column("id", Integer, primary_key=True), Column("event_id", Text))


def handle(connection: Connection, events: Sequence[Event]) -> None:
    insert_rows(connection, effects, [{"event_id": event.id} for event in events])


def open_bus(place: str) -> Bus:
    if place.startswith("/"):
        return EmbeddedBus(Path(place))
    return KafkaBus(place, partitions=4, session_timeout_seconds=6, delivery_timeout_seconds=4)


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(effects)).scalar_one())


def main(url: str, schema: str, place: str, topic: str, wanted: str) -> int:
    database = Database(url, schema)
    bus = open_bus(place)
    relay = Relay(database, tables, bus, batch_size=25)
    loop = ConsumerLoop(database, tables, bus, f"{topic}-group", Subscription((topic,), handle), 20)
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        while time.monotonic() < until:
            try:
                found = relay.run_once() + loop.run_once(0.05)
            except BusUnavailable:
                continue
            if not found and count(database) >= int(wanted) and not relay.waiting():
                return 0
        return 3
    finally:
        loop.close()
        bus.close()
        database.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
