"""Five years of a payments database for the benchmark: some claims that the clock folded, copied under other ids."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from multiprocessing import get_context
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, insert, select

from bench.files import npi
from services.payments.clock import Entry
from services.payments.models import CLAIM_LINES, CLOCKS, PAYMENT_ENTRIES
from services.payments.projection import encoded_terms, fold, outcome_columns
from shared.database import Database, insert_rows
from shared.payers import PayerTerms

AMOUNT_CENTS = 24_000
DOWN_FROM, TODAY = date(2027, 3, 21), date(2027, 3, 31)
"""No worker told of deadlines from the one day to the other."""

_COPIES = 20
_CHUNK = 5_000
_FIRST_ARRIVAL, _DAYS = date(2022, 1, 3), 1_800
_TERMS = PayerTerms()


class _Claim(NamedTuple):
    number: int
    arrival: date
    entries: tuple[Entry, ...]
    rejected: bool = False
    untold: bool = False


def _history(claims: int) -> Iterator[_Claim]:
    """Claims of five years: of a hundred, 84 paid in time, 6 late, 5 rejected, 3 denied, 2 never paid."""
    for number in range(claims):
        arrival = _FIRST_ARRIVAL + timedelta(days=number * _DAYS // claims)
        kind = number * 37 % 100
        settled = arrival + timedelta(days=3 + number % 26 if kind < 87 else 40 + number % 50)
        if kind < 84:
            yield _Claim(number, arrival, (Entry("paid", settled, AMOUNT_CENTS),))
        elif kind < 87:
            yield _Claim(number, arrival, (Entry("denied", settled, AMOUNT_CENTS),))
        elif kind < 93:
            yield _Claim(number, arrival, (Entry("paid", settled, AMOUNT_CENTS, number % 2 * 100),))
        else:
            yield _Claim(number, arrival, (), rejected=kind < 98)


def _waiting(first: int, claims: int) -> Iterator[_Claim]:
    """Unpaid claims whose twentieth day came while no worker ran."""
    for number in range(claims):
        arrival = DOWN_FROM - timedelta(days=19 - number % (TODAY - DOWN_FROM).days)
        yield _Claim(first + number, arrival, (), untold=True)


def filled_elsewhere(database: Database, claims: int, due: int) -> None:
    """Fill it in another process, so that the memory of this one is that of the work measured."""
    url = database.engine.url.render_as_string(hide_password=False)
    child = get_context("spawn").Process(target=_fill_at, args=(url, database.schema, claims, due))
    child.start()
    child.join()
    if child.exitcode:
        raise RuntimeError(f"the history could not be made: exit status {child.exitcode}")


def _fill_at(url: str, schema: str, claims: int, due: int) -> None:
    database = Database(url, schema)
    _fill(database, claims, due)
    database.close()


def _fill(database: Database, claims: int, due: int) -> None:
    patterns = claims // _COPIES
    _insert(database, _history(patterns))
    _insert(database, _waiting(patterns, due // _COPIES))
    for copy in range(1, _COPIES):
        with database.begin() as connection:
            for table in (CLOCKS, CLAIM_LINES, PAYMENT_ENTRIES):
                _copy(connection, table, f"c{copy:02}-")
    if database.dialect == "postgresql":
        with database.begin() as connection:
            connection.exec_driver_sql("ANALYZE")


def _copy(connection: Connection, table: Table, prefix: str) -> None:
    columns: Sequence[Any] = [
        func.replace(column, "c00-", prefix).label(column.name)
        if column.name in ("claim_id", "entry_id")
        else column
        for column in table.columns
    ]
    first = table.c.claim_id < "c01-"
    statement = select(*columns).where(first).order_by(table.c.claim_id)
    connection.execute(insert(table).from_select([column.name for column in table.columns], statement))


def _insert(database: Database, claims: Iterator[_Claim]) -> None:
    while chunk := list(islice(claims, _CHUNK)):
        with database.begin() as connection:
            insert_rows(connection, CLOCKS, [_clock_row(claim) for claim in chunk])
            insert_rows(connection, CLAIM_LINES, [_line_row(claim) for claim in chunk])
            entries = [_entry_row(claim, entry) for claim in chunk for entry in claim.entries]
            insert_rows(connection, PAYMENT_ENTRIES, entries)


def _clock_row(claim: _Claim) -> dict[str, Any]:
    number, arrival = claim.number, claim.arrival
    at = datetime(arrival.year, arrival.month, arrival.day, 20, tzinfo=UTC)
    outcome = None if claim.rejected else fold(arrival, _TERMS, AMOUNT_CENTS, claim.entries)
    columns = outcome_columns(outcome)
    return {
        "claim_id": f"c00-{number:09d}",
        "submission_id": f"sub_{number // 100}",
        "claim_number": f"PCN-{number:09d}",
        "member_key": f"{number % 9973:032x}",
        "organisation": "Good Shelter",
        "channel": ("837P", "invoice")[number % 2],
        "payer_id": f"GSHP{number % 7}",
        "provider_npi": npi(number % 211),
        "benefit": ("ECM", "CS")[number // 2 % 2],
        "outreach": "yes" if number % 10 == 0 else "no",
        "frequency": "1",
        "original_reference": None,
        "received_at": at,
        "arrival_date": arrival,
        "judgement": 1,
        "verdict": "rejected" if claim.rejected else "accepted",
        "judged_at": at,
        "suspected": None,
        "terms": encoded_terms(_TERMS),
        "amount_cents": AMOUNT_CENTS,
        "sequence": 1 + len(claim.entries),
        **columns,
        "next_notice_on": columns["next_notice_on"] if claim.untold else None,
    }


def _line_row(claim: _Claim) -> dict[str, Any]:
    service_date = claim.arrival - timedelta(days=7)
    return {
        "claim_id": f"c00-{claim.number:09d}",
        "line": 1,
        "service_date": service_date,
        "service_end": service_date,
        "hcpcs": "G9012",
        "modifiers": "U2",
        "benefit": ("ECM", "CS")[claim.number // 2 % 2],
        "service": "ecm",
        "outreach": claim.number % 10 == 0,
        "units": 4,
        "charge_cents": AMOUNT_CENTS,
        "control_number": None,
    }


def _entry_row(claim: _Claim, entry: Entry) -> dict[str, Any]:
    return {
        # Before any id that the product makes: those begin with the time.
        "entry_id": f"0-c00-{claim.number:09d}",
        "claim_id": f"c00-{claim.number:09d}",
        "kind": entry.kind,
        "date": entry.date,
        "amount_cents": entry.amount_cents,
        "interest_cents": entry.interest_cents,
        "reference": None,
        "reason": None,
        "recorded_at": datetime(entry.date.year, entry.date.month, entry.date.day, 20, tzinfo=UTC),
        "recorded_by": "bench",
    }
