"""Billed before? Exact duplicates, and replacements (frequency 7) and voids (8) against their originals.

Earlier claims of a batch count as history for the later ones.
"""

from collections.abc import Iterator

from services.validator.rules.context import Evidenced, found
from services.validator.rules.evidence import evidence_of
from services.validator.rules.history import EarlierLine, History, OriginalClaim, Prepared, is_same_service
from shared.calendar import us_date
from shared.claim import ServiceLine
from shared.events import ClaimReceived
from shared.findings import Finding, Severity
from shared.reference.codes import ListedCode


def duplicate_findings(
    prepared: Prepared, history: History, original: OriginalClaim | None
) -> Iterator[Evidenced]:
    """``duplicate.exact`` and ``duplicate.both_channels`` of every line; ``original`` is judged without.

    A replacement without a standing original is its own pend, and what it repeats is probably that original:
    then an earlier claim makes its lines pend only.
    """
    received = prepared.received
    for line, mine, coded in zip(received.claim.lines, prepared.lines, prepared.coded, strict=True):
        if mine is None or mine.cin is None:
            continue
        twin = _twin_within(prepared, mine) if mine.line > 1 else None
        if twin is None:
            near = history.lines_near(mine, without=original)
            twin = next((other for other in near if is_same_service(other, mine)), None)
        if twin is not None:
            unsure = (
                received.claim.frequency == "7" and original is None and twin.claim_id != received.claim_id
            )
            yield _duplicate(received, line, twin, coded.row, "pend" if unsure else "reject")


def original_findings(
    received: ClaimReceived, original: OriginalClaim | None, history: History
) -> Iterator[Finding]:
    """``duplicate.original_unknown``: a replacement's or void's original is not there or stands no longer."""
    claim = received.claim
    if original is not None and history.stands(original):
        return
    does = "replaces" if claim.frequency == "7" else "voids"
    named = f"claim {claim.original_reference}" if claim.original_reference else "an earlier claim"
    if original is not None:
        said = f"This claim {does} {named}, but that one was already voided or replaced."
    else:
        said = f"This claim {does} {named}, but we have no accepted claim with that number from this billing NPI."
        if claim.frequency == "7":
            said += " If the first claim was rejected, send it as a new one (frequency 1)."
        else:
            said += " If the first claim was rejected, there is nothing to void."
    yield found(
        claim,
        "duplicate.original_unknown",
        f"{said} The plan will look at it.",
        field="original_reference",
        value=claim.original_reference,
        expected="the number of an earlier claim",
    )


def _twin_within(prepared: Prepared, mine: EarlierLine) -> EarlierLine | None:
    return next(
        (
            other
            for other in prepared.lines
            if other is not None and other.line < mine.line and is_same_service(other, mine)
        ),
        None,
    )


def _duplicate(
    received: ClaimReceived, line: ServiceLine, twin: EarlierLine, row: ListedCode | None, severity: Severity
) -> Evidenced:
    claim = received.claim
    advice = "Bill each service once. To correct an earlier claim, replace it (frequency 7)."
    if row is not None and row.outreach:
        advice = "If it was a second attempt that day, put both on one line with 2 units."
    both = (twin.channel == "invoice") != (claim.channel == "invoice")
    if twin.claim_id == received.claim_id:
        other = f"line {twin.line} of this claim"
        both = False
        if row is None or not row.outreach:
            advice = "Bill each service once. If it was given twice that day, add the units up on one line."
    else:
        named = f"claim {twin.claim_number}" if twin.claim_number else f"claim {twin.claim_id}"
        other = f"line {twin.line} of {named}, received on {us_date(twin.arrival_date)}"
    if both:
        here, there = ("an invoice", "a claim") if claim.channel == "invoice" else ("a claim", "an invoice")
        message = (
            f"This is an exact duplicate: the service was billed once as {there} and once as {here}. "
            f"It is the same as {other}. {advice}"
        )
    else:
        message = f"This is an exact duplicate of {other}. {advice}"
    finding = found(
        claim,
        "duplicate.both_channels" if both else "duplicate.exact",
        message,
        severity=severity,
        field="procedure_code",
        line=line,
        value=" ".join((line.procedure_code or "", *line.modifiers)),
        expected="each service billed once",
    )
    return finding, evidence_of(finding, twin)
