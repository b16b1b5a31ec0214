"""What came to light of an accepted claim, on its clock."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("clocks", sa.Column("suspected", sa.Text()))


def downgrade() -> None:
    op.drop_column("clocks", "suspected")
