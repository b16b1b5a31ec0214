"""The suite as an outsider meets it: started as processes, spoken to over HTTP, killed without warning."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import create_engine, text

from bench.files import npi, segments_837p

COMMAND = str(Path(sys.executable).with_name("promptclaim"))
WAIT_SECONDS = 60
SERVICES = ("intake", "validator", "payments")
SESSION_SECONDS = 2
"""How soon Kafka gives the partitions of a silent worker to another."""
NPIS = ("1234567893", "1999999984", *(npi(number) for number in range(41)))
"""Those of the samples and of the generated files."""


def until(
    what: str, look: Callable[[], Any], done: Callable[[Any], bool], seconds: float = WAIT_SECONDS
) -> Any:
    """What ``look`` gives once ``done``; fails with the last thing seen."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if done(found):
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}; last seen: {str(found)[:3000]}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def clean_environment(**settings: str) -> dict[str, str]:
    """This process's environment with only these promptclaim settings."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("PROMPTCLAIM_")
    } | settings


def file_837p(claims: int, *, first_number: int = 0, claims_in_set: int = 500) -> bytes:
    """An 837P of clean claims for services of the last weeks; other numbers are other members."""
    segments = segments_837p(
        claims,
        claims_in_set=claims_in_set,
        first_number=first_number,
        first_service=date.today() - timedelta(days=60),
    )
    return ("~\n".join(segments) + "~\n").encode()


class Processes:
    """Child processes, each with its log; all are gone after :meth:`stop`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        log = (self._folder / f"{len(self._children)}-{'-'.join(arguments[:2])}.log").open("wb")
        child = subprocess.Popen([COMMAND, *arguments], env=dict(environment), stdout=log, stderr=log)
        self._children.append(child)
        return child

    def stop(self) -> None:
        for child in self._children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for child in self._children:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')}"
            for path in sorted(self._folder.glob("*.log"))
        )


class Client:
    """One key's holder. ``urls`` are by service, and may change when a service is started again."""

    def __init__(self, urls: Mapping[str, str], secret: str) -> None:
        self._urls = urls
        self.secret = secret
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {secret}"

    def request(self, method: str, path: str, **details: Any) -> requests.Response:
        return self._session.request(method, self._urls[path.split("/")[1]] + path, timeout=60, **details)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.request("GET", path, params=params)
        assert answer.ok, f"{path} answered {answer.status_code}: {answer.text}"
        return answer.json()

    def submit(self, name: str, content: bytes) -> requests.Response:
        return self.request("POST", "/intake/api/v1/submissions", files={"file": (name, content)})

    def judged(self, submission_id: str) -> dict[str, Any]:
        found: dict[str, Any] = until(
            f"the verdicts of {submission_id}",
            lambda: self.get(f"/intake/api/v1/submissions/{submission_id}"),
            lambda submission: submission["status"] == "complete",
        )
        return found


def make_key(environment: Mapping[str, str], role: str, organisation: str, *options: str) -> str:
    made = subprocess.run(
        [
            COMMAND,
            "keys",
            "create",
            "--role",
            role,
            "--organisation",
            organisation,
            "--format",
            "json",
            *options,
        ],
        env=dict(environment),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    secret: str = json.loads(made.stdout)["secret"]
    return secret


def wait_until_ready(urls: Mapping[str, str], child: subprocess.Popen[bytes], processes: Processes) -> None:
    """Until ``child`` answers under ``urls``, or has been killed as a test may have asked for."""

    def ready() -> bool:
        if child.poll() == -signal.SIGKILL:
            return True
        assert child.poll() is None, f"the suite did not start:\n{processes.logs()[-6000:]}"
        try:
            return all(requests.get(f"{url}/{name}/readyz", timeout=5).ok for name, url in urls.items())
        except requests.RequestException:
            return False

    until("readiness", ready, bool)


class EmbeddedSuite:
    """`promptclaim up` on a data folder; may be killed and started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.data = folder / "data"
        self.processes = Processes(folder)
        self.environment = clean_environment(PROMPTCLAIM_DATA_DIR=str(self.data), **settings)
        self.urls: dict[str, str] = {}

    def start(self, *options: str, **settings: str) -> None:
        port = free_port()
        self.urls.update(dict.fromkeys(SERVICES, f"http://127.0.0.1:{port}"))
        self.child = self.processes.start(
            "up", "--port", str(port), *options, environment={**self.environment, **settings}
        )
        wait_until_ready(self.urls, self.child, self.processes)

    def client(self, role: str, organisation: str = "Alameda Promotoras", *options: str) -> Client:
        if role == "provider" and not options:
            options = tuple(f"--npi={npi}" for npi in NPIS)
        return Client(self.urls, make_key(self.environment, role, organisation, *options))

    def counts(self, service: str, query: str) -> dict[str, int]:
        """The two columns of ``query`` on the service's own tables."""
        with sqlite3.connect(self.data / f"{service}.db") as connection:
            return dict(connection.execute(query).fetchall())


@contextmanager
def embedded_suite(folder: Path, **settings: str) -> Iterator[EmbeddedSuite]:
    suite = EmbeddedSuite(folder, **settings)
    suite.start()
    try:
        yield suite
    finally:
        suite.processes.stop()


class RealSuite:
    """The suite as in production: `serve` and `work` of each service, on Apache Kafka and PostgreSQL.

    ``database_url`` is of an empty database. ``servers`` and ``workers`` hold the latest process of each service.
    """

    def __init__(self, folder: Path, bootstrap_servers: str, database_url: str) -> None:
        self.processes = Processes(folder)
        self._engines = {
            service: create_engine(database_url, connect_args={"options": f"-c search_path={service}"})
            for service in SERVICES
        }
        self.environment = clean_environment(
            PROMPTCLAIM_DATA_DIR=str(folder / "data"),
            PROMPTCLAIM_DATABASE_URL=database_url,
            PROMPTCLAIM_KAFKA_BOOTSTRAP_SERVERS=bootstrap_servers,
            PROMPTCLAIM_KAFKA_PARTITIONS="4",
            PROMPTCLAIM_KAFKA_SESSION_TIMEOUT_SECONDS=str(SESSION_SECONDS),
            PROMPTCLAIM_MEMBER_KEY="m" * 32,
            PROMPTCLAIM_SESSION_SECRET="s" * 32,
            PROMPTCLAIM_SIGNING_KEY="5" * 64,
        )
        self.urls: dict[str, str] = {}
        self.servers: dict[str, subprocess.Popen[bytes]] = {}
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        subprocess.run([COMMAND, "db", "upgrade"], env=self.environment, check=True, capture_output=True)
        for service in SERVICES:
            self.serve(service)
            self.work(service)
        for service in SERVICES:
            self.wait_until_served(service)

    def serve(self, service: str, **settings: str) -> None:
        """Start the HTTP of a service, in place of the one before."""
        if service in self.servers:
            self.servers[service].terminate()
        port = free_port()
        arguments = ("serve", service, "--port", str(port), "--processes", "1")
        self.urls[service] = f"http://127.0.0.1:{port}"
        self.servers[service] = self.processes.start(*arguments, environment={**self.environment, **settings})

    def wait_until_served(self, service: str) -> None:
        wait_until_ready({service: self.urls[service]}, self.servers[service], self.processes)

    def work(self, service: str, failpoint: str = "") -> subprocess.Popen[bytes]:
        """Start one more worker of a service, now the one in ``workers``; it dies at ``failpoint``."""
        environment = {**self.environment, "PROMPTCLAIM_FAILPOINT": failpoint}
        self.workers[service] = self.processes.start("work", service, environment=environment)
        return self.workers[service]

    def client(self, role: str, organisation: str = "Alameda Promotoras", *options: str) -> Client:
        if role == "provider" and not options:
            options = tuple(f"--npi={npi}" for npi in NPIS)
        return Client(self.urls, make_key(self.environment, role, organisation, *options))

    def counts(self, service: str, query: str) -> dict[str, int]:
        """The two columns of ``query`` on the service's own tables."""
        with self._engines[service].connect() as connection:
            return {str(key): int(count) for key, count in connection.execute(text(query))}

    def close(self) -> None:
        self.processes.stop()
        for engine in self._engines.values():
            engine.dispose()
