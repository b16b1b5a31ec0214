"""A whole feed into the database: streamed, a batch a transaction, right rows taken and wrong ones told."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import islice

from msgspec import Struct
from sqlalchemy import Connection

from services.validator.feeds.files import FeedFile, Read
from services.validator.feeds.rows import FeedRow, RowProblem, read_row, row_problem
from services.validator.feeds.store import Sender, store
from shared.care import Feed

BATCH_ROWS = 5_000

OnWrong = Callable[[int, tuple[RowProblem, ...]], None]
"""Called with a wrong row's number and all its problems."""


class Loaded(Struct, frozen=True):
    """What became of a feed's rows. ``taken`` = new + corrected + withdrawn + unchanged."""

    feed: Feed
    rows: int
    taken: int
    new: int
    corrected: int
    withdrawn: int
    unchanged: int
    wrong_rows: int
    notes: tuple[str, ...]


def load_feed(
    feed: Feed,
    file: FeedFile,
    sender: Sender,
    transaction: Callable[[], AbstractContextManager[Connection]],
    now: Callable[[], datetime],
    on_wrong: OnWrong,
    batch_rows: int = BATCH_ROWS,
) -> Loaded:
    """Take the feed's right rows in order, ``batch_rows`` a transaction; what the database raises is raised.

    What was committed before a failure stays; the same file sent again does the rest.
    """
    rows = wrong = made_ids = 0
    counts: Counter[str] = Counter()
    for numbered in _batches(file.rows(), batch_rows):
        numbers: list[int] = []
        right: list[FeedRow] = []
        for number, read in numbered:
            rows += 1
            row = _understood(feed, read, sender)
            if isinstance(row, FeedRow):
                numbers.append(number)
                right.append(row)
                made_ids += row.id_made
            else:
                wrong += 1
                on_wrong(number, row)
        if not right:
            continue
        with transaction() as connection:
            changes = store(connection, feed, sender, right, now())
        counts.update(changes)
        for number, row, change in zip(numbers, right, changes, strict=True):
            if change == "unknown":
                wrong += 1
                on_wrong(number, (nothing_to_take_back(row),))
    notes = list(file.notes)
    if not rows:
        notes.append("There are no rows in this file.")
    if made_ids:
        rows_are = "1 row has" if made_ids == 1 else f"{made_ids:,} rows have"
        notes.append(
            f"{rows_are} no record_id. We made one from their content: the same row again is the same record, but a"
            " changed row is another one."
        )
    return Loaded(
        feed=feed,
        rows=rows,
        taken=rows - wrong,
        new=counts["new"],
        corrected=counts["corrected"],
        withdrawn=counts["withdrawn"],
        unchanged=counts["unchanged"],
        wrong_rows=wrong,
        notes=tuple(notes),
    )


def nothing_to_take_back(row: FeedRow) -> RowProblem:
    """The problem of a row that takes back a record which was never sent."""
    return row_problem(
        "record_id",
        row.record_id,
        "There is no record with this id from this source to take back.",
        "The record_id and source that the record was sent with",
    )


def _understood(feed: Feed, read: Read, sender: Sender) -> FeedRow | tuple[RowProblem, ...]:
    return (read,) if isinstance(read, RowProblem) else read_row(feed, read, sender.payers)


def _batches(rows: Iterable[tuple[int, Read]], size: int) -> Iterator[list[tuple[int, Read]]]:
    rest = iter(rows)
    while batch := list(islice(rest, size)):
        yield batch
