"""Payment events from the topic that plans write: measured like those over HTTP, and read back as recorded."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from payments_harness import MEMBER_KEY, Payments

from services.payments import record
from services.payments.payment_events import record_payments
from shared.database import Database
from shared.events import PAYMENTS_RECORDED, new_event
from shared.messaging.consumer import InvalidEvent


@pytest.fixture
def payments(database: Database) -> Payments:
    return Payments(database)


def tell(payments: Payments, **data: Any) -> None:
    """An event just as a plan may write it."""
    event = new_event(
        PAYMENTS_RECORDED,
        "payment",
        "/plan",
        subject=data["claim_id"],
        key=MEMBER_KEY,
        data=msgspec.json.encode({"date": "2026-03-02", **data}),
        now=payments.now(),
    )
    with payments.database.begin() as connection:
        record_payments(connection, [event], payments.parts)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"reference": "R" * 81}, "reference: it has 81 characters. Use at most 80."),
        ({"reference": "R\x001"}, "reference: it has control characters. Use plain text on one line."),
        ({"reason": "W" * 2001}, "reason: it has 2001 characters. Use at most 2000."),
        ({"reason": "Why\x00"}, "reason: it has control characters. Use plain text."),
        ({"corrects": "e" * 41}, "corrects: it has 41 characters. Use at most 40."),
        ({"claim_id": "clm_" + "1" * 40}, "claim_id: it has 44 characters. Use at most 40."),
        ({"claim_id": "clm_\x00"}, "claim_id: it has control characters. Use plain text on one line."),
    ],
)
def test_texts_that_no_column_holds_are_refused_in_words_that_help(
    payments: Payments, wrong: dict[str, Any], told: str
) -> None:
    payments.judge(payments.verdict())

    with pytest.raises(InvalidEvent) as refused:
        tell(payments, **{"claim_id": "clm_1", "kind": "paid", **wrong})

    assert str(refused.value) == told
    tell(payments, claim_id="clm_1", kind="paid", reference="R" * 80, reason="Line 1\nLine 2")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "contested", "interest_cents": 500}, "interest_cents"),
        ({"kind": "information_received", "amount_cents": 5}, "amount_cents"),
        ({"kind": "denied", "interest_cents": 500}, "interest_cents"),
        ({"kind": "paid", "amount_cents": 0}, "amount_cents"),
        ({"kind": "paid", "amount_cents": -1}, "amount_cents"),
    ],
)
def test_amounts_that_do_not_fit_the_kind_are_refused_from_either_side(
    payments: Payments, wrong: dict[str, Any], field: str
) -> None:
    payments.judge(payments.verdict())

    with pytest.raises(InvalidEvent, match=field):
        tell(payments, claim_id="clm_1", **wrong)

    answer = payments.post_event("clm_1", date="2026-03-02", **wrong)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)
    assert payments.get("claims/clm_1/clock")["payments"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_cents": 10**19},
        {"amount_cents": 2**63 - 1},
        {"interest_cents": 2**63},
        {"amount_cents": 1, "line": 2**40},
        {"amount_cents": 1, "line": 0},
    ],
)
def test_numbers_that_no_table_holds_are_set_aside_before_the_claim_is_known(
    payments: Payments, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidEvent):
        tell(payments, claim_id="clm_1", kind="paid", **wrong)

    payments.judge(payments.verdict())
    assert payments.clock()["state"] == "open"


def test_entries_are_read_back_as_recorded_where_another_machines_clock_is_behind(
    payments: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    payments.judge(payments.verdict())
    answer = payments.post_event("clm_1", kind="paid", date="2026-03-02", amount_cents=50_000)
    mistake = answer.json["payment_event_id"]

    # An hour earlier by its own clock, as the first 48 bits of its ids tell.
    behind = UUID(int=UUID(mistake).int - (3_600_000 << 80))
    monkeypatch.setattr(record, "uuid7", lambda: behind)
    for _ in range(2):
        answer = payments.post_event("clm_1", kind="cancelled", date="2026-03-02", corrects=mistake)
        assert answer.status_code == 201, answer.text
        answer = payments.post_event("clm_1", kind="paid", date="2026-03-02", amount_cents=50_000)
        mistake = answer.json["payment_event_id"]

    found = payments.get("claims/clm_1/clock")
    kinds = [each["kind"] for each in found["payments"]]
    assert kinds == ["paid", "cancelled", "paid", "cancelled", "paid"]
    assert found["clock"]["paid_cents"] == 50_000
    # Every clock is folded again from its entries there.
    assert payments.get("timeliness-log/verification", role="auditor")["intact"]


def test_what_a_machine_records_whose_clock_is_behind_stands_at_no_earlier_instant(
    payments: Payments,
) -> None:
    payments.today = "2026-03-10"
    payments.judge(payments.verdict())
    payments.today = "2026-03-09"

    payments.pay("clm_1", "paid", "2026-03-09")

    log = payments.get("timeliness-log", role="auditor")["items"]
    assert {entry["recorded_at"][:10] for entry in log} == {"2026-03-10"}
    [paid] = payments.get("claims/clm_1/clock")["payments"]
    assert paid["recorded_at"] == log[-1]["recorded_at"]
    assert payments.get("timeliness-log/verification", role="auditor")["intact"]
