"""The payments service's tables.

``payment_entries`` and ``timeliness_log`` are the record: rows are added, never changed or deleted, and
triggers refuse both. ``clocks`` is a projection of the verdicts and entries, kept in the same transaction so
that states, due dates and figures are plain queries; ``services.payments.projection.rebuild`` makes it again
from the entries. States that depend on today (open, near, overdue) are never stored.
"""

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, MetaData, String, Table, Text

from shared.access_tables import idempotency_table, key_table
from shared.database import Instant, Json
from shared.messaging.tables import messaging_tables

METADATA = MetaData()
MESSAGING = messaging_tables(METADATA)
API_KEYS = key_table(METADATA)
IDEMPOTENCY = idempotency_table(METADATA)

CLOCKS = Table(
    "clocks",
    METADATA,
    Column("claim_id", String(40), primary_key=True),
    Column("submission_id", String(40), nullable=False),
    Column("claim_number", String(80), nullable=False),
    Column("member_key", String(64), nullable=False),
    Column("organisation", String(200), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("payer_id", String(80), nullable=False),
    Column("provider_npi", String(20), nullable=False),
    Column("benefit", String(8), nullable=False),
    Column("outreach", String(5), nullable=False),
    Column("frequency", String(1), nullable=False),
    Column("original_reference", String(80)),
    Column("received_at", Instant, nullable=False),
    Column("arrival_date", Date, nullable=False),
    Column("judgement", Integer, nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("judged_at", Instant, nullable=False),
    # Rules by which a record that came late speaks against the accepted claim, until the plan has decided.
    Column("suspected", Text),
    Column("terms", Json, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    # Counts the changes of this clock: the sequence of its events.
    Column("sequence", Integer, nullable=False),
    # none: the claim has no clock (rejected, or a void); else services.payments.clock.Status.
    Column("status", String(10), nullable=False),
    Column("late", Boolean, nullable=False),
    Column("receipt_date", Date),
    Column("standard", String(30)),
    Column("deadline", Date),
    # The deadline that runs now: the first one, or the new one since information arrived.
    Column("running_deadline", Date),
    Column("near_on", Date),
    Column("contract_from", Date),
    Column("contested_on", Date),
    Column("contest_in_time", Boolean),
    Column("information_on", Date),
    Column("paid_on", Date),
    Column("denied_on", Date),
    Column("withdrawn_on", Date),
    Column("settled_on", Date),
    Column("paid_cents", BigInteger, nullable=False),
    Column("denied_cents", BigInteger, nullable=False),
    Column("outstanding_cents", BigInteger, nullable=False),
    Column("interest_cents", BigInteger, nullable=False),
    Column("interest_paid_cents", BigInteger, nullable=False),
    Index("clocks_by_deadline", "status", "running_deadline", "claim_id"),
    Index("clocks_by_arrival", "arrival_date"),
    Index("clocks_by_number", "provider_npi", "claim_number"),
    Index("clocks_by_original", "original_reference"),
)

PAYMENT_ENTRIES = Table(
    "payment_entries",
    METADATA,
    Column("entry_id", String(40), primary_key=True),
    # No foreign key: a payment may be recorded before its claim's verdict has arrived here. It then waits.
    Column("claim_id", String(40), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("date", Date, nullable=False),
    Column("amount_cents", BigInteger),
    Column("interest_cents", BigInteger, nullable=False),
    Column("reference", String(80)),
    Column("reason", Text),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_by", String(200), nullable=False),
    Index("payment_entries_by_claim", "claim_id", "entry_id"),
)

TIMELINESS_LOG = Table(
    "timeliness_log",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    # Text, not timestamps and jsonb: the hash is over these very characters on either database.
    Column("recorded_at", String(27), nullable=False),
    Column("event", String(40), nullable=False),
    Column("claim_id", String(40), nullable=False),
    Column("data", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("timeliness_log_by_claim", "claim_id", "sequence"),
)

# One row. Whoever appends holds its lock, which also puts all writers of this service into one order.
LOG_HEAD = Table(
    "log_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
