"""Dates of service against each other, the receipt, the birth date, the benefit's start, the filing limit."""

from collections.abc import Iterator
from datetime import date, timedelta

from services.validator.rules.context import found, last_day
from shared.calendar import us_date
from shared.claim import Claim, ServiceLine
from shared.findings import Finding
from shared.payers import FILING_FLOOR_CONTRACTED_DAYS, FILING_FLOOR_NOT_CONTRACTED_DAYS, PayerTerms
from shared.reference.codes import ListedCode

BENEFITS_START = date(2022, 1, 1)
CHILDRENS_ECM_START = date(2023, 7, 1)


def date_findings(
    claim: Claim, line: ServiceLine, row: ListedCode | None, arrival: date
) -> Iterator[Finding]:
    """``date.order``, ``date.future`` and ``date.before_benefit``.

    ``arrival`` is the day of receipt in California.
    """
    start = line.service_start
    if start is None:
        return
    end = line.service_end or start
    if end < start:
        yield found(
            claim,
            "date.order",
            f"The service ends on {us_date(end)}, before it starts on {us_date(start)}. Correct one date.",
            field="service_end",
            line=line,
            value=end.isoformat(),
            expected=f"{us_date(start)} or later",
        )
    if max(start, end) > arrival:
        future = max(start, end)
        yield found(
            claim,
            "date.future",
            f"The date of service {us_date(future)} is after {us_date(arrival)}, the day on which we got the "
            "claim. Bill a service after it was given.",
            field="service_start" if start > arrival else "service_end",
            line=line,
            value=future.isoformat(),
            expected=f"{us_date(arrival)} or earlier",
        )
    if start < BENEFITS_START:
        yield found(
            claim,
            "date.before_benefit",
            f"ECM and Community Supports started on {us_date(BENEFITS_START)}. The service is of "
            f"{us_date(start)}.",
            field="service_start",
            line=line,
            value=start.isoformat(),
            expected=f"{us_date(BENEFITS_START)} or later",
        )
    elif start < CHILDRENS_ECM_START and row is not None and row.benefit == "ECM" and _is_child(claim, start):
        yield found(
            claim,
            "date.before_benefit",
            f"ECM for children and youth under 21 started on {us_date(CHILDRENS_ECM_START)} in most "
            "counties; "
            f"the service is of {us_date(start)}.",
            severity="note",
            field="service_start",
            line=line,
            value=start.isoformat(),
        )


def birth_findings(claim: Claim) -> Iterator[Finding]:
    """``member.birth_date``, once a claim: a birth after the earliest service."""
    born = claim.member.birth_date
    if born is None:
        return
    first = min((line.service_start for line in claim.lines if line.service_start is not None), default=born)
    if born > first:
        yield found(
            claim,
            "member.birth_date",
            f"The member's birth date {us_date(born)} is after the date of service {us_date(first)}. "
            "Correct one of them.",
            field="member.birth_date",
            value=born.isoformat(),
            expected=f"{us_date(first)} or earlier",
        )


def filing_findings(
    claim: Claim, line: ServiceLine, terms: PayerTerms, arrival: date, *, replaces: bool
) -> Iterator[Finding]:
    """``filing.late``: calendar days from the last date of service to the arrival (28 CCR 1300.71(b)).

    A limit below the lawful floor is read as the floor. A stated good cause pends, and so does a replacement
    (``replaces``) of a claim that we know: only the plan can say whether that is in time.
    """
    end = last_day(line)
    if end is None:
        return
    days = (arrival - end).days
    if days <= terms.filing_limit_days:
        return
    floor = FILING_FLOOR_CONTRACTED_DAYS if terms.contracted else FILING_FLOOR_NOT_CONTRACTED_DAYS
    limit = max(floor, terms.filing_limit_days)
    if days <= limit:
        return
    said = (
        f"The claim came {days} days after the service of {us_date(end)}; the plan's limit is {limit} days."
    )
    if claim.delay_reason:
        said += f" The claim gives delay reason {claim.delay_reason}; the plan will look at it."
    elif replaces:
        said += " It replaces a claim that we have; the plan will look at it."
    else:
        said += " If there was a good reason, send it again with a delay reason code."
    spans = line.service_end is not None and line.service_end != line.service_start
    yield found(
        claim,
        "filing.late",
        said,
        severity="pend" if claim.delay_reason or replaces else "reject",
        field="service_end" if spans else "service_start",
        line=line,
        value=end.isoformat(),
        expected=f"sent by {us_date(end + timedelta(days=limit))}",
    )


def _is_child(claim: Claim, on: date) -> bool:
    born = claim.member.birth_date
    if born is None:
        return False
    return (on.year - born.year) - ((on.month, on.day) < (born.month, born.day)) < 21
