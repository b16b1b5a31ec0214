"""The tables of keys and of idempotent requests, which every service has, and how its first migration creates them."""

from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table

from shared.database import Instant, Json

IDEMPOTENCY_KEY_CHARACTERS_MAX = 200


def key_table(metadata: MetaData) -> Table:
    """The table ``api_keys``, added to a service's ``metadata``."""
    return Table("api_keys", metadata, *_keys())


def idempotency_table(metadata: MetaData) -> Table:
    """The table ``idempotency_keys``, added to a service's ``metadata``."""
    return Table("idempotency_keys", metadata, *_idempotency())


def create_access_tables(op: Any) -> None:
    """For ``upgrade()`` of a service's first migration: create both tables through Alembic's ``op``.

    A later change of these tables is a new helper that each service's next migration calls.
    """
    op.create_table("api_keys", *_keys())
    op.create_table("idempotency_keys", *_idempotency())


def _keys() -> list[Column[Any]]:
    return [
        Column("id", String(40), primary_key=True),
        Column("secret_hash", String(64), nullable=False, unique=True),
        Column("role", String(16), nullable=False),
        Column("organisation", String(200), nullable=False),
        Column("npis", Json, nullable=False),
        Column("payers", Json, nullable=False),
        Column("created_at", Instant, nullable=False),
        Column("revoked_at", Instant),
    ]


def _idempotency() -> list[Column[Any]]:
    return [
        Column("principal", String(40), primary_key=True),
        Column("key", String(IDEMPOTENCY_KEY_CHARACTERS_MAX), primary_key=True),
        Column("request_hash", String(64), nullable=False),
        Column("started_at", Instant, nullable=False, index=True),
        Column("status", Integer),
        Column("content_type", String(200)),
        Column("location", String(500)),
        Column("body", LargeBinary),
    ]
