"""Maps loops 2300 and 2400 of an 837 professional to a claim and its service lines."""

import re

from msgspec import Struct, structs

from services.intake.readers import ClaimRead
from services.intake.readers.x12_837p_parties import Snapshot, npi
from shared.catalogue import finding
from shared.claim import Claim, Member, Provider, ServiceLine, Source
from shared.findings import Finding
from shared.x12.envelope import at
from shared.x12.places import element_place, place
from shared.x12.values import cents, number, period

_PUNCTUATION = re.compile(r"[\s.\-]+")
_PLAIN_CODE = re.compile(r"[A-Z0-9]*")
_DIAGNOSES = frozenset({"ABK", "ABF", "BK", "BF"})
_PERIODS = frozenset({"D8", "RD8", "DT", "RDT"})
_MONEY = "Dollars and cents with at most two decimals, such as 120.50."
_DATE = "Eight digits (20260302), or two dates with a hyphen (20260302-20260305)."


class ClaimSegments(Struct):
    """One claim as it stands in the file: CLM, the segments up to the next claim, and its surroundings."""

    clm: list[str]
    source: Source
    parties: Snapshot
    component: str
    envelope_findings: tuple[Finding, ...] = ()
    rest: list[list[str]] = []
    findings: list[Finding] = []


class _Line(Struct):
    number: int
    segments: list[list[str]] = []


def map_claim(segments: ClaimSegments) -> ClaimRead:
    """The claim, with a finding for every value that could not be understood and every repair."""
    found = _Findings(segments.source.set_control)
    clm = segments.clm
    facility = at(clm, 5).split(segments.component)
    reference: dict[str, str] = {}
    diagnoses: list[str] = []
    rendering: dict[str, str] | None = None
    lines: list[_Line] = []
    other_payer = False
    for fields in segments.rest:
        name = fields[0]
        if name == "LX":
            lines.append(_Line(len(lines) + 1))
        elif lines:
            lines[-1].segments.append(fields)
        elif name == "SBR":
            # Loop 2320: from here to the first line everything is about another payer.
            other_payer = True
        elif other_payer:
            continue
        elif name == "REF":
            reference.setdefault(at(fields, 1), at(fields, 2))
        elif name == "HI":
            diagnoses += _diagnoses(fields, segments.component, found)
        elif name == "NM1":
            if at(fields, 1) == "82":
                rendering = {
                    "last": at(fields, 3),
                    "first": at(fields, 4),
                    "kind": at(fields, 8),
                    "id": at(fields, 9),
                }
        elif name == "PRV" and rendering is not None and at(fields, 1) == "PE":
            rendering["taxonomy"] = at(fields, 3)
    frequency = at(facility, 2) or "1"
    if frequency not in {"1", "7", "8"}:
        found.malformed(
            "frequency",
            frequency,
            f"The claim frequency {frequency[:10]} is not known.",
            "1 (original), 7 (replacement) or 8 (void).",
        )
        frequency = "1"
    claim = Claim(
        channel="837P",
        claim_number=at(clm, 1) or None,
        payer=segments.parties.payer,
        billing_provider=segments.parties.billing,
        rendering_provider=_rendering(rendering),
        member=_with_record_number(segments, reference.get("EA")),
        lines=tuple([_line(line, segments.component, found) for line in lines]),
        frequency=frequency,
        original_reference=reference.get("F8") or None,
        authorization_number=reference.get("G1") or None,
        place_of_service=facility[0].strip() or None,
        diagnosis_codes=tuple(diagnoses),
        total_cents=found.money("total_cents", at(clm, 2)),
        delay_reason=at(clm, 20) or None,
        source=segments.source,
    )
    return ClaimRead(
        claim, (*segments.envelope_findings, *segments.parties.findings, *segments.findings, *found.all)
    )


def _with_record_number(segments: ClaimSegments, number: str | None) -> Member:
    member = segments.parties.member
    if not number:
        return member
    return structs.replace(member, medical_record_number=number)


def _rendering(fields: dict[str, str] | None) -> Provider | None:
    if fields is None:
        return None
    return Provider(
        npi=npi(fields["kind"], fields["id"]),
        name=fields["last"] or None,
        first_name=fields["first"] or None,
        taxonomy=fields.get("taxonomy") or None,
    )


def _diagnoses(fields: list[str], component: str, found: "_Findings") -> list[str]:
    codes = []
    for position, value in enumerate(fields[1:], 1):
        parts = value.split(component)
        if parts[0] in _DIAGNOSES and at(parts, 1):
            codes.append(found.code("diagnosis_codes", parts[1], element=f"HI{position:02d}-2"))
    return codes


def _line(line: _Line, component: str, found: "_Findings") -> ServiceLine:
    found.line = line.number
    values: dict[str, object] = {}
    for fields in line.segments:
        name = fields[0]
        if name == "SV1":
            _service(fields, component, found, values)
        elif name == "DTP":
            if at(fields, 1) == "472":
                _dates(fields, found, values)
        elif name == "REF":
            if at(fields, 1) == "6R":
                values["control_number"] = at(fields, 2) or None
            elif at(fields, 1) == "G1" and not at(fields, 4):
                values["authorization_number"] = at(fields, 2) or None
        elif name == "NM1":
            if at(fields, 1) == "82":
                values["rendering_npi"] = npi(at(fields, 8), at(fields, 9))
        elif name == "NTE":
            if at(fields, 1) == "ADD":
                values.setdefault("description", at(fields, 2) or None)
        elif name == "SVD":
            break
    found.line = None
    return ServiceLine(number=line.number, **values)  # type: ignore[arg-type]


def _service(fields: list[str], component: str, found: "_Findings", values: dict[str, object]) -> None:
    procedure = at(fields, 1).split(component)
    if procedure[0] == "HC":
        code = at(procedure, 1)
        values["procedure_code"] = (found.code("procedure_code", code) or None) if code else None
        if len(procedure) > 2:
            values["modifiers"] = tuple(
                [
                    found.code("modifiers", modifier, element=f"SV101-{position}")
                    for position, modifier in enumerate(procedure[2:6], 3)
                    if modifier
                ]
            )
            if len(procedure) > 6 and procedure[6]:
                values["description"] = procedure[6]
    elif at(fields, 1):
        found.malformed(
            "procedure_code",
            at(fields, 1),
            "The procedure code is not marked as HCPCS (HC).",
            "SV101-1 is HC and SV101-2 the code, such as HC:G9012:U2.",
            element="SV101-1",
        )
    values["charge_cents"] = found.money("charge_cents", at(fields, 2))
    if at(fields, 3):
        values["unit_basis"] = fields[3]
    units = at(fields, 4)
    if units:
        values["units"] = number(units)
        if values["units"] is None:
            found.malformed(
                "units",
                units,
                f"The units {units[:20]} are not a number we can read.",
                "A number such as 4 or 1.5.",
            )
    values["place_of_service"] = at(fields, 5).strip() or None


def _dates(fields: list[str], found: "_Findings", values: dict[str, object]) -> None:
    sent = at(fields, 3)
    if not sent:
        return
    understood = period(sent) if at(fields, 2) in _PERIODS else None
    if understood is None:
        said = f"The date of service {sent[:40]} is not a day in the calendar, or not written as one."
        found.malformed("service_start", sent, said, _DATE)
        return
    start, start_time, end, end_time = understood
    values["service_start"], values["service_end"] = start, end
    if start_time:
        values["start_time"] = start_time
    if end_time:
        values["end_time"] = end_time


class _Findings:
    """What is found while one claim is read. ``line`` is the service line being read, if any."""

    def __init__(self, control: str | None) -> None:
        self._control = control
        self.all: list[Finding] = []
        self.line: int | None = None

    def _where(self, field: str, element: str | None) -> str:
        return place(
            self._control, element or element_place(field, of_line=self.line is not None), line=self.line
        )

    def malformed(
        self, field: str, value: str, message: str, expected: str, *, element: str | None = None
    ) -> None:
        self.all.append(
            finding(
                "field.format",
                message,
                line=self.line,
                field=field,
                value=value[:80],
                where=self._where(field, element),
                expected=expected,
            )
        )

    def money(self, field: str, sent: str) -> int | None:
        """The amount in cents; nothing below zero and nothing that is not exact."""
        if not sent:
            return None
        amount = cents(sent)
        if amount is None:
            self.malformed(field, sent, f"The charge {sent[:20]} is not an amount.", _MONEY)
            return None
        if amount < 0:
            said = f"The charge {sent[:20]} is below zero. To take a claim back, void it (frequency 8)."
            self.malformed(field, sent, said, "0.00 or more.")
            return None
        return amount

    def code(self, field: str, sent: str, *, element: str | None = None) -> str:
        """The code in capital letters without dots, hyphens and blanks; every change is listed."""
        if _PLAIN_CODE.fullmatch(sent):
            return sent
        read = _PUNCTUATION.sub("", sent).upper()
        if read != sent:
            self.all.append(
                finding(
                    "repair.code_punctuation",
                    f"The code was read as {read[:20]}: capital letters, no dots or blanks.",
                    line=self.line,
                    field=field,
                    value=sent[:80],
                    where=self._where(field, element),
                    expected=read[:80],
                )
            )
        return read
