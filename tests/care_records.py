"""Builders of records of other care, and what they give a claim: ``found(a_service("ICC"), lines=[a_line()])``."""

from datetime import date, timedelta
from typing import Any

from builders import CIN, SERVICE_DAY, a_line, a_received_claim

from services.validator.rules import Aliases, Context, Coverage, Judgement, Records, judge
from services.validator.rules.care import is_from_records
from shared.care import Authorization, CareService, Enrollment
from shared.claim import ServiceLine
from shared.findings import Severity
from shared.payers import Payers
from shared.reference.codes import CodeSet

CONTEXT = Context(CodeSet.load(), Payers.load(None))
DAY = SERVICE_DAY
NEXT_DAY = DAY + timedelta(days=1)
TIN = "941234567"
THIRD_NPI = "1999999992"
TIMED = {"start_time": "09:00", "end_time": "10:00"}
OUTREACH: dict[str, Any] = {"modifiers": ("U8",)}
RECUPERATIVE: dict[str, Any] = {"procedure_code": "T2033", "modifiers": ("U6",)}

Record = CareService | Enrollment | Authorization


def a_service(program: str = "CHW", **overrides: Any) -> CareService:
    """A service of another program on the day of :func:`builders.a_line`, of nobody named."""
    values = {"record_id": "S1", "cin": CIN, "service_date": DAY, "program": program, **overrides}
    return CareService(**values)


def enrolled(
    program: str, start: date = date(2026, 1, 1), end: date | None = None, **overrides: Any
) -> Enrollment:
    """Time in a program, from the start of the year."""
    values = {"record_id": "E1", "cin": CIN, "program": program, "start_date": start, "end_date": end}
    return Enrollment(**{**values, **overrides})


def ecm(
    start: date = date(2026, 1, 1), end: date | None = date(2026, 12, 31), **overrides: Any
) -> Authorization:
    """An ECM authorization of the year, to anybody."""
    values = {"record_id": "A1", "cin": CIN, "benefit": "ECM", "start_date": start, "end_date": end}
    return Authorization(**{**values, **overrides})


def judged(
    *records: Record,
    lines: list[ServiceLine] | None = None,
    coverage: Coverage | None = None,
    aliases: Aliases | None = None,
    **claim: Any,
) -> Judgement:
    """A claim (of one clean ECM line) judged beside these records."""
    known = Records(
        [each for each in records if isinstance(each, CareService)],
        [each for each in records if isinstance(each, Enrollment)],
        [each for each in records if isinstance(each, Authorization)],
        coverage=coverage or Coverage(),
        aliases=aliases or Aliases(),
    )
    return judge(a_received_claim(lines=lines or [a_line()], **claim), CONTEXT, records=known)


def found(*records: Record, **claim: Any) -> list[tuple[str, Severity, int | None]]:
    """(rule, severity, line) of every finding that rests on records."""
    findings = judged(*records, **claim).findings
    return [(each.rule, each.severity, each.line) for each in findings if is_from_records(each)]


def severities(*records: Record, **claim: Any) -> dict[str, Severity]:
    """The severity of each rule that finds something in records."""
    return {rule: severity for rule, severity, _ in found(*records, **claim)}


def on(day: date, *records: Record, **times: Any) -> dict[str, Severity]:
    """As :func:`severities`, of a line of that day."""
    return severities(*records, lines=[a_line(service_start=day, **times)])
