"""A history of its own for judging claims that are not kept: gone when the command ends."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine

from services.validator.models import (
    CARE_RECORDS,
    CLAIMS,
    DAYS_TO_COMPARE,
    FEED_COVERAGE,
    MEMBER_CINS,
    METADATA,
    SERVICE_LINES,
)

_TABLES = (CLAIMS, SERVICE_LINES, CARE_RECORDS, MEMBER_CINS, FEED_COVERAGE, DAYS_TO_COMPARE)


@contextmanager
def scratch_history() -> Iterator[Connection]:
    """The validator's history in a temporary file: no durability is wanted, so nothing waits for the disk."""
    with tempfile.TemporaryDirectory(prefix="promptclaim-") as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'history.db'}")
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=OFF")
            connection.exec_driver_sql("PRAGMA synchronous=OFF")
            METADATA.create_all(connection, tables=_TABLES)
            yield connection
        engine.dispose()
