"""Reads a remittance advice (ASC X12 005010X221A1, 835) whole, with any separators and any number of envelopes.

A set whose own count or number (SE) is wrong may have lost claims: none of it is to be posted. A wrong count of
sets or groups (GE, IEA) puts no set in doubt that is whole in itself, and is noted.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.payments.remittances.model import Remittance
from services.payments.remittances.set_reader import TRAILER, SetReader
from shared.x12.envelope import Envelope, SetFacts, Wanted, at, kind_of_transaction
from shared.x12.segments import Batch, EnvelopeError, batches

_ENVELOPE = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA", "TA1"})
_WANTED = "A remittance advice: ST01 is 835 and GS08 is 005010X221A1."

NO_835 = "This is not an 835: it does not begin with an ISA segment (ISA*00*…, 106 characters)."
_OPENING = 1 << 16


class NoRemittance(Exception):
    """Nothing of the file can be posted. ``problems`` say why and where, for people; they hold no PHI."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems[0])
        self.problems = problems


def read_835(path: Path) -> Remittance:
    """The remittance in the file. Raises :class:`NoRemittance` where no set of it can be used."""
    try:
        remittance = _read(path)
    except EnvelopeError as error:
        if error.where == "segment 1" and not _begins_with_isa(path):
            raise NoRemittance((NO_835,)) from error
        where = f" ({error.where})" if error.where else ""
        expected = f" {error.expected}" if error.expected else ""
        raise NoRemittance((f"{error.message}{where}{expected}",)) from error
    if all(each.problems for each in remittance.sets):
        problems = tuple(problem for each in remittance.sets for problem in each.problems)
        raise NoRemittance(problems or ("The file holds no remittance. " + _WANTED,))
    return remittance


def _read(path: Path) -> Remittance:
    envelope = Envelope(Wanted(_only_835, "HP", "remittances"))
    readers: list[SetReader] = []
    counted = 0
    segments = 0
    last: Batch | None = None
    for batch in batches(path):
        element, component = batch.separators.element, batch.separators.component
        for position, segment in enumerate(batch.segments, batch.first):
            fields = [field.strip() for field in segment.split(element)]
            name = fields[0]
            if name in _ENVELOPE:
                envelope.take(position, segment.split(element))
                if name == "ST":
                    readers.append(SetReader(at(fields, 2), position, counted))
                elif name == "SE" and readers:
                    counted = readers[-1].finish_claims()
            elif not envelope.in_set:
                envelope.outside(position, name)
            else:
                readers[-1].take(position, fields, component)
        segments += len(batch.segments)
        last = batch
    facts = envelope.finish(segments)
    if last is not None and not last.closed:
        raise EnvelopeError(
            "The file ends in the middle of a segment.",
            expected=f"Every segment ends with {last.separators.terminator!r}.",
            where=f"segment {segments}",
        )
    sets = tuple(reader.result(each) for reader, each in zip(readers, facts, strict=True))
    return Remittance(sets, tuple(_notes(facts, envelope.stray_trailers)))


def _begins_with_isa(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_OPENING).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"ISA")


def _only_835(kind: str, version: str, number: int) -> None:
    if kind == "835" and (not version or "X221" in version or version == "005010"):
        return
    if kind != "835":
        raise EnvelopeError(
            f"The file holds {kind_of_transaction(kind)}, not a remittance advice.",
            expected=_WANTED,
            where=f"segment {number}",
        )
    raise EnvelopeError(
        f"The remittance is of version {version[:12]!r}.", expected=_WANTED, where=f"segment {number}"
    )


def _notes(sets: tuple[SetFacts, ...], stray: list[int]) -> Iterator[str]:
    """Faults around sets that are whole in themselves; each is said once."""
    said = dict.fromkeys(
        f"{problem.message} ({problem.where})" for facts in sets for problem in _around(facts)
    )
    yield from said
    for position in stray:
        yield f"Segment {position} closes an envelope that is not open."


def _around(facts: SetFacts) -> Iterator[Any]:
    for problem in facts.problems:
        if not problem.where.endswith(TRAILER):
            yield problem
