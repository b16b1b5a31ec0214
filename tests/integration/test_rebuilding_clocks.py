"""The clocks made again from the record: damaged rows come back as they were, and what cannot come back is said."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from payments_harness import Payments
from sqlalchemy import select, text
from test_figures_api import KINDS, PAYERS, random_history
from test_table_tampering import tamper

from services.cli import main
from services.payments.deadlines.step import TellOfDeadlines
from services.payments.log.log_check import Broken, Intact
from services.payments.log.on_record import NotAnEntry
from services.payments.log.verification import verify_all
from services.payments.models import CLOCKS, TIMELINESS_LOG
from services.payments.rebuild import Repair, rebuild
from shared.database import Database

DAMAGE = (
    "UPDATE clocks SET status = 'paid', late = true, paid_cents = 7, running_deadline = '2030-01-01'",
    "UPDATE clocks SET status = 'none', verdict = 'rejected', judgement = 9, suspected = 'dup.exact'",
    "UPDATE clocks SET arrival_date = '2025-01-01', deadline = '2025-02-01', payer_id = 'X', amount_cents = 1",
    "UPDATE clocks SET next_notice_on = NULL, interest_cents = 12, settled_on = '2026-01-01', channel = 'json'",
)


@pytest.fixture
def payments(database: Database) -> Payments:
    service = Payments(database, "2026-12-31", PAYERS)
    random_history(service, Random(3), 40, KINDS, "clm_a")
    service.judge(
        service.verdict("clm_b1", arrival="2026-12-01"), service.verdict("clm_b2", verdict="rejected")
    )
    while TellOfDeadlines(service.parts).run_once():
        pass
    return service


def clocks(service: Payments) -> Sequence[Any]:
    with service.database.read() as connection:
        return connection.execute(select(CLOCKS).order_by(CLOCKS.c.claim_id)).all()


def repairs(service: Payments, *, apply: bool) -> list[Repair]:
    return [
        each for looked in rebuild(service.database, service.now(), apply=apply) for each in looked.repairs
    ]


def verified(service: Payments) -> Intact | Broken:
    with service.database.read() as connection:
        return verify_all(connection, service.parts.settings)


def test_where_nothing_is_damaged_nothing_is_written(payments: Payments) -> None:
    before, log = clocks(payments), payments.get("timeliness-log?limit=1000", role="auditor")

    assert isinstance(verified(payments), Intact)
    assert repairs(payments, apply=True) == []

    assert clocks(payments) == before
    assert payments.get("timeliness-log?limit=1000", role="auditor") == log


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_projection_is_made_again_as_it_was(payments: Payments, damage: str) -> None:
    before = clocks(payments)
    tamper(payments, lambda connection: connection.execute(text(damage)))
    damaged = clocks(payments)
    assert isinstance(verified(payments), Broken)

    seen = repairs(payments, apply=False)
    assert clocks(payments) == damaged
    written = repairs(payments, apply=True)

    assert [each.claim_id for each in seen] == [each.claim_id for each in written] == changed(before, damaged)
    assert clocks(payments) == before
    assert isinstance(verified(payments), Intact)
    assert repairs(payments, apply=True) == []


def changed(before: Sequence[Any], after: Sequence[Any]) -> list[str]:
    return [old.claim_id for old, new in zip(before, after, strict=True) if old != new]


def test_each_clock_made_again_stands_in_the_log_with_what_was_wrong(payments: Payments) -> None:
    tamper(
        payments,
        lambda connection: connection.execute(
            text("UPDATE clocks SET paid_cents = 5 WHERE claim_id = 'clm_b1'")
        ),
    )
    [repair] = repairs(payments, apply=True)

    entry = payments.get("timeliness-log?limit=1000", role="auditor")["items"][-1]
    assert repair.columns == {"paid_cents": (5, 0)}
    assert (entry["event"], entry["claim_id"]) == ("clock.rebuilt", "clm_b1")
    assert entry["data"] == {
        "columns": ["paid_cents"],
        "standard": "clock.hsc1371_calendar",
        "receipt_date": "2026-12-01",
        "deadline": "2026-12-31",
    }


def test_what_the_log_only_seals_cannot_be_made_again(payments: Payments) -> None:
    tamper(
        payments,
        lambda connection: (
            connection.execute(
                text(
                    "UPDATE clocks SET terms = '{\"regime\": \"hmo\"}', late = true WHERE claim_id = 'clm_b1'"
                )
            ),
            connection.execute(text("DELETE FROM clocks WHERE claim_id = 'clm_b2'")),
        ),
    )
    before = clocks(payments)

    found = repairs(payments, apply=True)

    assert [(each.claim_id, each.columns, "backup" in each.reason) for each in found] == [
        ("clm_b1", {}, True),
        ("clm_b2", {}, True),
    ]
    assert clocks(payments) == before


@pytest.mark.parametrize(
    ("table", "forgery", "named"),
    [
        (
            "payment_entries",
            "UPDATE payment_entries SET amount_cents = amount_cents - 1",
            "another amount cents",
        ),
        ("payment_entries", "DELETE FROM payment_entries", "is gone, but entry"),
        (
            "payment_entries",
            "UPDATE payment_entries SET reference = 'forged'",
            "another reference, reason or",
        ),
        (
            "claim_lines",
            "UPDATE claim_lines SET charge_cents = charge_cents + 1",
            "The service lines of claim",
        ),
    ],
)
def test_no_clock_is_made_from_what_was_forged_beside_the_log(
    payments: Payments, table: str, forgery: str, named: str
) -> None:
    def forge(connection: Any) -> None:
        connection.execute(text(forgery))
        connection.execute(text("UPDATE clocks SET paid_cents = 7"))

    with payments.database.read() as connection:
        forged = set(connection.execute(text(f"SELECT claim_id FROM {table}")).scalars())
    tamper(payments, forge)
    before = {row.claim_id: row for row in clocks(payments) if row.claim_id in forged}

    found = {each.claim_id: each for each in repairs(payments, apply=True)}

    assert before
    for claim_id in before:
        assert found[claim_id].columns == {}
        assert named in found[claim_id].reason
        assert "backup" in found[claim_id].reason
    assert {row.claim_id: row for row in clocks(payments) if row.claim_id in forged} == before
    assert isinstance(verified(payments), Broken)


def test_no_clock_is_made_from_a_log_that_was_changed(payments: Payments) -> None:
    tamper(
        payments,
        lambda connection: connection.execute(
            TIMELINESS_LOG.update()
            .where(TIMELINESS_LOG.c.event == "claim.received")
            .values(data=text("replace(data, '2026', '2024')"))
        ),
    )
    with pytest.raises(NotAnEntry, match="was changed after it was written"):
        repairs(payments, apply=True)


def test_the_command_says_what_differs_and_makes_it_right_when_told_to(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'payments.db'}", "payments")
    service = Payments(database, "2026-03-02")
    service.parts = dataclasses.replace(service.parts)
    service.judge(service.verdict("clm_1"), service.verdict("clm_2"))
    run = ["db", "rebuild-clocks", "--data", str(tmp_path)]
    invoke = CliRunner().invoke

    right = invoke(main, run)
    assert (right.exit_code, right.output) == (0, "2 claims looked at, 0 clocks differ from the record\n")

    tamper(
        service,
        lambda connection: connection.execute(
            text("UPDATE clocks SET paid_cents = 100, paid_on = '2026-03-02'")
        ),
    )
    dry = invoke(main, run)
    assert dry.exit_code == 1
    assert dry.output == (
        "clm_1: paid on 2026-03-02 should be (empty); paid cents 100 should be 0\n"
        "clm_2: paid on 2026-03-02 should be (empty); paid cents 100 should be 0\n"
        "2 claims looked at, 2 clocks differ from the record; --apply makes them again\n"
    )
    applied = invoke(main, [*run, "--apply"])
    assert applied.exit_code == 0
    assert applied.output.endswith("2 claims looked at, 2 clocks were made again\n")
    assert invoke(main, run).exit_code == 0
    database.close()
