"""The shapes of the payments service's HTTP questions and answers, as OpenAPI shows them."""

from typing import Any

from marshmallow import ValidationError, fields, pre_load, validates_schema
from marshmallow.validate import And, Length, OneOf, Range, Regexp

from services.payments.payment_events import ID_MAX, ONE_LINE, PLAIN_TEXT, REASON_MAX, REFERENCE_MAX
from services.payments.queries import STATES
from services.payments.record import KINDS
from services.payments.refusals import LINE_MAX, WITHOUT_AMOUNT, wrong_amounts
from shared.web.bodies import Schema

# Ten million dollars: far beyond any claim, so that a slip of the hand is seen.
AMOUNT_CENTS_MAX = 1_000_000_000

_ONE_LINE = Regexp(ONE_LINE, error="Use plain text on one line.")
_TEXT = Regexp(PLAIN_TEXT, error="Use plain text.")
_CENTS = Range(min=0, max=AMOUNT_CENTS_MAX, error="Use whole cents from {min} to {max}.")


class PaymentEvent(Schema):
    kind = fields.String(required=True, validate=OneOf(KINDS, error="Use one of " + ", ".join(KINDS) + "."))
    date = fields.Date(required=True, metadata={"description": "The day of it in California"})
    amount_cents = fields.Integer(
        strict=True,
        validate=_CENTS,
        metadata={"description": "Absent: all that is open (paid, denied) or was paid (payment_reversed)"},
    )
    interest_cents = fields.Integer(strict=True, validate=_CENTS, load_default=0)
    line = fields.Integer(
        strict=True, validate=Range(1, LINE_MAX), metadata={"description": "The service line that it is for"}
    )
    corrects = fields.String(
        validate=And(Length(1, ID_MAX), _ONE_LINE),
        metadata={"description": "payment_event_id of an earlier event of this claim that was a mistake"},
    )
    reference = fields.String(
        validate=And(Length(max=REFERENCE_MAX), _ONE_LINE),
        metadata={"description": "Check or transfer number"},
    )
    reason = fields.String(
        validate=And(Length(max=REASON_MAX), _TEXT), metadata={"description": "What the notice said"}
    )

    @pre_load
    def _null_is_absent(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            return data
        # A payment whose amount got lost on the way must not become a payment of the whole.
        keep = {"kind", "date"} | ({"amount_cents"} if data.get("kind") not in WITHOUT_AMOUNT else set())
        return {name: value for name, value in data.items() if value is not None or name in keep}

    @validates_schema
    def _amounts_fit_the_kind(self, data: dict[str, Any], **_: Any) -> None:
        wrong = wrong_amounts(data.get("kind", ""), data.get("amount_cents"), data.get("interest_cents"))
        if wrong:
            raise ValidationError({field: [problem] for field, problem in wrong.items()})


class Clock(Schema):
    state = fields.String(required=True, validate=OneOf([*STATES, "not_running"]))
    received = fields.Date()
    receipt_date = fields.Date()
    standard = fields.String()
    deadline = fields.Date()
    cautious_deadline = fields.Date()
    contract_30 = fields.Date()
    contract_90 = fields.Date()
    deadline_after_information = fields.Date()
    suspected_duplicate = fields.List(
        fields.String(),
        metadata={"description": "Rules by which something came to light later; the clock runs on"},
    )
    interest_cents = fields.Integer()
    interest_due_cents = fields.Integer()
    interest_fee_cents_if_not_automatic = fields.Integer()
    interest_cent_days = fields.Integer(
        metadata={
            "description": "Cents times days late so far, of what is rounded together with the interest that runs"
        }
    )
    interest_per_day_cents = fields.Integer(
        metadata={"description": "What each day after the deadline costs while the claim is unpaid"}
    )
    interest_lines = fields.List(
        fields.Dict(), metadata={"description": "Interest by service line, where it was paid by line"}
    )
    partially_paid = fields.Date(metadata={"description": "The last payment, while the claim is not paid"})
    authority = fields.List(fields.String())


class PaymentRecorded(Schema):
    payment_event_id = fields.String(required=True)
    claim_id = fields.String(required=True)
    clock = fields.Nested(Clock, required=True)
    warnings = fields.List(fields.String(), metadata={"description": "What the law asks besides"})


class PaymentEntry(Schema):
    payment_event_id = fields.String(required=True)
    kind = fields.String(required=True)
    date = fields.Date(required=True)
    amount_cents = fields.Integer()
    interest_cents = fields.Integer()
    line = fields.Integer()
    reference = fields.String()
    reason = fields.String()
    recorded_at = fields.String(metadata={"format": "date-time"})
    counts = fields.Boolean(metadata={"description": "False: cancelled, corrected, or a cancellation"})
    corrects = fields.String(metadata={"description": "The earlier event that counts no more"})
    corrected_by = fields.String(metadata={"description": "The later event by which this counts no more"})


class PaymentEvents(Schema):
    items = fields.List(fields.Nested(PaymentEntry), required=True)


class AtQuery(Schema):
    at = fields.String(
        metadata={
            "description": "A time with its UTC offset, or a day (its end in California): what was known then",
            "example": "2026-03-02",
        }
    )


class Sentence(Schema):
    text = fields.String(required=True)
    authority = fields.String(required=True)


class ClaimClock(Schema):
    claim_id = fields.String(required=True)
    claim = fields.String(metadata={"description": "The provider's own claim number"})
    payer_id = fields.String()
    provider_npi = fields.String()
    verdict = fields.String()
    received_at = fields.String(metadata={"format": "date-time"})
    clock = fields.Nested(Clock, required=True)
    judgement = fields.Integer()
    judged_at = fields.String(metadata={"format": "date-time"})
    as_of = fields.Date(metadata={"description": "The day of the states and of interest that runs"})
    at = fields.String(metadata={"format": "date-time", "description": "The moment that was asked for"})
    final = fields.Boolean(metadata={"description": "True: the answer for this moment will never change"})
    terms = fields.Dict(metadata={"description": "The payer's terms that the clock was counted with"})
    payments = fields.List(fields.Nested(PaymentEntry))
    explanation = fields.List(fields.Nested(Sentence))
    what_would_change_it = fields.List(fields.Nested(Sentence))


class Page(Schema):
    limit = fields.Integer(load_default=100, validate=Range(1, 1000))
    cursor = fields.String()


class ClockQuery(Page):
    state = fields.String(validate=OneOf(STATES, error="Use one of " + ", ".join(STATES) + "."))
    due_before = fields.Date(metadata={"description": "Unpaid claims due on an earlier day than this"})
    payer = fields.String()
    provider = fields.String()


class ClockItem(Schema):
    claim_id = fields.String(required=True)
    payer_id = fields.String(required=True)
    provider_npi = fields.String(required=True)
    received_at = fields.String(required=True, metadata={"format": "date-time"})
    deadline = fields.Date(required=True)
    contract_30 = fields.Date(required=True)
    contract_90 = fields.Date(required=True)
    state = fields.String(required=True, validate=OneOf(STATES))
    suspected_duplicate = fields.List(
        fields.String(),
        metadata={"description": "Rules by which something came to light later; the clock runs on"},
    )
    interest_per_day_cents = fields.Integer(
        metadata={"description": "What each day after the deadline costs while the claim is unpaid"}
    )
    days_left = fields.Integer(metadata={"description": "Days to the deadline; below 0: days overdue"})
    amount_cents = fields.Integer(required=True)
    paid_cents = fields.Integer(required=True)
    outstanding_cents = fields.Integer(required=True)
    interest_due_cents = fields.Integer(required=True)


class Clocks(Schema):
    items = fields.List(fields.Nested(ClockItem), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class Unmatched(Schema):
    items = fields.List(fields.Dict(), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class LogQuery(Schema):
    after = fields.Integer(load_default=0, validate=Range(0, 2**63 - 1))
    limit = fields.Integer(load_default=100, validate=Range(1, 1000))
    cursor = fields.String()


class LogEntry(Schema):
    sequence = fields.Integer(required=True)
    recorded_at = fields.String(required=True, metadata={"format": "date-time"})
    event = fields.String(required=True)
    claim_id = fields.String(required=True)
    data = fields.Dict(required=True)
    previous_hash = fields.String(required=True)
    hash = fields.String(required=True)


class Log(Schema):
    items = fields.List(fields.Nested(LogEntry), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class Verification(Schema):
    intact = fields.Boolean(required=True)
    entries = fields.Integer()
    head_hash = fields.String()
    checkpoints = fields.List(fields.Dict())
    first_bad_sequence = fields.Integer()
    reason = fields.String()
