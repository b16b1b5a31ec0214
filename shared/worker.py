"""Runs a service's steps (consumers, relay, timers), each in a thread of its own, until stopped.

A step that fails is tried again after a growing, jittered pause. Its failure is logged by the kind of error
only: a message may quote data.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from shared.database import safe_description
from shared.messaging.consumer import ConsumerHalted

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
STALE_AFTER_SECONDS = 120.0

log = logging.getLogger(__name__)


class Step(NamedTuple):
    """``run_once`` does a bounded piece of work and says how much it found;

    after nothing, ``wait`` is called with ``idle_seconds`` (left out: just wait). ``pause_seconds`` is waited after
    something, by a step that nobody waits for: it finds more at once then. ``close`` is called in the
    step's thread when it ends; ``interrupt``, in another, to let a ``run_once`` that may take long come back soon.
    """

    name: str
    run_once: Callable[[], int]
    idle_seconds: float = 0.0
    wait: Callable[[float], None] | None = None
    close: Callable[[], None] | None = None
    interrupt: Callable[[], None] | None = None
    pause_seconds: float = 0.0


class StepState(NamedTuple):
    """``beat_seconds_ago`` is the time since the step last came back, failed or not;

    ``error`` the kind of its last failure where it has not succeeded since; ``halted`` that it will not be
    tried again.
    """

    beat_seconds_ago: float
    error: str | None
    halted: bool


class Worker:
    """Threads are daemons:

    a process that must go at once is not held up. Use :meth:`stop` to end in order.
    """

    def __init__(self, name: str, steps: Sequence[Step], *, stale_after: float = STALE_AFTER_SECONDS) -> None:
        self.name = name
        self._stale_after = stale_after
        self._stop = threading.Event()
        self._runs = [_Run(name, step, self._stop) for step in steps]

    def start(self) -> None:
        for run in self._runs:
            run.thread.start()

    def ask_to_stop(self) -> None:
        """Let no step begin anything more. Does not wait."""
        self._stop.set()
        for run in self._runs:
            if run.step.interrupt:
                run.step.interrupt()

    def stop(self, timeout_seconds: float = 30.0) -> bool:
        """Let every step finish what it does and close; whether all did so within ``timeout_seconds``."""
        self.ask_to_stop()
        until = time.monotonic() + timeout_seconds
        for run in self._runs:
            if run.thread.ident is not None:
                run.thread.join(max(0.0, until - time.monotonic()))
        return not any(run.thread.is_alive() for run in self._runs)

    def states(self) -> dict[str, StepState]:
        """By step name, for readiness and logs."""
        return {run.step.name: run.state() for run in self._runs}

    @property
    def healthy(self) -> bool:
        """Whether every step runs, came back lately and did not fail last time."""
        return all(
            run.thread.is_alive()
            and not state.halted
            and state.error is None
            and state.beat_seconds_ago < self._stale_after
            for run in self._runs
            for state in (run.state(),)
        )


class _Run:
    def __init__(self, worker: str, step: Step, stop: threading.Event) -> None:
        self.step = step
        self.thread = threading.Thread(target=self._loop, name=f"{worker}/{step.name}", daemon=True)
        self._stop = stop
        self._beat = time.monotonic()
        self._error: str | None = None
        self._halted = False
        self._failures = 0

    def state(self) -> StepState:
        return StepState(time.monotonic() - self._beat, self._error, self._halted)

    def _loop(self) -> None:
        try:
            while not self._stop.is_set() and not self._halted:
                self._turn()
        finally:
            if self.step.close:
                try:
                    self.step.close()
                except Exception as error:
                    log.warning("%s did not close cleanly: %s", self.thread.name, safe_description(error))

    def _turn(self) -> None:
        try:
            found = self.step.run_once()
        except ConsumerHalted as error:
            self._halted, self._error = True, str(error)
            log.critical("%s is halted: %s", self.thread.name, error)
        except Exception as error:
            self._failed(error)
        else:
            self._beat, self._error, self._failures = time.monotonic(), None, 0
            if found and self.step.pause_seconds:
                self._stop.wait(self.step.pause_seconds)
            elif not found and self.step.idle_seconds:
                wait = self.step.wait or self._stop.wait
                wait(self.step.idle_seconds)

    def _failed(self, error: Exception) -> None:
        self._beat, self._error = time.monotonic(), safe_description(error)
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._failures)
        pause *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, guards nothing
        self._failures = min(self._failures + 1, 16)
        log.error("%s failed (%s), again in %.1f s", self.thread.name, self._error, pause)
        self._stop.wait(pause)
