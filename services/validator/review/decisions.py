"""The claims department decides: a claim in review is released or rejected, once, by somebody, for a reason."""

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, insert, select, update

from services.validator import facts
from services.validator.claim_file import ClaimFile, Happened, claim_file
from services.validator.judgements import OF_VERDICT, Written, supersedes_of, write
from services.validator.late import judge_alone
from services.validator.models import CLAIMS, DECISIONS
from services.validator.review.effects import effects_of
from services.validator.review.queue import Review, Scope, scope_of
from services.validator.rules import Context, History, Prepared, needs, prepare
from services.validator.rules.context import Evidenced
from services.validator.rules.duplicates import duplicate_findings
from services.validator.rules.history import cins_of
from shared.calendar import pacific_date, us_date
from shared.catalogue import finding
from shared.claim import Submitter
from shared.events import ClaimJudged, ClaimReceived, Decision, utc_text
from shared.findings import Verdict
from shared.identifiers import member_key
from shared.parts import Parts
from shared.reference.codes import CodeSet
from shared.security import Principal

REASON_CHARACTERS_MAX = 1000

VERDICT_OF: dict[str, Verdict] = {"release": "accepted", "reject": "rejected"}
_SAID = {"release": "released", "reject": "rejected"}


class UnknownClaim(Exception):
    """No claim with this id was judged, or it is another plan's."""


class NotInReview(Exception):
    """The claim waits for no decision (any more). ``problem`` says why, for people to read."""

    def __init__(self, problem: str) -> None:
        super().__init__("the claim is not in review")
        self.problem = problem


class Decided(Struct, frozen=True, omit_defaults=True):
    """A decision as it was taken. ``decided_at`` is UTC; ``decided_by`` is a key's id, ``organisation`` its name.
    ``effect`` says what it does to the claim and leaves to do, as its clock was known then, for people to read.
    """

    claim_id: str
    decision: str
    reason: str
    verdict: Verdict
    judgement: int
    decided_at: str
    decided_by: str
    organisation: str
    effect: str


def decide(
    parts: Parts, principal: Principal, claim_id: str, decision: str, reason: str, correlation_id: str
) -> Decided:
    """Release or reject a claim in review; ``reason`` goes to the provider with a rejection.

    Raises ``UnknownClaim`` and ``NotInReview``. Everything is in one transaction: the judgement, the decision,
    what counts as billed from now on, and the event.
    """
    now = parts.now()
    verdict = VERDICT_OF[decision]
    with parts.database.begin() as connection:
        judge_alone(connection)
        found, review = _in_review(connection, scope_of(principal, parts.payers), claim_id, parts)
        before, effect = found.judged, effects_of(review)[decision]
        if decision == "release" and before.verdict == "rejected":
            _let_stand_again(connection, before, parts)
        decided = Decision(
            decision="release" if decision == "release" else "reject",
            was=before.verdict,
            reason=reason,
            decided_by=principal.key_id,
            decided_at=utc_text(now),
        )
        why = (finding("review.rejected", reason, field="claim"),) if decision == "reject" else ()
        after = replace(
            before,
            judgement=before.judgement + 1,
            verdict=verdict,
            clean=verdict != "rejected",
            findings=(*before.findings, *why),
            review=None,
            found=why,
            decision=decided,
            file_notes=(),
            supersedes=supersedes_of(before.claim, _original(connection, claim_id)),
        )
        written = Written(
            judged=after,
            cause="decision",
            findings_of_reading=found.findings_of_reading,
            message=OF_VERDICT[verdict],
            key=member_key(parts.member_secret, before.claim.member.cin or claim_id),
            correlation_id=correlation_id,
        )
        write(connection, [written], parts.payers, now)
        connection.execute(
            insert(DECISIONS).values(
                claim_id=claim_id,
                judgement=after.judgement,
                decision=decision,
                reason=reason,
                decided_by=principal.key_id,
                decided_at=now,
            )
        )
        if decision == "reject" and before.verdict != "rejected":
            _stand_no_longer(connection, claim_id)
    return Decided(
        claim_id=claim_id,
        decision=decision,
        reason=reason,
        verdict=verdict,
        judgement=after.judgement,
        decided_at=decided.decided_at,
        decided_by=principal.key_id,
        organisation=principal.organisation,
        effect=effect,
    )


def billed_since(connection: Connection, judged: ClaimJudged, parts: Parts) -> list[Evidenced]:
    """Claims that stand for what this rejected claim bills: it was corrected and sent again, most likely.

    A rejected claim makes nothing a duplicate, so that nobody noticed when they came.
    """
    prepared, history = _looked_up(connection, judged, parts)
    return [
        (each, evidence)
        for each, evidence in duplicate_findings(prepared, history, history.original_of(prepared))
        if evidence is not None
        and evidence.billed is not None
        and evidence.billed.claim_id != judged.claim_id
    ]


def _in_review(connection: Connection, scope: Scope, claim_id: str, parts: Parts) -> tuple[ClaimFile, Review]:
    # Against another decision, and against a record that comes at the same moment.
    connection.execute(select(CLAIMS.c.claim_id).where(CLAIMS.c.claim_id == claim_id).with_for_update())
    found = claim_file(connection, scope, claim_id, parts.payers, pacific_date(parts.now()))
    if found is None:
        raise UnknownClaim
    if found.review is None:
        raise NotInReview(why_not(found))
    return found, found.review


def why_not(found: ClaimFile) -> str:
    """Why a claim without an open review waits for nothing, for people to read."""
    if found.superseded:
        return "This claim was voided or replaced by a later one. There is nothing to decide."
    if found.decided is not None and found.history[-1] is found.decided:
        return _who_decided(found.decided)
    last = found.history[-1]
    if last.cause == "record" and last.verdict == "accepted":
        return (
            "This claim no longer waits for a decision: what there was to decide was gone on "
            f"{us_date(pacific_date(last.judged_at))}, when a record was corrected or taken back, or another claim "
            "no longer counted."
        )
    return f"This claim is {found.judged.verdict} and does not wait for a decision."


def _who_decided(decided: Happened) -> str:
    who = decided.organisation or decided.decided_by
    when = us_date(pacific_date(decided.judged_at))
    return (
        f"{who} ({decided.decided_by}) {_SAID[decided.decision or '']} this claim on {when}. "
        f"The reason was: {decided.reason}"
    )


def _stand_no_longer(connection: Connection, claim_id: str) -> None:
    """What a rejected claim billed was never billed, and what it voided or replaced stands again."""
    facts.let_stand(connection, [claim_id], stand=False)
    original = _original(connection, claim_id)
    if original is not None:
        facts.supersede(connection, [original], superseded=False)


def _original(connection: Connection, claim_id: str) -> str | None:
    original: str | None = connection.execute(
        select(CLAIMS.c.supersedes).where(CLAIMS.c.claim_id == claim_id)
    ).scalar_one()
    return original


def _let_stand_again(connection: Connection, judged: ClaimJudged, parts: Parts) -> None:
    """A claim that was wrongly rejected counts as billed from now on, and what it replaces no longer does."""
    since = billed_since(connection, judged, parts)
    twins = [evidence.billed for each, evidence in since if each.severity == "reject" and evidence]
    if twins and twins[0] is not None:
        number = twins[0].claim_number or twins[0].claim_id
        raise NotInReview(
            f"The same service was billed again meanwhile, with claim {number}, and that claim stands. "
            "Released as well, this one would be paid a second time. Reject it."
        )
    facts.let_stand(connection, [judged.claim_id], stand=True)
    if judged.claim.frequency == "7":
        prepared, history = _looked_up(connection, judged, parts)
        named = history.original_of(prepared)
        original = named.claim_id if named is not None and history.stands(named) else None
        if original is not None:
            facts.supersede(connection, [original], superseded=True)
        # What it was to replace when it came may be void since: that must not stand again with a later rejection.
        connection.execute(
            update(CLAIMS).where(CLAIMS.c.claim_id == judged.claim_id).values(supersedes=original)
        )


def _looked_up(connection: Connection, judged: ClaimJudged, parts: Parts) -> tuple[Prepared, History]:
    prepared = prepare(_received(judged), Context(codes=CodeSet.load(), payers=parts.payers))
    aliases = facts.aliases_of(connection, cins_of((prepared,)))
    return prepared, facts.history_for(connection, needs((prepared,), aliases), aliases)


def _received(judged: ClaimJudged) -> ClaimReceived:
    return ClaimReceived(
        claim_id=judged.claim_id,
        submission_id=judged.submission_id,
        claim=judged.claim,
        receipt=judged.receipt,
        submitter=Submitter(organisation=judged.organisation),
    )
