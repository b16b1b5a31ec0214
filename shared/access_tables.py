"""How a service's first migration creates the tables of keys and of idempotent requests, which every service has.

A later change of these tables is a new helper that each service's next migration calls.
"""

from typing import Any

import sqlalchemy as sa

from shared.database import Instant, Json


def create_access_tables(op: Any) -> None:
    """For ``upgrade()``: ``api_keys`` and ``idempotency_keys`` through Alembic's ``op``."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.Column("npis", Json(), nullable=False),
        sa.Column("payers", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant()),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("principal", sa.String(40), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("content_type", sa.String(200)),
        sa.Column("location", sa.String(500)),
        sa.Column("body", sa.LargeBinary()),
    )
    op.create_index("ix_idempotency_keys_started_at", "idempotency_keys", ["started_at"])
