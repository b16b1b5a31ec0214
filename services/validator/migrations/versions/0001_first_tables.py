"""The validator's first tables."""

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
        "claims",
        sa.Column("claim_id", sa.String(40), primary_key=True),
        sa.Column("claim_number", sa.String(80)),
        sa.Column("billing_npi", sa.String(20)),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
    )
    op.create_index("claims_by_number", "claims", ["claim_number"])
    op.create_table(
        "service_lines",
        sa.Column("claim_id", sa.String(40), sa.ForeignKey("claims.claim_id"), primary_key=True),
        sa.Column("line", sa.Integer(), primary_key=True),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("standing", sa.Boolean(), nullable=False),
        sa.Column("document", Json(), nullable=False),
    )
    op.create_index(
        "service_lines_standing_by_key",
        "service_lines",
        ["key"],
        postgresql_where=sa.text("standing"),
        sqlite_where=sa.text("standing"),
    )
    op.create_table(
        "judgements",
        sa.Column("claim_id", sa.String(40), sa.ForeignKey("claims.claim_id"), primary_key=True),
        sa.Column("judgement", sa.Integer(), primary_key=True),
        sa.Column("judged_at", Instant(), nullable=False),
        sa.Column("payer_id", sa.String(80)),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("document", Json(), nullable=False),
    )
    op.create_index(
        "judgements_pended",
        "judgements",
        ["claim_id"],
        postgresql_where=sa.text("verdict = 'pended'"),
        sqlite_where=sa.text("verdict = 'pended'"),
    )


def downgrade() -> None:
    for table in (
        "judgements",
        "service_lines",
        "claims",
        "idempotency_keys",
        "api_keys",
        "positions",
        "inbox",
        "outbox",
    ):
        op.drop_table(table)
