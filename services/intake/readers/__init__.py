"""Readers turn a provider's file into claims. What they all speak is said here.

A file is refused whole (:class:`FileRefused`) or every claim in it comes out exactly once, as a
:class:`ClaimRead` or an :class:`UnreadableClaim`. The census, counted by other code than the mapping, says how
many there must be.
"""

from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

from shared.claim import Channel, Claim
from shared.findings import Finding


class ClaimRead(Struct, frozen=True, tag=True):
    """A claim as understood; ``findings`` say what could not be understood, and every repair."""

    claim: Claim
    findings: tuple[Finding, ...] = ()


class UnreadableClaim(Struct, frozen=True, tag=True):
    """A claim that cannot be judged because required cells make no sense. The provider corrects and sends it again.

    ``rows`` are the spreadsheet's row numbers of all its rows; for 837P it is empty and ``where`` says the place.
    """

    findings: tuple[Finding, ...]
    claim_number: str | None = None
    rows: tuple[int, ...] = ()
    where: str | None = None


class Census(Struct, frozen=True, omit_defaults=True):
    """What a file holds, counted before anything is mapped. X12 counts are 0 for sheets and JSON."""

    claims: int
    lines: int = 0
    interchanges: int = 0
    groups: int = 0
    transaction_sets: int = 0
    segments: int = 0


class FileRefused(Exception):
    """The file cannot be used at all. ``finding`` is a ``file.unreadable`` with the place and what would be right."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class ClaimsFile(Protocol):
    """An opened file: recognised, counted and known to be whole."""

    channel: Channel
    census: Census
    notes: tuple[Finding, ...]

    def items(self) -> Iterator[ClaimRead | UnreadableClaim]:
        """Every claim once, in file order, streamed. May be called again: it starts from the beginning."""
