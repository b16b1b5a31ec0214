"""The shapes of the review queue's HTTP questions and answers, as OpenAPI shows them."""

from typing import Any

from marshmallow import fields, pre_load
from marshmallow.validate import And, Length, OneOf, Range, Regexp

from services.validator.review.decisions import REASON_CHARACTERS_MAX, VERDICT_OF
from services.validator.review.queue import KINDS
from shared.web.bodies import Schema

# PostgreSQL keeps no NUL, and control characters are a slip of the clipboard.
_TEXT = Regexp(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z", error="Use plain text.")


class ReviewQuery(Schema):
    payer = fields.String(metadata={"description": "Any id of the payer"})
    kind = fields.String(validate=OneOf(KINDS, error="Use one of " + ", ".join(KINDS) + "."))
    due_before = fields.Date(metadata={"description": "Claims due on an earlier day than this"})
    settled = fields.Boolean(
        metadata={"description": "True: only what was paid, denied or withdrawn meanwhile; false: the rest"}
    )
    limit = fields.Integer(load_default=100, validate=Range(1, 1000))
    cursor = fields.String()


class ReasonSchema(Schema):
    rule = fields.String(required=True)
    severity = fields.String(required=True)
    message = fields.String(required=True)
    line = fields.Integer(allow_none=True)
    holds = fields.Boolean(metadata={"description": "False: it spoke against the claim and no longer does"})


class ReviewItem(Schema):
    claim_id = fields.String(required=True)
    claim = fields.String(allow_none=True, metadata={"description": "The provider's own claim number"})
    organisation = fields.String(required=True)
    payer_id = fields.String(allow_none=True)
    kind = fields.String(required=True, validate=OneOf(KINDS))
    verdict = fields.String(required=True)
    amount_cents = fields.Integer(required=True)
    arrival_date = fields.Date(required=True)
    opened_at = fields.String(required=True, metadata={"format": "date-time"})
    age_days = fields.Integer(required=True, metadata={"description": "Calendar days since arrival"})
    deadline = fields.Date(
        allow_none=True,
        metadata={
            "description": "Health and Safety Code 1371. Null: contested, settled, or beyond the calendar"
        },
    )
    days_left = fields.Integer(allow_none=True, metadata={"description": "Negative: overdue"})
    due = fields.String(allow_none=True, validate=OneOf(["open", "near", "overdue"]))
    clock_state = fields.String(
        allow_none=True,
        metadata={"description": "As payments shows it. Null: no clock, or not told of one yet"},
    )
    clock_since = fields.Date(
        allow_none=True,
        metadata={"description": "Day of the contest, information, payment, denial or withdrawal"},
    )
    paid_cents = fields.Integer(required=True)
    settled = fields.Boolean(
        required=True,
        metadata={"description": "It was paid, denied or withdrawn meanwhile: no deadline runs"},
    )
    reasons = fields.List(fields.Nested(ReasonSchema), required=True)


class Reviews(Schema):
    items = fields.List(fields.Nested(ReviewItem), required=True)
    next_cursor = fields.String(allow_none=True)


class ComparedField(Schema):
    field = fields.String(required=True)
    label = fields.String(required=True)
    this = fields.Raw(allow_none=True)
    other = fields.Raw(allow_none=True)
    same = fields.Boolean(allow_none=True, metadata={"description": "Null: not compared"})


class EvidenceSchema(Schema):
    rule = fields.String(required=True)
    line = fields.Integer(allow_none=True)
    kind = fields.String(validate=OneOf(["claim", "service", "enrollment", "authorization"]))
    title = fields.String()
    claim_id = fields.String(allow_none=True)
    rows = fields.List(fields.Nested(ComparedField))


class HappenedSchema(Schema):
    judgement = fields.Integer(required=True)
    judged_at = fields.String(metadata={"format": "date-time"})
    cause = fields.String(validate=OneOf(["received", "record", "decision"]))
    verdict = fields.String()
    found = fields.List(fields.Dict())
    gone = fields.List(fields.Dict())
    decision = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    decided_by = fields.String(allow_none=True)
    organisation = fields.String(allow_none=True)


class EffectsSchema(Schema):
    release = fields.String(required=True)
    reject = fields.String(required=True)


class ReviewedClaim(Schema):
    claim_id = fields.String(required=True)
    claim = fields.String(allow_none=True)
    submission_id = fields.String(required=True)
    organisation = fields.String(required=True)
    verdict = fields.String(required=True)
    judgement = fields.Integer(required=True)
    superseded = fields.Boolean(required=True)
    review = fields.Nested(ReviewItem, allow_none=True)
    effects = fields.Nested(
        EffectsSchema, allow_none=True, metadata={"description": "What each decision would do, in words"}
    )
    receipt = fields.Dict()
    document = fields.Dict(required=True, metadata={"description": "The claim as it was read"})
    services = fields.List(fields.Dict())
    findings = fields.List(fields.Dict(), required=True)
    evidence = fields.List(fields.Nested(EvidenceSchema), required=True)
    billed_since = fields.List(fields.Nested(EvidenceSchema), required=True)
    history = fields.List(fields.Nested(HappenedSchema), required=True)


class DecisionBody(Schema):
    decision = fields.String(
        required=True, validate=OneOf(tuple(VERDICT_OF), error="Choose release or reject.")
    )
    reason = fields.String(
        required=True,
        validate=And(
            Length(1, error="Give the reason for the decision."),
            Length(max=REASON_CHARACTERS_MAX, error="Use at most {max} characters."),
            _TEXT,
        ),
        metadata={"description": "The provider is shown it with a rejection; 1 to 1000 characters"},
    )

    @pre_load
    def _blanks_are_no_reason(self, data: Any, **_: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("reason"), str):
            # A browser sends two characters for each line that ends.
            return {**data, "reason": data["reason"].replace("\r\n", "\n").strip()}
        return data


class DecidedSchema(Schema):
    claim_id = fields.String(required=True)
    decision = fields.String(required=True)
    reason = fields.String(required=True)
    verdict = fields.String(required=True)
    judgement = fields.Integer(required=True)
    decided_at = fields.String(required=True, metadata={"format": "date-time"})
    decided_by = fields.String(required=True, metadata={"description": "The id of the key"})
    organisation = fields.String(required=True)
    effect = fields.String(
        required=True, metadata={"description": "What the decision does and leaves to do, in words"}
    )
