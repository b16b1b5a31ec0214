"""CHW services beside ECM: what tells them from other services of the ladder is the period in which ECM runs.

CHW work is part of ECM, so the CHW benefit rests while ECM runs and may begin again after (DHCS Children and Youth
Spotlight, October 2023; DHCS APL 24-006).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from services.validator.rules.care_lines import (
    OTHER_DAY,
    CareLine,
    Days,
    Member,
    Told,
    common,
    content,
    held_days,
)
from services.validator.rules.overlap_evidence import classified, is_own
from shared.calendar import us_date
from shared.care import CareService
from shared.reference.programs import ProgramRule, Programs

MAY_BE_CHW = ("CHW", "OTHER")
"""The programs, as recorded, of a service that may be a CHW's: one of no named program is known by its code."""

DAYS_AROUND_CHW = 366
"""A CHW service on another day of the ECM period is noted where it lies at most so far from the line.

DHCS's longest period is twelve months.
"""


def is_chw_of_ecm(rule: ProgramRule) -> bool:
    """Whether it is the rule on CHW services beside ECM."""
    return rule.program == "CHW" and rule.benefit == "ECM"


def ecm_runs(days: Days, member: Member) -> bool:
    """Whether the member is in ECM on any of these days.

    The claim itself speaks for ECM where the plan sends no authorizations of the member.
    """
    return not member.ecm or bool(member.ecm_on(*days))


def chw_on_other_days(lines: Sequence[CareLine], member: Member, programs: Programs) -> Told | None:
    """The note that CHW services were given on other days of the ECM period that runs on a line's date.

    It is said once a claim: of the first such line the earliest service.
    """
    ecm_lines = [line for line in lines if line.benefit == "ECM"]
    if not ecm_lines or not member.ecm or not member.services:
        return None
    for line in ecm_lines:
        near: list[tuple[CareService, ProgramRule]] = []
        for service in _of_other_days(line, ecm_lines, member):
            if near and service.service_date != near[0][0].service_date:
                break
            meant = classified(service, programs)
            rule = meant[0].on(service.service_date) if meant else None
            if rule is not None and is_chw_of_ecm(rule):
                near.append((service, rule))
        if near:
            return _told(line, *min(near, key=lambda each: content(each[0])), programs)
    return None


def _of_other_days(line: CareLine, ecm_lines: Sequence[CareLine], member: Member) -> Iterator[CareService]:
    periods = [days for each in member.ecm if (days := held_days(each)) and common(days, line.days)]
    reach = timedelta(days=DAYS_AROUND_CHW)
    for service in member.services:
        day = service.service_date
        if (
            service.program in MAY_BE_CHW
            and line.first - day <= reach
            and day - line.last <= reach
            and any(first <= day <= last for first, last in periods)
            and not any(each.first <= day <= each.last for each in ecm_lines)
        ):
            yield service


def _told(line: CareLine, service: CareService, rule: ProgramRule, programs: Programs) -> Told:
    who = "The billing provider" if is_own(line, service) else "Another provider"
    return Told(
        rule=rule.rule,
        severity="note",
        closeness=OTHER_DAY,
        line=line,
        record=service,
        message=f"{who} is on record for {rule.name} for this member on {us_date(service.service_date)}, while ECM is "
        f"authorized. {rule.statement} This does not hold the claim.",
        expected="no CHW benefit while ECM runs",
        field="procedure_code",
        value=line.code,
        program=rule.name,
        authority=rule.authority,
        version=programs.version,
    )
