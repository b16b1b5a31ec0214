"""What plans and counties tell of a member's other care: services, enrolments, authorizations, further CINs.

One record is one row of a feed, whatever it came as: CSV, JSON or an event of a ``care.*`` topic. The same
``record_id`` from the same source again is a correction; with ``withdrawn`` the record is taken back. Dates are
dates in California, both ends included; times are ``HH:MM`` there. CINs are PHI. ``payers`` are the plans (first
ids) whose claims a record speaks of; none named: every plan's.
"""

from datetime import date
from typing import Literal

from msgspec import Struct

Feed = Literal["services", "enrollments", "authorizations", "aliases"]
FEEDS: tuple[Feed, ...] = ("services", "enrollments", "authorizations", "aliases")

AuthorizationStatus = Literal["authorized", "declined", "graduated", "ended"]


class CareService(Struct, frozen=True, omit_defaults=True):
    """A service of another program. ``program`` is an id of ``shared.reference.programs``.

    ``modifiers`` are sorted and without repeats; ``units`` is text as sent.
    """

    record_id: str
    cin: str
    service_date: date
    program: str
    procedure_code: str | None = None
    modifiers: tuple[str, ...] = ()
    units: str | None = None
    provider_npi: str | None = None
    provider_tin: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    source: str = ""
    payers: tuple[str, ...] = ()


class Enrollment(Struct, frozen=True, omit_defaults=True):
    """A member's time in a program. ``end_date`` absent: no end is known."""

    record_id: str
    cin: str
    program: str
    start_date: date
    end_date: date | None = None
    care_manager_npi: str | None = None
    source: str = ""
    payers: tuple[str, ...] = ()


class Authorization(Struct, frozen=True, omit_defaults=True):
    """What a plan authorized, or did not. ``service`` is a Community Support's id, absent for ECM.

    ``graduated`` and ``ended`` hold through ``end_date``; ``declined`` never held. ``presumptive`` is what the
    ECM Policy Guide of January 2026 calls streamlined; one that was declined held through ``end_date``, and one
    for ECM without an end holds for 30 days.
    """

    record_id: str
    cin: str
    benefit: Literal["ECM", "CS"]
    start_date: date
    service: str | None = None
    authorization_number: str | None = None
    end_date: date | None = None
    provider_npi: str | None = None
    status: AuthorizationStatus = "authorized"
    population_of_focus: str | None = None
    presumptive: bool = False
    source: str = ""
    payers: tuple[str, ...] = ()


class MemberAlias(Struct, frozen=True, omit_defaults=True):
    """Two CINs of one member."""

    record_id: str
    cin: str
    alias_cin: str
    source: str = ""


Record = CareService | Enrollment | Authorization | MemberAlias

RECORD_TYPES: dict[Feed, type[Record]] = {
    "services": CareService,
    "enrollments": Enrollment,
    "authorizations": Authorization,
    "aliases": MemberAlias,
}


class Evidence(Struct, frozen=True, omit_defaults=True):
    """What a finding rests on, as it was when it was found: another claim's line, or a record.

    ``rule`` and ``line`` are those of the finding. For the plan's eyes: it may name another provider.
    """

    rule: str
    line: int | None = None
    billed: "BilledLine | None" = None
    service: CareService | None = None
    enrollment: Enrollment | None = None
    authorization: Authorization | None = None


class BilledLine(Struct, frozen=True, omit_defaults=True):
    """A line of another claim. Money in cents; ``arrival_date`` is California's."""

    claim_id: str
    line: int
    arrival_date: date
    hcpcs: str
    service_start: date
    service_end: date
    units: str
    claim_number: str | None = None
    channel: str | None = None
    billing_npi: str | None = None
    modifiers: tuple[str, ...] = ()
    charge_cents: int | None = None
