"""A feed as a file: CSV or JSON, recognised by its content, read row by row.

A file that cannot be read to its end is refused before any of its rows is taken.
"""

import mmap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Raw

from services.validator.feeds.rows import ROW, RowProblem, column_names, required_columns, row_problem
from shared.care import Feed
from shared.csv_text import DELIMITERS, CsvBroken, encoding_of, first_rows, rows_of_text

Read = Mapping[str, object] | RowProblem
"""A row by column name, or why it cannot be told apart into cells."""

_HEADER_WITHIN = 10
_SEND = "CSV with a header row, or JSON"
_NAMED_AT_MOST = 20
_START_BYTES = 1024


class FeedRefused(Exception):
    """The file cannot be used at all. The texts are plain English and hold no values of rows."""

    def __init__(self, message: str, expected: str, field: str = "file") -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.field = field


class FeedFile(Protocol):
    """An opened feed. ``notes`` are complete once the last row has been read."""

    notes: list[str]

    def rows(self) -> Iterator[tuple[int, Read]]:
        """Every row that is not blank, with its number: the spreadsheet's, or the place in the list from 1."""


def open_feed(path: Path, feed: Feed) -> FeedFile:
    """The file as rows of ``feed``. Raises ``FeedRefused``."""
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    bare = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise FeedRefused("The file is empty.", _SEND)
    if bare[:1] in (b"{", b"["):
        return JsonFeed(path, feed)
    if start.startswith(b"PK\x03\x04"):
        raise FeedRefused("This is an Excel file or another packed file.", "Save it as CSV and send that")
    if bare[:1] == b"<":
        raise FeedRefused("This is a web page or an XML file.", _SEND)
    encoding = encoding_of(path)
    if encoding is None:
        raise FeedRefused("This is not a text file.", _SEND)
    return CsvFeed(path, feed, encoding)


class CsvFeed:
    """A feed in CSV. Raises ``FeedRefused`` where its header or its quotes are wrong."""

    def __init__(self, path: Path, feed: Feed, encoding: str) -> None:
        self.notes: list[str] = []
        self._path = path
        self._encoding = encoding
        known = column_names(feed)
        candidates = [
            (*_best_header(first_rows(path, encoding, delimiter, _HEADER_WITHIN), known), delimiter)
            for delimiter in DELIMITERS
        ]
        number, cells, self._delimiter = max(candidates, key=lambda found: _known(found[1], known))
        names = [_name_of(cell) for cell in cells]
        self._columns = {name: index for index, name in enumerate(names) if name in known}
        self._header, self._width = number, len(cells)
        self._check(feed, names)
        if number > 1:
            self.notes.append(f"The headers stand in row {number}. We did not read the rows above it.")
        ignored = [
            cell.strip()[:60] for cell, name in zip(cells, names, strict=True) if name and name not in known
        ]
        _note_ignored(self.notes, ignored)
        if encoding != "utf-8-sig":
            name = "Windows-1252" if encoding == "cp1252" else "UTF-16"
            self.notes.append(f"The file is not UTF-8. We read it as {name}.")
        for _ in self._records():
            pass  # what cannot be read to its end is refused whole

    def rows(self) -> Iterator[tuple[int, Read]]:
        columns, width = tuple(self._columns.items()), self._width
        for number, cells in self._records():
            if number <= self._header:
                continue
            if len(cells) == width:
                row = {name: cells[index] for name, index in columns}
                # A row of commas alone, as spreadsheets leave them below the last one.
                if any(row.values()) or any(map(str.strip, cells)):
                    yield number, row
            elif any(map(str.strip, cells)):
                yield (
                    number,
                    row_problem(
                        ROW,
                        None,
                        f"The row has {len(cells)} cells, but the header has {width}.",
                        "One cell a column; a cell with a comma in it stands in double quotes",
                    ),
                )

    def _check(self, feed: Feed, names: Sequence[str]) -> None:
        known = set(self._columns)
        twice = sorted({name for name in known if names.count(name) > 1})
        if twice:
            raise FeedRefused(f"These columns stand there twice: {', '.join(twice)}.", "Each column once")
        takes_back = {"record_id", "withdrawn"} <= known
        missing = [name for name in required_columns(feed) if name not in known]
        if missing and not takes_back:
            raise FeedRefused(
                f"These columns are missing: {', '.join(missing)}.",
                f"A header row with {', '.join(column_names(feed)[:-1])}",
            )

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        try:
            yield from rows_of_text(self._path, self._encoding, self._delimiter)
        except CsvBroken as broken:
            row = broken.after_row + 1
            if broken.because == "quotes":
                raise FeedRefused(
                    f"Row {row} cannot be read: a double quote is not closed or stands inside a cell.",
                    'Double quotes around the whole cell; a double quote inside it is written twice: ""',
                ) from None
            raise FeedRefused(f"The text of row {row} is in no encoding we know.", "CSV in UTF-8") from None


class JsonFeed:
    """A feed in JSON: a list of records, ``{"records": […]}``, or one record. Raises ``FeedRefused``."""

    def __init__(self, path: Path, feed: Feed) -> None:
        self.notes: list[str] = []
        self._known = frozenset(column_names(feed))
        with path.open("rb") as file:
            # Mapped, not read: the records are decoded one at a time and the file stays where it is.
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if bytes(content[:3]) == b"\xef\xbb\xbf":
            content = content[3:]
        try:
            self._records = _records_of(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise FeedRefused("The file is not valid JSON.", "JSON in UTF-8") from None

    def rows(self) -> Iterator[tuple[int, Read]]:
        ignored: dict[str, None] = {}
        for number, raw in enumerate(self._records, start=1):
            try:
                record = msgspec.json.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                record = None
            if not isinstance(record, dict):
                yield number, row_problem(ROW, None, "This is not a record.", "An object with named fields")
                continue
            if not self._known.issuperset(record):
                record = {_name_of(name): value for name, value in record.items()}
                ignored.update(dict.fromkeys(name[:60] for name in record if name not in self._known))
            yield number, record
        _note_ignored(self.notes, list(ignored))


def _records_of(content: memoryview) -> list[Raw]:
    if bytes(content[:_START_BYTES]).lstrip()[:1] == b"[":
        return msgspec.json.decode(content, type=list[Raw])
    whole: dict[str, Raw] = msgspec.json.decode(content, type=dict[str, Raw])
    if "records" not in whole:
        return [Raw(content)]
    try:
        return msgspec.json.decode(whole["records"], type=list[Raw])
    except msgspec.ValidationError:
        raise FeedRefused("The field records is not a list.", '{"records": […]}', "records") from None


def _best_header(rows: Sequence[tuple[int, list[str]]], known: Sequence[str]) -> tuple[int, list[str]]:
    empty: tuple[int, list[str]] = (0, [])
    # Of equals the first: below a header nothing else is one.
    return max(rows, key=lambda row: _known(row[1], known), default=empty)


def _known(cells: Sequence[str], known: Sequence[str]) -> int:
    return len({name for cell in cells if (name := _name_of(cell)) in known})


def _name_of(cell: Any) -> str:
    """``Service Date`` and ``SERVICE-DATE`` are ``service_date``."""
    return "_".join(str(cell).replace("-", " ").replace("_", " ").split()).lower()


def _note_ignored(notes: list[str], names: Sequence[str]) -> None:
    if names:
        listed = ", ".join(f'"{name}"' for name in names[:_NAMED_AT_MOST])
        more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
        notes.append(f"We did not read these columns. This feed has none of that name: {listed}{more}.")
