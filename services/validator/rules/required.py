"""``field.required``: what every claim must hold. Only what the reader has not already spoken of.

Required elements: ASC X12 005010X222A1 for 837P; the DHCS invoice's elements for invoices. For 837P the
guide's own conformity check finds the rest (names, addresses): only what judging needs is asked for here.
"""

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from services.validator.rules.context import found
from shared.claim import Channel, Claim, ServiceLine
from shared.findings import Finding

_EVERYWHERE = {
    "claim_number": "the provider's claim number (control number)",
    "payer.id": "the payer's ID",
    "billing_provider.npi": "the NPI of the billing provider",
    "billing_provider.tin": "the tax ID of the billing provider",
    "member.cin": "the member ID (CIN)",
    "member.last_name": "the member's last name",
    "member.birth_date": "the member's birth date",
}
_INVOICE = {
    **_EVERYWHERE,
    "invoice_number": "the invoice number",
    "invoice_date": "the invoice date",
    "payer.name": "the payer's name",
    "billing_provider.name": "the name of the billing provider",
    "member.first_name": "the member's first name",
}
_BILLING_ADDRESS = {"street": "street", "city": "city", "state": "state", "zip": "ZIP code"}
_FORMS = {
    "billing_provider.npi": "ten digits, such as 1234567893",
    "billing_provider.tin": "nine digits",
    "member.cin": "9, seven digits and a letter, such as 91234567A",
    "member.birth_date": "month, day and year",
    "procedure_code": "a code that DHCS lists, such as G9012",
    "service_start": "month, day and year",
    "units": "a number, such as 4",
    "charge_cents": "dollars and cents, such as 120.50",
    "place_of_service": "two digits, such as 11 (office), 12 (home) or 27 (street)",
}
# Claim status, CARC and RARC of the element itself; elsewhere those of ``field.required`` say enough.
_CODES = {
    "billing_provider.npi": ("A6:562:85", "206", "N257"),
    "billing_provider.tin": ("A6:128:85", "16", "MA113"),
    "member.cin": ("A6:164:IL", "31", "N382"),
    "procedure_code": ("A6:507", "16", "M51"),
    "service_start": ("A6:187", "16", "M52"),
    "units": ("A6:476", "16", "M53"),
    "charge_cents": ("A6:178", "16", "M79"),
    "place_of_service": ("A6:249", "16", "M77"),
}
_LABELS: dict[Channel, dict[str, str]] = {
    "837P": _EVERYWHERE,
    "invoice": _INVOICE,
    "json": {**_EVERYWHERE, "member.first_name": "the member's first name"},
}
_READ: dict[Channel, Callable[[Claim], tuple[Any, ...]]] = {
    channel: attrgetter(*labels) for channel, labels in _LABELS.items()
}


def missing_from_claim(claim: Claim, spoken_of: set[tuple[int | None, str | None]]) -> Iterator[Finding]:
    """What the claim as a whole lacks. ``spoken_of`` are (line, field) that the reader found something in."""
    values = _READ[claim.channel](claim)
    if not all(values):
        for (field, label), value in zip(_LABELS[claim.channel].items(), values, strict=True):
            if not value and (None, field) not in spoken_of:
                yield _missing(claim, field, label)
    if claim.channel == "invoice":
        yield from _billing_address(claim, spoken_of)
    if not claim.lines and (None, "lines") not in spoken_of:
        yield found(
            claim,
            "field.required",
            "The claim has no service lines. Add a line for each service.",
            field="lines",
            expected="at least one line",
        )
    if claim.frequency not in ("1", "7", "8") and (None, "frequency") not in spoken_of:
        yield found(
            claim,
            "field.format",
            f"The frequency is {claim.frequency}. Use 1 for a new claim, 7 to replace one or 8 to void one.",
            field="frequency",
            value=claim.frequency,
            expected="1, 7 or 8",
        )


def missing_from_line(
    claim: Claim, line: ServiceLine, spoken_of: set[tuple[int | None, str | None]], *, amount_required: bool
) -> Iterator[Finding]:
    """What a line lacks. Where ``amount_required``, the amount is for ``line.amount_required`` to ask for."""
    number = line.number
    if not line.procedure_code and (number, "procedure_code") not in spoken_of:
        yield _missing(claim, "procedure_code", "the procedure code (HCPCS)", line)
    if line.service_start is None and (number, "service_start") not in spoken_of:
        yield _missing(claim, "service_start", "the date of service", line)
    if line.units is None and (number, "units") not in spoken_of:
        yield _missing(claim, "units", "the number of units", line)
    if line.charge_cents is None and not amount_required and (number, "charge_cents") not in spoken_of:
        yield _missing(claim, "charge_cents", "the amount (0 where the service is paid by capitation)", line)
    if not (line.place_of_service or claim.place_of_service) and not (
        {(number, "place_of_service"), (None, "place_of_service")} & spoken_of
    ):
        yield _missing(claim, "place_of_service", "the place of service", line)


def _billing_address(claim: Claim, spoken_of: set[tuple[int | None, str | None]]) -> Iterator[Finding]:
    address = claim.billing_provider.address
    if address is not None and address.street and address.city and address.state and address.zip:
        return
    for part, label in _BILLING_ADDRESS.items():
        field = f"billing_provider.address.{part}"
        if not (address and getattr(address, part)) and (None, field) not in spoken_of:
            yield _missing(claim, field, f"the {label} of the billing provider")


def _missing(claim: Claim, field: str, label: str, line: ServiceLine | None = None) -> Finding:
    subject = f"{label[0].upper()}{label[1:]}"
    codes = {}
    if field in _CODES:
        codes = dict(zip(("claim_status", "carc", "rarc"), _CODES[field], strict=True))
    return found(
        claim,
        "field.required",
        f"{subject} is missing. Add it.",
        field=field,
        line=line,
        expected=_FORMS.get(field, label),
        **codes,
    )
