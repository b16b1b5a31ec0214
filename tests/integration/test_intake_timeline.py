"""A claim's timeline tells of every judgement, in whatever batches and order the verdicts come."""

from datetime import UTC, datetime
from itertools import permutations

import pytest
from test_intake_api import NPI, SAMPLES, Intake

from services.intake.handlers import JudgedFacts, record_verdicts
from shared.catalogue import finding
from shared.database import Database
from shared.events import CLAIMS_DUPLICATES_FOUND, CLAIMS_VALIDATED, Event, new_event

NOT_CHECKED = finding("authorization.not_checked", "The plan sends no authorizations.")


def verdicts(claim_id: str, submission_id: str) -> list[Event]:
    """Accepted when it came, suspected for a record, and free again once the record was taken back."""
    told = (
        (
            CLAIMS_VALIDATED,
            JudgedFacts(claim_id, submission_id, 1, "accepted", True, (), file_notes=(NOT_CHECKED,)),
        ),
        (CLAIMS_DUPLICATES_FOUND, JudgedFacts(claim_id, submission_id, 2, "accepted", True, (), "suspected")),
        (
            CLAIMS_VALIDATED,
            JudgedFacts(claim_id, submission_id, 3, "accepted", True, (), file_notes=(NOT_CHECKED,)),
        ),
    )
    return [
        new_event(
            topic,
            f"judgement {facts.judgement}",
            "/validator",
            subject=claim_id,
            key="k",
            data=facts,
            now=datetime(2026, 11, 18, 21, facts.judgement, tzinfo=UTC),
        )
        for topic, facts in told
    ]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
@pytest.mark.parametrize("together", [True, False], ids=["one batch", "a batch each"])
def test_every_judgement_is_told_and_the_last_one_stands(
    database: Database, order: tuple[int, ...], together: bool
) -> None:
    intake = Intake(database)
    provider = intake.key("provider", npis=(NPI,))
    sent = intake.send("invoice.csv", (SAMPLES / "invoice.csv").read_bytes(), provider).json
    address = f"/intake/api/v1/submissions/{sent['submission_id']}"
    claims = intake.client.get(address, headers=provider).json["claims"]
    claim_id = next(claim["claim_id"] for claim in claims if claim["claim_id"])

    events = verdicts(claim_id, sent["submission_id"])
    arrived = [events[place] for place in order]
    for batch in [arrived] if together else [[event] for event in arrived]:
        with database.begin() as connection:
            record_verdicts(connection, batch)

    claim = intake.client.get(f"/intake/api/v1/claims/{claim_id}", headers=provider).json
    told = [moment["event"] for moment in claim["timeline"]]
    assert told == ["claim.received", "judgement 1", "judgement 2", "judgement 3"]
    assert (claim["verdict"], claim["review"]) == ("accepted", None)
    submission = intake.client.get(address, headers=provider).json
    assert submission["counts"]["accepted"] == 1
    assert [note["rule"] for note in submission["notes"]].count(NOT_CHECKED.rule) == 1
