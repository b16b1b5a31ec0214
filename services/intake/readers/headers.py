"""Finding the header row of an invoice, and what is said where it is not as it should be. No I/O."""

from collections.abc import Sequence

from msgspec import Struct

from services.intake.invoice_columns import BY_NAME, REQUIRED, column_of_header
from services.intake.readers import FileRefused
from shared.catalogue import finding
from shared.findings import Finding

HEADER_WITHIN = 10  # nonblank rows: a title, an address block or a logo may stand above the header
_FEWEST_KNOWN = 3  # known headers that make a row a header row
_INVOICE_AUTHORITY = "DHCS ECM and Community Supports Billing and Invoicing Guidance, April 2023"
_TEMPLATE_HINT = "The blank invoice (the template) with its first row kept as it is"


class Header(Struct, frozen=True):
    """Where the header row stands and at which index each known column does."""

    row: int
    columns: dict[str, int]
    unknown: tuple[tuple[int, str], ...]
    duplicates: tuple[str, ...]
    second_row: int | None = None

    @property
    def missing(self) -> list[str]:
        """Required columns that are not there, in the order of the template."""
        return [name for name in BY_NAME if name in REQUIRED and name not in self.columns]


def refused(message: str, *, where: str | None = None, expected: str | None = None) -> FileRefused:
    """The refusal of a whole file, to be raised."""
    return FileRefused(
        finding("file.unreadable", message, where=where, expected=expected, authority=_INVOICE_AUTHORITY)
    )


def find_header(
    rows: Sequence[tuple[int, Sequence[object]]], hidden: frozenset[int] = frozenset()
) -> Header | None:
    """The best header among the first rows: the one that names most columns; ``None`` where none names any.

    ``hidden`` are indices of columns that the sheet does not show: what stands there is not read.
    """
    best: Header | None = None
    for number, cells in rows:
        header = _header_of(number, cells, hidden)
        if len(header.columns) >= _FEWEST_KNOWN and (best is None or len(header.columns) > len(best.columns)):
            best = header
    if best is None:
        return None
    following = next((cells for number, cells in rows if number == best.row + 1), None)
    if following is not None:
        second = _header_of(best.row + 1, following, hidden)
        if len(second.columns) >= _FEWEST_KNOWN:
            # The template's labels above the column names, or the other way round: one header, said twice.
            agree = all(best.columns.get(name) == index for name, index in second.columns.items())
            if agree:
                return Header(best.row, best.columns, best.unknown, best.duplicates, best.row + 1)
    return best


def _header_of(number: int, cells: Sequence[object], hidden: frozenset[int]) -> Header:
    columns: dict[str, int] = {}
    unknown: list[tuple[int, str]] = []
    duplicates: list[str] = []
    for index, cell in enumerate(cells):
        if index in hidden:
            continue
        name = column_of_header(cell)
        if name is None:
            if isinstance(cell, str) and cell.strip():
                unknown.append((index, cell.strip()[:60]))
        elif name in columns:
            duplicates.append(name)
        else:
            columns[name] = index
    return Header(number, columns, tuple(unknown), tuple(duplicates))


def no_header(place: str) -> FileRefused:
    """The refusal of a file in which nothing looks like the headers of an invoice."""
    return refused(
        f"This is not an invoice we know: none of the first rows of {place} holds the column headers.",
        where=place,
        expected=_TEMPLATE_HINT,
    )


def check_header(header: Header, place: str, hidden_columns: Sequence[str] = ()) -> None:
    """Raises ``FileRefused``, naming all that is missing, if the invoice cannot be read by this header."""
    if header.duplicates:
        raise refused(
            f"These columns of {place} stand there more than once: {', '.join(header.duplicates)}.",
            where=f"{place}, row {header.row}",
            expected="Each column once",
        )
    if header.missing:
        hint = f" Hidden columns are not read: {', '.join(hidden_columns)}." if hidden_columns else ""
        raise refused(
            f"These columns are missing from {place}: {', '.join(header.missing)}.{hint}",
            where=f"{place}, row {header.row}",
            expected=_TEMPLATE_HINT,
        )


def header_notes(header: Header, place: str) -> list[Finding]:
    """What the provider should know about the header: columns not read, rows passed over."""
    notes = []
    if header.unknown:
        names = ", ".join(f'"{text}"' for _, text in header.unknown[:20])
        notes.append(
            finding(
                "file.column_ignored",
                f"We did not read these columns. The invoice has no columns of that name: {names}.",
                where=f"{place}, row {header.row}",
            )
        )
    if header.second_row is not None:
        notes.append(
            finding(
                "repair.second_header",
                f"Rows {header.row} and {header.second_row} both hold headers. The claims stand below.",
                where=f"{place}, row {header.second_row}",
            )
        )
    if header.row > 1:
        notes.append(
            finding(
                "repair.header_below",
                f"The headers stand in row {header.row}. We did not read the rows above it as claims.",
                where=f"{place}, row {header.row}",
                expected="Headers in row 1",
            )
        )
    return notes
