"""Builders with defaults: a test shows only what matters to it, such as ``a_claim(lines=[a_line(units=3)])``.

The defaults make a clean claim. Names, numbers and addresses are made up.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from shared.calendar import PACIFIC
from shared.claim import Address, Claim, Member, Payer, Provider, Receipt, ServiceLine, Source, Submitter
from shared.events import ClaimReceived, utc_text
from shared.findings import Finding

BILLING_NPI = "1234567893"
OTHER_NPI = "1000000004"
RENDERING_NPI = "1999999984"
CIN = "91234567A"
OTHER_CIN = "97654321C"
ARRIVAL = date(2026, 11, 2)
SERVICE_DAY = date(2026, 10, 12)

_numbers = count(1)

BILLING_PROVIDER = Provider(
    npi=BILLING_NPI,
    tin="941234567",
    name="Harbor Light Shelter",
    phone="5555550100",
    address=Address(street="12 Pier Street", city="Oakland", state="CA", zip="94607"),
)
MEMBER = Member(cin=CIN, last_name="Rivera", first_name="Ana", birth_date=date(1980, 5, 17), gender="F")
PAYER = Payer(id="GSHP1", name="Golden State Health Plan")


def a_line(number: int = 1, **overrides: Any) -> ServiceLine:
    """One clean ECM line: G9012 U2, two units on 2026-10-12. ``units`` may be given as an int."""
    values: dict[str, Any] = {
        "procedure_code": "G9012",
        "modifiers": ("U2",),
        "service_start": SERVICE_DAY,
        "units": Decimal(2),
        "charge_cents": 9_000,
        "place_of_service": "04",
    }
    values.update(overrides)
    if isinstance(values["units"], int):
        values["units"] = Decimal(values["units"])
    return ServiceLine(number, **values)


def a_claim(**overrides: Any) -> Claim:
    """A clean claim of one line; ``cin``, ``npi`` and ``payer_id`` are shortcuts to where those stand."""
    lines: Iterable[ServiceLine] = overrides.pop("lines", (a_line(),))
    channel = overrides.pop("channel", "837P")
    values: dict[str, Any] = {
        "claim_number": f"PCN-{next(_numbers):04}",
        "payer": PAYER,
        "billing_provider": BILLING_PROVIDER,
        "member": MEMBER,
        "place_of_service": "04",
        "diagnosis_codes": ("Z5901",),
        "source": Source(set_control="0001"),
    }
    if channel != "837P":
        values |= {"invoice_number": "INV-1", "invoice_date": ARRIVAL, "source": Source(sheet="Invoice")}
    for shortcut, part, field in (
        ("cin", "member", "cin"),
        ("npi", "billing_provider", "npi"),
        ("payer_id", "payer", "id"),
    ):
        if shortcut in overrides:
            values[part] = _with(values[part], field, overrides.pop(shortcut))
    return Claim(channel, **{**values, "lines": tuple(lines), **overrides})


def a_receipt(arrival: date = ARRIVAL) -> Receipt:
    """Received at ten in the morning in California on ``arrival``."""
    at_ten = datetime(arrival.year, arrival.month, arrival.day, 10, tzinfo=PACIFIC)
    return Receipt(utc_text(at_ten), arrival)


def a_received_claim(
    claim: Claim | None = None,
    *,
    arrival: date = ARRIVAL,
    npis: tuple[str, ...] | None = (BILLING_NPI, OTHER_NPI),
    findings: tuple[Finding, ...] = (),
    claim_id: str | None = None,
    **overrides: Any,
) -> ClaimReceived:
    """A claim as the validator gets it; ``overrides`` go to :func:`a_claim` where no claim is given."""
    number = next(_numbers)
    return ClaimReceived(
        claim_id=claim_id or f"clm_{number:032x}",
        submission_id=f"sub_{1:032x}",
        claim=claim or a_claim(**overrides),
        receipt=a_receipt(arrival),
        submitter=Submitter("Harbor Light Shelter", npis),
        findings=findings,
    )


def _with(part: Any, field: str, value: Any) -> Any:
    return type(part)(**{name: getattr(part, name) for name in part.__struct_fields__} | {field: value})
