"""Files sent while processes are killed, and the proof that each of their claims still has one of everything."""

import signal
import subprocess
from contextlib import suppress
from typing import Protocol

import requests
from running import Client, file_837p, until

CLAIMS = 12
"""In a file, in three transaction sets."""

PATIENCE_SECONDS = 1.5
MOST_FILES = 30

RELAY = ("relay_before_publish", "relay_after_publish_before_mark", "relay_after_mark")
CONSUMER = ("before_handler", "after_handler_before_commit", "after_commit")
CONFORMITY = ("conformity_before_hand_on", "conformity_before_commit")

_ONE_OF_EACH = {
    "judgement": ("validator", "SELECT claim_id, count(*) FROM judgements GROUP BY claim_id"),
    "clock": ("payments", "SELECT claim_id, count(*) FROM clocks GROUP BY claim_id"),
    "log entry of its start": (
        "payments",
        "SELECT claim_id, count(*) FROM timeliness_log WHERE event = 'clock.started' GROUP BY claim_id",
    ),
    "verdict before the provider": (
        "intake",
        "SELECT claim_id, count(*) FROM timeline WHERE event = 'claim.validated' GROUP BY claim_id",
    ),
    "clock before the provider": (
        "intake",
        "SELECT claim_id, count(*) FROM timeline WHERE event = 'clock.started' GROUP BY claim_id",
    ),
}


class Suite(Protocol):
    def counts(self, service: str, query: str) -> dict[str, int]: ...


class Uploads:
    """Files of clean claims, each of members of its own, from member ``first_number`` on."""

    def __init__(self, client: Client, first_number: int) -> None:
        self._client = client
        self._next_number = first_number
        self._sent: list[tuple[bytes, bool]] = []

    @property
    def unanswered(self) -> int:
        return sum(not acknowledged for _, acknowledged in self._sent)

    def send(self) -> None:
        """Send one more file; the connection may break."""
        content = file_837p(CLAIMS, first_number=self._next_number, claims_in_set=4)
        self._next_number += CLAIMS
        try:
            answer = self._client.submit("claims.837", content)
        except requests.RequestException:
            self._sent.append((content, False))
        else:
            assert answer.status_code == 202, answer.text
            self._sent.append((content, True))

    def send_until_killed(self, child: "subprocess.Popen[bytes]", failpoint: str) -> None:
        """Send files until ``child`` has died at ``failpoint``: at once where there is work left over for it."""
        for _ in range(MOST_FILES):
            if child.poll() is not None:
                break
            self.send()
            with suppress(subprocess.TimeoutExpired):
                child.wait(PATIENCE_SECONDS)
        assert child.poll() == -signal.SIGKILL, f"{failpoint} did not kill: exit status {child.poll()}"

    def expect_each_claim_once(self, suite: Suite, auditor: Client) -> None:
        """Send every file once more, as a provider would who is not sure, and wait for its claims' clocks."""
        claims: set[str] = set()
        for content, acknowledged in self._sent:
            again = self._client.submit("claims.837", content)
            assert again.status_code in ((200,) if acknowledged else (200, 202)), again.text
            claims |= self._claims_with_clocks(again.json()["submission_id"])
        assert len(claims) == CLAIMS * len(self._sent)
        for what, (service, query) in _ONE_OF_EACH.items():
            found = suite.counts(service, query)
            assert {each: found.get(each) for each in claims} == dict.fromkeys(claims, 1), what
            assert set(found.values()) == {1}, what
        assert auditor.get("/payments/api/v1/timeliness-log/verification")["intact"] is True

    def _claims_with_clocks(self, submission_id: str) -> set[str]:
        judged = self._client.judged(submission_id)
        assert judged["counts"] == {"accepted": CLAIMS, "pended": 0, "rejected": 0, "unreadable": 0}
        found = until(
            f"every clock of {submission_id}",
            lambda: self._client.get(f"/intake/api/v1/submissions/{submission_id}")["claims"],
            lambda claims: all(claim["clock"] for claim in claims),
        )
        return {claim["claim_id"] for claim in found}
