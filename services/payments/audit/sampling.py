"""Random samples that anybody can draw again: pure.

A claim's place is the SHA-256, in hex, of the seed, a line feed and the claim's id (UTF-8). The sample is the claims
of the universe with the lowest places, in that order. The universe is known by the SHA-256 of its ids, sorted, each
followed by a line feed.
"""

import heapq
from collections.abc import Iterable, Iterator
from hashlib import sha256

from msgspec import Struct

SAMPLE_MAX = 1000

ALGORITHM = (
    "Take all claim ids of the universe. For each compute the SHA-256, as lower-case hexadecimal text, of the seed, a "
    "line feed and the claim id, in UTF-8. Sort by that text. The first ones are the sample. universe_sha256 is the "
    "SHA-256 of all claim ids of the universe, sorted, each followed by a line feed."
)


class Sample(Struct, frozen=True):
    """``claim_ids`` in the order in which they were drawn; ``count`` and ``sha256`` of the universe."""

    claim_ids: tuple[str, ...]
    count: int
    sha256: str


def place(seed: str, claim_id: str) -> str:
    """Where a claim stands in the order that the seed makes."""
    return sha256(f"{seed}\n{claim_id}".encode()).hexdigest()


def draw(sorted_ids: Iterable[str], size: int, seed: str) -> Sample:
    """A sample of ``size`` from the universe ``sorted_ids``, read once and not kept.

    Raises ``ValueError`` where the ids are not sorted or one comes twice.
    """
    universe, count = sha256(), 0

    def counted() -> Iterator[str]:
        nonlocal count
        before = ""
        for claim_id in sorted_ids:
            if claim_id <= before:
                raise ValueError("the universe is not sorted")
            before, count = claim_id, count + 1
            universe.update(f"{claim_id}\n".encode())
            yield claim_id

    drawn = heapq.nsmallest(size, counted(), key=lambda claim_id: place(seed, claim_id))
    return Sample(tuple(drawn), count, universe.hexdigest())
