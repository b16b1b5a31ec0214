"""The main job in production's shape: each service a server and a worker, on Apache Kafka and PostgreSQL."""

import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
import requests
from running import COMMAND, SERVICES, Client, RealSuite, file_837p, make_key, until


@pytest.fixture(scope="module")
def provider(real_suite: RealSuite) -> Client:
    return real_suite.client("provider")


def test_a_file_ends_in_verdicts_clocks_and_a_payment_that_the_provider_sees(
    real_suite: RealSuite, provider: Client
) -> None:
    plan = real_suite.client("claims", "Golden State Health Plan")
    auditor = real_suite.client("auditor", "Auditor")

    receipt = provider.submit("claims.837", file_837p(60, claims_in_set=20)).json()

    judged = provider.judged(receipt["submission_id"])
    assert judged["counts"] == {"accepted": 60, "pended": 0, "rejected": 0, "unreadable": 0}
    claims = until(
        "every clock",
        lambda: provider.get(f"/intake/api/v1/submissions/{receipt['submission_id']}")["claims"],
        lambda seen: all(claim["clock"] for claim in seen),
    )
    claim_id, arrival = claims[0]["claim_id"], date.fromisoformat(claims[0]["clock"]["arrival_date"])
    assert claims[0]["clock"]["contract_30"] == (arrival + timedelta(30)).isoformat()
    paid = plan.request(
        "POST",
        f"/payments/api/v1/claims/{claim_id}/payment-events",
        json={"kind": "paid", "date": arrival.isoformat(), "amount_cents": 24_000, "reference": "EFT-1"},
    )
    assert paid.ok, paid.text
    claim = until(
        "the payment",
        lambda: provider.get(f"/intake/api/v1/claims/{claim_id}"),
        lambda seen: seen["payments"] and seen["clock"]["state"] == "paid_on_time",
    )
    assert claim["payments"][0]["amount_cents"] == 24_000
    assert {"claim.received", "claim.validated", "clock.started", "claim.paid"} <= {
        entry["event"] for entry in claim["timeline"]
    }
    clocks = plan.get("/payments/api/v1/clocks", limit=100)["items"]
    assert {each["claim_id"] for each in clocks} == {each["claim_id"] for each in claims}
    log = auditor.get("/payments/api/v1/timeliness-log", limit=1000)["items"]
    assert sum(entry["event"] == "clock.started" for entry in log) == 60
    assert auditor.get("/payments/api/v1/timeliness-log/verification")["intact"] is True


def test_the_same_file_sent_eight_times_at_once_is_one_submission(
    real_suite: RealSuite, provider: Client
) -> None:
    content = file_837p(40, first_number=1_000)
    colleague = real_suite.client("provider")

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda number: (provider, colleague)[number % 2].submit("twice.837", content), range(8))
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
    assert len({answer.json()["submission_id"] for answer in answers}) == 1
    judged = provider.judged(answers[0].json()["submission_id"])
    assert judged["counts"] == {"accepted": 40, "pended": 0, "rejected": 0, "unreadable": 0}


def test_a_key_opens_every_service_until_it_is_revoked(real_suite: RealSuite) -> None:
    made = make_key(real_suite.environment, "claims", "Golden State Health Plan")
    client = Client(real_suite.urls, made)
    calls = ("/intake/api/v1/claims", "/validator/api/v1/codes", "/payments/api/v1/clocks")
    assert [client.request("GET", call).status_code for call in calls] == [200, 200, 200]
    listed = run(real_suite, "keys", "list", "--format", "json")

    run(real_suite, "keys", "revoke", json.loads(listed)[-1]["id"])

    assert [client.request("GET", call).status_code for call in calls] == [401, 401, 401]


@pytest.mark.parametrize("service", SERVICES)
def test_each_server_has_its_pages_health_metrics_and_description(
    real_suite: RealSuite, service: str
) -> None:
    for path in ("healthz", "readyz", "metrics", "api/v1/openapi.json", "docs"):
        answer = requests.get(f"{real_suite.urls[service]}/{service}/{path}", timeout=20)
        assert answer.status_code == 200, f"{service}/{path}: {answer.status_code}"


def test_the_front_door_stands_before_intake(real_suite: RealSuite) -> None:
    assert "Sign in" in requests.get(f"{real_suite.urls['intake']}/", timeout=20).text


@pytest.mark.parametrize(
    ("command", "setting", "named"),
    [
        (("work", "validator"), "PROMPTCLAIM_KAFKA_BOOTSTRAP_SERVERS", "Kafka"),
        (("db", "upgrade"), "PROMPTCLAIM_KAFKA_BOOTSTRAP_SERVERS", "Kafka"),
        (("db", "upgrade"), "PROMPTCLAIM_DATABASE_URL", "database"),
        (("work", "validator"), "PROMPTCLAIM_DATABASE_URL", "database"),
        (("keys", "list"), "PROMPTCLAIM_DATABASE_URL", "database"),
    ],
)
def test_a_part_that_cannot_be_reached_ends_the_command_with_one_clear_message(
    real_suite: RealSuite, unused_port: Callable[[], int], command: tuple[str, ...], setting: str, named: str
) -> None:
    nowhere = f"127.0.0.1:{unused_port()}"
    value = nowhere if "KAFKA" in setting else f"postgresql://promptclaim:secret-word@{nowhere}/claims"

    ended = subprocess.run(
        [COMMAND, *command],
        env={**real_suite.environment, setting: value},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert named in last
    assert nowhere in last
    assert "secret-word" not in ended.stderr


@pytest.mark.parametrize("kind", ["servers", "workers"])
def test_every_process_stops_soon_when_it_is_told_to(real_suite: RealSuite, kind: str) -> None:
    processes = getattr(real_suite, kind).values()

    for process in processes:
        process.terminate()

    assert [process.wait(10) for process in processes] == [0, 0, 0]


def run(suite: RealSuite, *arguments: str) -> str:
    return subprocess.run(
        [COMMAND, *arguments], env=suite.environment, capture_output=True, text=True, check=True
    ).stdout
