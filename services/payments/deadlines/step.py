"""The worker's step that tells of deadlines: near, missed, and interest that is due.

Each notice goes out exactly once, however many workers look and however long none did. The row in
``deadline_notices``, the event, the log entry and the clock's next day stand in one transaction, under the lock that
all writers of payments take. What came due while no worker ran is told afterwards, in the order of the days.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from prometheus_client import Counter
from sqlalchemy import Connection, Row, select

from services.payments.clock import Outcome
from services.payments.deadlines.notices import Notice, notices
from services.payments.log import audit_log
from services.payments.log.audit_log import Happening
from services.payments.models import CLOCKS, DEADLINE_NOTICES, MESSAGING
from services.payments.outgoing import clock_event
from services.payments.projection import decoded_terms, entries_of, fold_row
from shared.among import among
from shared.calendar import pacific_date
from shared.database import insert_rows, update_rows
from shared.events import DeadlineNotice, Event, utc_text
from shared.failpoints import failpoint
from shared.messaging.outbox import enqueue
from shared.parts import Parts

BATCH = 1000
"""Clocks a tick looks at: a fraction of a second, for which other writers wait."""

told = Counter("promptclaim_deadline_notices", "Deadline notices sent, by event type", ["type"])


class TellOfDeadlines:
    """One ticker works at a time; the others find nothing to do."""

    def __init__(self, parts: Parts, *, batch: int = BATCH) -> None:
        self._parts, self._batch = parts, batch

    def run_once(self) -> int:
        """Tell of at most a batch of clocks; how many were looked at, 0 where none is due or another is at it.

        Raises ``sqlalchemy.exc.DBAPIError``; then nothing of the batch was told, and it comes again.
        """
        database, now = self._parts.database, self._parts.now()
        with database.read() as connection:
            if not _due(connection, pacific_date(now), 1):
                return 0
        with database.try_lock("deadlines") as mine:
            if not mine:
                return 0
            with database.begin() as connection:
                looked_at, events = tell(connection, now, self._batch)
                failpoint("deadlines_before_commit")
            failpoint("deadlines_after_commit")
        for event in events:
            told.labels(event.type).inc()
        return looked_at


def tell(connection: Connection, now: datetime, limit: int) -> tuple[int, list[Event]]:
    """Tell what is due at ``now`` (aware) of at most ``limit`` clocks, in the caller's transaction.

    How many clocks were looked at, and the events that were put into the outbox.
    """
    audit_log.lock(connection)
    today = pacific_date(now)
    rows = _due(connection, today, limit)
    if not rows:
        return 0, []
    ids = [row.claim_id for row in rows]
    entries, sent = entries_of(connection, ids), _sent(connection, ids)
    # Of a full batch only what came due by its last clock's day: clocks that are not in it come due on later days.
    horizon = today if len(rows) < limit else rows[-1].next_notice_on
    batch = _Batch(now, today)
    for row in rows:
        outcome = None if row.status == "none" else fold_row(row, entries.get(row.claim_id, ()))
        called_for = notices(outcome, decoded_terms(row.terms)) if outcome is not None else ()
        batch.take(row, outcome, _without(called_for, sent[row.claim_id]), horizon)
    return len(rows), batch.write(connection)


def _due(connection: Connection, today: date, limit: int) -> Sequence[Row[Any]]:
    c = CLOCKS.c
    statement = (
        select(CLOCKS).where(c.next_notice_on <= today).order_by(c.next_notice_on, c.claim_id).limit(limit)
    )
    return connection.execute(statement).all()


def _sent(connection: Connection, claim_ids: Iterable[str]) -> Mapping[str, set[tuple[str, date]]]:
    n = DEADLINE_NOTICES.c
    statement = select(n.claim_id, n.notice, n.deadline).where(among(connection, n.claim_id, claim_ids))
    found: dict[str, set[tuple[str, date]]] = defaultdict(set)
    for claim_id, notice, deadline in connection.execute(statement):
        found[claim_id].add((notice, deadline))
    return found


def _without(called_for: Iterable[Notice], sent: set[tuple[str, date]]) -> list[Notice]:
    return [notice for notice in called_for if (notice.notice, notice.deadline) not in sent]


class _Batch:
    """What a batch of clocks calls for, gathered to be written at once, in the order of the days."""

    def __init__(self, now: datetime, today: date) -> None:
        self._now, self._today = now, today
        self._moved: list[dict[str, Any]] = []
        self._told: list[tuple[Notice, Row[Any], Outcome, int]] = []

    def take(self, row: Row[Any], outcome: Outcome | None, untold: Sequence[Notice], horizon: date) -> None:
        """``untold``: what the clock calls for and was not told yet, by day."""
        sequence = row.sequence
        ahead = [notice.due_on for notice in untold if notice.due_on > horizon]
        for notice in untold:
            if notice.due_on <= horizon and outcome is not None:
                sequence += 1
                self._told.append((notice, row, outcome, sequence))
        next_on = min(ahead, default=None)
        self._moved.append({"claim_id": row.claim_id, "sequence": sequence, "next_notice_on": next_on})

    def write(self, connection: Connection) -> list[Event]:
        """Write it all; the events."""
        # Stable, so that the notices of one claim keep to their sequence.
        self._told.sort(key=lambda each: each[0].due_on)
        rows, happenings, events = [], [], []
        for notice, row, outcome, sequence in self._told:
            rows.append(
                {
                    "claim_id": row.claim_id,
                    "notice": notice.notice,
                    "deadline": notice.deadline,
                    "noticed_at": self._now,
                }
            )
            happenings.append(Happening(notice.event, row.claim_id, self._logged(notice)))
            events.append(self._event(notice, row, outcome, sequence))
        insert_rows(connection, DEADLINE_NOTICES, rows)
        update_rows(connection, CLOCKS, ("claim_id",), self._moved)
        audit_log.append(connection, happenings, self._now)
        enqueue(connection, MESSAGING, events)
        return events

    def _event(self, notice: Notice, row: Row[Any], outcome: Outcome, sequence: int) -> Event:
        return clock_event(
            notice.event,
            {**row._mapping, "sequence": sequence},
            outcome,
            self._now,
            self._today,
            notice=DeadlineNotice(notice.notice, notice.deadline, notice.due_on, notice.authority),
        )

    def _logged(self, notice: Notice) -> dict[str, Any]:
        return {
            "notice": notice.notice,
            "deadline": notice.deadline.isoformat(),
            "due_on": notice.due_on.isoformat(),
            "noticed_at": utc_text(self._now),
        }
