"""Which claim, and which of its lines, a claim payment is for. Pure: candidates in, a decision out.

In this order: the claim id that the payer sent back as its control number (CLP07); the provider's own claim
number (CLP01) with the payee's NPI; the claim number with the member, where the payee is paid under another
NPI; and last the member, provider, service dates and codes. What fits two claims is never decided by chance.
"""

from collections.abc import Callable, Sequence
from datetime import date

from msgspec import Struct

from services.payments.remittances.item import Item, named_claim
from services.payments.remittances.model import LinePayment

OPEN = ("running", "contested")


class ClaimLine(Struct, frozen=True):
    """A service line as it was claimed. ``modifiers`` are sorted and joined by a blank."""

    line: int
    service_date: date | None
    service_end: date | None
    code: str
    modifiers: str
    charge_cents: int
    control_number: str | None = None


class Candidate(Struct, frozen=True):
    """A claim that a payment may be for. ``payer`` is the payer's first id, whichever it was sent with.

    ``controls`` are the payer's own control numbers under which the claim was paid before.
    """

    claim_id: str
    number: str
    payer: str
    provider_npi: str
    member: str
    amount_cents: int
    status: str
    outstanding_cents: int
    paid_cents: int
    lines: tuple[ClaimLine, ...] = ()
    controls: frozenset[str] = frozenset()


class Match(Struct, frozen=True):
    """``claim`` is ``None`` where none fits, or several do: then these are ``candidates``. ``by`` says how."""

    claim: Candidate | None = None
    by: str = ""
    candidates: tuple[str, ...] = ()


_Fits = Callable[[Item, Candidate], bool]


def match(item: Item, candidates: Sequence[Candidate], payers: frozenset[str] | None = None) -> Match:
    """The claim that ``item`` is for. ``payers``: the payers that the remittance is of, ``None`` where it names
    none that is known.
    """
    ids = {payer_id.upper() for payer_id in item.payer_ids}
    fitting = [each for each in candidates if payers is None or each.payer in payers]
    # A payer that no file of payers names is still told by its id, where claims bear it.
    fitting = [each for each in fitting if payers is None and each.payer in ids] or fitting
    named = named_claim(item)
    for by, fits in _WAYS:
        found = [each for each in fitting if fits(item, each)]
        if found:
            claim = _choose(item, found)
            if claim is None:
                return Match(candidates=tuple(sorted(each.claim_id for each in found)))
            return Match(claim, by)
        if named and by == "payer control number":
            # The payer says which claim it means. Until that claim comes, no other is taken for it.
            return Match()
    return Match()


def _by_id(item: Item, claim: Candidate) -> bool:
    return claim.claim_id == named_claim(item)


def _by_number(item: Item, claim: Candidate) -> bool:
    if not item.payment.number or claim.number != item.payment.number:
        return False
    if item.payee_npis:
        return claim.provider_npi in item.payee_npis
    # Another provider may use the same number: without an NPI the charge has to speak for it.
    return claim.amount_cents == abs(item.payment.charge_cents)


def _by_number_and_member(item: Item, claim: Candidate) -> bool:
    same_number = bool(item.payment.number) and claim.number == item.payment.number
    same_charge = claim.amount_cents == abs(item.payment.charge_cents)
    return same_number and same_charge and claim.member in item.members


def _by_service(item: Item, claim: Candidate) -> bool:
    if claim.member not in item.members or not item.payment.lines:
        return False
    if item.payee_npis and claim.provider_npi not in item.payee_npis:
        return False
    # Another number stands on it, so the rest has to fit entirely: a claim that still waits, with this charge.
    waits = claim.paid_cents > 0 if item.kind == "reversal" else claim.status in OPEN
    if not waits or claim.amount_cents != abs(item.payment.charge_cents):
        return False
    return all(
        any(line.code == own.code and _same_day(_date_of(item, line), own) for own in claim.lines)
        for line in item.payment.lines
    )


_WAYS: tuple[tuple[str, _Fits], ...] = (
    ("payer control number", _by_id),
    ("claim number", _by_number),
    ("claim number and member", _by_number_and_member),
    ("member, provider, date and code", _by_service),
)


def _choose(item: Item, found: list[Candidate]) -> Candidate | None:
    """The one of several claims that can be meant: the one paid under this control number before, the one that
    was paid (for a reversal), or the only one that is open and of this charge.
    """
    if len(found) > 1:
        found = [each for each in found if each.status != "none"] or found
    if len(found) == 1:
        return found[0]
    payment = item.payment
    before = [each for each in found if payment.payer_control and payment.payer_control in each.controls]
    if len(before) == 1:
        return before[0]
    same = [each for each in found if each.amount_cents == abs(payment.charge_cents)]
    if item.kind == "reversal":
        meant = [each for each in same if 0 < abs(payment.paid_cents) <= each.paid_cents]
    else:
        meant = [each for each in same if each.status in OPEN and each.outstanding_cents > 0]
    return meant[0] if len(meant) == 1 else None


def match_lines(item: Item, lines: Sequence[ClaimLine]) -> tuple[int | None, ...]:
    """The claim's line for each line of the payment, ``None`` where that cannot be told; no line twice.

    By the provider's own line number (REF*6R), else by code, modifiers, date and charge, else by code and date
    where only one is left. Lines that are alike in all of these are taken in their order.
    """
    left = {own.line: own for own in lines}
    found: dict[int, int] = {}

    def take(fits: Callable[[LinePayment, ClaimLine], bool], *, alone: bool) -> None:
        for place, line in enumerate(item.payment.lines):
            if place in found:
                continue
            fitting = [own.line for own in left.values() if fits(line, own)]
            if fitting and (len(fitting) == 1 or not alone):
                found[place] = fitting[0]
                del left[fitting[0]]

    def same_number(line: LinePayment, own: ClaimLine) -> bool:
        return line.control_number is not None and line.control_number == own.control_number

    def same_service(line: LinePayment, own: ClaimLine) -> bool:
        return line.code == own.code and _same_day(_date_of(item, line), own)

    def alike(line: LinePayment, own: ClaimLine) -> bool:
        same_modifiers = " ".join(line.modifiers) == own.modifiers
        return same_service(line, own) and same_modifiers and own.charge_cents == abs(line.charge_cents)

    take(same_number, alone=True)
    take(alike, alone=False)
    take(same_service, alone=True)
    return tuple(found.get(place) for place in range(len(item.payment.lines)))


def _date_of(item: Item, line: LinePayment) -> date | None:
    """The line's date, or the claim's where the claim has one day only and says it once."""
    return line.service_date or item.payment.service_date


def _same_day(day: date | None, own: ClaimLine) -> bool:
    if day is None or own.service_date is None:
        return False
    return own.service_date <= day <= (own.service_end or own.service_date)
