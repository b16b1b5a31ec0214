"""The columns of the invoice: said once, for the reader, the blank template and the help beside it.

The elements follow the DHCS ECM and Community Supports Billing and Invoicing Guidance (April 2023), which
asks for the smallest sufficient set from providers that cannot send an 837P.
"""

import re

from msgspec import Struct

from shared.places import INVOICE_FIELDS


class InvoiceColumn(Struct, frozen=True):
    """One column. ``field`` is its field in ``shared.claim``; ``help`` is written for the provider."""

    name: str
    label: str
    required: bool
    help: str
    example: str

    @property
    def field(self) -> str:
        return INVOICE_FIELDS[self.name]


def _column(name: str, label: str, help_text: str, example: str, *, required: bool = False) -> InvoiceColumn:
    return InvoiceColumn(name=name, label=label, required=required, help=help_text, example=example)


def _needed(name: str, label: str, help_text: str, example: str) -> InvoiceColumn:
    return _column(name, label, help_text, example, required=True)


COLUMNS: tuple[InvoiceColumn, ...] = (
    _needed("invoice_number", "Invoice number", "Your own number for this invoice.", "2026-118"),
    _needed("invoice_date", "Invoice date", "The day you made the invoice.", "11/02/2026"),
    _needed(
        "control_number",
        "Control number",
        "Your own number for the claim. Rows with the same invoice number and control number form one claim.",
        "A-1001",
    ),
    _needed("payer_name", "Payer name", "The health plan.", "Golden State Health Plan"),
    _needed("payer_id", "Payer ID", "The ID the health plan gave you for billing.", "GSHP1"),
    _needed("billing_npi", "Billing provider NPI", "Ten digits.", "1234567893"),
    _needed("billing_tin", "Billing provider TIN", "Nine digits: your EIN or SSN.", "954412345"),
    _needed(
        "billing_name", "Billing provider name", "The name of your organization.", "Harbor Street Outreach"
    ),
    _column("billing_phone", "Billing provider phone", "Ten digits.", "2135550142"),
    _needed(
        "billing_address", "Billing provider address", "Street address, not a P.O. box.", "410 Harbor St"
    ),
    _needed("billing_city", "Billing provider city", "City.", "Los Angeles"),
    _needed("billing_state", "Billing provider state", "Two letters.", "CA"),
    _needed("billing_zip", "Billing provider ZIP", "5 or 9 digits.", "90012"),
    _column(
        "rendering_npi",
        "Rendering provider NPI",
        "Only if somebody else with an NPI of their own gave the service. Staff without an NPI: leave empty.",
        "",
    ),
    _column("rendering_last_name", "Rendering provider last name", "Goes with the rendering NPI.", ""),
    _column("rendering_first_name", "Rendering provider first name", "Goes with the rendering NPI.", ""),
    _needed(
        "member_cin",
        "Member CIN",
        "The first 9 characters of the number on the Medi-Cal card: 9, seven digits and a letter.",
        "91234567A",
    ),
    _needed("member_last_name", "Member last name", "As on the Medi-Cal card.", "Rivera"),
    _needed("member_first_name", "Member first name", "As on the Medi-Cal card.", "Ana"),
    _needed(
        "member_birth_date",
        "Member date of birth",
        "Month/day/year with four digits for the year.",
        "04/17/1988",
    ),
    _column("member_gender", "Member gender", "F, M or U (unknown).", "F"),
    _column("homeless", "Member is homeless", "Y or N. With Y the member needs no address.", "N"),
    _column("member_address", "Member address", "Street address.", "88 Alder Ave"),
    _column("member_city", "Member city", "City.", "Los Angeles"),
    _column("member_state", "Member state", "Two letters.", "CA"),
    _column("member_zip", "Member ZIP", "5 or 9 digits.", "90031"),
    _column("medical_record_number", "Medical record number", "Your own number for the member.", ""),
    _column("service_name", "Service name", "In plain words.", "ECM in person"),
    _needed("procedure_code", "Procedure code", "The HCPCS code on the DHCS list, 5 characters.", "G9012"),
    _needed("modifiers", "Modifiers", "On the DHCS list. Put a space between two of them.", "U2"),
    _needed(
        "place_of_service", "Place of service", "Two digits, such as 11 office, 12 home, 27 street.", "11"
    ),
    _column(
        "diagnosis_codes", "Diagnosis codes", "ICD-10, up to 12, with a space between two of them.", "Z59.01"
    ),
    _needed(
        "service_start", "Service start date", "Month/day/year with four digits for the year.", "10/06/2026"
    ),
    _column("service_end", "Service end date", "Empty if it is the same day.", "10/06/2026"),
    _column("start_time", "Start time", "Such as 9:30 AM. Needed for in-home personal care.", "9:30 AM"),
    _column("end_time", "End time", "Such as 10:30 AM. Needed for in-home personal care.", "10:30 AM"),
    _needed(
        "units", "Units", "A number above 0, in the unit of the code (15 minutes, day, month, attempt).", "4"
    ),
    _column("unit_cost", "Unit cost", "Dollars and cents for one unit.", "25.00"),
    _needed("amount", "Amount", "Dollars and cents for this row: units times unit cost.", "100.00"),
    _column(
        "invoice_total",
        "Claim total",
        "All rows of this claim together. We compare it with their sum.",
        "100.00",
    ),
    _column(
        "authorization_number", "Authorization number", "From the health plan. Not for outreach.", "ECM-20045"
    ),
    _column("frequency", "Frequency", "1 new claim, 7 replaces an earlier one, 8 takes one back.", "1"),
    _column("original_reference", "Original reference", "For 7 and 8: the number of the earlier claim.", ""),
    _column(
        "delay_reason",
        "Delay reason",
        "If the claim is late for a good reason: the X12 delay reason code.",
        "",
    ),
)
BY_NAME: dict[str, InvoiceColumn] = {column.name: column for column in COLUMNS}
REQUIRED: frozenset[str] = frozenset(column.name for column in COLUMNS if column.required)

_NOT_WORD = re.compile(r"[^a-z0-9]+")


def _plain(header: str) -> str:
    return _NOT_WORD.sub(" ", header.casefold()).strip()


_BY_HEADER = {_plain(text): column.name for column in COLUMNS for text in (column.name, column.label)}


def column_of_header(header: object) -> str | None:
    """The column that a header cell means, by name or template label, whatever its case and punctuation."""
    return _BY_HEADER.get(_plain(header)) if isinstance(header, str) else None
