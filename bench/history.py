"""What a long history costs: the validator's handler judging claims against millions of earlier lines and records,
beside the same claims against an empty database.

Every claim's member has a past: claims of other days, an authorization, services of other programs on other days,
and one in ten is in CCS, which is noted. So the look-ups find something, and what they find is decoded and judged.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from sqlalchemy import Table, func, select

from bench.files import cin, npi
from bench.real_parts import postgres
from bench.result import Result
from services.validator.handlers import JudgeReceived
from services.validator.models import CARE_RECORDS, CLAIMS, FEED_COVERAGE, JUDGEMENTS, SERVICE_LINES
from services.validator.rules.history import EarlierLine, care_key, group_of, line_key
from shared.care import Authorization, CareService, Enrollment, Record
from shared.claim import Claim, Member, Payer, Provider, Receipt, ServiceLine, Submitter
from shared.collection import collect_seldom
from shared.database import Database, insert_rows
from shared.events import CLAIMS_RECEIVED, ClaimReceived, Event, new_event
from shared.migrate import upgrade
from shared.parts import Parts
from shared.payers import Payers
from shared.spans import month_of

CLAIMS_JUDGED = 100_000
EARLIER_LINES = 2_000_000
CARE = 1_000_000
AT_MOST = 1.3

_MEMBERS = 200_000
_LINES_A_CLAIM = 2
_BATCH = 2000
_CHUNK = 20_000
_NOW = datetime(2026, 11, 2, 18, tzinfo=UTC)
_FIRST_SERVICE = date(2026, 9, 1)
_PAYER = "GSHP1"

_encode = msgspec.json.Encoder().encode


def run_sqlite(folder: Path) -> list[Result]:
    def database(name: str) -> Database:
        return Database(f"sqlite:///{folder / name}.db", "validator")

    return [_compared("SQLite", database)]


def run_postgres(_: Path) -> list[Result]:
    with postgres() as url:
        return [_compared("PostgreSQL", lambda name: Database(url, name))]


def _compared(engine: str, open_database: Callable[[str], Database]) -> Result:
    with _fresh(open_database("no_past")) as empty, _fresh(open_database("long_past")) as full:
        _fill(full)
        # As every process of the suite does before its first work.
        collect_seldom()
        # In turns, so that a slow moment of the machine hits both.
        seconds = {empty: 0.0, full: 0.0}
        batches = {database: _judged(database) for database in seconds}
        for _ in range(CLAIMS_JUDGED // _BATCH):
            for database, each in batches.items():
                seconds[database] += next(each)
        for database in seconds:
            _all_accepted(database)
    ratio = seconds[full] / seconds[empty]
    ours, theirs = (1e6 * seconds[database] / CLAIMS_JUDGED for database in (full, empty))
    return Result(
        work=f"judging {CLAIMS_JUDGED:,} claims on {engine} after {EARLIER_LINES:,} lines and {CARE:,} records",
        ours=f"{ours:.0f} µs a claim",
        beside=f"empty history: {theirs:.0f} µs a claim; {ratio:.2f} times",
        ratio=1 / ratio,
        asked=f"{1 / AT_MOST:.2f} (at most {AT_MOST} times the cost)",
        met=ratio <= AT_MOST,
    )


@contextmanager
def _fresh(database: Database) -> Iterator[Database]:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    upgrade(database, "services.validator")
    try:
        yield database
    finally:
        database.close()


def _judged(database: Database) -> Iterator[float]:
    """Judge batch after batch; the seconds that each took, its commit included."""
    parts = SimpleNamespace(database=database, payers=Payers(), now=lambda: _NOW)
    handler = JudgeReceived(cast(Parts, parts))
    for start in range(0, CLAIMS_JUDGED, _BATCH):
        events = [_received(number) for number in range(start, start + _BATCH)]
        started = perf_counter()
        with database.begin() as connection:
            handler(connection, events)
        yield perf_counter() - started


def _all_accepted(database: Database) -> None:
    with database.read() as connection:
        counted = select(func.count()).select_from(JUDGEMENTS).where(JUDGEMENTS.c.verdict == "accepted")
        accepted = connection.execute(counted).scalar_one()
    if accepted != CLAIMS_JUDGED:
        raise RuntimeError(f"{accepted:,} of {CLAIMS_JUDGED:,} claims were accepted; all should be")


def _received(number: int) -> Event:
    member = number % _MEMBERS
    first = _FIRST_SERVICE + timedelta(days=number % 28)
    lines = tuple(
        ServiceLine(
            line + 1,
            procedure_code="G9012",
            modifiers=modifiers,
            service_start=first + timedelta(days=line),
            service_end=first + timedelta(days=line),
            units=Decimal(4),
            charge_cents=12_000,
            place_of_service="11",
        )
        for line, modifiers in enumerate((("U2",), ("U2", "GQ")))
    )
    claim = Claim(
        "837P",
        claim_number=f"PCN-{number:06d}",
        payer=Payer(id=_PAYER, name="Golden State Health Plan"),
        billing_provider=Provider(npi=npi(member % 41), tin="941234567", name="Good Shelter"),
        member=Member(cin(member), "GARCIA", "MARIA", date(1980, 1, 1), "F"),
        lines=lines,
        diagnosis_codes=("Z5901",),
        total_cents=24_000,
    )
    claim_id = f"clm_z{number:012d}"
    data = ClaimReceived(
        claim_id,
        "sub_bench",
        claim,
        Receipt("2026-11-02T18:00:00.000000Z", date(2026, 11, 2)),
        Submitter("Good Shelter"),
    )
    return new_event(
        CLAIMS_RECEIVED, "claim.received", "/intake", subject=claim_id, key=f"{member}", data=data, now=_NOW
    )


def _fill(database: Database) -> None:
    """The past: claims of ten other days a member, and five records each."""
    _insert(database, CLAIMS, _earlier_claims())
    _insert(database, SERVICE_LINES, _earlier_lines())
    _insert(database, CARE_RECORDS, _care())
    coverage = {"feed": "authorizations", "payer_id": "", "first_at": _NOW, "last_at": _NOW}
    _insert(database, FEED_COVERAGE, iter([coverage]))
    if database.dialect == "postgresql":
        with database.begin() as connection:
            connection.exec_driver_sql("ANALYZE")


def _insert(database: Database, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    while chunk := list(islice(rows, _CHUNK)):
        with database.begin() as connection:
            insert_rows(connection, table, chunk)


def _earlier_claims() -> Iterator[dict[str, Any]]:
    for number in range(EARLIER_LINES // _LINES_A_CLAIM):
        yield {
            "claim_id": f"clm_{number:012d}",
            "claim_number": f"OLD-{number:07d}",
            "billing_npi": npi(number % 41),
            "verdict": "accepted",
            "judgement": 1,
            "superseded": False,
            "supersedes": None,
        }


def _earlier_lines() -> Iterator[dict[str, Any]]:
    for number in range(EARLIER_LINES):
        claim, line = divmod(number, _LINES_A_CLAIM)
        member = claim % _MEMBERS
        day = _FIRST_SERVICE - timedelta(days=30 * (claim // _MEMBERS + 1) + line)
        earlier = EarlierLine(
            claim_id=f"clm_{claim:012d}",
            claim_number=f"OLD-{claim:07d}",
            channel="837P",
            line=line + 1,
            key=line_key(cin(member), group_of("ecm", "G9012")),
            payer_id=_PAYER,
            cin=cin(member),
            billing_npi=npi(member % 41),
            service="ecm",
            hcpcs="G9012",
            modifiers=("U2",),
            service_start=day,
            service_end=day,
            units="4",
            charge_cents=12_000,
            arrival_date=day + timedelta(days=10),
        )
        yield {
            "claim_id": earlier.claim_id,
            "line": earlier.line,
            "key": earlier.key,
            "first_day": day,
            "last_day": day,
            "standing": True,
            "document": _encode(earlier),
            "month": month_of(day, day),
        }


def _care() -> Iterator[dict[str, Any]]:
    for number in range(CARE):
        member, kind = number % _MEMBERS, number // _MEMBERS
        record_id, of = f"R{number}", cin(member)
        if kind == 0:
            start, end = date(2026, 1, 1), date(2026, 12, 31)
            yield _row("authorizations", Authorization(record_id, of, "ECM", start, end_date=end), start, end)
        elif kind == 1 and member % 10 == 0:
            start, end = date(2026, 1, 1), date.max
            yield _row("enrollments", Enrollment(record_id, of, "CCS", start), start, end)
        else:
            day = date(2026, 1, 5) + timedelta(days=40 * kind + member % 28)
            service = CareService(record_id, of, day, "TCM_SMHS", "T1017", provider_npi=npi(77))
            yield _row("services", service, day, day)


def _row(feed: str, record: Record, first: date, last: date) -> dict[str, Any]:
    return {
        "feed": feed,
        "scope": "",
        "source": "",
        "record_id": record.record_id,
        "care_key": care_key(record.cin),
        "cin": record.cin,
        "program": record.program if isinstance(record, CareService) else None,
        "first_day": first,
        "last_day": last,
        "withdrawn": False,
        "document": _encode(record),
    }
