"""A payment that the plan recorded by mistake is shown for what it is: to programs and on the provider's page."""

from datetime import UTC, datetime
from typing import Any

import pytest
from test_intake_api import NPI, SAMPLES, Intake

from services.intake.handlers import record_clocks
from shared.database import Database
from shared.events import PAYMENTS_CLOCKS, ClockEvent, new_event

CLOCK = {"state": "open", "deadline": "2026-12-18", "near_from": "2026-12-08", "arrival_date": "2026-11-18"}


@pytest.fixture
def intake(database: Database) -> Intake:
    return Intake(database)


def tell(intake: Intake, claim_id: str, sequence: int, type_: str, **payment: Any) -> None:
    data = ClockEvent(claim_id, sequence, "invoice", "GSHP1", NPI, CLOCK, {"date": "2026-11-18", **payment})
    now = datetime(2026, 11, 18, 21, sequence, tzinfo=UTC)
    event = new_event(PAYMENTS_CLOCKS, type_, "/payments", subject=claim_id, key="k", data=data, now=now)
    with intake.database.begin() as connection:
        record_clocks(connection, [event])


def test_a_corrected_payment_names_the_entry_that_put_it_right(intake: Intake) -> None:
    provider = intake.key("provider", npis=(NPI,))
    sent = intake.send("invoice.csv", (SAMPLES / "invoice.csv").read_bytes(), provider).json
    claims = intake.client.get(f"/intake/api/v1/submissions/{sent['submission_id']}", headers=provider).json
    claim_id = next(claim["claim_id"] for claim in claims["claims"] if claim["claim_id"])

    tell(intake, claim_id, 1, "claim.paid", payment_event_id="e1", kind="paid", amount_cents=500)
    tell(
        intake, claim_id, 2, "claim.paid", payment_event_id="e2", kind="paid", amount_cents=50, corrects="e1"
    )
    tell(intake, claim_id, 3, "clock.started", payment_event_id="e3", kind="cancelled", corrects="e2")

    shown = intake.client.get(f"/intake/api/v1/claims/{claim_id}", headers=provider).json["payments"]
    assert [(each["payment_event_id"], each.get("corrected_by")) for each in shown] == [
        ("e1", "e2"),
        ("e2", "e3"),
        ("e3", None),
    ]
