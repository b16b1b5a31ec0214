"""The worked examples of the prompt-payment reference, through HTTP: events in, the clock out."""

from typing import Any

import pytest
from payments_harness import Payments

from shared.payers import Payers

HMO = Payers.parse('[[payer]]\nids = ["GSHP1"]\nname = "Plan"\nregime = "hmo"\n')


def claim(new_database: Any, arrived: str, cents: int, payers: Payers | None = None) -> Payments:
    payments = Payments(new_database("sqlite"), today=arrived, payers=payers)
    payments.judge(payments.verdict(arrival=arrived, amount_cents=cents))
    return payments


def happen(payments: Payments, *events: tuple[str, str]) -> Any:
    for kind, day in events:
        payments.today = day
        response = payments.post_event("clm_1", kind=kind, date=day, reason="As the notice said")
        assert response.status_code == 201, response.text
    return payments.clock()


@pytest.mark.parametrize(
    ("number", "arrived", "cents", "payers", "events", "deadline", "late", "interest", "fee"),
    [
        (1, "2025-06-02", 125_000, None, [("paid", "2025-08-15")], "2025-07-16", 30, 1541, 1000),
        (2, "2025-06-02", 125_000, HMO, [("paid", "2025-08-15")], "2025-08-06", 9, 462, 1000),
        (3, "2025-06-02", 125_000, None, [("paid", "2025-09-12")], "2025-07-16", 58, 2979, 1000),
        (4, "2025-06-02", 125_000, HMO, [("paid", "2025-09-12")], "2025-08-06", 37, 1901, 1000),
        (5, "2026-01-05", 240_000, None, [("paid", "2026-02-20")], "2026-02-04", 16, 1578, 1500),
        (6, "2026-01-05", 1_800_000, None, [("paid", "2026-06-04")], "2026-02-04", 120, 88_767, 8877),
        (7, "2026-01-05", 3_650_000, None, [("paid", "2026-05-15")], "2026-02-04", 100, 150_000, 15_000),
        (8, "2026-01-05", 48_000, None, [("paid", "2026-02-16")], "2026-02-04", 12, 237, 1500),
        (
            10,
            "2026-03-02",
            96_000,
            None,
            [("contested", "2026-03-20"), ("information_received", "2026-04-06"), ("paid", "2026-05-15")],
            "2026-05-06",
            9,
            355,
            1500,
        ),
    ],
)
def test_examples_1_to_8_and_10(
    new_database: Any,
    number: int,
    arrived: str,
    cents: int,
    payers: Payers | None,
    events: list[tuple[str, str]],
    deadline: str,
    late: int,
    interest: int,
    fee: int,
) -> None:
    clock = happen(claim(new_database, arrived, cents, payers), *events)

    assert clock.get("deadline_after_information", clock["deadline"]) == deadline
    assert (clock["state"], clock["days_late"]) == ("paid_late", late)
    assert clock["interest_cents"] == clock["interest_due_cents"] == interest
    assert clock["interest_fee_cents_if_not_automatic"] == fee


def test_example_9_three_small_interests_of_a_month(new_database: Any) -> None:
    payments = Payments(new_database("sqlite"), today="2026-01-05")
    cases = {"clm_a": (18_500, "2026-02-24"), "clm_b": (9_600, "2026-03-07"), "clm_c": (24_000, "2026-02-13")}
    payments.judge(
        *(
            payments.verdict(claim_id, arrival="2026-01-05", amount_cents=cents)
            for claim_id, (cents, _) in cases.items()
        )
    )
    payments.today = "2026-03-31"
    for claim_id, (_, day) in cases.items():
        payments.post_event(claim_id, kind="paid", date=day)

    clocks = [payments.clock(claim_id) for claim_id in cases]

    assert [clock["days_late"] for clock in clocks] == [20, 31, 9]
    assert [clock["interest_cents"] for clock in clocks] == [152, 122, 89]
    assert [clock["interest_may_wait_for_month"] for clock in clocks] == ["2026-02", "2026-03", "2026-02"]


def test_example_11_a_contest_that_comes_too_late_stops_nothing(new_database: Any) -> None:
    payments = claim(new_database, "2026-03-02", 96_000)

    clock = happen(payments, ("contested", "2026-04-06"))
    payments.today = "2026-05-15"
    later = payments.clock()

    assert (clock["deadline"], clock["state"], clock["contest_in_time"]) == ("2026-04-01", "overdue", False)
    assert (later["state"], later["days_late"], later["interest_cents"]) == ("overdue", 44, 1736)


def test_example_12_a_saturday_before_a_holiday(new_database: Any) -> None:
    clock = claim(new_database, "2026-02-14", 96_000).clock()

    assert (clock["receipt_date"], clock["deadline"]) == ("2026-02-17", "2026-03-19")
    assert clock["cautious_deadline"] == "2026-03-16"


@pytest.mark.parametrize(
    ("arrived", "payers", "deadline"),
    [
        ("2025-12-31", None, "2026-02-13"),
        ("2025-12-31", HMO, "2026-03-09"),
        ("2026-01-02", None, "2026-02-01"),
        ("2026-01-02", HMO, "2026-02-01"),
    ],
)
def test_examples_13_and_14_the_turn_of_the_year(
    new_database: Any, arrived: str, payers: Payers | None, deadline: str
) -> None:
    assert claim(new_database, arrived, 96_000, payers).clock()["deadline"] == deadline


def test_example_15_acknowledgement(new_database: Any) -> None:
    assert claim(new_database, "2026-01-15", 96_000).clock()["acknowledgement_due"] == "2026-01-20"
