"""The sixteen worked examples of the prompt-payment reference, each as the product answers it."""

from datetime import date, timedelta

import pytest

from services.payments.clock import Entry, period_of, run
from services.payments.clock_document import BadRequest, deadlines_document
from services.payments.figures.timeliness import Cohort, figures
from shared.calendar import add_working_days
from shared.payers import PayerTerms
from shared.prompt_pay import fee_cents, interest_cents, is_small

D = date.fromisoformat
SINCE_2026, BEFORE_2026 = D("2026-01-02"), D("2025-06-02")


@pytest.mark.parametrize(
    ("number", "received", "regime", "amount", "paid", "deadline", "late", "interest", "fee"),
    [
        (1, "2025-06-02", "knox-keene", 125_000, "2025-08-15", "2025-07-16", 30, 1541, 1000),
        (2, "2025-06-02", "hmo", 125_000, "2025-08-15", "2025-08-06", 9, 462, 1000),
        (3, "2025-06-02", "knox-keene", 125_000, "2025-09-12", "2025-07-16", 58, 2979, 1000),
        (4, "2025-06-02", "hmo", 125_000, "2025-09-12", "2025-08-06", 37, 1901, 1000),
        (5, "2026-01-05", "knox-keene", 240_000, "2026-02-20", "2026-02-04", 16, 1578, 1500),
    ],
)
def test_a_late_payment_bears_interest_from_the_day_after_the_deadline(
    number: int,
    received: str,
    regime: str,
    amount: int,
    paid: str,
    deadline: str,
    late: int,
    interest: int,
    fee: int,
) -> None:
    document = deadlines_document(received, regime=regime, paid=D(paid), amount_cents=amount)

    assert (document["deadline"], document["days_late"]) == (deadline, late)
    assert document["interest_cents"] == interest
    assert document["interest_fee_cents_if_not_automatic"] == fee
    assert document["state"] == "paid_late"


@pytest.mark.parametrize(
    ("number", "amount", "days", "interest", "fee"),
    [(6, 1_800_000, 120, 88_767, 8877), (7, 3_650_000, 100, 150_000, 15_000), (8, 48_000, 12, 237, 1500)],
)
def test_the_fee_since_2026_is_the_greater_of_15_dollars_and_a_tenth(
    number: int, amount: int, days: int, interest: int, fee: int
) -> None:
    assert interest_cents(amount, days) == interest
    assert fee_cents(interest, SINCE_2026) == fee


def test_example_9_three_small_interests_may_be_paid_in_one_sum() -> None:
    interests = [interest_cents(18_500, 20), interest_cents(9_600, 31), interest_cents(24_000, 9)]

    assert interests == [152, 122, 89]
    assert sum(interests) == 363
    assert all(is_small(interest) for interest in interests)


def test_example_10_information_starts_a_new_period_after_a_contest_in_time() -> None:
    document = deadlines_document(
        "2026-03-02",
        contested=D("2026-03-20"),
        information_received=D("2026-04-06"),
        paid=D("2026-05-15"),
        amount_cents=96_000,
    )

    assert document["deadline"] == "2026-04-01"
    assert document["contest_in_time"] is True
    assert document["deadline_after_information"] == "2026-05-06"
    assert (document["days_late"], document["interest_cents"]) == (9, 355)
    assert document["interest_fee_cents_if_not_automatic"] == 1500


def test_example_11_a_contest_after_the_deadline_stops_nothing() -> None:
    document = deadlines_document(
        "2026-03-02", contested=D("2026-04-06"), amount_cents=96_000, as_of=D("2026-04-06")
    )

    assert (document["deadline"], document["contest_in_time"]) == ("2026-04-01", False)
    assert document["state"] == "overdue"
    assert (document["days_late"], document["interest_cents"]) == (5, 197)
    assert "deadline_after_information" not in document


def test_example_12_a_saturday_file_is_received_after_the_holiday() -> None:
    document = deadlines_document("2026-02-14")

    assert document["receipt_date"] == "2026-02-17"
    assert document["deadline"] == "2026-03-19"
    assert document["cautious_deadline"] == document["contract_30"] == "2026-03-16"


@pytest.mark.parametrize(
    ("received", "regime", "deadline"),
    [
        ("2025-12-31", "knox-keene", "2026-02-13"),
        ("2025-12-31", "hmo", "2026-03-09"),
        ("2026-01-02", "knox-keene", "2026-02-01"),
        ("2026-01-02", "hmo", "2026-02-01"),
    ],
)
def test_examples_13_and_14_the_day_of_arrival_decides_which_law_rules(
    received: str, regime: str, deadline: str
) -> None:
    assert deadlines_document(received, regime=regime)["deadline"] == deadline


def test_a_claim_that_arrives_on_new_years_day_2026_is_under_the_new_law_and_received_the_next_day() -> None:
    document = deadlines_document("2026-01-01", regime="hmo")

    assert document["standard"] == "clock.hsc1371_calendar"
    assert (document["receipt_date"], document["deadline"]) == ("2026-01-02", "2026-02-01")
    assert (document["cautious_deadline"], document["contract_90"]) == ("2026-01-31", "2026-04-01")


def test_example_15_acknowledgement_is_due_two_working_days_after_receipt() -> None:
    assert deadlines_document("2026-01-15")["acknowledgement_due"] == "2026-01-20"
    assert add_working_days(D("2026-01-15"), 15) == D("2026-02-06")
    assert add_working_days(D("2026-01-15"), 10) == D("2026-01-30")


def test_example_16_both_contract_standards_are_missed() -> None:
    start, as_of = D("2026-01-05"), D("2026-06-30")

    def claims(count: int, paid_after: int | None) -> Cohort:
        paid_on = None if paid_after is None else start + timedelta(paid_after)
        return Cohort(
            arrival_date=start, status="paid" if paid_on else "running", deadline=D("2026-02-04"),
            contract_from=start, paid_in_full_on=paid_on, count=count,
        )  # fmt: skip

    total = figures([claims(176, 30), claims(19, 90), claims(3, 91), claims(2, None)], as_of).total

    assert (total.within_30.paid, total.within_30.matured, total.within_30.share) == (176, 200, 0.88)
    assert (total.within_90.paid, total.within_90.matured, total.within_90.share) == (195, 200, 0.975)
    assert total.within_30.met is False
    assert total.within_90.met is False


def test_the_time_of_day_counts_in_california() -> None:
    assert deadlines_document("2026-03-02T23:30:00-08:00")["received"] == "2026-03-02"
    assert deadlines_document("2026-03-03T07:59:00+00:00")["received"] == "2026-03-02"
    assert deadlines_document("2026-03-03T08:00:00Z")["received"] == "2026-03-03"


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "2026-03-02T23:30:00", "03/02/2026"])
def test_a_day_of_receipt_that_is_none_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(BadRequest, match="not a day of receipt"):
        deadlines_document(text)


def test_events_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(BadRequest, match="before the receipt"):
        deadlines_document("2026-03-02", paid=D("2026-03-01"))
    with pytest.raises(BadRequest, match="no contest"):
        deadlines_document("2026-03-02", information_received=D("2026-03-05"))
    with pytest.raises(BadRequest, match="before the contest"):
        deadlines_document("2026-03-02", contested=D("2026-03-10"), information_received=D("2026-03-05"))


def test_same_day_receipt_counts_from_a_weekend_arrival_itself() -> None:
    terms = PayerTerms(receipt_on_non_working_day="same_day")

    period = period_of(D("2026-02-14"), terms)

    assert (period.receipt_date, period.deadline) == (D("2026-02-14"), D("2026-03-16"))
    assert run(period, terms, 100, [Entry("paid", D("2026-03-17"))]).late
