"""The outreach ledger as a spreadsheet: the same figures under the same names."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from services.payments.figures.csv_rows import as_text
from services.payments.outreach.ledger import SUCCESSES, Counts, Ledger, OutreachFigures

_COUNTS = tuple(field.name for field in msgspec.structs.fields(Counts))
OUTREACH_COLUMNS = (
    *_COUNTS,
    "rejected",
    "housing",
    *(f"{success}_{name}" for success in SUCCESSES for name in _COUNTS),
)


def outreach_rows(found: Ledger, group_by: Sequence[str]) -> Iterator[list[Any]]:
    """A header, a row a group, and the total last, named so in the first column."""
    names = list(group_by) or ["group"]
    yield [*names, *OUTREACH_COLUMNS]
    for group in found.groups if group_by else ():
        yield [*map(as_text, group.key.values()), *_cells(group)]
    yield ["total", *[""] * (len(names) - 1), *_cells(found.total)]


def _cells(group: OutreachFigures) -> list[Any]:
    return [
        *msgspec.structs.astuple(group.total),
        *(group.rejected, group.housing),
        *(cell for success in SUCCESSES for cell in msgspec.structs.astuple(getattr(group, success))),
    ]
