"""CSV as people's programs write it: UTF-8, UTF-16 or Windows-1252; comma, semicolon, tab or bar. Streamed."""

import codecs
import csv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 1 << 20


class CsvBroken(Exception):
    """The file cannot be read on after row ``after_row``; ``because``: its ``quotes`` or its ``encoding``."""

    def __init__(self, after_row: int, because: str) -> None:
        super().__init__(f"{because} after row {after_row}")
        self.after_row = after_row
        self.because = because


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


def first_rows(path: Path, encoding: str, delimiter: str, count: int) -> list[tuple[int, list[str]]]:
    """The first ``count`` rows that are not blank, with their numbers from 1, as far as they can be read."""
    rows: list[tuple[int, list[str]]] = []
    with path.open(encoding=encoding, newline="") as file, suppress(csv.Error, UnicodeError):
        # A delimiter that does not fit the file may misread it in any way: then its rows mean nothing.
        for number, cells in enumerate(csv.reader(file, delimiter=delimiter), start=1):
            if any(map(str.strip, cells)):
                rows.append((number, cells))
            if len(rows) >= count:
                break
    return rows


def rows_of_text(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every row with its number from 1, as a spreadsheet counts. Raises ``CsvBroken``."""
    # Strict: a quotation mark that is never closed would otherwise swallow the rows after it unnoticed.
    number = 0
    try:
        with path.open(encoding=encoding, newline="") as file:
            for number, cells in enumerate(csv.reader(file, delimiter=delimiter, strict=True), start=1):
                yield number, cells
    except csv.Error:
        raise CsvBroken(number, "quotes") from None
    except UnicodeError:
        raise CsvBroken(number, "encoding") from None
