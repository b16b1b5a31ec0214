"""The four tables that every service has beside its own, and how its first migration creates them."""

from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from shared.database import Instant, Json


class MessagingTables(NamedTuple):
    """What messaging keeps in a service's database.

    ``outbox``: events sent, until pruned; written once, never changed. ``waiting``: ids of those that are not
    yet published (a table of its own, since marking a wide row costs PostgreSQL as much as writing it again).
    ``inbox``: events whose effects are here. ``positions``: the next offset of each partition that a group
    reads.
    """

    outbox: Table
    waiting: Table
    inbox: Table
    positions: Table


def messaging_tables(metadata: MetaData) -> MessagingTables:
    """The tables, added to the service's ``metadata``."""
    return MessagingTables(*(Table(name, metadata, *_content(name)) for name in MessagingTables._fields))


def create_messaging_tables(op: Any) -> None:
    """For ``upgrade()`` of a service's first migration: create the tables through Alembic's ``op``.

    A later change of these tables is a new helper that each service's next migration calls.
    """
    for name in MessagingTables._fields:
        op.create_table(name, *_content(name))


def _content(name: str) -> list[Any]:
    if name == "outbox":
        return [
            # Ids may commit out of order: whoever reads by "id greater than the last" loses events.
            Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
            Column("event_id", Text, nullable=False),
            Column("topic", Text, nullable=False),
            Column("type", Text, nullable=False),
            Column("source", Text, nullable=False),
            Column("subject", Text, nullable=False),
            Column("time", Text, nullable=False),
            Column("key", Text, nullable=False),
            Column("correlation_id", Text, nullable=False),
            Column("data", LargeBinary, nullable=False),
            Column("headers", Json),
            Column("enqueued_at", Instant, nullable=False),
        ]
    if name == "waiting":
        return [Column("id", BigInteger, primary_key=True, autoincrement=False)]
    if name == "inbox":
        return [
            Column("consumer_group", Text, nullable=False),
            # CloudEvents promises that source and id together are unique, not the id alone.
            Column("event", Text, nullable=False),
            Column("consumed_at", Instant, nullable=False),
            PrimaryKeyConstraint("consumer_group", "event", name="inbox_pkey"),
        ]
    return [
        Column("consumer_group", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("next_offset", BigInteger, nullable=False),
        PrimaryKeyConstraint("consumer_group", "topic", "partition", name="positions_pkey"),
    ]
