"""What intake learns from the others: verdicts from the validator, clocks and payments from payments."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import Column, Connection, select

from services.intake.models import CLAIMS, SUBMISSIONS, TIMELINE
from shared.among import among
from shared.calendar import us_date
from shared.database import insert_rows, update_rows
from shared.events import (
    CLAIMS_DUPLICATES_FOUND,
    PAYMENTS_CLOCKS,
    VERDICTS,
    DeadlineNotice,
    Decision,
    Event,
    ReviewKind,
    encode,
)
from shared.findings import Finding, Verdict
from shared.messaging.consumer import InvalidEvent, Subscription


class SentClaim(Struct, frozen=True):
    """What the words need of the claim: a void (frequency 8) has no payment clock."""

    frequency: str = "1"


class JudgedFacts(Struct, frozen=True):
    """What intake keeps of a ``shared.events.ClaimJudged``."""

    claim_id: str
    submission_id: str
    judgement: int
    verdict: Verdict
    clean: bool
    findings: tuple[Finding, ...]
    review: ReviewKind | None = None
    found: tuple[Finding, ...] = ()
    decision: Decision | None = None
    file_notes: tuple[Finding, ...] = ()
    claim: SentClaim = SentClaim()


class ClockFacts(Struct, frozen=True):
    """What intake keeps of a ``shared.events.ClockEvent``; clock and payment stay as they came."""

    claim_id: str
    sequence: int
    clock: Raw
    payment: Raw = Raw(b"null")
    notice: DeadlineNotice | None = None


class _Deadlines(Struct, frozen=True):
    deadline: date | None = None
    deadline_after_information: date | None = None


_decode_judged = msgspec.json.Decoder(JudgedFacts).decode
_decode_clock = msgspec.json.Decoder(ClockFacts).decode
_decode_findings = msgspec.json.Decoder(list[Finding]).decode
_decode_deadlines = msgspec.json.Decoder(_Deadlines).decode

Change = TypeVar("Change", JudgedFacts, ClockFacts)

_DETAIL_LENGTH = 500
_VERDICT_COLUMNS = ("accepted", "pended", "rejected")
_VERDICT_WORDS = {
    "accepted": "The claim passed every check.",
    "pended": "The plan has to look at the claim. Its payment clock runs on.",
    "rejected": "The claim cannot be paid as sent. Correct it and send it again.",
}
_CLOCK_WORDS = {
    "clock.started": "The payment clock started; payment is due by {deadline}.",
    "clock.stopped": "The payment clock stopped.",
    "clock.deadline_near": "Payment is due by {deadline}.",
    "clock.deadline_missed": "The deadline of {deadline} has passed without payment in full.",
    "claim.paid": "The plan recorded a payment.",
    "claim.denied": "The plan denied the claim.",
    "claim.contested": "The plan asked for information.",
    "interest.due": "Interest is due.",
}
_NOTICE_WORDS = {
    "contract_near": "The plan's 90 days to pay under its contract end on {deadline}.",
    "contract_missed": "The plan's days to pay under its contract ended on {deadline} without payment in full.",
    "interest_started": "The deadline was {deadline}. Interest grows for every day until the claim is paid.",
    "interest_due": "Interest on a late payment has to be paid by {deadline}.",
}


def subscriptions() -> list[Subscription]:
    """Verdicts and clocks go through one consumer each, so that neither waits for the other."""
    judged = (*VERDICTS, CLAIMS_DUPLICATES_FOUND)
    return [Subscription(judged, record_verdicts), Subscription((PAYMENTS_CLOCKS,), record_clocks)]


def record_verdicts(connection: Connection, events: Sequence[Event]) -> None:
    """Write each claim's latest verdict, count it into its submission, and complete what has all its verdicts.

    Every judgement stands on the claim's timeline. Raises ``InvalidEvent`` for data that is not a verdict.
    """
    decoded = _decoded(_decode_judged, events)
    judged = _latest(decoded, lambda judgement: judgement.judgement)
    known = _lock_claims(connection, judged, CLAIMS.c.judgement, CLAIMS.c.verdict)
    moves: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_VERDICT_COLUMNS, 0))
    rows = []
    for claim_id, (_, judgement) in judged.items():
        if claim_id not in known:
            continue
        last_judgement, last_verdict = known[claim_id]
        if judgement.judgement <= last_judgement:
            continue
        if last_verdict:
            moves[judgement.submission_id][last_verdict] -= 1
        moves[judgement.submission_id][judgement.verdict] += 1
        rows.append(
            {
                "claim_id": claim_id,
                "judgement": judgement.judgement,
                "verdict": judgement.verdict,
                "clean": judgement.clean,
                "findings": encode(judgement.findings),
                "review": judgement.review,
            }
        )
    entries = [
        _entry(event, judgement.claim_id, _judged_words(event, judgement))
        for event, judgement in decoded
        if judgement.claim_id in known
    ]
    update_rows(connection, CLAIMS, ("claim_id",), rows)
    insert_rows(connection, TIMELINE, entries)
    _count(connection, moves)
    _note(connection, [judgement for _, judgement in decoded if judgement.file_notes])


def record_clocks(connection: Connection, events: Sequence[Event]) -> None:
    """Show each claim's latest clock, and put every change of it, with its payment, on the claim's timeline.

    Raises ``InvalidEvent`` for data that is not a clock.
    """
    decoded = _decoded(_decode_clock, events)
    latest = _latest(decoded, lambda change: change.sequence)
    known = _lock_claims(connection, latest, CLAIMS.c.clock_sequence)
    rows = [
        {"claim_id": claim_id, "clock_sequence": change.sequence, "clock": bytes(change.clock)}
        for claim_id, (_, change) in latest.items()
        if claim_id in known and change.sequence > known[claim_id][0]
    ]
    entries = [
        _entry(event, change.claim_id, _clock_words(event, change), bytes(change.payment))
        for event, change in decoded
        if change.claim_id in known
    ]
    update_rows(connection, CLAIMS, ("claim_id",), rows)
    insert_rows(connection, TIMELINE, entries)


def _latest(
    changes: Iterable[tuple[Event, Change]], rank: Callable[[Change], int]
) -> dict[str, tuple[Event, Change]]:
    """Of several events about one claim, the one that ranks highest, in whatever order they arrived."""
    latest: dict[str, tuple[Event, Change]] = {}
    for event, change in changes:
        other = latest.get(change.claim_id)
        if other is None or rank(change) >= rank(other[1]):
            latest[change.claim_id] = (event, change)
    return latest


def _lock_claims(
    connection: Connection, claim_ids: Iterable[str], *columns: Column[Any]
) -> dict[str, Sequence[Any]]:
    """The claims as they stand, locked in one order so that two workers cannot wait for each other."""
    rows = connection.execute(
        select(CLAIMS.c.claim_id, *columns)
        .where(among(connection, CLAIMS.c.claim_id, claim_ids))
        .order_by(CLAIMS.c.claim_id)
        .with_for_update()
    )
    return {row[0]: row[1:] for row in rows}


def _count(connection: Connection, moves: dict[str, dict[str, int]]) -> None:
    s = SUBMISSIONS.c
    submissions = connection.execute(
        select(s.submission_id, s.claims, s.unreadable, *(s[column] for column in _VERDICT_COLUMNS))
        .where(among(connection, s.submission_id, moves))
        .order_by(s.submission_id)
        .with_for_update()
    ).mappings()
    rows = []
    for submission in submissions.all():
        move = moves[submission["submission_id"]]
        counts = {column: submission[column] + move[column] for column in _VERDICT_COLUMNS}
        ended = submission["unreadable"] + sum(counts.values())
        status = "complete" if ended == submission["claims"] else "judging"
        rows.append({"submission_id": submission["submission_id"], **counts, "status": status})
    update_rows(connection, SUBMISSIONS, ("submission_id",), rows)


def _note(connection: Connection, judgements: Sequence[JudgedFacts]) -> None:
    """Put what is said of whole files with their submissions, each note once."""
    new: dict[str, list[Finding]] = defaultdict(list)
    for judgement in judgements:
        new[judgement.submission_id] += judgement.file_notes
    if not new:
        return
    submissions = connection.execute(
        select(SUBMISSIONS.c.submission_id, SUBMISSIONS.c.notes)
        .where(among(connection, SUBMISSIONS.c.submission_id, new))
        .order_by(SUBMISSIONS.c.submission_id)
        .with_for_update()
    )
    rows = []
    for submission_id, document in submissions.all():
        notes = _decode_findings(document)
        more = [note for note in dict.fromkeys(new[submission_id]) if note not in notes]
        if more:
            rows.append({"submission_id": submission_id, "notes": encode([*notes, *more])})
    update_rows(connection, SUBMISSIONS, ("submission_id",), rows)


def _judged_words(event: Event, judgement: JudgedFacts) -> str:
    decision = judgement.decision
    if decision is not None and decision.decision == "release":
        words = "The plan looked at the claim and released it."
    elif decision is not None:
        words = f"The plan looked at the claim and rejected it: {decision.reason}"
    elif event.topic == CLAIMS_DUPLICATES_FOUND:
        messages = " ".join(finding.message for finding in judgement.found)
        words = f"Something came to light after the claim was judged. The plan will look at it. {messages}"
    elif judgement.judgement > 1 and judgement.review == "suspected":
        words = "The claim was checked again. The plan is still looking at it."
    elif judgement.judgement > 1 and judgement.verdict == "accepted":
        words = "The claim was checked again. Nothing holds it up."
    elif judgement.verdict == "pended" and judgement.claim.frequency == "8":
        words = "The plan has to look at the claim. It takes another back, so no payment clock runs."
    else:
        words = _VERDICT_WORDS[judgement.verdict]
    return words if len(words) <= _DETAIL_LENGTH else f"{words[: _DETAIL_LENGTH - 1]}…"


def _entry(event: Event, claim_id: str, detail: str, payment: bytes = b"null") -> dict[str, object]:
    return {
        "event_id": event.id,
        "claim_id": claim_id,
        "at": datetime.fromisoformat(event.time),
        "event": event.type,
        "detail": detail,
        "payment": payment if payment != b"null" else None,
    }


def _clock_words(event: Event, change: ClockFacts) -> str:
    words = _CLOCK_WORDS.get(event.type, event.type)
    notice = change.notice
    if notice is not None:
        words = next((more for name, more in _NOTICE_WORDS.items() if notice.notice.startswith(name)), words)
    try:
        deadlines = _decode_deadlines(change.clock)
    except msgspec.DecodeError as error:
        raise InvalidEvent("the clock does not have the agreed shape") from error
    running = deadlines.deadline_after_information or deadlines.deadline
    deadline = notice.deadline if notice is not None else running
    return words.format(deadline=us_date(deadline) if deadline else "the deadline")


def _decoded(decode: Callable[[bytes], Change], events: Sequence[Event]) -> list[tuple[Event, Change]]:
    try:
        return [(event, decode(event.data)) for event in events]
    except msgspec.DecodeError as error:
        raise InvalidEvent("the data does not have the agreed shape") from error
