"""What payments learns from the others: what it subscribes to, and what verdicts of the validator do."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from services.payments.clock import Entry, Outcome, acknowledgement_due
from services.payments.early import EarlyEvents
from services.payments.log import audit_log
from services.payments.log.audit_log import Happening, decoded
from services.payments.log.seals import details_seal, lines_seal, new_salt
from services.payments.log.told import JUDGED
from services.payments.models import CLAIM_LINES, CLOCKS, MESSAGING, TIMELINESS_LOG
from services.payments.outgoing import clock_event
from services.payments.payment_events import AMOUNT_CENTS_MAX, record_payments
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
from services.payments.queries import shows_payer
from services.payments.record import Recording, charges_of, record
from services.payments.refusals import Known
from services.payments.withdrawals import withdraw_originals
from shared.among import among
from shared.calendar import OutsideCalendar, pacific_date
from shared.database import insert_rows, update_rows
from shared.events import CLAIMS_DUPLICATES_FOUND, PAYMENTS_RECORDED, VERDICTS, Event
from shared.identifiers import is_npi
from shared.messaging.consumer import OTHERS_WRITE, InvalidEvent, Subscription
from shared.messaging.outbox import enqueue
from shared.parts import Parts

_decode_judged = msgspec.json.Decoder(JudgedFacts).decode


def subscriptions(parts: Parts) -> list[Subscription]:
    """Verdicts and payments go through one consumer each. Both bring their writers into the log's order."""

    def verdicts(connection: Connection, events: Sequence[Event]) -> None:
        record_verdicts(connection, events, parts)

    def payments(connection: Connection, events: Sequence[Event]) -> None:
        record_payments(connection, events, parts)

    judged = (*VERDICTS, CLAIMS_DUPLICATES_FOUND)
    return [Subscription(judged, verdicts), Subscription((PAYMENTS_RECORDED,), payments, OTHERS_WRITE)]


def record_verdicts(connection: Connection, events: Sequence[Event], parts: Parts) -> None:
    """Start the clocks of clean claims, and note rejections and suspicions, from each claim's latest judgement. Those
    before it are logged as well, also where they come later, as topics have no order between them: the first one is
    the acknowledgement.

    Raises ``InvalidEvent`` for data that is not a verdict.
    """
    judged: dict[str, dict[int, tuple[Event, JudgedFacts]]] = {}
    for event in events:
        try:
            facts = _decode_judged(event.data)
        except msgspec.DecodeError as error:
            raise InvalidEvent("the data does not have the shape of a verdict") from error
        if abs(amount_of(facts.claim)) > AMOUNT_CENTS_MAX:
            raise InvalidEvent("the amount is beyond what a claim can be")
        judged.setdefault(facts.claim_id, {})[facts.judgement] = (event, facts)
    audit_log.lock(connection)
    ids = list(judged)
    known = {
        row.claim_id: row
        for row in connection.execute(select(CLOCKS).where(among(connection, CLOCKS.c.claim_id, ids)))
    }
    waiting = entries_of(connection, ids)
    overtaken = [each for each, row in known.items() if min(judged[each]) < row.judgement]
    logged = _judgements_logged(connection, overtaken)
    early = EarlyEvents(connection, ids)
    batch = _Verdicts(parts, early, charges_of(connection, early.claim_ids))
    for claim_id, by_number in judged.items():
        row = known.get(claim_id)
        entries = waiting.get(claim_id, [])
        old = {*logged.get(claim_id, ()), *([row.judgement] if row else ())}
        new = [by_number[number] for number in sorted(by_number) if number not in old]
        if not new:
            continue
        *earlier, (event, facts) = new
        try:
            if row is not None and facts.judgement < row.judgement:
                batch.overtaken(new)
            elif row is None:
                batch.first(event, facts, entries, earlier)
            else:
                batch.again(event, facts, row, entries, earlier)
        except OutsideCalendar as error:
            raise InvalidEvent(str(error)) from error
    batch.write(connection)
    early.write(connection)
    if recordings := [*early.cancellations, *batch.denials]:
        record(connection, recordings, parts.now())
    withdraw_originals(connection, [*batch.rows, *batch.updates], parts.payers, parts.now())


def _judgements_logged(connection: Connection, claim_ids: Sequence[str]) -> dict[str, set[int]]:
    """The numbers of the judgements of these claims that stand in the log."""
    found: dict[str, set[int]] = {}
    if claim_ids:
        log = TIMELINESS_LOG.c
        ours = among(connection, log.claim_id, claim_ids), log.event == JUDGED
        for claim_id, data in connection.execute(select(log.claim_id, log.data).where(*ours)):
            found.setdefault(claim_id, set()).add(decoded(data)["judgement"])
    return found


class _Verdicts:
    """The effects of a batch of verdicts, gathered to be written at once."""

    def __init__(self, parts: Parts, early: EarlyEvents, charges: Mapping[str, Mapping[int, int]]) -> None:
        self._early, self._charges = early, charges
        self._payers = parts.payers
        self._now = parts.now()
        self._today = pacific_date(self._now)
        self.rows: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.denials: list[Recording] = []
        self._lines: list[dict[str, Any]] = []
        self._happenings: list[Happening] = []
        self._events: list[Event] = []

    def first(
        self,
        event: Event,
        facts: JudgedFacts,
        entries: Sequence[Entry],
        earlier: Sequence[tuple[Event, JudgedFacts]],
    ) -> None:
        terms = self._payers.terms_of(facts.claim.payer.id)
        judged_at = datetime.fromisoformat(event.time)
        row = facts_row(facts, event.key, terms, judged_at) | {"salt": new_salt()}
        lines = line_rows(facts)
        outcome = None
        if facts.has_clock:
            arrival, charges = row["arrival_date"], {line["line"]: line["charge_cents"] for line in lines}
            folded = partial(fold, arrival, terms, row["amount_cents"])
            counting = self._early.measure(
                facts.claim_id, Known(arrival, entries, folded, charges), self._today
            )
            outcome = folded(counting)
        else:
            self._early.without_clock(facts.claim_id)
        row.update(outcome_columns(outcome))
        self.rows.append(row)
        self._lines += lines
        self._log_receipt(facts, row, lines)
        self._log_verdicts([*earlier, (event, facts)])
        if outcome is not None:
            self._start(event, row, outcome)
            self._deny(event, facts, outcome, judged_at)

    def again(
        self,
        event: Event,
        facts: JudgedFacts,
        row: Row[Any],
        entries: Sequence[Entry],
        earlier: Sequence[tuple[Event, JudgedFacts]],
    ) -> None:
        had_clock = row.status != "none"
        suspected = " ".join(facts.suspected) or None
        outcome = None
        if facts.has_clock:
            known = Known(
                row.arrival_date, entries, partial(fold_row, row), self._charges.get(facts.claim_id)
            )
            outcome = fold_row(row, self._early.measure(facts.claim_id, known, self._today))
        judged_at = datetime.fromisoformat(event.time)
        changed = {
            **row._mapping,
            "judgement": facts.judgement,
            "verdict": facts.verdict,
            "judged_at": judged_at,
            "suspected": suspected,
            "supersedes": row.supersedes if facts.superseded is None else facts.superseded,
            "sequence": row.sequence + 1,
            **outcome_columns(outcome),
        }
        self.updates.append(changed)
        self._log_verdicts([*earlier, (event, facts)])
        if outcome is not None:
            if not had_clock:
                self._start(event, changed, outcome)
            self._deny(event, facts, outcome, judged_at)
        elif had_clock:
            self._happenings.append(Happening("clock.stopped", facts.claim_id, {"because": facts.verdict}))
            self._events.append(self._event("clock.stopped", event, changed, None))

    def overtaken(self, judgements: Sequence[tuple[Event, JudgedFacts]]) -> None:
        """Log judgements that came after a newer one, which rules the clock already."""
        self._log_verdicts(judgements)

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

    def _log_receipt(
        self, facts: JudgedFacts, row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
    ) -> None:
        shown = shows_payer(self._payers, row["payer_id"], row["verdict"], row["status"])
        payer_id = row["payer_id"] if shown else ""
        data = {
            "submission_id": facts.submission_id,
            "received_at": facts.receipt.received_at,
            "arrival_date": facts.receipt.arrival_date.isoformat(),
            "channel": row["channel"],
            "payer_id": payer_id,
            # A rejected claim may hold anything in this place, a person's name as well.
            "provider_npi": row["provider_npi"] if is_npi(row["provider_npi"]) else "",
            "member": row["member_key"],
            "amount_cents": row["amount_cents"],
            "benefit": row["benefit"],
            "outreach": row["outreach"],
            "frequency": row["frequency"],
            "details_seal": details_seal(row, payer_id),
            "lines_seal": lines_seal(row["salt"], lines),
        }
        if facts.source_sha256:
            data["source_sha256"] = facts.source_sha256
        self._happenings.append(Happening("claim.received", facts.claim_id, data))

    def _log_verdicts(self, judgements: Sequence[tuple[Event, JudgedFacts]]) -> None:
        for event, facts in judgements:
            self._log_verdict(facts, datetime.fromisoformat(event.time))

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
        if facts.superseded is not None:
            data["supersedes"] = facts.superseded
        if facts.judgement == 1:
            # The verdict goes out in the claim acknowledgement, so this is the day of acknowledgement.
            due = acknowledgement_due(arrival)
            data["acknowledgement_due"] = due.isoformat()
            data["acknowledged_in_time"] = pacific_date(judged_at) <= due
        self._happenings.append(Happening(JUDGED, facts.claim_id, data))
        if facts.verdict == "rejected":
            days = (pacific_date(judged_at) - arrival).days
            self._happenings.append(
                Happening("claim.rejection_noticed", facts.claim_id, {"days_after_arrival": days})
            )
        if facts.suspected:
            rules = {"rules": list(facts.suspected), "judgement": facts.judgement}
            self._happenings.append(Happening("claim.duplicate_suspected", facts.claim_id, rules))

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
