"""Earlier lines are found by the month of their days, and services of other care by their program."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # Of lines that are here already the month stays 0, which is looked up beside every month: none is written again.
    op.add_column("service_lines", sa.Column("month", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("service_lines_by_month", "service_lines", ["month", "key", "last_day"])
    op.drop_index("service_lines_by_key", "service_lines")
    _care_records_by(["care_key", "feed", "last_day", "program"])


def downgrade() -> None:
    _care_records_by(["care_key", "feed", "last_day"])
    op.create_index("service_lines_by_key", "service_lines", ["key", "last_day"])
    op.drop_index("service_lines_by_month", "service_lines")
    op.drop_column("service_lines", "month")


def _care_records_by(columns: Sequence[str]) -> None:
    op.drop_index("care_records_of_member", "care_records")
    op.create_index(
        "care_records_of_member",
        "care_records",
        columns,
        postgresql_where=sa.text("NOT withdrawn"),
        sqlite_where=sa.text("NOT withdrawn"),
    )
