"""The review queue: the claims that wait for the claims department, and what speaks against each."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from services.validator.models import CLAIM_CLOCKS, CLAIMS, DECISIONS, JUDGEMENTS, REVIEWS
from services.validator.review.clock import clock_state, due, is_settled, runs_until
from shared.events import ReviewKind
from shared.findings import Finding, identity
from shared.payers import Payers
from shared.prompt_pay import RunningState
from shared.security import Principal

KINDS: tuple[ReviewKind, ...] = ("pended", "suspected", "reconsider")
_BY_DEADLINE = (is_settled, runs_until.nulls_last(), REVIEWS.c.claim_id)
Position = tuple[bool, date | None, str]
"""Whether the last review shown is of a settled claim, its deadline, and its claim id."""


class Scope(Struct, frozen=True):
    """The plans whose claims a key may see, by first id; ``None``: all."""

    payers: tuple[str, ...] | None = None


class ReviewFilter(Struct, frozen=True):
    """Which reviews are wanted. ``payer`` is any of its ids; ``due_before``: due on an earlier day than this;
    ``settled``: paid, denied or withdrawn meanwhile, or not.
    """

    payer: str | None = None
    kind: ReviewKind | None = None
    due_before: date | None = None
    settled: bool | None = None


class Waiting(Struct, frozen=True):
    """How many reviews are open, by kind, and how many of them are of settled claims."""

    by_kind: dict[str, int]
    settled: int


class Reason(Struct, frozen=True):
    """What a person has to decide on. ``holds`` is false for what spoke against the claim and no longer does."""

    rule: str
    severity: str
    message: str
    line: int | None = None
    holds: bool = True


class Review(Struct, frozen=True):
    """An open review. Days are California's: ``age_days`` since arrival, ``days_left`` to the deadline of Health and
    Safety Code 1371 that runs, negative where it has passed; ``due`` says the same in a word. None runs while a
    contest stops the clock, and of a ``settled`` claim: paid, denied or withdrawn meanwhile.

    ``clock_state`` is payments' word, ``None`` until payments has told of a clock; ``clock_since`` the day of what
    brought it there (contest, information, payment, denial, withdrawal); ``paid_cents`` what was paid so far.
    A ``void`` (frequency 8) bills nothing: it has no clock and no deadline.
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
    clock_state: str | None
    clock_since: date | None
    paid_cents: int
    settled: bool
    void: bool
    reasons: tuple[Reason, ...]


class _Sent(Struct, frozen=True):
    frequency: str = "1"


class _Judged(Struct, frozen=True):
    claim: _Sent = _Sent()
    findings: tuple[Finding, ...] = ()


_decode_judged = msgspec.json.Decoder(_Judged).decode


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
    """At most ``limit`` open reviews: the earliest deadline first, then what waits for information, then what is
    settled.
    """
    r = REVIEWS.c
    conditions = [*within(scope, r.payer_id)]
    if wanted.payer is not None:
        conditions.append(r.payer_id == stored_id(wanted.payer, payers))
    if wanted.kind is not None:
        conditions.append(r.kind == wanted.kind)
    if wanted.due_before is not None:
        conditions.append(runs_until < wanted.due_before)
    if wanted.settled is not None:
        conditions.append(is_settled == int(wanted.settled))
    if after is not None:
        conditions.append(_after(*after))
    # The page first, without the documents: sorting would carry along those of the whole queue.
    page = (
        select(r.claim_id)
        .join(CLAIMS, CLAIMS.c.claim_id == r.claim_id)
        .outerjoin(CLAIM_CLOCKS, CLAIM_CLOCKS.c.claim_id == r.claim_id)
        .where(~CLAIMS.c.superseded, *conditions)
        .order_by(*_BY_DEADLINE)
        .limit(limit)
        .subquery()
    )
    rows = connection.execute(
        _reviews().where(r.claim_id.in_(select(page.c.claim_id))).order_by(*_BY_DEADLINE)
    )
    return [_review(row, payers, today) for row in rows]


def counts(connection: Connection, scope: Scope) -> Waiting:
    """How many reviews are open."""
    rows = connection.execute(
        select(REVIEWS.c.kind, func.count(), func.sum(is_settled))
        .join(CLAIMS, CLAIMS.c.claim_id == REVIEWS.c.claim_id)
        .outerjoin(CLAIM_CLOCKS, CLAIM_CLOCKS.c.claim_id == REVIEWS.c.claim_id)
        .where(~CLAIMS.c.superseded, *within(scope, REVIEWS.c.payer_id))
        .group_by(REVIEWS.c.kind)
    ).all()
    found = {kind: number for kind, number, _ in rows}
    return Waiting({kind: found.get(kind, 0) for kind in KINDS}, sum(settled for _, _, settled in rows))


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


def _reason(finding: Finding, *, holds: bool = True) -> Reason:
    return Reason(finding.rule, finding.severity, finding.message, finding.line, holds)


def within(scope: Scope, payer_id: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """The condition that a row is of a plan in ``scope``."""
    return [] if scope.payers is None else [payer_id.in_(scope.payers)]


def _reviews() -> Select[Any]:
    """Open reviews with the claim as judged last, and with the judgement that its reasons are weighed against.

    A claim that was voided or replaced waits for nothing, unless what replaced it is rejected.
    """
    r, c, now, earlier = REVIEWS.c, CLAIM_CLOCKS.c, JUDGEMENTS.alias("now"), JUDGEMENTS.alias("earlier")
    decided = (
        select(func.max(DECISIONS.c.judgement)).where(DECISIONS.c.claim_id == r.claim_id).scalar_subquery()
    )
    weighed = case((r.kind == "reconsider", 1), else_=decided)
    return (
        select(
            *r,
            CLAIMS.c.claim_number,
            CLAIMS.c.verdict,
            runs_until.label("runs_until"),
            is_settled.label("settled"),
            *(c.state, c.near_from, c.since, c.paid_cents),
            now.c.document.label("now_document"),
            earlier.c.document.label("earlier_document"),
        )
        .join(CLAIMS, CLAIMS.c.claim_id == r.claim_id)
        .join(now, and_(now.c.claim_id == r.claim_id, now.c.judgement == CLAIMS.c.judgement))
        .outerjoin(CLAIM_CLOCKS, c.claim_id == r.claim_id)
        .outerjoin(earlier, and_(earlier.c.claim_id == r.claim_id, earlier.c.judgement == weighed))
        .where(~CLAIMS.c.superseded)
    )


def _after(settled: bool, deadline: date | None, claim_id: str) -> ColumnElement[bool]:
    further = REVIEWS.c.claim_id > claim_id
    if deadline is None:
        later = and_(runs_until.is_(None), further)
    else:
        later = or_(runs_until > deadline, and_(runs_until == deadline, further), runs_until.is_(None))
    return or_(is_settled > int(settled), and_(is_settled == int(settled), later))


def _review(row: Any, payers: Payers, today: date) -> Review:
    now = _decode_judged(row.now_document)
    earlier = _decode_judged(row.earlier_document).findings if row.earlier_document is not None else None
    due_now = due(row, payers, today)
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
        deadline=row.runs_until,
        days_left=(row.runs_until - today).days if row.runs_until is not None else None,
        due=due_now,
        clock_state=clock_state(row, due_now),
        clock_since=row.since,
        paid_cents=row.paid_cents or 0,
        settled=bool(row.settled),
        void=now.claim.frequency == "8",
        reasons=reasons(row.kind, now.findings, earlier),
    )
