"""Other programs beside ECM and Community Supports: recorded services by the ladder, enrolments by their data.

Outreach is never looked at: a provider often learns of the other program only by reaching the member.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter

from services.validator.rules.care_lines import (
    ENROLLED,
    OTHER_DAY,
    OTHER_SAME_DATE,
    OWN_APART,
    OWN_OVERLAPPING,
    OWN_UNTIMED,
    CareLine,
    Days,
    Member,
    Told,
    common,
    content,
    covered,
    enrolled_days,
)
from services.validator.rules.overlap_chw import chw_on_other_days, ecm_runs, is_chw_of_ecm
from services.validator.rules.overlap_evidence import (
    at_most,
    classified,
    closeness,
    severity_of,
    times,
)
from shared.calendar import us_date
from shared.care import CareService, Enrollment
from shared.findings import Severity
from shared.reference.programs import Program, ProgramRule, Programs

_OUTSIDE_OF_PLANS = frozenset({"FFS", "SHARE_OF_COST"})
_CCS = frozenset({"CCS", "CCS_WCM"})
_CCS_FOCUS = ("CCS", "WCM", "WHOLECHILD", "CALIFORNIACHILDRENSSERVICES")
_HOW = {
    OWN_OVERLAPPING: ", at times that overlap with this line",
    OWN_UNTIMED: ", and no start and end times tell the two apart",
    OWN_APART: ", at other times than this line",
    OTHER_SAME_DATE: "",
}
_day_of = attrgetter("service_date")


def overlaps(lines: Sequence[CareLine], member: Member, programs: Programs) -> Iterator[Told]:
    """All that services and enrolments in other programs say against these lines."""
    for line in lines:
        if member.services:
            first = bisect_left(member.services, line.first, key=_day_of)
            last = bisect_right(member.services, line.last, key=_day_of)
            for service in member.services[first:last]:
                told = _of_service(line, service, member, programs)
                if told is not None:
                    yield told
        if member.enrollments:
            for enrollment, program in member.enrollments:
                yield from _of_enrollment(line, enrollment, program, member, programs)
            yield from _not_in_plan(line, member)
    other_days = chw_on_other_days(lines, member, programs)
    if other_days is not None:
        yield other_days


def _of_service(line: CareLine, service: CareService, member: Member, programs: Programs) -> Told | None:
    step = closeness(line, service)
    meant = classified(service, programs)
    if step is None or meant is None:
        return None
    program, most = meant
    rule = program.on(service.service_date, line.benefit)
    if rule is None or (is_chw_of_ecm(rule) and not ecm_runs((service.service_date,) * 2, member)):
        return None
    severity = severity_of(rule, step)
    if step == OWN_APART and _is_excepted(rule, (service.service_date,) * 2, member):
        severity = at_most(severity, "note")
    same_manager = program.id in _CCS and step != OTHER_SAME_DATE and _has_ccs_focus(line, service, member)
    severity = at_most(severity, "note" if same_manager else most)
    if line.first != line.last:
        # A line over several days does not show that both were given on one of them.
        severity = at_most(severity, "pend")
    if severity is None:
        return None
    who = "Another provider" if step == OTHER_SAME_DATE else "The billing provider"
    how = "" if is_chw_of_ecm(rule) else _HOW[step]
    said = f"{who} is on record for {program.name} for this member on {us_date(service.service_date)}{how}."
    if same_manager:
        said += " That is allowed here: the ECM authorization is for a member with CCS."
    mine = times(line.line)
    return Told(
        rule=rule.rule,
        severity=severity,
        closeness=step,
        line=line,
        record=service,
        message=f"{said} {rule.statement} {_next_step(rule, severity, step)}",
        expected="each service billed once",
        field="start_time" if step == OWN_OVERLAPPING else "procedure_code",
        value=f"{mine[0]} to {mine[1]}" if step == OWN_OVERLAPPING and mine else line.code,
        program=program.name,
        authority=rule.authority,
        version=programs.version,
    )


def _of_enrollment(
    line: CareLine, enrollment: Enrollment, program: Program, member: Member, programs: Programs
) -> Iterator[Told]:
    inside = common(line.days, enrolled_days(enrollment))
    if inside is None:
        return
    for rule in program.rules:
        days = common(inside, _in_force(rule))
        if rule.benefit != line.benefit or rule.enrolled is None or days is None:
            continue
        if is_chw_of_ecm(rule) and not ecm_runs(days, member):
            continue
        excepted = _is_excepted(rule, days, member, enrollment)
        severity = "note" if excepted else rule.enrolled
        disputed = program.id in _OUTSIDE_OF_PLANS and _in_plan(line.days, member)
        if severity == "reject" and (disputed or not _for_whole_days(line, enrollment, rule)):
            severity = "pend"
        yield Told(
            rule=rule.rule,
            severity=severity,
            closeness=ENROLLED,
            line=line,
            record=enrollment,
            message=_of_enrolled(
                line, enrollment, program, rule, severity, excepted=excepted, disputed=disputed
            ),
            expected=f"no date of service while the member is in {program.name}"
            if rule.relation != "both" and severity != "note"
            else f"coordination with {program.name}",
            field="service_start",
            value=line.first.isoformat(),
            program=program.name,
            authority=rule.authority,
            version=programs.version,
        )


def _of_enrolled(
    line: CareLine,
    enrollment: Enrollment,
    program: Program,
    rule: ProgramRule,
    severity: Severity,
    *,
    excepted: bool,
    disputed: bool,
) -> str:
    verb = "is also in" if severity == "note" else "is on record as being in"
    said = f"The member {verb} {program.name} on the date of service. {rule.statement}"
    if excepted:
        said += " The exception holds here."
    if program.id in _CCS and enrollment.care_manager_npi:
        if enrollment.care_manager_npi in line.npis:
            said += " The billing provider is the CCS case manager too."
        else:
            said += f" The CCS case manager's NPI is {enrollment.care_manager_npi}."
    if disputed:
        said += " Another record says that the member was in a plan that day."
    elif severity == "pend" and rule.enrolled == "reject":
        said += " The dates of service touch the edge of that time, so the plan has to settle which of the two holds."
    return f"{said} {_next_step(rule, severity, ENROLLED)}"


def _not_in_plan(line: CareLine, member: Member) -> Iterator[Told]:
    """``member.not_in_plan``: a feed tells the member's time in the plan, and this is not of it."""
    in_plan = [each for each, program in member.enrollments if program.id == "MANAGED_CARE"]
    if not in_plan or covered(line.days, map(enrolled_days, in_plan)):
        return
    nearest = min(in_plan, key=lambda each: (_days_between(line, each), each.start_date, content(each)))
    yield Told(
        rule="member.not_in_plan",
        severity="pend",
        closeness=OTHER_DAY,
        line=line,
        record=nearest,
        message="The plan's enrollment records do not show the member in managed care on the date of service. Check "
        "the date and the member's CIN. The plan will look at it; if both are right, nothing has to be sent.",
        expected="a date on which the member is in the plan",
        field="service_start",
        value=line.first.isoformat(),
    )


def _next_step(rule: ProgramRule, severity: Severity, step: int) -> str:
    if severity == "note":
        return "This does not hold the claim."
    if severity == "pend":
        if step == OWN_UNTIMED:
            return "The plan will compare the two. Start and end times on the claim help to settle it."
        return "The plan will look at it. Nothing has to be sent now."
    if is_chw_of_ecm(rule):
        return "Bill the work as ECM only: void the CHW claim, then send this claim again."
    if step == OWN_OVERLAPPING:
        return "Bill each hour once: take the line off or correct its times, and send the claim again."
    return "If the record is wrong, ask the plan to correct it, then send the claim again."


def _is_excepted(rule: ProgramRule, days: Days, member: Member, enrollment: Enrollment | None = None) -> bool:
    """Whether one of the rule's dated exceptions holds on these days."""
    exceptions = rule.exceptions
    if exceptions is None or days[1] > exceptions.until:
        return False
    if exceptions.authorized_on and member.ecm_on(exceptions.authorized_on):
        return True
    for each, program in member.enrollments:
        if not common(enrolled_days(each), days):
            continue
        if program.id in exceptions.enrolled_in:
            return True
        legacy = exceptions.began_by is not None and each.start_date <= exceptions.began_by
        if legacy and enrollment in (None, each) and any(own.rule == rule.rule for own in program.rules):
            return True
    return False


def _for_whole_days(line: CareLine, enrollment: Enrollment, rule: ProgramRule) -> bool:
    """Whether every date of service lies inside the enrolment, with a day of it before and after."""
    first, last = enrolled_days(enrollment)
    return (
        first < line.first
        and (enrollment.end_date is None or line.last < last)
        and rule.effective_from <= line.first
        and line.last <= rule.effective_to
    )


def _has_ccs_focus(line: CareLine, service: CareService, member: Member) -> bool:
    """Whether ECM is authorized that day to this very care manager because the member has CCS."""
    if service.provider_npi not in line.npis:
        return False
    return any(_is_ccs(each.population_of_focus) for each in member.ecm_on(service.service_date))


def _is_ccs(focus: str | None) -> bool:
    """``CCS``, ``CCS/WCM``, ``California Children's Services``, or 7, its number in DHCS's list."""
    words = "".join(letter for letter in (focus or "").upper() if letter.isalnum())
    return words in ("7", "POF7") or any(name in words for name in _CCS_FOCUS)


def _in_plan(days: Days, member: Member) -> bool:
    spans = [enrolled_days(each) for each, program in member.enrollments if program.id == "MANAGED_CARE"]
    return any(common(span, days) for span in spans)


def _in_force(rule: ProgramRule) -> Days:
    return rule.effective_from, rule.effective_to


def _days_between(line: CareLine, enrollment: Enrollment) -> int:
    first, last = enrolled_days(enrollment)
    return max((first - line.last).days, (line.first - last).days, 0)
