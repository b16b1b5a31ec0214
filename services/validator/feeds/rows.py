"""From a row of a feed to a record of other care, or to everything that is wrong with the row. Pure.

The columns are those of the outside contract. Two may stand beside them in every feed: ``withdrawn`` (yes takes
the record back; then ``record_id``, and ``source`` where it was given, are enough) and ``source``. A row without
``record_id`` gets one from its content, so that the same row again is the same record.
"""

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from services.validator.feeds import cells
from services.validator.feeds.cells import Wrong
from shared.care import RECORD_TYPES, Feed, Record

ROW = "row"
"""The field of a problem that concerns the row as a whole."""

MADE_ID = "row-"
"""What the record id of a row without one starts with."""

_SHOWN_CHARACTERS = 100
_REQUIRED = Wrong("This is missing.", "A value in every row")
_encode = msgspec.json.Encoder().encode


class RowProblem(Struct, frozen=True):
    """One thing that is wrong with a row. ``value`` is what was sent, shortened: it may be PHI. The rest is not."""

    field: str
    value: str
    reason: str
    expected: str


class FeedRow(Struct, frozen=True):
    """A right row. ``record`` is ``None`` where a row takes a record back that it only names."""

    source: str
    record_id: str
    record: Record | None
    withdrawn: bool = False
    id_made: bool = False


class Column(Struct, frozen=True):
    """A column of a feed."""

    name: str
    read: Callable[[str], Any]
    required: bool = False


_SOURCE = (Column("source", cells.short_text), Column("record_id", cells.short_text))
_WITHDRAWN = Column("withdrawn", cells.yes_no)

COLUMNS: dict[Feed, tuple[Column, ...]] = {
    "services": (
        Column("cin", cells.cin, True),
        Column("service_date", cells.first_day, True),
        Column("program", cells.service_program, True),
        Column("procedure_code", cells.procedure_code),
        Column("modifiers", cells.modifiers),
        Column("units", cells.units),
        Column("provider_npi", cells.npi),
        Column("provider_tin", cells.tin),
        Column("start_time", cells.time_of_day),
        Column("end_time", cells.time_of_day),
        *_SOURCE,
    ),
    "enrollments": (
        Column("cin", cells.cin, True),
        Column("program", cells.enrollment_program, True),
        Column("start_date", cells.first_day, True),
        Column("end_date", cells.last_day),
        Column("care_manager_npi", cells.npi),
        *_SOURCE,
    ),
    "authorizations": (
        Column("cin", cells.cin, True),
        Column("benefit", cells.benefit, True),
        Column("service", cells.support),
        Column("authorization_number", cells.short_text),
        Column("start_date", cells.first_day, True),
        Column("end_date", cells.last_day),
        Column("provider_npi", cells.npi),
        Column("status", cells.status),
        Column("population_of_focus", cells.long_text),
        Column("presumptive", cells.yes_no),
        *_SOURCE,
    ),
    "aliases": (Column("cin", cells.cin, True), Column("alias_cin", cells.cin, True), *_SOURCE),
}
"""What each feed may hold, besides ``withdrawn``."""


@cache
def column_names(feed: Feed) -> tuple[str, ...]:
    """Every column of the feed, ``withdrawn`` last."""
    return (*(column.name for column in COLUMNS[feed]), _WITHDRAWN.name)


@cache
def required_columns(feed: Feed) -> tuple[str, ...]:
    """The columns without which no row that brings a record can be right."""
    return tuple(column.name for column in COLUMNS[feed] if column.required)


def read_row(
    feed: Feed, row: Mapping[str, object], payers: tuple[str, ...] = ()
) -> FeedRow | tuple[RowProblem, ...]:
    """What the row says, or all that is wrong with it at once.

    ``row`` is by column name: texts as of CSV, or values as of JSON; what has no column here is not looked at.
    ``payers`` are the plans (first ids) of which the record speaks.
    """
    found: dict[str, Any] = {}
    problems: list[RowProblem] = []
    withdrawn = bool(_read(row, _WITHDRAWN, problems))
    only_named = withdrawn and row.get("record_id") not in (None, "")
    for column in _SOURCE if only_named else COLUMNS[feed]:
        value = _read(row, column, problems)
        if value is not None:
            found[column.name] = value
    if only_named:
        if problems:
            return tuple(problems)
        return FeedRow(found.get("source", ""), found["record_id"], None, withdrawn=True)
    for field, wrong in _contradictions(feed, row, found, {problem.field for problem in problems}):
        problems.append(_problem(field, row.get(field), wrong))
    if problems:
        return tuple(problems)
    record_id = found.pop("record_id", None)
    made = record_id is None
    if made:
        of_content = RECORD_TYPES[feed](record_id="", **found)
        record_id = MADE_ID + blake2b(_encode(of_content), digest_size=12).hexdigest()
    if feed != "aliases":
        found["payers"] = payers
    record = RECORD_TYPES[feed](record_id=record_id, **found)
    return FeedRow(record.source, record_id, record, withdrawn=withdrawn, id_made=made)


def row_problem(field: str, value: object, reason: str, expected: str) -> RowProblem:
    """A problem as it is shown: the value as text, shortened."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return RowProblem(field, text[:_SHOWN_CHARACTERS], reason, expected)


def _read(row: Mapping[str, object], column: Column, problems: list[RowProblem]) -> Any:
    given = row.get(column.name)
    try:
        text = given.strip() if isinstance(given, str) else _text_of(column.name, given)
        if text:
            return column.read(text)
        if column.required:
            raise _REQUIRED
    except Wrong as wrong:
        problems.append(_problem(column.name, given, wrong))
    return None


def _problem(field: str, value: object, wrong: Wrong) -> RowProblem:
    return row_problem(field, value, wrong.reason, wrong.expected)


def _text_of(name: str, value: object) -> str:
    """A value of JSON as CSV would have it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if name == "modifiers" and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value)
    raise Wrong("This is not a text, a number, or true or false.", "A single value")


def _contradictions(
    feed: Feed, row: Mapping[str, object], found: Mapping[str, Any], wrong_fields: set[str]
) -> list[tuple[str, Wrong]]:
    """What each cell may say but not both together. Cells that are wrong themselves are left alone."""
    if feed == "services":
        return _of_times(found, wrong_fields)
    if feed == "aliases":
        same = found.get("cin") is not None and found.get("cin") == found.get("alias_cin")
        wrong = Wrong("Both CINs are the same.", "Two different CINs of one member")
        return [("alias_cin", wrong)] if same else []
    contradictions = []
    start, end = found.get("start_date"), found.get("end_date")
    if start is not None and end is not None and end < start:
        wrong = Wrong("The end lies before the start.", "The start date or a later day")
        contradictions.append(("end_date", wrong))
    if feed == "authorizations":
        contradictions += _of_authorization(row, found, wrong_fields)
    return contradictions


def _of_times(found: Mapping[str, Any], wrong_fields: set[str]) -> list[tuple[str, Wrong]]:
    start, end = found.get("start_time"), found.get("end_time")
    if {"start_time", "end_time"} & wrong_fields or (start is None and end is None):
        return []
    if start is None or end is None:
        missing = "start_time" if start is None else "end_time"
        return [(missing, Wrong("Only one of the two times is there.", "Both times, or neither"))]
    if end <= start:
        return [("end_time", Wrong("The service ends before it starts.", "A time after the start time"))]
    return []


def _of_authorization(
    row: Mapping[str, object], found: Mapping[str, Any], wrong_fields: set[str]
) -> list[tuple[str, Wrong]]:
    contradictions = []
    benefit, service, status = found.get("benefit"), found.get("service"), found.get("status")
    if benefit == "CS" and service is None and "service" not in wrong_fields:
        wrong = Wrong("A Community Supports authorization names its service.", "A service such as respite")
        contradictions.append(("service", wrong))
    if benefit == "ECM" and service is not None:
        contradictions.append(("service", Wrong("ECM has no services of its own.", "Nothing here for ECM")))
    if status is None and "status" in row and "status" not in wrong_fields:
        # Where the whole column is left out, the feed is of authorizations in force; a blank says nothing.
        wrong = Wrong("The status is blank.", "authorized, declined, graduated or ended")
        contradictions.append(("status", wrong))
    if status in ("graduated", "ended") and "end_date" not in found and "end_date" not in wrong_fields:
        wrong = Wrong(
            f"An authorization that is {status} needs its last day.", "The last day it was in force"
        )
        contradictions.append(("end_date", wrong))
    return contradictions
