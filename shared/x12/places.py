"""Where a claim's fields stand in an 837 professional (ASC X12 005010X222A1), in an EDI analyst's words."""

from functools import cache

from shared.claim import Claim

_ELEMENTS = {
    "claim_number": "CLM01",
    "total_cents": "CLM02",
    "place_of_service": "CLM05-1",
    "frequency": "CLM05-3",
    "delay_reason": "CLM20",
    "original_reference": "REF02 (F8)",
    "authorization_number": "REF02 (G1)",
    "diagnosis_codes": "HI01-2",
    "payer": "2010BB NM103",
    "payer.id": "2010BB NM109",
    "payer.name": "2010BB NM103",
    "billing_provider.npi": "2010AA NM109",
    "billing_provider.tin": "2010AA REF02",
    "billing_provider.name": "2010AA NM103",
    "billing_provider.first_name": "2010AA NM104",
    "billing_provider.phone": "2010AA PER04",
    "billing_provider.taxonomy": "2000A PRV03",
    "billing_provider.address": "2010AA N301",
    "billing_provider.address.street": "2010AA N301",
    "billing_provider.address.city": "2010AA N401",
    "billing_provider.address.state": "2010AA N402",
    "billing_provider.address.zip": "2010AA N403",
    "rendering_provider.npi": "2310B NM109",
    "rendering_provider.name": "2310B NM103",
    "rendering_provider.first_name": "2310B NM104",
    "rendering_provider.taxonomy": "2310B PRV03",
    "member.cin": "2010BA NM109",
    "member.last_name": "2010BA NM103",
    "member.first_name": "2010BA NM104",
    "member.birth_date": "2010BA DMG02",
    "member.gender": "2010BA DMG03",
    "member.address": "2010BA N301",
    "member.address.street": "2010BA N301",
    "member.address.city": "2010BA N401",
    "member.address.state": "2010BA N402",
    "member.address.zip": "2010BA N403",
    "member.medical_record_number": "REF02 (EA)",
    "lines": "LX01",
}
_LINE_ELEMENTS = {
    "procedure_code": "SV101-2",
    "modifiers": "SV101-3 to SV101-6",
    "description": "SV101-7",
    "charge_cents": "SV102",
    "unit_basis": "SV103",
    "units": "SV104",
    "place_of_service": "SV105",
    "service_start": "DTP03 (472)",
    "service_end": "DTP03 (472)",
    "start_time": "DTP03 (472)",
    "end_time": "DTP03 (472)",
    "rendering_npi": "2420A NM109",
    "authorization_number": "REF02 (G1)",
    "control_number": "REF02 (6R)",
}
# Rules speak of "cin" or "npi" as often as of "member.cin": both lead to the element.
_SHORT = {
    "cin": "member.cin",
    "birth_date": "member.birth_date",
    "last_name": "member.last_name",
    "first_name": "member.first_name",
    "gender": "member.gender",
    "medical_record_number": "member.medical_record_number",
    "npi": "billing_provider.npi",
    "billing_npi": "billing_provider.npi",
    "tin": "billing_provider.tin",
    "billing_tin": "billing_provider.tin",
    "billing_name": "billing_provider.name",
    "payer_id": "payer.id",
    "payer_name": "payer.name",
    "amount_cents": "charge_cents",
    "amount": "charge_cents",
}


@cache
def element_place(field: str, *, of_line: bool = False) -> str:
    """The element that holds ``field`` of ``shared.claim``, such as ``SV104``; ``field`` where unknown.

    Loops are named where the segment alone would not say which one is meant. ``place_of_service`` and
    ``authorization_number`` stand on the claim (CLM05-1) or on its lines (SV105): ``of_line`` chooses.
    """
    name = _SHORT.get(field, field)
    first, second = (_LINE_ELEMENTS, _ELEMENTS) if of_line else (_ELEMENTS, _LINE_ELEMENTS)
    return first.get(name) or second.get(name) or field


@cache
def field_at(element: str, *, of_line: bool = False) -> str | None:
    """The claim field that stands at ``element`` (``units`` at ``SV104``); ``None`` where there is none."""
    names = _LINE_ELEMENTS if of_line else _ELEMENTS
    if element.startswith("SV101-") and element[6:] in {"3", "4", "5", "6"}:
        return "modifiers"
    if element.startswith("HI") and element.endswith("-2"):
        return "diagnosis_codes"
    return next((name for name, known in names.items() if known == element), None)


def place(set_control: str | None, element: str, *, line: int | None = None) -> str:
    """``ST 0001, LX 1, SV104``. Holds no claim number, so that a place may be logged."""
    parts = [f"ST {set_control or '(no number)'}"]
    if line is not None:
        parts.append(f"LX {line}")
    parts.append(element)
    return ", ".join(parts)


def where_in_837p(claim: Claim, line: int | None, field: str) -> str:
    """The place of a claim's field in the file that it came in: ``ST 0001, LX 1, SV101-2``."""
    if _SHORT.get(field, field) not in _LINE_ELEMENTS:
        # Found while a line was judged, but it stands on the claim: naming LX would send people to the wrong place.
        line = None
    return place(claim.source.set_control, element_place(field, of_line=line is not None), line=line)
