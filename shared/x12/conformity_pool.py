"""Checks many transaction sets on all cores, in file order, with only a few in memory at a time."""

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from shared.x12.conformity import Conformity, ConformityReport, TransactionSet, check, not_verified, report_on
from shared.x12.guide import guide

_WAITING_A_PROCESS = 2
_ONE_CORE_CLAIMS = 20_000
"""Up to here one core is done before others have started and compiled the guide."""


def processes_for(claims: int) -> int:
    """How many processes pay off for a file of so many claims; 0: check in this one."""
    return (os.cpu_count() or 1) if claims > _ONE_CORE_CLAIMS else 0


def check_sets(
    sets: Iterable[TransactionSet], *, processes: int, engine: Conformity = check
) -> Generator[ConformityReport, None, None]:
    """A report for every set, in their order. ``processes=0`` checks in this process.

    A process that dies costs the set that killed it its verification and nothing else. ``engine`` must be a
    function that another process can import. Closing the iterator stops the processes.
    """
    if processes <= 0:
        for transaction_set in sets:
            yield report_on(transaction_set, engine)
        return
    with _Pool(processes, engine) as pool:
        yield from pool.reports(sets)


class _Pool:
    def __init__(self, processes: int, engine: Conformity) -> None:
        self._processes = processes
        self._engine = engine
        self._executor = self._start()

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> ProcessPoolExecutor:
        # Spawned, not forked: the caller may have threads and open connections.
        return ProcessPoolExecutor(self._processes, mp_context=get_context("spawn"), initializer=guide)

    def reports(self, sets: Iterable[TransactionSet]) -> Iterator[ConformityReport]:
        waiting: deque[tuple[TransactionSet, Future[ConformityReport]]] = deque()
        for transaction_set in sets:
            waiting.append((transaction_set, self._submit(transaction_set)))
            if len(waiting) > self._processes * _WAITING_A_PROCESS:
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def _submit(self, transaction_set: TransactionSet) -> Future[ConformityReport]:
        try:
            return self._executor.submit(report_on, transaction_set, self._engine)
        except BrokenProcessPool as error:
            broken: Future[ConformityReport] = Future()
            broken.set_exception(error)
            return broken

    def _next(self, waiting: "deque[tuple[TransactionSet, Future[ConformityReport]]]") -> ConformityReport:
        transaction_set, future = waiting.popleft()
        try:
            return future.result()
        except BrokenProcessPool:
            return self._alone(transaction_set, waiting)

    def _alone(
        self,
        transaction_set: TransactionSet,
        waiting: "deque[tuple[TransactionSet, Future[ConformityReport]]]",
    ) -> ConformityReport:
        # Nobody knows which set killed the process: this one is tried by itself, then the others go on.
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor = self._start()
        try:
            report = self._executor.submit(report_on, transaction_set, self._engine).result()
        except BrokenProcessPool:
            report = not_verified(transaction_set, "the check stopped")
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = self._start()
        for index, (other, future) in enumerate(waiting):
            if not future.done() or future.cancelled() or future.exception() is not None:
                waiting[index] = (other, self._submit(other))
        return report
