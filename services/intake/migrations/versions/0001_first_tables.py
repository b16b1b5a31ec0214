"""The intake service's first tables."""

import sqlalchemy as sa
from alembic import op

from shared.access_tables import create_access_tables
from shared.database import Instant, Json
from shared.messaging.tables import create_messaging_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_messaging_tables(op)
    create_access_tables(op)
    op.create_table(
        "submissions",
        sa.Column("submission_id", sa.String(40), primary_key=True),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("arrival_date", sa.Date(), nullable=False),
        sa.Column("receipt_date", sa.Date(), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("unreadable", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("accepted", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("pended", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("rejected", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("census", Json(), nullable=False),
        sa.Column("notes", Json(), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("sets_handed_on", sa.Integer(), nullable=False, server_default="0"),
        sa.UniqueConstraint("organisation", "sha256", name="submissions_same_bytes_once"),
        sa.CheckConstraint("status IN ('judging', 'complete')", name="submissions_status"),
        sa.CheckConstraint(
            "status <> 'complete' OR accepted + pended + rejected + unreadable = claims",
            name="submissions_totals_meet",
        ),
        sa.CheckConstraint(
            "accepted + pended + rejected + unreadable <= claims", name="submissions_nothing_invented"
        ),
    )
    op.create_index("submissions_by_organisation", "submissions", ["organisation", "submission_id"])
    op.create_table(
        "source_parts",
        sa.Column(
            "submission_id", sa.String(40), sa.ForeignKey("submissions.submission_id"), primary_key=True
        ),
        sa.Column("part", sa.Integer(), primary_key=True),
        sa.Column("compressed", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "claims",
        sa.Column("claim_id", sa.String(40), primary_key=True),
        sa.Column("submission_id", sa.String(40), sa.ForeignKey("submissions.submission_id"), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("set_ordinal", sa.Integer(), nullable=False),
        sa.Column("claim_ordinal", sa.Integer(), nullable=False),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.Column("claim_number", sa.String(80)),
        sa.Column("payer_id", sa.String(80)),
        sa.Column("billing_npi", sa.String(20)),
        sa.Column("received", Json(), nullable=False),
        sa.Column("judgement", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("verdict", sa.String(10)),
        sa.Column("clean", sa.Boolean()),
        sa.Column("findings", Json()),
        sa.Column("clock", Json()),
        sa.Column("clock_sequence", sa.Integer(), nullable=False, server_default="0"),
        sa.UniqueConstraint("submission_id", "ordinal", name="claims_each_once"),
    )
    op.create_index("claims_by_organisation", "claims", ["organisation", "claim_id"])
    op.create_table(
        "unreadable_claims",
        sa.Column(
            "submission_id", sa.String(40), sa.ForeignKey("submissions.submission_id"), primary_key=True
        ),
        sa.Column("ordinal", sa.Integer(), primary_key=True),
        sa.Column("claim_number", sa.String(80)),
        sa.Column("place", sa.String(255)),
        sa.Column("rows", Json(), nullable=False),
        sa.Column("findings", Json(), nullable=False),
    )
    op.create_table(
        "timeline",
        sa.Column("event_id", sa.String(40), primary_key=True),
        sa.Column("claim_id", sa.String(40), sa.ForeignKey("claims.claim_id"), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("payment", Json()),
    )
    op.create_index("timeline_by_claim", "timeline", ["claim_id", "at"])
    op.create_table(
        "conformity_jobs",
        sa.Column(
            "submission_id", sa.String(40), sa.ForeignKey("submissions.submission_id"), primary_key=True
        ),
    )


def downgrade() -> None:
    for table in (
        "conformity_jobs",
        "timeline",
        "unreadable_claims",
        "claims",
        "source_parts",
        "submissions",
        "idempotency_keys",
        "api_keys",
        "positions",
        "inbox",
        "outbox",
    ):
        op.drop_table(table)
