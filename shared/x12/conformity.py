"""Does each transaction set follow the 837P implementation guide? Behind one small interface, so that another
engine can take over: :class:`Conformity`.

The engine here walks the guide map that the pyx12 package carries (``shared.x12.walk``) and asks pyx12's
element check about what the fast expressions do not accept. A failure of it is a finding on every claim of
the set, never a lost claim: a claim whose structure nobody could verify is not accepted as if somebody had.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from shared.catalogue import finding
from shared.findings import Finding
from shared.x12.envelope import at
from shared.x12.guide import COMPONENT, ELEMENT, REPETITION, TERMINATOR
from shared.x12.places import place
from shared.x12.segments import Separators, batches
from shared.x12.structure_findings import findings_of
from shared.x12.walk import Scope, SegmentError, walk

_FINDINGS_A_CLAIM = 30
_ERRORS_A_SET = 1_000


class TransactionSet(Struct, frozen=True):
    """One ST to SE; ``ordinal`` counts from 0 in its file. ``text`` has ``shared.x12.guide``'s separators."""

    ordinal: int
    control: str
    version: str
    text: str
    claims: int


class ConformityReport(Struct):
    """What the check of one set found.

    ``by_claim`` maps the ordinal of a claim within the set to its findings. The rest is for the 999:
    ``accepted`` is IK501 (A accepted, E accepted with errors, R rejected), ``errors`` become IK3 and IK4 (at
    most 1,000), ``trailer_errors`` are IK502 codes.
    """

    ordinal: int
    control: str
    by_claim: dict[int, tuple[Finding, ...]]
    accepted: str = "A"
    errors: tuple[SegmentError, ...] = ()
    trailer_errors: tuple[str, ...] = ()


class Conformity(Protocol):
    """An engine that checks one set. It may raise; :func:`report_on` turns that into findings."""

    def __call__(self, transaction_set: TransactionSet) -> ConformityReport: ...


def transaction_sets(path: Path) -> Iterator[TransactionSet]:
    """Every ST to SE of a file that the census has found whole, streamed: one set in memory at a time."""
    ordinal = 0
    segments: list[str] = []
    inside = False
    claims = 0
    table: dict[int, str] = {}
    for batch in batches(path):
        element = batch.separators.element
        table = _normal(batch.separators)
        opens, closes, claim = f"ST{element}", f"SE{element}", f"CLM{element}"
        for segment in batch.segments:
            if inside:
                segments.append(segment)
                if segment.startswith(claim) or segment == "CLM":
                    claims += 1
                elif segment.startswith(closes) or segment == "SE":
                    text = _joined(segments, table)
                    head = segments[0].split(element)
                    yield TransactionSet(ordinal, at(head, 2).strip(), at(head, 3).strip(), text, claims)
                    ordinal += 1
                    inside = False
            elif segment.startswith(opens):
                segments, inside, claims = [segment], True, 0


def check(transaction_set: TransactionSet) -> ConformityReport:
    """Checks one set against the guide."""
    walked = walk(transaction_set.text)
    control = transaction_set.control or None
    found: dict[int, list[Finding]] = {}
    everybody = range(len(walked.claims))
    whole = False
    for error in walked.errors:
        touched = _touched(error.scope, walked.claims, everybody)
        whole = whole or error.scope.billing is None
        for each in findings_of(error, control):
            for claim in touched:
                findings = found.setdefault(claim, [])
                if len(findings) < _FINDINGS_A_CLAIM:
                    findings.append(each)
    rejected = whole or bool(walked.trailer_errors) or (bool(found) and len(found) == len(walked.claims))
    return ConformityReport(
        ordinal=transaction_set.ordinal,
        control=transaction_set.control,
        by_claim={claim: tuple(findings) for claim, findings in found.items()},
        accepted="R" if rejected else "E" if walked.errors else "A",
        errors=tuple(walked.errors[:_ERRORS_A_SET]),
        trailer_errors=tuple(walked.trailer_errors),
    )


def report_on(transaction_set: TransactionSet, engine: Conformity = check) -> ConformityReport:
    """The engine's report, or :func:`not_verified` where it fails. Never raises for bad data."""
    try:
        return engine(transaction_set)
    except Exception as error:
        return not_verified(transaction_set, type(error).__name__)


def not_verified(transaction_set: TransactionSet, reason: str) -> ConformityReport:
    """A report that says of every claim of the set that its structure could not be verified."""
    problem = finding(
        "file.structure",
        "The structure of this transaction set could not be verified.",
        where=place(transaction_set.control or None, "whole set"),
        expected=f"Segments as in 005010X222A1. If they are, send the set again or call the plan ({reason}).",
    )
    return ConformityReport(
        ordinal=transaction_set.ordinal,
        control=transaction_set.control,
        by_claim=dict.fromkeys(range(transaction_set.claims), (problem,)),
        accepted="R",
    )


def merge(read: Iterable[Finding], structure: Iterable[Finding]) -> tuple[Finding, ...]:
    """What ``read`` found and then what the structure check found, an element rejected by both only once.

    ``read`` may be the findings of the reader or of all rules. The verdict is the same with and without
    merging.
    """
    first = tuple(read)
    rejects = [each for each in first if each.severity == "reject"]
    places = {each.where for each in rejects if each.where}
    fields = {(each.line, each.field) for each in rejects if each.field}
    return (
        *first,
        *(each for each in structure if each.where not in places and (each.line, each.field) not in fields),
    )


def _touched(scope: Scope, claims: list[Scope], everybody: range) -> Iterable[int]:
    if scope.claim is not None:
        return (scope.claim,)
    if scope.billing is None:
        return everybody
    return (
        claim
        for claim, owner in enumerate(claims)
        if owner.billing == scope.billing
        and (scope.subscriber is None or owner.subscriber == scope.subscriber)
        and (scope.patient is None or owner.patient == scope.patient)
    )


def _joined(segments: list[str], table: dict[int, str]) -> str:
    text = TERMINATOR.join(segments)
    if text.count(TERMINATOR) == len(segments) - 1:
        return text.translate(table)
    stray = {ord(TERMINATOR): "\x01", **table}
    return TERMINATOR.join([each.translate(stray) for each in segments])


def _normal(separators: Separators) -> dict[int, str]:
    # A control character of ours inside the data is no separator: it stays an invalid character.
    table = dict.fromkeys(map(ord, (ELEMENT, REPETITION, COMPONENT)), "\x01")
    if not (separators.repetition.isalnum() or separators.repetition == " "):
        table[ord(separators.repetition)] = REPETITION
    table[ord(separators.component)] = COMPONENT
    table[ord(separators.element)] = ELEMENT
    return table
