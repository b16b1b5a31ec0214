"""Where a field of a claim stands in the provider's own terms, whatever the claim came in as.

``where`` is only called when a finding is made, so it may be slow. It holds no name, CIN or claim number.
"""

from shared.claim import Claim, ServiceLine
from shared.x12.places import where_in_837p

# Invoice column -> field of ``shared.claim``: the one place that ties the two together.
INVOICE_FIELDS = {
    "invoice_number": "invoice_number",
    "invoice_date": "invoice_date",
    "control_number": "claim_number",
    "payer_name": "payer.name",
    "payer_id": "payer.id",
    "billing_npi": "billing_provider.npi",
    "billing_tin": "billing_provider.tin",
    "billing_name": "billing_provider.name",
    "billing_phone": "billing_provider.phone",
    "billing_address": "billing_provider.address.street",
    "billing_city": "billing_provider.address.city",
    "billing_state": "billing_provider.address.state",
    "billing_zip": "billing_provider.address.zip",
    "rendering_npi": "rendering_provider.npi",
    "rendering_last_name": "rendering_provider.name",
    "rendering_first_name": "rendering_provider.first_name",
    "member_cin": "member.cin",
    "member_last_name": "member.last_name",
    "member_first_name": "member.first_name",
    "member_birth_date": "member.birth_date",
    "member_gender": "member.gender",
    "homeless": "member.homeless",
    "member_address": "member.address.street",
    "member_city": "member.address.city",
    "member_state": "member.address.state",
    "member_zip": "member.address.zip",
    "medical_record_number": "member.medical_record_number",
    "service_name": "description",
    "procedure_code": "procedure_code",
    "modifiers": "modifiers",
    "place_of_service": "place_of_service",
    "diagnosis_codes": "diagnosis_codes",
    "service_start": "service_start",
    "service_end": "service_end",
    "start_time": "start_time",
    "end_time": "end_time",
    "units": "units",
    "unit_cost": "unit_cost",
    "amount": "charge_cents",
    "invoice_total": "total_cents",
    "authorization_number": "authorization_number",
    "frequency": "frequency",
    "original_reference": "original_reference",
    "delay_reason": "delay_reason",
}
_COLUMN_OF = {field: column for column, field in INVOICE_FIELDS.items()}
# Rules speak of "cin" or "npi" as often as of "member.cin": both lead to the column.
_SHORT = {
    "billing_provider": "billing_provider.name",
    "billing_provider.address": "billing_provider.address.street",
    "birth_date": "member.birth_date",
    "cin": "member.cin",
    "first_name": "member.first_name",
    "last_name": "member.last_name",
    "gender": "member.gender",
    "member": "member.cin",
    "member.address": "member.address.street",
    "npi": "billing_provider.npi",
    "payer": "payer.name",
    "rendering_npi": "rendering_provider.npi",
    "rendering_provider": "rendering_provider.npi",
    "tin": "billing_provider.tin",
}
_JSON_NAMES = {
    "claim_number": "control_number",
    "charge_cents": "amount_cents",
    "total_cents": "total_cents",
    "birth_date": "member.birth_date",
    "cin": "member.cin",
    "first_name": "member.first_name",
    "last_name": "member.last_name",
    "npi": "billing_provider.npi",
    "tin": "billing_provider.tin",
}


def where_in_invoice(claim: Claim, line: int | None, field: str) -> str:
    """``sheet "Invoice", row 17, column procedure_code``; for the whole claim the row of its first line."""
    column = _COLUMN_OF.get(_SHORT.get(field, field), field)
    row = next((entry.row for entry in claim.lines if line is None or entry.number == line), None)
    parts = [f'sheet "{claim.source.sheet}"'] if claim.source.sheet else []
    if row is not None:
        parts.append(f"row {row}")
    return ", ".join([*parts, f"column {column}"])


def where_in_json(claim: Claim, line: int | None, field: str) -> str:
    """A JSON pointer (RFC 6901): ``/claims/0/lines/1/units``. Lines count from 0 in it."""
    of_line = line is not None and field in ServiceLine.__struct_fields__
    name = _JSON_NAMES.get(field, field) if not of_line or field == "charge_cents" else field
    pointer = claim.source.pointer or ""
    if of_line and line is not None:
        pointer += f"/lines/{line - 1}"
    return f"{pointer}/{name.replace('.', '/')}"


def where(claim: Claim, line: int | None, field: str) -> str:
    """The place of ``field`` (a name of ``shared.claim``, dotted or short) of a claim or one of its lines."""
    if claim.channel == "837P":
        return where_in_837p(claim, line, field)
    if claim.channel == "invoice":
        return where_in_invoice(claim, line, field)
    return where_in_json(claim, line, field)
