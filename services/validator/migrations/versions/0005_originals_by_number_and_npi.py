"""A claim that a replacement or void names is found by its number and billing NPI together."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _claims_by_number(["claim_number", "billing_npi"])


def downgrade() -> None:
    _claims_by_number(["claim_number"])


def _claims_by_number(columns: list[str]) -> None:
    op.drop_index("claims_by_number", "claims")
    op.create_index("claims_by_number", "claims", columns)
