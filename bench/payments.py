"""Payments after five years: a million claims, with their lines and entries, on SQLite and on PostgreSQL.

Measured: the figures of a quarter as HTTP gives them, the deadline step after a downtime and when nothing is due, the
peak memory of both, and the timeliness log, written and verified. The history is 50,000 claims that the clock itself
folded, each 20 times under another id: what is counted and read is as much as for a million different ones.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from flask.testing import FlaskClient
from sqlalchemy import Connection, MetaData, Table, func, select

from bench.payments_history import AMOUNT_CENTS, filled_elsewhere
from bench.real_parts import postgres
from bench.result import Result
from services.payments.app import create_app
from services.payments.deadlines.step import TellOfDeadlines
from services.payments.log import audit_log
from services.payments.log.audit_log import Happening
from services.payments.log.log_check import Intact, verify
from services.payments.models import (
    API_KEYS,
    DEADLINE_NOTICES,
    TIMELINESS_LOG,
)
from shared.bus import Bus
from shared.database import Database, insert_rows
from shared.migrate import upgrade
from shared.parts import Parts
from shared.payers import Payers
from shared.security import Keys
from shared.settings import Settings

CLAIMS = 1_000_000
DUE = 100_000
LOG_ENTRIES = 100_000

FIGURES_SECONDS = 5.0
TICK_SECONDS = 2.0
IDLE_MILLISECONDS = 20.0
GROWTH_MB = 50
APPENDED_A_SECOND = 5_000

_LOG_BATCH = 1_000
_NOW = datetime(2027, 3, 31, 20, tzinfo=UTC)
_QUARTER = "from=2026-07-01&to=2026-09-30&as_of=2027-03-31&group_by=payer,benefit,month"


def run_sqlite(folder: Path) -> list[Result]:
    return measured("SQLite", Database(f"sqlite:///{folder / 'payments_bench.db'}", "payments"))


def run_postgres(_: Path) -> list[Result]:
    with postgres() as url:
        return measured("PostgreSQL", Database(url, "payments_bench"))


def measured(engine: str, database: Database, claims: int = CLAIMS, due: int = DUE) -> list[Result]:
    """All measurements on an empty database, which is closed afterwards."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        upgrade(database, "services.payments")
        log = _log(engine, database)
        filled_elsewhere(database, claims, due)
        name = f"{engine}, {claims:,} claims of 5 years"
        return [*_figures(name, database, claims), *_ticks(name, database, due), *log]
    finally:
        database.close()


def _parts(database: Database) -> Parts:
    settings = Settings(session_key="b" * 32, member_key="b" * 32)
    secret = b"b" * 32
    return Parts(settings, database, cast(Bus, None), Payers(), secret, secret, now=lambda: _NOW)


# --- figures ------------------------------------------------------------------------------------------------------


def _figures(name: str, database: Database, claims: int) -> list[Result]:
    client = create_app(_parts(database)).test_client()
    secret = Keys(database, API_KEYS).create("auditor", "Bench", _NOW).secret
    with _peak() as peak:
        _asked(client, secret)  # the first answer also pays for what is read once
        started = perf_counter()
        answer = _asked(client, secret)
        seconds = perf_counter() - started
    received = answer["total"]["received"]
    if not claims / 30 < received < claims / 10:
        raise RuntimeError(f"{received:,} claims in the quarter; about a twentieth of {claims:,} should be")
    return [
        _absolute(
            f"figures of a quarter over HTTP, {name}", f"{seconds:.2f} s", FIGURES_SECONDS, seconds, "s"
        ),
        _absolute(
            f"memory for these figures, {name}", f"{peak.megabytes} MB", GROWTH_MB, peak.megabytes, "MB"
        ),
    ]


def _asked(client: FlaskClient, secret: str) -> dict[str, Any]:
    answer = client.get(
        f"/payments/api/v1/timeliness?{_QUARTER}", headers={"Authorization": f"Bearer {secret}"}
    )
    if answer.status_code != 200:
        raise RuntimeError(f"the figures were answered with {answer.status_code}")
    return cast(dict[str, Any], answer.json)


# --- ticks --------------------------------------------------------------------------------------------------------


def _ticks(name: str, database: Database, due: int) -> list[Result]:
    step = TellOfDeadlines(_parts(database))
    seconds: list[float] = []
    with _peak() as peak:
        while True:
            started = perf_counter()
            found = step.run_once()
            seconds.append(perf_counter() - started)
            if not found:
                break
    with database.read() as connection:
        told = connection.execute(select(func.count()).select_from(DEADLINE_NOTICES)).scalar_one()
    if told < due:
        raise RuntimeError(f"{told:,} notices were sent; at least {due:,} were due")
    idle = []
    for _ in range(20):
        started = perf_counter()
        step.run_once()
        idle.append(perf_counter() - started)
    milliseconds = 1000 * sorted(idle)[len(idle) // 2]
    total, longest = sum(seconds), max(seconds)
    what = f"{due:,} clocks due after a downtime: longest of {len(seconds)} ticks, {name}"
    ours = f"{longest:.2f} s; all in {total:.0f} s, {told / total:,.0f} notices/s"
    return [
        _absolute(what, ours, TICK_SECONDS, longest, "s"),
        _absolute(f"memory for these ticks, {name}", f"{peak.megabytes} MB", GROWTH_MB, peak.megabytes, "MB"),
        _absolute(
            f"a tick with nothing due, {name}",
            f"{milliseconds:.1f} ms",
            IDLE_MILLISECONDS,
            milliseconds,
            "ms",
        ),
    ]


def _absolute(work: str, ours: str, limit: float, value: float, unit: str) -> Result:
    return Result(work, ours, "–", None, f"under {limit:g} {unit}", value < limit)


# --- the timeliness log -------------------------------------------------------------------------------------------


def _log(engine: str, database: Database) -> list[Result]:
    ours = _rate(database, _append)
    bare = _rate(database, _insert_bare)
    with database.read() as connection:
        started = perf_counter()
        found = verify(audit_log.read_items(connection, {}))
        seconds = perf_counter() - started
    if not isinstance(found, Intact) or found.entries != LOG_ENTRIES:
        raise RuntimeError("the log that was just written is not intact")
    verified = LOG_ENTRIES / seconds
    return [
        Result(
            work=f"timeliness log on {engine}, {_LOG_BATCH:,} entries a transaction",
            ours=f"{ours:,.0f} entries/s",
            beside=f"the same rows inserted, without chain or lock: {bare:,.0f} entries/s",
            ratio=ours / bare,
            asked=f"{APPENDED_A_SECOND:,} entries/s",
            met=ours >= APPENDED_A_SECOND,
        ),
        Result(
            work=f"verifying the timeliness log on {engine}",
            ours=f"{verified:,.0f} entries/s",
            beside=f"writing it: {ours:,.0f} entries/s",
            ratio=verified / ours,
            asked="0.5",
            met=2 * verified >= ours,
        ),
    ]


def _rate(database: Database, write: Callable[[Connection, int], None]) -> float:
    seconds = 0.0
    for start in range(0, LOG_ENTRIES, _LOG_BATCH):
        started = perf_counter()
        with database.begin() as connection:
            write(connection, start)
        seconds += perf_counter() - started
    return LOG_ENTRIES / seconds


def _append(connection: Connection, start: int) -> None:
    happenings = [
        Happening("payment.paid", f"clm_{start + number:012d}", _DATA) for number in range(_LOG_BATCH)
    ]
    audit_log.append(connection, happenings, _NOW)


_DATA = {"entry_id": "e" * 32, "date": "2026-06-30", "by": "k" * 16, "amount_cents": AMOUNT_CENTS}
_BARE = Table(
    "bare_log",
    MetaData(),
    *(column._copy() for column in TIMELINESS_LOG.columns),
)


def _insert_bare(connection: Connection, start: int) -> None:
    if not start:
        _BARE.create(connection)
    rows = [
        {
            "sequence": start + number + 1,
            "recorded_at": "2026-06-30T20:00:00.000000Z",
            "event": "payment.paid",
            "claim_id": f"clm_{start + number:012d}",
            "data": str(_DATA),
            "previous_hash": "0" * 64,
            "hash": "0" * 64,
        }
        for number in range(_LOG_BATCH)
    ]
    insert_rows(connection, _BARE, rows)


# --- memory -------------------------------------------------------------------------------------------------------


class _Peak:
    megabytes = 0


@contextmanager
def _peak() -> Iterator[_Peak]:
    """By how much this process's memory grew at most within the block: the kernel's own figure, made to start anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, peak = _status("VmRSS"), _Peak()
    yield peak
    peak.megabytes = (_status("VmHWM") - before) // 1024


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
