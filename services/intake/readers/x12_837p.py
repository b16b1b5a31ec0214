"""Reads an 837 professional (ASC X12 005010X222A1) into claims.

Census and mapping are two passes by two pieces of code that share the tokenizer only. The census refuses a
file whose envelope is broken; the mapping then gives out exactly as many items as the census counted claims.

Where a claim belongs to a patient who is not the subscriber (loop 2000C), the member is the patient by name,
birth date, gender and address, with the member ID of the subscriber (loop 2010BA), since 2010CA has no place
for one. In Medi-Cal every member is a subscriber, so this is a mother's ID used for her newborn or a mistake
that the validator's eligibility rules see; it is noted on the claim.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from msgspec import structs

from services.intake.readers import Census, ClaimRead, FileRefused, UnreadableClaim
from services.intake.readers.long_claims import of_bearable_length
from services.intake.readers.x12_837p_claim import ClaimSegments, map_claim
from services.intake.readers.x12_837p_parties import Parties
from shared.catalogue import finding
from shared.claim import Channel, Source
from shared.findings import Finding
from shared.x12.census import FileFacts, count
from shared.x12.conformity import ConformityReport, merge, transaction_sets
from shared.x12.conformity_pool import check_sets
from shared.x12.envelope import SetFacts, StructureProblem, at
from shared.x12.places import place
from shared.x12.segments import EnvelopeError, batches

# Longer than any element of the guide with all its parts; it would go into every message and table.
_LONGEST_ELEMENT = 512


class MissingClaimsError(Exception):
    """Census and mapping disagree: a fault of ours, never of the file. Nothing of the file may be kept."""


class X12ClaimsFile:
    """An opened 837 professional: recognised, counted and known to be whole.

    Raises :class:`FileRefused` from the constructor for a broken envelope or another kind of X12 file.
    """

    channel: Channel = "837P"

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self.facts: FileFacts = count(path)
        except EnvelopeError as error:
            raise FileRefused(_refusal(error)) from None
        self.census = Census(
            claims=self.facts.claims,
            lines=self.facts.lines,
            interchanges=self.facts.interchanges,
            groups=self.facts.groups,
            transaction_sets=len(self.facts.sets),
            segments=self.facts.segments,
        )
        self.notes: tuple[Finding, ...] = tuple(
            finding(
                "file.structure",
                "A closing segment (SE, GE or IEA) is there once too often. It was passed over.",
                severity="note",
                where=f"segment {number}",
                expected="One SE for each ST, one GE for each GS, one IEA for each ISA.",
            )
            for number in self.facts.stray_trailers[:20]
        )

    def items(self) -> Iterator[ClaimRead | UnreadableClaim]:
        """Every claim once, in file order. Raises :class:`MissingClaimsError` where totals do not meet."""
        for _, item in self._numbered_items():
            yield item

    def checked_items(
        self, *, processes: int, keep: Callable[[ConformityReport], None] | None = None
    ) -> Iterator[ClaimRead | UnreadableClaim]:
        """As :meth:`items`, each with what the structure check (``shared.x12.conformity``) found.

        ``processes=0`` checks in this process. ``keep`` is given every set's report, for the 999. Raises
        :class:`MissingClaimsError` as :meth:`items` does, also where a report is missing.
        """
        reports = check_sets(transaction_sets(self._path), processes=processes)
        with closing(reports):
            report: ConformityReport | None = None
            for source, item in self._numbered_items():
                while report is None or report.ordinal < source.set_ordinal:
                    report = next(reports, None)
                    if report is None:
                        raise MissingClaimsError(f"no structure report for set {source.set_ordinal}")
                    if keep is not None:
                        keep(report)
                structure = report.by_claim.get(source.claim_ordinal, ())
                yield structs.replace(item, findings=merge(item.findings, structure)) if structure else item
            for report in reports:
                if keep is not None:
                    keep(report)

    def _numbered_items(self) -> Iterator[tuple[Source, ClaimRead | UnreadableClaim]]:
        given = 0
        for segments in _claims(self._path, self.facts.sets):
            given += 1
            yield segments.source, _item(segments)
        if given != self.census.claims:
            raise MissingClaimsError(
                f"the census counted {self.census.claims} claims, the mapping gave {given}"
            )


def _item(segments: ClaimSegments) -> ClaimRead | UnreadableClaim:
    where = place(segments.source.set_control, f"claim {segments.source.claim_ordinal + 1} of the set")
    # Whatever one claim holds, it must not take the others with it.
    try:
        return of_bearable_length(map_claim(segments), where)
    except Exception as error:
        problem = finding(
            "file.structure",
            "This claim could not be read. Check its segments against the guide and send it again.",
            where=where,
            expected=f"CLM, HI, LX, SV1 and DTP as in 005010X222A1 ({type(error).__name__}).",
        )
        return UnreadableClaim(
            findings=(*segments.envelope_findings, problem),
            claim_number=at(segments.clm, 1) or None,
            where=where,
        )


def _claims(path: Path, sets: tuple[SetFacts, ...]) -> Iterator[ClaimSegments]:
    parties = Parties(None, ":")
    current: ClaimSegments | None = None
    coming = iter(sets)
    inside = False
    claim_ordinal = 0
    control: str | None = None
    set_ordinal = -1
    problems: tuple[Finding, ...] = ()
    for batch in batches(path):
        element, _, component, _ = batch.separators
        for segment in batch.segments:
            fields = segment.split(element)
            name = fields[0]
            too_long: list[Finding] = []
            if len(segment) > _LONGEST_ELEMENT:
                fields, too_long = _without_long_elements(fields, current, parties)
            if name == "CLM" and inside:
                if current is not None:
                    yield current
                current = ClaimSegments(
                    clm=fields,
                    source=Source(set_ordinal, claim_ordinal, control),
                    parties=parties.snapshot(),
                    component=component,
                    envelope_findings=problems,
                )
                claim_ordinal += 1
                current.findings += too_long
            elif name == "HL" and inside:
                if current is not None:
                    yield current
                    current = None
                parties.level(fields)
            elif name == "SE":
                if current is not None:
                    yield current
                    current = None
                inside = False
            elif name == "ST":
                facts = next(coming)
                inside = True
                set_ordinal, control, claim_ordinal = facts.ordinal, facts.control or None, 0
                problems = tuple(map(_problem, facts.problems))
                parties = Parties(control, component)
            elif current is not None:
                current.rest.append(fields)
                current.findings += too_long
            elif inside:
                parties.take(fields)
                parties.note(too_long)


def _without_long_elements(
    fields: list[str], current: ClaimSegments | None, parties: Parties
) -> tuple[list[str], list[Finding]]:
    """The fields with those that are too long to be anybody's data left empty, and a finding for each."""
    line = loop = None
    if current is None or fields[0] == "CLM":
        loop = None if fields[0] == "CLM" else parties.loop(fields)
    else:
        line = sum(1 for each in current.rest if each[0] == "LX") or None
    kept, found = list(fields), []
    for position, value in enumerate(fields):
        if position and len(value) > _LONGEST_ELEMENT:
            kept[position] = ""
            label = f"{fields[0][:3]}{position:02d}"
            found.append(
                finding(
                    "field.format",
                    f"Element {label} has {len(value):,} characters. It was not read.",
                    line=line,
                    value=value[:80],
                    where=place(parties.control, f"{loop} {label}" if loop else label, line=line),
                    expected="The longest element of the guide has 80 characters.",
                )
            )
    return kept, found


def _problem(problem: StructureProblem) -> Finding:
    return finding(
        "file.structure",
        problem.message,
        where=problem.where,
        expected=problem.expected,
        value=problem.value[:80] if problem.value else None,
    )


def _refusal(error: EnvelopeError) -> Finding:
    return finding("file.unreadable", error.message, where=error.where, expected=error.expected)
