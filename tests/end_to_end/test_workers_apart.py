"""`promptclaim up --apart`: the same suite, with two services' workers in processes of their own."""

import os
import signal
import subprocess
from pathlib import Path

from running import EmbeddedSuite, file_837p, until


def test_claims_travel_the_whole_way_and_a_killed_suite_leaves_no_worker_behind(tmp_path: Path) -> None:
    suite = EmbeddedSuite(tmp_path)
    try:
        suite.start("--apart")
        client = suite.client("provider")
        workers = children_of(suite.child.pid)
        assert len(workers) == 2
        judged = client.judged(client.submit("a.837", file_837p(5)).json()["submission_id"])
        assert judged["counts"]["accepted"] == 5

        suite.child.kill()

        until(
            "the workers to stop", lambda: [pid for pid in workers if is_running(pid)], lambda left: not left
        )
        suite.start("--apart")
        client = suite.client("provider")
        again = client.judged(client.submit("b.837", file_837p(5, first_number=50)).json()["submission_id"])
        assert again["counts"]["accepted"] == 5
        until(
            "every clock",
            lambda: client.get(f"/intake/api/v1/submissions/{again['submission_id']}")["claims"],
            lambda claims: all(claim["clock"] for claim in claims),
        )
    finally:
        suite.processes.stop()


def test_a_worker_that_ends_by_itself_stops_the_suite(tmp_path: Path) -> None:
    suite = EmbeddedSuite(tmp_path)
    try:
        suite.start("--apart")

        os.kill(children_of(suite.child.pid)[0], signal.SIGKILL)

        until("the suite to stop", suite.child.poll, lambda status: status is not None)
    finally:
        suite.processes.stop()


def children_of(pid: int) -> list[int]:
    return [child for child, parent, _ in processes() if parent == pid]


def is_running(pid: int) -> bool:
    return any(each == pid and not state.startswith("Z") for each, _, state in processes())


def processes() -> list[tuple[int, int, str]]:
    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    return [
        (int(pid), int(parent), state) for pid, parent, state in map(str.split, listed.stdout.splitlines())
    ]
