"""A claim's lines and a member's records, side by side, as the rules on other care compare them."""

from collections.abc import Iterable
from datetime import date, timedelta

import msgspec
from msgspec import Struct

from services.validator.rules.history import Prepared
from services.validator.rules.records import Records
from shared.care import Authorization, CareService, Enrollment
from shared.claim import ServiceLine
from shared.findings import Severity
from shared.reference.codes import Benefit
from shared.reference.programs import Program, Programs

OWN_OVERLAPPING, OWN_UNTIMED, OWN_APART, OTHER_SAME_DATE, OTHER_DAY, ENROLLED = range(6)
"""How close a record comes to a line, the closest first."""

PRESUMPTIVE_DAYS = timedelta(days=30)
"""How long a presumptive ECM authorization holds where no end is recorded (ECM Policy Guide, January 2026)."""

Days = tuple[date, date]

_encode = msgspec.json.Encoder(order="deterministic").encode


class CareLine(Struct, frozen=True):
    """A line that is judged by records: ECM or Community Supports, no outreach. ``npis`` are its providers'."""

    line: ServiceLine
    benefit: Benefit
    service: str
    service_name: str
    first: date
    last: date
    billing_npi: str | None
    npis: frozenset[str]
    tin: str | None

    @property
    def days(self) -> Days:
        """First and last date of service."""
        return self.first, self.last

    @property
    def code(self) -> str:
        """The code and modifiers as sent."""
        return " ".join((self.line.procedure_code or "", *self.line.modifiers))


class Told(Struct, frozen=True):
    """What one record says against one line, before the worst of a line and rule is chosen.

    ``program`` is the name of the program, where it is one; ``authority`` and ``version`` are then of its data.
    """

    rule: str
    severity: Severity
    closeness: int
    line: CareLine
    record: CareService | Enrollment | Authorization | None
    message: str
    expected: str
    field: str
    value: str
    program: str = ""
    authority: str | None = None
    version: str | None = None


class Member(Struct, frozen=True):
    """A member's records that speak of claims of this payer, their programs looked up. Waiting lists are left out.

    ``ecm`` are the ECM authorizations among all, of whatever status.
    """

    services: tuple[CareService, ...]
    enrollments: tuple[tuple[Enrollment, Program], ...]
    authorizations: tuple[Authorization, ...]
    ecm: tuple[Authorization, ...]

    def ecm_on(self, first: date, last: date | None = None) -> list[Authorization]:
        """The ECM authorizations in force on any of these days."""
        days = (first, last or first)
        return [each for each in self.ecm if (held := held_days(each)) and common(held, days)]


def care_lines(prepared: Prepared) -> list[CareLine]:
    """The lines of a claim that records may speak against."""
    claim = prepared.received.claim
    billing = claim.billing_provider
    rendering = claim.rendering_provider.npi if claim.rendering_provider else None
    of_claim = frozenset(filter(None, (billing.npi, rendering)))
    found = []
    for line, earlier, coded in zip(claim.lines, prepared.lines, prepared.coded, strict=True):
        row = coded.row
        if earlier is None or row is None or row.outreach:
            continue
        found.append(
            CareLine(
                line,
                row.benefit,
                row.service,
                row.service_name,
                earlier.service_start,
                max(earlier.service_start, earlier.service_end),
                billing.npi,
                of_claim | {line.rendering_npi} if line.rendering_npi else of_claim,
                billing.tin,
            )
        )
    return found


def member_of(records: Records, cin: str | None, payer_id: str | None, programs: Programs) -> Member:
    """What the records say of the member to this payer."""
    enrolled = [(each, programs.of(each.program)) for each in records.enrollments(cin, payer_id)]
    authorizations = records.authorizations(cin, payer_id)
    return Member(
        services=tuple(records.services(cin, payer_id)),
        enrollments=tuple([(each, program) for each, program in enrolled if program and not program.waiting]),
        authorizations=tuple(authorizations),
        ecm=tuple([each for each in authorizations if each.benefit == "ECM"]),
    )


def content(record: CareService | Enrollment | Authorization) -> bytes:
    """The record as bytes: what orders records that are alike in all else, whatever order they came in."""
    return _encode(record)


def common(one: Days, other: Days) -> Days | None:
    """The days that both have."""
    first, last = max(one[0], other[0]), min(one[1], other[1])
    return (first, last) if first <= last else None


def covered(days: Days, spans: Iterable[Days]) -> bool:
    """Whether the spans together cover every one of the days."""
    missing = days[0]
    for first, last in sorted(spans):
        if first > missing:
            return False
        if last >= days[1]:
            return True
        missing = max(missing, last + timedelta(days=1))
    return False


def enrolled_days(enrollment: Enrollment) -> Days:
    """First and last day in the program; without an end the last day there is."""
    return enrollment.start_date, enrollment.end_date or date.max


def held_days(authorization: Authorization) -> Days | None:
    """The days on which it was in force. Graduated and ended ones hold to their end.

    Declined ones never were, but for a presumptive one, which holds to its end: until the plan told of the denial the
    provider's services are paid (DHCS CalAIM ECM Policy Guide, January 2026, streamlined authorization). Without an
    end a presumptive one for ECM holds for 30 calendar days, its first day among them.
    """
    end = authorization.end_date
    if end is None and authorization.status != "authorized":
        return None
    if authorization.status == "declined" and not authorization.presumptive:
        return None
    if end is None and authorization.presumptive and authorization.benefit == "ECM":
        end = authorization.start_date + PRESUMPTIVE_DAYS - timedelta(days=1)
    days = (authorization.start_date, end or date.max)
    return days if days[0] <= days[1] else None
