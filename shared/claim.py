"""One typed claim, whatever it came in as: 837P, invoice or JSON.

A reader turns a file into claims of this shape. What it cannot understand it leaves as ``None`` and says so in
a finding, so a claim may hold gaps but never a guess. Money is integer cents; dates are dates as written by the
provider (California); codes and identifiers are upper case without blanks or punctuation.
"""

from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct

Channel = Literal["837P", "invoice", "json"]
Frequency = Literal["1", "7", "8"]


class Address(Struct, frozen=True, omit_defaults=True):
    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None


class Provider(Struct, frozen=True, omit_defaults=True):
    """A billing or rendering provider. ``name`` is the organisation or the last name."""

    npi: str | None = None
    tin: str | None = None
    name: str | None = None
    first_name: str | None = None
    phone: str | None = None
    taxonomy: str | None = None
    address: Address | None = None


class Member(Struct, frozen=True, omit_defaults=True):
    """The person served. Everything here is PHI: never in logs, URLs, metrics, keys or error pages."""

    cin: str | None = None
    last_name: str | None = None
    first_name: str | None = None
    birth_date: date | None = None
    gender: str | None = None
    address: Address | None = None
    homeless: bool | None = None
    medical_record_number: str | None = None


class Payer(Struct, frozen=True, omit_defaults=True):
    id: str | None = None
    name: str | None = None


class ServiceLine(Struct, frozen=True, omit_defaults=True):
    """One service: 837P loop 2400, or one invoice row.

    ``number`` counts from 1 within the claim. ``row`` is the spreadsheet's own row number, as a person sees it.
    ``unit_basis`` is SV103 (UN units, MJ minutes). Times are ``HH:MM`` in California.
    """

    number: int
    procedure_code: str | None = None
    modifiers: tuple[str, ...] = ()
    service_start: date | None = None
    service_end: date | None = None
    units: Decimal | None = None
    unit_basis: str = "UN"
    charge_cents: int | None = None
    place_of_service: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    rendering_npi: str | None = None
    authorization_number: str | None = None
    control_number: str | None = None
    description: str | None = None
    row: int | None = None


class Source(Struct, frozen=True, omit_defaults=True):
    """Where in its file a claim stands, in the file's own terms.

    ``set_ordinal`` and ``claim_ordinal`` count from 0: the transaction set within the file and the claim within
    that set (for sheets and JSON the set is 0). They tie conformity findings to claims. ``pointer`` is the JSON
    pointer of a claim that came as JSON (``/claims/3``; empty where the document is the claim).
    """

    set_ordinal: int = 0
    claim_ordinal: int = 0
    set_control: str | None = None
    sheet: str | None = None
    pointer: str | None = None


class Claim(Struct, frozen=True, omit_defaults=True):
    """``claim_number`` is the provider's own: CLM01, or the invoice's control number."""

    channel: Channel
    claim_number: str | None = None
    payer: Payer = Payer()
    billing_provider: Provider = Provider()
    rendering_provider: Provider | None = None
    member: Member = Member()
    lines: tuple[ServiceLine, ...] = ()
    frequency: str = "1"
    original_reference: str | None = None
    authorization_number: str | None = None
    place_of_service: str | None = None
    diagnosis_codes: tuple[str, ...] = ()
    total_cents: int | None = None
    delay_reason: str | None = None
    invoice_number: str | None = None
    invoice_date: date | None = None
    source: Source = Source()


class Receipt(Struct, frozen=True):
    """When a claim reached us. ``received_at`` is a UTC instant; ``arrival_date`` is that day in California.

    The date from which the Health and Safety Code period runs is derived from it by the payments clock.
    """

    received_at: str
    arrival_date: date


class Submitter(Struct, frozen=True, omit_defaults=True):
    """Who sent it. ``npis`` is ``None`` where nobody can say (offline check): then no NPI is anybody else's."""

    organisation: str
    npis: tuple[str, ...] | None = None
