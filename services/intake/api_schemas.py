"""The shapes of intake's HTTP answers, as OpenAPI shows them."""

from marshmallow import fields
from marshmallow.validate import OneOf, Range

from services.intake.schemas import ClaimSchema
from shared.web.bodies import Schema

VERDICTS = ("accepted", "pended", "rejected", "unreadable")


class Receipt(Schema):
    submission_id = fields.String(required=True, metadata={"example": "sub_0199f0c2"})
    file_name = fields.String()
    received_at = fields.String(required=True, metadata={"format": "date-time", "description": "UTC"})
    receipt_date = fields.Date(
        required=True, metadata={"description": "The working day, in California, from which payment is due"}
    )
    channel = fields.String(required=True, validate=OneOf(["837P", "invoice", "json"]))
    claims = fields.Integer(
        required=True, metadata={"description": "All claims in the file, unreadable ones included"}
    )
    unreadable = fields.Integer(required=True)
    status = fields.String(required=True, validate=OneOf(["judging", "complete"]))


class Finding(Schema):
    rule = fields.String(required=True, metadata={"example": "code.not_listed"})
    severity = fields.String(required=True, validate=OneOf(["reject", "pend", "note"]))
    message = fields.String(required=True)
    line = fields.Integer()
    field = fields.String()
    value = fields.String()
    where = fields.String(metadata={"example": "ST 0001, LX 1, SV101-2"})
    expected = fields.String()
    authority = fields.String()
    carc = fields.String()
    rarc = fields.String()
    claim_status = fields.String()
    version = fields.String()


class Counts(Schema):
    accepted = fields.Integer(required=True)
    pended = fields.Integer(required=True)
    rejected = fields.Integer(required=True)
    unreadable = fields.Integer(required=True)


class ClaimSummary(Schema):
    claim_id = fields.String(
        allow_none=True, metadata={"description": "null where the claim could not be read"}
    )
    claim = fields.String(allow_none=True, metadata={"description": "The provider's own claim number"})
    verdict = fields.String(
        allow_none=True, validate=OneOf(VERDICTS), metadata={"description": "null while judging"}
    )
    clean = fields.Boolean(allow_none=True)
    findings = fields.List(fields.Nested(Finding))
    review = fields.String(
        allow_none=True,
        metadata={"description": "pended, suspected or reconsider: the plan still has to decide"},
    )
    clock = fields.Dict(allow_none=True)


class Submission(Receipt):
    counts = fields.Nested(Counts, required=True)
    census = fields.Dict()
    notes = fields.List(fields.Nested(Finding))
    claims = fields.List(fields.Nested(ClaimSummary))  # type: ignore[assignment]
    next_cursor = fields.String(allow_none=True)


class SubmissionListed(Receipt):
    counts = fields.Nested(Counts, required=True)


class Submissions(Schema):
    items = fields.List(fields.Nested(SubmissionListed), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class Moment(Schema):
    at = fields.String(required=True, metadata={"format": "date-time"})
    event = fields.String(required=True)
    detail = fields.String(required=True)


class ClaimInFull(ClaimSummary):
    submission_id = fields.String(required=True)
    payments = fields.List(fields.Dict())
    timeline = fields.List(fields.Nested(Moment))


class Claims(Schema):
    items = fields.List(fields.Nested(ClaimSummary), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class Page(Schema):
    limit = fields.Integer(load_default=100, validate=Range(1, 1000))
    cursor = fields.String()


class SubmissionPage(Page):
    limit = fields.Integer(load_default=1000, validate=Range(1, 1000))


class ClaimsPage(Page):
    verdict = fields.String(validate=OneOf(["accepted", "pended", "rejected", "judging"]))
    claim = fields.String(metadata={"description": "The provider's own claim number"})


class ClaimList(Schema):
    claims = fields.List(fields.Nested(ClaimSchema), required=True)


FILE_BODY = {
    "description": "The file, as the form field `file` or as the body itself. Its content decides what it is: "
    "837P, XLSX, CSV or JSON.",
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}
CLAIMS_BODY = {
    "description": "One claim, or several as `claims`.",
    "required": True,
    "content": {"application/json": {"schema": {"oneOf": [ClaimSchema, ClaimList]}}},
}
