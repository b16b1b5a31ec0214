"""What an 837 professional file holds, counted before anything is mapped, and whether its envelope is whole.

This code shares nothing with the mapping but the tokenizer, so that the two can be held against each other:
every claim counted here must come out of the reader exactly once.
"""

from pathlib import Path

from msgspec import Struct

from shared.x12.envelope import Envelope, SetFacts
from shared.x12.segments import Batch, EnvelopeError, batches


class FileFacts(Struct):
    """Counts of a whole file. ``stray_trailers`` are SE, GE and IEA segments that close nothing."""

    interchanges: int
    groups: int
    sets: tuple[SetFacts, ...]
    claims: int
    lines: int
    segments: int
    stray_trailers: tuple[int, ...]


def count(path: Path) -> FileFacts:
    """Counts the file in one pass. Raises :class:`EnvelopeError` for a broken envelope, or another kind."""
    envelope = Envelope()
    lines = 0
    segments = 0
    last: Batch | None = None
    for batch in batches(path):
        element = batch.separators.element
        clm, lx = f"CLM{element}", f"LX{element}"
        marks = {f"GS{element}", f"GE{element}", f"ST{element}", f"SE{element}", "TA1", "ISA", "IEA"}
        bare = {"GS", "GE", "ST", "SE"}
        number = batch.first
        inside = envelope.in_set
        for segment in batch.segments:
            head = segment[:3]
            if head in marks or segment in bare:
                envelope.take(number, segment.split(element))
                inside = envelope.in_set
            elif not inside:
                envelope.outside(number, segment.split(element, 1)[0])
            elif head == lx:
                lines += 1
            elif segment.startswith(clm) or segment == "CLM":
                envelope.claims_in_set += 1
            number += 1
        segments += len(batch.segments)
        last = batch
    sets = envelope.finish(segments)
    if last is not None and not last.closed:
        raise EnvelopeError(
            "The file ends in the middle of a segment.",
            expected=f"Every segment ends with {last.separators.terminator!r}.",
            where=f"segment {segments}",
        )
    claims = sum(facts.claims for facts in sets)
    if not claims:
        raise EnvelopeError(
            "The file holds no claim.",
            expected="At least one CLM segment between ST and SE.",
            where="whole file",
        )
    return FileFacts(
        interchanges=envelope.interchanges,
        groups=envelope.groups,
        sets=sets,
        claims=claims,
        lines=lines,
        segments=segments,
        stray_trailers=tuple(envelope.stray_trailers),
    )
