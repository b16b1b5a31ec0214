"""One claim payment of a remittance as it is kept until it is matched and posted, and afterwards. No PHI."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import date

import msgspec
from msgspec import Struct

from services.payments.remittances.balance import interest_by_claim
from services.payments.remittances.model import (
    PAID,
    Adjustment,
    ClaimPayment,
    Kind,
    PaymentSet,
    kind_of,
    without_cins,
)
from shared.identifiers import member_key

ANSWERED = frozenset({*PAID, "4", "22"})
"""The statuses of CLP02 that say what became of the claim."""
_CLAIM_ID_MAX = 40
_OTHER_STATUS = {
    "23": "The payer says that the claim is not its own and that it sent it on (status 23).",
    "25": "This only foretells what would be paid (status 25). Nothing was paid or denied.",
}

_canonical = msgspec.json.Encoder(order="sorted").encode


class Item(Struct, frozen=True, omit_defaults=True):
    """``members`` are keyed hashes. ``problem`` says why it cannot be posted, whichever claim it is for.

    ``key`` is made of what the payer said (payment number, day, claim numbers, amounts), so that the same
    payment in another file is the same. ``said`` is why it is not posted, or what a person should know;
    ``candidates`` the claims it may be for. ``only_anew``: no claim that a person names helps, only another file.
    ``closed_because`` is what was written when somebody closed it without posting it.
    """

    ordinal: int
    kind: Kind
    payment: ClaimPayment
    control: str
    paid_on: date | None
    trace: str
    key: str
    interest_cents: int = 0
    payer_ids: tuple[str, ...] = ()
    payer_name: str = ""
    payee_npis: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    problem: str = ""
    said: str = ""
    candidates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    only_anew: bool = False
    closed_because: str = ""


def items_of(payment: PaymentSet, member_secret: bytes) -> Iterator[Item]:
    """The claim payments of a set, members by their keyed hash."""
    interest, _ = interest_by_claim(payment)
    times: dict[bytes, int] = {}
    for claim in payment.claims:
        kind = kind_of(claim)
        content = _content(payment, claim, interest.get(claim.ordinal, 0))
        # Two equal payments in one set are two; the same set in another file is the same set.
        times[content] = times.get(content, 0) + 1
        yield Item(
            ordinal=claim.ordinal,
            kind=kind,
            payment=without_cins(claim),
            control=payment.control,
            paid_on=payment.paid_on,
            trace=payment.trace,
            key=hashlib.sha256(b"%b|%d" % (content, times[content])).hexdigest(),
            interest_cents=interest.get(claim.ordinal, 0),
            payer_ids=tuple(dict.fromkeys(payment.payer_ids)),
            payer_name=payment.payer_name,
            payee_npis=tuple(dict.fromkeys(payment.payee_npis)),
            members=tuple(dict.fromkeys(member_key(member_secret, cin) for cin in claim.cins)),
            problem=_problem(payment, claim),
        )


def _content(payment: PaymentSet, claim: ClaimPayment, interest: int) -> bytes:
    lines = [(line.code, line.modifiers, line.charge_cents, line.paid_cents) for line in claim.lines]
    reference = (payment.trace, payment.payer_trace_id, payment.paid_on)
    amounts = (claim.status, claim.charge_cents, claim.paid_cents, interest)
    return _canonical([*reference, claim.number, claim.payer_control, *amounts, lines])


def _problem(payment: PaymentSet, claim: ClaimPayment) -> str:
    if payment.problems:
        return "The transaction set is broken, so nothing of it is posted: " + " ".join(payment.problems)
    if claim.problems:
        return " ".join(claim.problems)
    if claim.status not in ANSWERED:
        return _OTHER_STATUS.get(
            claim.status, f"The status {claim.status!r} of CLP02 does not say whether the claim was paid."
        )
    if claim.paid_cents < 0 and claim.status != "22":
        return "The amount paid is below zero, and the claim payment is no reversal (status 22)."
    return ""


def named_claim(item: Item) -> str:
    """The claim id that the payer may have sent back as its control number; empty where it did not."""
    control = item.payment.payer_control
    return control if control.startswith("clm_") and len(control) <= _CLAIM_ID_MAX else ""


def reason_of(item: Item) -> str:
    """Why not all was paid, in the payer's codes: ``CO-45 20.00; remarks N130``. For the provider, not the log."""
    claim = item.payment
    every = [*claim.adjustments, *(each for line in claim.lines for each in line.adjustments)]
    remarks = dict.fromkeys([*claim.remarks, *(code for line in claim.lines for code in line.remarks)])
    return codes_text(every, tuple(remarks))


def codes_text(adjustments: Iterable[Adjustment], remarks: tuple[str, ...]) -> str:
    """CARC and RARC codes as one text."""
    sums: dict[str, int] = {}
    for each in adjustments:
        name = f"{each.group}-{each.reason}"
        sums[name] = sums.get(name, 0) + each.cents
    parts = [f"{name} {_dollars(total)}" for name, total in sums.items()]
    if remarks:
        parts.append("remarks " + " ".join(remarks))
    return "; ".join(parts)


def _dollars(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"
