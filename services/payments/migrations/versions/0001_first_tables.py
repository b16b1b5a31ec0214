"""The payments service's first tables."""

import sqlalchemy as sa
from alembic import op

from services.payments.migrations.append_only import refuse_changes
from shared.access_tables import create_access_tables
from shared.database import Instant, Json
from shared.messaging.tables import create_messaging_tables

revision = "0001"
down_revision = None

APPEND_ONLY = ("payment_entries", "timeliness_log")


def upgrade() -> None:
    create_messaging_tables(op)
    create_access_tables(op)
    op.create_table(
        "clocks",
        sa.Column("claim_id", sa.String(length=40), nullable=False),
        sa.Column("submission_id", sa.String(length=40), nullable=False),
        sa.Column("claim_number", sa.String(length=80), nullable=False),
        sa.Column("member_key", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("payer_id", sa.String(length=80), nullable=False),
        sa.Column("provider_npi", sa.String(length=20), nullable=False),
        sa.Column("benefit", sa.String(length=8), nullable=False),
        sa.Column("outreach", sa.String(length=5), nullable=False),
        sa.Column("frequency", sa.String(length=1), nullable=False),
        sa.Column("original_reference", sa.String(length=80), nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("arrival_date", sa.Date(), nullable=False),
        sa.Column("judgement", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("judged_at", Instant(), nullable=False),
        sa.Column("terms", Json(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("receipt_date", sa.Date(), nullable=True),
        sa.Column("standard", sa.String(length=30), nullable=True),
        sa.Column("deadline", sa.Date(), nullable=True),
        sa.Column("running_deadline", sa.Date(), nullable=True),
        sa.Column("near_on", sa.Date(), nullable=True),
        sa.Column("contract_from", sa.Date(), nullable=True),
        sa.Column("contested_on", sa.Date(), nullable=True),
        sa.Column("contest_in_time", sa.Boolean(), nullable=True),
        sa.Column("information_on", sa.Date(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("denied_on", sa.Date(), nullable=True),
        sa.Column("withdrawn_on", sa.Date(), nullable=True),
        sa.Column("settled_on", sa.Date(), nullable=True),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("denied_cents", sa.BigInteger(), nullable=False),
        sa.Column("outstanding_cents", sa.BigInteger(), nullable=False),
        sa.Column("interest_cents", sa.BigInteger(), nullable=False),
        sa.Column("interest_paid_cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("claim_id"),
    )
    op.create_index("clocks_by_arrival", "clocks", ["arrival_date"], unique=False)
    op.create_index("clocks_by_deadline", "clocks", ["status", "running_deadline", "claim_id"], unique=False)
    op.create_index("clocks_by_number", "clocks", ["provider_npi", "claim_number"], unique=False)
    op.create_index("clocks_by_original", "clocks", ["original_reference"], unique=False)
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "payment_entries",
        sa.Column("entry_id", sa.String(length=40), nullable=False),
        sa.Column("claim_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("interest_cents", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("payment_entries_by_claim", "payment_entries", ["claim_id", "entry_id"], unique=False)
    op.create_table(
        "timeliness_log",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.String(length=27), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("claim_id", sa.String(length=40), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("timeliness_log_by_claim", "timeliness_log", ["claim_id", "sequence"], unique=False)
    op.bulk_insert(
        sa.table("log_head", sa.column("id"), sa.column("sequence"), sa.column("hash")),
        [{"id": 1, "sequence": 0, "hash": "0" * 64}],
    )
    for table in APPEND_ONLY:
        _refuse_changes(table)


def downgrade() -> None:
    for table in (
        "timeliness_log",
        "log_head",
        "payment_entries",
        "clocks",
        "idempotency_keys",
        "api_keys",
        "positions",
        "inbox",
        "outbox",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def _refuse_changes(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
            "BEGIN RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME; END $$"
        )
    refuse_changes(op, table)
