"""A claim beside what speaks against it: another claim's line or a record, field by field, matching ones marked."""

from datetime import date

from msgspec import Struct

from services.validator.rules.amounts import normal_units
from services.validator.rules.history import cin_of
from shared.care import Authorization, BilledLine, CareService, Enrollment, Evidence
from shared.claim import Claim, ServiceLine
from shared.events import ClaimJudged, JudgedService
from shared.reference.programs import program_of

Value = str | date | int | None


class Row(Struct, frozen=True):
    """One field of both sides. Days are dates; names that end in ``_cents`` are cents.

    ``same`` is whether the two match: equal, or, of days, times and providers, that one lies within the other.
    ``None`` where a side does not say, or where the two are not meant to be compared.
    """

    field: str
    label: str
    this: Value
    other: Value
    same: bool | None = None


class Comparison(Struct, frozen=True):
    """``kind`` is what the other side is; ``claim_id`` that of another claim. ``rule`` and ``line`` the finding's."""

    rule: str
    line: int | None
    kind: str
    title: str
    rows: tuple[Row, ...]
    claim_id: str | None = None


class _Side(Struct, frozen=True):
    """What this claim, or the one line in question, says."""

    claim: Claim
    arrival: date
    line: ServiceLine | None
    judged: JudgedService | None
    first: date | None
    last: date | None

    @property
    def npis(self) -> tuple[str, ...]:
        """Billing and rendering NPI."""
        claim = self.claim
        rendering = claim.rendering_provider.npi if claim.rendering_provider else None
        named = (claim.billing_provider.npi, (self.line.rendering_npi if self.line else None) or rendering)
        return tuple(dict.fromkeys(npi for npi in named if npi))

    @property
    def modifiers(self) -> str | None:
        return _modifiers(self.line.modifiers) if self.line else None

    @property
    def units(self) -> str | None:
        if self.line is None or self.line.units is None:
            return None
        minutes = " minutes" if self.line.unit_basis == "MJ" else ""
        return f"{normal_units(self.line.units)}{minutes}"


def compare(judged: ClaimJudged, evidence: Evidence) -> Comparison | None:
    """The claim beside one piece of evidence; ``None`` for evidence of a kind that is not known here."""
    side = _side_of(judged, evidence.line)
    if evidence.billed is not None:
        other = evidence.billed
        title = f"Line {other.line} of claim {other.claim_number or other.claim_id}"
        kind, rows, claim_id = "claim", _beside_line(side, other), other.claim_id
    elif evidence.service is not None:
        kind, title, claim_id = "service", f"A service of {_name(evidence.service.program)}", None
        rows = _beside_service(side, evidence.service)
    elif evidence.enrollment is not None:
        kind, claim_id = "enrollment", None
        title = f"An enrollment in {_name(evidence.enrollment.program)}"
        rows = _beside_enrollment(side, evidence.enrollment)
    elif evidence.authorization is not None:
        kind, title, claim_id = "authorization", "An authorization", None
        rows = _beside_authorization(side, evidence.authorization)
    else:
        return None
    said = tuple(row for row in rows if row.this is not None or row.other is not None)
    return Comparison(evidence.rule, evidence.line, kind, title, said, claim_id)


def _side_of(whole: ClaimJudged, number: int | None) -> _Side:
    claim = whole.claim
    line = next((line for line in claim.lines if line.number == number), None)
    if line is None and len(claim.lines) == 1:
        line = claim.lines[0]
    lines = (line,) if line else claim.lines
    starts = [each.service_start for each in lines if each.service_start]
    ends = [day for each in lines if (day := each.service_end or each.service_start)]
    judged = next((each for each in whole.services if line is not None and each.line == line.number), None)
    return _Side(
        claim, whole.receipt.arrival_date, line, judged, min(starts, default=None), max(ends, default=None)
    )


def _beside_line(side: _Side, other: BilledLine) -> list[Row]:
    claim, line = side.claim, side.line
    return [
        _equal("claim_number", "Claim number", claim.claim_number, other.claim_number),
        _equal("channel", "Came as", claim.channel, other.channel),
        Row("arrival_date", "Arrived", side.arrival, other.arrival_date),
        _equal("billing_npi", "Billing NPI", claim.billing_provider.npi, other.billing_npi),
        _equal("procedure_code", "Procedure code", line.procedure_code if line else None, other.hcpcs),
        _modifier_row(side, other.modifiers),
        _equal("service_start", "First day", side.first, other.service_start),
        _equal("service_end", "Last day", side.last, other.service_end),
        _equal("units", "Units", side.units, other.units),
        _equal("charge_cents", "Charge", line.charge_cents if line else None, other.charge_cents),
    ]


def _beside_service(side: _Side, other: CareService) -> list[Row]:
    line = side.line
    day = other.service_date
    within = None if side.first is None or side.last is None else side.first <= day <= side.last
    return [
        _equal("cin", "Member ID (CIN)", cin_of(side.claim), other.cin),
        Row("program", "Program", _benefit(side), other.program),
        Row("service_start", "First day", side.first, day, within),
        Row("service_end", "Last day", side.last, day, within),
        Row("times", "Times", _times(line), _times(other), _overlap(line, other)),
        _provider("provider_npi", "Provider NPI", side, other.provider_npi),
        _equal("provider_tin", "Provider TIN", side.claim.billing_provider.tin, other.provider_tin),
        _equal(
            "procedure_code", "Procedure code", line.procedure_code if line else None, other.procedure_code
        ),
        _modifier_row(side, other.modifiers),
        _equal("units", "Units", side.units, other.units),
        _record(other.source, other.record_id),
    ]


def _beside_enrollment(side: _Side, other: Enrollment) -> list[Row]:
    return [
        _equal("cin", "Member ID (CIN)", cin_of(side.claim), other.cin),
        Row("program", "Program", _benefit(side), other.program),
        *_within(side, other.start_date, other.end_date),
        _provider("care_manager_npi", "Care manager NPI", side, other.care_manager_npi),
        _record(other.source, other.record_id),
    ]


def _beside_authorization(side: _Side, other: Authorization) -> list[Row]:
    number = (side.line.authorization_number if side.line else None) or side.claim.authorization_number
    benefit = side.judged.benefit if side.judged else None
    service = side.judged.service if side.judged and benefit == "CS" else None
    return [
        _equal("cin", "Member ID (CIN)", cin_of(side.claim), other.cin),
        _equal("benefit", "Benefit", benefit, other.benefit),
        _equal("service", "Service", service, other.service),
        _equal("authorization_number", "Authorization number", number, other.authorization_number),
        *_within(side, other.start_date, other.end_date),
        _provider("provider_npi", "Provider NPI", side, other.provider_npi),
        Row("status", "Status", None, other.status),
        Row("population_of_focus", "Population of focus", None, other.population_of_focus),
        Row("presumptive", "Presumptive", None, "yes" if other.presumptive else None),
        _record(other.source, other.record_id),
    ]


def _equal(field: str, label: str, this: Value, other: Value) -> Row:
    return Row(field, label, this, other, None if this is None or other is None else this == other)


def _modifier_row(side: _Side, others: tuple[str, ...]) -> Row:
    if side.line is None:
        return Row("modifiers", "Modifiers", None, _modifiers(others) or None)
    # No modifiers on both sides is a match as well.
    return Row(
        "modifiers", "Modifiers", side.modifiers, _modifiers(others), side.modifiers == _modifiers(others)
    )


def _within(side: _Side, first: date, last: date | None) -> list[Row]:
    return [
        Row("first_day", "First day", side.first, first, None if side.first is None else first <= side.first),
        Row(
            "last_day",
            "Last day",
            side.last,
            last if last is not None else "no end",
            None if side.last is None else last is None or side.last <= last,
        ),
    ]


def _provider(field: str, label: str, side: _Side, npi: str | None) -> Row:
    mine = side.npis
    return Row(field, label, ", ".join(mine) or None, npi, npi in mine if mine and npi else None)


def _record(source: str, record_id: str) -> Row:
    return Row("record", "Record", None, f"{source} {record_id}".strip())


def _benefit(side: _Side) -> str | None:
    if side.judged is None or side.judged.benefit is None:
        return None
    return side.judged.benefit if side.judged.benefit == "ECM" else "Community Supports"


def _name(program: str) -> str:
    known = program_of(program)
    return known.name if known is not None else program


def _modifiers(modifiers: tuple[str, ...]) -> str:
    return " ".join(sorted(set(modifiers)))


def _times(one: ServiceLine | CareService | None) -> str | None:
    return f"{one.start_time} to {one.end_time}" if one and one.start_time and one.end_time else None


def _overlap(line: ServiceLine | None, other: CareService) -> bool | None:
    if not (line and line.start_time and line.end_time and other.start_time and other.end_time):
        return None
    return line.start_time < other.end_time and other.start_time < line.end_time
