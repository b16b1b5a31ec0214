"""Lists of clocks go through an index to their page, however many clocks there are."""

from datetime import date
from typing import Any

import pytest
from payments_harness import Payments
from sqlalchemy import Connection, event

from services.payments import queries
from services.payments.queries import ClockFilter, Scope
from shared.database import Database

AS_OF = date(2026, 6, 1)
PAGE = (date(2026, 4, 1), "clm_3")


@pytest.fixture
def payments(database: Database) -> Payments:
    service = Payments(database, "2026-03-20")
    for number in range(8):
        verdict = "rejected" if number % 4 == 3 else "accepted"
        arrival = f"2026-03-{2 + number % 3:02}"
        service.judge(service.verdict(f"clm_{number}", verdict=verdict, arrival=arrival))
    return service


def plan(connection: Connection, dialect: str, statement: str, parameters: Any) -> str:
    if dialect == "postgresql":
        # So few rows are read at once: what matters is that the index gives the order.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
    how = "EXPLAIN" if dialect == "postgresql" else "EXPLAIN QUERY PLAN"
    rows = connection.exec_driver_sql(f"{how} {statement}", parameters)
    return "\n".join(str(tuple(row)) for row in rows)


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        (Scope(), ClockFilter()),
        (Scope(payers=("GSHP1",)), ClockFilter()),
        (Scope(npis=("1234567893",)), ClockFilter()),
        (Scope(), ClockFilter(state="overdue")),
        (Scope(payers=("GSHP1",)), ClockFilter(state="paid_on_time")),
    ],
)
@pytest.mark.parametrize("after", [None, PAGE])
def test_a_page_needs_no_sort(payments: Payments, scope: Scope, wanted: ClockFilter, after: Any) -> None:
    seen: list[tuple[str, Any]] = []

    def see(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        seen.append((statement, parameters))

    with payments.database.begin() as connection:
        event.listen(connection, "before_cursor_execute", see)
        queries.clocks(connection, scope, wanted, AS_OF, after=after, limit=3)
        event.remove(connection, "before_cursor_execute", see)
        found = plan(connection, payments.database.dialect, *seen[0])

    assert "clocks_by_" in found
    assert "Sort" not in found and "TEMP B-TREE" not in found


@pytest.mark.parametrize("who", [{}, {"role": "provider"}, {"payers": ("GSHP1",)}])
def test_the_pages_together_hold_every_clock_once_by_deadline(
    payments: Payments, who: dict[str, Any]
) -> None:
    found, cursor = list[tuple[str, str]](), ""
    while cursor is not None:
        page = payments.get(f"clocks?limit=2&cursor={cursor}" if cursor else "clocks?limit=2", **who)
        found += [(item["deadline"], item["claim_id"]) for item in page["items"]]
        cursor = page["next_cursor"]

    assert found == sorted(found)
    assert {claim_id for _, claim_id in found} == {f"clm_{number}" for number in (0, 1, 2, 4, 5, 6)}
