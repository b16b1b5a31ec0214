"""Running one service for real: its HTTP under gunicorn, or its worker, on Apache Kafka and PostgreSQL."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from sqlalchemy import literal, select

from services.commands.worker_watch import watched
from services.suite import SERVICES, make_worker, open_bus, open_database, open_parts, with_front_door
from shared.collection import collect_seldom
from shared.events import TOPICS
from shared.logging import configure_logging, get_logger
from shared.messaging.dead_letters import dead_letters, replay
from shared.messaging.outbox import refill
from shared.migrate import upgrade
from shared.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = get_logger(__name__)

_WATCH_SECONDS = 1.0


def serve(settings: Settings, service: str, *, host: str, port: int, processes: int, threads: int) -> None:
    """HTTP of one service, until stopped. Intake also serves the front door (`/`, sign in).

    Raises ``sqlalchemy.exc.OperationalError`` where the database is not there at the start; later it is waited for.
    """
    _reach_database(settings, service)
    _Gunicorn(
        lambda: _application(settings, service),
        bind=f"{host}:{port}",
        workers=processes,
        threads=threads,
        worker_class="gthread",
        timeout=120,
        graceful_timeout=30,
        accesslog=None,
        # Before the workers fork, so that each opens its own connections.
        preload_app=False,
        # gunicorn counts the parameters of its hooks.
        post_fork=lambda _server, _worker: configure_logging(settings.log_level, service=service),
        when_ready=lambda _server: configure_logging(settings.log_level, service=service),
    ).run()


def work(settings: Settings, service: str, stop: threading.Event, *, host: str, port: int) -> int:
    """The service's consumers, relay and other steps, until ``stop``. Returns the process's exit status.

    Health and metrics are at ``host`` and ``port`` meanwhile (port 0: nowhere). Raises
    ``sqlalchemy.exc.OperationalError`` or ``BusUnavailable`` where the database or Kafka is not there at the start;
    later both are waited for.
    """
    configure_logging(settings.log_level, service=f"{service}-worker")
    _reach_database(settings, service)
    bus = open_bus(settings)
    parts = open_parts(settings, service, bus)
    worker = make_worker(service, parts)
    collect_seldom()
    worker.start()
    log.info("worker_started", worker=service)
    with watched(worker, service, host, port) if port else nullcontext():
        # A halted consumer needs a person: the process ends, so that whoever runs it sees it.
        while not stop.wait(_WATCH_SECONDS) and not any(state.halted for state in worker.states().values()):
            pass
    in_order = worker.stop()
    parts.database.close()
    bus.close()
    log.info("worker_stopped", worker=service, in_order=in_order)
    return 0 if stop.is_set() else 1


def upgrade_all(settings: Settings) -> Iterator[str]:
    """Bring every service's database to this version and make the topics; yields a line for each thing done."""
    configure_logging("WARNING", service="db")
    for name, service in SERVICES.items():
        database = open_database(settings, name)
        try:
            upgrade(database, service.package)
        finally:
            database.close()
        yield f"{name}: database is up to date"
    bus = open_bus(settings)
    try:
        bus.create_topics(TOPICS)
    finally:
        bus.close()
    yield f"{len(TOPICS)} topics and their dead letters are there"


def refill_topics(settings: Settings) -> Iterator[str]:
    """Let every service send again what its outbox holds, to topics made anew; yields a line for each service."""
    configure_logging("WARNING", service="db")
    for name, service in SERVICES.items():
        database = open_database(settings, name)
        try:
            events = refill(database, service.messaging)
        finally:
            database.close()
        yield f"{name}: {events} events will be sent again"


def dead_letters_of(settings: Settings) -> list[dict[str, str | int]]:
    """Every dead letter's place, event and reason, without its data."""
    bus = open_bus(settings)
    try:
        return [letter.described() for letter in dead_letters(bus)]
    finally:
        bus.close()


def replay_dead_letters(settings: Settings, event_ids: Sequence[str]) -> tuple[int, int]:
    """Send dead letters (all, or those named) to their first topic again; how many were sent, how many cannot be."""
    bus = open_bus(settings)
    try:
        replayed, impossible = replay(bus, event_ids=event_ids or None)
    finally:
        bus.close()
    return len(replayed), len(impossible)


def _reach_database(settings: Settings, service: str) -> None:
    database = open_database(settings, service)
    try:
        with database.read() as connection:
            connection.execute(select(literal(1)))
    finally:
        database.close()


def _application(settings: Settings, service: str) -> "WSGIApplication":
    parts = open_parts(settings, service, open_bus(settings))
    app = SERVICES[service].create_app(parts)
    if service != "intake":
        return app
    return with_front_door({service: app}, parts, SERVICES[service].api_keys)


class _Gunicorn(BaseApplication):
    def __init__(self, load: "Callable[[], WSGIApplication]", **options: Any) -> None:
        self._load = load
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        application = self._load()
        collect_seldom()
        return application
