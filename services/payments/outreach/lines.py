"""The outreach ledger of a period, read from the database: some queries for some thousand lines, none a claim."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, Row, and_, func, select

from services.payments.clock import Entry
from services.payments.figures.cohorts import Question, cohorts
from services.payments.figures.entries_by_day import entries_by_day
from services.payments.figures.timeliness import figures
from services.payments.models import CLAIM_LINES, CLOCKS, PAYMENT_ENTRIES
from services.payments.outreach.ledger import (
    SUCCESS_DAYS,
    Ledger,
    LinePayment,
    OutreachLine,
    Success,
    ledger,
    line_payment,
    success_of,
)
from services.payments.outreach.wrong_denials import WrongDenial, wrong_denial
from services.payments.projection import VOID, fold_row
from services.payments.queries import Scope
from shared.among import among
from shared.identifiers import is_npi

_CHUNK = 2000
_OF_CLAIM = {"yes": "outreach", "no": "services", "mixed": "mixed"}

Services = dict[tuple[str, str], list[date]]
"""Days of services by member and benefit, in order."""


class OutreachQuestion(NamedTuple):
    """Attempts from ``first`` to ``last``, both included, as everything stood on ``as_of``."""

    as_of: date
    first: date | None = None
    last: date | None = None
    group_by: tuple[str, ...] = ()


class TimeToPayment(Struct, frozen=True):
    paid: int
    median_days: float | None


class OutreachReport(NamedTuple):
    ledger: Ledger
    time_to_payment: dict[str, TimeToPayment]


def outreach_report(connection: Connection, scope: Scope, question: OutreachQuestion) -> OutreachReport:
    """The ledger, and how long outreach waits for payment beside services."""
    found = ledger(outreach_lines(connection, scope, question), question.group_by)
    claims = Question(question.as_of, question.first, question.last, ("outreach",))
    by_outreach = figures(cohorts(connection, scope, claims), question.as_of, claims.group_by).groups
    days = {name: TimeToPayment(0, None) for name in _OF_CLAIM.values()}
    for group in by_outreach:
        days[_OF_CLAIM[group.key["outreach"]]] = TimeToPayment(group.paid, group.median_days)
    return OutreachReport(found, days)


def outreach_lines(
    connection: Connection, scope: Scope, question: OutreachQuestion
) -> Iterator[OutreachLine]:
    """The outreach lines of the period, claims that arrived after ``as_of`` and voids left out."""
    c, line = CLOCKS.c, CLAIM_LINES.c
    day = func.coalesce(line.service_date, c.arrival_date)
    conditions = [*scope.conditions(), line.outreach, c.frequency != VOID, c.arrival_date <= question.as_of]
    if question.first:
        conditions.append(day >= question.first)
    if question.last:
        conditions.append(day <= question.last)
    statement = (
        select(CLOCKS, line.line, line.service_date, line.benefit.label("line_benefit"), line.service)
        .add_columns(line.units, line.charge_cents)
        .select_from(CLAIM_LINES.join(CLOCKS, c.claim_id == line.claim_id))
        .where(*conditions)
        .order_by(c.claim_id, line.line)
    )
    result = connection.execute(statement.execution_options(yield_per=_CHUNK))
    for rows in result.partitions(_CHUNK):
        yield from _Some(connection, rows, scope, question).lines()


class _Some:
    """Some lines with what their claims' entries and their members' services say."""

    def __init__(
        self, connection: Connection, rows: Sequence[Row[Any]], scope: Scope, question: OutreachQuestion
    ) -> None:
        self._rows, self._scope, self._question = rows, scope, question
        self._as_of = question.as_of
        ids = list(dict.fromkeys(row.claim_id for row in rows))
        self._entries = entries_by_day(connection, ids, self._as_of)
        self._services = _services(connection, rows, self._as_of)
        denied = [claim_id for claim_id, entries in self._entries.items() if _denials(entries)]
        self._reasons = _reasons(connection, denied)

    def lines(self) -> Iterator[OutreachLine]:
        for row in self._rows:
            entries = self._entries.get(row.claim_id, [])
            payment = self._payment(row, entries)
            success, housing = self._success(row), row.line_benefit != "ECM"
            denials = _denials(entries, row.line) if payment.state == "denied" else []
            yield OutreachLine(
                key=self._key(row, success),
                claim_id=row.claim_id,
                line=row.line,
                payer_id=self._scope.payer(self._scope.payer_shown(row)),
                provider_npi=_npi(row),
                member_key=row.member_key,
                housing=housing,
                attempts=max(1, round(row.units or 1)),
                billed_cents=row.charge_cents,
                success=success,
                payment=payment,
                wrong_denial=None if housing else self._wrong(denials),
                denied_on=max((entry.date for entry in denials), default=None),
            )

    def _payment(self, row: Row[Any], entries: Sequence[Entry]) -> LinePayment:
        if row.status == "none":
            return LinePayment("rejected")
        return line_payment(fold_row(row, entries), row.line, row.charge_cents, self._as_of)

    def _success(self, row: Row[Any]) -> Success:
        wanted = "ECM" if row.line_benefit == "ECM" else "CS"
        days = self._services.get((row.member_key, wanted), [])
        attempted_on = row.service_date or row.arrival_date
        # The first service on or after the attempt decides.
        place = bisect_left(days, attempted_on)
        return success_of(attempted_on, days[place : place + 1], self._as_of)

    def _wrong(self, denials: Sequence[Entry]) -> WrongDenial | None:
        found = (wrong_denial(self._reasons.get(entry.entry_id)) for entry in denials)
        return next((each for each in found if each is not None), None)

    def _key(self, row: Row[Any], success: Success) -> tuple[str, ...]:
        month = (row.service_date or row.arrival_date).strftime("%Y-%m")
        parts = {
            "payer": self._scope.payer(self._scope.payer_shown(row)),
            "provider": _npi(row),
            "member": row.member_key,
            "month": month,
            "service": row.service,
            "success": success,
        }
        return tuple(parts[name] for name in self._question.group_by)


def _npi(row: Row[Any]) -> str:
    # A rejected claim may hold anything in this place, a person's name as well.
    return row.provider_npi if is_npi(row.provider_npi) else ""


def _denials(entries: Sequence[Entry], line: int | None = None) -> list[Entry]:
    """The denials, of one line where one is given: those that name it, or where none does, those that name none."""
    denied = [entry for entry in entries if entry.kind == "denied"]
    if line is None:
        return denied
    own = [entry for entry in denied if entry.line == line]
    return own or [entry for entry in denied if entry.line is None]


def _services(connection: Connection, rows: Sequence[Row[Any]], as_of: date) -> Services:
    """The days on which the members of these lines had services, of any provider and payer."""
    c, line = CLOCKS.c, CLAIM_LINES.c
    attempts = [row.service_date or row.arrival_date for row in rows]
    first, last = min(attempts), max(attempts) + timedelta(days=SUCCESS_DAYS)
    # The index of members holds the day of arrival, and a service comes before its claim.
    statement = (
        select(c.member_key, line.benefit, line.service_date)
        .select_from(CLOCKS.join(CLAIM_LINES, c.claim_id == line.claim_id))
        .where(
            among(connection, c.member_key, list({row.member_key for row in rows})),
            and_(c.arrival_date >= first, c.arrival_date <= as_of),
            c.verdict.in_(("accepted", "pended")),
            c.status.not_in(("none", "withdrawn")),
            and_(line.service_date >= first, line.service_date <= last),
            ~line.outreach,
            line.benefit != "",
        )
        .distinct()
        .order_by(line.service_date)
    )
    found: Services = {}
    for member, benefit, day in connection.execute(statement):
        found.setdefault((member, benefit), []).append(day)
    return found


def _reasons(connection: Connection, claim_ids: Sequence[str]) -> dict[str, str]:
    """What the denials of these claims gave as their reason, by entry."""
    if not claim_ids:
        return {}
    e = PAYMENT_ENTRIES.c
    statement = select(e.entry_id, e.reason).where(
        among(connection, e.claim_id, claim_ids), e.kind == "denied", e.reason.is_not(None)
    )
    return {row.entry_id: row.reason for row in connection.execute(statement)}
