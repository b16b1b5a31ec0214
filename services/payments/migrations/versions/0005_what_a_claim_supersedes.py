"""Which claim a void or replacement stands for, as the validator says."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("clocks", sa.Column("supersedes", sa.String(40)))
    # Of claims that are here already: what they withdrew.
    op.execute(
        "UPDATE clocks SET supersedes = withdrawal.original FROM ("
        "SELECT e.reference, max(e.claim_id) AS original FROM payment_entries e WHERE e.kind = 'withdrawn' "
        "AND NOT EXISTS (SELECT 1 FROM payment_entries c WHERE c.claim_id = e.claim_id AND c.corrects = e.entry_id) "
        "GROUP BY e.reference) AS withdrawal "
        "WHERE withdrawal.reference = clocks.claim_id AND clocks.frequency IN ('7', '8')"
    )
    named = sa.text("supersedes IS NOT NULL")
    op.create_index(
        "clocks_by_superseded", "clocks", ["supersedes"], postgresql_where=named, sqlite_where=named
    )
    op.drop_index("clocks_by_original", "clocks")


def downgrade() -> None:
    op.create_index("clocks_by_original", "clocks", ["original_reference"])
    op.drop_index("clocks_by_superseded", "clocks")
    op.drop_column("clocks", "supersedes")
