"""Feeds of other care for `promptclaim check`: loaded into the run's own history before any claim is judged."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol, TextIO

from msgspec import Struct
from sqlalchemy import Connection

from services.validator.feeds.files import FeedRefused, open_feed
from services.validator.feeds.load import Loaded, load_feed
from services.validator.feeds.rows import RowProblem
from services.validator.feeds.store import EVERY_PLAN
from shared.care import Feed
from shared.events import encode
from shared.parts import utc_now

_UNREADABLE_FILE = 2
_WRONG_ROWS = 1

FeedPath = tuple[Feed, Path]


class FeedPrinter(Protocol):
    """Where what became of a feed goes."""

    def wrong_row(self, file: str, feed: Feed, row: int, problems: Sequence[RowProblem]) -> None:
        """A row that was not taken."""

    def loaded(self, file: str, loaded: Loaded) -> None:
        """After the last row of ``file``."""

    def refused(self, file: str, feed: Feed, refused: FeedRefused) -> None:
        """``file`` cannot be used at all."""


def load_feeds(connection: Connection, feeds: Sequence[FeedPath], printer: FeedPrinter) -> int:
    """Load the files in order; 0, 1 where a row is wrong, or 2 at the first file that cannot be read.

    Claims judged without what such a file holds would be judged wrongly: the caller judges none.
    """
    status = 0
    for feed, path in feeds:

        def tell(row: int, problems: tuple[RowProblem, ...], file: str = path.name, of: Feed = feed) -> None:
            printer.wrong_row(file, of, row, problems)

        try:
            opened = open_feed(path, feed)
            loaded = load_feed(feed, opened, EVERY_PLAN, lambda: nullcontext(connection), utc_now, tell)
        except FeedRefused as refused:
            printer.refused(path.name, feed, refused)
            return _UNREADABLE_FILE
        printer.loaded(path.name, loaded)
        if loaded.wrong_rows:
            status = _WRONG_ROWS
    return status


def feed_printer(output: str, stream: TextIO) -> FeedPrinter:
    """For ``output`` ``json`` or ``table``."""
    return _JsonFeedPrinter(stream) if output == "json" else _TableFeedPrinter(stream)


class _Problem(Struct, frozen=True):
    field: str
    value: str
    message: str
    expected: str


class _JsonFeedPrinter:
    """One JSON object for each row that cannot be used; what is only worth knowing goes to standard error."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def wrong_row(self, file: str, feed: Feed, row: int, problems: Sequence[RowProblem]) -> None:
        told = [_Problem(each.field, each.value, each.reason, each.expected) for each in problems]
        self._write({"file": file, "row": row, "feed": feed, "verdict": "unusable", "problems": told})

    def loaded(self, file: str, loaded: Loaded) -> None:
        for note in loaded.notes:
            print(f"{file}: {note}", file=sys.stderr)  # noqa: T201 - this prints for a person

    def refused(self, file: str, feed: Feed, refused: FeedRefused) -> None:
        told = _Problem(refused.field, "", refused.message, refused.expected)
        self._write({"file": file, "feed": feed, "verdict": "unreadable", "problems": [told]})

    def _write(self, line: dict[str, object]) -> None:
        self._stream.write(encode(line).decode() + "\n")


class _TableFeedPrinter:
    """For people."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def wrong_row(self, file: str, feed: Feed, row: int, problems: Sequence[RowProblem]) -> None:
        for each in problems:
            value = f" ({each.value})" if each.value else ""
            self._stream.write(
                f"{file}, row {row}, {each.field}{value}: {each.reason} Right would be: {each.expected}\n"
            )

    def loaded(self, file: str, loaded: Loaded) -> None:
        for note in loaded.notes:
            self._stream.write(f"{file}: {note}\n")
        rows = "1 row" if loaded.rows == 1 else f"{loaded.rows:,} rows"
        self._stream.write(
            f"{file}: {rows} of {loaded.feed}, {loaded.taken:,} taken, {loaded.wrong_rows:,} wrong\n"
        )

    def refused(self, file: str, feed: Feed, refused: FeedRefused) -> None:
        self._stream.write(
            f"{file}: cannot be read as {feed}. {refused.message} Right would be: {refused.expected}\n"
        )
