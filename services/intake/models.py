"""The intake service's tables. A submission is one file or JSON body; its claims are counted into it and out of it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from shared.access_tables import idempotency_table, key_table
from shared.database import Instant, Json
from shared.messaging.tables import messaging_tables

METADATA = MetaData()
MESSAGING = messaging_tables(METADATA)
API_KEYS = key_table(METADATA)
IDEMPOTENCY = idempotency_table(METADATA)

SUBMISSIONS = Table(
    "submissions",
    METADATA,
    Column("submission_id", String(40), primary_key=True),
    Column("organisation", String(200), nullable=False),
    Column("file_name", String(255), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("channel", String(8), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("arrival_date", Date, nullable=False),
    Column("receipt_date", Date, nullable=False),
    Column("status", String(8), nullable=False),
    Column("claims", Integer, nullable=False),
    Column("unreadable", Integer, nullable=False, server_default="0"),
    Column("accepted", Integer, nullable=False, server_default="0"),
    Column("pended", Integer, nullable=False, server_default="0"),
    Column("rejected", Integer, nullable=False, server_default="0"),
    Column("census", Json, nullable=False),
    Column("notes", Json, nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("sets_handed_on", Integer, nullable=False, server_default="0"),
    # The same bytes from the same provider are one submission, also when two clients send them at once.
    UniqueConstraint("organisation", "sha256", name="submissions_same_bytes_once"),
    CheckConstraint("status IN ('judging', 'complete')", name="submissions_status"),
    # Nothing is lost: a submission is complete only when every claim of its census has ended somewhere.
    CheckConstraint(
        "status <> 'complete' OR accepted + pended + rejected + unreadable = claims",
        name="submissions_totals_meet",
    ),
    CheckConstraint(
        "accepted + pended + rejected + unreadable <= claims", name="submissions_nothing_invented"
    ),
    Index("submissions_by_organisation", "organisation", "submission_id"),
)

SOURCE_PARTS = Table(
    "source_parts",
    METADATA,
    Column("submission_id", ForeignKey("submissions.submission_id"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("compressed", LargeBinary, nullable=False),
)

CLAIMS = Table(
    "claims",
    METADATA,
    Column("claim_id", String(40), primary_key=True),
    Column("submission_id", ForeignKey("submissions.submission_id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("set_ordinal", Integer, nullable=False),
    Column("claim_ordinal", Integer, nullable=False),
    Column("organisation", String(200), nullable=False),
    Column("claim_number", String(80)),
    Column("payer_id", String(80)),
    Column("billing_npi", String(20)),
    Column("received", Json, nullable=False),
    Column("judgement", Integer, nullable=False, server_default="0"),
    Column("verdict", String(10)),
    Column("clean", Boolean),
    Column("findings", Json),
    # Waits for a decision of the plan: shared.events.ReviewKind.
    Column("review", String(10)),
    Column("clock", Json),
    Column("clock_sequence", Integer, nullable=False, server_default="0"),
    UniqueConstraint("submission_id", "ordinal", name="claims_each_once"),
    Index("claims_by_organisation", "organisation", "claim_id"),
)

UNREADABLE_CLAIMS = Table(
    "unreadable_claims",
    METADATA,
    Column("submission_id", ForeignKey("submissions.submission_id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("claim_number", String(80)),
    Column("place", String(255)),
    Column("rows", Json, nullable=False),
    Column("findings", Json, nullable=False),
)

TIMELINE = Table(
    "timeline",
    METADATA,
    Column("event_id", String(40), primary_key=True),
    Column("claim_id", ForeignKey("claims.claim_id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("event", String(40), nullable=False),
    Column("detail", String(500), nullable=False),
    Column("payment", Json),
    Index("timeline_by_claim", "claim_id", "at"),
)

# A row stands for work still to do; how far it is stands in submissions.sets_handed_on.
CONFORMITY_JOBS = Table(
    "conformity_jobs",
    METADATA,
    Column("submission_id", ForeignKey("submissions.submission_id"), primary_key=True),
)
