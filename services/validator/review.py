"""The review queue: the claims that wait for the claims department, and what speaks against each."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from services.validator.models import CLAIMS, DECISIONS, JUDGEMENTS, REVIEWS
from shared.calendar import OutsideCalendar
from shared.events import ReviewKind
from shared.findings import Finding
from shared.payers import Payers
from shared.prompt_pay import (
    CALENDAR_DAYS,
    RunningState,
    end_of_period,
    receipt_date_of,
    running_state,
    standard_of,
)
from shared.security import Principal

KINDS: tuple[ReviewKind, ...] = ("pended", "suspected", "reconsider")
_BY_DEADLINE = (REVIEWS.c.deadline.nulls_last(), REVIEWS.c.claim_id)
Position = tuple[date | None, str]
"""Deadline and claim id of the last review shown."""


class Scope(Struct, frozen=True):
    """The plans whose claims a key may see, by first id; ``None``: all."""

    payers: tuple[str, ...] | None = None


class ReviewFilter(Struct, frozen=True):
    """Which reviews are wanted. ``payer`` is any of its ids; ``due_before``: due on an earlier day than this."""

    payer: str | None = None
    kind: ReviewKind | None = None
    due_before: date | None = None


class Reason(Struct, frozen=True):
    """What a person has to decide on. ``holds`` is false for what spoke against the claim and no longer does."""

    rule: str
    severity: str
    message: str
    line: int | None = None
    holds: bool = True


class Review(Struct, frozen=True):
    """An open review. Days are California's: ``age_days`` since arrival, ``days_left`` to the first deadline of
    Health and Safety Code 1371, negative where it has passed; ``due`` says the same in a word.
    """

    claim_id: str
    claim: str | None
    organisation: str
    payer_id: str | None
    kind: str
    verdict: str
    amount_cents: int
    arrival_date: date
    opened_at: datetime
    age_days: int
    deadline: date | None
    days_left: int | None
    due: RunningState | None
    reasons: tuple[Reason, ...]


class _Findings(Struct, frozen=True):
    findings: tuple[Finding, ...] = ()


_decode_findings = msgspec.json.Decoder(_Findings).decode


def scope_of(principal: Principal, payers: Payers) -> Scope:
    """The claims that this key may see."""
    if not principal.payers:
        return Scope()
    return Scope(tuple(sorted({stored_id(payer, payers) for payer in principal.payers})))


def stored_id(payer: str, payers: Payers) -> str:
    """A payer's id as the tables hold it."""
    return (payers.first_id(payer) or "")[:80]


def open_reviews(
    connection: Connection,
    scope: Scope,
    wanted: ReviewFilter,
    payers: Payers,
    today: date,
    *,
    after: Position | None = None,
    limit: int,
) -> list[Review]:
    """At most ``limit`` open reviews, the earliest deadline first."""
    r = REVIEWS.c
    conditions = [*within(scope, r.payer_id)]
    if wanted.payer is not None:
        conditions.append(r.payer_id == stored_id(wanted.payer, payers))
    if wanted.kind is not None:
        conditions.append(r.kind == wanted.kind)
    if wanted.due_before is not None:
        conditions.append(r.deadline < wanted.due_before)
    if after is not None:
        conditions.append(_after(*after))
    # The page first, without the documents: sorting would carry along those of the whole queue.
    page = (
        select(r.claim_id)
        .join(CLAIMS, CLAIMS.c.claim_id == r.claim_id)
        .where(~CLAIMS.c.superseded, *conditions)
        .order_by(*_BY_DEADLINE)
        .limit(limit)
        .subquery()
    )
    rows = connection.execute(
        _reviews().where(r.claim_id.in_(select(page.c.claim_id))).order_by(*_BY_DEADLINE)
    )
    return [_review(row, payers, today) for row in rows]


def counts(connection: Connection, scope: Scope) -> dict[str, int]:
    """How many reviews are open, by kind."""
    rows = connection.execute(
        select(REVIEWS.c.kind, func.count())
        .join(CLAIMS, CLAIMS.c.claim_id == REVIEWS.c.claim_id)
        .where(~CLAIMS.c.superseded, *within(scope, REVIEWS.c.payer_id))
        .group_by(REVIEWS.c.kind)
    )
    found: dict[str, int] = {row[0]: row[1] for row in rows}
    return {kind: found.get(kind, 0) for kind in KINDS}


def open_review(connection: Connection, claim_id: str, payers: Payers, today: date) -> Review | None:
    """The claim's open review, where it has one."""
    row = connection.execute(_reviews().where(REVIEWS.c.claim_id == claim_id)).one_or_none()
    return _review(row, payers, today) if row is not None else None


def reasons(
    kind: str, findings: Sequence[Finding], earlier: Sequence[Finding] | None = None
) -> tuple[Reason, ...]:
    """What there is to decide on.

    ``earlier`` are the findings as somebody decided on them: those were weighed then. Of a rejection to
    reconsider they are those that rejected it, and what has gone of them comes first.
    """
    blocking = [finding for finding in findings if finding.severity != "note"]
    known = {identity(finding) for finding in earlier or ()}
    if kind == "reconsider":
        now = {identity(finding) for finding in findings}
        gone = [
            _reason(each, holds=False)
            for each in earlier or ()
            if each.severity == "reject" and identity(each) not in now
        ]
        return (*gone, *map(_reason, blocking))
    fresh = [finding for finding in blocking if identity(finding) not in known]
    return tuple(map(_reason, fresh or blocking))


def identity(finding: Finding) -> tuple[str, str, int | None, str | None]:
    """What makes two findings of a claim the same, however they are worded."""
    return finding.rule, finding.severity, finding.line, finding.value


def _reason(finding: Finding, *, holds: bool = True) -> Reason:
    return Reason(finding.rule, finding.severity, finding.message, finding.line, holds)


def within(scope: Scope, payer_id: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """The condition that a row is of a plan in ``scope``."""
    return [] if scope.payers is None else [payer_id.in_(scope.payers)]


def _reviews() -> Select[Any]:
    """Open reviews with the claim as judged last, and with the judgement that its reasons are weighed against.

    A claim that was voided or replaced waits for nothing, unless what replaced it is rejected.
    """
    r, now, earlier = REVIEWS.c, JUDGEMENTS.alias("now"), JUDGEMENTS.alias("earlier")
    decided = (
        select(func.max(DECISIONS.c.judgement)).where(DECISIONS.c.claim_id == r.claim_id).scalar_subquery()
    )
    weighed = case((r.kind == "reconsider", 1), else_=decided)
    return (
        select(
            *r,
            CLAIMS.c.claim_number,
            CLAIMS.c.verdict,
            now.c.document.label("now_document"),
            earlier.c.document.label("earlier_document"),
        )
        .join(CLAIMS, CLAIMS.c.claim_id == r.claim_id)
        .join(now, and_(now.c.claim_id == r.claim_id, now.c.judgement == CLAIMS.c.judgement))
        .outerjoin(earlier, and_(earlier.c.claim_id == r.claim_id, earlier.c.judgement == weighed))
        .where(~CLAIMS.c.superseded)
    )


def _after(deadline: date | None, claim_id: str) -> ColumnElement[bool]:
    r = REVIEWS.c
    if deadline is None:
        return and_(r.deadline.is_(None), r.claim_id > claim_id)
    return or_(
        r.deadline > deadline, and_(r.deadline == deadline, r.claim_id > claim_id), r.deadline.is_(None)
    )


def _review(row: Any, payers: Payers, today: date) -> Review:
    earlier = _decode_findings(row.earlier_document).findings if row.earlier_document is not None else None
    return Review(
        claim_id=row.claim_id,
        claim=row.claim_number,
        organisation=row.organisation,
        payer_id=row.payer_id,
        kind=row.kind,
        verdict=row.verdict,
        amount_cents=row.amount_cents,
        arrival_date=row.arrival_date,
        opened_at=row.opened_at,
        age_days=(today - row.arrival_date).days,
        deadline=row.deadline,
        days_left=(row.deadline - today).days if row.deadline is not None else None,
        due=_due(row, payers, today),
        reasons=reasons(row.kind, _decode_findings(row.now_document).findings, earlier),
    )


def _due(row: Any, payers: Payers, today: date) -> RunningState | None:
    if row.deadline is None:
        return None
    terms = payers.terms_of(row.payer_id)
    try:
        standard, days = standard_of(row.arrival_date, terms)
        # near_days speak of a period of 30 days; a longer one warns as many days before its end.
        near = days - CALENDAR_DAYS + terms.near_days[0]
        near_from = end_of_period(standard, receipt_date_of(row.arrival_date, terms), near)
    except OutsideCalendar:
        return None
    return running_state(row.deadline, near_from, today)
