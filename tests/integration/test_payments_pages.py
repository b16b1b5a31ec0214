"""The pages of the payments service, as people signed in with a key see them."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from payments_harness import Payments

from services.payments.app import create_app
from services.payments.models import API_KEYS
from shared.security import Keys


@pytest.fixture
def payments(new_database: Any) -> Payments:
    service = Payments(new_database("sqlite"))
    service.judge(service.verdict("clm_1", claim_number="OWN-1"))
    return service


def browser(payments: Payments, role: str) -> FlaskClient:
    key = Keys(payments.database, API_KEYS).create(role, "Somebody", payments.now(), npis=("1234567893",))
    client = create_app(payments.parts).test_client()
    with client.session_transaction() as session:
        session["key"], session["since"] = key.record.id, int(payments.now().timestamp())
    return client


def form_token(page: str) -> dict[str, str]:
    found = re.search(r'<form method="post" action="/payments.*?name="([^"]+)" value="([^"]+)"', page, re.S)
    assert found
    return {found.group(1): found.group(2)}


def test_the_claims_department_sees_what_is_due_first(payments: Payments) -> None:
    page = browser(payments, "claims").get("/payments/")

    assert page.status_code == 200
    assert "OWN-1" in page.text
    assert "Apr 1, 2026" in page.text
    assert page.text.count("<h1>") == 1
    assert "OWN-1" not in browser(payments, "claims").get("/payments/?state=overdue").text
    assert "OWN-1" in browser(payments, "claims").get("/payments/?state=open").text


def test_a_payment_is_recorded_through_the_form(payments: Payments) -> None:
    client = browser(payments, "claims")
    token = form_token(client.get("/payments/claims/clm_1").text)

    done = client.post(
        "/payments/claims/clm_1",
        data={**token, "kind": "paid", "date": "2026-03-02", "amount": "$960.00", "interest": ""},
    )

    assert done.status_code == 303
    assert payments.clock()["state"] == "paid_on_time"
    page = client.get("/payments/claims/clm_1").text
    assert "Paid on time" in page
    assert "$960.00" in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"amount": "much"}, "Write dollars and cents"),
        ({"amount": "0.001"}, "Write dollars and cents"),
        ({"amount": "NaN"}, "Write dollars and cents"),
        ({"amount": "1e2"}, "Write dollars and cents"),
        ({"amount": "-5"}, "Write dollars and cents"),
        ({"interest": "99999999"}, "Write dollars and cents"),
        ({"amount": "961"}, "($960.00) are still open"),
        ({"date": ""}, "This field is missing"),
        ({"kind": "information_received", "amount": ""}, "was not contested"),
    ],
)
def test_a_wrong_field_is_said_and_what_was_typed_survives(
    payments: Payments, wrong: dict[str, str], said: str
) -> None:
    client = browser(payments, "claims")
    token = form_token(client.get("/payments/claims/clm_1").text)
    form = {"kind": "paid", "date": "2026-03-02", "amount": "960", "reference": "EFT-77", **wrong}

    page = client.post("/payments/claims/clm_1", data={**token, **form})

    assert page.status_code == 422
    assert said in page.text
    assert "EFT-77" in page.text
    assert payments.clock()["state"] == "open"


def test_a_form_without_its_token_changes_nothing(payments: Payments) -> None:
    client = browser(payments, "claims")

    page = client.post("/payments/claims/clm_1", data={"kind": "paid", "date": "2026-03-02"})

    assert page.status_code >= 400
    assert payments.clock()["state"] == "open"


def test_an_auditor_sees_the_figures_and_the_way_to_the_log(payments: Payments) -> None:
    payments.pay("clm_1", "paid", "2026-03-02")

    page = browser(payments, "auditor").get("/payments/timeliness?group_by=month")

    assert page.status_code == 200
    assert "100.00% (1 of 1), met" in page.text
    assert "2026-03" in page.text
    assert 'href="/payments/audit"' in page.text


def test_a_day_that_is_none_is_said_on_the_timeliness_page(payments: Payments) -> None:
    page = browser(payments, "auditor").get("/payments/timeliness?from=March")

    assert "such as 2026-03-02" in page.text


def test_pages_are_for_those_whose_work_they_are(payments: Payments) -> None:
    assert browser(payments, "provider").get("/payments/").status_code == 403
    assert browser(payments, "auditor").get("/payments/claims/clm_1").status_code == 403
    assert browser(payments, "claims").get("/payments/claims/clm_9").status_code == 404
    stranger = create_app(payments.parts).test_client().get("/payments/")
    assert stranger.status_code == 303
