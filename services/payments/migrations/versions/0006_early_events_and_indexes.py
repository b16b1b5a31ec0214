"""Payment events that came before their claim, and indexes for the lists of clocks and for claim payments."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "waiting_entries",
        sa.Column("entry_id", sa.String(40), primary_key=True),
        sa.Column("claim_id", sa.String(40), nullable=False),
        sa.Column("problem", sa.Text()),
    )
    op.create_index("waiting_entries_by_claim", "waiting_entries", ["claim_id"])
    op.execute(
        "INSERT INTO waiting_entries (entry_id, claim_id) SELECT e.entry_id, e.claim_id FROM payment_entries e "
        "WHERE NOT EXISTS (SELECT 1 FROM clocks c WHERE c.claim_id = e.claim_id)"
    )
    op.create_table(
        "remittance_names",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column(
            "remittance_id", sa.String(40), sa.ForeignKey("remittances.remittance_id"), primary_key=True
        ),
        sa.Column("ordinal", sa.Integer(), primary_key=True),
    )
    _name_the_unmatched(op.get_bind())
    for table, name, columns in _NEW:
        if name == "clocks_by_number":
            op.drop_index(name, table)
        op.create_index(name, table, columns)
    for table, name, _ in _OLD:
        op.drop_index(name, table)


def _name_the_unmatched(connection: sa.Connection) -> None:
    page = sa.text(
        "SELECT remittance_id, ordinal, claim_number, claim_id, CAST(document AS TEXT) FROM remittance_items "
        "WHERE status = 'unmatched' AND (remittance_id, ordinal) > (:remittance_id, :ordinal) "
        "ORDER BY remittance_id, ordinal LIMIT 1000"
    )
    insert = sa.text("INSERT INTO remittance_names (name, remittance_id, ordinal) VALUES (:name, :rem, :ord)")
    after = {"remittance_id": "", "ordinal": 0}
    while rows := connection.execute(page, after).all():
        names = [
            {"name": name, "rem": remittance_id, "ord": ordinal}
            for remittance_id, ordinal, number, claim_id, document in rows
            for name in {number, claim_id, *json.loads(document).get("members", ())} - {None, ""}
        ]
        if names:
            connection.execute(insert, names)
        after = {"remittance_id": rows[-1][0], "ordinal": rows[-1][1]}


_NEW = (
    ("clocks", "clocks_by_running_deadline", ["running_deadline", "claim_id"]),
    ("clocks", "clocks_by_provider", ["provider_npi", "running_deadline", "claim_id"]),
    (
        "clocks",
        "clocks_by_state",
        ["status", "running_deadline", "claim_id", "late", "near_on", "payer_id"],
    ),
    ("clocks", "clocks_by_number", ["claim_number", "provider_npi"]),
    ("remittance_items", "remittance_items_by_claim", ["claim_id"]),
)
_OLD = (
    ("clocks", "clocks_by_deadline", ["status", "running_deadline", "claim_id"]),
    ("remittance_items", "remittance_items_by_number", ["provider_npi", "claim_number"]),
)


def downgrade() -> None:
    for table, name, columns in _OLD:
        op.create_index(name, table, columns)
    for table, name, _ in _NEW:
        op.drop_index(name, table)
    op.create_index("clocks_by_number", "clocks", ["provider_npi", "claim_number"])
    op.drop_table("remittance_names")
    op.drop_table("waiting_entries")
