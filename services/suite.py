"""The composition root: builds each service from settings, and the whole suite in one process on embedded parts."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from flask import Flask
from sqlalchemy import MetaData, Table
from werkzeug.serving import WSGIRequestHandler, make_server

from services.intake import app as intake
from services.payments import app as payments
from services.validator import app as validator
from shared.bus import Bus
from shared.bus.embedded import EmbeddedBus
from shared.bus.kafka import KafkaBus
from shared.collection import collect_seldom
from shared.database import Database
from shared.events import TOPICS
from shared.logging import configure_logging
from shared.messaging.consumer import ConsumerLoop, Subscription
from shared.messaging.outbox import Relay, prune
from shared.messaging.tables import MessagingTables
from shared.migrate import upgrade
from shared.parts import Parts
from shared.payers import BadPayersFile, Payers
from shared.security import Keys
from shared.settings import Settings, SettingsError
from shared.web.app import combine
from shared.web.front_door import front_door_app
from shared.web.idempotency import purge_idempotency_keys
from shared.worker import Step, Worker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_POLL_SECONDS = 0.5
_IDLE_SECONDS = 0.5
_HTTP_POLL_SECONDS = 0.1
"""How soon the HTTP server sees that it is to stop."""
_HOUSEKEEPING_SECONDS = 60.0
_KEEP_MESSAGES = timedelta(days=30)
"""How long published and consumed messages are remembered: far longer than any of them can come again."""


class Service(NamedTuple):
    """What every service's ``app`` module offers to be composed."""

    package: str
    metadata: MetaData
    messaging: MessagingTables
    api_keys: Table
    idempotency: Table
    create_app: Callable[[Parts], Flask]
    subscriptions: Callable[[Parts], Sequence[Subscription]]
    steps: Callable[[Parts], Sequence[Step]]


SERVICES: dict[str, Service] = {
    name: Service(
        package=f"services.{name}",
        metadata=module.METADATA,
        messaging=module.MESSAGING,
        api_keys=module.API_KEYS,
        idempotency=module.IDEMPOTENCY,
        create_app=module.create_app,
        subscriptions=module.subscriptions,
        steps=module.steps,
    )
    for name, module in (("intake", intake), ("validator", validator), ("payments", payments))
}


def open_database(settings: Settings, service: str) -> Database:
    """The service's own database."""
    url = settings.database_url(service)
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return Database(url, service)


def open_bus(settings: Settings) -> Bus:
    """Apache Kafka where it is configured, else the embedded log in the data folder."""
    if settings.kafka_bootstrap_servers is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        return EmbeddedBus(settings.events_path)
    return KafkaBus(
        settings.kafka_bootstrap_servers,
        settings.kafka_options,
        partitions=settings.kafka_partitions,
        replication_factor=settings.kafka_replication_factor,
        session_timeout_seconds=settings.kafka_session_timeout_seconds,
    )


def open_parts(settings: Settings, service: str, bus: Bus) -> Parts:
    """Everything that ``service`` is built from. Raises ``SettingsError`` for a payers file that is not right."""
    try:
        payers = Payers.load(settings.payers_file)
    except BadPayersFile as error:
        raise SettingsError([str(error)]) from None
    return Parts(
        settings=settings,
        database=open_database(settings, service),
        bus=bus,
        payers=payers,
        member_secret=settings.member_secret(),
        session_secret=settings.session_secret(),
    )


def make_worker(service: str, parts: Parts) -> Worker:
    """The service's consumers, outbox relay and other steps, each in a thread."""
    part = SERVICES[service]
    relay = Relay(parts.database, part.messaging, parts.bus)
    steps = [Step("relay", relay.run_once, idle_seconds=_IDLE_SECONDS, wait=relay.wait)]
    for subscription in part.subscriptions(parts):
        group = f"promptclaim.{service}.{subscription.topics[0]}"
        loop = ConsumerLoop(parts.database, part.messaging, parts.bus, group, subscription, batch_size=2000)
        steps.append(
            Step(
                group,
                lambda loop=loop: loop.run_once(_POLL_SECONDS),  # type: ignore[misc]
                close=loop.close,
                pause_seconds=subscription.pause_seconds,
            )
        )
    steps += part.steps(parts)
    steps.append(
        Step("housekeeping", lambda: _forget_the_old(parts, part), idle_seconds=_HOUSEKEEPING_SECONDS)
    )
    return Worker(service, steps)


def _forget_the_old(parts: Parts, part: Service) -> int:
    now = parts.now()
    prune(parts.database, part.messaging, now - _KEEP_MESSAGES)
    purge_idempotency_keys(parts.database, part.idempotency, now)
    return 0


def with_front_door(services: Mapping[str, Flask], parts: Parts, api_keys: Table) -> "WSGIApplication":
    """One WSGI application: the services under their own paths, and the front door for everything else."""
    front_door = front_door_app(parts, Keys(parts.database, api_keys))
    return combine(front_door, {f"/{name}": app for name, app in services.items()})


class EmbeddedSuite:
    """The whole suite in this process: three services, their workers and one HTTP server. Use with ``with``.

    ``workers`` are the services whose workers run here; the others' run elsewhere on the same data folder.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        workers: Sequence[str] = tuple(SERVICES),
    ) -> None:
        self._settings = settings
        self._worker_names = workers
        self._host, self._port = host, port
        self._resources = ExitStack()
        self.url = ""

    def __enter__(self) -> "EmbeddedSuite":
        with ExitStack() as opened:
            self._open(opened)
            self._resources = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def _open(self, opened: ExitStack) -> None:
        configure_logging(self._settings.log_level, service="suite")
        bus = open_bus(self._settings)
        opened.callback(bus.close)
        bus.create_topics(TOPICS)
        parts = {}
        for name, service in SERVICES.items():
            parts[name] = open_parts(self._settings, name, bus)
            opened.callback(parts[name].database.close)
            upgrade(parts[name].database, service.package)
        apps = {name: service.create_app(parts[name]) for name, service in SERVICES.items()}
        application = with_front_door(apps, parts["intake"], SERVICES["intake"].api_keys)
        server = make_server(
            self._host, self._port, application, threaded=True, request_handler=_QuietRequestHandler
        )
        opened.callback(server.server_close)
        workers = [make_worker(name, parts[name]) for name in self._worker_names]
        collect_seldom()
        for worker in workers:
            worker.start()
            opened.callback(worker.stop)
        serving = threading.Thread(
            target=server.serve_forever, args=(_HTTP_POLL_SECONDS,), name="http", daemon=True
        )
        serving.start()
        opened.callback(serving.join, 10)
        opened.callback(server.shutdown)
        for worker in workers:
            opened.callback(worker.ask_to_stop)  # all of them first, so that none waits for another
        self.url = f"http://{self._host}:{server.server_port}"


class _QuietRequestHandler(WSGIRequestHandler):
    """Requests are logged by the applications, without query strings; the server itself stays silent."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return
