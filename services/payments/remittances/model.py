"""A remittance as read: payments of claims and of their lines, in whole cents, with where each stands in the file.

What a segment says about a member or a name is not kept: a CIN leaves the reader only in ``ClaimPayment.cins``,
to be turned into keyed hashes at once.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Kind = Literal["payment", "denial", "reversal"]


class Adjustment(Struct, frozen=True):
    """One reason of a CAS segment: group (CO, OA, PI, PR), claim adjustment reason code, and cents not paid."""

    group: str
    reason: str
    cents: int


class LinePayment(Struct, frozen=True, omit_defaults=True):
    """Loop 2110. ``code`` and ``modifiers`` are those billed: SVC06 where the payer paid another code than that."""

    code: str
    modifiers: tuple[str, ...]
    charge_cents: int
    paid_cents: int
    where: str
    units: Decimal | None = None
    service_date: date | None = None
    service_end: date | None = None
    control_number: str | None = None
    adjustments: tuple[Adjustment, ...] = ()
    remarks: tuple[str, ...] = ()


class ClaimPayment(Struct, frozen=True, omit_defaults=True):
    """Loop 2100, CLP. ``ordinal`` counts the claim payments of the file from 1.

    ``problems`` say what of it cannot be understood: then none of it is posted. ``interest_cents`` is AMT*I.
    """

    ordinal: int
    where: str
    number: str
    status: str
    charge_cents: int
    paid_cents: int
    payer_control: str = ""
    patient_cents: int = 0
    interest_cents: int = 0
    service_date: date | None = None
    service_end: date | None = None
    adjustments: tuple[Adjustment, ...] = ()
    remarks: tuple[str, ...] = ()
    lines: tuple[LinePayment, ...] = ()
    cins: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class ProviderAdjustment(Struct, frozen=True, omit_defaults=True):
    """One amount of a PLB segment. Less than zero raises the payment; ``L6`` is interest."""

    reason: str
    cents: int
    where: str
    reference: str = ""


class PaymentSet(Struct, frozen=True, omit_defaults=True):
    """One transaction set: one payment to one payee. ``paid_on`` is BPR16, the day that clocks are stopped with.

    ``problems`` say why nothing of it can be posted.
    """

    control: str
    where: str
    amount_cents: int = 0
    method: str = ""
    paid_on: date | None = None
    trace: str = ""
    payer_trace_id: str = ""
    produced_on: date | None = None
    payer_ids: tuple[str, ...] = ()
    payer_name: str = ""
    payee_npis: tuple[str, ...] = ()
    claims: tuple[ClaimPayment, ...] = ()
    adjustments: tuple[ProviderAdjustment, ...] = ()
    problems: tuple[str, ...] = ()


class Remittance(Struct, frozen=True):
    """A whole file. ``notes`` are faults of its envelopes that put no set in doubt."""

    sets: tuple[PaymentSet, ...]
    notes: tuple[str, ...] = ()


REVERSAL = "22"
DENIED = "4"
PAID = {
    "1": "primary",
    "2": "secondary",
    "3": "tertiary",
    "19": "primary, forwarded to another payer",
    "20": "secondary, forwarded to another payer",
    "21": "tertiary, forwarded to another payer",
}
UNKNOWN_CLAIM = "23"
"""The payer says that the claim is not its own and sent it on (status 23): nothing was paid or denied."""
PREDETERMINED = "25"

SETTLED_ELSEWHERE = frozenset({"23", "24"})
"""Claim adjustment reasons by which nothing is paid now and yet nothing is denied: 24, a capitation covers it;
23, what an earlier payer made of it.
"""


def settled_elsewhere(adjustments: Sequence[Adjustment]) -> bool:
    """Whether all that is not paid is so because it is paid in another way."""
    return bool(adjustments) and all(each.reason in SETTLED_ELSEWHERE for each in adjustments)


def all_adjustments(claim: ClaimPayment) -> tuple[Adjustment, ...]:
    """Those of the claim and of its lines."""
    return (*claim.adjustments, *(each for line in claim.lines for each in line.adjustments))


def kind_of(claim: ClaimPayment) -> Kind:
    """What a claim payment is: by its status, and where that says paid and nothing was, by the adjustments."""
    if claim.status == REVERSAL:
        return "reversal"
    if claim.paid_cents or (claim.status != DENIED and not claim.charge_cents):
        return "payment"
    if claim.status != DENIED and claim.interest_cents > 0:
        return "payment"
    if claim.status != DENIED and settled_elsewhere(all_adjustments(claim)):
        return "payment"
    return "denial"


def without_cins(claim: ClaimPayment) -> ClaimPayment:
    """The claim payment as it may be kept."""
    return replace(claim, cins=())
