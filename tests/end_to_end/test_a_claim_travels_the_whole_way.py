"""The main job from outside: a file goes in over HTTP, and the provider sees verdict, clock and payment."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from running import COMMAND, Client, EmbeddedSuite, embedded_suite, file_837p, until

from bench.files import segments_837p

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


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


def with_clocks(client: Client, submission: dict) -> list[dict]:
    """The submission's clean claims, once each has its clock."""
    found = until(
        "every clock",
        lambda: client.get(f"/intake/api/v1/submissions/{submission['submission_id']}"),
        lambda seen: all(claim["clock"] for claim in seen["claims"] if claim["clean"]),
    )
    return [claim for claim in found["claims"] if claim["clean"]]


@pytest.mark.parametrize("name", ["claims.837", "invoice.xlsx", "invoice.csv", "claims.json"])
def test_every_claim_of_a_sample_file_ends_in_exactly_one_verdict(provider: Client, name: str) -> None:
    answer = provider.submit(name, (SAMPLES / name).read_bytes())

    assert answer.status_code == 202
    receipt = answer.json()
    judged = provider.judged(receipt["submission_id"])
    assert sum(judged["counts"].values()) == receipt["claims"] == len(judged["claims"])
    assert judged["counts"]["unreadable"] == receipt["unreadable"]
    for claim in judged["claims"]:
        severities = {finding["severity"] for finding in claim["findings"]}
        assert claim["verdict"] == "unreadable" or claim["verdict"] == (
            "rejected" if "reject" in severities else "pended" if "pend" in severities else "accepted"
        )
        assert all(finding["authority"] and finding["message"] for finding in claim["findings"])


def test_a_clean_claim_has_a_clock_and_its_payment_reaches_the_provider(
    provider: Client, plan: Client
) -> None:
    receipt = provider.submit("fresh.837", file_837p(3, first_number=500)).json()
    first, *others = with_clocks(provider, provider.judged(receipt["submission_id"]))
    assert len(others) == 2
    arrival = date.fromisoformat(first["clock"]["arrival_date"])
    assert first["clock"]["contract_30"] == (arrival + timedelta(30)).isoformat()

    paid = plan.request(
        "POST",
        f"/payments/api/v1/claims/{first['claim_id']}/payment-events",
        json={"kind": "paid", "date": arrival.isoformat(), "amount_cents": 20_000, "reference": "EFT-1"},
    )

    assert paid.ok, paid.text
    claim = until(
        "the payment",
        lambda: provider.get(f"/intake/api/v1/claims/{first['claim_id']}"),
        lambda seen: seen["payments"],
    )
    assert claim["payments"][0]["amount_cents"] == 20_000
    assert claim["timeline"][0]["event"] == "claim.received"
    assert {"claim.validated", "clock.started", "claim.paid"} <= {each["event"] for each in claim["timeline"]}


def test_a_provider_reads_why_its_claim_was_denied(provider: Client, plan: Client) -> None:
    receipt = provider.submit("denied.837", file_837p(1, first_number=700)).json()
    claim = with_clocks(provider, provider.judged(receipt["submission_id"]))[0]

    denied = plan.request(
        "POST",
        f"/payments/api/v1/claims/{claim['claim_id']}/payment-events",
        json={
            "kind": "denied",
            "date": claim["clock"]["arrival_date"],
            "reason": "No authorization for G9012",
        },
    )

    assert denied.ok, denied.text
    seen = until(
        "the denial",
        lambda: provider.get(f"/intake/api/v1/claims/{claim['claim_id']}"),
        lambda found: found["payments"],
    )
    assert seen["payments"][0]["reason"] == "No authorization for G9012"
    assert seen["clock"]["state"] == "denied_on_time"


def test_the_same_bytes_from_two_clients_at_once_are_one_submission(
    suite: EmbeddedSuite, provider: Client
) -> None:
    content = file_837p(40, first_number=1_000)
    colleague = suite.client("provider")

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda number: (provider, colleague)[number % 2].submit("twice.837", content), range(8))
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
    assert len({answer.json()["submission_id"] for answer in answers}) == 1
    judged = provider.judged(answers[0].json()["submission_id"])
    assert judged["counts"] == {"accepted": 40, "pended": 0, "rejected": 0, "unreadable": 0}


def test_the_same_claims_in_another_file_are_duplicates_that_name_the_first(provider: Client) -> None:
    provider.judged(provider.submit("first.837", file_837p(2, first_number=2_000)).json()["submission_id"])

    again = provider.submit("second.837", file_837p(2, first_number=2_000) + b"\n")

    judged = provider.judged(again.json()["submission_id"])
    assert judged["counts"]["rejected"] == 2
    rules = {finding["rule"] for claim in judged["claims"] for finding in claim["findings"]}
    assert "duplicate.exact" in rules


def test_a_provider_sees_nothing_of_another(suite: EmbeddedSuite, provider: Client) -> None:
    receipt = provider.submit("mine.837", file_837p(1, first_number=3_000)).json()
    claim_id = provider.judged(receipt["submission_id"])["claims"][0]["claim_id"]
    stranger = suite.client("provider", "Another agency", "--npi=1999999984")

    assert (
        stranger.request("GET", f"/intake/api/v1/submissions/{receipt['submission_id']}").status_code == 404
    )
    assert stranger.request("GET", f"/intake/api/v1/claims/{claim_id}").status_code == 404
    assert stranger.get("/intake/api/v1/claims")["items"] == []
    assert stranger.get("/intake/api/v1/submissions")["items"] == []
    assert stranger.get("/payments/api/v1/clocks")["items"] == []


def test_claims_under_somebody_elses_npi_are_rejected(suite: EmbeddedSuite) -> None:
    stranger = suite.client("provider", "Another agency", "--npi=1999999984")

    receipt = stranger.submit("theirs.837", file_837p(1, first_number=4_000)).json()

    claim = stranger.judged(receipt["submission_id"])["claims"][0]
    assert claim["verdict"] == "rejected"
    assert "provider.not_yours" in {finding["rule"] for finding in claim["findings"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.837", b""),
        ("photo.xlsx", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("report.pdf", b"%PDF-1.7\n"),
        ("cut-off.837", file_837p(3)[:900]),
        ("remittance.835", file_837p(1).replace(b"ST*837", b"ST*835").replace(b"GS*HC", b"GS*HP")),
        ("bad.json", b'{"claims": [{'),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_reason(
    provider: Client, name: str, content: bytes
) -> None:
    answer = provider.submit(name, content)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["errors"][0]["rule"] == "file.unreadable"
    assert problem["detail"] and problem["errors"][0]["expected"]
    assert "Traceback" not in answer.text


def test_a_revoked_key_stops_working_at_once(suite: EmbeddedSuite) -> None:
    client = suite.client("provider")
    listed = subprocess.run(
        [COMMAND, "keys", "list", "--format", "json"],
        env=suite.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    key_id = json.loads(listed.stdout)[-1]["id"]
    assert client.request("GET", "/intake/api/v1/claims").status_code == 200

    subprocess.run(
        [COMMAND, "keys", "revoke", key_id], env=suite.environment, check=True, capture_output=True
    )

    for service in ("intake/api/v1/claims", "payments/api/v1/clocks", "validator/api/v1/codes"):
        assert client.request("GET", f"/{service}").status_code == 401


def test_the_log_lines_hold_no_member(suite: EmbeddedSuite, provider: Client) -> None:
    provider.judged(provider.submit("logged.837", file_837p(5, first_number=6_000)).json()["submission_id"])

    logs = suite.processes.logs()

    members = [
        segment.split("*") for segment in segments_837p(5, first_number=6_000) if segment.startswith("NM1*IL")
    ]
    assert members
    for member in members:
        assert member[9] not in logs
        assert member[3] not in logs


def test_the_blank_invoice_can_be_had_with_any_key(suite: EmbeddedSuite, provider: Client) -> None:
    workbook = provider.request("GET", "/intake/api/v1/invoice-template.xlsx")
    text = provider.request("GET", "/intake/api/v1/invoice-template.csv")

    assert workbook.content.startswith(b"PK")
    assert "Procedure code" in text.text
