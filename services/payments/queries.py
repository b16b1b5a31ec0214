"""What the API and the pages read: set-based, one query a question, limited to what the caller may see."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple, get_args

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, literal, select, tuple_

from services.payments.clock import Outcome, state_of
from services.payments.clock_document import interest_on
from services.payments.models import CLOCKS, PAYMENT_ENTRIES
from services.payments.projection import entries_of, fold_row
from shared.among import among
from shared.events import utc_text
from shared.payers import Payers
from shared.prompt_pay import ClockState, interest_cents

STATES: tuple[ClockState, ...] = get_args(ClockState)


_NO_FILE = Payers(configured=False)


class Scope(NamedTuple):
    """Whose claims the caller sees: ``None`` is no limit, an empty tuple nobody's.

    ``payers`` are ids as the key names them, any of a payer's. ``known`` is the payers file, by which all ids of a
    payer are one payer.
    """

    npis: tuple[str, ...] | None = None
    payers: tuple[str, ...] | None = None
    known: Payers = _NO_FILE

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.npis is not None:
            found.append(CLOCKS.c.provider_npi.in_(self.npis))
        if self.payers is not None:
            found.append(self.is_of(self.payers))
        return found

    def is_of(self, payers: Sequence[str]) -> ColumnElement[bool]:
        """The condition for the claims of these payers, under whichever of their ids, however it is spelled."""
        # A clock holds the id as the claim has it, which is what the timeliness log proves.
        return func.upper(CLOCKS.c.payer_id).in_(self.known.ids_of(payers))

    def payer(self, payer_id: str) -> str:
        """The name under which the claims with this id are counted: the payer's first id."""
        return self.known.first_id(payer_id) or ""

    def payer_shown(self, row: Any) -> str:
        """The payer id of a row of ``clocks`` where it may be shown without its claim (``shows_payer``); else empty."""
        shows = shows_payer(self.known, row.payer_id, row.verdict, row.status)
        return str(row.payer_id) if shows else ""

    def payer_column(self) -> ColumnElement[str]:
        """The same in SQL."""
        c = CLOCKS.c
        ids = [payer_id.upper() for terms in self.known.all for payer_id in terms.ids]
        hidden = and_(c.verdict == "rejected", c.status == "none", func.upper(c.payer_id).not_in(ids))
        return case((hidden, ""), else_=c.payer_id)


def shows_payer(known: Payers, payer_id: str, verdict: str, status: str) -> bool:
    """Whether a payer id may stand in the log and in figures. A claim rejected on arrival may hold anything in its
    place, such as a person's name where the columns of a file are shifted, unless the payers file has it.
    """
    return verdict != "rejected" or status != "none" or known.knows(payer_id)


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
    # Only a claim without a clock has none.
    conditions = [c.running_deadline.is_not(None), *scope.conditions()]
    if wanted.state:
        conditions.append(_in_state(wanted.state, as_of))
    if wanted.due_before:
        conditions += [c.status == "running", c.running_deadline < wanted.due_before]
    if wanted.payer:
        conditions.append(scope.is_of((wanted.payer,)))
    if wanted.provider:
        conditions.append(c.provider_npi == wanted.provider)
    if after:
        # As a pair, for which both databases go into the index.
        conditions.append(tuple_(c.running_deadline, c.claim_id) > tuple_(*map(literal, after)))
    statement = select(CLOCKS).where(*conditions).order_by(c.running_deadline, c.claim_id).limit(limit)
    rows = connection.execute(statement).all()
    folded = _folded(connection, rows)
    return [_item(row, as_of, folded.get(row.claim_id)) for row in rows]


def _folded(connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, Outcome]:
    """Claims open after a reversal or a late payment of a part: what is rounded together is not in their row."""
    e = PAYMENT_ENTRIES.c
    running = {row.claim_id: row for row in rows if row.status == "running"}
    if not running:
        return {}
    of_reversals = among(connection, e.claim_id, running), e.kind == "payment_reversed"
    wanted = set(connection.execute(select(e.claim_id).where(*of_reversals)).scalars())
    wanted |= {each for each, row in running.items() if row.paid_on and row.paid_on > row.running_deadline}
    entries = entries_of(connection, list(wanted)) if wanted else {}
    return {claim_id: fold_row(running[claim_id], found) for claim_id, found in entries.items()}


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


def _item(row: Row[Any], as_of: date, folded: Outcome | None) -> dict[str, Any]:
    state = state_of(row.status, row.late, row.running_deadline, row.near_on, as_of)
    interest = row.interest_cents if folded is None else interest_on(folded, as_of)
    if folded is None and state == "overdue":
        interest = interest_cents(row.outstanding_cents, (as_of - row.running_deadline).days)
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
        "interest_due_cents": max(0, interest - row.interest_paid_cents),
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


def counts_by_state(connection: Connection, scope: Scope, as_of: date) -> dict[str, int]:
    """How many clocks are in each state on ``as_of``."""
    sums = [func.sum(case((_in_state(state, as_of), 1), else_=0)).label(state) for state in STATES]
    row = connection.execute(select(*sums).where(*scope.conditions())).one()
    return {state: int(getattr(row, state) or 0) for state in STATES}
