"""What a workbook's XML says and the fast cell reader does not: what is hidden, broken or too large.

The cells themselves are read by python-calamine, ten times as fast as anything that also sees visibility. It
gives an empty cell for a formula that was never calculated and for an error such as ``#N/A``, knows no
hidden rows, and sets aside memory for the whole rectangle that the cells span. So the XML of each sheet is
passed over once, in pieces of whole rows, looking only for what matters; memory stays flat.
"""

import re
import zipfile
from collections.abc import Iterator

from msgspec import Struct, field

from services.intake.readers.headers import refused
from services.intake.readers.values import BrokenCell

MAX_UNCOMPRESSED_BYTES = 1 << 30
MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_AREA = 10_000_000  # cells of the rectangle that a sheet's values span
_MOST_PARTS = 5_000
_PIECE = 4 << 20
_LONGEST_ROW = 8 << 20
_NOT_FAR = 78  # columns up to BZ: sheets that go no further need no count of their columns

_NOT_CALCULATED = "The cell holds a formula that was never calculated. Open the file in Excel and save it."


class SheetScan(Struct):
    """One sheet. Rows are counted from 1 as a person does, columns from 0."""

    last_row: int = 0
    columns: int = 0
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: frozenset[int] = frozenset()
    broken: dict[int, dict[int, BrokenCell]] = field(default_factory=dict)
    has_booleans: bool = False


def check_sizes(archive: zipfile.ZipFile) -> None:
    """Refuses a ZIP bomb before anything is unpacked. Raises ``FileRefused``.

    The sizes are the archive's own claim. That they are true is known once an entry has been read to its end:
    Python's zipfile stops at the claimed size and checks the sum of what came.
    """
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    if len({entry.filename for entry in entries}) != len(entries):
        raise refused("The workbook holds a part twice.", expected="Open the file in Excel and save it again")
    if total > MAX_UNCOMPRESSED_BYTES or len(entries) > _MOST_PARTS:
        raise refused(
            f"The workbook is too large: {total >> 20:,} MB when unpacked.",
            expected="Delete empty formatted rows and pictures, or send several smaller files",
        )


def check_entry(archive: zipfile.ZipFile, name: str) -> None:
    """Unpacks an entry once and throws it away: nothing larger than it claims then reaches other readers."""
    with archive.open(name) as entry:
        while entry.read(_PIECE):
            pass


def scan_sheet(archive: zipfile.ZipFile, name: str, title: str) -> SheetScan:
    """Passes over one sheet. Raises ``FileRefused`` where a limit is passed or it is no sheet we know."""
    scan = SheetScan()
    row = 0
    pattern: _Patterns | None = None
    for piece in _pieces(archive, name, title):
        if pattern is None:
            pattern = _Patterns.of(piece, title)
            scan.hidden_columns = pattern.hidden_columns(piece)
        row = pattern.look(piece, scan, row)
    if scan.last_row > MAX_ROWS:
        raise refused(
            f'Sheet "{title}" has more than {MAX_ROWS:,} rows.',
            expected="Several smaller files",
            where=f'sheet "{title}"',
        )
    if scan.columns > MAX_COLUMNS or scan.last_row * scan.columns > MAX_AREA:
        raise refused(
            f'Sheet "{title}" spans {scan.last_row:,} rows and {scan.columns:,} columns.',
            expected=f"At most {MAX_COLUMNS} columns. Delete what stands far to the right or far below",
            where=f'sheet "{title}"',
        )
    return scan


def _pieces(archive: zipfile.ZipFile, name: str, title: str) -> Iterator[bytes]:
    """The sheet's XML cut before rows. Everything before the first row is part of the first piece."""
    with archive.open(name) as entry:
        kept = b""
        while chunk := entry.read(_PIECE):
            kept += chunk
            cut = max(kept.rfind(b"<row"), kept.rfind(b":row "))
            if cut > 0:
                cut = kept.rfind(b"<", 0, cut + 1)
                yield kept[:cut]
                kept = kept[cut:]
            if len(kept) > _LONGEST_ROW + _PIECE:
                raise refused(f'Sheet "{title}" holds a row that is too long.', where=f'sheet "{title}"')
        yield kept


class _Patterns:
    """Regular expressions for one sheet: its namespace prefix decides how a row looks."""

    def __init__(self, prefix: bytes) -> None:
        p = re.escape(prefix)
        self._row = re.compile(rb'<%srow\b(?: r="([0-9]+)")?([^>]*)>' % p)
        self._column = re.compile(rb"<%scol\b([^>]*)>" % p)
        self._cell_or_row = re.compile(rb"<%s(c|row)\b([^>]*)>" % p)
        self._values = tuple(start % prefix for start in (b"<%sv>", b"<%sv ", b"<%sis>", b"<%sf>", b"<%sf "))
        self._cell = b"<%sc" % prefix
        self._row_start, self._placed_row = b"<%srow" % prefix, b'<%srow r="' % prefix
        self._placed_cell = b'<%sc r="' % prefix
        # Cells beyond column BZ or row 199,999.
        self._far = re.compile(
            rb'<%sc r="(?:(?:[A-Z]{3}|[C-Z][A-Z])[0-9]|[A-Z]{1,2}(?:[2-9][0-9]{5}|[0-9]{7}))' % p
        )
        self._error = re.compile(
            rb'<%sc (?=[^>]*\bt="e")[^>]*\br="([A-Z]+)([0-9]+)"[^>]*>(.*?)</%sc>' % (p, p), re.DOTALL
        )
        # t="str" with an empty value is a formula that was calculated and gave empty text.
        self._formula = re.compile(
            rb'<%sc (?![^>]*\bt="str")[^>]*\br="([A-Z]+)([0-9]+)"[^>]*>\s*'
            rb"<%sf\b(?:[^>]*/>|[^>]*>[^<]*</%sf>)\s*(?:<%sv\s*/>|<%sv>\s*</%sv>)?\s*</%sc>"
            % (p, p, p, p, p, p, p)
        )
        self._shown = re.compile(rb"<%sv[^>]*>([^<]*)<" % p)

    @classmethod
    def of(cls, start: bytes, title: str) -> "_Patterns":
        match = re.search(rb"<((?:[A-Za-z_][\w.\-]*:)?)worksheet[\s>]", start[:65_536])
        if match is None or b"<!DOCTYPE" in start[:65_536]:
            raise refused(
                f'Sheet "{title}" is not stored as Excel stores it.',
                expected="Open the file in Excel and save it again as .xlsx",
                where=f'sheet "{title}"',
            )
        return cls(match[1])

    def hidden_columns(self, start: bytes) -> frozenset[int]:
        hidden: set[int] = set()
        for match in self._column.finditer(start):
            if _is_hidden(match[1]):
                first, last = _number(match[1], b"min"), _number(match[1], b"max")
                hidden.update(range(first - 1, min(last, MAX_COLUMNS + 1)))
        return frozenset(hidden)

    def look(self, piece: bytes, scan: SheetScan, row: int) -> int:
        """Adds what a piece shows to ``scan``; answers the number of its last row."""
        last_value = max(map(piece.rfind, self._values))
        first_row = piece.find(self._row_start)
        if first_row < 0:
            return row
        if b"hidden=" in piece or piece.count(self._row_start) != piece.count(self._placed_row):
            row, valued = self._each_row(piece, scan, row, last_value)
        else:
            # Every row has its number and none is hidden: only the last ones matter.
            row = self._row_number(piece, len(piece))
            valued = self._row_number(piece, last_value) if last_value > first_row else 0
        if last_value >= 0:
            columns, lowest = self._span(piece, first_row)
            scan.last_row = max(scan.last_row, valued, lowest)
            scan.columns = max(scan.columns, columns)
        scan.has_booleans = scan.has_booleans or b't="b"' in piece
        if b't="e"' in piece:
            for match in self._error.finditer(piece):
                shown = self._shown.search(match[3])
                text = shown[1].decode("ascii", "replace") if shown else "an error"
                cell = BrokenCell(text, f"The cell shows {text}: its formula failed.")
                scan.broken.setdefault(int(match[2]), {})[_index(match[1])] = cell
        if self._values[3] in piece or self._values[4] in piece:
            for match in self._formula.finditer(piece):
                cell = BrokenCell("(formula)", _NOT_CALCULATED)
                scan.broken.setdefault(int(match[2]), {})[_index(match[1])] = cell
        return row

    def _row_number(self, piece: bytes, before: int) -> int:
        """The number of the last row that begins before a position."""
        match = self._row.match(piece, piece.rfind(self._placed_row, 0, before))
        return int(match[1] or 0) if match else 0

    def _each_row(self, piece: bytes, scan: SheetScan, row: int, last_value: int) -> tuple[int, int]:
        """Looks at every row: the numbers of the last one and of the last one with a value."""
        valued = row
        for match in self._row.finditer(piece):
            row = int(match[1] or 0) or _number(match[2], b"r") or row + 1
            if match.start() < last_value:
                valued = row
            if _is_hidden(match[2]):
                scan.hidden_rows.add(row)
        return row, valued

    def _span(self, piece: bytes, first_row: int) -> tuple[int, int]:
        """How many columns and rows the values of a piece span, never fewer than the truth.

        Rows count only where a cell claims one that its own row element does not lead to expect.
        """
        ordinary = piece.count(self._placed_cell) == piece.count(self._cell, first_row)
        if ordinary and not self._far.search(piece):
            return _NOT_FAR, 0
        widest = lowest = column = 0
        for match in self._cell_or_row.finditer(piece):
            if match[1] == b"row":
                column = 0
                continue
            place = _attribute(match[2], b"r") or b""
            letters = place.rstrip(b"0123456789")
            column = _index(letters) + 1 if letters else column + 1
            if not match[2].endswith(b"/"):
                after = piece[match.end() : match.end() + 64].lstrip()
                if after.startswith(self._values):
                    widest = max(widest, column)
                    lowest = max(lowest, int(place[len(letters) :] or 0))
        return widest, lowest


def _attribute(attributes: bytes, name: bytes) -> bytes | None:
    match = re.search(rb"""(?:^|\s)%s\s*=\s*["']([^"']*)["']""" % name, attributes)
    return match[1] if match else None


def _number(attributes: bytes, name: bytes) -> int:
    value = _attribute(attributes, name)
    return int(value) if value and value.isdigit() else 0


def _is_hidden(attributes: bytes) -> bool:
    return _attribute(attributes, b"hidden") in (b"1", b"true")


def _index(name: bytes) -> int:
    index = 0
    for character in name:
        index = index * 26 + character - 64
    return index - 1
