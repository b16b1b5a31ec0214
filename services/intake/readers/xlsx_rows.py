"""Rows of an invoice in an Excel workbook: of the sheet that has the headers, as a person sees it."""

import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from defusedxml import ElementTree
from msgspec import Struct
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from services.intake.invoice_columns import column_of_header
from services.intake.readers.headers import (
    HEADER_WITHIN,
    Header,
    check_header,
    find_header,
    header_notes,
    no_header,
    refused,
)
from services.intake.readers.invoice import Row
from services.intake.readers.row_findings import letters, named_rows
from services.intake.readers.xlsx_scan import MAX_COLUMNS, SheetScan, check_entry, check_sizes, scan_sheet
from shared.catalogue import finding
from shared.findings import Finding

_WORKBOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_LARGEST_INDEX = 4 << 20
# Whatever a broken archive, stream or index makes the libraries raise; LookupError is a missing part or encoding.
_DAMAGE = (
    CalamineError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ElementTree.ParseError,
    LookupError,
    OSError,
    ValueError,
    EOFError,
    NotImplementedError,
)
# Each row has its own: the same in every row of merged cells would bill it more than once.
_NEVER_SHARED = frozenset({"units", "unit_cost", "amount", "invoice_total", "start_time", "end_time"})
_MOST_MERGED = 200_000
_SAVE_AGAIN = "Open the file in Excel and save it again as .xlsx"


class _Found(Struct):
    title: str
    sheet: CalamineSheet
    scan: SheetScan
    header: Header

    def has_rows(self) -> bool:
        return self.scan.last_row > (self.header.second_row or self.header.row)


class XlsxTable:
    """An invoice in a workbook as a table of rows.

    Raises ``FileRefused`` where no sheet, or more than one, holds an invoice, or a limit is passed.
    """

    def __init__(self, path: Path) -> None:
        self.notes: tuple[Finding, ...] = ()
        with _readable(), zipfile.ZipFile(path) as archive:
            check_sizes(archive)
            parts = _sheet_parts(archive)
            names = set(archive.namelist())
            for name in ("xl/sharedStrings.xml", "xl/styles.xml"):
                if name in names:
                    check_entry(archive, name)
            workbook = CalamineWorkbook.from_path(path)
            found, hidden_sheets = self._sheets(archive, workbook, parts)
        self._found = _the_one(found)
        self.sheet: str | None = self._found.title
        self.columns = self._found.header.columns
        self._merged = _merged_cells(self._found)
        self.notes = tuple(self._notes(hidden_sheets))

    def rows(self) -> Iterator[Row]:
        """Every row shown below the header that is not blank, with an empty cell added at its end."""
        header, scan, sheet = self._found.header, self._found.scan, self._found.sheet
        last_header = header.second_row or header.row
        blank = [""] * ((sheet.start or (0, 0))[1])
        hidden, broken, merged = scan.hidden_rows, scan.broken, self._merged
        shared: dict[tuple[int, int], Any] = {}
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if number <= last_header or number in hidden:
                continue
            cells: list[Any] = blank + row if blank else row
            if number in broken:
                for index, cell in broken[number].items():
                    cells += [""] * (index + 1 - len(cells))
                    cells[index] = cell
            if scan.has_booleans:
                # As a dictionary key True is 1.0, and a person sees TRUE.
                cells = [str(cell).upper() if isinstance(cell, bool) else cell for cell in cells]
            if number in merged and any(cell != "" for cell in cells):
                for index, top in merged[number].items():
                    cells += [""] * (index + 1 - len(cells))
                    if top == number:
                        shared[top, index] = cells[index]
                    else:
                        cells[index] = shared.get((top, index), "")
            cells.append("")
            yield number, cells, None

    def _sheets(
        self, archive: zipfile.ZipFile, workbook: CalamineWorkbook, parts: dict[str, str]
    ) -> tuple[list[_Found], list[str]]:
        found: list[_Found] = []
        hidden: list[str] = []
        for index, about in enumerate(workbook.sheets_metadata):
            if about.typ != SheetTypeEnum.WorkSheet or about.name not in parts:
                continue
            if about.visible != SheetVisibleEnum.Visible:
                hidden.append(about.name)
                continue
            scan = scan_sheet(archive, parts[about.name], about.name)
            if not scan.last_row:
                continue
            sheet = workbook.get_sheet_by_index(index)
            header = find_header(_first_rows(sheet, scan), scan.hidden_columns)
            if header is not None:
                found.append(_Found(about.name, sheet, scan, header))
        return found, hidden

    def _notes(self, hidden_sheets: list[str]) -> Iterator[Finding]:
        title, scan, header = self._found.title, self._found.scan, self._found.header
        place = f'sheet "{title}"'
        yield from header_notes(header, place)
        if hidden_sheets:
            names = ", ".join(f'"{name}"' for name in hidden_sheets)
            yield finding(
                "file.hidden", f"We did not read the hidden sheets: {names}.", where=f"sheets {names}"
            )
        rows = sorted(row for row in scan.hidden_rows if header.row < row <= scan.last_row)
        if rows:
            yield finding(
                "file.hidden",
                f"We did not read {named_rows(rows)} of {place}: "
                f"{'it is' if len(rows) == 1 else 'they are'} hidden or filtered out.",
                where=f"{place}, {named_rows(rows)}",
                expected="Show the rows and send the file again if they are part of the invoice",
            )
        if self._merged:
            yield finding(
                "repair.merged_cells",
                f"Cells of {place} are merged over several rows. We read what they show in each of these rows.",
                where=f"{place}, {named_rows(sorted(self._merged))}",
                expected="A value in every row, without merged cells",
            )
        columns = _hidden_headers(self._found)
        if columns:
            yield finding(
                "file.hidden",
                f"We did not read these hidden columns of {place}: {', '.join(columns)}.",
                where=place,
                expected="Show the columns and send the file again if they are part of the invoice",
            )


@contextmanager
def _readable() -> Iterator[None]:
    """A workbook that cannot be taken apart is refused, whatever the library has to say about it."""
    try:
        yield
    except _DAMAGE:
        raise refused("The Excel workbook is damaged.", expected=_SAVE_AGAIN) from None
    except RuntimeError:  # zipfile's word for an entry with a password
        raise refused(
            "The Excel workbook is protected by a password.", expected="The workbook without a password"
        ) from None
    except BaseException as error:
        # A panic of the Rust reader is no Exception: it must cost the file, not the process.
        if type(error).__name__ != "PanicException":
            raise
        raise refused("The Excel workbook is damaged.", expected=_SAVE_AGAIN) from None


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet name -> part of the archive, as the workbook's own index says."""
    for name in (_WORKBOOK, _RELATIONS):
        if archive.getinfo(name).file_size > _LARGEST_INDEX:
            raise refused("The workbook's list of sheets is too long.", expected=_SAVE_AGAIN)
    targets = {
        relation.get("Id"): posixpath.normpath(posixpath.join("/xl", relation.get("Target", "")))[1:]
        for relation in ElementTree.fromstring(archive.read(_RELATIONS))
    }
    names = set(archive.namelist())
    parts: dict[str, str] = {}
    for element in ElementTree.fromstring(archive.read(_WORKBOOK)).iter():
        if element.tag.rpartition("}")[2] != "sheet":
            continue
        relation = next((value for key, value in element.items() if key.endswith("}id")), None)
        part = targets.get(relation)
        if part in names:
            parts[element.get("name", "")] = str(part)
    return parts


def _first_rows(sheet: CalamineSheet, scan: SheetScan) -> list[tuple[int, list[Any]]]:
    rows: list[tuple[int, list[Any]]] = []
    blank = [""] * ((sheet.start or (0, 0))[1])
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        if number not in scan.hidden_rows and any(cell != "" for cell in cells):
            rows.append((number, blank + cells))
        if len(rows) >= HEADER_WITHIN:
            break
    return rows


def _the_one(found: list[_Found]) -> _Found:
    """The sheet to read. Two that could be meant are one too many: a copy would double every claim."""
    whole = [entry for entry in found if not entry.header.missing]
    filled = [entry for entry in whole if entry.has_rows()]
    if len(filled) > 1:
        names = ", ".join(f'"{entry.title}"' for entry in filled)
        raise refused(
            f"More than one sheet holds an invoice: {names}.",
            where=f"sheets {names}",
            expected="All rows on one sheet; hide or delete the others",
        )
    if filled or whole:
        best = (filled or whole)[0]
    elif found:
        best = max(found, key=lambda entry: len(entry.header.columns))
    else:
        raise no_header("any sheet that is not hidden")
    check_header(best.header, f'sheet "{best.title}"', _hidden_headers(best))
    return best


def _merged_cells(found: _Found) -> dict[int, dict[int, int]]:
    """Row -> column index -> the first row of the merged cells that it belongs to, below the header.

    The file holds the value in the first row only; a person sees it in all of them.
    """
    named = {index for name, index in found.header.columns.items() if name not in _NEVER_SHARED}
    first_row = (found.header.second_row or found.header.row) + 1
    merged: dict[int, dict[int, int]] = {}
    cells = 0
    for (top, left), (bottom, right) in found.sheet.merged_cell_ranges or ():
        if top + 1 < first_row or top == bottom:
            continue
        for index in named.intersection(range(left, min(right, MAX_COLUMNS) + 1)):
            # Of cells merged to the side as well only the first has the value: no other column means it.
            if index == left:
                rows = range(top + 1, min(bottom + 1, found.scan.last_row) + 1)
                cells += len(rows)
                if cells > _MOST_MERGED:
                    raise refused(
                        f'Too many cells of sheet "{found.title}" are merged.',
                        where=f'sheet "{found.title}"',
                        expected="A value in every row, without merged cells",
                    )
                for row in rows:
                    merged.setdefault(row, {})[index] = top + 1
    return merged


def _hidden_headers(found: _Found) -> list[str]:
    """Known columns that stand in hidden columns of the header row."""
    hidden = found.scan.hidden_columns
    if not hidden:
        return []
    rows = dict(_first_rows(found.sheet, found.scan))
    cells = rows[found.header.row]
    return [
        f"{name} ({letters(index)})"
        for index, cell in enumerate(cells)
        if index in hidden and (name := column_of_header(cell)) is not None
    ]
