"""What becomes of a claim that is judged again, because other claims or records of other care are not as they were.

Pure. Nothing that was decided is rewritten: the next judgement keeps the verdict, unless nothing holds a pended claim
any more (decision 27).
"""

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from services.validator.judgements import DUPLICATES_FOUND, OF_VERDICT, Message
from services.validator.rules.context import Evidenced
from services.validator.rules.judgement import is_from_others, with_good_lines
from shared.events import ClaimJudged, ReviewKind
from shared.findings import Finding, Identity, Verdict, identity, worst


def judge_again(
    before: ClaimJudged, from_others: Sequence[Evidenced], weighed: Collection[Identity]
) -> tuple[ClaimJudged, Message | None] | None:
    """The next judgement of a claim and whom to tell; ``None`` where nothing changed.

    ``from_others`` is what other claims and records say of it now; ``weighed`` are the findings that somebody had
    before them who decided of the claim: these open no case again. Where only the evidence is another, which the
    plan alone sees, nobody is told.
    """
    kept = [finding for finding in before.findings if not is_from_others(finding)]
    fresh = with_good_lines(before.claim, [*kept, *(finding for finding, _ in from_others)])[len(kept) :]
    old = {identity(finding): finding for finding in before.findings}
    now = {identity(finding) for finding in fresh}
    gone = any(is_from_others(each) and identity(each) not in now for each in before.findings)
    new = [finding for finding in fresh if identity(finding) not in old]
    # The same finding may name another date or NPI, and rest on other evidence.
    reworded = any(old.get(identity(finding), finding).message != finding.message for finding in fresh)
    told = bool(new) or gone or reworded
    evidence = tuple(each for _, each in from_others if each is not None)
    if not told and evidence == before.evidence:
        return None
    findings = (*kept, *fresh)
    verdict, review = _moved(before.verdict, findings, weighed)
    after = replace(
        before,
        judgement=before.judgement + 1,
        verdict=verdict,
        clean=verdict != "rejected",
        findings=findings,
        review=review,
        found=tuple(new),
        evidence=evidence,
        decision=None,
        file_notes=(),
    )
    if not told or verdict == "rejected":
        # The provider knows of the rejection; only a person can say that it was the plan's mistake.
        return after, None
    return after, DUPLICATES_FOUND if _to_be_weighed(new, weighed) else OF_VERDICT[verdict]


def _moved(
    verdict: Verdict, findings: tuple[Finding, ...], weighed: Collection[Identity]
) -> tuple[Verdict, ReviewKind | None]:
    """What a verdict becomes beside these findings, and what then waits for a decision."""
    worst_now = worst(findings)
    if verdict == "rejected":
        return verdict, "reconsider" if worst_now != "rejected" else None
    if verdict == "pended" and worst_now != "accepted":
        return verdict, "pended"
    return "accepted", "suspected" if _to_be_weighed(findings, weighed) else None


def _to_be_weighed(findings: Sequence[Finding], weighed: Collection[Identity]) -> bool:
    return any(each.severity != "note" and identity(each) not in weighed for each in findings)
