"""Recording what a payer did with claims: paid, denied, contested, and the rest.

One use case behind the HTTP call and the event topic alike. A batch is checked against the claims as they
stand, appended to the entries, folded into the clocks, logged and published, all in the caller's transaction.
An entry for a claim whose verdict is not here yet is kept and takes effect when the verdict comes: events of
two topics have no order between them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, select
from uuid_utils import uuid7

from services.payments.clock import Entry, Outcome
from services.payments.log import audit_log
from services.payments.log.audit_log import Happening
from services.payments.log.seals import new_salt, reference_seal
from services.payments.models import CLAIM_LINES, CLOCKS, MESSAGING, PAYMENT_ENTRIES, WAITING_ENTRIES
from services.payments.outgoing import clock_event, event_type
from services.payments.projection import entries_of, fold_row, outcome_columns
from services.payments.refusals import (
    Known,
    Problem,
    checked,
    shape_problem,
    waiting_problem,
)
from shared.among import among
from shared.calendar import pacific_date
from shared.database import insert_rows, update_rows
from shared.events import Event
from shared.messaging.outbox import enqueue

KINDS = ("paid", "denied", "contested", "information_received", "payment_reversed", "cancelled")

NO_CLOCK = "The claim was rejected or voided and has no clock to act on."


class Recording(Struct, frozen=True):
    """One thing to record. ``correlation_id`` follows it into the events that it causes.

    ``natural_key``: what makes the same event the same wherever it comes from, such as a remittance and the
    place in it. Absent, an event with a ``reference`` is the same where everything else about it is, too.
    ``unchecked``: no state of the claim speaks against it, such as what the provider did with its own claim.
    """

    claim_id: str
    entry: Entry
    recorded_by: str
    reference: str | None = None
    reason: str | None = None
    correlation_id: str = ""
    natural_key: str | None = None
    unchecked: bool = False

    @property
    def key(self) -> str | None:
        """The natural key, given or made; ``None``: nothing makes two such events the same."""
        entry = self.entry
        if self.natural_key or not self.reference or entry.kind == "withdrawn":
            return self.natural_key
        same = (
            *(entry.kind, entry.date, entry.amount_cents, entry.interest_cents, entry.line, entry.corrects),
            self.reference,
        )
        return f"event/{self.claim_id}/{sha256(msgspec.json.encode(same)).hexdigest()}"


class Refused(Exception):
    """The entry contradicts what is known of its claim. ``problem`` says so for people; no PHI."""

    def __init__(self, claim_id: str, field: str, problem: str, *, conflict: bool) -> None:
        super().__init__(problem)
        self.claim_id, self.field, self.problem, self.conflict = claim_id, field, problem, conflict


class Recorded(NamedTuple):
    """An entry as recorded, ``on`` a day in California. ``outcome`` is ``None`` where the claim is not known
    here yet, or has no clock. ``again``: it was recorded before, and this is the answer of then.
    """

    entry_id: str
    outcome: Outcome | None
    on: date
    again: bool = False


def record(
    connection: Connection, recordings: Sequence[Recording], now: datetime, *, must_know: bool = False
) -> list[Recorded]:
    """Record a batch at ``now`` (aware), in the caller's transaction. What was recorded before (by its natural
    key) changes nothing and is answered as it was then.

    Raises ``Refused`` for the first entry that contradicts its claim, and, with ``must_know``,
    ``LookupError`` for a claim that is not known here.
    """
    audit_log.lock(connection)
    ids = list({recording.claim_id for recording in recordings})
    rows = {
        row.claim_id: row
        for row in connection.execute(select(CLOCKS).where(among(connection, CLOCKS.c.claim_id, ids)))
    }
    by_line = [recording.claim_id for recording in recordings if recording.entry.line is not None]
    batch = _Batch(
        rows,
        defaultdict(list, entries_of(connection, ids)),
        charges_of(connection, by_line),
        _recorded_before(connection, recordings),
        now,
    )
    results = [batch.take(recording, must_know) for recording in recordings]
    batch.write(connection)
    return results


def charges_of(connection: Connection, claim_ids: Sequence[str]) -> dict[str, dict[int, int]]:
    """What was charged by service line, in cents, by claim."""
    found: dict[str, dict[int, int]] = {claim_id: {} for claim_id in claim_ids}
    if found:
        c = CLAIM_LINES.c
        lines = select(c.claim_id, c.line, c.charge_cents).where(among(connection, c.claim_id, found))
        for claim_id, line, cents in connection.execute(lines):
            found[claim_id][line] = cents
    return found


def _recorded_before(connection: Connection, recordings: Sequence[Recording]) -> dict[str, tuple[str, date]]:
    """By natural key: the entry that has it, and the day of its recording."""
    keys = [key for recording in recordings if (key := recording.key)]
    if not keys:
        return {}
    e = PAYMENT_ENTRIES.c
    found = select(e.natural_key, e.entry_id, e.recorded_at).where(among(connection, e.natural_key, keys))
    return {key: (entry_id, pacific_date(at)) for key, entry_id, at in connection.execute(found)}


def _id_after(entries: Sequence[Entry]) -> str:
    """A new entry's id. It sorts after those of the claim's earlier entries, which are read back in that order: the
    clock of the machine that recorded them may have been ahead of this one's.
    """
    fresh, last = uuid7().hex, entries[-1].entry_id if entries else ""
    # The millisecond after the last one's, which the first 48 bits of a UUIDv7 hold.
    return fresh if fresh > last else f"{int(last[:12], 16) + 1:012x}{fresh[12:]}"


def _refuse(claim_id: str, problem: Problem | None) -> None:
    if problem is not None:
        raise Refused(claim_id, problem.field, problem.text, conflict=problem.conflict)


class _Batch:
    """The effects of some recordings, gathered to be written at once."""

    def __init__(
        self,
        rows: Mapping[str, Any],
        entries: dict[str, list[Entry]],
        charges: Mapping[str, Mapping[int, int]],
        before: dict[str, tuple[str, date]],
        now: datetime,
    ) -> None:
        self._rows, self._entries, self._charges, self._before = rows, entries, charges, before
        self._now, self._today = now, pacific_date(now)
        self._changed: dict[str, tuple[int, Outcome]] = {}
        self._written: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []
        self._happenings: list[Happening] = []
        self._events: list[Event] = []

    def take(self, recording: Recording, must_know: bool) -> Recorded:
        claim_id, key = recording.claim_id, recording.key
        row, entries = self._rows.get(claim_id), self._entries[claim_id]
        if row is None and must_know:
            raise LookupError(claim_id)
        if key and key in self._before:
            return self._again(row, entries, *self._before[key])
        entry_id = _id_after(entries)
        entry = replace(recording.entry, entry_id=entry_id)
        _refuse(claim_id, shape_problem(entry, self._today))
        outcome: Outcome | None = None
        sequence = 0
        if row is None:
            _refuse(claim_id, waiting_problem(entry, entries))
            self._waiting.append({"entry_id": entry_id, "claim_id": claim_id})
        elif row.status == "none":
            _refuse(claim_id, Problem("kind", NO_CLOCK, conflict=True))
        else:
            known = Known(row.arrival_date, entries, partial(fold_row, row), self._charges.get(claim_id))
            if not recording.unchecked:
                entry, problem = checked(entry, known)
                _refuse(claim_id, problem)
            outcome = fold_row(row, [*entries, entry])
            sequence = (self._changed[claim_id][0] if claim_id in self._changed else row.sequence) + 1
            self._changed[claim_id] = (sequence, outcome)
        recording = replace(recording, entry=entry, natural_key=key)
        entries.append(entry)
        if key:
            self._before[key] = (entry_id, self._today)
        self._note(entry_id, recording)
        if outcome is not None and row is not None:
            self._publish(entry_id, recording, {**row._mapping, "sequence": sequence}, outcome)
        return Recorded(entry_id, outcome, self._today)

    def _again(self, row: Any, entries: list[Entry], entry_id: str, day: date) -> Recorded:
        ids = [entry.entry_id for entry in entries]
        # A key of another claim: the remittance item was matched to that one first.
        then = entries[: ids.index(entry_id) + 1] if entry_id in ids else entries
        has_clock = row is not None and row.status != "none"
        return Recorded(entry_id, fold_row(row, then) if has_clock else None, day, again=True)

    def _note(self, entry_id: str, recording: Recording) -> None:
        entry = recording.entry
        row = {
            "entry_id": entry_id,
            "claim_id": recording.claim_id,
            "kind": entry.kind,
            "date": entry.date,
            "amount_cents": entry.amount_cents,
            "interest_cents": entry.interest_cents,
            "reference": recording.reference,
            "reason": recording.reason,
            "recorded_by": recording.recorded_by,
            "line": entry.line,
            "corrects": entry.corrects,
            "natural_key": recording.natural_key,
            "salt": new_salt(),
        }
        self._written.append(row)
        data: dict[str, Any] = {
            "entry_id": entry_id,
            "date": entry.date.isoformat(),
            "by": recording.recorded_by,
            "reference_seal": reference_seal(row),
        }
        if entry.amount_cents is not None:
            data["amount_cents"] = entry.amount_cents
        if entry.interest_cents:
            data["interest_cents"] = entry.interest_cents
        if entry.line is not None:
            data["line"] = entry.line
        if entry.corrects:
            data["corrects"] = entry.corrects
        self._happenings.append(Happening(f"payment.{entry.kind}", recording.claim_id, data))

    def _publish(self, entry_id: str, recording: Recording, row: Mapping[str, Any], outcome: Outcome) -> None:
        entry = recording.entry
        payment = payment_document(
            entry_id,
            entry.kind,
            entry.date,
            entry.amount_cents,
            entry.interest_cents,
            recording.reference,
            recording.reason,
            line=entry.line,
            corrects=entry.corrects,
        )
        self._events.append(
            clock_event(
                event_type(entry.kind, outcome),
                row,
                outcome,
                self._now,
                self._today,
                payment=payment,
                correlation_id=recording.correlation_id,
            )
        )

    def write(self, connection: Connection) -> None:
        # The entries bear the instant of their log entries, so that neither can be dated back alone.
        _, recorded_at = audit_log.append_at(connection, self._happenings, self._now)
        at = datetime.fromisoformat(recorded_at)
        insert_rows(connection, PAYMENT_ENTRIES, [{**row, "recorded_at": at} for row in self._written])
        insert_rows(connection, WAITING_ENTRIES, self._waiting)
        update_rows(
            connection,
            CLOCKS,
            ("claim_id",),
            [
                {"claim_id": claim_id, "sequence": sequence, **outcome_columns(outcome)}
                for claim_id, (sequence, outcome) in self._changed.items()
            ],
        )
        enqueue(connection, MESSAGING, self._events)


def payment_document(
    entry_id: str,
    kind: str,
    day: date,
    amount_cents: int | None,
    interest_cents: int,
    reference: str | None,
    reason: str | None,
    *,
    line: int | None = None,
    corrects: str | None = None,
) -> dict[str, Any]:
    """A payment entry as the provider and the plan read it.

    The reason goes with it: Health and Safety Code 1371 has the plan tell the provider what it needs, or why it
    denies. It is free text, so it never enters the timeliness log.
    """
    document: dict[str, Any] = {"payment_event_id": entry_id, "kind": kind, "date": day.isoformat()}
    if amount_cents is not None:
        document["amount_cents"] = amount_cents
    if interest_cents:
        document["interest_cents"] = interest_cents
    if line is not None:
        document["line"] = line
    if corrects:
        document["corrects"] = corrects
    if reference:
        document["reference"] = reference
    if reason:
        document["reason"] = reason
    return document
