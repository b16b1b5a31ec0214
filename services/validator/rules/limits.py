"""Limits of Community Supports: counters over a member's earlier lines, each a row of data."""

from collections.abc import Iterator

from services.validator.rules.context import Evidenced
from services.validator.rules.history import History, OriginalClaim, Prepared


def limit_findings(
    prepared: Prepared, history: History, original: OriginalClaim | None
) -> Iterator[Evidenced]:
    """``limit.*`` of every line that takes a counter past its limit; ``original`` is counted without."""
    yield from ()
