"""Every service billed twice is found, and nothing else is, while validators hang, die and take partitions over.

Claims of one member meet in one partition, so no two validators judge them at once; and a validator that lost its
partition cannot commit what it judged. Compared with the rule itself: of each service the first claim received is
accepted, and every later one is a duplicate of it.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from running import SESSION_SECONDS, RealSuite, file_837p, until

CLAIMS = 40
FIRST_NUMBER = 60_000


def test_validators_that_come_and_go_miss_no_duplicate_and_invent_none(real_suite: RealSuite) -> None:
    provider = real_suite.client("provider", "Twice Sent Shelter")
    first = real_suite.workers["validator"]
    second = real_suite.work("validator")
    changes: list[Callable[[], object]] = [
        lambda: None,
        lambda: first.send_signal(signal.SIGSTOP),
        lambda: first.send_signal(signal.SIGCONT),
        second.kill,
        lambda: real_suite.work("validator"),
        first.terminate,
    ]

    sent = []
    for number, change in enumerate(changes):
        change()
        for part in range(4):
            # Other bytes, the same claims: each of them comes a second and a third time.
            sent.append(_send(provider, FIRST_NUMBER + CLAIMS * (part % 2), number * 4 + part))
            time.sleep((SESSION_SECONDS + 0.5) / 4)

    verdicts: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {}
    for submission_id in sent:
        for claim in _judged(provider, submission_id):
            rules = tuple(
                sorted({finding["rule"] for finding in claim["findings"] if finding["severity"] != "note"})
            )
            verdicts.setdefault(claim["claim"], []).append((claim["claim_id"], claim["verdict"], rules))
    assert len(verdicts) == 2 * CLAIMS
    for number, claims in verdicts.items():
        assert len(claims) == len(sent) // 2, number
        in_order = [(verdict, rules) for _, verdict, rules in sorted(claims)]
        assert in_order[0] == ("accepted", ()), number
        assert Counter(in_order[1:]) == {("rejected", ("duplicate.exact",)): len(claims) - 1}, number


def _send(provider: Any, first_number: int, copy: int) -> str:
    content = file_837p(CLAIMS, first_number=first_number, claims_in_set=10)
    # A blank line at the end changes the bytes and nothing else.
    answer = provider.submit("claims.837", content + b"\n" * (copy + 1))
    assert answer.status_code == 202, answer.text
    submission_id: str = answer.json()["submission_id"]
    return submission_id


def _judged(provider: Any, submission_id: str) -> list[dict[str, Any]]:
    found: dict[str, Any] = until(
        f"the verdicts of {submission_id}",
        lambda: provider.get(f"/intake/api/v1/submissions/{submission_id}"),
        lambda submission: submission["status"] == "complete",
        seconds=120,
    )
    claims: list[dict[str, Any]] = found["claims"]
    return claims
