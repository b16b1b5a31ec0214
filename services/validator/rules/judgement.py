"""A claim's judgement: every rule asked, every finding kept, the worst of them the verdict."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from services.validator.rules.amounts import (
    amount_findings,
    diagnosis_findings,
    total_findings,
    unit_findings,
)
from services.validator.rules.authorization import FileOfPlan, file_notes_of
from services.validator.rules.care import care_findings, is_from_records
from services.validator.rules.codes import CodedLine, code_findings
from services.validator.rules.context import Context, Evidenced, listing
from services.validator.rules.dates import birth_findings, date_findings, filing_findings
from services.validator.rules.duplicates import duplicate_findings, original_findings
from services.validator.rules.history import EarlierLine, History, OriginalClaim, Prepared, prepare
from services.validator.rules.identity import line_npi_findings, member_findings, provider_findings
from services.validator.rules.limits import limit_findings
from services.validator.rules.records import NO_RECORDS, Records
from services.validator.rules.required import missing_from_claim, missing_from_line
from shared.care import Evidence
from shared.catalogue import rules
from shared.claim import Claim, ServiceLine
from shared.events import ClaimReceived, JudgedService
from shared.findings import Finding, Verdict, worst
from shared.payers import PayerTerms


class Judgement(Struct, frozen=True):
    """What the rules say of one claim.

    ``clean``: accepted or pended. A pend is the plan's own work and stops no clock. ``lines`` are those to keep: of a
    clean claim they become history, of one that only other claims or records of other care reject they wait to be
    judged again (none of a void or of a claim that is rejected for itself). ``original`` is the standing claim that
    this one is to void or replace. ``file_notes`` are said of its whole file, with its first claim of each batch.
    """

    received: ClaimReceived
    verdict: Verdict
    clean: bool
    findings: tuple[Finding, ...]
    services: tuple[JudgedService, ...]
    versions: dict[str, str]
    lines: tuple[EarlierLine, ...] = ()
    original: OriginalClaim | None = None
    evidence: tuple[Evidence, ...] = ()
    file_notes: tuple[Finding, ...] = ()

    @property
    def supersedes(self) -> OriginalClaim | None:
        """The claim that this one voids or replaces, which from now on is history no more."""
        return self.original if self.clean else None


def judge_batch(
    batch: Sequence[Prepared], context: Context, history: History, records: Records = NO_RECORDS
) -> list[Judgement]:
    """Judge claims in their order; each accepted or pended one is history for those after it."""
    versions = {"codes": context.codes.version, "rules": rules()["code.not_listed"].version}
    judgements = []
    noted: set[FileOfPlan] = set()
    for prepared in batch:
        judgement = _judge(prepared, context, history, records, versions, noted)
        if judgement.clean:
            history.record(prepared, judgement.lines, judgement.supersedes)
        judgements.append(judgement)
    return judgements


def judge(
    received: ClaimReceived, context: Context, history: History | None = None, records: Records = NO_RECORDS
) -> Judgement:
    """Judge one claim, and record it in ``history`` where it is accepted or pended."""
    known = history if history is not None else History()
    return judge_batch((prepare(received, context),), context, known, records)[0]


def _judge(
    prepared: Prepared,
    context: Context,
    history: History,
    records: Records,
    versions: dict[str, str],
    noted: set[FileOfPlan],
) -> Judgement:
    received = prepared.received
    claim = received.claim
    findings = list(received.findings)
    spoken_of = _spoken_of(findings) if findings else set()
    from_others: list[Evidenced] = []
    original = None

    findings += missing_from_claim(claim, spoken_of)
    findings += provider_findings(claim, received.submitter)
    findings += member_findings(claim)
    if claim.frequency in ("7", "8"):
        named = history.original_of(prepared)
        findings += original_findings(received, named, history)
        original = named if named is not None and history.stands(named) else None
    # A void only takes a claim back: what the lines of either say is no reason to keep it.
    void = claim.frequency == "8"
    if not void:
        findings += birth_findings(claim)
        findings += diagnosis_findings(claim)
        findings += total_findings(claim)
        terms = context.terms_of(claim)
        for place, line_coded in enumerate(prepared.coded):
            _judge_line(prepared, place, line_coded, context, terms, original, spoken_of, findings)
        from_others = findings_from_others(prepared, context, history, original, records)
    by_itself = worst(findings)
    findings += [finding for finding, _ in from_others]
    verdict = worst(findings)
    clean = verdict in ("accepted", "pended")
    if findings:
        findings = with_good_lines(claim, findings)
    return Judgement(
        received=received,
        verdict=verdict,
        clean=clean,
        findings=tuple(findings),
        services=tuple(_services(claim, prepared.coded)),
        versions=versions,
        lines=tuple(filter(None, prepared.lines)) if by_itself != "rejected" and not void else (),
        original=original,
        evidence=tuple(evidence for _, evidence in from_others if evidence is not None),
        file_notes=() if void else file_notes_of(prepared, context, records, noted),
    )


def findings_from_others(
    prepared: Prepared,
    context: Context,
    history: History,
    original: OriginalClaim | None,
    records: Records,
) -> list[Evidenced]:
    """What other claims and records of other care say of a claim; ``original`` is the claim that it replaces.

    These are the findings that change when an earlier claim is voided, replaced or decided on, or a record comes,
    changes or goes. They rest on what stands and is known, and on nothing of the order in which it came.
    """
    return [
        *duplicate_findings(prepared, history, original),
        *limit_findings(prepared, history, original),
        *care_findings(prepared, context, records),
    ]


def is_from_others(finding: Finding) -> bool:
    """Whether the finding is of the kind that :func:`findings_from_others` makes."""
    of_claims = finding.rule.startswith(("duplicate.", "limit."))
    return (of_claims and finding.rule != "duplicate.original_unknown") or is_from_records(finding)


def _spoken_of(findings: Sequence[Finding]) -> set[tuple[int | None, str | None]]:
    """The (line, field) that the reader found wrong; a claim's own field counts without the line."""
    spoken_of = set()
    for finding in findings:
        if finding.severity != "note":
            of_line = finding.field in ServiceLine.__struct_fields__
            spoken_of.add((finding.line if of_line else None, finding.field))
    return spoken_of


def _judge_line(
    prepared: Prepared,
    place: int,
    coded: CodedLine,
    context: Context,
    terms: PayerTerms,
    original: OriginalClaim | None,
    spoken_of: set[tuple[int | None, str | None]],
    findings: list[Finding],
) -> None:
    received = prepared.received
    claim, arrival = received.claim, received.receipt.arrival_date
    line = claim.lines[place]
    row = coded.row
    start = line.service_start
    # Nearly every line is complete: the guards spare it the call of rules that would find nothing.
    if not (
        line.procedure_code
        and start is not None
        and line.units is not None
        and line.charge_cents is not None
        and (line.place_of_service or claim.place_of_service)
    ):
        findings += missing_from_line(
            claim, line, spoken_of, amount_required=row is not None and row.needs_billed_amount
        )
    if line.rendering_npi:
        findings += line_npi_findings(claim, line)
    if not coded.plain or terms.supports:
        findings += code_findings(claim, line, coded, context.codes, terms)
    if start is not None:
        findings += date_findings(claim, line, row, arrival)
        findings += filing_findings(claim, line, terms, arrival, replaces=original is not None)
    findings += unit_findings(claim, line, row)
    if not line.charge_cents or line.charge_cents < 0:
        findings += amount_findings(claim, line, row, spoken_of)


def _services(claim: Claim, coded: Sequence[CodedLine]) -> list[JudgedService]:
    return [
        JudgedService(line.number)
        if line_coded.row is None
        else JudgedService(
            line.number, line_coded.row.benefit, line_coded.row.service, line_coded.row.outreach
        )
        for line, line_coded in zip(claim.lines, coded, strict=True)
    ]


def with_good_lines(claim: Claim, findings: list[Finding]) -> list[Finding]:
    """Where a line rejects the claim, say which lines were good, so that nobody searches them for errors."""
    bad = {finding.line for finding in findings if finding.line is not None and finding.severity != "note"}
    rejecting = any(finding.line is not None and finding.severity == "reject" for finding in findings)
    good = [line.number for line in claim.lines if line.number not in bad]
    if not rejecting or not good:
        return findings
    said = f" Line {good[0]} is fine." if len(good) == 1 else f" Lines {listing(_runs(good))} are fine."
    return [
        replace(finding, message=finding.message + said)
        if finding.line is not None and finding.severity == "reject"
        else finding
        for finding in findings
    ]


def _runs(numbers: Sequence[int]) -> list[str]:
    """Rising numbers as people say them: ``1, 3 to 7, 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    said: list[str] = []
    for run in runs:
        said += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)
    return said
