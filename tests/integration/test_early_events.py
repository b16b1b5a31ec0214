"""Payment events that come before their claim are measured when it comes, and nothing of them is dropped."""

from datetime import date
from typing import Any

import msgspec
import pytest
from payments_harness import MEMBER_KEY, Payments
from sqlalchemy import text

from services.payments.payment_events import record_payments
from shared.database import Database
from shared.events import PAYMENTS_RECORDED, Decision, PaymentRecorded, new_event
from shared.migrate import upgrade

D = date.fromisoformat


@pytest.fixture
def payments(database: Database) -> Payments:
    return Payments(database, "2026-03-20")


def tell(payments: Payments, kind: str, day: str, amount: int | None = None, **more: Any) -> None:
    data = PaymentRecorded(kind=kind, date=D(day), claim_id="clm_1", amount_cents=amount, **more)
    event = new_event(
        PAYMENTS_RECORDED, "payment", "/plan", subject="clm_1", key=MEMBER_KEY, data=data, now=payments.now()
    )
    with payments.database.begin() as connection:
        record_payments(connection, [event], payments.parts)


def listed(payments: Payments, name: str, **who: Any) -> list[dict[str, Any]]:
    return payments.get(f"payment-events/{name}", **who)["items"]  # type: ignore[no-any-return]


def test_what_is_too_much_for_the_claim_is_taken_away_and_listed(payments: Payments) -> None:
    tell(payments, "paid", "2026-03-10", 90_000)
    tell(payments, "paid", "2026-03-12", 6_001, reference="EFT 2")
    tell(payments, "paid", "2026-03-13", 6_000)
    assert len(listed(payments, "unmatched")) == 3

    payments.judge(payments.verdict())

    clock = payments.get("claims/clm_1/clock")
    assert (clock["clock"]["state"], clock["clock"]["paid_cents"]) == ("paid_on_time", 96_000)
    assert [(each["kind"], each["counts"]) for each in clock["payments"]] == [
        ("paid", True), ("paid", False), ("paid", True), ("cancelled", False)
    ]  # fmt: skip
    too_much = "At most 6000 cents ($60.00) are still open on this claim."
    assert (
        clock["payments"][3]["reason"] == f"The event came before its claim and does not fit it. {too_much}"
    )
    assert listed(payments, "unmatched") == []
    [refused] = listed(payments, "refused")
    assert (refused["payment_event_id"], refused["reference"], refused["refused"]) == (
        clock["payments"][1]["payment_event_id"], "EFT 2", too_much
    )  # fmt: skip
    assert [type_ for type_, _ in payments.published()] == ["clock.started", "claim.paid"]
    assert [event.sequence for _, event in payments.published()] == [1, 2]
    assert payments.get("timeliness-log/verification", role="auditor")["intact"]


def test_what_rested_on_a_refused_event_is_refused_with_it(payments: Payments) -> None:
    tell(payments, "paid", "2026-03-10", 96_001)
    tell(payments, "payment_reversed", "2026-03-11", 96_001)
    tell(payments, "information_received", "2026-03-12")
    tell(payments, "denied", "2026-03-13", 1_000, line=2)
    tell(payments, "contested", "2026-02-01")
    tell(payments, "contested", "2026-03-15")

    payments.judge(payments.verdict(arrival="2026-03-02"))

    assert {each["date"]: each["refused"] for each in listed(payments, "refused")} == {
        "2026-03-10": "At most 96000 cents ($960.00) are still open on this claim.",
        "2026-03-11": "Nothing was paid on this claim, so nothing can be reversed.",
        "2026-03-12": "The claim was not contested, so no information is awaited.",
        "2026-03-13": "The claim has no service line 2. Its lines: 1.",
        "2026-02-01": "The claim arrived on Mar 2, 2026. The date cannot be before that.",
    }
    assert payments.clock()["state"] == "contested"
    assert payments.get("timeliness-log/verification", role="auditor")["intact"]


def test_an_event_that_was_corrected_while_it_waited_is_measured_as_corrected(payments: Payments) -> None:
    tell(payments, "paid", "2026-03-10", 960_000)
    [wrong] = listed(payments, "unmatched")
    tell(payments, "paid", "2026-03-10", 96_000, corrects=wrong["payment_event_id"])

    payments.judge(payments.verdict())

    assert payments.clock()["paid_cents"] == 96_000
    assert listed(payments, "refused") == []


def test_what_came_for_a_claim_without_a_clock_waits_until_it_has_one(payments: Payments) -> None:
    tell(payments, "paid", "2026-03-10", 96_000)
    tell(payments, "paid", "2026-03-11", 1)

    payments.judge(payments.verdict(verdict="rejected"))

    no_clock = "The claim was rejected or voided and has no clock to act on."
    assert [each["refused"] for each in listed(payments, "refused")] == [no_clock] * 2
    assert (payments.clock()["state"], listed(payments, "unmatched")) == ("not_running", [])

    payments.judge(payments.verdict(judgement=2))

    assert (payments.clock()["state"], payments.clock()["paid_cents"]) == ("paid_on_time", 96_000)
    [refused] = listed(payments, "refused")
    assert (
        refused["refused"] == "The claim is already paid in full. Record a reversal first if that was wrong."
    )


def test_a_plan_sees_the_refused_events_of_its_own_claims_only(payments: Payments) -> None:
    tell(payments, "paid", "2026-03-10", 96_001)
    payments.judge(payments.verdict())

    assert len(listed(payments, "refused", payers=("GSHP1",))) == 1
    assert listed(payments, "refused", payers=("OTHER",)) == []
    for role in ("provider", "auditor"):
        assert payments.call("GET", "payment-events/refused", role=role).status_code == 403


def test_the_lists_are_given_in_pages(payments: Payments) -> None:
    for cents in range(1, 4):
        tell(payments, "paid", "2026-03-10", 96_000 + cents)
    for name in ("unmatched", "refused"):
        first = payments.get(f"payment-events/{name}?limit=2")
        rest = payments.get(f"payment-events/{name}?limit=2&cursor={first['next_cursor']}")
        assert [each["amount_cents"] for each in (*first["items"], *rest["items"])] == [
            96_001,
            96_002,
            96_003,
        ]
        assert rest["next_cursor"] is None
        if name == "unmatched":
            payments.judge(payments.verdict())


def test_a_denial_by_decision_comes_after_what_is_taken_away(payments: Payments) -> None:
    tell(payments, "paid", "2026-03-10", 96_001)
    event = payments.verdict(verdict="rejected")
    decision = Decision("reject", "pended", "Not a covered service", "key_1", "2026-03-20T20:00:00Z")
    data = msgspec.json.decode(event.data) | {"decision": msgspec.to_builtins(decision)}

    payments.judge(msgspec.structs.replace(event, data=msgspec.json.encode(data)))

    clock = payments.clock()
    assert (clock["state"], clock["denied_cents"], clock["paid_cents"]) == ("denied_on_time", 96_000, 0)


def test_events_that_waited_before_there_was_a_list_are_on_it(database: Database) -> None:
    upgrade(database, "services.payments", "0005")
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO payment_entries "
                "(entry_id, claim_id, kind, date, interest_cents, recorded_at, recorded_by) VALUES "
                "('e1', 'clm_1', 'paid', '2026-03-10', 0, '2026-03-10 20:00:00.000000', '/plan')"
            )
        )

    payments = Payments(database, "2026-03-20")

    assert [each["payment_event_id"] for each in listed(payments, "unmatched")] == ["e1"]
    payments.judge(payments.verdict())
    assert payments.clock()["state"] == "paid_on_time"
    assert listed(payments, "unmatched") == []
