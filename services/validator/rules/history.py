"""What was billed before: keys of lines, earlier lines, originals, and a batch's history.

A line's key is a 64-bit hash of what makes two lines the same service; a hit is then compared field by
field, so a collision can never reject. Rejected claims are nobody's original and make nothing a duplicate.
"""

from collections.abc import Iterable
from datetime import date
from hashlib import blake2b

from msgspec import Struct

from services.validator.rules.amounts import normal_units
from services.validator.rules.context import last_day
from shared.claim import Channel, Claim, ServiceLine
from shared.events import ClaimReceived
from shared.identifiers import cin_of_bic


class EarlierLine(Struct, frozen=True):
    """A line of a claim that was accepted or pended and is neither voided nor replaced. ``cin`` is PHI.

    ``modifiers`` are sorted and without repeats; ``service_end`` is the start where none was stated;
    ``units`` as in :func:`normal_units`. ``arrival_date`` is California's.
    """

    claim_id: str
    claim_number: str | None
    channel: Channel
    line: int
    key: int
    payer_id: str | None
    cin: str | None
    billing_npi: str | None
    hcpcs: str
    modifiers: tuple[str, ...]
    service_start: date
    service_end: date
    units: str
    charge_cents: int | None
    arrival_date: date


class OriginalClaim(Struct, frozen=True):
    """A claim that a replacement or void may name. ``superseded``: already voided or replaced."""

    claim_id: str
    claim_number: str | None
    billing_npi: str | None
    superseded: bool = False


class Prepared(Struct, frozen=True):
    """A received claim, its lines as history would hold them; ``None`` for one without code or date."""

    received: ClaimReceived
    lines: tuple[EarlierLine | None, ...]


class Needs(Struct, frozen=True):
    """What to load for a batch: lines by key, and originals by (billing NPI, claim id or claim number)."""

    keys: frozenset[int]
    originals: frozenset[tuple[str, str]]


def line_key(claim: Claim, line: ServiceLine) -> int | None:
    """The line's key, a signed 64-bit number; ``None`` without a code or a date of service.

    It covers payer, CIN, billing NPI, HCPCS, set of modifiers, dates and units. Charge, place, times and the
    channel are left out: a claim and an invoice for the same service meet.
    """
    if not line.procedure_code or line.service_start is None:
        return None
    return _key(
        _payer(claim),
        _cin(claim),
        claim.billing_provider.npi,
        line.procedure_code,
        tuple(sorted(set(line.modifiers))),
        line.service_start,
        last_day(line) or line.service_start,
        normal_units(line.units),
    )


def prepare(received: ClaimReceived) -> Prepared:
    """The claim with its lines keyed, once, for looking up, judging and storing alike."""
    claim = received.claim
    cin = _cin(claim)
    return Prepared(received, tuple(_line_of(received, claim, cin, line) for line in claim.lines))


def needs(batch: Iterable[Prepared]) -> Needs:
    """What a shell has to load before the batch can be judged. Voids look up no lines."""
    keys: set[int] = set()
    originals: set[tuple[str, str]] = set()
    for prepared in batch:
        claim = prepared.received.claim
        if claim.frequency != "8":
            keys.update(line.key for line in prepared.lines if line is not None)
        if claim.frequency in ("7", "8") and claim.billing_provider.npi:
            originals.update((claim.billing_provider.npi, name) for name in names_of_original(claim))
    return Needs(frozenset(keys), frozenset(originals))


class History:
    """What was billed before, as far as a batch needs it. Grows with every judgement that is recorded."""

    def __init__(self, lines: Iterable[EarlierLine] = (), claims: Iterable[OriginalClaim] = ()) -> None:
        self._lines: dict[int, list[EarlierLine]] = {}
        self._claims: dict[tuple[str | None, str], list[OriginalClaim]] = {}
        self._superseded: set[str] = set()
        self.add(lines, claims)

    def add(self, lines: Iterable[EarlierLine] = (), claims: Iterable[OriginalClaim] = ()) -> None:
        """More history, in order of receipt."""
        for line in lines:
            self._lines.setdefault(line.key, []).append(line)
        for claim in claims:
            npi, number = claim.billing_npi, claim.claim_number
            self._claims.setdefault((npi, claim.claim_id), []).append(claim)
            if number and number != claim.claim_id:
                self._claims.setdefault((npi, number), []).append(claim)

    def line_like(self, line: EarlierLine, *, without: OriginalClaim | None = None) -> EarlierLine | None:
        """The oldest standing line of another claim that is the same service as ``line``.

        ``without`` is the claim that this one replaces: it is not looked at.
        """
        earlier_lines = self._lines.get(line.key)
        if not earlier_lines:
            return None
        for earlier in earlier_lines:
            if (
                earlier.claim_id != line.claim_id
                and (without is None or earlier.claim_id != without.claim_id)
                and earlier.claim_id not in self._superseded
                and is_same_service(earlier, line)
            ):
                return earlier
        return None

    def original_of(self, received: ClaimReceived) -> OriginalClaim | None:
        """What a replacement or void acts on: by payer control number or the provider's own number."""
        npi = received.claim.billing_provider.npi
        found_claims = (
            claim for name in names_of_original(received.claim) for claim in self._claims.get((npi, name), ())
        )
        others = [claim for claim in found_claims if claim.claim_id != received.claim_id]
        standing = [c for c in others if not c.superseded and c.claim_id not in self._superseded]
        candidates = standing or others
        return candidates[-1] if candidates else None

    def stands(self, original: OriginalClaim) -> bool:
        """Whether it is neither voided nor replaced yet."""
        return not original.superseded and original.claim_id not in self._superseded

    def record(
        self, received: ClaimReceived, lines: Iterable[EarlierLine], supersedes: OriginalClaim | None
    ) -> None:
        """Take an accepted or pended claim in, and take what it voids or replaces out."""
        if supersedes is not None:
            self._superseded.add(supersedes.claim_id)
        claim = received.claim
        if claim.frequency != "8":
            original = OriginalClaim(received.claim_id, claim.claim_number, claim.billing_provider.npi)
            self.add(lines, (original,))


def is_same_service(one: EarlierLine, other: EarlierLine) -> bool:
    """Field by field what the key stands for."""
    return (
        one.hcpcs == other.hcpcs
        and one.service_start == other.service_start
        and one.service_end == other.service_end
        and one.cin == other.cin
        and one.billing_npi == other.billing_npi
        and one.payer_id == other.payer_id
        and one.modifiers == other.modifiers
        and one.units == other.units
    )


def names_of_original(claim: Claim) -> tuple[str, ...]:
    # Many providers give a replacement the number of its original and leave REF*F8 out.
    name = claim.original_reference or claim.claim_number
    return (name,) if name else ()


def _payer(claim: Claim) -> str | None:
    # An invoice is typed by hand: gshp1 is GSHP1.
    return claim.payer.id.upper() if claim.payer.id else None


def _cin(claim: Claim) -> str | None:
    cin = claim.member.cin
    if cin is not None and len(cin) == 14:
        return cin_of_bic(cin) or cin
    return cin


def _line_of(received: ClaimReceived, claim: Claim, cin: str | None, line: ServiceLine) -> EarlierLine | None:
    start = line.service_start
    if not line.procedure_code or start is None:
        return None
    end = line.service_end or start
    modifiers = line.modifiers
    if len(modifiers) > 1:
        modifiers = tuple(sorted(set(modifiers)))
    units = normal_units(line.units)
    payer_id, npi = _payer(claim), claim.billing_provider.npi
    return EarlierLine(
        received.claim_id,
        claim.claim_number,
        claim.channel,
        line.number,
        _key(payer_id, cin, npi, line.procedure_code, modifiers, start, end, units),
        payer_id,
        cin,
        npi,
        line.procedure_code,
        modifiers,
        start,
        end,
        units,
        line.charge_cents,
        received.receipt.arrival_date,
    )


def _key(
    payer_id: str | None,
    cin: str | None,
    npi: str | None,
    hcpcs: str,
    modifiers: tuple[str, ...],
    start: date,
    end: date,
    units: str,
) -> int:
    text = (
        f"{payer_id}|{cin}|{npi}|{hcpcs}|{' '.join(modifiers)}|{start.toordinal()}|{end.toordinal()}|{units}"
    )
    return int.from_bytes(
        blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True
    )
