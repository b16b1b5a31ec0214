"""Rows of many ids with one bound parameter: binding hundreds of them one by one costs more than the query itself."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Connection, any_, column, func, literal, select


def among(connection: Connection, searched: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """The condition that the column ``searched`` is one of ``values`` (texts or whole numbers)."""
    listed = list(values)
    if connection.dialect.name == "postgresql":
        return searched == any_(literal(listed, ARRAY(searched.type)))
    each = func.json_each(msgspec.json.encode(listed).decode()).table_valued(column("value", searched.type))
    return searched.in_(select(each.c.value))
