"""Payment events from the topic that plans write, held to the same measure as those over HTTP."""

import re
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from services.payments.clock import Entry
from services.payments.record import KINDS, Recording, Refused, record
from services.payments.refusals import LINE_MAX, wrong_amounts
from shared.events import Event, PaymentRecorded
from shared.messaging.consumer import InvalidEvent
from shared.parts import Parts

AMOUNT_CENTS_MAX = 10**15
"""Ten trillion dollars: what the columns hold with room to add up."""

ID_MAX, REFERENCE_MAX, REASON_MAX = 40, 80, 2000
_SOURCE_MAX = 200

# PostgreSQL keeps no NUL, and a control character in a reference is a slip of the clipboard.
ONE_LINE = r"[^\x00-\x1f\x7f]*\Z"
PLAIN_TEXT = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z"

_one_line, _plain_text = re.compile(ONE_LINE), re.compile(PLAIN_TEXT)
_decode_payment = msgspec.json.Decoder(PaymentRecorded).decode


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
    cents = payment.amount_cents, payment.interest_cents
    if not all(0 <= (each or 0) <= AMOUNT_CENTS_MAX for each in cents):
        raise InvalidEvent("amount_cents, interest_cents: use whole cents, not less than 0")
    if payment.line is not None and not 1 <= payment.line <= LINE_MAX:
        raise InvalidEvent(f"line: use a number from 1 to {LINE_MAX}")
    for field, problem in wrong_amounts(payment.kind, *cents).items():
        raise InvalidEvent(f"{field}: {problem}")
    _refuse_text("claim_id", claim_id, ID_MAX)
    _refuse_text("corrects", payment.corrects, ID_MAX)
    _refuse_text("reference", payment.reference, REFERENCE_MAX)
    _refuse_text("reason", payment.reason, REASON_MAX, _plain_text, "plain text")
    _refuse_text("source", event.source, _SOURCE_MAX)
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


def _refuse_text(
    field: str,
    text: str | None,
    longest: int,
    pattern: re.Pattern[str] = _one_line,
    wanted: str = "plain text on one line",
) -> None:
    # Before the database does, each in its own way and in words that help nobody. The text itself is not told again.
    if text and len(text) > longest:
        raise InvalidEvent(f"{field}: it has {len(text)} characters. Use at most {longest}.")
    if text and not pattern.match(text):
        raise InvalidEvent(f"{field}: it has control characters. Use {wanted}.")
