"""How close a recorded service comes to a billed line: the same provider or not, and the same time or not.

Being in another program is no duplicate. Only the same provider's service at an overlapping time shows that one hour
was billed twice; everything less is the plan's to look at, or a note (DHCS CalAIM ECM Policy Guide, January 2026).
"""

from services.validator.rules.care_lines import (
    OTHER_SAME_DATE,
    OWN_APART,
    OWN_OVERLAPPING,
    OWN_UNTIMED,
    CareLine,
)
from shared.care import CareService
from shared.claim import ServiceLine
from shared.findings import Severity
from shared.reference.programs import NOT_CARE_MANAGEMENT, Program, ProgramRule, Programs

_NO_MORE_THAN_PEND: dict[Severity | None, Severity | None] = {"reject": "pend"}


def is_own(line: CareLine, service: CareService) -> bool:
    """Whether the claim's own provider gave it, by NPI or TIN. Who is not named counts as another."""
    return (service.provider_npi is not None and service.provider_npi in line.npis) or (
        bool(service.provider_tin) and service.provider_tin == line.tin
    )


def closeness(line: CareLine, service: CareService) -> int | None:
    """The step of the ladder on which the service stands; ``None``: it is of another day."""
    if not line.first <= service.service_date <= line.last:
        return None
    if not is_own(line, service):
        return OTHER_SAME_DATE
    mine, theirs = times(line.line), times(service)
    # The times of a line over several days do not say which of the days they belong to.
    if mine is None or theirs is None or line.first != line.last:
        return OWN_UNTIMED
    return OWN_OVERLAPPING if mine[0] < theirs[1] and theirs[0] < mine[1] else OWN_APART


def times(timed: ServiceLine | CareService) -> tuple[str, str] | None:
    """Start and end where both are known and in order. ``HH:MM`` compares as text."""
    start, end = timed.start_time, timed.end_time
    return (start, end) if start and end and start < end else None


def severity_of(rule: ProgramRule, closeness: int) -> Severity | None:
    """What the program's data makes of this step of the ladder."""
    return (rule.own_overlapping, rule.own_untimed, rule.own_apart, rule.other_same_date)[closeness]


def at_most(severity: Severity | None, most: Severity) -> Severity | None:
    """``severity``, or ``most`` where it is worse."""
    if severity is None or most == "reject":
        return severity
    return _NO_MORE_THAN_PEND.get(severity, severity) if most == "pend" else "note"


def classified(service: CareService, programs: Programs) -> tuple[Program, Severity] | None:
    """The program that a recorded service is of, and how severe a finding may be at most.

    A program of OTHER is known by its code alone, which may not settle it. The CHW benefit is a list of codes: what
    else is recorded as CHW is not it, and 98960 to 98962 with U1 are dyadic services.
    """
    said = programs.of(service.program)
    if said is None or said.waiting:
        return None
    code = service.procedure_code
    if said.id == "OTHER":
        known = programs.of_code(code, service.modifiers, service.service_date) if code else None
        if known is None or known.program == NOT_CARE_MANAGEMENT:
            return None
        meant = programs.of(known.program)
        return (meant, "reject" if known.confidence == "public" else "pend") if meant else None
    if not code:
        return said, "reject"
    known = programs.of_code(code, service.modifiers)
    if said.id == "CHW":
        meant = programs.of(known.program) if known else None
        return (meant, "reject") if meant and meant.id in ("CHW", "DYADIC") else None
    return said, "note" if known and known.program == NOT_CARE_MANAGEMENT else "reject"
