"""What the review queue knows of payment clocks."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "claim_clocks",
        sa.Column("claim_id", sa.String(40), primary_key=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(15), nullable=False),
        sa.Column("deadline", sa.Date()),
        sa.Column("near_from", sa.Date()),
        sa.Column("since", sa.Date()),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
    )
    # The queue stands in the order of the deadlines that run, which are in the new table.
    op.drop_index("reviews_by_deadline", "reviews")


def downgrade() -> None:
    op.create_index("reviews_by_deadline", "reviews", ["deadline", "claim_id"])
    op.drop_table("claim_clocks")
