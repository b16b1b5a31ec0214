"""Rows that meet any of many spans of days, each under its own key, in one indexed query."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Protocol

import msgspec
from sqlalchemy import Column, Connection, Row, text

from shared.among import array_text

SEVERAL_MONTHS = 0

_PLANNER = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan")


class Span(Protocol):
    """Days under a key (signed 64 bits), or under all keys through ``last_key``; all ends included."""

    @property
    def key(self) -> int: ...
    @property
    def last_key(self) -> int | None: ...
    @property
    def first(self) -> date: ...
    @property
    def last(self) -> date: ...


def month_of(first: date, last: date) -> int:
    """The month of these days, of September 2026 202609; ``SEVERAL_MONTHS`` where they are not of one."""
    month = _month(first)
    return month if month == _month(last) else SEVERAL_MONTHS


def meeting(
    connection: Connection,
    columns: Sequence[Column[Any]],
    *,
    key: Column[int],
    first: Column[date],
    last: Column[date],
    spans: Iterable[Span],
    where: str,
    month: Column[int] | None = None,
) -> list[Row[*tuple[Any, ...]]]:
    """``columns`` of the rows whose days from ``first`` through ``last`` meet one of the ``spans``, each row once.

    ``where`` is one more condition, written as the index writes it: a partial index that leads with ``key`` and
    ends with ``last`` serves the query; or with ``month``, a column that holds :func:`month_of` the row's days, and
    ``key``. Either all spans have a ``last_key`` or none. The rows come in no order.
    """
    listed = list(spans)
    months: list[int] = []
    if listed and month is not None:
        parts = _by_month(listed, _months_used(connection, month))
        listed, months = [span for span, _ in parts], [each for _, each in parts]
    if not listed:
        return []
    wanted: dict[str, list[Any]] = {
        "span_key": [span.key for span in listed],
        "first_day": [span.first for span in listed],
        "last_day": [span.last for span in listed],
    }
    conditions = [f"{_name(last)} >= wanted.first_day", f"{_name(first)} <= wanted.last_day", where]
    if listed[0].last_key is None:
        conditions.append(f"{_name(key)} = wanted.span_key")
    else:
        wanted["last_key"] = [span.last_key for span in listed]
        conditions.append(f"{_name(key)} BETWEEN wanted.span_key AND wanted.last_key")
    if month is not None:
        wanted["month"] = months
        conditions.append(f"{_name(month)} = wanted.month")
    return matching(connection, columns, wanted, " AND ".join(conditions))


def matching(
    connection: Connection,
    columns: Sequence[Column[Any]],
    wanted: Mapping[str, Sequence[Any]],
    condition: str,
) -> list[Row[*tuple[Any, ...]]]:
    """``columns`` of the rows of their table that match one of those that are ``wanted``, each row once.

    ``wanted`` holds column by column whole numbers or dates. ``condition`` says in SQL how the table's columns and
    ``wanted``'s match; an index has to serve it. The rows come in no order.
    """
    if not all(wanted.values()):
        return []
    postgresql = connection.dialect.name == "postgresql"
    statement = text(
        f"SELECT {', '.join(map(_name, columns))} "  # noqa: S608 - names of our own columns
        f"FROM ({_on_postgresql(wanted) if postgresql else _on_sqlite(wanted)}) AS wanted "
        # The order of the join is fixed: SQLite keeps to that of a CROSS JOIN.
        f"{'JOIN' if postgresql else 'CROSS JOIN'} {columns[0].table.name} ON {condition}"
    ).columns(*columns)
    if postgresql:
        parameters = {name: array_text(values) for name, values in wanted.items()}
    else:
        rows = list(zip(*wanted.values(), strict=True))
        parameters = {"wanted": msgspec.json.encode(rows).decode()}
    with _by_index(connection):
        found = connection.execute(statement, parameters).all()
    # Spans of one key, for example, may overlap: then a row meets both.
    return list(dict.fromkeys(found))


def _by_month(spans: Iterable[Span], used: Collection[int]) -> list[tuple[Span, int]]:
    """Each span with every month under which rows may stand that meet it; one month after the other."""
    alike: dict[tuple[date, date], list[Span]] = {}
    for span in spans:
        alike.setdefault((span.first, span.last), []).append(span)
    return [
        (span, month)
        for month in used
        for (first, last), of_days in alike.items()
        if month == SEVERAL_MONTHS or _month(first) <= month <= _month(last)
        for span in of_days
    ]


def _months_used(connection: Connection, month: Column[int]) -> list[int]:
    """The months under which any rows stand: each is one look into the index."""
    table, name = month.table.name, _name(month)
    least = f"SELECT min({name}) FROM {table}"  # noqa: S608 - names of our own columns
    statement = (
        f"WITH RECURSIVE used (month) AS ({least} UNION ALL "  # noqa: S608
        f"SELECT ({least} WHERE {name} > used.month) FROM used WHERE used.month IS NOT NULL) "
        "SELECT month FROM used WHERE month IS NOT NULL"
    )
    with _by_index(connection):
        return [row[0] for row in connection.exec_driver_sql(statement)]


@contextmanager
def _by_index(connection: Connection) -> Iterator[None]:
    """PostgreSQL's planner cannot know how few rows a span meets, and would rather read a large table whole."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.exec_driver_sql("; ".join(f"SET LOCAL {setting} = off" for setting in _PLANNER))
    yield
    connection.exec_driver_sql("; ".join(f"SET LOCAL {setting} = DEFAULT" for setting in _PLANNER))


def _on_postgresql(wanted: Mapping[str, Sequence[Any]]) -> str:
    arrays = ", ".join(
        f"CAST(:{name} AS {'date' if isinstance(values[0], date) else 'bigint'}[])"
        for name, values in wanted.items()
    )
    return f"SELECT * FROM unnest({arrays}) AS given ({', '.join(wanted)})"  # noqa: S608


def _on_sqlite(wanted: Collection[str]) -> str:
    fields = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(wanted))
    return f"SELECT {fields} FROM json_each(:wanted)"  # noqa: S608


def _month(day: date) -> int:
    return day.year * 100 + day.month


def _name(column: Column[Any]) -> str:
    return f'{column.table.name}."{column.name}"'
