"""The validator's tables: what was billed before, and every judgement ever made."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    text,
)

from shared.access_tables import idempotency_table, key_table
from shared.database import Instant, Json
from shared.messaging.tables import messaging_tables

METADATA = MetaData()
MESSAGING = messaging_tables(METADATA)
API_KEYS = key_table(METADATA)
IDEMPOTENCY = idempotency_table(METADATA)

CLAIMS = Table(
    "claims",
    METADATA,
    Column("claim_id", String(40), primary_key=True),
    Column("claim_number", String(80)),
    Column("billing_npi", String(20)),
    Column("verdict", String(10), nullable=False),
    Column("superseded", Boolean, nullable=False),
    Index("claims_by_number", "claim_number"),
)

# Only lines of accepted and pended claims. A line stands until its claim is voided or replaced.
SERVICE_LINES = Table(
    "service_lines",
    METADATA,
    Column("claim_id", ForeignKey("claims.claim_id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("key", BigInteger, nullable=False),
    Column("standing", Boolean, nullable=False),
    Column("document", Json, nullable=False),
    Index(
        "service_lines_standing_by_key",
        "key",
        postgresql_where=text("standing"),
        sqlite_where=text("standing"),
    ),
)

JUDGEMENTS = Table(
    "judgements",
    METADATA,
    Column("claim_id", ForeignKey("claims.claim_id"), primary_key=True),
    Column("judgement", Integer, primary_key=True),
    Column("judged_at", Instant, nullable=False),
    Column("payer_id", String(80)),
    Column("verdict", String(10), nullable=False),
    Column("document", Json, nullable=False),
    Index(
        "judgements_pended",
        "claim_id",
        postgresql_where=text("verdict = 'pended'"),
        sqlite_where=text("verdict = 'pended'"),
    ),
)
