"""Records of other care, the review queue, and line keys by member and group of services."""

import json
from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

from services.validator.migrations.keys_of_lines import key_of, service_of
from shared.database import Instant, Json

revision = "0002"
down_revision = "0001"

_BATCH = 1000


def upgrade() -> None:
    _claims_and_judgements()
    _lines()
    op.create_table(
        "reviews",
        sa.Column("claim_id", sa.String(40), sa.ForeignKey("claims.claim_id"), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("payer_id", sa.String(80)),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("arrival_date", sa.Date(), nullable=False),
        sa.Column("deadline", sa.Date()),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
    )
    op.create_index("reviews_by_deadline", "reviews", ["deadline", "claim_id"])
    op.create_index("reviews_by_payer", "reviews", ["payer_id", "deadline", "claim_id"])
    _queue_pended()
    op.create_table(
        "decisions",
        sa.Column("claim_id", sa.String(40), sa.ForeignKey("claims.claim_id"), primary_key=True),
        sa.Column("judgement", sa.Integer(), primary_key=True),
        sa.Column("decision", sa.String(7), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(40), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
    )
    _records()


def _claims_and_judgements() -> None:
    # Plain ADD COLUMN: SQLite would copy a table to do more, and claims is referred to by others.
    op.add_column("claims", sa.Column("judgement", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("claims", sa.Column("supersedes", sa.String(40)))
    op.drop_index("judgements_pended", "judgements")
    cause = sa.Column("cause", sa.String(10), nullable=False, server_default="received")
    op.add_column("judgements", cause)
    of_reading = sa.Column("findings_of_reading", sa.Integer(), nullable=False, server_default="0")
    op.add_column("judgements", of_reading)


def _lines() -> None:
    op.drop_index("service_lines_standing_by_key", "service_lines")
    lines = op.create_table(
        "service_lines_by_member",
        sa.Column("claim_id", sa.String(40), sa.ForeignKey("claims.claim_id"), primary_key=True),
        sa.Column("line", sa.Integer(), primary_key=True),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("standing", sa.Boolean(), nullable=False),
        sa.Column("document", Json(), nullable=False),
    )
    _copy_lines(lines)
    op.drop_table("service_lines")
    op.rename_table("service_lines_by_member", "service_lines")
    op.create_index("service_lines_by_key", "service_lines", ["key", "last_day"])


def _copy_lines(lines: Any) -> None:
    before = sa.table(
        "service_lines",
        sa.column("claim_id", sa.String(40)),
        sa.column("line", sa.Integer()),
        sa.column("standing", sa.Boolean()),
        sa.column("document", Json()),
    )
    connection = op.get_bind()
    at: tuple[str, int] = ("", 0)
    while True:
        rows = connection.execute(
            sa.select(before)
            .where(sa.tuple_(before.c.claim_id, before.c.line) > sa.tuple_(*map(sa.literal, at)))
            .order_by(before.c.claim_id, before.c.line)
            .limit(_BATCH)
        ).all()
        if not rows:
            return
        connection.execute(lines.insert(), [_rekeyed(row) for row in rows])
        at = (rows[-1].claim_id, rows[-1].line)


def _rekeyed(row: Any) -> dict[str, Any]:
    line = json.loads(row.document)
    first, last = (date.fromisoformat(line[name]) for name in ("service_start", "service_end"))
    line["service"] = service_of(line["hcpcs"], line["modifiers"])
    line["key"] = key_of(line["cin"], line["service"], line["hcpcs"])
    return {
        "claim_id": row.claim_id,
        "line": row.line,
        "key": line["key"],
        "first_day": first,
        "last_day": last,
        "standing": row.standing,
        "document": json.dumps(line),
    }


def _queue_pended() -> None:
    judgements = sa.table(
        "judgements",
        *(sa.column(name) for name in ("claim_id", "payer_id", "verdict")),
        sa.column("judged_at", Instant()),
        sa.column("document", Json()),
    )
    reviews = sa.table(
        "reviews",
        *(sa.column(name) for name in ("claim_id", "kind", "payer_id", "organisation", "amount_cents")),
        sa.column("opened_at", Instant()),
        sa.column("arrival_date", sa.Date()),
    )
    connection = op.get_bind()
    after = ""
    while True:
        rows = connection.execute(
            sa.select(judgements)
            .where(judgements.c.verdict == "pended", judgements.c.claim_id > after)
            .order_by(judgements.c.claim_id)
            .limit(_BATCH)
        ).all()
        if not rows:
            return
        connection.execute(reviews.insert(), [_waiting(row) for row in rows])
        after = rows[-1].claim_id


def _waiting(row: Any) -> dict[str, Any]:
    judged = json.loads(row.document)
    claim = judged["claim"]
    lines = claim.get("lines", ())
    amount = claim.get("total_cents") or sum(line.get("charge_cents") or 0 for line in lines)
    return {
        "claim_id": row.claim_id,
        "kind": "pended",
        "payer_id": row.payer_id,
        "organisation": judged["organisation"],
        "amount_cents": amount,
        "opened_at": row.judged_at,
        "arrival_date": date.fromisoformat(judged["receipt"]["arrival_date"]),
    }


def _records() -> None:
    op.create_table(
        "care_records",
        sa.Column("feed", sa.String(16), primary_key=True),
        sa.Column("scope", sa.String(200), primary_key=True),
        sa.Column("source", sa.String(80), primary_key=True),
        sa.Column("record_id", sa.String(80), primary_key=True),
        sa.Column("care_key", sa.BigInteger(), nullable=False),
        sa.Column("cin", sa.String(14), nullable=False),
        sa.Column("program", sa.String(30)),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("document", Json(), nullable=False),
    )
    op.create_index(
        "care_records_of_member",
        "care_records",
        ["care_key", "feed", "last_day"],
        postgresql_where=sa.text("NOT withdrawn"),
        sqlite_where=sa.text("NOT withdrawn"),
    )
    op.create_table(
        "member_cins",
        sa.Column("cin", sa.String(14), primary_key=True),
        sa.Column("member", sa.String(14), nullable=False),
    )
    op.create_index("member_cins_by_member", "member_cins", ["member"])
    op.create_table(
        "feed_coverage",
        sa.Column("feed", sa.String(16), primary_key=True),
        sa.Column("payer_id", sa.String(80), primary_key=True),
        sa.Column("first_at", Instant(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
    )
    op.create_table(
        "days_to_compare",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("cin", sa.String(14), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
    )


def downgrade() -> None:
    raise RuntimeError("What was decided and loaded since then has no place in the older tables.")
