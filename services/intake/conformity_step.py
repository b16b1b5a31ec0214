"""After receipt: check each transaction set against the implementation guide, then hand its claims to the validator.

Receipt answers at once; this slower step runs in the worker. A job's progress, the findings it adds and the events
it sends commit set by set, so a crash repeats at most one set, and its outcome only once.
"""

import logging
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, select, update

from services.intake.models import CLAIMS, CONFORMITY_JOBS, MESSAGING, SUBMISSIONS
from services.intake.receive import BATCH, received_event, restore_source
from shared.database import update_rows
from shared.events import ClaimReceived, encode
from shared.failpoints import failpoint
from shared.messaging.outbox import enqueue
from shared.parts import Parts
from shared.x12.conformity import ConformityReport, merge, transaction_sets
from shared.x12.conformity_pool import check_sets, processes_for

_LOCK_SLOTS = 16
_LOOKED_AT = 10

log = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(ClaimReceived).decode


class Job(Struct, frozen=True):
    submission_id: str
    sets_handed_on: int
    claims: int
    correlation_id: str


class ConformityStep:
    """One waiting submission at a time; several workers may run, each on its own.

    A submission whose check fails is tried again after all that wait behind it.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._interrupted = False
        self._failures: Counter[str] = Counter()

    def interrupt(self) -> None:
        """Let ``run_once`` come back after the set it is at; what is left of the job waits for the next worker."""
        self._interrupted = True

    def run_once(self) -> int:
        """Work one job to its end; return how many claims it held (0: nothing is waiting, or others are at it).

        Raises what made the job fail; what was handed on of it stays so.
        """
        for submission_id in self._waiting():
            # Locks are named by slot, not by submission: on SQLite every name is a file that stays.
            slot = zlib.crc32(submission_id.encode()) % _LOCK_SLOTS
            with self._parts.database.try_lock(f"conformity-{slot}") as mine:
                if mine and (job := self._job(submission_id)):
                    try:
                        self._work(job)
                    except Exception:
                        self._failures[submission_id] += 1
                        tried = self._failures[submission_id]
                        log.error("structure check of %s failed, attempt %d", submission_id, tried)
                        raise
                    del self._failures[submission_id]
                    return job.claims
        return 0

    def _waiting(self) -> list[str]:
        """The oldest first, and behind them those that failed here."""
        oldest_first = (
            select(CONFORMITY_JOBS.c.submission_id)
            .order_by(CONFORMITY_JOBS.c.submission_id)
            .limit(_LOOKED_AT + len(self._failures))
        )
        with self._parts.database.read() as connection:
            waiting = list(connection.execute(oldest_first).scalars())
        return sorted(waiting, key=self._failures.__getitem__)

    def _job(self, submission_id: str) -> Job | None:
        """The job as it stands now that it is locked; ``None`` where another worker has ended it meanwhile."""
        s = SUBMISSIONS.c
        with self._parts.database.read() as connection:
            row = connection.execute(
                select(s.submission_id, s.sets_handed_on, s.claims, s.correlation_id)
                .join(CONFORMITY_JOBS, s.submission_id == CONFORMITY_JOBS.c.submission_id)
                .where(s.submission_id == submission_id)
            ).one_or_none()
        return Job(*row) if row else None

    def _work(self, job: Job) -> None:
        for report in self._reports(job):
            failpoint("conformity_before_hand_on")
            self._hand_on(job, report)
            if self._interrupted:
                return
        with self._parts.database.begin() as connection:
            connection.execute(
                delete(CONFORMITY_JOBS).where(CONFORMITY_JOBS.c.submission_id == job.submission_id)
            )

    def _reports(self, job: Job) -> Iterator[ConformityReport]:
        with tempfile.TemporaryDirectory(prefix="promptclaim-") as folder:
            path = Path(folder) / "source"
            with self._parts.database.read() as connection:
                restore_source(connection, job.submission_id, path)
            waiting = (each for each in transaction_sets(path) if each.ordinal >= job.sets_handed_on)
            yield from check_sets(waiting, processes=processes_for(job.claims))

    def _hand_on(self, job: Job, report: ConformityReport) -> None:
        """Send the claims of one checked set with its findings, unless another worker has been faster."""
        with self._parts.database.begin() as connection:
            moved = connection.execute(
                update(SUBMISSIONS)
                .where(
                    SUBMISSIONS.c.submission_id == job.submission_id,
                    SUBMISSIONS.c.sets_handed_on == report.ordinal,
                )
                .values(sets_handed_on=report.ordinal + 1)
            )
            if moved.rowcount:
                self._send_claims(connection, job, report)
            failpoint("conformity_before_commit")

    def _send_claims(self, connection: Connection, job: Job, report: ConformityReport) -> None:
        now = self._parts.now()
        rows = connection.execute(
            select(CLAIMS.c.claim_id, CLAIMS.c.claim_ordinal, CLAIMS.c.received)
            .where(CLAIMS.c.submission_id == job.submission_id, CLAIMS.c.set_ordinal == report.ordinal)
            .order_by(CLAIMS.c.ordinal)
        )
        for partition in rows.partitions(BATCH):
            changed, events = [], []
            for claim_id, claim_ordinal, document in partition:
                received = _decode(document)
                if structure := report.by_claim.get(claim_ordinal):
                    received = msgspec.structs.replace(received, findings=merge(received.findings, structure))
                    document = encode(received)
                    changed.append({"claim_id": claim_id, "received": document})
                events.append(
                    received_event(self._parts, received, _bytes(document), now, job.correlation_id)
                )
            update_rows(connection, CLAIMS, ("claim_id",), changed)
            enqueue(connection, MESSAGING, events)


def _bytes(document: str | bytes) -> bytes:
    return document.encode() if isinstance(document, str) else document
