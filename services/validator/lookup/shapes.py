"""What a caller is shown of a member's other care, and what of other providers stays hidden from it."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from msgspec import Struct

from services.validator.review.queue import scope_of
from shared.care import Authorization, CareService, Enrollment
from shared.parts import Parts
from shared.reference.programs import Program, ProgramRule, Relation, program_of
from shared.security import Principal

ANOTHER = "another provider"


class KnownProgram(Struct, frozen=True):
    """A member's time in a program. ``rule`` is how it stands to ECM on the day asked about."""

    program: str
    name: str
    start_date: date
    end_date: date | None
    current: bool
    care_manager_npi: str | None
    rule: Relation | None
    what_it_means: str


class KnownAuthorization(Struct, frozen=True, omit_defaults=True):
    """``provider`` is "yours", or "another provider", whose NPI and number only the plan sees."""

    benefit: str
    service: str | None
    start_date: date
    end_date: date | None
    status: str
    presumptive: bool
    provider: str
    provider_npi: str | None = None
    authorization_number: str | None = None
    population_of_focus: str | None = None


class KnownService(Struct, frozen=True, omit_defaults=True):
    """A service of another program. ``provider_npi`` is for its own provider and the plan."""

    program: str
    name: str
    service_date: date
    procedure_code: str | None
    modifiers: tuple[str, ...]
    own: bool
    provider_npi: str | None = None


class EcmMonth(Struct, frozen=True):
    """ECM services billed in a month (its first day), and whether by the caller."""

    month: date
    own: bool
    services: int


class Advice(Struct, frozen=True):
    """What to expect of ECM billed on the day: ``severity`` as of a finding."""

    severity: Literal["reject", "pend", "note"]
    message: str


class Overlaps(Struct, frozen=True):
    """What is known of a member. ``since`` is the first day of which services are told."""

    on: date
    since: date
    programs: tuple[KnownProgram, ...]
    authorizations: tuple[KnownAuthorization, ...]
    services: tuple[KnownService, ...]
    ecm_history: tuple[EcmMonth, ...]
    expected: tuple[Advice, ...]

    @property
    def advice(self) -> list[str]:
        """``expected`` in plain sentences."""
        return [f"{_EXPECT[each.severity]} {each.message}" for each in self.expected]


_EXPECT = {
    "reject": "A claim would be rejected.",
    "pend": "A claim would wait for the plan to look at it.",
    "note": "For your information:",
}


class Viewer:
    """What a caller may see: a plan what is said of its members, a provider less of other providers.

    ``payers`` are the plans (first ids) for whose members the caller asks; ``None``: all.
    """

    def __init__(self, principal: Principal, parts: Parts, own_payers: frozenset[str] | None) -> None:
        self.provider = principal.role == "provider"
        self.npis = frozenset(principal.npis)
        scope = scope_of(principal, parts.payers).payers
        self.payers = own_payers if self.provider else (frozenset(scope) if scope is not None else None)

    def may_see(self, payers: Sequence[str]) -> bool:
        """Whether a record, or a line, of these plans (none: of all) is for the caller."""
        return not payers or self.payers is None or not self.payers.isdisjoint(payers)

    def is_own(self, npi: str | None) -> bool:
        return npi is not None and npi in self.npis

    def authorization(self, record: Authorization) -> KnownAuthorization:
        open_ = not self.provider or self.is_own(record.provider_npi)
        if self.is_own(record.provider_npi):
            provider = "yours"
        elif record.provider_npi is None:
            provider = "any provider"
        else:
            provider = record.provider_npi if open_ else ANOTHER
        return KnownAuthorization(
            benefit=record.benefit,
            service=record.service,
            start_date=record.start_date,
            end_date=record.end_date,
            status=record.status,
            presumptive=record.presumptive,
            provider=provider,
            provider_npi=record.provider_npi if open_ else None,
            authorization_number=record.authorization_number if open_ else None,
            population_of_focus=record.population_of_focus if open_ else None,
        )

    def service(self, record: CareService) -> KnownService:
        own = self.is_own(record.provider_npi)
        program = program_of(record.program)
        return KnownService(
            program=record.program,
            name=program.name if program else record.program,
            service_date=record.service_date,
            procedure_code=record.procedure_code,
            modifiers=record.modifiers,
            own=own,
            provider_npi=record.provider_npi if own or not self.provider else None,
        )


def known_program(record: Enrollment, on: date) -> KnownProgram:
    """An enrolment with what it means for ECM on the day ``on``."""
    program = program_of(record.program)
    rule = program.on(on) if program else None
    return KnownProgram(
        program=record.program,
        name=program.name if program else record.program,
        start_date=record.start_date,
        end_date=record.end_date,
        current=record.start_date <= on and (record.end_date is None or on <= record.end_date),
        care_manager_npi=record.care_manager_npi,
        rule=rule.relation if rule else None,
        what_it_means=_meaning(program, rule),
    )


def _meaning(program: Program | None, rule: ProgramRule | None) -> str:
    if rule is not None:
        return rule.statement
    if program is not None and program.waiting:
        return "The member is only waiting for a place. That does not stand against ECM."
    return "No rule is known by which this program would stand against ECM on this day."
