"""Rows of an invoice in CSV: comma, semicolon, tab or bar; UTF-8, UTF-16 or Windows-1252."""

import codecs
import csv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from services.intake.readers.headers import (
    HEADER_WITHIN,
    check_header,
    find_header,
    header_notes,
    no_header,
    refused,
)
from services.intake.readers.invoice import Row
from shared.catalogue import finding
from shared.findings import Finding

MAX_ROWS = 500_000
MAX_COLUMNS = 200
_DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 1 << 20


def encoding_of(path: Path) -> str | None:
    """The text encoding of a file, from its byte order mark or its bytes; ``None`` where it is not text."""
    utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8-sig")()
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        file.seek(0)
        more = True
        while more:
            chunk = file.read(_CHUNK)
            more = bool(chunk)
            if b"\x00" in chunk:
                return None
            if utf8 is not None:
                try:
                    utf8.decode(chunk, final=not more)
                except UnicodeDecodeError:
                    utf8 = None
    return "cp1252" if utf8 is None else "utf-8-sig"


class CsvTable:
    """An invoice in CSV as a table of rows. Raises ``FileRefused`` where it has no header."""

    sheet: str | None = None

    def __init__(self, path: Path, encoding: str) -> None:
        self._path = path
        self._encoding = encoding
        candidates = [(self._first_rows(delimiter), delimiter) for delimiter in _DELIMITERS]
        headers = [(find_header(rows), delimiter) for rows, delimiter in candidates]
        header, self._delimiter = max(headers, key=lambda found: len(found[0].columns) if found[0] else 0)
        if header is None:
            raise no_header("the file")
        check_header(header, "the file")
        self._header = header
        self.columns = self._header.columns
        self._width = len(next(cells for number, cells in self._records() if number == self._header.row))
        if self._width > MAX_COLUMNS:
            raise refused(f"The file has {self._width} columns.", expected=f"At most {MAX_COLUMNS} columns")
        self.notes: tuple[Finding, ...] = tuple(header_notes(self._header, "the file"))
        if encoding != "utf-8-sig":
            name = "Windows-1252" if encoding == "cp1252" else "UTF-16"
            self.notes += (
                finding(
                    "repair.encoding",
                    f"The file is not UTF-8. We read it as {name}. Please check names with accents.",
                    expected="CSV UTF-8 (comma delimited)",
                ),
            )

    def rows(self) -> Iterator[Row]:
        """Every record below the header that is not blank, with an empty cell added at its end."""
        header, width = self._header, self._width
        last_header = header.second_row or header.row
        for number, cells in self._records():
            if number <= last_header:
                continue
            if number > MAX_ROWS:
                raise refused(f"The file has more than {MAX_ROWS:,} rows.", expected="Several smaller files")
            problem = None
            if len(cells) != width:
                if not any(map(str.strip, cells)):
                    continue
                if len(cells) > width:
                    # Even if the surplus cell is empty: everything after the comma has moved one column on.
                    problem = (
                        f"Row {number} has {len(cells)} cells, but the header has {width}. A comma inside a"
                        " cell, as in 1,250.00 or in an address, needs double quotes around the cell."
                    )
                else:
                    problem = f"Row {number} has only {len(cells)} cells, but the header has {width}."
                    cells += [""] * (width - len(cells))
                del cells[width:]
            cells.append("")
            yield number, cells, problem

    def _first_rows(self, delimiter: str) -> list[tuple[int, list[str]]]:
        rows: list[tuple[int, list[str]]] = []
        with self._path.open(encoding=self._encoding, newline="") as file, suppress(csv.Error, UnicodeError):
            # A delimiter that does not fit the file may misread it in any way: then it names no column.
            for number, cells in enumerate(csv.reader(file, delimiter=delimiter), start=1):
                if any(map(str.strip, cells)):
                    rows.append((number, cells))
                if len(rows) >= HEADER_WITHIN:
                    break
        return rows

    def _records(self) -> Iterator[tuple[int, list[Any]]]:
        # Strict: a quotation mark that is never closed would otherwise swallow the rows after it unnoticed.
        number = 0
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                for number, cells in enumerate(
                    csv.reader(file, delimiter=self._delimiter, strict=True), start=1
                ):
                    yield number, cells
        except csv.Error:
            raise refused(
                f"Row {number + 1} cannot be read: a double quote is not closed or stands inside a cell.",
                where=f"row {number + 1}",
                expected='Double quotes around the whole cell; a double quote inside it is written twice: ""',
            ) from None
        except UnicodeError:
            raise refused(
                f"The text after row {number} is in no encoding we know.",
                where=f"row {number + 1}",
                expected="CSV UTF-8 (comma delimited)",
            ) from None
