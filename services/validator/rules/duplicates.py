"""Billed before? Duplicates of earlier lines, and replacements (frequency 7) and voids (8) of earlier claims.

A line gets one finding: exact before other units before another provider or shared days. Earlier claims of a batch
and earlier lines of the claim are history as well. What a provider reads names no other provider and nothing of its
claims.
"""

from collections.abc import Iterable, Iterator

from services.validator.rules.context import Evidenced, found
from services.validator.rules.duplicate_messages import (
    exact_message,
    other_provider_message,
    other_units_message,
    shared_days_message,
)
from services.validator.rules.evidence import evidence_of
from services.validator.rules.history import EarlierLine, History, OriginalClaim, Prepared
from services.validator.rules.spans import ByDays, billed_days, days_of, exclusive_kind, rank
from shared.claim import ServiceLine
from shared.events import ClaimReceived
from shared.findings import Finding, Severity
from shared.reference.codes import ListedCode

_ECM = "ecm"

Identity = tuple[object, ...]


def duplicate_findings(
    prepared: Prepared, history: History, original: OriginalClaim | None
) -> Iterator[Evidenced]:
    """``duplicate.*`` of every line; ``original``, the claim that this one replaces, is judged without.

    A replacement without a standing original is its own pend, and what it repeats is probably that original:
    then an earlier claim makes its lines pend only.
    """
    received = prepared.received
    unsure = received.claim.frequency == "7" and original is None
    several = len(prepared.lines) > 1
    # All lines of a claim are for one member and payer: those of one key have the same lines near them.
    pools: dict[int, _Pool] = {}
    for line, mine, coded in zip(received.claim.lines, prepared.lines, prepared.coded, strict=True):
        if mine is None or mine.cin is None:
            continue
        pool = pools.get(mine.key)
        if pool is None:
            near = list(history.lines_near(mine, without=original))
            if not near and not several:
                continue
            near = _on_days_of(prepared, near)
            pool = pools[mine.key] = _Pool(near)
        same = pool.same_service(mine)
        if same is not None and is_exact(same, mine):
            mild = unsure and same.claim_id != received.claim_id
            yield _exact(received, line, same, coded.row, "pend" if mild else "reject")
        elif same is not None:
            message = other_units_message(mine, same)
            field, value = "units", str(line.units)
            if same.units == mine.units:
                field, value = "charge_cents", str(line.charge_cents)
            yield _finding(received, line, same, "duplicate.other_units", message, field, value)
        elif (other := pool.of_another_ecm_provider(mine)) is not None:
            yield _finding(
                received, line, other, "duplicate.other_provider", other_provider_message(mine, other)
            )
        elif (other := pool.sharing_days(mine)) is not None:
            message = shared_days_message(mine, other)
            yield _finding(received, line, other, "duplicate.overlapping_spans", message)
        pool.add(mine)


class _Pool:
    """The lines under one key with which a claim's lines are compared; the claim's own come before all others."""

    def __init__(self, near: Iterable[EarlierLine]) -> None:
        self._own = _Lines()
        self._before = _Lines()
        self._ecm = ByDays()
        for line in sorted(near, key=rank):
            self._before.add(line)
            if line.service == _ECM:
                self._ecm.add(line, days_of(line))

    def add(self, line: EarlierLine) -> None:
        """Take in a line of the claim itself."""
        self._own.add(line)

    def same_service(self, mine: EarlierLine) -> EarlierLine | None:
        """The same service from the same provider: if possible an exact duplicate, else any."""
        own, before = (lines.same.get(_identity(mine)) for lines in (self._own, self._before))
        exact = (own and own.exact(mine)) or (before and before.exact(mine))
        if exact:
            return exact
        either = own or before
        return either.first if either else None

    def of_another_ecm_provider(self, mine: EarlierLine) -> EarlierLine | None:
        """ECM on one of these days, billed by another provider."""
        if mine.service != _ECM or mine.billing_npi is None:
            return None
        return self._ecm.first_meeting(days_of(mine), other_than_npi=mine.billing_npi)

    def sharing_days(self, mine: EarlierLine) -> EarlierLine | None:
        """A line that may not be for a day of this one."""
        kind = exclusive_kind(mine)
        if kind is None:
            return None
        days = billed_days(mine)
        for lines in (self._own, self._before):
            of_kind = lines.exclusive.get(kind)
            other = of_kind.first_meeting(days) if of_kind is not None else None
            if other is not None:
                return other
        return None


def is_exact(one: EarlierLine, other: EarlierLine) -> bool:
    """Whether two lines for the same service are alike in units and charge as well.

    A line without a charge is alike to any, and so are a claim and an invoice: who bills a service on both ways
    bills it twice, whatever each says that it costs.
    """
    return one.units == other.units and (
        one.charge_cents == other.charge_cents
        or one.charge_cents is None
        or other.charge_cents is None
        or _is_invoice(one) != _is_invoice(other)
    )


def _is_invoice(line: EarlierLine) -> bool:
    return line.channel == "invoice"


class _Same:
    """Lines for one and the same service, by what an exact duplicate may have in common."""

    def __init__(self, first: EarlierLine) -> None:
        self.first = first
        self._by_charge: dict[tuple[str, int | None], EarlierLine] = {}
        self._by_channel: dict[tuple[str, bool], EarlierLine] = {}
        self._by_units: dict[str, EarlierLine] = {}

    def add(self, line: EarlierLine) -> None:
        self._by_charge.setdefault((line.units, line.charge_cents), line)
        self._by_channel.setdefault((line.units, _is_invoice(line)), line)
        self._by_units.setdefault(line.units, line)

    def exact(self, mine: EarlierLine) -> EarlierLine | None:
        """The first line that :func:`is_exact` beside this one."""
        if mine.charge_cents is None:
            return self._by_units.get(mine.units)
        alike = (
            self._by_charge.get((mine.units, mine.charge_cents)),
            self._by_charge.get((mine.units, None)),
            self._by_channel.get((mine.units, not _is_invoice(mine))),
        )
        return min(filter(None, alike), key=rank, default=None)


class _Lines:
    def __init__(self) -> None:
        self.same: dict[Identity, _Same] = {}
        self.exclusive: dict[tuple[str, ...], ByDays] = {}

    def add(self, line: EarlierLine) -> None:
        identity = _identity(line)
        same = self.same.get(identity)
        if same is None:
            same = self.same[identity] = _Same(line)
        same.add(line)
        kind = exclusive_kind(line)
        if kind is not None:
            self.exclusive.setdefault(kind, ByDays()).add(line, billed_days(line))


def _on_days_of(prepared: Prepared, near: list[EarlierLine]) -> list[EarlierLine]:
    """Those near the claim's dates: a history may hold far more, for other claims and for what limits count."""
    if not near:
        return near
    lines = [line for line in prepared.lines if line is not None]
    first = min(min(line.service_start, line.service_end) for line in lines)
    last = max(max(line.service_start, line.service_end) for line in lines)
    return [
        line
        for line in near
        if min(line.service_start, line.service_end) <= last
        and max(line.service_start, line.service_end) >= first
    ]


def _identity(line: EarlierLine) -> Identity:
    return line.hcpcs, line.service_start, line.service_end, line.billing_npi, line.modifiers


def original_findings(
    received: ClaimReceived, original: OriginalClaim | None, history: History
) -> Iterator[Finding]:
    """``duplicate.original_unknown``: a replacement's or void's original is not there or stands no longer."""
    claim = received.claim
    if original is not None and history.stands(original):
        return
    does = "replaces" if claim.frequency == "7" else "voids"
    named = f"claim {claim.original_reference}" if claim.original_reference else "an earlier claim"
    if original is not None:
        said = f"This claim {does} {named}, but that one was already voided or replaced."
    else:
        said = f"This claim {does} {named}, but we have no accepted claim with that number for this member and plan "
        said += "from this billing NPI."
        if claim.frequency == "7":
            said += " If the first claim was rejected, send it as a new one (frequency 1). If it had the wrong CIN or "
            said += "plan, void it as it was (frequency 8) and send this one as new."
        else:
            said += " If the first claim was rejected, there is nothing to void."
    yield found(
        claim,
        "duplicate.original_unknown",
        f"{said} The plan will look at it.",
        field="original_reference",
        value=claim.original_reference,
        expected="the number of an earlier claim",
    )


def _exact(
    received: ClaimReceived, line: ServiceLine, twin: EarlierLine, row: ListedCode | None, severity: Severity
) -> Evidenced:
    own = twin.claim_id == received.claim_id
    both = not own and (twin.channel == "invoice") != (received.claim.channel == "invoice")
    message = exact_message(received, twin, both=both, outreach=row is not None and row.outreach)
    rule = "duplicate.both_channels" if both else "duplicate.exact"
    return _finding(received, line, twin, rule, message, severity=severity)


def _finding(
    received: ClaimReceived,
    line: ServiceLine,
    other: EarlierLine,
    rule: str,
    message: str,
    field: str = "procedure_code",
    value: str | None = None,
    severity: Severity = "pend",
) -> Evidenced:
    finding = found(
        received.claim,
        rule,
        message,
        severity=severity,
        field=field,
        line=line,
        value=value or " ".join((line.procedure_code or "", *line.modifiers)),
        expected="each service billed once",
    )
    return finding, evidence_of(finding, other)
