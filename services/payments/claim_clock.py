"""One claim's clock, now or as it was known at a past moment, with its entries and the reasons.

What was known at a moment is what had been recorded by then: the verdict that the timeliness log holds, and
the entries. Both are only added to, so the answer about a moment that is over stays the same for ever.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from services.payments.clock import Entry, in_order, run
from services.payments.clock_document import BadRequest, clock_document, interest_on
from services.payments.explanation import explanation, what_would_change_it
from services.payments.log.audit_log import decoded
from services.payments.log.told import VERDICT_EVENTS, Told, ToldEntry
from services.payments.models import CLOCKS, PAYMENT_ENTRIES, TIMELINESS_LOG
from services.payments.projection import decoded_terms, period_of_row
from services.payments.queries import Scope
from services.payments.record import payment_document
from shared.calendar import PACIFIC, pacific_date
from shared.events import utc_text

FINAL_AFTER = timedelta(minutes=10)
"""A batch bears the moment of its beginning; by then after it, every batch of the moment stands in the record."""


class NotYetKnown(Exception):
    """The claim was not recorded here at the moment asked for. ``since``: when it was."""

    def __init__(self, since: str) -> None:
        super().__init__(f"not recorded before {since}")
        self.since = since


class _Judged(NamedTuple):
    verdict: str
    has_clock: bool
    suspected: tuple[str, ...]
    judgement: int
    judged_at: str


def moment(text: str, now: datetime) -> datetime:
    """The instant that ``at`` names: a time with its UTC offset, or the end of a day in California.

    Raises ``BadRequest``, also for what has not begun at ``now``.
    """
    try:
        if len(text) <= 10:
            after = date.fromisoformat(text) + timedelta(days=1)
            at = datetime.combine(after, time(), PACIFIC) - timedelta(microseconds=1)
            begun = date.fromisoformat(text) <= pacific_date(now)
        else:
            at = datetime.fromisoformat(text)
            begun = at.utcoffset() is not None and at.astimezone(UTC) <= now
    except (ValueError, OverflowError):
        at, begun = now, None
    if begun is None or at.utcoffset() is None:
        raise BadRequest(
            "Give a day such as 2026-03-02, or a time with its offset such as 2026-03-02T23:30:00-08:00."
        )
    if not begun:
        raise BadRequest("That moment has not come yet.")
    return at


def claim_clock(
    connection: Connection, scope: Scope, claim_id: str, now: datetime, at: datetime | None = None
) -> dict[str, Any] | None:
    """One claim's clock with its entries, or ``None`` where the caller sees no such claim.

    With ``at``, as it was known then. Raises ``NotYetKnown``.
    """
    statement = select(CLOCKS).where(CLOCKS.c.claim_id == claim_id, *scope.conditions())
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    if at is None:
        suspected = tuple((row.suspected or "").split())
        has_clock = row.status != "none"
        judged = _Judged(row.verdict, has_clock, suspected, row.judgement, utc_text(row.judged_at))
    else:
        judged = _judged_at(connection, claim_id, utc_text(at))
    recorded = list(_recorded(connection, claim_id, at))
    as_of = pacific_date(now if at is None else min(at, now))
    found: dict[str, Any] = {
        "claim_id": row.claim_id,
        "claim": row.claim_number,
        "payer_id": row.payer_id,
        "provider_npi": row.provider_npi,
        "verdict": judged.verdict,
        "judgement": judged.judgement,
        "judged_at": judged.judged_at,
        "received_at": utc_text(row.received_at),
        "as_of": as_of.isoformat(),
        "clock": {"state": "not_running", "received": row.arrival_date.isoformat()},
        "payments": payments_shown(recorded),
        "explanation": [],
        "what_would_change_it": [],
    }
    if at is not None:
        found |= {"at": utc_text(at), "final": now - at > FINAL_AFTER}
    if judged.has_clock:
        entries = [_entry(each) for each in recorded]
        found |= _clock_parts(row, entries, as_of)
    if judged.suspected:
        found["clock"]["suspected_duplicate"] = list(judged.suspected)
    return found


def _clock_parts(row: Row[Any], entries: Sequence[Entry], as_of: date) -> dict[str, Any]:
    terms, period = decoded_terms(row.terms), period_of_row(row)
    outcome = run(period, terms, row.amount_cents, entries)
    due = max(0, interest_on(outcome, as_of) - outcome.interest_paid_cents)
    return {
        "clock": {**clock_document(outcome, as_of), "interest_due_cents": due},
        "terms": {
            "regime": terms.regime,
            "receipt_on_non_working_day": terms.receipt_on_non_working_day,
            "near_days": list(terms.near_days),
            "near_days_90": list(terms.near_days_90),
        },
        "explanation": explanation(period, terms, row.amount_cents, entries, as_of),
        "what_would_change_it": what_would_change_it(outcome, as_of),
    }


def _judged_at(connection: Connection, claim_id: str, at: str) -> _Judged:
    log = TIMELINESS_LOG.c
    statement = (
        select(log.sequence, log.recorded_at, log.event, log.data)
        .where(log.claim_id == claim_id, log.event.in_(VERDICT_EVENTS))
        .order_by(log.sequence)
    )
    entries = [ToldEntry(*row[:3], decoded(row.data)) for row in connection.execute(statement)]
    told = Told()
    for entry in entries:
        if entry.recorded_at <= at:
            told.take(entry)
    if told.judged is None:
        raise NotYetKnown(entries[0].recorded_at if entries else "")
    data = told.judged.data
    judged_at = utc_text(datetime.fromisoformat(data["judged_at"]))
    return _Judged(data["verdict"], told.has_clock, told.suspected, data["judgement"], judged_at)


def _recorded(connection: Connection, claim_id: str, at: datetime | None) -> Iterator[Row[Any]]:
    e = PAYMENT_ENTRIES.c
    statement = select(PAYMENT_ENTRIES).where(e.claim_id == claim_id).order_by(e.entry_id)
    if at is not None:
        statement = statement.where(e.recorded_at <= at)
    yield from connection.execute(statement)


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        row.kind, row.date, row.amount_cents, row.interest_cents, row.line, row.entry_id, row.corrects
    )


def payments_shown(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Entries as people and programs read them, in the order of recording, with what corrected what."""
    corrected = {row.corrects: row.entry_id for row in rows if row.corrects}
    counting = {entry.entry_id for entry in in_order(map(_entry, rows))}
    shown = []
    for row in rows:
        document = payment_document(
            row.entry_id,
            row.kind,
            row.date,
            row.amount_cents,
            row.interest_cents,
            row.reference,
            row.reason,
            line=row.line,
            corrects=row.corrects,
        )
        document["recorded_at"] = utc_text(row.recorded_at)
        document["counts"] = row.entry_id in counting
        if row.entry_id in corrected:
            document["corrected_by"] = corrected[row.entry_id]
        shown.append(document)
    return shown
