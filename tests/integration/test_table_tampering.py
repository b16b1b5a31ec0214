"""Changing what stands beside the timeliness log: each table and column that it tells of or seals, on both databases.

Done by somebody who has dropped the triggers. Verification names the claim, what differs, and the entry that says so.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from payments_harness import D, Payments
from sqlalchemy import Boolean, Connection, Date, Table, create_engine, delete, insert, select, text, update

from services.payments.clock import Entry
from services.payments.deadlines.step import TellOfDeadlines
from services.payments.log.audit_log import decoded as decode
from services.payments.log.checkpoint_step import checkpoint_now
from services.payments.log.log_check import Broken, Intact, canonical, hash_of
from services.payments.log.signing import signer_of
from services.payments.log.verification import verify_all, verify_days
from services.payments.models import (
    CLAIM_LINES,
    CLOCKS,
    DEADLINE_NOTICES,
    LOG_HEAD,
    PAYMENT_ENTRIES,
    TIMELINESS_LOG,
)
from services.payments.record import Recording, record
from shared.database import Database, Instant, Json
from shared.settings import Settings

TABLES = (CLOCKS, CLAIM_LINES, PAYMENT_ENTRIES, DEADLINE_NOTICES)
NOT_COMPARED = {
    # The number of the clock's newest event.
    ("clocks", "sequence"),
}
COLUMNS = [
    (table, column.name)
    for table in TABLES
    for column in table.columns
    if (table.name, column.name) not in NOT_COMPARED
]
RUNNING, PAID = "clm_1", "clm_2"


@pytest.fixture
def payments(database: Database, tmp_path: Path) -> Payments:
    """One claim that runs and was told of, and one paid in part by a payment with a reference; signed."""
    service = Payments(database, "2026-03-02")
    service.parts = dataclasses.replace(service.parts, settings=Settings(data_dir=tmp_path))
    service.judge(*(service.verdict(claim_id, charges=(60_000, 36_000)) for claim_id in (RUNNING, PAID)))
    service.today = "2026-03-10"
    with database.begin() as connection:
        paid = Entry("paid", D("2026-03-10"), 40_000, line=1)
        record(connection, [Recording(PAID, paid, "key_1", reference="EFT 7", reason="part")], service.now())
    service.today = "2026-03-30"
    TellOfDeadlines(service.parts).run_once()
    assert checkpoint_now(service.parts, signer_of(service.parts.settings)) is not None
    return service


def changed(table: Table, name: str, row: Any) -> Any:
    """Another value that the column can hold."""
    column, value = table.c[name], getattr(row, name)
    if isinstance(column.type, Json):
        return '{"regime": "hmo"}'
    if isinstance(column.type, Boolean):
        return not value
    if isinstance(column.type, Instant):
        return value.replace(year=2025)
    if isinstance(column.type, Date):
        return D("2026-12-31")
    if name in ("status", "verdict", "kind"):
        return {"status": "denied", "verdict": "pended", "kind": "denied"}[name]
    return "9" if column.type.python_type is str else (value or 0) + 10


def tamper(service: Payments, how: Callable[[Connection], Any]) -> None:
    """As the database's owner: without triggers, and without foreign keys."""
    if service.database.dialect == "postgresql":
        with service.database.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            how(connection)
        return
    engine = create_engine(service.database.engine.url)
    with engine.begin() as connection:
        triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
        for name in triggers.all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        how(connection)
    engine.dispose()


def verified(service: Payments) -> Intact | Broken:
    with service.database.read() as connection:
        return verify_all(connection, service.parts.settings)


def test_untouched_all_of_it_is_intact(payments: Payments) -> None:
    assert isinstance(verified(payments), Intact)


@pytest.mark.parametrize(("table", "name"), COLUMNS, ids=lambda each: getattr(each, "name", each))
def test_a_change_of_any_one_column_is_found(payments: Payments, table: Table, name: str) -> None:
    claim_id = PAID if table is PAYMENT_ENTRIES else RUNNING
    of_claim = table.c.claim_id == claim_id
    with payments.database.read() as connection:
        row = connection.execute(select(table).where(of_claim)).first()
    assert row is not None
    keys = [column == getattr(row, column.name) for column in table.primary_key.columns]
    value = changed(table, name, row)

    tamper(payments, lambda connection: connection.execute(update(table).where(*keys).values({name: value})))
    found = verified(payments)

    assert isinstance(found, Broken)
    assert f"claim {claim_id}" in found.reason or f"claim {value}" in found.reason, found.reason


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_row_that_is_gone_or_invented_is_found(payments: Payments, table: Table) -> None:
    with payments.database.read() as connection:
        row = connection.execute(select(table)).first()
    assert row is not None
    invented = dict(row._mapping) | {
        "claim_id": row.claim_id if table is not CLOCKS else "clm_0",
        "line": 3,
        "entry_id": "entry_0",
        "notice": "missed",
        "natural_key": None,
    }
    named = {name: value for name, value in invented.items() if name in table.c}
    if table is CLAIM_LINES:
        tamper(payments, lambda connection: connection.execute(insert(table).values(named)))
        assert "service lines of claim" in reason_of(verified(payments))
        tamper(payments, lambda connection: connection.execute(delete(table).where(table.c.line == 3)))
        assert isinstance(verified(payments), Intact)
        tamper(payments, lambda connection: connection.execute(delete(table).where(table.c.line == 2)))
        assert "service lines of claim" in reason_of(verified(payments))
        return
    tamper(payments, lambda connection: connection.execute(insert(table).values(named)))
    assert "no entry in the log" in reason_of(verified(payments))
    tamper(payments, lambda connection: connection.execute(delete(table)))
    assert "is gone" in reason_of(verified(payments))


def reason_of(found: Intact | Broken) -> str:
    assert isinstance(found, Broken)
    return found.reason


def test_a_claim_taken_out_of_the_figures_is_found(payments: Payments) -> None:
    """Without a clock a claim is neither late nor overdue, and its row agrees with itself."""
    no_clock: dict[str, Any] = {
        column.name: None for column in CLOCKS.columns if column.nullable and column.name not in ("salt",)
    }
    no_clock |= {"status": "none", "late": False, "outstanding_cents": 0}

    tamper(
        payments,
        lambda connection: connection.execute(
            update(CLOCKS).where(CLOCKS.c.claim_id == RUNNING).values(no_clock)
        ),
    )

    found = verified(payments)
    assert isinstance(found, Broken)
    assert (found.first_bad_sequence, found.reason) == (
        3,
        f"The clock of claim {RUNNING} has another status than entry 3 says.",
    )


def test_the_first_difference_is_named_however_many_there_are(payments: Payments) -> None:
    tamper(payments, lambda connection: connection.execute(update(CLOCKS).values(verdict="pended")))
    assert (
        reason_of(verified(payments))
        == f"The clock of claim {RUNNING} has another verdict than entry 2 says."
    )


def test_entries_from_before_there_were_seals_stay_valid_and_are_compared_as_before(
    payments: Payments,
) -> None:
    """A log as the version before wrote it."""
    tamper(payments, without_seals)
    checkpoint_now(payments.parts, signer_of(payments.parts.settings))
    assert isinstance(verified(payments), Intact)

    unseen = update(CLAIM_LINES).values(charge_cents=1)
    tamper(payments, lambda connection: connection.execute(unseen))
    assert isinstance(verified(payments), Intact)

    tamper(payments, lambda connection: connection.execute(update(CLOCKS).values(verdict="pended")))
    assert "another verdict" in reason_of(verified(payments))


def without_seals(connection: Connection) -> None:
    log = TIMELINESS_LOG.c
    connection.execute(text("DELETE FROM checkpoints"))
    connection.execute(delete(TIMELINESS_LOG).where(log.event == "log.checkpoint"))
    previous, sequence = "0" * 64, 0
    new = ("details_seal", "lines_seal", "reference_seal", "noticed_at", "benefit", "outreach", "frequency")
    for row in connection.execute(select(TIMELINESS_LOG).order_by(log.sequence)).all():
        sequence += 1
        kept = {name: value for name, value in decode(row.data).items() if name not in new}
        data = canonical(kept)
        digest = hash_of(sequence, row.recorded_at, row.event, row.claim_id, data, previous)
        values = {"data": data.decode(), "previous_hash": previous, "hash": digest}
        connection.execute(update(TIMELINESS_LOG).where(log.sequence == row.sequence).values(values))
        previous = digest
    connection.execute(update(LOG_HEAD).values(sequence=sequence, hash=previous))
    connection.execute(update(CLOCKS).values(salt=None))
    connection.execute(update(PAYMENT_ENTRIES).values(salt=None))


def test_nothing_that_is_sealed_can_be_read_in_the_log(payments: Payments) -> None:
    with payments.database.read() as connection:
        log = "".join(connection.execute(select(TIMELINESS_LOG.c.data)).scalars())
        [organisation, number, salt] = connection.execute(
            select(CLOCKS.c.organisation, CLOCKS.c.claim_number, CLOCKS.c.salt).limit(1)
        ).one()
        salts = set(connection.execute(select(CLOCKS.c.salt)).scalars())
        seals = {
            decode(data)["lines_seal"]
            for data in connection.execute(
                select(TIMELINESS_LOG.c.data).where(TIMELINESS_LOG.c.event == "claim.received")
            ).scalars()
        }
    for secret in (organisation, number, salt, "EFT 7", "part"):
        assert secret not in log
    # The same lines twice: the salts make it impossible to see.
    assert len(salts) == len(seals) == 2


def test_a_report_compares_the_claims_of_its_days_and_the_log_since_the_checkpoint(
    payments: Payments,
) -> None:
    march = (D("2026-01-01"), D("2026-03-31"))
    with payments.database.read() as connection:
        untouched = verify_days(connection, payments.parts.settings, *march)
    assert isinstance(untouched.found, Intact)
    assert (untouched.checked_from, untouched.claims_compared) == (untouched.found.entries, 2)

    # Out of the report's days, which the log does not forget.
    tamper(
        payments,
        lambda connection: connection.execute(
            update(CLOCKS).where(CLOCKS.c.claim_id == PAID).values(arrival_date=D("2025-06-01"))
        ),
    )
    with payments.database.read() as connection:
        found = verify_days(connection, payments.parts.settings, *march).found
        elsewhere = verify_days(connection, payments.parts.settings, D("2025-06-01"), D("2025-06-30"))
    assert "another arrival date" in reason_of(found)
    assert "another arrival date" in reason_of(elsewhere.found)
    assert elsewhere.claims_compared == 1


def test_a_report_finds_a_changed_entry_of_its_claims_and_a_forged_checkpoint(payments: Payments) -> None:
    march = (D("2026-03-01"), D("2026-03-31"))
    tamper(
        payments,
        lambda connection: connection.execute(
            update(TIMELINESS_LOG).where(TIMELINESS_LOG.c.sequence == 1).values(event="claim.judged")
        ),
    )
    with payments.database.read() as connection:
        found = verify_days(connection, payments.parts.settings, *march).found
    assert reason_of(found) == "Entry 1 was changed after it was written."

    tamper(payments, lambda connection: connection.execute(text("UPDATE checkpoints SET signature = '00'")))
    with payments.database.read() as connection:
        found = verify_days(connection, payments.parts.settings, *march).found
    assert "not signed with a key of the log" in reason_of(found)
