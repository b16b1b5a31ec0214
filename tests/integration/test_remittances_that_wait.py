"""Payments of remittances that wait for their claim are looked up by what the claim that came is named by."""

from collections.abc import Callable

import pytest
from payments_harness import Payments
from sqlalchemy import insert, select
from test_remittances import send, verdict
from x12_835_builder import an_835, claim, line

from services.payments.models import REMITTANCE_ITEMS, REMITTANCES
from services.payments.remittances import waiting
from services.payments.remittances.waiting import PostWhatWaited
from shared.database import Database
from shared.migrate import upgrade

WAITING = (
    claim("PCN-2"),
    claim("OTHER", control="clm_3"),
    claim("WRONG", 50_000, lines=[line(50_000)]),
)
COME = (
    ("clm_2", "PCN-2", (96_000,)),
    ("clm_3", "PCN-3", (96_000,)),
    ("clm_4", "PCN-4", (50_000,)),
)


@pytest.fixture
def payments(database: Database) -> Payments:
    return Payments(database, "2026-04-10")


def test_only_what_may_be_for_a_claim_that_came_is_read(
    payments: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = PostWhatWaited(payments.parts)
    step.run_once()
    send(payments, an_835(*WAITING, amount=2 * 96_000 + 50_000))
    step.run_once()
    read: list[str] = []
    decode = waiting.decode_item

    def seen(document: bytes) -> waiting.Item:
        item = decode(document)
        read.append(item.payment.number)
        return item

    monkeypatch.setattr(waiting, "decode_item", seen)

    other = payments.verdict("clm_9", claim_number="PCN-9", arrival="2026-03-02")  # of another member
    payments.judge(other)
    assert (step.run_once(), read) == (0, [])

    payments.judge(verdict(payments, "clm_2", claim_number="PCN-2", arrival="2026-03-02"))
    assert step.run_once() == 1
    assert "PCN-2" in read


def test_what_waited_before_it_was_looked_up_by_name_is_found(
    new_database: Callable[[str], Database], payments: Payments
) -> None:
    send(payments, an_835(*WAITING, amount=2 * 96_000 + 50_000))
    older = new_database(payments.database.dialect)
    upgrade(older, "services.payments", "0005")
    with payments.database.read() as source, older.begin() as target:
        for table in (REMITTANCES, REMITTANCE_ITEMS):
            rows = [dict(row._mapping) for row in source.execute(select(table))]
            target.execute(insert(table), rows)

    migrated = Payments(older, payments.today)
    step = PostWhatWaited(migrated.parts)
    step.run_once()
    for claim_id, number, charges in COME:
        migrated.judge(verdict(migrated, claim_id, charges, claim_number=number, arrival="2026-03-02"))
        assert step.run_once() == 1
        assert migrated.clock(claim_id)["state"] == "paid_on_time"
