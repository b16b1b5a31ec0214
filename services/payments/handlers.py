"""What payments learns from the others: verdicts from the validator, payment events from the plan."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from services.payments.clock import Entry, Outcome, acknowledgement_due
from services.payments.log import audit_log
from services.payments.log.audit_log import Happening
from services.payments.models import CLAIM_LINES, CLOCKS, MESSAGING
from services.payments.outgoing import clock_event
from services.payments.projection import (
    JudgedFacts,
    amount_of,
    entries_of,
    facts_row,
    fold,
    fold_row,
    line_rows,
    outcome_columns,
)
from services.payments.record import KINDS, Recording, Refused, record
from services.payments.withdrawals import withdraw_originals
from shared.among import among
from shared.calendar import OutsideCalendar, pacific_date
from shared.database import insert_rows, update_rows
from shared.events import CLAIMS_DUPLICATES_FOUND, PAYMENTS_RECORDED, VERDICTS, Event, PaymentRecorded
from shared.identifiers import is_npi
from shared.messaging.consumer import OTHERS_WRITE, InvalidEvent, Subscription
from shared.messaging.outbox import enqueue
from shared.parts import Parts

AMOUNT_CENTS_MAX = 10**15
"""Ten trillion dollars: what the columns hold with room to add up."""

_decode_judged = msgspec.json.Decoder(JudgedFacts).decode
_decode_payment = msgspec.json.Decoder(PaymentRecorded).decode


def subscriptions(parts: Parts) -> list[Subscription]:
    """Verdicts and payments go through one consumer each. Both bring their writers into the log's order."""

    def verdicts(connection: Connection, events: Sequence[Event]) -> None:
        record_verdicts(connection, events, parts)

    def payments(connection: Connection, events: Sequence[Event]) -> None:
        record_payments(connection, events, parts)

    judged = (*VERDICTS, CLAIMS_DUPLICATES_FOUND)
    return [Subscription(judged, verdicts), Subscription((PAYMENTS_RECORDED,), payments, OTHERS_WRITE)]


def record_verdicts(connection: Connection, events: Sequence[Event], parts: Parts) -> None:
    """Start the clocks of clean claims, and note rejections and suspicions, from each claim's latest judgement.

    Raises ``InvalidEvent`` for data that is not a verdict.
    """
    latest: dict[str, tuple[Event, JudgedFacts]] = {}
    for event in events:
        try:
            facts = _decode_judged(event.data)
        except msgspec.DecodeError as error:
            raise InvalidEvent("the data does not have the shape of a verdict") from error
        if abs(amount_of(facts.claim)) > AMOUNT_CENTS_MAX:
            raise InvalidEvent("the amount is beyond what a claim can be")
        other = latest.get(facts.claim_id)
        if other is None or facts.judgement > other[1].judgement:
            latest[facts.claim_id] = (event, facts)
    audit_log.lock(connection)
    ids = list(latest)
    known = {
        row.claim_id: row
        for row in connection.execute(select(CLOCKS).where(among(connection, CLOCKS.c.claim_id, ids)))
    }
    waiting = entries_of(connection, ids)
    batch = _Verdicts(parts)
    for claim_id, (event, facts) in latest.items():
        row = known.get(claim_id)
        entries = waiting.get(claim_id, [])
        try:
            if row is None:
                batch.first(event, facts, entries)
            elif facts.judgement > row.judgement:
                batch.again(event, facts, dict(row._mapping), fold_row(row, entries), entries)
        except OutsideCalendar as error:
            raise InvalidEvent(str(error)) from error
    batch.write(connection)
    if batch.denials:
        record(connection, batch.denials, parts.now())
    withdraw_originals(connection, [*batch.rows, *batch.updates], parts.now())


class _Verdicts:
    """The effects of a batch of verdicts, gathered to be written at once."""

    def __init__(self, parts: Parts) -> None:
        self._payers = parts.payers
        self._now = parts.now()
        self._today = pacific_date(self._now)
        self.rows: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.denials: list[Recording] = []
        self._lines: list[dict[str, Any]] = []
        self._happenings: list[Happening] = []
        self._events: list[Event] = []

    def first(self, event: Event, facts: JudgedFacts, entries: Sequence[Entry]) -> None:
        terms = self._payers.terms_of(facts.claim.payer.id)
        judged_at = datetime.fromisoformat(event.time)
        row = facts_row(facts, event.key, terms, judged_at)
        outcome = None
        if facts.has_clock:
            outcome = fold(facts.receipt.arrival_date, terms, row["amount_cents"], entries)
        row.update(outcome_columns(outcome))
        self.rows.append(row)
        self._lines += line_rows(facts)
        self._log_receipt(facts, row)
        self._log_verdict(facts, judged_at)
        if outcome is not None:
            self._start(event, row, outcome)
            self._deny(event, facts, outcome, judged_at)

    def again(
        self,
        event: Event,
        facts: JudgedFacts,
        row: Mapping[str, Any],
        before: Outcome,
        entries: Sequence[Entry],
    ) -> None:
        had_clock = row["status"] != "none"
        suspected = " ".join(facts.suspected) or None
        outcome = before if facts.has_clock else None
        judged_at = datetime.fromisoformat(event.time)
        changed = {
            **row,
            "judgement": facts.judgement,
            "verdict": facts.verdict,
            "judged_at": judged_at,
            "suspected": suspected,
            "sequence": row["sequence"] + 1,
            **outcome_columns(outcome),
        }
        self.updates.append(changed)
        self._log_verdict(facts, judged_at)
        if facts.suspected:
            rules = {"rules": list(facts.suspected), "judgement": facts.judgement}
            self._happenings.append(Happening("claim.duplicate_suspected", facts.claim_id, rules))
        if outcome is not None:
            if not had_clock:
                self._start(event, changed, outcome)
            self._deny(event, facts, outcome, judged_at)
        elif had_clock:
            self._happenings.append(Happening("clock.stopped", facts.claim_id, {"because": facts.verdict}))
            self._events.append(self._event("clock.stopped", event, changed, None))

    def _deny(self, event: Event, facts: JudgedFacts, outcome: Outcome, judged_at: datetime) -> None:
        # Rejecting a clean claim is a denial in writing: it stops the clock in time, and too late it does not hide
        # that it is late (Health and Safety Code 1371).
        if facts.denial is None or outcome.settled_on is not None:
            return
        self.denials.append(
            Recording(
                claim_id=facts.claim_id,
                entry=Entry("denied", min(pacific_date(judged_at), self._today)),
                recorded_by=facts.denial.decided_by,
                reason=facts.denial.reason,
                correlation_id=event.correlation_id,
            )
        )

    def _log_receipt(self, facts: JudgedFacts, row: Mapping[str, Any]) -> None:
        data = {
            "submission_id": facts.submission_id,
            "received_at": facts.receipt.received_at,
            "arrival_date": facts.receipt.arrival_date.isoformat(),
            "channel": row["channel"],
            "payer_id": row["payer_id"],
            # A rejected claim may hold anything in this place, a person's name as well.
            "provider_npi": row["provider_npi"] if is_npi(row["provider_npi"]) else "",
            "member": row["member_key"],
            "amount_cents": row["amount_cents"],
        }
        if facts.source_sha256:
            data["source_sha256"] = facts.source_sha256
        self._happenings.append(Happening("claim.received", facts.claim_id, data))

    def _log_verdict(self, facts: JudgedFacts, judged_at: datetime) -> None:
        arrival = facts.receipt.arrival_date
        data: dict[str, Any] = {
            "verdict": facts.verdict,
            "judgement": facts.judgement,
            "judged_at": judged_at.isoformat(),
        }
        if facts.decision is not None:
            # Who decided, by the key's id. Why is free text, which never enters the log.
            data["decision"] = facts.decision.decision
            data["decided_by"] = facts.decision.decided_by
        if facts.judgement == 1:
            # The verdict goes out in the claim acknowledgement, so this is the day of acknowledgement.
            due = acknowledgement_due(arrival)
            data["acknowledgement_due"] = due.isoformat()
            data["acknowledged_in_time"] = pacific_date(judged_at) <= due
        self._happenings.append(Happening("claim.judged", facts.claim_id, data))
        if facts.verdict == "rejected":
            days = (pacific_date(judged_at) - arrival).days
            self._happenings.append(
                Happening("claim.rejection_noticed", facts.claim_id, {"days_after_arrival": days})
            )

    def _start(self, event: Event, row: Mapping[str, Any], outcome: Outcome) -> None:
        period = outcome.period
        self._happenings.append(
            Happening(
                "clock.started",
                row["claim_id"],
                {
                    "standard": period.standard,
                    "receipt_date": period.receipt_date.isoformat(),
                    "deadline": period.deadline.isoformat(),
                    "contract_30": period.contract_30.isoformat(),
                    "contract_90": period.contract_90.isoformat(),
                },
            )
        )
        self._events.append(self._event("clock.started", event, row, outcome))

    def _event(self, type_: str, cause: Event, row: Mapping[str, Any], outcome: Outcome | None) -> Event:
        return clock_event(type_, row, outcome, self._now, self._today, correlation_id=cause.correlation_id)

    def write(self, connection: Connection) -> None:
        insert_rows(connection, CLOCKS, self.rows)
        insert_rows(connection, CLAIM_LINES, self._lines)
        update_rows(connection, CLOCKS, ("claim_id",), self.updates)
        audit_log.append(connection, self._happenings, self._now)
        enqueue(connection, MESSAGING, self._events)


def record_payments(connection: Connection, events: Sequence[Event], parts: Parts) -> None:
    """Record payment events of the plan. Raises ``InvalidEvent`` for one that is wrong or contradicts its
    claim.
    """
    try:
        record(connection, [_recording(event) for event in events], parts.now())
    except Refused as refused:
        raise InvalidEvent(f"{refused.field}: {refused.problem}") from refused


def _recording(event: Event) -> Recording:
    try:
        payment = _decode_payment(event.data)
    except msgspec.DecodeError as error:
        raise InvalidEvent("the data does not have the shape of a payment event") from error
    claim_id = payment.claim_id or event.subject
    if payment.kind not in KINDS:
        raise InvalidEvent(f"kind: use one of {', '.join(KINDS)}")
    if not claim_id:
        raise InvalidEvent("claim_id: it is missing")
    if (payment.amount_cents or 0) < 0 or (payment.interest_cents or 0) < 0:
        raise InvalidEvent("amount_cents, interest_cents: they cannot be less than 0")
    entry = Entry(
        payment.kind,  # type: ignore[arg-type]
        payment.date,
        payment.amount_cents,
        payment.interest_cents or 0,
        line=payment.line,
        corrects=payment.corrects,
    )
    return Recording(
        claim_id=claim_id,
        entry=entry,
        recorded_by=event.source,
        reference=payment.reference,
        reason=payment.reason,
        correlation_id=event.correlation_id,
    )
