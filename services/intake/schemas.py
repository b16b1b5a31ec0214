"""The JSON claim at the HTTP edge: its shape for people who program against it, checked before it is read.

Only the shape is judged here: objects, lists, text and numbers where they belong. What stands in them is
judged like that of any other claim, with findings. Unknown fields are ignored by the reader, with a note.
"""

from decimal import Decimal
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Length


class Text(fields.String):
    """Text in double quotes. A number is refused: 90012 without quotes may have lost a leading zero."""

    default_error_messages = {"invalid": "This must be text in double quotes."}  # noqa: RUF012


class Cents(fields.Integer):
    """Whole cents. 100.0 and "100" are refused: money is never rounded or guessed."""

    default_error_messages = {"invalid": "This must be a whole number of cents."}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return value


class Units(fields.Decimal):
    """A number of units, or the same number in double quotes."""

    default_error_messages = {"invalid": "This must be a number."}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Frequency(fields.Field[str]):
    """1, 7 or 8, with or without double quotes."""

    default_error_messages = {"invalid": 'This must be "1", "7" or "8".'}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise self.make_error("invalid", input=value)
        return str(value)


class _ClaimPart(Schema):
    error_messages = {"type": "This must be an object."}  # noqa: RUF012

    class Meta:
        unknown = INCLUDE


class Texts(fields.List[str]):
    """A list of texts."""

    default_error_messages = {"invalid": "This must be a list."}  # noqa: RUF012

    def __init__(self, example: list[str]) -> None:
        super().__init__(Text(), allow_none=True, metadata={"example": example})


def _text(description: str, example: str) -> Text:
    return Text(allow_none=True, metadata={"description": description, "example": example})


class AddressSchema(_ClaimPart):
    """Where somebody is."""

    street = _text("Street address", "410 Harbor St")
    city = _text("City", "Los Angeles")
    state = _text("Two letters", "CA")
    zip = _text("5 or 9 digits", "90012")


class PayerSchema(_ClaimPart):
    """The health plan."""

    id = _text("The plan's payer ID", "GSHP1")
    name = _text("The plan's name", "Golden State Health Plan")


class ProviderSchema(_ClaimPart):
    """A billing or rendering provider."""

    npi = _text("Ten digits", "1234567893")
    tin = _text("Nine digits", "954412345")
    name = _text("Organization, or last name", "Harbor Street Outreach")
    first_name = _text("First name of a person", "Lee")
    phone = _text("Ten digits", "2135550142")
    taxonomy = _text("NUCC taxonomy code", "251B00000X")
    address = fields.Nested(AddressSchema, allow_none=True)


class MemberSchema(_ClaimPart):
    """The person served."""

    cin = _text("9, seven digits, a letter", "91234567A")
    last_name = _text("As on the Medi-Cal card", "Rivera")
    first_name = _text("As on the Medi-Cal card", "Ana")
    birth_date = _text("ISO 8601 date", "1988-04-17")
    gender = _text("F, M or U", "F")
    homeless = fields.Boolean(
        truthy={True},
        falsy={False},
        allow_none=True,
        error_messages={"invalid": "This must be true or false."},
    )
    address = fields.Nested(AddressSchema, allow_none=True)
    medical_record_number = _text("Your own number for the member", "MR-77")


class LineSchema(_ClaimPart):
    """One service."""

    procedure_code = _text("HCPCS code on the DHCS list", "G9012")
    modifiers = Texts(["U2"])
    place_of_service = _text("Two digits", "11")
    service_start = _text("ISO 8601 date", "2026-10-06")
    service_end = _text("ISO 8601 date; default: service_start", "2026-10-06")
    start_time = _text("HH:MM", "09:30")
    end_time = _text("HH:MM", "10:30")
    units = Units(allow_none=True, metadata={"example": 4})
    amount_cents = Cents(allow_none=True, metadata={"description": "Integer cents", "example": 10000})
    rendering_npi = _text("Only if another than the claim's", "1000000004")
    authorization_number = _text("Only if another than the claim's", "ECM-20045")
    service_name = _text("In plain words", "ECM in person")


class ClaimSchema(_ClaimPart):
    """One claim with the names of the invoice's columns, nested."""

    control_number = _text("Your own number for the claim", "A-1001")
    invoice_number = _text("Your own number for the invoice", "2026-118")
    invoice_date = _text("ISO 8601 date", "2026-11-02")
    payer = fields.Nested(PayerSchema, allow_none=True)
    billing_provider = fields.Nested(ProviderSchema, allow_none=True)
    rendering_provider = fields.Nested(ProviderSchema, allow_none=True)
    member = fields.Nested(MemberSchema, allow_none=True)
    diagnosis_codes = Texts(["Z5901"])
    place_of_service = _text("Two digits, for the lines that have none", "11")
    authorization_number = _text("From the plan; not for outreach", "ECM-20045")
    frequency = Frequency(allow_none=True, metadata={"description": "1, 7 or 8; default 1", "example": "1"})
    original_reference = _text("For 7 and 8: the earlier claim", "A-0990")
    delay_reason = _text("X12 delay reason code", "1")
    total_cents = Cents(allow_none=True, metadata={"description": "Default: the sum of the lines"})
    lines = fields.List(
        fields.Nested(LineSchema),
        required=True,
        validate=Length(min=1, error="A claim needs at least one line."),
        error_messages={"required": "A claim needs lines.", "invalid": "This must be a list."},
    )


_CLAIM = ClaimSchema()


def shape_problems(claim: object, pointer: str) -> list[dict[str, str]]:
    """What is wrong with the shape of one claim: ``[{"pointer", "message"}]``, by JSON pointer (RFC 6901)."""
    if not isinstance(claim, dict):
        return [{"pointer": pointer, "message": "A claim must be an object."}]
    try:
        _CLAIM.load(claim)
    except ValidationError as error:
        return list(_flat(error.messages, pointer))
    return []


def _flat(messages: Any, pointer: str) -> Any:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _flat(inner, pointer if key == "_schema" else f"{pointer}/{key}")
    else:
        yield from ({"pointer": pointer, "message": str(message)} for message in messages)
