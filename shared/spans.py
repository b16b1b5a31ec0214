"""Rows that meet any of many spans of days, each under its own key, in one indexed query."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Protocol

import msgspec
from sqlalchemy import Column, Connection, Row, text

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


def meeting(
    connection: Connection,
    columns: Sequence[Column[Any]],
    *,
    key: Column[int],
    first: Column[date],
    last: Column[date],
    spans: Iterable[Span],
    where: str,
) -> list[Row[Any]]:
    """``columns`` of the rows whose days from ``first`` through ``last`` meet one of the ``spans``, each row once.

    ``where`` is one more condition, written as the index writes it: a partial index that leads with ``key`` and
    ends with ``last`` serves the query. Either all spans have a ``last_key`` or none. The rows come in no order.
    """
    listed = list(spans)
    if not listed:
        return []
    postgresql = connection.dialect.name == "postgresql"
    ranges = listed[0].last_key is not None
    keys = "BETWEEN wanted.span_key AND wanted.last_key" if ranges else "= wanted.span_key"
    table = key.table.name
    statement = text(
        f"SELECT {', '.join(map(_name, columns))} "  # noqa: S608 - names of our own columns
        f"FROM ({_WANTED_POSTGRESQL if postgresql else _WANTED_SQLITE}) AS wanted "
        # The order of the join is fixed: SQLite keeps to that of a CROSS JOIN.
        f"{'JOIN' if postgresql else 'CROSS JOIN'} {table} ON {_name(key)} {keys} "
        f"AND {_name(last)} >= wanted.first_day AND {_name(first)} <= wanted.last_day AND {where}"
    ).columns(*columns)
    if not postgresql:
        spans_json = msgspec.json.encode(
            [(span.key, span.last_key, span.first, span.last) for span in listed]
        ).decode()
        found = connection.execute(statement, {"spans": spans_json}).all()
    else:
        parameters = {
            "keys": [span.key for span in listed],
            "last_keys": [span.last_key for span in listed],
            "firsts": [span.first for span in listed],
            "lasts": [span.last for span in listed],
        }
        # The planner cannot know how few rows a span meets, and would rather read a large table whole.
        connection.exec_driver_sql("; ".join(f"SET LOCAL {setting} = off" for setting in _PLANNER))
        found = connection.execute(statement, parameters).all()
        connection.exec_driver_sql("; ".join(f"SET LOCAL {setting} = DEFAULT" for setting in _PLANNER))
    # Spans of one key may overlap: then a row meets both.
    return list(dict.fromkeys(found))


_WANTED_POSTGRESQL = (
    "SELECT * FROM unnest(CAST(:keys AS bigint[]), CAST(:last_keys AS bigint[]), CAST(:firsts AS date[]), "
    "CAST(:lasts AS date[])) AS given (span_key, last_key, first_day, last_day)"
)
_WANTED_SQLITE = (
    "SELECT json_extract(value, '$[0]') AS span_key, json_extract(value, '$[1]') AS last_key, "
    "json_extract(value, '$[2]') AS first_day, json_extract(value, '$[3]') AS last_day FROM json_each(:spans)"
)


def _name(column: Column[Any]) -> str:
    return f'{column.table.name}."{column.name}"'
