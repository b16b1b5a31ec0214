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

NUMBER_CHARACTERS, NPI_CHARACTERS = 80, 20
"""Of a claim's number and billing NPI as ``claims`` keeps them; what is longer is cut."""

CLAIMS = Table(
    "claims",
    METADATA,
    Column("claim_id", String(40), primary_key=True),
    Column("claim_number", String(NUMBER_CHARACTERS)),
    Column("billing_npi", String(NPI_CHARACTERS)),
    # The verdict that stands, and the number of the judgement that made it or confirmed it.
    Column("verdict", String(10), nullable=False),
    Column("judgement", Integer, nullable=False),
    Column("superseded", Boolean, nullable=False),
    # What this claim voids or replaces (would, if it were not rejected); it stands again if this one is rejected in
    # review.
    Column("supersedes", String(40)),
    # Many providers number their claims from 1.
    Index("claims_by_number", "claim_number", "billing_npi"),
)

# Lines of accepted and pended claims, and of those that only another claim or a record of other care rejects: they do
# not stand, but are found when that goes. A line stands until its claim is voided, replaced or rejected in review.
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
    # shared.spans.month_of these days. What comes in is of the last few months: in front of the index it keeps new
    # lines side by side, where a key alone strews them over the whole history, a page to read and write for each.
    Column("month", Integer, nullable=False, server_default="0"),
    Index("service_lines_by_month", "month", "key", "last_day"),
)

# Every judgement ever made of a claim: written once, never changed.
JUDGEMENTS = Table(
    "judgements",
    METADATA,
    Column("claim_id", ForeignKey("claims.claim_id"), primary_key=True),
    Column("judgement", Integer, primary_key=True),
    Column("judged_at", Instant, nullable=False),
    # received, record (one came, changed or went, or another claim did), or decision (of the claims department).
    Column("cause", String(10), nullable=False),
    Column("payer_id", String(80)),
    Column("verdict", String(10), nullable=False),
    # How many of the findings, the first ones, are the reader's and not of rules.
    Column("findings_of_reading", Integer, nullable=False),
    Column("document", Json, nullable=False),
)

# The claims that wait for the claims department. kind: pended; suspected (accepted, and something came to light
# later); reconsider (rejected for a record or another claim that has gone since).
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
    Index("reviews_by_payer", "payer_id", "deadline", "claim_id"),
)

# Each claim's clock as payments told it last. Of every claim: most claims that come into review late were paid long
# before. No foreign key: an event of a claim that is not here (an older copy of the database) must not stop the rest.
CLAIM_CLOCKS = Table(
    "claim_clocks",
    METADATA,
    Column("claim_id", String(40), primary_key=True),
    # Of several events the highest rules, whatever the order in which they come.
    Column("sequence", Integer, nullable=False),
    # As payments says it, but "running" for open, near and overdue, which depend on the day that somebody looks.
    Column("state", String(15), nullable=False),
    # The last day to pay, after information that of the new period; near_from only while the clock runs.
    Column("deadline", Date),
    Column("near_from", Date),
    # The day of what brought it to this state: contest, information, payment, denial, withdrawal.
    Column("since", Date),
    Column("paid_cents", BigInteger, nullable=False),
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
        # So that SQLite need not read services of programs that are not asked for.
        "program",
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

# Members and days of which records, or lines that stand, came, changed or went: their claims are to be compared.
DAYS_TO_COMPARE = Table(
    "days_to_compare",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("cin", String(14), nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
)
