"""The claims of a period as cohorts, as they stood on a day: grouped in the database, not claim by claim.

The projection holds for every claim to which nothing happened after that day, and one to which nothing had
happened by then is as it arrived. Only what lies between, such as a payment that was reversed since, is folded
again from its entries.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Integer,
    Numeric,
    Select,
    Subquery,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    type_coerce,
)

from services.payments.clock import Outcome
from services.payments.clock_document import interest_on, interest_payable_by
from services.payments.figures.entries_by_day import entries_by_day
from services.payments.figures.timeliness import Cohort
from services.payments.models import CLAIM_LINES, CLOCKS, PAYMENT_ENTRIES
from services.payments.projection import VOID, fold_row
from services.payments.queries import Scope
from shared.identifiers import is_npi
from shared.prompt_pay import DAYS_A_YEAR, RATE_PERCENT_A_YEAR, SMALL_INTEREST_BELOW_CENTS, is_small

COLUMNS: dict[str, ColumnElement[Any]] = {
    "payer": CLOCKS.c.payer_id,
    "provider": CLOCKS.c.provider_npi,
    "channel": CLOCKS.c.channel,
    "benefit": CLOCKS.c.benefit,
    "outreach": CLOCKS.c.outreach,
}
GROUPS = (*COLUMNS, "service", "month", "quarter")
"""What figures can be grouped by. Month and quarter are those of the arrival."""

_CHUNK = 1000
_DIVISOR = 100 * DAYS_A_YEAR


class Question(NamedTuple):
    """Claims that arrived from ``first`` to ``last``, both included, as they stood on ``as_of``.

    ``lines``: count service lines instead of claims.
    """

    as_of: date
    first: date | None = None
    last: date | None = None
    group_by: tuple[str, ...] = ()
    lines: bool = False

    @property
    def repeats_claims(self) -> bool:
        """Whether a claim may be in several groups."""
        return "service" in self.group_by


class Chosen(NamedTuple):
    """The claims of a question: where they come from, the conditions, the parts of their keys, their weight."""

    source: FromClause
    conditions: list[ColumnElement[bool]]
    keys: list[ColumnElement[Any]]
    weight: ColumnElement[int]


def chosen(scope: Scope, question: Question) -> Chosen:
    """The claims that a question is about, joined with their services or lines where it needs them."""
    conditions = [*scope.conditions(), CLOCKS.c.arrival_date <= question.as_of]
    if question.first:
        conditions.append(CLOCKS.c.arrival_date >= question.first)
    if question.last:
        conditions.append(CLOCKS.c.arrival_date <= question.last)
    source: FromClause = CLOCKS
    weight: ColumnElement[int] = literal(1)
    # With a name of its own: the database does not see that a parameter is the same as another.
    columns = COLUMNS | {"payer": scope.payer_column().label("payer_shown")}
    if question.repeats_claims or question.lines:
        parts = _parts(conditions, question)
        source = CLOCKS.outerjoin(parts, parts.c.claim_id == CLOCKS.c.claim_id)
        if question.repeats_claims:
            columns["service"] = func.coalesce(parts.c.service, "")
        if question.lines:
            weight = func.coalesce(parts.c.lines, 0)
    return Chosen(
        source, conditions, [columns[name] for name in question.group_by if name in columns], weight
    )


def _parts(conditions: list[ColumnElement[bool]], question: Question) -> Subquery:
    """How many lines each claim has, of each service where the question asks for services."""
    wanted = [CLAIM_LINES.c.claim_id, *([CLAIM_LINES.c.service] if question.repeats_claims else [])]
    lines = CLAIM_LINES.join(CLOCKS, CLOCKS.c.claim_id == CLAIM_LINES.c.claim_id)
    statement = select(*wanted, func.count().label("lines")).select_from(lines)
    return statement.where(*conditions).group_by(*wanted).subquery("parts")


def key_of(scope: Scope, question: Question, arrival_date: date, parts: Sequence[Any]) -> tuple[str, ...]:
    """A group's key from the columns of :class:`Chosen` and the arrival, in the order that was asked for."""
    named = iter(parts)
    return tuple(
        arrival_date.strftime("%Y-%m")
        if name == "month"
        else f"{arrival_date.year}-Q{(arrival_date.month + 2) // 3}"
        if name == "quarter"
        else _npi(next(named))
        if name == "provider"
        else scope.payer(next(named))
        if name == "payer"
        else next(named)
        for name in question.group_by
    )


@lru_cache(maxsize=4096)
def _npi(value: str) -> str:
    # A rejected claim may hold anything in this place, a person's name as well.
    return value if is_npi(value) else ""


def cohorts(connection: Connection, scope: Scope, question: Question) -> Iterator[Cohort]:
    """The claims of the question, counted by what their figures need."""
    claims = chosen(scope, question)
    moved = _moved(connection, claims, question)
    source = claims.source
    untouched: ColumnElement[bool] = false()
    conditions = claims.conditions
    if moved is not None:
        source = source.outerjoin(moved, moved.c.claim_id == CLOCKS.c.claim_id)
        untouched = and_(moved.c.claim_id.is_not(None), moved.c.before == 0, CLOCKS.c.status != "none")
        between = and_(moved.c.before == 1, CLOCKS.c.status != "none")
        conditions = [*conditions, or_(moved.c.claim_id.is_(None), ~between)]
        yield from _folded_again(connection, claims, source, between, scope, question)
    states, sums = _state_columns(untouched), _sums(connection, untouched, question.as_of)
    statement = (
        select(*states, *sums, func.sum(claims.weight), *claims.keys)
        .select_from(source)
        .where(*conditions)
        .group_by(*states, *claims.keys)
    )
    width = len(states) + len(sums)
    for row in connection.execute(statement):
        arrival, payer, verdict, void, status, late, deadline, start, settled, *rest = row[:width]
        owed_from, small, *money = rest
        yield Cohort(
            key=key_of(scope, question, arrival, row[width + 1 :]),
            arrival_date=arrival,
            payer_id=scope.payer(payer),
            verdict=verdict,
            void=bool(void),
            status=status,
            late=bool(late),
            deadline=deadline,
            contract_from=start,
            awaits_information=status != "none" and start is None,
            paid_in_full_on=settled if status == "paid" else None,
            settled_otherwise_on=settled if status in ("denied", "withdrawn") else None,
            interest_payable_by=_payable_by(owed_from, small=bool(small)),
            interest_due_cents=int(money[0]),
            interest_paid_cents=int(money[1]),
            interest_running_cents=int(money[2]),
            open_cents=int(money[3]),
            count=int(row[width]),
        )


def _moved(connection: Connection, claims: Chosen, question: Question) -> Subquery | None:
    """The claims that the projection does not speak of alone, and whether (1) something had happened by the day.

    Something happened to them later, or a payment was taken back: the days on which the provider had it count
    for no interest, and those are not in the projection. Or a part was paid late: the interest on the rest is rounded
    together with that part's.
    """
    e, c = PAYMENT_ENTRIES.c, CLOCKS.c
    later, taken_back = e.date > question.as_of, e.kind == "payment_reversed"
    partly = and_(c.status == "running", c.paid_on > c.running_deadline)
    there = select(e.claim_id).where(or_(later, taken_back)), select(c.claim_id).where(partly)
    if not any(connection.execute(each.limit(1)).first() for each in there):
        return None
    entries = PAYMENT_ENTRIES.join(CLOCKS, CLOCKS.c.claim_id == e.claim_id)
    before = func.max(case((later, 0), else_=1)).label("before")
    moved = func.max(case((or_(later, taken_back, partly), 1), else_=0)) == 1
    statement = select(e.claim_id, before).select_from(entries).where(*claims.conditions)
    return statement.group_by(e.claim_id).having(moved).subquery("moved")


def _state_columns(untouched: ColumnElement[bool]) -> list[ColumnElement[Any]]:
    c = CLOCKS.c

    def unless(column: ColumnElement[Any], instead: ColumnElement[Any]) -> ColumnElement[Any]:
        return type_coerce(case((untouched, instead), else_=column), column.type)

    owed = and_(c.status == "paid", c.interest_paid_cents < c.interest_cents, not_(untouched))
    small = and_(owed, c.interest_cents < SMALL_INTEREST_BELOW_CENTS)
    return [
        column.label(f"state_{place}")
        for place, column in enumerate(
            (
                c.arrival_date,
                c.payer_id,
                c.verdict,
                case((c.frequency == VOID, 1), else_=0),
                unless(c.status, literal("running")),
                case((untouched, 0), (c.late, 1), else_=0),
                unless(c.running_deadline, c.deadline),
                unless(c.contract_from, c.arrival_date),
                unless(c.settled_on, cast(null(), Date)),
                type_coerce(case((owed, c.paid_on), else_=cast(null(), Date)), Date()),
                case((small, 1), else_=0),
            )
        )
    ]


def _payable_by(paid_on: date | None, *, small: bool) -> date | None:
    """The last day for interest that is still owed, on which depends only whether it is small."""
    if paid_on is None:
        return None
    return interest_payable_by(1 if small else SMALL_INTEREST_BELOW_CENTS, paid_on)


def _sums(connection: Connection, untouched: ColumnElement[bool], as_of: date) -> list[ColumnElement[Any]]:
    """Interest due, paid and running, and what is open, in cents."""
    c = CLOCKS.c
    due = case((c.interest_cents > c.interest_paid_cents, c.interest_cents - c.interest_paid_cents), else_=0)
    amount = case((c.amount_cents > 0, c.amount_cents), else_=0)
    still_open = case(
        (untouched, amount), (c.status.in_(("running", "contested")), c.outstanding_cents), else_=0
    )
    deadline = case((untouched, c.deadline), else_=c.running_deadline)
    runs = and_(or_(untouched, c.status == "running"), deadline < as_of)
    running = case((runs, _interest(connection, still_open, deadline, as_of)), else_=0)
    return [
        func.sum(case((untouched, 0), else_=due)),
        func.sum(case((untouched, 0), else_=c.interest_paid_cents)),
        func.sum(running),
        func.sum(still_open),
    ]


def _interest(
    connection: Connection, cents: ColumnElement[Any], deadline: ColumnElement[Any], as_of: date
) -> ColumnElement[Any]:
    """``shared.prompt_pay.interest_cents`` in SQL, to the cent, for days after the deadline."""
    if connection.dialect.name == "postgresql":
        days = type_coerce(cast(literal(as_of), Date) - deadline, Integer)
        cent_days: ColumnElement[Any] = cast(cents, Numeric) * days
        return func.floor((2 * cent_days * RATE_PERCENT_A_YEAR + _DIVISOR) / (2 * _DIVISOR))
    past = cast(func.julianday(as_of.isoformat()) - func.julianday(deadline), Integer)
    return (2 * cents * past * RATE_PERCENT_A_YEAR + _DIVISOR) // (2 * _DIVISOR)


def _folded_again(
    connection: Connection,
    claims: Chosen,
    source: FromClause,
    between: ColumnElement[bool],
    scope: Scope,
    question: Question,
) -> Iterator[Cohort]:
    statement: Select[Any] = (
        select(CLOCKS, claims.weight, *claims.keys).select_from(source).where(*claims.conditions, between)
    )
    width = len(CLOCKS.c)
    rows = connection.execute(statement).all()
    for some in _chunks(rows):
        entries = entries_by_day(connection, [row.claim_id for row in some], question.as_of)
        for row in some:
            outcome = fold_row(row, entries.get(row.claim_id, ()))
            key, payer = (
                key_of(scope, question, row.arrival_date, row[width + 1 :]),
                scope.payer(row.payer_id),
            )
            yield _cohort_of(row, outcome, payer, key, int(row[width]), question.as_of)


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]


def _cohort_of(
    row: Any, outcome: Outcome, payer: str, key: tuple[str, ...], count: int, as_of: date
) -> Cohort:
    runs = outcome.status in ("running", "contested")
    still_open = (outcome.outstanding_cents or 0) if runs else 0
    return Cohort(
        key=key,
        arrival_date=row.arrival_date,
        payer_id=payer,
        verdict=row.verdict,
        status=outcome.status,
        late=outcome.late,
        deadline=outcome.deadline,
        contract_from=outcome.contract_from,
        awaits_information=outcome.contract_from is None,
        paid_in_full_on=outcome.settled_on if outcome.status == "paid" else None,
        settled_otherwise_on=outcome.settled_on if outcome.status in ("denied", "withdrawn") else None,
        interest_payable_by=_payable_by(outcome.paid_on, small=is_small(outcome.interest_cents))
        if outcome.status == "paid" and outcome.interest_paid_cents < outcome.interest_cents
        else None,
        interest_due_cents=max(0, outcome.interest_cents - outcome.interest_paid_cents),
        interest_paid_cents=outcome.interest_paid_cents,
        interest_running_cents=interest_on(outcome, as_of) - outcome.interest_cents,
        open_cents=still_open,
        count=count,
    )
