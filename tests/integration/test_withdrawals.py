"""What a void or replacement does to the claim in whose place it stands, before and after that one was paid."""

from typing import Any

import pytest
from payments_harness import Payments
from sqlalchemy import select, update

from services.payments.models import CLOCKS, PAYMENT_ENTRIES
from shared.database import Database


@pytest.fixture
def payments(database: Database) -> Payments:
    return Payments(database)


def withdrawals(payments: Payments) -> list[tuple[str, str | None]]:
    """Which claim was withdrawn by which, in the order of recording."""
    e = PAYMENT_ENTRIES.c
    statement = select(e.claim_id, e.reference).where(e.kind == "withdrawn").order_by(e.entry_id)
    with payments.database.read() as connection:
        return [(row.claim_id, row.reference) for row in connection.execute(statement)]


def test_a_payment_taken_back_after_the_claim_was_replaced_leaves_nothing_owed(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"))
    payments.today = "2026-03-10"
    payments.pay("clm_1", "paid", "2026-03-10")
    payments.today = "2026-03-20"
    payments.judge(payments.verdict("clm_2", frequency="7", supersedes="clm_1", arrival="2026-03-20"))
    assert payments.clock("clm_1")["state"] == "paid_on_time"

    payments.today = "2026-04-10"
    payments.pay("clm_1", "payment_reversed", "2026-04-10")
    payments.pay("clm_2", "paid", "2026-04-10")

    payments.today = "2026-06-10"
    clock = payments.clock("clm_1")
    assert (clock["state"], clock["withdrawn"]) == ("withdrawn", "2026-03-20")
    assert "interest_cents" not in clock
    assert [type_ for type_, event in payments.published() if event.claim_id == "clm_1"] == [
        "clock.started",
        "claim.paid",
        "clock.stopped",
        "clock.stopped",
    ]
    total = payments.get("timeliness?as_of=2026-06-10")["total"]
    assert (total["paid"], total["withdrawn"], total["overdue"], total["within_30"]["paid"]) == (1, 1, 0, 1)


def test_a_payment_taken_back_first_and_the_claim_replaced_then_is_the_same(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"))
    payments.pay("clm_1", "paid", "2026-03-02")
    payments.pay("clm_1", "payment_reversed", "2026-03-02")
    payments.today = "2026-03-20"

    payments.judge(payments.verdict("clm_2", frequency="7", supersedes="clm_1", arrival="2026-03-20"))

    assert payments.clock("clm_1")["state"] == "withdrawn"


def test_a_denial_stays_a_denial_when_the_provider_replaces_the_claim(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"))
    payments.today = "2026-04-20"
    payments.pay("clm_1", "denied", "2026-04-20")

    payments.judge(payments.verdict("clm_2", frequency="7", supersedes="clm_1", arrival="2026-04-20"))

    assert payments.clock("clm_1")["state"] == "denied_late"


@pytest.mark.parametrize("original_first", [True, False])
def test_the_claim_that_the_validator_names_is_withdrawn_whichever_comes_first(
    payments: Payments, original_first: bool
) -> None:
    originals = [payments.verdict(f"clm_{number}", claim_number="1") for number in (1, 2)]
    replacement = payments.verdict("clm_3", frequency="7", claim_number="1", supersedes="clm_1")

    for verdict in (*originals, replacement) if original_first else (replacement, *originals):
        payments.judge(verdict)

    assert withdrawals(payments) == [("clm_1", "clm_3")]
    assert payments.clock("clm_2")["state"] == "open"


def test_a_replacement_of_which_the_validator_found_no_original_withdraws_nothing(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1", claim_number="1"))

    payments.judge(payments.verdict("clm_2", frequency="7", claim_number="1", supersedes=None))

    assert withdrawals(payments) == []
    assert payments.clock("clm_1")["state"] == "open"


def test_a_replacement_that_is_judged_again_replaces_nothing_more(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"), payments.verdict("clm_2"))
    named: dict[str, Any] = {"frequency": "7", "supersedes": "clm_2"}

    payments.judge(payments.verdict("clm_3", **named))
    payments.judge(payments.verdict("clm_3", judgement=2, **named))

    assert withdrawals(payments) == [("clm_2", "clm_3")]


def test_a_chain_of_replacements_withdraws_each_once_in_one_batch(payments: Payments) -> None:
    payments.judge(
        payments.verdict("clm_1"),
        payments.verdict("clm_2", frequency="7", supersedes="clm_1"),
        payments.verdict("clm_3", frequency="8", supersedes="clm_2"),
    )

    assert withdrawals(payments) == [("clm_1", "clm_2"), ("clm_2", "clm_3")]


def test_what_a_replacement_stands_for_is_in_the_log_and_cannot_be_changed_beside_it(
    payments: Payments,
) -> None:
    payments.judge(payments.verdict("clm_1"), payments.verdict("clm_2"))
    payments.judge(payments.verdict("clm_3", frequency="7", supersedes="clm_1"))
    assert payments.get("timeliness-log/verification", role="auditor")["intact"]

    with payments.database.begin() as connection:
        connection.execute(update(CLOCKS).where(CLOCKS.c.claim_id == "clm_3").values(supersedes="clm_2"))

    found = payments.get("timeliness-log/verification", role="auditor")
    assert not found["intact"] and "clm_3" in found["reason"]


def test_of_a_verdict_that_does_not_say_its_original_the_latest_of_that_number_is_meant(
    payments: Payments,
) -> None:
    payments.judge(
        payments.verdict("clm_1", claim_number="OWN"),
        payments.verdict("clm_2", claim_number="OWN"),
        payments.verdict("clm_3", claim_number="OWN", key="b" * 32),
        payments.verdict("clm_4", claim_number="OWN", payer_id="OTHER"),
        payments.verdict("clm_5", claim_number="OTHER"),
    )
    payments.judge(payments.verdict("clm_6", frequency="7", claim_number="NEW", original_reference="OWN"))
    payments.judge(
        payments.verdict("clm_7", frequency="8", claim_number="OWN"),
        payments.verdict("clm_8", frequency="8", original_reference="clm_5", key="b" * 32),
    )

    assert withdrawals(payments) == [("clm_2", "clm_6"), ("clm_1", "clm_7")]
    payments.judge(payments.verdict("clm_6", verdict="rejected", judgement=2, frequency="7"))
    assert payments.clock("clm_2")["state"] == "open"
    assert payments.get("timeliness-log/verification", role="auditor")["intact"]


def test_a_replacement_from_a_machine_whose_clock_is_ahead_counts_from_today(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"))

    payments.judge(payments.verdict("clm_2", frequency="7", supersedes="clm_1", arrival="2026-03-03"))

    assert payments.clock("clm_1")["withdrawn"] == "2026-03-02"


def test_a_replacement_that_is_rejected_after_all_gives_its_original_back(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"))
    named: dict[str, Any] = {"frequency": "7", "supersedes": "clm_1", "arrival": "2026-03-10"}
    payments.today = "2026-03-10"
    payments.judge(payments.verdict("clm_2", **named))
    assert payments.clock("clm_1")["state"] == "withdrawn"

    payments.today = "2026-04-11"
    payments.judge(payments.verdict("clm_2", verdict="rejected", judgement=2, **named))

    clock = payments.clock("clm_1")
    assert (clock["state"], clock["days_late"]) == ("overdue", 10)
    assert "withdrawn" not in clock

    payments.judge(payments.verdict("clm_2", judgement=3, **named))

    assert payments.clock("clm_1")["state"] == "withdrawn"
    assert payments.get("timeliness-log/verification", role="auditor")["intact"]


def test_a_replacement_that_was_rejected_at_once_changes_nothing(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"))
    payments.judge(payments.verdict("clm_2", verdict="rejected", frequency="7", supersedes="clm_1"))

    assert payments.clock("clm_1")["state"] == "open"
    assert payments.get("claims/clm_1/clock")["payments"] == []


def test_a_plan_cannot_take_a_withdrawal_back(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"), payments.verdict("clm_2", frequency="8", supersedes="clm_1"))
    [withdrawal] = payments.get("claims/clm_1/clock")["payments"]

    answer = payments.post_event(
        "clm_1", kind="cancelled", date="2026-03-02", corrects=withdrawal["payment_event_id"]
    )

    assert answer.status_code == 409
    assert payments.clock("clm_1")["state"] == "withdrawn"
