"""Rows of an invoice in CSV: comma, semicolon, tab or bar; UTF-8, UTF-16 or Windows-1252."""

from collections.abc import Iterator
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
from shared.csv_text import DELIMITERS, CsvBroken, encoding_of, first_rows, rows_of_text
from shared.findings import Finding

__all__ = ["CsvTable", "encoding_of"]

MAX_ROWS = 500_000
MAX_COLUMNS = 200


class CsvTable:
    """An invoice in CSV as a table of rows. Raises ``FileRefused`` where it has no header."""

    sheet: str | None = None

    def __init__(self, path: Path, encoding: str) -> None:
        self._path = path
        self._encoding = encoding
        candidates = [(first_rows(path, encoding, each, HEADER_WITHIN), each) for each in DELIMITERS]
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

    def _records(self) -> Iterator[tuple[int, list[Any]]]:
        try:
            yield from rows_of_text(self._path, self._encoding, self._delimiter)
        except CsvBroken as broken:
            if broken.because == "quotes":
                number = broken.after_row + 1
                raise refused(
                    f"Row {number} cannot be read: a double quote is not closed or stands inside a cell.",
                    where=f"row {number}",
                    expected='Double quotes around the whole cell; a double quote inside it is written twice: ""',
                ) from None
            raise refused(
                f"The text after row {broken.after_row} is in no encoding we know.",
                where=f"row {broken.after_row + 1}",
                expected="CSV UTF-8 (comma delimited)",
            ) from None
