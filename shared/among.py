"""Rows of many ids with one bound parameter: binding hundreds of them one by one costs more than the query itself."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    any_,
    cast,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.types import NULLTYPE


def among(connection: Connection, searched: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """The condition that the column ``searched`` is one of ``values`` (texts or whole numbers)."""
    listed = list(values)
    if connection.dialect.name == "postgresql":
        type_ = Text() if issubclass(searched.type.python_type, str) else BigInteger()
        # Without a type of its own the parameter is an array to the planner, and not a text to be cast for each row.
        return searched == any_(cast(literal(array_text(listed), NULLTYPE), ARRAY(type_)))
    each = func.json_each(msgspec.json.encode(listed).decode()).table_valued(column("value", searched.type))
    return searched.in_(select(each.c.value))


def array_text(values: Iterable[Any]) -> str:
    """``values`` (texts, whole numbers, days or ``None``) as PostgreSQL writes an array, to be cast to one.

    The driver's own way, in Python and element by element, had cost more than the query.
    """
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if not isinstance(value, str):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
