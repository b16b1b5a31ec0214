"""kill -9 between any two steps of receive → outbox → bus → judge → clock: nothing is lost, nothing is doubled."""

import sqlite3
from pathlib import Path

import pytest
import requests
from running import EmbeddedSuite, file_837p, until

CLAIMS = 12

FAILPOINTS = (
    "receive_before_commit",
    "conformity_before_hand_on",
    "conformity_before_commit",
    "relay_before_publish",
    "relay_after_publish_before_mark",
    "relay_after_mark",
    "before_handler",
    "after_handler_before_commit",
    "after_commit",
)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_each_claim_has_one_verdict_one_clock_and_one_log_entry_after_a_kill(
    tmp_path: Path, failpoint: str, count: int
) -> None:
    suite = EmbeddedSuite(tmp_path)
    content = file_837p(CLAIMS, claims_in_set=4)
    try:
        suite.start(PROMPTCLAIM_FAILPOINT=f"{failpoint}:{count}")
        client = suite.client("provider")
        died_at_upload = False
        try:
            client.submit("claims.837", content)
        except requests.ConnectionError:
            died_at_upload = True
        if not (failpoint == "receive_before_commit" and count > 1):
            until("the kill", suite.child.poll, lambda status: status is not None, seconds=30)
            assert suite.child.returncode == -9
        suite.processes.stop()

        suite.start()
        client = suite.client("provider")
        again = client.submit("claims.837", content)
        assert again.status_code == (202 if died_at_upload and failpoint == "receive_before_commit" else 200)
        judged = client.judged(again.json()["submission_id"])

        assert judged["counts"] == {"accepted": CLAIMS, "pended": 0, "rejected": 0, "unreadable": 0}
        until(
            "every clock",
            lambda: client.get(f"/intake/api/v1/submissions/{judged['submission_id']}")["claims"],
            lambda claims: all(claim["clock"] for claim in claims),
        )
        ids = {claim["claim_id"] for claim in judged["claims"]}
        assert rows(
            suite, "validator", "SELECT claim_id, count(*) FROM judgements GROUP BY claim_id"
        ) == dict.fromkeys(ids, 1)
        assert rows(
            suite, "payments", "SELECT claim_id, count(*) FROM clocks GROUP BY claim_id"
        ) == dict.fromkeys(ids, 1)
        started = (
            "SELECT claim_id, count(*) FROM timeliness_log WHERE event = 'clock.started' GROUP BY claim_id"
        )
        assert rows(suite, "payments", started) == dict.fromkeys(ids, 1)
        assert (
            suite.client("auditor", "Auditor").get("/payments/api/v1/timeliness-log/verification")["intact"]
            is True
        )
    finally:
        suite.processes.stop()


def rows(suite: EmbeddedSuite, service: str, query: str) -> dict[str, int]:
    with sqlite3.connect(suite.data / f"{service}.db") as connection:
        return dict(connection.execute(query).fetchall())
