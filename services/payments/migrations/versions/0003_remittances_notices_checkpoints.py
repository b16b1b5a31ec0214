"""Service lines, corrections, remittances, deadline notices and signed checkpoints."""

import sqlalchemy as sa
from alembic import op

from services.payments.migrations.append_only import refuse_changes
from shared.database import Instant, Json

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("clocks", sa.Column("next_notice_on", sa.Date()))
    # Clocks that run already are looked at once, on the next tick.
    op.execute("UPDATE clocks SET next_notice_on = arrival_date WHERE status = 'running'")
    op.create_index("clocks_by_next_notice", "clocks", ["next_notice_on", "claim_id"])
    op.create_index("clocks_by_member", "clocks", ["member_key", "arrival_date"])
    op.create_table(
        "claim_lines",
        sa.Column("claim_id", sa.String(40), sa.ForeignKey("clocks.claim_id"), primary_key=True),
        sa.Column("line", sa.Integer(), primary_key=True),
        sa.Column("service_date", sa.Date()),
        sa.Column("service_end", sa.Date()),
        sa.Column("hcpcs", sa.String(48), nullable=False),
        sa.Column("modifiers", sa.String(80), nullable=False),
        sa.Column("benefit", sa.String(3), nullable=False),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("outreach", sa.Boolean(), nullable=False),
        sa.Column("units", sa.Numeric(12, 3)),
        sa.Column("charge_cents", sa.BigInteger(), nullable=False),
        sa.Column("control_number", sa.String(50)),
    )
    op.add_column("payment_entries", sa.Column("line", sa.Integer()))
    op.add_column("payment_entries", sa.Column("corrects", sa.String(40)))
    op.add_column("payment_entries", sa.Column("natural_key", sa.String(200)))
    op.create_index("payment_entries_by_natural_key", "payment_entries", ["natural_key"], unique=True)
    _remittances()
    op.create_table(
        "deadline_notices",
        sa.Column("claim_id", sa.String(40), sa.ForeignKey("clocks.claim_id"), primary_key=True),
        sa.Column("notice", sa.String(30), primary_key=True),
        sa.Column("deadline", sa.Date(), primary_key=True),
        sa.Column("noticed_at", Instant(), nullable=False),
    )
    op.create_table(
        "checkpoints",
        sa.Column("sequence", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
    )
    for table in ("remittances", "deadline_notices", "checkpoints"):
        refuse_changes(op, table)


def _remittances() -> None:
    op.create_table(
        "remittances",
        sa.Column("remittance_id", sa.String(40), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("balanced", sa.Boolean(), nullable=False),
        sa.Column("summary", Json(), nullable=False),
    )
    op.create_table(
        "remittance_items",
        sa.Column(
            "remittance_id", sa.String(40), sa.ForeignKey("remittances.remittance_id"), primary_key=True
        ),
        sa.Column("ordinal", sa.Integer(), primary_key=True),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("claim_id", sa.String(40)),
        sa.Column("matched_by", sa.String(200)),
        sa.Column("matched_at", Instant()),
        sa.Column("claim_number", sa.String(80)),
        sa.Column("provider_npi", sa.String(20)),
        sa.Column("document", Json(), nullable=False),
    )
    op.create_index("remittance_items_open", "remittance_items", ["status", "remittance_id", "ordinal"])
    op.create_index("remittance_items_by_number", "remittance_items", ["provider_npi", "claim_number"])


def downgrade() -> None:
    raise RuntimeError("What was recorded since then has no place in the older tables.")
