"""Salts of the seals by which the timeliness log proves what it does not hold."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # Null for what was written before: its log entries have no seals.
    op.add_column("clocks", sa.Column("salt", sa.String(32)))
    op.add_column("payment_entries", sa.Column("salt", sa.String(32)))


def downgrade() -> None:
    raise RuntimeError("What was sealed since then could no longer be proven.")
