"""A decision of the claims department, from the queue to what the provider sees."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
import requests
from running import Client, EmbeddedSuite, embedded_suite, file_837p, until


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSuite]:
    with embedded_suite(tmp_path_factory.mktemp("suite"), PROMPTCLAIM_LOG_LEVEL="INFO") as running:
        yield running


@pytest.fixture(scope="module")
def provider(suite: EmbeddedSuite) -> Client:
    return suite.client("provider")


@pytest.fixture(scope="module")
def plan(suite: EmbeddedSuite) -> Client:
    return suite.client("claims", "Golden State Health Plan")


def a_pended_claim(provider: Client, first_number: int) -> dict[str, Any]:
    """A replacement of a claim that nobody knows, judged and with its clock."""
    content = file_837p(1, first_number=first_number)
    head, _, rest = content.partition(b"CLM*")
    claim, _, after = rest.partition(b"~")
    parts = claim.split(b"*")
    parts[4] = parts[4].rpartition(b":")[0] + b":7"
    changed = head + b"CLM*" + b"*".join(parts) + b"~\nREF*F8*NOSUCHCLAIM~" + after
    changed = changed.replace(*_one_segment_more(changed))
    receipt = provider.submit("replacement.837", changed).json()
    (claim_found,) = until(
        "the pended claim's clock",
        lambda: provider.get(f"/intake/api/v1/submissions/{receipt['submission_id']}")["claims"],
        lambda claims: claims[0]["verdict"] and (claims[0].get("clock") or not claims[0]["clean"]),
    )
    assert claim_found["verdict"] == "pended", claim_found["findings"]
    return dict(provider.get(f"/intake/api/v1/claims/{claim_found['claim_id']}"))


def _one_segment_more(content: bytes) -> tuple[bytes, bytes]:
    """The transaction set's trailer as it stands, and with the segment that was added."""
    start = content.index(b"SE*")
    old = content[start : content.index(b"~", start)]
    _, count, control = old.split(b"*")
    return old, b"SE*%d*%s" % (int(count) + 1, control)


def in_queue(plan: Client, claim_id: str) -> dict[str, Any] | None:
    items = plan.get("/validator/api/v1/reviews", limit=1000)["items"]
    return next((item for item in items if item["claim_id"] == claim_id), None)


def decide(plan: Client, claim_id: str, decision: str, reason: str) -> Any:
    answer = plan.request(
        "POST", f"/validator/api/v1/reviews/{claim_id}", json={"decision": decision, "reason": reason}
    )
    assert answer.ok, answer.text
    return answer.json()


def with_verdict(provider: Client, claim_id: str, verdict: str) -> dict[str, Any]:
    found: dict[str, Any] = until(
        f"the verdict {verdict}",
        lambda: provider.get(f"/intake/api/v1/claims/{claim_id}"),
        lambda claim: claim["verdict"] == verdict,
    )
    return found


def page_of(suite: EmbeddedSuite, reader: Client, path: str) -> str:
    """A page as somebody sees it who signed in with the reader's key."""
    host = suite.urls["intake"]
    with requests.Session() as browser:
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"{host}/", timeout=60).text)
        assert token
        fields = {"csrf_token": token[1], "key": reader.secret}
        assert browser.post(f"{host}/sign-in", data=fields, timeout=60).ok
        answer = browser.get(f"{host}{path}", timeout=60)
    assert answer.ok, answer.text
    return answer.text


def test_a_provider_reads_on_its_page_that_nothing_is_left_to_do_once_the_plan_released_the_claim(
    suite: EmbeddedSuite, provider: Client, plan: Client
) -> None:
    before = a_pended_claim(provider, 150)
    path = f"/intake/claims/{before['claim_id']}"
    assert "released the claim" not in page_of(suite, provider, path)

    decide(plan, before["claim_id"], "release", "The original was sent on paper.")

    with_verdict(provider, before["claim_id"], "accepted")
    said = page_of(suite, provider, path)
    assert (
        "The plan has looked at what is marked here and released the claim. Nothing has to be sent." in said
    )
    assert "The original was sent on paper." not in said


def test_a_released_claim_is_accepted_and_its_clock_has_run_since_its_receipt(
    provider: Client, plan: Client
) -> None:
    before = a_pended_claim(provider, 100)
    waiting = in_queue(plan, before["claim_id"])
    assert waiting is not None
    assert waiting["kind"] == "pended"
    assert waiting["deadline"] == before["clock"]["deadline"]

    decided = decide(plan, before["claim_id"], "release", "The original was sent on paper.")

    assert decided["verdict"] == "accepted"
    after = with_verdict(provider, before["claim_id"], "accepted")
    for name in (
        "received",
        "arrival_date",
        "receipt_date",
        "deadline",
        "contract_30",
        "contract_90",
        "state",
    ):
        assert after["clock"][name] == before["clock"][name], name
    assert in_queue(plan, before["claim_id"]) is None
    assert "claim.validated" in {each["event"] for each in after["timeline"]}


def test_a_rejected_claim_shows_the_provider_the_reason(provider: Client, plan: Client) -> None:
    before = a_pended_claim(provider, 200)

    decide(plan, before["claim_id"], "reject", "Send it as a new claim with frequency 1.")

    after = with_verdict(provider, before["claim_id"], "rejected")
    (said,) = [finding for finding in after["findings"] if finding["rule"] == "review.rejected"]
    assert (said["severity"], said["message"]) == ("reject", "Send it as a new claim with frequency 1.")
    assert in_queue(plan, before["claim_id"]) is None
    clock = until(
        "the denial of the clock",
        lambda: plan.get(f"/payments/api/v1/claims/{before['claim_id']}/clock")["clock"],
        lambda found: found["state"] != before["clock"]["state"],
    )
    assert clock["state"] == "denied_on_time"
    assert clock["denied"] >= date.fromisoformat(before["clock"]["arrival_date"]).isoformat()


def test_a_claim_is_decided_once_however_many_decide_at_once(provider: Client, plan: Client) -> None:
    claim_id = a_pended_claim(provider, 300)["claim_id"]

    def decide_once(number: int) -> int:
        body = {"decision": ("release", "reject")[number % 2], "reason": f"Person {number}."}
        return plan.request("POST", f"/validator/api/v1/reviews/{claim_id}", json=body).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(decide_once, range(6)))

    assert answers == [200] + [409] * 5
    history = plan.get(f"/validator/api/v1/reviews/{claim_id}")["history"]
    assert [each["cause"] for each in history] == ["received", "decision"]


def test_nothing_of_the_decision_or_the_member_is_in_the_logs(
    suite: EmbeddedSuite, provider: Client, plan: Client
) -> None:
    claim_id = a_pended_claim(provider, 400)["claim_id"]
    cin = plan.get(f"/validator/api/v1/reviews/{claim_id}")["document"]["member"]["cin"]
    decide(plan, claim_id, "reject", "Rosa Villalobos moved away.")
    looked = provider.request("POST", "/validator/api/v1/members/overlaps", json={"cin": cin})
    assert looked.status_code in (200, 404)

    logs = suite.processes.logs()

    assert "member_looked_up" in logs
    assert cin not in logs
    assert "Villalobos" not in logs


def test_the_timeliness_log_says_that_a_person_decided_and_by_which_key_but_not_why(
    suite: EmbeddedSuite, provider: Client, plan: Client
) -> None:
    claim = a_pended_claim(provider, 950)
    decided = decide(plan, claim["claim_id"], "release", "Seen the signed consent.")
    auditor = suite.client("auditor", "State auditor")

    def judgements() -> list[dict[str, Any]]:
        items = auditor.get("/payments/api/v1/timeliness-log", limit=1000)["items"]
        return [
            item["data"]
            for item in items
            if item["claim_id"] == claim["claim_id"] and item["event"] == "claim.judged"
        ]

    first, second = until("both judgements in the log", judgements, lambda found: len(found) == 2)
    assert "decision" not in first
    assert (second["decision"], second["decided_by"]) == ("release", decided["decided_by"])
    assert "consent" not in str(second)
