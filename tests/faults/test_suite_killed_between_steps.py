"""kill -9 between any two steps of receive → outbox → bus → judge → clock: nothing is lost, nothing is doubled."""

from pathlib import Path

import pytest
from killing import CONFORMITY, CONSUMER, RELAY, Uploads
from running import EmbeddedSuite


@pytest.mark.parametrize(
    "steps", [("receive_before_commit", *CONFORMITY), RELAY, CONSUMER], ids=["receipt", "relay", "consumer"]
)
def test_each_claim_has_one_verdict_one_clock_and_one_log_entry_after_kills(
    tmp_path: Path, steps: tuple[str, ...]
) -> None:
    suite = EmbeddedSuite(tmp_path)
    uploads = Uploads(suite.client("provider"), first_number=0)
    auditor = suite.client("auditor", "Auditor")
    try:
        # Started again and again on what the last one left; a later passing is that of another service's step.
        for failpoint in [f"{step}:{passing}" for step in steps for passing in (1, 3)]:
            suite.start(PROMPTCLAIM_FAILPOINT=failpoint)
            uploads.send_until_killed(suite.child, failpoint)

        suite.start()
        uploads.expect_each_claim_once(suite, auditor)
    finally:
        suite.processes.stop()
