"""A claim of more lines than one event can carry with all that may be found of them.

An event holds at most 16 MB (``shared.bus.kafka``), and a line with all its findings may take 12 KB. A claim whose
event is too large would never get a verdict. The 837P guide itself allows 50 lines a claim; an invoice gets so long
where all its rows have one control number.
"""

from services.intake.readers import ClaimRead, UnreadableClaim
from shared.catalogue import finding

LINES_MAX = 1_000


def of_bearable_length(read: ClaimRead, where: str) -> ClaimRead | UnreadableClaim:
    """The claim, or that it is too long to be judged. ``where`` is its place in the provider's own terms."""
    claim = read.claim
    if len(claim.lines) <= LINES_MAX:
        return read
    problem = finding(
        "row.unreadable",
        f"The claim has {len(claim.lines):,} lines, and we can take {LINES_MAX:,} in one claim. Send it as several "
        "claims, each with a control number of its own.",
        where=where,
        expected=f"At most {LINES_MAX:,} lines in a claim",
    )
    return UnreadableClaim(
        findings=(problem,),
        claim_number=claim.claim_number,
        rows=tuple(line.row for line in claim.lines if line.row is not None),
        where=where,
    )
