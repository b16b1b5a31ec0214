"""The shapes of the auditor's questions and answers, as OpenAPI shows them."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import And, Length, OneOf, Range, Regexp

from services.payments.audit.sampling import SAMPLE_MAX
from services.payments.audit.universes import UNIVERSES
from shared.web.bodies import Schema

_SEED = And(
    Length(1, 100), Regexp(r"[A-Za-z0-9._-]*\Z", error="Use letters, digits, dots, dashes and underscores.")
)


class Checkpoint(Schema):
    sequence = fields.Integer(required=True)
    hash = fields.String(required=True, metadata={"description": "Of the entry with this sequence"})
    made_at = fields.String(required=True, metadata={"format": "date-time"})
    key_id = fields.String(required=True, metadata={"description": "SHA-256 of the public key"})
    signature = fields.String(
        required=True,
        metadata={"description": "Ed25519, over the canonical JSON of hash, key_id, made_at and sequence"},
    )
    public_key = fields.String(required=True)


class Checkpoints(Schema):
    items = fields.List(fields.Nested(Checkpoint), required=True)


class PublicKey(Schema):
    key_id = fields.String(required=True)
    public_key = fields.String(required=True, metadata={"description": "32 bytes in hexadecimal"})


class PublicKeys(Schema):
    algorithm = fields.String(required=True)
    current = fields.String(
        required=True, allow_none=True, metadata={"description": "The key that signs now"}
    )
    keys = fields.List(fields.Nested(PublicKey), required=True)


class SampleQuery(Schema):
    universe = fields.String(
        required=True, validate=OneOf(list(UNIVERSES), error="Use one of " + ", ".join(UNIVERSES) + ".")
    )
    first = fields.Date(data_key="from", metadata={"description": "First day of arrival"})
    last = fields.Date(data_key="to", metadata={"description": "Last day of arrival"})
    as_of = fields.Date(
        metadata={"description": "The day on which open claims count as late. Default: today in California"}
    )
    size = fields.Integer(load_default=30, validate=Range(1, SAMPLE_MAX))
    seed = fields.String(
        validate=_SEED, metadata={"description": "Default: a new one, which the answer holds"}
    )

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("first") and data.get("last") and data["last"] < data["first"]:
            raise ValidationError({"to": ["The last day lies before the first."]})


class Sample(Schema):
    universe = fields.String(required=True)
    meaning = fields.String(required=True)
    first = fields.Date(data_key="from", required=True, allow_none=True)
    last = fields.Date(data_key="to", required=True, allow_none=True)
    as_of = fields.Date(required=True)
    size = fields.Integer(required=True)
    seed = fields.String(required=True)
    universe_count = fields.Integer(required=True)
    universe_sha256 = fields.String(required=True)
    algorithm = fields.String(required=True)
    items = fields.List(fields.Dict(), required=True)
