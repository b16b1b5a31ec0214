"""The payments service's tables.

``payment_entries`` and ``timeliness_log`` are the record: rows are added, never changed or deleted, and
triggers refuse both. ``clocks`` is a projection of the verdicts and entries, kept in the same transaction so
that states, due dates and figures are plain queries; ``services.payments.rebuild`` makes it again from both.
States that depend on today (open, near, overdue) are never stored.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
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
    # The claim that this one voids or replaces while it is accepted; empty: none that stood. Null: the verdict does
    # not say, for the claim names no other or was judged before verdicts said it.
    Column("supersedes", String(40)),
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
    # The next day on which somebody has to be told of a deadline; null where none is ahead.
    Column("next_notice_on", Date),
    # Of the claim's seals in the timeliness log (services.payments.log.seals); null: it has none.
    Column("salt", String(32)),
    Index("clocks_by_next_notice", "next_notice_on", "claim_id"),
    Index("clocks_by_member", "member_key", "arrival_date"),
    Index("clocks_by_running_deadline", "running_deadline", "claim_id"),
    Index("clocks_by_provider", "provider_npi", "running_deadline", "claim_id"),
    # With what counts by state need, so that these read no row.
    Index("clocks_by_state", "status", "running_deadline", "claim_id", "late", "near_on", "payer_id"),
    Index("clocks_by_arrival", "arrival_date"),
    Index("clocks_by_number", "claim_number", "provider_npi"),
    Index(
        "clocks_by_superseded",
        "supersedes",
        postgresql_where=text("supersedes IS NOT NULL"),
        sqlite_where=text("supersedes IS NOT NULL"),
    ),
)

# The service lines of every claim, for remittances, outreach and figures by service. Rejected ones as well.
CLAIM_LINES = Table(
    "claim_lines",
    METADATA,
    Column("claim_id", ForeignKey("clocks.claim_id"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("service_date", Date),
    Column("service_end", Date),
    Column("hcpcs", String(48), nullable=False),
    # Sorted, joined by a blank.
    Column("modifiers", String(80), nullable=False),
    Column("benefit", String(3), nullable=False),
    # The service's id in the code set; empty where the line is not listed.
    Column("service", String(40), nullable=False),
    Column("outreach", Boolean, nullable=False),
    Column("units", Numeric(12, 3)),
    Column("charge_cents", BigInteger, nullable=False),
    # The provider's own number of the line (REF*6R).
    Column("control_number", String(50)),
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
    # The service line that was paid or denied, where the plan says so.
    Column("line", Integer),
    # The earlier entry of the same claim that this one puts right: from now on that one counts no more.
    Column("corrects", String(40)),
    # What makes the same event the same, such as a remittance and the place in it; null: nothing does.
    Column("natural_key", String(200)),
    # Of the seal of reference, reason and natural key; null: it has none.
    Column("salt", String(32)),
    Index("payment_entries_by_claim", "claim_id", "entry_id"),
    Index("payment_entries_by_natural_key", "natural_key", unique=True),
)

# Entries that came before their claim. A row goes when the claim has come and the entry fits it.
WAITING_ENTRIES = Table(
    "waiting_entries",
    METADATA,
    Column("entry_id", String(40), primary_key=True),
    Column("claim_id", String(40), nullable=False),
    # Why it does not fit the claim; null: the claim has not come.
    Column("problem", Text),
    Index("waiting_entries_by_claim", "claim_id"),
)

# A remittance (835) as it came; never changed.
REMITTANCES = Table(
    "remittances",
    METADATA,
    Column("remittance_id", String(40), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("file_name", String(255), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_by", String(200), nullable=False),
    # The payers whose claims the sender may pay, as one text; empty: all.
    Column("scope", String(200), nullable=False),
    Column("balanced", Boolean, nullable=False),
    Column("summary", Json, nullable=False),
)

# Every claim payment of a remittance: nothing is dropped. status: services.payments.remittances.post.STATUSES.
REMITTANCE_ITEMS = Table(
    "remittance_items",
    METADATA,
    Column("remittance_id", ForeignKey("remittances.remittance_id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("status", String(10), nullable=False),
    Column("claim_id", String(40)),
    Column("matched_by", String(200)),
    Column("matched_at", Instant),
    Column("claim_number", String(80)),
    Column("provider_npi", String(20)),
    # As 835 items hold it (services.payments.remittances); members by keyed hash, never by name or CIN.
    Column("document", Json, nullable=False),
    Index("remittance_items_open", "status", "remittance_id", "ordinal"),
    Index("remittance_items_by_claim", "claim_id"),
)

# By what the claim of a payment that was unmatched may name itself: number, id, member (keyed hash).
REMITTANCE_NAMES = Table(
    "remittance_names",
    METADATA,
    Column("name", String(80), primary_key=True),
    Column("remittance_id", ForeignKey("remittances.remittance_id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
)

# Who was told of which deadline: each once, however many workers look. Never changed.
DEADLINE_NOTICES = Table(
    "deadline_notices",
    METADATA,
    Column("claim_id", ForeignKey("clocks.claim_id"), primary_key=True),
    # near_20, near_27, missed, contract_near_75, contract_near_87, contract_missed_30, …, interest_due.
    Column("notice", String(30), primary_key=True),
    # A new period (information received) has a deadline and notices of its own.
    Column("deadline", Date, primary_key=True),
    Column("noticed_at", Instant, nullable=False),
)

# Signed heads of the timeliness log: who forges the chain anew does not have the key. Never changed.
CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False),
    Column("made_at", String(27), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
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
