"""The monthly list of interest under 2 dollars."""

import csv
import io
from datetime import date
from typing import Any

import pytest
from payments_harness import Payments

from services.payments.app import create_app
from services.payments.clock import Entry, run
from services.payments.clock_period import period_of
from services.payments.deadlines.small_interest import Month, item_of
from services.payments.models import API_KEYS
from shared.claim import Payer, Provider
from shared.database import Database
from shared.payers import PayerTerms
from shared.security import Keys

OTHER_NPI = "1316958990"


@pytest.fixture
def payments(database: Database) -> Payments:
    """Three claims of one provider, late in one month (185.00 by 20 days, 96.00 by 31, 240.00 by 9), and others."""
    service = Payments(database, today="2026-01-05")
    late = {"clm_a": 18_500, "clm_b": 9_600, "clm_c": 24_000, "clm_big": 2_400_000, "clm_ontime": 18_500}
    service.judge(
        *(
            service.verdict(
                claim_id, arrival="2026-01-05", amount_cents=amount, claim_number=f"OWN-{claim_id}"
            )
            for claim_id, amount in late.items()
        ),
        service.verdict("clm_next", arrival="2026-01-05", amount_cents=10_000),
        service.verdict(
            "clm_other",
            arrival="2026-01-05",
            amount_cents=18_500,
            claim_number="=1+1",
            billing_provider=Provider(npi=OTHER_NPI),
            payer=Payer(id="OTHER"),
        ),
    )
    service.today = "2026-04-20"
    # The deadline is 2026-02-04.
    service.pay("clm_ontime", "paid", "2026-02-04")
    service.pay("clm_c", "paid", "2026-02-13")
    service.pay("clm_a", "paid", "2026-02-24")
    service.pay("clm_big", "paid", "2026-02-24")
    service.pay("clm_other", "paid", "2026-02-24")
    service.pay("clm_next", "paid", "2026-03-02")
    service.pay("clm_b", "paid", "2026-02-28", 9_600)
    return service


def test_small_amounts_of_a_month_are_itemised_with_sums_by_provider(payments: Payments) -> None:
    found = payments.get("small-interest?month=2026-02")

    assert found["month"] == "2026-02" and found["payable_by"] == "2026-03-10"
    # 185.00 by 20 days, 96.00 by 24, 240.00 by 9; 185.00 by 20 of the other provider.
    due = {item["claim_id"]: item["interest_due_cents"] for item in found["items"]}
    assert due == {"clm_a": 152, "clm_b": 95, "clm_c": 89, "clm_other": 152}
    assert [
        (row["provider_npi"], row["claims"], row["interest_due_cents"]) for row in found["providers"]
    ] == [
        ("1234567893", 3, 336),
        (OTHER_NPI, 1, 152),
    ]
    assert found["total"]["interest_due_cents"] == 488
    [item] = [item for item in found["items"] if item["claim_id"] == "clm_a"]
    assert (item["deadline"], item["paid"], item["days_late"], item["paid_late_cents"]) == (
        "2026-02-04",
        "2026-02-24",
        20,
        18_500,
    )


def test_the_list_agrees_with_what_each_clock_says(payments: Payments) -> None:
    for item in payments.get("small-interest?month=2026-02")["items"]:
        clock = payments.clock(item["claim_id"])
        assert clock["interest_may_wait_for_month"] == "2026-02"
        assert clock["interest_payable_by"] == "2026-03-10"
        assert clock["interest_cents"] == item["interest_cents"]


@pytest.mark.parametrize(
    ("amount", "interest", "listed"),
    [(1_216, 0, False), (1_217, 1, True), (485_449, 199, True), (485_450, 200, False)],
)
def test_a_claim_is_listed_from_one_cent_to_one_dollar_99(amount: int, interest: int, listed: bool) -> None:
    terms, arrival = PayerTerms(), date(2026, 1, 5)
    outcome = run(period_of(arrival, terms), terms, amount, [Entry("paid", date(2026, 2, 5))])
    columns = {"claim_id": "clm_1", "claim_number": "1", "payer_id": "P", "provider_npi": OTHER_NPI}
    found = item_of({**columns, "arrival_date": arrival}, outcome, Month.of(date(2026, 2, 28)))
    assert outcome.interest_cents == interest
    assert (found is not None) is listed


def test_what_was_paid_already_is_shown(payments: Payments) -> None:
    payments.pay("clm_a", "paid", "2026-03-10", 0, interest=152)
    found = payments.get("small-interest?month=2026-02")
    [item] = [item for item in found["items"] if item["claim_id"] == "clm_a"]
    assert (item["interest_cents"], item["interest_paid_cents"], item["interest_due_cents"]) == (152, 152, 0)
    assert found["total"]["interest_due_cents"] == 336


def test_a_late_payment_that_was_reversed_leaves_the_list(payments: Payments) -> None:
    payments.pay("clm_a", "payment_reversed", "2026-02-26")
    found = payments.get("small-interest?month=2026-02")
    assert "clm_a" not in {item["claim_id"] for item in found["items"]}


def test_a_claim_paid_late_in_two_months_stands_in_the_later_one(payments: Payments) -> None:
    payments.today = "2026-01-05"
    payments.judge(payments.verdict("clm_two", arrival="2026-01-05", amount_cents=9_600))
    payments.today = "2026-04-20"
    payments.pay("clm_two", "paid", "2026-02-20", 4_800)
    payments.pay("clm_two", "paid", "2026-03-02", 4_800)
    of_month = {
        month: {item["claim_id"] for item in payments.get(f"small-interest?month={month}")["items"]}
        for month in ("2026-02", "2026-03")
    }
    assert "clm_two" not in of_month["2026-02"]
    assert of_month["2026-03"] == {"clm_two", "clm_next"}


def test_the_file_has_a_row_a_claim_the_sums_and_no_formulas(payments: Payments) -> None:
    response = payments.call("GET", "small-interest?month=2026-02&format=csv", role="auditor")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["row"] for row in rows] == ["claim"] * 4 + ["provider"] * 2 + ["total"]
    assert rows[-1]["interest_due_cents"] == "488"
    assert "'=1+1" in {row["claim"] for row in rows}
    assert "small-interest-2026-02.csv" in response.headers["Content-Disposition"]


def test_a_key_limited_to_payers_sees_their_claims_only(payments: Payments) -> None:
    found = payments.get("small-interest?month=2026-02", payers=("OTHER",))
    assert {item["claim_id"] for item in found["items"]} == {"clm_other"}
    assert found["total"]["claims"] == 1


def test_providers_do_not_see_the_list(payments: Payments) -> None:
    assert payments.call("GET", "small-interest?month=2026-02", role="provider").status_code == 403


@pytest.mark.parametrize("query", ["", "?month=2026-13", "?month=May", "?month=2026-05&format=xml"])
def test_a_wrong_question_is_told_what_would_be_right(payments: Payments, query: str) -> None:
    response = payments.call("GET", f"small-interest{query}")
    assert response.status_code == 422
    assert response.json["errors"]


def test_a_month_without_any_is_empty(payments: Payments) -> None:
    found = payments.get("small-interest?month=2026-07")
    assert found["items"] == [] and found["total"]["claims"] == 0


def test_the_page_shows_the_last_month_and_gives_the_file(payments: Payments) -> None:
    payments.today = "2026-03-05"
    key = Keys(payments.database, API_KEYS).create("claims", "Somebody", payments.now())
    client: Any = create_app(payments.parts).test_client()
    with client.session_transaction() as session:
        session["key"], session["since"] = key.record.id, int(payments.now().timestamp())

    page = client.get("/payments/small-interest").text
    assert "February 2026" in page and "Mar 10, 2026" in page and "OWN-clm_a" in page and "$1.52" in page
    assert client.get("/payments/small-interest.csv?month=2026-02").text.startswith("row,claim_id,claim,")
    assert "Write year and month" in client.get("/payments/small-interest?month=x").text
    assert client.get("/payments/small-interest.csv?month=x").status_code == 404
