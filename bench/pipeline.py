"""The pipeline, first submission sent to last clock started, beside a bare produce–consume–insert loop.

The bare loop (:mod:`bench.bare_loop`) moves the same payloads through the same bus and the same database. It
reads no file, judges nothing and keeps neither inbox, outbox nor log.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import requests
from sqlalchemy import func, select

from bench.bare_loop import Payload, in_one_process, in_three_processes
from bench.files import npi, write_837p
from bench.real_parts import real_parts
from bench.result import Result, rate_result
from services.intake.readers import ClaimRead
from services.intake.readers.recognise import open_claims_file
from services.payments.models import CLOCKS
from shared.claim import Receipt, Submitter
from shared.database import Database
from shared.events import ClaimReceived, claim_id, encode, utc_text
from shared.identifiers import member_key
from shared.parts import utc_now

FILES = 20
CLAIMS_A_FILE = 1_000
CLAIMS = FILES * CLAIMS_A_FILE
UPLOADS_AT_ONCE = 2
FIRST_SERVICE = date.today() - timedelta(days=60)
WAIT_SECONDS = 600
SECRET = "benchmark-" + "0" * 32
BIN = Path(sys.executable).parent


def run_embedded(folder: Path) -> list[Result]:
    """`promptclaim up --apart` and `up` on SQLite, beside the bare loop on the same parts."""
    theirs = CLAIMS / in_one_process(folder / "bare", list(_payloads(folder)))
    apart = CLAIMS / _embedded_suite(folder / "apart", _files(folder), "--apart", conformity=False)
    together = CLAIMS / _embedded_suite(folder / "together", _files(folder), conformity=False)
    checked = CLAIMS / _embedded_suite(folder / "checked", _files(folder), "--apart", conformity=True)
    beside = "bare loop, one process, SQLite"
    return [
        rate_result(
            "pipeline, embedded, up --apart, conformity off", apart, beside, theirs, at_least=0.25, aim=0.5
        ),
        Result(
            "the same in one process (up)", f"{together:,.0f} claims/s", "–", together / theirs, "–", None
        ),
        Result(
            "the same, up --apart, conformity on",
            f"{checked:,.0f} claims/s",
            "–",
            checked / theirs,
            "–",
            None,
        ),
    ]


def run_real(folder: Path) -> list[Result]:
    """Intake and three workers as processes on Kafka and PostgreSQL, beside a bare loop of three processes."""
    with real_parts() as (bootstrap, url):
        theirs = CLAIMS / in_three_processes(bootstrap, url, list(_payloads(folder)))
        ours = CLAIMS / _real_suite(folder / "real", _files(folder), bootstrap, url)
    beside = "bare loop, three processes, the same Kafka and PostgreSQL"
    return [
        rate_result(
            "pipeline, Apache Kafka and PostgreSQL, conformity off",
            ours,
            beside,
            theirs,
            at_least=0.25,
            aim=0.5,
        )
    ]


def _files(folder: Path) -> list[Path]:
    """The submissions: every claim is clean and of a member of its own."""
    files = [folder / f"claims-{number}.837" for number in range(FILES)]
    for number, path in enumerate(files):
        if not path.exists():
            write_837p(path, CLAIMS_A_FILE, first_number=number * CLAIMS_A_FILE, first_service=FIRST_SERVICE)
    return files


def _payloads(folder: Path) -> Iterator[Payload]:
    """The same claims as intake publishes them."""
    receipt = Receipt(received_at=utc_text(utc_now()), arrival_date=date.today())
    submitter = Submitter(organisation="Good Shelter", npis=_npis())
    for path in _files(folder):
        for item in open_claims_file(path, path.name).items():
            if not isinstance(item, ClaimRead):
                raise RuntimeError(f"{path.name} holds a claim that cannot be read")
            identity, claim = claim_id(), item.claim
            yield Payload(
                claim_id=identity,
                member=member_key(SECRET.encode(), claim.member.cin or identity),
                data=encode(ClaimReceived(identity, "sub_1", claim, receipt, submitter, item.findings)),
            )


def _npis() -> tuple[str, ...]:
    return tuple(npi(number) for number in range(1, 4))


def _embedded_suite(data: Path, files: list[Path], *options: str, conformity: bool) -> float:
    environment = _environment(
        PROMPTCLAIM_DATA_DIR=str(data), PROMPTCLAIM_X12_CONFORMITY="on" if conformity else "off"
    )
    port = _free_port()
    with _commands(data, environment, ("up", "--port", str(port), *options)):
        url = f"http://127.0.0.1:{port}"
        return _measure(url, environment, files, Database(f"sqlite:///{data / 'payments.db'}", "payments"))


def _real_suite(data: Path, files: list[Path], bootstrap: str, database_url: str) -> float:
    environment = _environment(
        PROMPTCLAIM_DATA_DIR=str(data),
        PROMPTCLAIM_X12_CONFORMITY="off",
        PROMPTCLAIM_KAFKA_BOOTSTRAP_SERVERS=bootstrap,
        PROMPTCLAIM_DATABASE_URL=database_url,
        PROMPTCLAIM_MEMBER_KEY=SECRET,
        PROMPTCLAIM_SESSION_SECRET=SECRET,
    )
    subprocess.run(
        [BIN / "promptclaim", "db", "upgrade"], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    port = _free_port()
    workers = (("work", service) for service in ("intake", "validator", "payments"))
    with _commands(data, environment, ("serve", "intake", "--port", str(port)), *workers):
        return _measure(f"http://127.0.0.1:{port}", environment, files, Database(database_url, "payments"))


def _measure(url: str, environment: Mapping[str, str], files: list[Path], payments: Database) -> float:
    """Seconds from the first submission sent to the last clock started, after a first claim has warmed all up."""
    secret = _provider_key(environment)
    _until("the suite", lambda: _is_ready(url))
    warm_up = write_837p(
        files[0].with_name("warm-up.837"), 1, first_number=9_000_000, first_service=FIRST_SERVICE
    )
    _submit(url, secret, warm_up)
    _until("the first clock", lambda: _clocks(payments) == 1)
    started = time.perf_counter()
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        uploads = [pool.submit(_submit, url, secret, path) for path in files]
        for upload in uploads:
            upload.result()
        _until("every clock", lambda: _clocks(payments) == CLAIMS + 1)
    seconds = time.perf_counter() - started
    payments.close()
    return seconds


def _submit(url: str, secret: str, path: Path) -> None:
    with path.open("rb") as file:
        answer = requests.post(
            f"{url}/intake/api/v1/submissions",
            files={"file": (path.name, file)},
            headers={"Authorization": f"Bearer {secret}"},
            timeout=WAIT_SECONDS,
        )
    if answer.status_code != requests.codes.accepted:
        raise RuntimeError(f"{path.name} was answered with {answer.status_code}: {answer.text[:500]}")


def _clocks(payments: Database) -> int:
    with payments.read() as connection:
        statement = select(func.count()).select_from(CLOCKS).where(CLOCKS.c.status == "running")
        return int(connection.execute(statement).scalar_one())


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/intake/readyz", timeout=5).ok
    except requests.ConnectionError:
        return False


def _until(what: str, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {WAIT_SECONDS} s for {what}")
        time.sleep(0.05)


def _provider_key(environment: Mapping[str, str]) -> str:
    options = [word for number in _npis() for word in ("--npi", number)]
    create = ["keys", "create", "--role", "provider", "--organisation", "Good Shelter", "--format", "json"]
    made = subprocess.run(
        [BIN / "promptclaim", *create, *options], env=environment, check=True, capture_output=True, text=True
    )
    return str(json.loads(made.stdout)["secret"])


@contextmanager
def _commands(folder: Path, environment: Mapping[str, str], *commands: tuple[str, ...]) -> Iterator[None]:
    """`promptclaim` with each of these arguments as a process of its own, until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    processes = []
    with (folder / "commands.log").open("wb") as log:
        try:
            for arguments in commands:
                command = [BIN / "promptclaim", *arguments]
                processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)


def _environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTCLAIM_")}
    return {**kept, "PROMPTCLAIM_LOG_LEVEL": "WARNING", **settings}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
