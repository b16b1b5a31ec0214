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


def test_what_was_not_paid_is_told_in_words_beside_the_payers_codes(payments: Payments) -> None:
    client = browser(payments, "claims")

    sent = upload(client, an_835(claim("PCN-3", paid=0, reason="CO*197"), amount=0))

    page = client.get(sent.location).text
    assert "CO-197 960.00" in page
    assert "There was no authorization for the service." in page


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
    assert refused.text.count(told) == 1


def test_a_form_without_a_file_says_so(payments: Payments) -> None:
    client = browser(payments, "claims")
    token = form_token(client.get("/payments/remittances").text)

    assert "Choose a file first." in client.post("/payments/remittances", data=token).text


def test_of_several_things_that_are_wrong_each_is_listed_once(payments: Payments) -> None:
    broken = an_835(claim("PCN-3"), amount=96_000).replace(b"20260401", b"20261301")
    broken = broken.replace(b"BPR*I*960", b"BPR*I*many")

    page = upload(browser(payments, "claims"), broken).text

    assert "What is wrong with the file" in page
    assert (page.count("This is not a date."), page.count("This is not an amount.")) == (1, 1)


def test_what_is_not_to_be_posted_is_closed_on_the_page_and_can_be_posted_after_all(
    payments: Payments,
) -> None:
    client = browser(payments, "claims")
    sent = upload(client, an_835(claim("PCN-9", cin="97654321C"), amount=96_000))
    token = form_token(client.get(sent.location).text)
    address = f"{sent.location}/items/1"

    empty = client.post(f"{address}/close", data={**token, "reason": " "})
    assert (empty.status_code, "Write why nothing is to be posted." in empty.text) == (422, True)
    assert client.post(f"{address}/close", data={**token, "reason": "Not ours"}).status_code == 303

    page = client.get(sent.location).text
    assert "Closed, nothing posted" in page
    assert "Not ours" in page
    assert "/items/1/close" not in page
    assert "To look at</h2>" not in client.get("/payments/remittances").text
    again = client.post(f"{address}/close", data={**token, "reason": "Not ours"})
    assert (again.status_code, "closed already" in again.text) == (409, True)
    assert client.post(f"{address}/match", data={**token, "claim_id": "clm_1"}).status_code == 303
    assert payments.clock("clm_1")["state"] == "paid_on_time"


def test_where_no_claim_can_help_none_is_asked_for(payments: Payments) -> None:
    client = browser(payments, "claims")
    sent = upload(client, an_835(claim("PCN-3"), amount=96_000, day="20260301"))

    page = client.get(sent.location).text

    assert "Correct BPR16 and send the file again." in page
    assert "/items/1/match" not in page
    assert "/items/1/close" in page
    assert "Could be read" in page


def test_what_waits_for_its_day_is_counted_and_its_warning_shown(payments: Payments) -> None:
    client = browser(payments, "claims")
    upload(client, an_835(claim("PCN-3"), amount=96_000))
    sent = upload(client, an_835(claim("PCN-3"), amount=96_000, trace="EFT-2", day="20260413"))

    assert "already paid in full, under EFT-1 on Apr 1, 2026" in client.get(sent.location).text
    assert ">Waits for its day</th>" in client.get("/payments/remittances").text


@pytest.mark.parametrize(("role", "there"), [("claims", True), ("auditor", False)])
def test_the_menu_of_the_claims_department_leads_to_remittances(
    payments: Payments, role: str, there: bool
) -> None:
    page = browser(payments, role).get("/payments/timeliness").text

    assert ('<a href="/payments/remittances"' in page) is there


def test_an_auditor_looks_and_changes_nothing(payments: Payments) -> None:
    sent = upload(browser(payments, "claims"), an_835(claim("PCN-1"), amount=96_000))
    client = browser(payments, "auditor")

    page = client.get(sent.location)

    assert page.status_code == 200
    assert "/match" not in page.text
    assert "/close" not in page.text
    assert 'type="file"' not in client.get("/payments/remittances").text
    assert client.post(f"{sent.location}/items/1/match", data={"claim_id": "clm_1"}).status_code in (400, 403)


@pytest.mark.parametrize("path", ["rem_none", "rem_" + "0" * 32, "rem_%00"])
def test_a_remittance_that_is_not_there_is_not_found(payments: Payments, path: str) -> None:
    assert browser(payments, "claims").get(f"/payments/remittances/{path}").status_code == 404
    assert payments.call("GET", f"remittances/{path}").status_code == 404
