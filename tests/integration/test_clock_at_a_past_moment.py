"""What was known of a claim at a past moment: the same answer whenever it is asked for."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payments_harness import Payments

from shared.database import Database


@pytest.fixture
def payments(database: Database) -> Payments:
    return Payments(database)


def known(payments: Payments, at: str, **who: Any) -> Any:
    return payments.call("GET", f"claims/clm_1/clock?at={at.replace('+', '%2B')}", **who)


def test_the_state_of_every_day_can_be_asked_for_later(payments: Payments) -> None:
    payments.judge(payments.verdict())
    payments.today = "2026-03-20"
    payments.post_event("clm_1", kind="contested", date="2026-03-20", reason="The case notes of March")
    payments.today = "2026-04-06"
    payments.post_event("clm_1", kind="information_received", date="2026-04-06")
    payments.today = "2026-05-15"
    payments.post_event("clm_1", kind="paid", date="2026-05-15", amount_cents=96_000)
    payments.today = "2026-08-01"

    found = {
        day: known(payments, day).json
        for day in ("2026-03-02", "2026-03-22", "2026-04-06", "2026-05-10", "2026-05-15")
    }

    assert [answer["clock"]["state"] for answer in found.values()] == [
        "open",
        "contested",
        "open",
        "overdue",
        "paid_late",
    ]
    assert found["2026-03-22"]["clock"]["deadline"] == "2026-04-01"
    assert "deadline_after_information" not in found["2026-03-22"]["clock"]
    assert found["2026-05-10"]["clock"]["deadline_after_information"] == "2026-05-06"
    assert [len(answer["payments"]) for answer in found.values()] == [0, 1, 2, 2, 3]
    assert all(answer["final"] for answer in found.values())


def test_what_was_recorded_later_about_an_earlier_day_was_not_known_on_that_day(payments: Payments) -> None:
    payments.judge(payments.verdict())
    payments.today = "2026-04-10"
    payments.post_event("clm_1", kind="paid", date="2026-03-30")

    assert known(payments, "2026-04-09").json["clock"]["state"] == "overdue"
    assert known(payments, "2026-04-10").json["clock"]["state"] == "paid_on_time"


def test_a_mistake_counted_until_it_was_put_right(payments: Payments) -> None:
    payments.judge(payments.verdict())
    payments.today = "2026-03-20"
    wrong = payments.post_event("clm_1", kind="paid", date="2026-03-20", amount_cents=69_000).json
    payments.today = "2026-04-20"
    event = {"kind": "paid", "date": "2026-03-20", "amount_cents": 96_000}
    right = payments.post_event("clm_1", **event, corrects=wrong["payment_event_id"]).json
    payments.today = "2026-06-01"

    before, after = known(payments, "2026-04-19").json, known(payments, "2026-04-20").json

    assert (before["clock"]["state"], before["clock"]["paid_cents"]) == ("overdue", 69_000)
    assert (after["clock"]["state"], after["clock"]["paid_cents"]) == ("paid_on_time", 96_000)
    assert "corrected_by" not in before["payments"][0]
    assert after["payments"][0]["corrected_by"] == right["payment_event_id"]
    assert [entry["counts"] for entry in after["payments"]] == [False, True]


def test_the_verdict_is_the_one_of_that_moment(payments: Payments) -> None:
    payments.judge(payments.verdict(verdict="pended"))
    payments.today = "2026-03-10"
    payments.judge(payments.verdict(verdict="rejected", judgement=2))
    payments.today = "2026-03-20"
    payments.judge(payments.verdict(verdict="accepted", judgement=3))

    answers = [known(payments, day).json for day in ("2026-03-02", "2026-03-10", "2026-03-19", "2026-03-20")]

    assert [answer["verdict"] for answer in answers] == ["pended", "rejected", "rejected", "accepted"]
    states = [answer["clock"]["state"] for answer in answers]
    assert states == ["open", "not_running", "not_running", "open"]
    assert [answer["judgement"] for answer in answers] == [1, 2, 2, 3]


def test_nothing_was_known_before_the_claim_came(payments: Payments) -> None:
    payments.judge(payments.verdict())

    early = known(payments, "2026-03-01")

    assert early.status_code == 404
    assert "2026-03-02T20:00:00" in early.json["detail"]
    assert known(payments, "2026-03-02T19:59:59.999999+00:00").status_code == 404
    assert known(payments, "2026-03-02T12:00:00-08:00").status_code == 200
    assert known(payments, "2026-03-02", role="provider", npis=("1000000004",)).status_code == 404


@pytest.mark.parametrize(
    "at",
    [
        "yesterday",
        "2026-02-30",
        "2026-03-03",
        "2026-03-02T10:00:00",
        "9999-12-31",
        "2026-03-02T20:00:01Z",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_a_moment_that_is_none_or_has_not_come_is_refused(payments: Payments, at: str) -> None:
    payments.judge(payments.verdict())

    response = known(payments, at)

    assert response.status_code == 422
    assert [error["field"] for error in response.json["errors"]] == ["at"]


def test_an_answer_about_a_day_that_is_not_over_is_not_final(payments: Payments) -> None:
    payments.judge(payments.verdict())

    assert known(payments, "2026-03-02").json["final"] is False
    assert known(payments, "2026-03-02T20:00:00Z").json["final"] is False
    payments.today = "2026-03-03"
    assert known(payments, "2026-03-02").json["final"] is True


happenings = st.lists(
    st.tuples(
        st.sampled_from(
            ["paid", "denied", "contested", "information_received", "payment_reversed", "cancelled", "wrong"]
        ),
        st.integers(0, 20),
        st.integers(0, 10),
        st.none() | st.integers(1, 96_000),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happened=happenings)
def test_the_answer_of_a_day_never_changes_afterwards(
    happened: list[tuple[str, int, int, int | None]], new_database: Any
) -> None:
    payments = Payments(new_database("sqlite"), today="2026-03-02")
    payments.judge(payments.verdict())
    today, answers = date(2026, 3, 2), {}
    for kind, days, back, amount in happened:
        event: dict[str, Any] = {"kind": kind, "date": str(max(date(2026, 3, 2), today - timedelta(back)))}
        if kind in ("cancelled", "wrong"):
            recorded = payments.get("claims/clm_1/payment-events")["items"]
            if recorded:
                event["corrects"] = recorded[-1]["payment_event_id"]
            event["kind"] = "paid" if kind == "wrong" else kind
        if amount is not None and event["kind"] in ("paid", "denied", "payment_reversed"):
            event["amount_cents"] = amount
        payments.post_event("clm_1", **event)
        now = payments.get("claims/clm_1/clock")
        then = known(payments, payments.now().isoformat()).json
        assert {**then, "at": 0, "final": 0} == {**now, "at": 0, "final": 0}
        answers[payments.now()] = then
        if days:
            today += timedelta(days)
            payments.today = str(today)
    payments.today = "2027-03-02"
    last_of_moment = {at: answer for at, answer in answers.items() if at < datetime(2027, 1, 1, tzinfo=UTC)}

    for at, answer in last_of_moment.items():
        assert {**known(payments, at.isoformat()).json, "final": 0} == {**answer, "final": 0}
