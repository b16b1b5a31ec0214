"""Whether a claim waits for a decision of the plan."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("claims", sa.Column("review", sa.String(10)))


def downgrade() -> None:
    op.drop_column("claims", "review")
