"""What PostgreSQL does in its own way: connections, ``COPY``, and staging rows in a temporary table."""

# ruff: noqa: S608 - every name put into a statement here is quoted by the dialect; values are never put in

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from sqlalchemy import Connection, Engine, create_engine, event, exc


class _RawJson(Loader):
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def open_engine(url: str, schema: str) -> Engine:
    """An engine whose connections see ``schema`` only, speak UTC, and give ``jsonb`` back as undecoded bytes."""
    engine = create_engine(
        url,
        pool_size=10,
        max_overflow=20,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"options": f"-c search_path={schema} -c timezone=UTC", "connect_timeout": 10},
    )

    @event.listens_for(engine, "connect")
    def _(connection: psycopg.Connection[Any], _record: object) -> None:
        connection.adapters.register_loader("jsonb", _RawJson)

    return engine


@contextmanager
def staged(
    connection: Connection, target: str, columns: list[str], values: list[tuple[Any, ...]]
) -> Iterator[str]:
    """The rows in a temporary table of the session, emptied again after the block."""
    listed = ", ".join(columns)
    staging = "staged_" + blake2b(f"{target} {listed}".encode(), digest_size=10).hexdigest()
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {staging} ON COMMIT DELETE ROWS "
        f"AS SELECT {listed} FROM {target} WITH NO DATA"
    )
    copy(connection, f"pg_temp.{staging}", columns, values)
    yield f"pg_temp.{staging}"
    connection.exec_driver_sql(f"DELETE FROM pg_temp.{staging}")


def copy(connection: Connection, target: str, columns: list[str], values: list[tuple[Any, ...]]) -> None:
    """``COPY`` the rows into ``target``. Raises ``sqlalchemy.exc.DBAPIError`` as any statement does."""
    statement = f"COPY {target} ({', '.join(columns)}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as rows:
            for row in values:
                rows.write_row(row)
    except psycopg.Error as error:
        raise exc.DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
