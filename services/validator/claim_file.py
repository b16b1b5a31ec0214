"""A claim's file: how it was judged each time, what came to light or went in between, and who decided what."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, select

from services.validator.models import API_KEYS, CLAIMS, DECISIONS, JUDGEMENTS
from services.validator.review.queue import Review, Scope, open_review, within
from shared.events import ClaimJudged
from shared.findings import Finding, identity
from shared.payers import Payers

_decode = msgspec.json.Decoder(ClaimJudged).decode


class Happened(Struct, frozen=True):
    """One judgement of a claim: what came to light (``found``), what no longer held (``gone``), who decided what."""

    judgement: int
    judged_at: datetime
    cause: str
    verdict: str
    found: tuple[Finding, ...] = ()
    gone: tuple[Finding, ...] = ()
    decision: str | None = None
    reason: str | None = None
    decided_by: str | None = None
    organisation: str | None = None


class ClaimFile(Struct, frozen=True):
    """A claim with all that was ever judged and decided of it. ``review`` is ``None`` where none is open."""

    judged: ClaimJudged
    findings_of_reading: int
    superseded: bool
    review: Review | None
    history: tuple[Happened, ...]

    @property
    def decided(self) -> Happened | None:
        """The last decision of a person."""
        return next((each for each in reversed(self.history) if each.decision), None)


def claim_file(
    connection: Connection, scope: Scope, claim_id: str, payers: Payers, today: date
) -> ClaimFile | None:
    """A claim with its judgements and decisions; ``None`` where it is unknown or another plan's."""
    j, d = JUDGEMENTS.c, DECISIONS.c
    both = and_(d.claim_id == j.claim_id, d.judgement == j.judgement)
    rows = connection.execute(
        select(
            j.judgement,
            j.judged_at,
            j.cause,
            j.verdict,
            j.document,
            j.findings_of_reading,
            CLAIMS.c.superseded,
            d.decision,
            d.reason,
            d.decided_by,
            API_KEYS.c.organisation,
        )
        .join(CLAIMS, CLAIMS.c.claim_id == j.claim_id)
        .outerjoin(DECISIONS, both)
        .outerjoin(API_KEYS, API_KEYS.c.id == d.decided_by)
        .where(j.claim_id == claim_id, *within(scope, j.payer_id))
        .order_by(j.judgement)
    ).all()
    if not rows:
        return None
    last = rows[-1]
    return ClaimFile(
        judged=_decode(last.document),
        findings_of_reading=last.findings_of_reading,
        superseded=last.superseded,
        review=open_review(connection, claim_id, payers, today),
        history=tuple(_history(rows)),
    )


def _history(rows: Sequence[Any]) -> list[Happened]:
    happened = []
    before: Mapping[Any, Finding] = {}
    for row in rows:
        findings = {identity(each): each for each in _decode(row.document).findings}
        happened.append(
            Happened(
                judgement=row.judgement,
                judged_at=row.judged_at,
                cause=row.cause,
                verdict=row.verdict,
                found=tuple(each for key, each in findings.items() if key not in before),
                gone=tuple(each for key, each in before.items() if key not in findings),
                decision=row.decision,
                reason=row.reason,
                decided_by=row.decided_by,
                organisation=row.organisation,
            )
        )
        before = findings
    return happened
