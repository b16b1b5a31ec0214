"""The pages about remittances, as people signed in with a key see them."""

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from payments_harness import Payments
from x12_835_builder import an_835, claim

from services.payments.app import create_app
from services.payments.models import API_KEYS
from shared.security import Keys


@pytest.fixture
def payments(new_database: Any) -> Payments:
    service = Payments(new_database("sqlite"))
    service.judge(
        service.verdict("clm_1", claim_number="PCN-1"), service.verdict("clm_2", claim_number="PCN-1")
    )
    service.judge(service.verdict("clm_3", claim_number="PCN-3"))
    service.today = "2026-04-10"
    return service


def browser(payments: Payments, role: str) -> FlaskClient:
    key = Keys(payments.database, API_KEYS).create(role, "Somebody", payments.now())
    client = create_app(payments.parts).test_client()
    with client.session_transaction() as session:
        session["key"], session["since"] = key.record.id, int(payments.now().timestamp())
    return client


def form_token(page: str) -> dict[str, str]:
    found = re.search(
        r'<form[^>]*action="/payments/remittances[^>]*>\s*<input[^>]*name="([^"]+)" value="([^"]+)"', page
    )
    assert found
    return {found.group(1): found.group(2)}


def upload(client: FlaskClient, content: bytes) -> Any:
    token = form_token(client.get("/payments/remittances").text)
    return client.post("/payments/remittances", data={**token, "file": (io.BytesIO(content), "march.835")})


def test_a_remittance_is_sent_and_what_became_of_it_is_shown(payments: Payments) -> None:
    client = browser(payments, "claims")
    assert "/payments/remittances" in client.get("/payments/").text
    assert "There are none yet." in client.get("/payments/remittances").text

    sent = upload(client, an_835(claim("PCN-3", interest=355), amount=90_000, adjustments=[("L6", -355)]))

    assert sent.status_code == 303
    page = client.get(sent.location).text
    assert "Posted" in page
    assert "$960.00" in page
    assert "does not add up" in page
    assert "BPR02 is not the sum" in page
    assert page.count("<h1>") == 1
    assert "march.835" in client.get("/payments/remittances").text


def test_a_payment_that_fits_two_claims_is_matched_with_the_form(payments: Payments) -> None:
    client = browser(payments, "claims")
    sent = upload(client, an_835(claim("PCN-1"), amount=96_000))
    page = client.get(sent.location).text
    assert "Several claims fit" in page
    assert "Several claims fit" in client.get("/payments/remittances").text
    token = form_token(page)

    wrong = client.post(f"{sent.location}/items/1/match", data={**token, "claim_id": "clm_9"})
    assert (wrong.status_code, "No claim of yours" in wrong.text) == (422, True)
    done = client.post(f"{sent.location}/items/1/match", data={**token, "claim_id": "clm_2"})

    assert done.status_code == 303
    assert payments.clock("clm_2")["state"] == "paid_on_time"
    assert "by a person" in client.get(sent.location).text
    again = client.post(f"{sent.location}/items/1/match", data={**token, "claim_id": "clm_1"})
    assert (again.status_code, "matched already" in again.text) == (409, True)


@pytest.mark.parametrize(("content", "told"), [(b"", "empty"), (b"hello", "does not begin with an ISA")])
def test_a_file_that_is_no_remittance_is_explained_beside_the_form(
    payments: Payments, content: bytes, told: str
) -> None:
    refused = upload(browser(payments, "claims"), content)

    assert refused.status_code == 422
    assert told in refused.text


def test_a_form_without_a_file_says_so(payments: Payments) -> None:
    client = browser(payments, "claims")
    token = form_token(client.get("/payments/remittances").text)

    assert "Choose a file first." in client.post("/payments/remittances", data=token).text


def test_an_auditor_looks_and_changes_nothing(payments: Payments) -> None:
    sent = upload(browser(payments, "claims"), an_835(claim("PCN-1"), amount=96_000))
    client = browser(payments, "auditor")

    page = client.get(sent.location)

    assert page.status_code == 200
    assert "/match" not in page.text
    assert 'type="file"' not in client.get("/payments/remittances").text
    assert client.post(f"{sent.location}/items/1/match", data={"claim_id": "clm_1"}).status_code in (400, 403)


@pytest.mark.parametrize("path", ["rem_none", "rem_" + "0" * 32, "rem_%00"])
def test_a_remittance_that_is_not_there_is_not_found(payments: Payments, path: str) -> None:
    assert browser(payments, "claims").get(f"/payments/remittances/{path}").status_code == 404
    assert payments.call("GET", f"remittances/{path}").status_code == 404
