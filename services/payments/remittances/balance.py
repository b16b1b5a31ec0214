"""Does a remittance add up? ASC X12 005010X221A1, section 1.10.2.1: line, claim and transaction balancing.

Pure. A remittance that does not balance is posted all the same, because the money moved; each difference is
listed with both sums, so that somebody asks the payer.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from services.payments.remittances.model import (
    REVERSAL,
    Adjustment,
    ClaimPayment,
    LinePayment,
    PaymentSet,
    ProviderAdjustment,
)

INTEREST = "L6"


class Imbalance(Struct, frozen=True):
    """Two sums that should be equal, in cents. ``message`` says which; it holds no PHI."""

    where: str
    message: str
    says_cents: int
    adds_up_to_cents: int


def imbalances(payment: PaymentSet) -> tuple[Imbalance, ...]:
    """Every difference in one transaction set; empty where it balances."""
    return tuple(_of_set(payment))


def interest_by_claim(payment: PaymentSet) -> tuple[dict[int, int], int]:
    """Interest in cents by the ordinal of the claim payment, and what belongs to none that can be told.

    AMT*I says it of the claim. PLB L6 holds the sum; where AMT*I is nowhere, its amount belongs to the claim whose
    number it bears as reference, or to the only claim that was paid. Interest that is taken back goes with a reversal.
    The rest is never spread by a guess.
    """
    said = [claim for claim in payment.claims if claim.interest_cents]
    given = [each for each in payment.adjustments if each.reason == INTEREST]
    named = {
        claim.ordinal: claim.interest_cents
        for claim in said
        if claim.interest_cents > 0 or claim.status == REVERSAL
    }
    if said:
        total = -_sum(given) if given else sum(claim.interest_cents for claim in said)
        return named, total - sum(named.values())
    left = 0
    for each in given:
        owner = _owner(payment, each)
        if owner is None:
            left -= each.cents
        else:
            named[owner.ordinal] = named.get(owner.ordinal, 0) - each.cents
    return {ordinal: cents for ordinal, cents in named.items() if cents}, left


def _owner(payment: PaymentSet, interest: ProviderAdjustment) -> ClaimPayment | None:
    claims = [claim for claim in payment.claims if claim.paid_cents * interest.cents < 0]
    if interest.reference:
        meant = [claim for claim in claims if interest.reference in (claim.number, claim.payer_control)]
        if len(meant) == 1:
            return meant[0]
    return claims[0] if len(claims) == 1 else None


def _of_set(payment: PaymentSet) -> Iterator[Imbalance]:
    paid = sum(claim.paid_cents for claim in payment.claims)
    computed = paid - _sum(payment.adjustments)
    if payment.amount_cents != computed:
        yield Imbalance(
            payment.where,
            "BPR02 is not the sum of CLP04 less the sum of the PLB amounts.",
            payment.amount_cents,
            computed,
        )
    for claim in payment.claims:
        yield from _of_claim(claim)
    interest = sum(claim.interest_cents for claim in payment.claims)
    given = -_sum([each for each in payment.adjustments if each.reason == INTEREST])
    if interest and interest != given:
        yield Imbalance(
            payment.where, "The sum of AMT*I is not the interest in PLB (reason L6).", given, interest
        )


def _of_claim(claim: ClaimPayment) -> Iterator[Imbalance]:
    lines = claim.lines
    adjusted = _sum(claim.adjustments) + sum(_sum(line.adjustments) for line in lines)
    if claim.charge_cents - claim.paid_cents != adjusted:
        yield Imbalance(
            claim.where,
            "CLP03 less CLP04 is not the sum of the CAS amounts of the claim and its lines.",
            claim.charge_cents - claim.paid_cents,
            adjusted,
        )
    if claim.status == REVERSAL and claim.paid_cents > 0:
        yield Imbalance(
            claim.where, "A reversal (status 22) has amounts below zero.", claim.paid_cents, -claim.paid_cents
        )
    for line in lines:
        yield from _of_line(line)
    charged, paid = sum(line.charge_cents for line in lines), sum(line.paid_cents for line in lines)
    if lines and charged != claim.charge_cents:
        yield Imbalance(claim.where, "CLP03 is not the sum of SVC02.", claim.charge_cents, charged)
    # What the claim itself was adjusted by is not in its lines.
    if lines and paid - _sum(claim.adjustments) != claim.paid_cents:
        yield Imbalance(
            claim.where,
            "CLP04 is not the sum of SVC03 less the CAS amounts of the claim.",
            claim.paid_cents,
            paid - _sum(claim.adjustments),
        )


def _of_line(line: LinePayment) -> Iterator[Imbalance]:
    if line.charge_cents - line.paid_cents != _sum(line.adjustments):
        yield Imbalance(
            line.where,
            "SVC02 less SVC03 is not the sum of the CAS amounts of the line.",
            line.charge_cents - line.paid_cents,
            _sum(line.adjustments),
        )


def _sum(adjustments: Sequence[Adjustment | ProviderAdjustment]) -> int:
    return sum(each.cents for each in adjustments)
