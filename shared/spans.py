"""Rows that meet any of many spans of days, each under its own key, in one indexed query."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Protocol

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    Row,
    and_,
    column,
    func,
    literal,
    select,
)


class Span(Protocol):
    """Days under a key (signed 64 bits), both ends included."""

    @property
    def key(self) -> int: ...
    @property
    def first(self) -> date: ...
    @property
    def last(self) -> date: ...


def meeting(
    connection: Connection,
    columns: Sequence[ColumnElement[Any]],
    *,
    key: ColumnElement[int],
    first: ColumnElement[date],
    last: ColumnElement[date],
    spans: Iterable[Span],
    where: ColumnElement[bool],
    order_by: Sequence[ColumnElement[Any]],
) -> list[Row[Any]]:
    """``columns`` of the rows whose days from ``first`` through ``last`` meet one of the ``spans``, each once.

    Served by an index that leads with ``key`` and ends with ``last``.
    """
    listed = list(spans)
    if not listed:
        return []
    wanted = _wanted(connection, listed)
    statement = (
        select(*columns)
        .join_from(
            wanted,
            key.table,
            and_(key == wanted.c.key, last >= wanted.c.first, first <= wanted.c.last),
        )
        .where(where)
        .order_by(*order_by)
    )
    if connection.dialect.name == "postgresql":
        # The planner cannot know how few rows a span meets, and would rather read a large table whole.
        connection.exec_driver_sql("SET LOCAL enable_hashjoin = off")
        connection.exec_driver_sql("SET LOCAL enable_mergejoin = off")
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    rows = connection.execute(statement).all()
    if connection.dialect.name == "postgresql":
        for setting in ("hashjoin", "mergejoin", "seqscan"):
            connection.exec_driver_sql(f"SET LOCAL enable_{setting} = DEFAULT")
    # Spans of one key may overlap: then a row meets both.
    return list(dict.fromkeys(rows))


def _wanted(connection: Connection, spans: Sequence[Span]) -> Any:
    if connection.dialect.name == "postgresql":
        return (
            func.unnest(
                literal([span.key for span in spans], ARRAY(BigInteger)),
                literal([span.first for span in spans], ARRAY(Date)),
                literal([span.last for span in spans], ARRAY(Date)),
            )
            .table_valued(
                column("key", BigInteger), column("first", Date), column("last", Date), name="wanted"
            )
            .render_derived()
        )
    text = msgspec.json.encode([(span.key, span.first, span.last) for span in spans]).decode()
    each = func.json_each(text).table_valued(column("value"), name="each_wanted")
    value = each.c.value
    return select(
        func.json_extract(value, "$[0]").label("key"),
        func.json_extract(value, "$[1]").label("first"),
        func.json_extract(value, "$[2]").label("last"),
    ).subquery("wanted")
