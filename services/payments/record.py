"""Recording what a payer did with claims: paid, denied, contested, and the rest.

One use case behind the HTTP call and the event topic alike. A batch is checked against the claims as they
stand, appended to the entries, folded into the clocks, logged and published, all in the caller's transaction.
An entry for a claim whose verdict is not here yet is kept and takes effect when the verdict comes: events of
two topics have no order between them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, select
from uuid_utils import uuid7

from services.payments import audit_log
from services.payments.audit_log import Happening
from services.payments.clock import Entry, Outcome
from services.payments.models import CLOCKS, MESSAGING, PAYMENT_ENTRIES
from services.payments.outgoing import EVENT_OF_KIND, clock_event
from services.payments.projection import entries_of, fold_row, outcome_columns
from shared.among import among
from shared.calendar import pacific_date
from shared.database import insert_rows, update_rows
from shared.events import Event
from shared.messaging.outbox import enqueue

KINDS = ("paid", "denied", "contested", "information_received", "payment_reversed")


class Recording(Struct, frozen=True):
    """One thing to record. ``correlation_id`` follows it into the events that it causes."""

    claim_id: str
    entry: Entry
    recorded_by: str
    reference: str | None = None
    reason: str | None = None
    correlation_id: str = ""


class Refused(Exception):
    """The entry contradicts what is known of its claim. ``problem`` says so for people; no PHI."""

    def __init__(self, claim_id: str, field: str, problem: str, *, conflict: bool) -> None:
        super().__init__(problem)
        self.claim_id, self.field, self.problem, self.conflict = claim_id, field, problem, conflict


class Recorded(NamedTuple):
    """An entry as recorded. ``outcome`` is ``None`` where the claim is not known here yet, or has
    no clock.
    """

    entry_id: str
    outcome: Outcome | None


def refusal(
    recording: Recording, arrival_date: date, outcome: Outcome, entries: Sequence[Entry], today: date
) -> Refused | None:
    """Why this entry cannot be recorded for a claim in this state, or ``None`` where it can. Pure."""
    entry, claim_id = recording.entry, recording.claim_id

    def wrong(field: str, problem: str) -> Refused:
        return Refused(claim_id, field, problem, conflict=False)

    def conflict(problem: str) -> Refused:
        return Refused(claim_id, "kind", problem, conflict=True)

    if entry.kind == "withdrawn":
        return None
    if entry.date < arrival_date:
        return wrong("date", f"The claim arrived on {arrival_date}. The date cannot be before that.")
    if entry.date > today:
        return wrong("date", f"The date is in the future. Today is {today} in California.")
    settled = outcome.settled_on is not None
    if entry.kind == "paid":
        only_interest = entry.amount_cents == 0 and entry.interest_cents > 0
        payable = outcome.payable_cents
        if only_interest:
            return None
        if payable == 0 and outcome.paid_cents:
            return conflict("The claim is already paid in full. Record a reversal first if that was wrong.")
        if entry.amount_cents is not None and payable is not None and entry.amount_cents > payable:
            return wrong(
                "amount_cents", f"At most {payable} cents ({dollars(payable)}) are still open on this claim."
            )
    elif entry.kind == "denied":
        if settled and outcome.paid_cents:
            return conflict("The claim is already paid in full. Reverse the payment before denying it.")
        if settled:
            return conflict("The claim is already settled.")
        still_open = outcome.outstanding_cents or 0
        if entry.amount_cents is not None and entry.amount_cents > still_open:
            problem = f"At most {still_open} cents ({dollars(still_open)}) are still open on this claim."
            return wrong("amount_cents", problem)
    elif entry.kind == "contested":
        if settled:
            return conflict("The claim is already settled, so it cannot be contested.")
        if outcome.status == "contested":
            return conflict("The claim is already contested and waits for information.")
        if outcome.information_on and entry.date < outcome.information_on:
            return wrong(
                "date", f"Information arrived on {outcome.information_on}; a new contest comes later."
            )
    elif entry.kind == "information_received":
        if outcome.contested_on is None:
            return conflict("The claim was not contested, so no information is awaited.")
        if settled:
            return conflict("The claim is already settled.")
        if entry.date < outcome.contested_on:
            return wrong("date", f"The claim was contested on {outcome.contested_on}. Use that day or later.")
    elif entry.kind == "payment_reversed":
        if not outcome.paid_cents:
            return conflict("Nothing was paid on this claim, so nothing can be reversed.")
        if entry.amount_cents is not None and entry.amount_cents > outcome.paid_cents:
            return wrong(
                "amount_cents",
                f"Only {outcome.paid_cents} cents ({dollars(outcome.paid_cents)}) were paid on this claim.",
            )
        first_paid = min(entry.date for entry in entries if entry.kind == "paid")
        if entry.date < first_paid:
            return wrong("date", f"The first payment was on {first_paid}. A reversal comes later.")
    return None


def _with_amount(entry: Entry, before: Outcome) -> Entry:
    """A payment or denial with the amount it stands for, so that the record never has to be guessed at later."""
    if entry.amount_cents is not None:
        return entry
    meant = {
        "paid": before.outstanding_cents or before.denied_cents,
        "denied": before.outstanding_cents,
    }.get(entry.kind)
    return entry if meant is None else replace(entry, amount_cents=meant)


def dollars(cents: int) -> str:
    """Cents as people write them: ``$1,234.56``."""
    whole, rest = divmod(cents, 100)
    return f"${whole:,}.{rest:02}"


def record(
    connection: Connection, recordings: Sequence[Recording], now: datetime, *, must_know: bool = False
) -> list[Recorded]:
    """Record a batch at ``now`` (aware), in the caller's transaction.

    Raises ``Refused`` for the first entry that contradicts its claim, and, with ``must_know``,
    ``LookupError`` for a claim that is not known here.
    """
    audit_log.lock(connection)
    ids = list({recording.claim_id for recording in recordings})
    rows = {
        row.claim_id: row
        for row in connection.execute(select(CLOCKS).where(among(connection, CLOCKS.c.claim_id, ids)))
    }
    batch = _Batch(rows, defaultdict(list, entries_of(connection, ids)), now)
    results = [batch.take(recording, must_know) for recording in recordings]
    batch.write(connection)
    return results


class _Batch:
    """The effects of some recordings, gathered to be written at once."""

    def __init__(self, rows: Mapping[str, Any], entries: dict[str, list[Entry]], now: datetime) -> None:
        self._rows, self._entries = rows, entries
        self._now, self._today = now, pacific_date(now)
        self._changed: dict[str, tuple[int, Outcome]] = {}
        self._written: list[dict[str, Any]] = []
        self._happenings: list[Happening] = []
        self._events: list[Event] = []

    def take(self, recording: Recording, must_know: bool) -> Recorded:
        claim_id, entry = recording.claim_id, recording.entry
        row, entries = self._rows.get(claim_id), self._entries[claim_id]
        if row is None and must_know:
            raise LookupError(claim_id)
        outcome: Outcome | None = None
        sequence = 0
        if row is not None and row.status != "none":
            before = fold_row(row, entries)
            refused = refusal(recording, row.arrival_date, before, entries, self._today)
            if refused:
                raise refused
            entry = _with_amount(entry, before)
            recording = replace(recording, entry=entry)
            outcome = fold_row(row, [*entries, entry])
            sequence = (self._changed[claim_id][0] if claim_id in self._changed else row.sequence) + 1
            self._changed[claim_id] = (sequence, outcome)
        elif row is not None:
            raise Refused(
                claim_id,
                "kind",
                "The claim was rejected or voided and has no clock to act on.",
                conflict=True,
            )
        entries.append(entry)
        entry_id = uuid7().hex
        self._note(entry_id, recording)
        if outcome is not None and row is not None:
            self._publish(entry_id, recording, {**row._mapping, "sequence": sequence}, outcome)
        return Recorded(entry_id, outcome)

    def _note(self, entry_id: str, recording: Recording) -> None:
        entry = recording.entry
        self._written.append(
            {
                "entry_id": entry_id,
                "claim_id": recording.claim_id,
                "kind": entry.kind,
                "date": entry.date,
                "amount_cents": entry.amount_cents,
                "interest_cents": entry.interest_cents,
                "reference": recording.reference,
                "reason": recording.reason,
                "recorded_at": self._now,
                "recorded_by": recording.recorded_by,
            }
        )
        data: dict[str, Any] = {
            "entry_id": entry_id,
            "date": entry.date.isoformat(),
            "by": recording.recorded_by,
        }
        if entry.amount_cents is not None:
            data["amount_cents"] = entry.amount_cents
        if entry.interest_cents:
            data["interest_cents"] = entry.interest_cents
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
        )
        self._events.append(
            clock_event(
                EVENT_OF_KIND[entry.kind],
                row,
                outcome,
                self._now,
                self._today,
                payment=payment,
                correlation_id=recording.correlation_id,
            )
        )

    def write(self, connection: Connection) -> None:
        insert_rows(connection, PAYMENT_ENTRIES, self._written)
        update_rows(
            connection,
            CLOCKS,
            ("claim_id",),
            [
                {"claim_id": claim_id, "sequence": sequence, **outcome_columns(outcome)}
                for claim_id, (sequence, outcome) in self._changed.items()
            ],
        )
        audit_log.append(connection, self._happenings, self._now)
        enqueue(connection, MESSAGING, self._events)


def payment_document(
    entry_id: str,
    kind: str,
    day: date,
    amount_cents: int | None,
    interest_cents: int,
    reference: str | None,
    reason: str | None,
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
    if reference:
        document["reference"] = reference
    if reason:
        document["reason"] = reason
    return document
