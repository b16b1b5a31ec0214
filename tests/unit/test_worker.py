"""The worker: steps go on after failures, stop in order, and tell the truth about their health."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.bus import BusUnavailable
from shared.bus.embedded import EmbeddedBus
from shared.failpoints import failpoint
from shared.messaging.consumer import ConsumerHalted
from shared.worker import Step, Worker


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.005)


@pytest.fixture
def run() -> Iterator[Callable[..., Worker]]:
    started: list[Worker] = []

    def start(*steps: Step, **settings: float) -> Worker:
        worker = Worker("test", steps, **settings)
        started.append(worker)
        worker.start()
        return worker

    yield start
    for worker in started:
        worker.stop(5)


def test_a_step_runs_again_and_again_until_stopped(run: Callable[..., Worker]) -> None:
    turns: list[int] = []
    closed: list[str] = []

    def turn() -> int:
        turns.append(1)
        return 0

    worker = run(
        Step("a", turn, idle_seconds=0.001, close=lambda: closed.append(threading.current_thread().name))
    )
    eventually(lambda: len(turns) > 3)
    assert worker.healthy
    assert worker.stop(5)
    assert closed == ["test/a"]
    count = len(turns)
    time.sleep(0.02)
    assert len(turns) == count
    assert not worker.healthy


def test_a_failing_step_is_tried_again_and_recovers(
    run: Callable[..., Worker], caplog: pytest.LogCaptureFixture
) -> None:
    failing = True

    def turn() -> int:
        if failing:
            raise ValueError("91234567A is not a number")
        time.sleep(0.001)
        return 1

    with caplog.at_level(logging.ERROR):
        worker = run(Step("a", turn))
        eventually(lambda: "ValueError" in caplog.text)
    assert worker.states()["a"].error == "ValueError"
    assert not worker.healthy
    assert "91234567A" not in caplog.text, "a message may hold PHI: only the kind of error is logged"
    failing = False
    eventually(lambda: worker.healthy)


def test_a_halted_step_is_not_tried_again(run: Callable[..., Worker]) -> None:
    turns: list[int] = []

    def turn() -> int:
        turns.append(1)
        raise ConsumerHalted("20 events in a row could not be processed")

    worker = run(Step("a", turn))
    eventually(lambda: worker.states()["a"].halted)
    time.sleep(0.02)
    assert len(turns) == 1
    assert not worker.healthy


def test_one_step_that_fails_does_not_hold_up_another(run: Callable[..., Worker]) -> None:
    turns: list[int] = []

    def fail() -> int:
        raise OSError

    def turn() -> int:
        turns.append(1)
        time.sleep(0.001)
        return 1

    run(Step("bad", fail), Step("good", turn))
    eventually(lambda: len(turns) > 20)


def test_a_step_that_does_not_come_back_is_unhealthy(run: Callable[..., Worker]) -> None:
    release = threading.Event()

    def hang() -> int:
        release.wait(20)
        return 0

    worker = run(Step("a", hang), stale_after=0.05)
    eventually(lambda: not worker.healthy)
    assert not worker.stop(0.01)
    release.set()
    assert worker.stop(5)


def test_a_worker_that_was_never_started_can_be_stopped() -> None:
    assert Worker("test", [Step("a", lambda: 0)]).stop(1)


def test_an_idle_step_waits_in_its_own_way(run: Callable[..., Worker]) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(0.001)

    run(Step("a", lambda: 0, idle_seconds=0.25, wait=wait))
    eventually(lambda: len(waits) > 2)
    assert set(waits) == {0.25}


def test_a_step_that_nobody_waits_for_pauses_after_what_it_found_and_still_stops_at_once(
    run: Callable[..., Worker],
) -> None:
    turns: list[int] = []

    def turn() -> int:
        turns.append(1)
        return 1

    worker = run(Step("a", turn, pause_seconds=60))
    eventually(lambda: turns)
    time.sleep(0.02)
    assert len(turns) == 1
    assert worker.stop(5)


def test_a_step_in_the_middle_of_long_work_is_asked_to_come_back(run: Callable[..., Worker]) -> None:
    begun, asked = threading.Event(), threading.Event()

    def long_work() -> int:
        begun.set()
        return int(asked.wait(30))

    worker = run(Step("long", long_work, interrupt=asked.set))
    assert begun.wait(10)
    assert worker.stop(5)


def test_failpoints_do_nothing_unless_asked_for() -> None:
    failpoint("before_handler")


def test_the_embedded_log_in_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(BusUnavailable):
        EmbeddedBus(tmp_path / "missing" / "events.db")
