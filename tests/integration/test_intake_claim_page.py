"""The claim's page: when it is paid, why not, and in words that fit whoever reads it."""

import re
from typing import Any

import pytest
from test_intake_api import NPI, SAMPLES, Intake
from test_intake_shows_corrections import CLOCK, tell

from services.intake.models import API_KEYS
from shared.database import Database
from shared.security import Keys


@pytest.fixture
def intake(database: Database) -> Intake:
    return Intake(database)


def a_claim(intake: Intake) -> tuple[str, str]:
    """A claim that was sent, and its submission."""
    provider = intake.key("provider", npis=(NPI,))
    sent = intake.send("invoice.csv", (SAMPLES / "invoice.csv").read_bytes(), provider).json
    claims = intake.client.get(f"/intake/api/v1/submissions/{sent['submission_id']}", headers=provider).json
    return next(each["claim_id"] for each in claims["claims"] if each["claim_id"]), sent["submission_id"]


def read(intake: Intake, role: str, path: str) -> str:
    """The words of a page, as somebody signed in with a key of this role sees them."""
    npis = (NPI,) if role == "provider" else ()
    key = Keys(intake.database, API_KEYS).create(role, "Harbor Street Outreach", intake.now, npis=npis)
    client = intake.app.test_client()
    with client.session_transaction() as session:
        session["key"], session["since"] = key.record.id, int(intake.now.timestamp())
    page = client.get(path)
    assert page.status_code == 200
    main = page.text[page.text.index("<main") :]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def test_an_open_claim_says_first_by_when_it_has_to_be_paid(intake: Intake) -> None:
    claim_id, submission_id = a_claim(intake)
    tell(intake, claim_id, 1, "clock.started")

    assert "The plan has to pay by Dec 18, 2026 ." in read(intake, "provider", f"/intake/claims/{claim_id}")
    assert "Payment is due by Dec 18, 2026." in read(
        intake, "provider", f"/intake/submissions/{submission_id}"
    )


def test_a_denied_claim_gives_its_reason_in_words_and_the_way_to_dispute_it(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_id, submission_id = a_claim(intake)
    monkeypatch.setitem(CLOCK, "state", "denied_on_time")
    monkeypatch.setitem(CLOCK, "denied", "2026-11-18")
    denial: dict[str, Any] = {"payment_event_id": "e1", "kind": "denied", "amount_cents": 10_000}
    tell(
        intake, claim_id, 1, "claim.denied", **denial, reason="CO-197 100.00; remarks N30", reference="EFT-9"
    )

    provider = read(intake, "provider", f"/intake/claims/{claim_id}")
    plan = read(intake, "claims", f"/intake/claims/{claim_id}")

    for page in (provider, plan):
        assert "Denied , Nov 18, 2026: $100.00 Reference: EFT-9" in page
        assert "There was no authorization for the service. (CARC 197)" in page
        assert "The member was not eligible for this service. (RARC N30)" in page
        assert "has to pay by" not in page
    assert "you can send the plan a dispute within 365 days" in provider
    file = read(intake, "provider", f"/intake/submissions/{submission_id}")
    assert "Payment is due by" not in file.partition("Denied")[2].partition("CSV-OK-PHONE")[0]


def test_the_plans_view_of_a_claim_does_not_speak_to_it_as_to_the_provider(intake: Intake) -> None:
    claim_id, _ = a_claim(intake)
    tell(intake, claim_id, 1, "clock.started")

    provider = read(intake, "provider", f"/intake/claims/{claim_id}")
    plan = read(intake, "claims", f"/intake/claims/{claim_id}")

    assert "When you are paid" in provider
    assert "When it is paid" in plan
    assert not re.search(r"\byou", plan, re.IGNORECASE)
