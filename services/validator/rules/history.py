"""What was billed before: keys of lines, earlier lines, originals, and a batch's history.

Lines of one member and one group of services share a 64-bit key; what is found under it is then compared field
by field, so a collision can never reject. Rejected claims are nobody's original and make nothing a duplicate.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from hashlib import blake2b

from msgspec import Struct

from services.validator.rules.aliases import NO_ALIASES, Aliases
from services.validator.rules.amounts import units_of_service
from services.validator.rules.codes import CodedLine, look_up
from services.validator.rules.context import Context
from shared.claim import Channel, Claim, ServiceLine
from shared.events import ClaimReceived
from shared.identifiers import cin_of_bic
from shared.reference.supports import LODGING, days_to_count

_GROUP = (1 << 20) - 1
"""The bits of a line's key that stand for the group of services; those before it, for the member."""


class EarlierLine(Struct, frozen=True):
    """A line of a claim that was accepted or pended and is neither voided nor replaced. ``cin`` is PHI.

    ``key`` stands for the member and the group of services (:func:`group_of`). ``payer_id`` is the payer's first
    id; ``modifiers`` are sorted and without repeats; ``service_end`` is the start where none was stated;
    ``units`` as in :func:`units_of_service`. ``arrival_date`` is California's.
    """

    claim_id: str
    claim_number: str | None
    channel: Channel
    line: int
    key: int
    payer_id: str | None
    cin: str | None
    billing_npi: str | None
    service: str
    hcpcs: str
    modifiers: tuple[str, ...]
    service_start: date
    service_end: date
    units: str
    charge_cents: int | None
    arrival_date: date


class OriginalClaim(Struct, frozen=True):
    """A claim that a replacement or void may name. ``cin`` is PHI; ``payer_id`` is the payer's first id.

    ``superseded``: already voided or replaced.
    """

    claim_id: str
    claim_number: str | None = None
    billing_npi: str | None = None
    cin: str | None = None
    payer_id: str | None = None
    superseded: bool = False


class Prepared(Struct, frozen=True):
    """A received claim, its lines as the code set sees them and as history would hold them.

    ``payer_id`` is the payer's first id. A line without code or date is ``None`` in ``lines``.
    """

    received: ClaimReceived
    payer_id: str | None
    coded: tuple[CodedLine, ...]
    lines: tuple[EarlierLine | None, ...]


class Span(Struct, frozen=True):
    """Days to look up under a 64-bit key, or under all keys through ``last_key``; all ends included."""

    key: int
    first: date
    last: date
    last_key: int | None = None


class Needs(Struct, frozen=True):
    """What to load for a batch.

    ``lines`` are spans of days by line key, ``originals`` are (billing NPI, claim id or claim number), and
    ``members`` spans of days by care key for which records of other care are asked.
    """

    lines: frozenset[Span]
    originals: frozenset[tuple[str, str]]
    members: frozenset[Span]


def prepare(received: ClaimReceived, context: Context) -> Prepared:
    """The claim with its lines looked up and keyed, once, for loading, judging and storing alike."""
    claim = received.claim
    cin = cin_of(claim)
    payer_id = context.payers.first_id(claim.payer.id)
    coded = tuple(look_up(line, context.codes) for line in claim.lines)
    lines = tuple(
        _line_of(received, claim, cin, payer_id, line, row)
        for line, row in zip(claim.lines, coded, strict=True)
    )
    return Prepared(received, payer_id, coded, lines)


def cins_of(batch: Iterable[Prepared]) -> set[str]:
    """The CINs of a batch: what a shell needs to ask for their aliases."""
    return {cin for prepared in batch if (cin := cin_of(prepared.received.claim))}


def needs(batch: Iterable[Prepared], aliases: Aliases) -> Needs:
    """What a shell has to load before the batch can be judged. Voids look up nothing but their originals."""
    lines: set[Span] = set()
    originals: set[tuple[str, str]] = set()
    members: set[Span] = set()
    for prepared in batch:
        claim = prepared.received.claim
        if claim.frequency in ("7", "8") and claim.billing_provider.npi:
            originals.update((claim.billing_provider.npi, name) for name in names_of_original(claim))
        if claim.frequency == "8":
            continue
        for line in prepared.lines:
            if line is None or line.cin is None:
                continue
            first, last = days_to_compare(line)
            lines.update(Span(key, first, last) for key in keys_of(line, aliases))
        span = days_of_care(prepared)
        cin = cin_of(claim)
        if span is not None and cin is not None:
            members.update(Span(care_key(each), *span) for each in aliases.of(cin))
    return Needs(frozenset(lines), frozenset(originals), frozenset(members))


def days_to_compare(line: EarlierLine) -> tuple[date, date]:
    """The days whose earlier lines may bear on this one: its own, and more where a limit counts over time."""
    return days_to_count(line.service, line.service_start, line.service_end)


def days_of_care(prepared: Prepared) -> tuple[date, date] | None:
    """First and last day of the lines that records of other care may bear on: all but outreach."""
    days = [
        (line.service_start, line.service_end)
        for line, coded in zip(prepared.lines, prepared.coded, strict=True)
        if line is not None and coded.row is not None and not coded.row.outreach
    ]
    if not days:
        return None
    return min(first for first, _ in days), max(last for _, last in days)


class History:
    """What was billed before, as far as a batch needs it. Grows with every judgement that is recorded."""

    def __init__(
        self,
        lines: Iterable[EarlierLine] = (),
        claims: Iterable[OriginalClaim] = (),
        aliases: Aliases = NO_ALIASES,
    ) -> None:
        self._lines: dict[int, list[EarlierLine]] = {}
        self._claims: dict[tuple[str | None, str], list[OriginalClaim]] = {}
        self._superseded: set[str] = set()
        self._aliases = aliases
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

    def lines_near(self, line: EarlierLine, *, without: OriginalClaim | None = None) -> Iterator[EarlierLine]:
        """Standing lines of other claims for the same member, payer and group of services, oldest first.

        At least those of the days that :func:`days_to_compare` names. ``without`` is the claim that this one
        replaces: it is not looked at.
        """
        for key in keys_of(line, self._aliases):
            for earlier in self._lines.get(key, ()):
                if (
                    earlier.claim_id != line.claim_id
                    and (without is None or earlier.claim_id != without.claim_id)
                    and earlier.claim_id not in self._superseded
                    and earlier.payer_id == line.payer_id
                    and self.same_member(earlier.cin, line.cin)
                ):
                    yield earlier

    def same_member(self, cin: str | None, other: str | None) -> bool:
        """Whether both CINs are one member's."""
        return cin == other or (cin is not None and cin in self._aliases.of(other))

    def original_of(self, prepared: Prepared) -> OriginalClaim | None:
        """What a replacement or void acts on: by payer control number or the provider's own number.

        The claim is of the same provider, payer and member: many providers number each member's claims from 1.
        """
        received, cin = prepared.received, cin_of(prepared.received.claim)
        npi = received.claim.billing_provider.npi
        found_claims = (
            claim for name in names_of_original(received.claim) for claim in self._claims.get((npi, name), ())
        )
        others = [
            claim
            for claim in found_claims
            if claim.claim_id != received.claim_id
            and claim.payer_id == prepared.payer_id
            and self.same_member(claim.cin, cin)
        ]
        standing = [c for c in others if not c.superseded and c.claim_id not in self._superseded]
        candidates = standing or others
        return candidates[-1] if candidates else None

    def stands(self, original: OriginalClaim) -> bool:
        """Whether it is neither voided nor replaced yet."""
        return not original.superseded and original.claim_id not in self._superseded

    def record(
        self, prepared: Prepared, lines: Iterable[EarlierLine], supersedes: OriginalClaim | None
    ) -> None:
        """Take an accepted or pended claim in, and take what it voids or replaces out."""
        if supersedes is not None:
            self._superseded.add(supersedes.claim_id)
        claim = prepared.received.claim
        if claim.frequency != "8":
            original = OriginalClaim(
                prepared.received.claim_id,
                claim.claim_number,
                claim.billing_provider.npi,
                cin_of(claim),
                prepared.payer_id,
            )
            self.add(lines, (original,))


def names_of_original(claim: Claim) -> tuple[str, ...]:
    # Many providers give a replacement the number of its original and leave REF*F8 out.
    name = claim.original_reference or claim.claim_number
    return (name,) if name else ()


def cin_of(claim: Claim) -> str | None:
    """The member's CIN; of a card number (BIC) its first nine characters."""
    cin = claim.member.cin
    if cin is not None and len(cin) == 14:
        return cin_of_bic(cin) or cin
    return cin


def keys_of(line: EarlierLine, aliases: Aliases) -> tuple[int, ...]:
    """The line's own key, and those that it would have under the member's other CINs."""
    others = aliases.of(line.cin)
    if len(others) < 2:
        return (line.key,)
    group = group_of(line.service, line.hcpcs)
    return tuple(line_key(cin, group) for cin in others)


def group_of(service: str, hcpcs: str) -> str:
    """Services whose lines are compared with each other: the service itself, or all lodging together."""
    if service in LODGING:
        return "lodging"
    return service or hcpcs


def line_key(cin: str | None, group: str) -> int:
    """A member's group of services as a signed 64-bit number. A hit is compared field by field.

    The member stands in front, so that one index finds a group's lines and all lines of a member.
    """
    return (care_key(cin or "") & ~_GROUP) | (_hashed(group) & _GROUP)


def line_keys_of(cin: str) -> tuple[int, int]:
    """The first and last key that a line of this member may have."""
    first = care_key(cin) & ~_GROUP
    return first, first | _GROUP


def care_key(cin: str) -> int:
    """A member as a signed 64-bit number, for look-ups within this service's database."""
    return _hashed(cin)


def _line_of(
    received: ClaimReceived,
    claim: Claim,
    cin: str | None,
    payer_id: str | None,
    line: ServiceLine,
    coded: CodedLine,
) -> EarlierLine | None:
    start = line.service_start
    if not line.procedure_code or start is None:
        return None
    modifiers = line.modifiers
    if len(modifiers) > 1:
        modifiers = tuple(sorted(set(modifiers)))
    service = coded.row.service if coded.row else ""
    return EarlierLine(
        received.claim_id,
        claim.claim_number,
        claim.channel,
        line.number,
        line_key(cin, group_of(service, line.procedure_code)),
        payer_id,
        cin,
        claim.billing_provider.npi,
        service,
        line.procedure_code,
        modifiers,
        start,
        line.service_end or start,
        units_of_service(line, coded.row),
        line.charge_cents,
        received.receipt.arrival_date,
    )


@lru_cache(maxsize=16_384)
def _hashed(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
