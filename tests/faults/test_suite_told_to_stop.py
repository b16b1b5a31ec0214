"""SIGTERM in the middle of a long file: the suite stops soon and in order, and goes on where it was."""

import signal
import time
from pathlib import Path

from running import EmbeddedSuite, file_837p, until

CLAIMS, CLAIMS_IN_SET = 2_000, 50
SETS = CLAIMS // CLAIMS_IN_SET


def test_a_suite_told_to_stop_leaves_the_rest_of_a_file_to_the_next_start(tmp_path: Path) -> None:
    suite = EmbeddedSuite(tmp_path)
    provider = suite.client("provider")

    def checked_sets() -> int:
        return sum(suite.counts("intake", "SELECT submission_id, sets_handed_on FROM submissions").values())

    try:
        suite.start()
        answer = provider.submit("long.837", file_837p(CLAIMS, claims_in_set=CLAIMS_IN_SET))
        until("the first sets", checked_sets, lambda count: count >= 2)
        told = time.monotonic()
        suite.child.send_signal(signal.SIGTERM)
        assert suite.child.wait(20) == 0
        took = time.monotonic() - told
        assert 2 <= checked_sets() < SETS
        assert took < 10

        suite.start()
        judged = provider.judged(answer.json()["submission_id"])
    finally:
        suite.processes.stop()

    assert judged["counts"] == {"accepted": CLAIMS, "pended": 0, "rejected": 0, "unreadable": 0}
    assert checked_sets() == SETS
    found = suite.counts("validator", "SELECT claim_id, count(*) FROM judgements GROUP BY claim_id")
    assert len(found) == CLAIMS
    assert set(found.values()) == {1}
