"""The pages of the payments service, as people signed in with a key see them."""

import re
from typing import Any

import pytest
from builders import BILLING_NPI
from flask.testing import FlaskClient
from payments_harness import Payments

from services.payments.app import create_app
from services.payments.models import API_KEYS
from shared.events import JudgedService
from shared.payers import Payers
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


def notices(page: str) -> str:
    """The words of the notices on a page."""
    found = re.findall(r'<div class="notice.*?</div>', page, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", " ".join(found)).split())


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


def test_the_page_confirms_what_the_form_has_recorded_and_says_when_it_stood_there_already(
    payments: Payments,
) -> None:
    client = browser(payments, "claims")
    form = form_token(client.get("/payments/claims/clm_1").text)
    form |= {"kind": "denied", "date": "2026-03-02", "reference": "LETTER-7"}

    first = client.post("/payments/claims/clm_1", data=form)
    again = client.post("/payments/claims/clm_1", data=form)

    notice = notices(client.get(first.location).text)
    assert "Recorded Denied, Mar 2, 2026" in notice
    assert "LETTER-7" in notice
    assert "give the specific reasons" in notice
    assert "Recorded before" in notices(client.get(again.location).text)
    assert "nothing was added" in notices(client.get(again.location).text)
    assert notices(client.get("/payments/claims/clm_1").text) == ""


def test_a_denial_shows_its_reason_with_the_meaning_of_its_codes(payments: Payments) -> None:
    payments.post_event("clm_1", kind="denied", date="2026-03-02", reason="CO-197 960.00; CO-999 0.00")

    page = browser(payments, "claims").get("/payments/claims/clm_1").text

    assert "CO-197 960.00" in page
    assert "There was no authorization for the service." in page
    assert "See the plan&#39;s remittance" in page


@pytest.mark.parametrize("path", ["timeliness", "outreach"])
@pytest.mark.parametrize("role", ["claims", "auditor"])
def test_figures_by_provider_and_payer_show_names_beside_the_numbers(
    new_database: Any, path: str, role: str
) -> None:
    payers = Payers.parse('[[payer]]\nids = ["GSHP1"]\nname = "Golden State Health Plan"\n')
    payments = Payments(new_database("sqlite"), payers=payers)
    outreach = JudgedService(1, "ECM", outreach=True)
    payments.judge(payments.verdict(services=(outreach,)))
    Keys(payments.database, API_KEYS).create(
        "provider", "Harbor Light Shelter", payments.now(), npis=(BILLING_NPI,)
    )
    client = browser(payments, role)

    by_provider = client.get(f"/payments/{path}?group_by=provider").text
    by_payer = client.get(f"/payments/{path}?group_by=payer").text

    assert f'Harbor Light Shelter<br><span class="hint">{BILLING_NPI}</span>' in by_provider
    assert 'Golden State Health Plan<br><span class="hint">GSHP1</span>' in by_payer


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
