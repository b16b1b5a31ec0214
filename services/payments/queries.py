"""What the API and the pages read: set-based, one query a question, limited to what the caller may see."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple, get_args

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, or_, select

from services.payments.clock import State, state_of
from services.payments.models import CLOCKS, PAYMENT_ENTRIES
from services.payments.projection import entries_of, fold_row
from services.payments.record import payment_document
from shared.among import among
from shared.events import utc_text
from shared.prompt_pay import interest_cents, interest_on_cent_days

STATES: tuple[State, ...] = get_args(State)


class Scope(NamedTuple):
    """Whose claims the caller sees: ``None`` is no limit, an empty tuple nobody's."""

    npis: tuple[str, ...] | None = None
    payers: tuple[str, ...] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.npis is not None:
            found.append(CLOCKS.c.provider_npi.in_(self.npis))
        if self.payers is not None:
            found.append(CLOCKS.c.payer_id.in_(self.payers))
        return found


class ClockFilter(NamedTuple):
    """Which clocks are wanted. ``due_before``: still unpaid and due on an earlier day than this."""

    state: str | None = None
    due_before: date | None = None
    payer: str | None = None
    provider: str | None = None


def clocks(
    connection: Connection,
    scope: Scope,
    wanted: ClockFilter,
    as_of: date,
    *,
    after: tuple[date, str] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Clocks by deadline, the earliest first; ``after`` is the deadline and claim id of the last
    one shown.
    """
    c = CLOCKS.c
    conditions = [c.status != "none", *scope.conditions()]
    if wanted.state:
        conditions.append(_in_state(wanted.state, as_of))
    if wanted.due_before:
        conditions += [c.status == "running", c.running_deadline < wanted.due_before]
    if wanted.payer:
        conditions.append(c.payer_id == wanted.payer)
    if wanted.provider:
        conditions.append(c.provider_npi == wanted.provider)
    if after:
        deadline, claim_id = after
        later = and_(c.running_deadline == deadline, c.claim_id > claim_id)
        conditions.append(or_(c.running_deadline > deadline, later))
    statement = select(CLOCKS).where(*conditions).order_by(c.running_deadline, c.claim_id).limit(limit)
    rows = connection.execute(statement).all()
    held = _held_cent_days(connection, rows)
    return [_item(row, as_of, held.get(row.claim_id, 0)) for row in rows]


def _held_cent_days(connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, int]:
    """Of claims that are open after a reversal: cents times days late on which the provider had the money."""
    e = PAYMENT_ENTRIES.c
    running = {row.claim_id: row for row in rows if row.status == "running"}
    if not running:
        return {}
    of_reversals = among(connection, e.claim_id, running), e.kind == "payment_reversed"
    statement = select(e.claim_id).where(*of_reversals).distinct()
    reopened = list(connection.execute(statement).scalars())
    entries = entries_of(connection, reopened) if reopened else {}
    return {
        claim_id: fold_row(running[claim_id], found).held_cent_days for claim_id, found in entries.items()
    }


def _in_state(state: str, as_of: date) -> ColumnElement[bool]:
    c = CLOCKS.c
    running = c.status == "running"
    if state == "overdue":
        return and_(running, c.running_deadline < as_of)
    if state == "near":
        return and_(running, c.running_deadline >= as_of, c.near_on <= as_of)
    if state == "open":
        return and_(running, c.running_deadline >= as_of, c.near_on > as_of)
    if state in ("contested", "withdrawn"):
        return c.status == state
    status, _, when = state.partition("_")
    return and_(c.status == status, c.late.is_(when == "late"))


def _item(row: Row[Any], as_of: date, held_cent_days: int) -> dict[str, Any]:
    state = state_of(row.status, row.late, row.running_deadline, row.near_on, as_of)
    running = 0
    if state == "overdue":
        running = interest_cents(row.outstanding_cents, (as_of - row.running_deadline).days)
        running -= interest_on_cent_days(held_cent_days)
    item = {
        "claim_id": row.claim_id,
        "claim": row.claim_number,
        "submission_id": row.submission_id,
        "payer_id": row.payer_id,
        "provider_npi": row.provider_npi,
        "channel": row.channel,
        "benefit": row.benefit,
        "outreach": row.outreach,
        "verdict": row.verdict,
        "received_at": utc_text(row.received_at),
        "received": row.arrival_date,
        "receipt_date": row.receipt_date,
        "standard": row.standard,
        "deadline": row.deadline,
        "contract_30": date.fromordinal(row.arrival_date.toordinal() + 30),
        "contract_90": date.fromordinal(row.arrival_date.toordinal() + 90),
        "state": state,
        "amount_cents": row.amount_cents,
        "paid_cents": row.paid_cents,
        "outstanding_cents": row.outstanding_cents,
        "interest_due_cents": max(0, row.interest_cents + running - row.interest_paid_cents),
        "interest_paid_cents": row.interest_paid_cents,
    }
    if row.suspected:
        item["suspected_duplicate"] = row.suspected.split()
    if row.status == "running":
        item["days_left"] = (row.running_deadline - as_of).days
        item["interest_per_day_cents"] = interest_cents(row.outstanding_cents, 1)
    if row.running_deadline != row.deadline:
        item["deadline_after_information"] = row.running_deadline
    paid = "paid" if row.status == "paid" else "partially_paid"
    happened = {"contested": row.contested_on, paid: row.paid_on, "denied": row.denied_on}
    return item | {key: day for key, day in happened.items() if day is not None}


def may_record(connection: Connection, scope: Scope, claim_id: str) -> bool:
    """Whether the claim is known here and the caller's to act on."""
    statement = select(CLOCKS.c.claim_id).where(CLOCKS.c.claim_id == claim_id, *scope.conditions())
    return connection.execute(statement).one_or_none() is not None


def unmatched_payments(connection: Connection, *, after: str, limit: int) -> list[dict[str, Any]]:
    """Payment entries for claims that are not known here: they wait for the claim, and are never dropped."""
    e = PAYMENT_ENTRIES.c
    statement = (
        select(PAYMENT_ENTRIES)
        .select_from(PAYMENT_ENTRIES.outerjoin(CLOCKS, CLOCKS.c.claim_id == e.claim_id))
        .where(CLOCKS.c.claim_id.is_(None), e.entry_id > after)
        .order_by(e.entry_id)
        .limit(limit)
    )
    return [
        {
            "claim_id": row.claim_id,
            **payment_document(
                row.entry_id,
                row.kind,
                row.date,
                row.amount_cents,
                row.interest_cents,
                row.reference,
                row.reason,
                line=row.line,
                corrects=row.corrects,
            ),
        }
        for row in connection.execute(statement)
    ]


def counts_by_state(connection: Connection, scope: Scope, as_of: date) -> dict[str, int]:
    """How many clocks are in each state on ``as_of``."""
    sums = [func.sum(case((_in_state(state, as_of), 1), else_=0)).label(state) for state in STATES]
    row = connection.execute(select(*sums).where(*scope.conditions())).one()
    return {state: int(getattr(row, state) or 0) for state in STATES}
