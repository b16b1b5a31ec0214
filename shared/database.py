"""One way to a service's tables, on PostgreSQL and on SQLite alike.

SQLAlchemy Core only. Everything is written in batches: :func:`insert_rows` and :func:`update_rows` go past
SQLAlchemy's per-row work to ``COPY`` on PostgreSQL and to ``executemany`` on SQLite.
"""

# ruff: noqa: S608 - every name put into a statement here is quoted by the dialect; values are never put in

import fcntl
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import TIMESTAMP, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import Boolean, Date, String, Text, TypeDecorator, TypeEngine, UserDefinedType

from shared.events import utc_text

BUSY_TIMEOUT_SECONDS = 60

SQLITE_LOG = ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000")
"""FULL: what is committed survives the loss of power. 16 MB of log, not 4, before pages go to the file: a page
that several batches change is written there once.
"""

_ROWS_A_STATEMENT = 100
"""On SQLite, which takes 32,766 values a statement: tables have fewer than 300 columns."""

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC: ``timestamptz`` on PostgreSQL, sortable ISO 8601 text on SQLite.

    Raises ``ValueError`` for a naive value: it names no instant.
    """

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            TIMESTAMP(timezone=True) if dialect.name == "postgresql" else String(27)
        )

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC) if dialect.name == "postgresql" else utc_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)


class _Jsonb(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "JSONB"


class Json(TypeDecorator[bytes]):
    """JSON that is already encoded: ``str`` or ``bytes`` in, ``bytes`` out, never decoded on the way.

    ``jsonb`` on PostgreSQL (which keeps neither the order of keys nor blanks), text on SQLite. PostgreSQL
    cannot hold the character NUL; on both it is kept as U+FFFD so that one odd claim cannot stop a batch.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(_Jsonb() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: str | bytes | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        text = value if isinstance(value, str) else bytes(value).decode()
        return _ESCAPED_NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        return value.encode() if isinstance(value, str) else value


class Database:
    """A service's own database. ``url`` is ``sqlite:///path`` or ``postgresql+psycopg://…``.

    On PostgreSQL every connection's ``search_path`` is ``schema``, so that services may share one database.
    On SQLite the schema is the file; it runs in WAL mode with ``synchronous=FULL``: what has been committed
    survives the loss of power. Safe for use by many threads. Raises ``ValueError`` for a URL or schema it
    cannot use.
    """

    def __init__(self, url: str, schema: str) -> None:
        parsed = make_url(url)
        if not _SCHEMA.fullmatch(schema):
            raise ValueError(f"not a schema name: {schema}")
        self.schema = schema
        self.dialect = parsed.get_backend_name()
        self._committed = threading.Condition()
        self._commits = 0
        self._locks: dict[str, threading.Lock] = {}
        self._file: Path | None = None
        # SQLite's own waiting for the one writer is sleeping, up to 100 ms at a time.
        self._turn = threading.Lock() if self.dialect == "sqlite" else nullcontext()
        if self.dialect == "postgresql":
            # Imported only where it is used: the offline command starts faster without the driver.
            from shared.postgresql import open_engine

            self.engine = open_engine(url, schema)
        elif self.dialect == "sqlite":
            in_memory = parsed.database in (None, "", ":memory:")
            self._file = None if in_memory else Path(str(parsed.database))
            self.engine = _sqlite(url, in_memory, connections=30)
        else:
            raise ValueError(f"{self.dialect} is not supported: use postgresql+psycopg:// or sqlite:///")
        writer = self.engine
        if self._file:
            # Whatever another connection has written empties a connection's cache of pages: one writes all.
            writer = _sqlite(url, in_memory, connections=1)
        self._writing = writer.execution_options(promptclaim_write=True)
        self._reading = (
            self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            if self.dialect == "postgresql"
            else self.engine
        )

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: commits at the end, rolls back on an exception. SQLite locks at once.

        Raises ``sqlalchemy.exc.OperationalError`` where the database cannot be reached.
        """
        with self._turn, self._writing.begin() as connection:
            yield connection
        with self._committed:
            self._commits += 1
            self._committed.notify_all()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view for reading only; takes no write lock. Writes are refused or rolled back."""
        with self._reading.connect() as connection:
            yield connection

    def commits(self) -> int:
        """How many transactions this object has committed: hand it to :meth:`wait_for_commit`."""
        return self._commits

    def wait_for_commit(self, seen: int, timeout_seconds: float) -> bool:
        """Wait until this process has committed more than ``seen`` transactions here; whether it has."""
        with self._committed:
            return self._committed.wait_for(lambda: self._commits > seen, timeout_seconds)

    @contextmanager
    def try_lock(self, name: str) -> Iterator[bool]:
        """Whether this caller alone, of all processes and threads, now holds ``name``; never waits.

        Held to the end of the block and let go by the operating system or server if the process dies. An
        advisory transaction lock on PostgreSQL; ``flock`` on a file beside the database on SQLite.
        """
        if self.dialect == "postgresql":
            key = int.from_bytes(
                blake2b(f"{self.schema}/{name}".encode(), digest_size=8).digest(), signed=True
            )
            with self.engine.connect() as connection:
                yield bool(
                    connection.exec_driver_sql("SELECT pg_try_advisory_xact_lock(%s)", (key,)).scalar_one()
                )
            return
        with self._committed:
            lock = self._locks.setdefault(name, threading.Lock())
        if not lock.acquire(blocking=False):
            yield False
            return
        try:
            if self._file is None:
                yield True
                return
            with self._file.with_name(f"{self._file.name}.{name}.lock").open("w") as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield False
                else:
                    yield True
        finally:
            lock.release()

    def close(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()
        self._writing.dispose()


def _sqlite(url: str, in_memory: bool, *, connections: int) -> Engine:
    arguments: dict[str, Any] = {"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    if in_memory:
        engine = create_engine(url, hide_parameters=True, connect_args=arguments, poolclass=StaticPool)
    else:
        engine = create_engine(
            url,
            hide_parameters=True,
            connect_args=arguments,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=60,
        )

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver would do so too late
        for pragma in (*SQLITE_LOG, "foreign_keys=ON", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        write = connection.get_execution_options().get("promptclaim_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def insert_rows(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, ignore_conflicts: bool = False
) -> None:
    """Insert ``rows``, all with the same keys (column names), in the caller's transaction.

    Values go through the column types; Python-side column defaults do not apply. With ``ignore_conflicts`` a
    row that meets any unique constraint is left out silently. Raises ``sqlalchemy.exc.DBAPIError``.
    """
    if not rows:
        return
    names = tuple(rows[0])
    dialect = connection.dialect
    target, columns = _quoted(table, names, dialect)
    values = _bound(rows, table, names, dialect)
    if dialect.name == "sqlite":
        verb = "INSERT OR IGNORE" if ignore_conflicts else "INSERT"
        _insert_on_sqlite(connection, f"{verb} INTO {target} ({', '.join(columns)}) VALUES ", values)
        return
    from shared.postgresql import copy, staged

    if not ignore_conflicts:
        copy(connection, target, columns, values)
        return
    with staged(connection, target, columns, values) as staging:
        connection.exec_driver_sql(
            f"INSERT INTO {target} ({', '.join(columns)}) SELECT * FROM {staging} ON CONFLICT DO NOTHING"
        )


def _insert_on_sqlite(connection: Connection, insert: str, values: list[tuple[Any, ...]]) -> None:
    """Many rows a statement: between two steps of a statement the driver lets other threads in, and waits for them."""
    marks = f"({', '.join('?' * len(values[0]))})"
    whole = len(values) - len(values) % _ROWS_A_STATEMENT
    statement = insert + ", ".join([marks] * _ROWS_A_STATEMENT)
    for start in range(0, whole, _ROWS_A_STATEMENT):
        rows = values[start : start + _ROWS_A_STATEMENT]
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(rows)))
    if whole < len(values):
        connection.exec_driver_sql(insert + marks, values[whole:])


def update_rows(
    connection: Connection, table: Table, key_columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> int:
    """Set the other keys of each row where ``key_columns`` match; how many table rows were changed.

    All rows have the same keys. A key that is met by two rows takes either.

    Raises ``sqlalchemy.exc.DBAPIError``.
    """
    if not rows:
        return 0
    changed = [name for name in rows[0] if name not in key_columns]
    names = (*changed, *key_columns)
    dialect = connection.dialect
    target, columns = _quoted(table, names, dialect)
    sets, keys = columns[: len(changed)], columns[len(changed) :]
    values = _bound(rows, table, names, dialect)
    if dialect.name == "sqlite":
        assignments = ", ".join(f"{column} = ?" for column in sets)
        condition = " AND ".join(f"{column} = ?" for column in keys)
        return connection.exec_driver_sql(
            f"UPDATE {target} SET {assignments} WHERE {condition}",
            values,
        ).rowcount
    from shared.postgresql import staged

    with staged(connection, target, columns, values) as staging:
        assignments = ", ".join(f"{column} = new.{column}" for column in sets)
        condition = " AND ".join(f"old.{column} = new.{column}" for column in keys)
        return connection.exec_driver_sql(
            f"UPDATE {target} AS old SET {assignments} FROM {staging} AS new WHERE {condition}"
        ).rowcount


def safe_description(error: BaseException) -> str:
    """What went wrong, without any value: a driver's own message may quote a row, and a row may hold PHI."""
    parts = [type(error).__name__]
    original = getattr(error, "orig", None)
    if original is not None:
        parts.append(type(original).__name__)
    state = getattr(original or error, "sqlstate", None)
    if state:
        parts.append(f"SQLSTATE {state}")
    return " ".join(dict.fromkeys(parts))


def _quoted(table: Table, names: Sequence[str], dialect: Dialect) -> tuple[str, list[str]]:
    prepare = dialect.identifier_preparer
    return prepare.format_table(table), [prepare.quote(table.c[name].name) for name in names]


@lru_cache(maxsize=1024)
def _processor(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _bound(
    rows: Sequence[Mapping[str, Any]], table: Table, names: Sequence[str], dialect: Dialect
) -> list[tuple[Any, ...]]:
    columns: list[Iterable[Any]] = []
    for name in names:
        type_ = table.c[name].type
        process = _processor(type_, dialect)
        values: Iterable[Any] = map(itemgetter(name), rows)
        if process and isinstance(type_, (Boolean, Date, Instant)):
            # A batch holds few different days and instants.
            given = list(values)
            processed = {value: process(value) for value in set(given)}
            values = map(processed.__getitem__, given)
        elif process:
            values = map(process, values)
        columns.append(values)
    return list(zip(*columns, strict=True))
