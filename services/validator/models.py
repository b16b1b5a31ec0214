"""The validator's tables: what was billed before, every judgement ever made, reviews, and records of other care."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
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
    # The verdict that stands, and the number of the judgement that made it or confirmed it.
    Column("verdict", String(10), nullable=False),
    Column("judgement", Integer, nullable=False),
    Column("superseded", Boolean, nullable=False),
    # What this claim voids or replaces; it stands again if this one is rejected in review.
    Column("supersedes", String(40)),
    Index("claims_by_number", "claim_number"),
)

# Lines of accepted and pended claims, and of those that only a record of other care rejects: they do not stand, but
# are found when that record is withdrawn. A line stands until its claim is voided, replaced or rejected in review.
SERVICE_LINES = Table(
    "service_lines",
    METADATA,
    Column("claim_id", ForeignKey("claims.claim_id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    # Member and group of services: services.validator.rules.history.line_key.
    Column("key", BigInteger, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("standing", Boolean, nullable=False),
    Column("document", Json, nullable=False),
    Index("service_lines_by_key", "key", "last_day"),
)

# Every judgement ever made of a claim: written once, never changed.
JUDGEMENTS = Table(
    "judgements",
    METADATA,
    Column("claim_id", ForeignKey("claims.claim_id"), primary_key=True),
    Column("judgement", Integer, primary_key=True),
    Column("judged_at", Instant, nullable=False),
    # received, record (one came, changed or went), or decision (of the claims department).
    Column("cause", String(10), nullable=False),
    Column("payer_id", String(80)),
    Column("verdict", String(10), nullable=False),
    # How many of the findings, the first ones, are the reader's and not of rules.
    Column("findings_of_reading", Integer, nullable=False),
    Column("document", Json, nullable=False),
)

# The claims that wait for the claims department. kind: pended; suspected (accepted, and something came to light
# later); reconsider (rejected for a record that has gone since).
REVIEWS = Table(
    "reviews",
    METADATA,
    Column("claim_id", ForeignKey("claims.claim_id"), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("payer_id", String(80)),
    Column("organisation", String(200), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("arrival_date", Date, nullable=False),
    Column("deadline", Date),
    Column("amount_cents", BigInteger, nullable=False),
    Index("reviews_by_deadline", "deadline", "claim_id"),
    Index("reviews_by_payer", "payer_id", "deadline", "claim_id"),
)

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("claim_id", ForeignKey("claims.claim_id"), primary_key=True),
    Column("judgement", Integer, primary_key=True),
    Column("decision", String(7), nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", String(40), nullable=False),
    Column("decided_at", Instant, nullable=False),
)

# Records of other care. The same source and record_id again is a correction; scope keeps what one plan's key sent
# from being overwritten by another's (its payers' first ids, sorted, joined by a blank; empty: all).
CARE_RECORDS = Table(
    "care_records",
    METADATA,
    Column("feed", String(16), primary_key=True),
    Column("scope", String(200), primary_key=True),
    Column("source", String(80), primary_key=True),
    Column("record_id", String(80), primary_key=True),
    Column("care_key", BigInteger, nullable=False),
    Column("cin", String(14), nullable=False),
    # Of a service: its program. Services of the whole time in ECM are looked up for a few programs only.
    Column("program", String(30)),
    Column("first_day", Date, nullable=False),
    # The far end of the calendar where no end is known.
    Column("last_day", Date, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("document", Json, nullable=False),
    Index(
        "care_records_of_member",
        "care_key",
        "feed",
        "last_day",
        postgresql_where=text("NOT withdrawn"),
        sqlite_where=text("NOT withdrawn"),
    ),
)

# Every CIN of a member that has more than one, as the alias records join them.
MEMBER_CINS = Table(
    "member_cins",
    METADATA,
    Column("cin", String(14), primary_key=True),
    Column("member", String(14), nullable=False),
    Index("member_cins_by_member", "member"),
)

# Which payers a feed covers; payer_id empty: all.
FEED_COVERAGE = Table(
    "feed_coverage",
    METADATA,
    Column("feed", String(16), primary_key=True),
    Column("payer_id", String(80), primary_key=True),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
)

# Members and days of which records came, changed or went, and whose claims are still to be compared with them.
DAYS_TO_COMPARE = Table(
    "days_to_compare",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("cin", String(14), nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
)
