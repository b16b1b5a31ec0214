"""The shapes of remittances over HTTP, as OpenAPI shows them."""

from typing import Any

from marshmallow import fields, pre_load
from marshmallow.validate import And, Length, OneOf, Range, Regexp

from services.payments.remittances.post import STATUSES
from shared.web.bodies import Schema

REASON_MAX = 500


class RemittanceItem(Schema):
    """One claim payment (CLP)."""

    ordinal = fields.Integer(required=True, metadata={"description": "Its number in the file, from 1"})
    remittance_id = fields.String()
    status = fields.String(required=True, validate=OneOf(STATUSES))
    kind = fields.String(required=True, validate=OneOf(["payment", "denial", "reversal"]))
    claim = fields.String(required=True, metadata={"description": "CLP01, the provider's own claim number"})
    payer_control_number = fields.String(required=True, metadata={"description": "CLP07"})
    claim_id = fields.String(required=True, allow_none=True)
    matched_by = fields.String(required=True, allow_none=True)
    date = fields.Date(required=True, allow_none=True, metadata={"description": "BPR16, the payment date"})
    charge_cents = fields.Integer(required=True)
    paid_cents = fields.Integer(required=True)
    interest_cents = fields.Integer(required=True)
    reference = fields.String(required=True, metadata={"description": "TRN02, the check or transfer"})
    where = fields.String(required=True, metadata={"description": "Its place in the file"})
    reason = fields.String(metadata={"description": "Why it is not posted"})
    codes = fields.String(
        metadata={"description": "Why not all was paid, in the payer's codes: CO-45 20.00; remarks N130"}
    )
    candidates = fields.List(fields.String(), metadata={"description": "Claims that it may be for"})
    notes = fields.List(fields.String())
    can_match = fields.Boolean(
        required=True,
        metadata={"description": "Whether naming a claim may help; if not, only another file does"},
    )
    closed_by = fields.String(metadata={"description": "The key by which it was closed without posting it"})
    closed_at = fields.String(metadata={"format": "date-time"})
    closed_reason = fields.String()


class RemittanceImbalance(Schema):
    """Two sums that should be equal."""

    where = fields.String(required=True)
    message = fields.String(required=True)
    says_cents = fields.Integer(required=True)
    adds_up_to_cents = fields.Integer(required=True)


class RemittanceInterestLeft(Schema):
    """Interest in PLB (L6) that belongs to no claim that can be told."""

    where = fields.String(required=True)
    cents = fields.Integer(required=True)


class RemittanceProviderAdjustment(Schema):
    """An amount of a PLB segment; less than zero raises the payment."""

    reason = fields.String(required=True)
    cents = fields.Integer(required=True)
    where = fields.String(required=True)
    reference = fields.String()


class RemittanceTransactionSet(Schema):
    """One payment of the file (ST to SE)."""

    control = fields.String(required=True)
    where = fields.String(required=True)
    reference = fields.String(required=True)
    date = fields.Date(required=True, allow_none=True)
    amount_cents = fields.Integer(required=True)
    method = fields.String(required=True)
    payer = fields.String(required=True)
    payee_npis = fields.List(fields.String(), required=True)
    claims = fields.Integer(required=True)
    provider_adjustments = fields.List(fields.Nested(RemittanceProviderAdjustment), required=True)
    posted = fields.Boolean(required=True)
    problems = fields.List(fields.String(), required=True)


class _File(Schema):
    remittance_id = fields.String(required=True)
    file_name = fields.String(required=True)
    sha256 = fields.String(required=True)
    recorded_at = fields.String(required=True)
    payments = fields.Integer(required=True)
    denials = fields.Integer(required=True)
    reversals = fields.Integer(required=True)
    balanced = fields.Boolean(required=True)
    imbalances = fields.List(fields.Nested(RemittanceImbalance), required=True)
    paid_cents = fields.Integer(required=True)
    interest_cents = fields.Integer(required=True)
    interest_not_allocated = fields.List(fields.Nested(RemittanceInterestLeft), required=True)
    sets = fields.List(fields.Nested(RemittanceTransactionSet), required=True)
    notes = fields.List(fields.String(), required=True)


class PostedRemittance(_File):
    """What became of a remittance when it came."""

    matched = fields.Integer(required=True)
    waiting = fields.Integer(
        required=True, metadata={"description": "Of the matched: paid on a day to come, and posted then"}
    )
    repeated = fields.Integer(required=True, metadata={"description": "Posted before, from another file"})
    unmatched = fields.List(fields.Nested(RemittanceItem), required=True)
    refused = fields.List(fields.Nested(RemittanceItem), required=True)
    will_be_refused = fields.List(
        fields.Nested(RemittanceItem),
        metadata={
            "description": "Of the waiting: what will be refused on its day as the claims stand; notes say why"
        },
    )
    payers = fields.List(fields.String(), required=True, allow_none=True)


class RemittanceCounts(Schema):
    """Claim payments by what became of them, as of now."""

    matched = fields.Integer(required=True)
    waiting = fields.Integer(required=True)
    repeated = fields.Integer(required=True)
    unmatched = fields.Integer(required=True)
    ambiguous = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    closed = fields.Integer(required=True)


class Remittance(_File):
    """A remittance with its claim payments as they stand now."""

    counts = fields.Nested(RemittanceCounts, required=True)
    items = fields.List(fields.Nested(RemittanceItem), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ListedRemittance(Schema):
    """A remittance in a list."""

    remittance_id = fields.String(required=True)
    file_name = fields.String(required=True)
    recorded_at = fields.String(required=True)
    balanced = fields.Boolean(required=True)
    counts = fields.Nested(RemittanceCounts, required=True)


class Remittances(Schema):
    items = fields.List(fields.Nested(ListedRemittance), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RemittanceItems(Schema):
    items = fields.List(fields.Nested(RemittanceItem), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RemittancePage(Schema):
    limit = fields.Integer(load_default=100, validate=Range(1, 1000))
    cursor = fields.String()


class ClaimOfPayment(Schema):
    claim_id = fields.String(
        required=True,
        validate=And(Length(1, 40), Regexp(r"[!-~]+\Z", error="Use the id of a claim, such as clm_….")),
        metadata={"description": "The claim that the payment is for"},
    )


class ReasonToClose(Schema):
    reason = fields.String(
        required=True,
        validate=And(
            Length(1, error="Write why nothing is to be posted."),
            Length(max=REASON_MAX, error="Use at most {max} characters."),
            Regexp(r"[^\x00-\x08\x0b-\x1f\x7f]*\Z", error="Use text without control characters."),
        ),
        metadata={"description": "Why nothing is to be posted; no names or member IDs"},
    )

    @pre_load
    def _blanks_are_no_reason(self, data: Any, **_: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("reason"), str):
            return {**data, "reason": data["reason"].replace("\r\n", "\n").strip()}
        return data


FILE_BODY = {
    "description": "The remittance (835), as the form field `file` or as the body itself.",
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
        "application/edi-x12": {"schema": {"type": "string", "format": "binary"}},
    },
}
