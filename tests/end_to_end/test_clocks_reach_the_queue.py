"""What happens to a claim at payments while it waits in the review queue, and before it came there."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from running import Client, EmbeddedSuite, embedded_suite, file_837p, until

CLAIMS = "/payments/api/v1/claims"
REVIEWS = "/validator/api/v1/reviews"


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSuite]:
    with embedded_suite(tmp_path_factory.mktemp("suite")) as running:
        yield running


@pytest.fixture(scope="module")
def provider(suite: EmbeddedSuite) -> Client:
    return suite.client("provider")


@pytest.fixture(scope="module")
def plan(suite: EmbeddedSuite) -> Client:
    return suite.client("claims", "Golden State Health Plan")


def an_accepted_claim(provider: Client, first_number: int) -> dict[str, Any]:
    """A claim with its clock."""
    receipt = provider.submit(f"{first_number}.837", file_837p(1, first_number=first_number)).json()
    (found,) = until(
        "the claim's clock",
        lambda: provider.get(f"/intake/api/v1/submissions/{receipt['submission_id']}")["claims"],
        lambda claims: claims[0].get("clock"),
    )
    assert found["verdict"] == "accepted", found["findings"]
    return dict(found)


def member_in_pace(plan: Client, claim_id: str) -> None:
    """The county tells late that the member was in a program in which ECM is excluded."""
    cin = plan.get(f"{REVIEWS}/{claim_id}")["document"]["member"]["cin"]
    record = {
        "cin": cin,
        "program": "PACE",
        "start_date": str(date.today() - timedelta(days=200)),
        "source": "county",
        "record_id": f"E-{cin}",
    }
    answer = plan.request("POST", "/validator/api/v1/enrollments", json={"records": [record]})
    assert answer.ok, answer.text


def happens(plan: Client, claim_id: str, kind: str, **more: Any) -> None:
    body = {"kind": kind, "date": plan.get(f"{CLAIMS}/{claim_id}/clock")["clock"]["received"], **more}
    answer = plan.request("POST", f"{CLAIMS}/{claim_id}/payment-events", json=body)
    assert answer.ok, answer.text


def in_queue(plan: Client, claim_id: str, state: str) -> dict[str, Any]:
    """The claim's case, once the queue knows that its clock is in this state."""

    def look() -> dict[str, Any] | None:
        items = plan.get(REVIEWS, limit=1000)["items"]
        return next((item for item in items if item["claim_id"] == claim_id), None)

    found: dict[str, Any] = until(
        f"the case as {state}", look, lambda item: item is not None and item["clock_state"] == state
    )
    return found


def test_a_case_waits_while_contested_is_due_again_with_the_information_and_settled_once_paid(
    provider: Client, plan: Client
) -> None:
    claim = an_accepted_claim(provider, 100)
    claim_id, received = claim["claim_id"], claim["clock"]["received"]
    member_in_pace(plan, claim_id)
    opened = in_queue(plan, claim_id, "open")
    assert (opened["kind"], opened["deadline"]) == ("suspected", claim["clock"]["deadline"])

    happens(plan, claim_id, "contested", reason="Send the care plan.")
    contested = in_queue(plan, claim_id, "contested")
    assert (contested["deadline"], contested["days_left"], contested["clock_since"]) == (None, None, received)

    happens(plan, claim_id, "information_received")
    again = in_queue(plan, claim_id, "open")
    clock = plan.get(f"{CLAIMS}/{claim_id}/clock")["clock"]
    assert (again["deadline"], again["clock_since"]) == (clock["deadline_after_information"], received)

    happens(plan, claim_id, "paid")
    paid = in_queue(plan, claim_id, "paid_on_time")
    assert (paid["settled"], paid["deadline"], paid["paid_cents"]) == (True, None, paid["amount_cents"])


def test_rejecting_a_claim_paid_before_the_record_came_denies_nothing_until_the_money_is_back(
    suite: EmbeddedSuite, provider: Client, plan: Client
) -> None:
    claim_id = an_accepted_claim(provider, 200)["claim_id"]
    happens(plan, claim_id, "paid")
    member_in_pace(plan, claim_id)
    assert in_queue(plan, claim_id, "paid_on_time")["kind"] == "suspected"

    answer = plan.request(
        "POST", f"{REVIEWS}/{claim_id}", json={"decision": "reject", "reason": "The member is in PACE."}
    )

    assert answer.ok, answer.text
    assert "Nothing is denied and no money moves" in answer.json()["effect"]
    auditor = suite.client("auditor", "State auditor")
    until(
        "the rejection at payments",
        lambda: auditor.get("/payments/api/v1/timeliness-log", limit=1000)["items"],
        lambda items: any(
            item["claim_id"] == claim_id and item["data"].get("decision") == "reject" for item in items
        ),
    )
    assert plan.get(f"{CLAIMS}/{claim_id}/clock")["clock"]["state"] == "paid_on_time"

    happens(plan, claim_id, "payment_reversed")
    happens(plan, claim_id, "denied", reason="The member is in PACE.")
    assert plan.get(f"{CLAIMS}/{claim_id}/clock")["clock"]["state"] == "denied_on_time"
