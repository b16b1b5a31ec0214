"""Authorization: whether one covers the service, whose it is, and whether the plan set its length as DHCS says.

Judged only for payers whose authorizations some feed brings. Never for outreach. A presumptive authorization, which
the ECM Policy Guide of January 2026 calls streamlined, counts like any other, for 30 days where no end is recorded.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache

from services.validator.rules.care_lines import (
    ENROLLED,
    OTHER_DAY,
    CareLine,
    Member,
    Told,
    content,
    covered,
    held_days,
)
from services.validator.rules.context import Context
from services.validator.rules.history import Prepared
from services.validator.rules.records import Records
from shared.calendar import us_date
from shared.care import Authorization
from shared.catalogue import finding
from shared.findings import Finding

LENGTHS_SINCE = date(2023, 7, 1)
"""From this start on the first ECM authorization is for 12 months and each later one for 6: DHCS Action Plan, 2024."""

FIRST_MONTHS, LATER_MONTHS = 12, 6

FileOfPlan = tuple[str, str | None]
"""A submission's id and the first id of a payer in it."""


def authorization_findings(lines: Sequence[CareLine], member: Member) -> Iterator[Told]:
    """``authorization.missing``, ``.provider`` and ``.period`` of the lines, where a feed covers the payer."""
    ever_held = [(each, days) for each in member.authorizations if (days := held_days(each))]
    wrong = [(each, months) for each in member.ecm if (months := _wrong_length(each, member))]
    for line in lines:
        held = [
            (each, days)
            for each, days in ever_held
            if days[0] <= line.last and days[1] >= line.first and _is_for(each, line)
        ]
        own = [days for each, days in held if not each.provider_npi or each.provider_npi in line.npis]
        if not covered(line.days, own):
            if not covered(line.days, (days for _, days in held)):
                yield _missing(line, member)
                continue
            yield _of_another(line, [each for each, _ in held])
        for each, months in wrong:
            if any(each is one for one, _ in held):
                yield _period(line, each, months)


def file_notes_of(
    prepared: Prepared, context: Context, records: Records, noted: set[FileOfPlan]
) -> tuple[Finding, ...]:
    """``authorization.not_checked``, once for each plan of a file: ``noted`` are those of which it was said."""
    file_of_plan = (prepared.received.submission_id, prepared.payer_id)
    if file_of_plan in noted or records.coverage.has_authorizations(prepared.payer_id):
        return ()
    noted.add(file_of_plan)
    plan = context.terms_of(prepared.received.claim).name or prepared.payer_id or "this plan"
    # Without a place and alike for all claims of the plan, so that intake keeps it once.
    return (
        finding(
            "authorization.not_checked",
            f"We have no authorization records of {plan}, so we did not check whether the services are authorized. "
            "This does not hold any claim.",
            field="authorization_number",
        ),
    )


def _is_for(authorization: Authorization, line: CareLine) -> bool:
    if authorization.benefit != line.benefit:
        return False
    return line.benefit == "ECM" or authorization.service == line.service


def _missing(line: CareLine, member: Member) -> Told:
    what = line.service_name
    said = (
        f"No authorization for {what} covers the date of service."
        if line.first == line.last
        else (f"No authorization for {what} covers every date of service of this line.")
    )
    of_service = [each for each in member.authorizations if _is_for(each, line)]
    nearest = min(of_service, key=lambda each: _order(each, line), default=None)
    if nearest is not None and nearest.status == "declined":
        said += f" One that was to start on {us_date(nearest.start_date)} was declined."
    elif nearest is not None and (days := held_days(nearest)):
        end = f"to {us_date(days[1])}" if days[1] < date.max else "on"
        said += f" The nearest runs from {us_date(days[0])} {end}."
    return Told(
        rule="authorization.missing",
        severity="pend",
        closeness=OTHER_DAY,
        line=line,
        record=nearest,
        message=f"{said} The plan will look at it. If there is an authorization, its dates and service have to be "
        "settled with the plan.",
        expected="an authorization for this service and date",
        field="service_start",
        value=line.first.isoformat(),
    )


def _of_another(line: CareLine, held: Sequence[Authorization]) -> Told:
    others = [each for each in held if each.provider_npi and each.provider_npi not in line.npis]
    return Told(
        rule="authorization.provider",
        severity="pend",
        closeness=ENROLLED,
        line=line,
        record=min(others, key=lambda each: _order(each, line)),
        message=f"The authorization for {line.service_name} on the date of service names another provider. Check that "
        "the billing NPI is the one that the plan authorized. The plan will look at it.",
        expected="an authorization for this provider",
        field="billing_provider.npi",
        value=line.billing_npi or "",
    )


def _period(line: CareLine, authorization: Authorization, months: int) -> Told:
    end = authorization.end_date or date.max
    return Told(
        rule="authorization.period",
        severity="note",
        closeness=ENROLLED,
        line=line,
        record=authorization,
        message=f"The ECM authorization from {us_date(authorization.start_date)} to {us_date(end)} should run for "
        f"{months} months. That is the plan's to put right, not the provider's, and it does not hold the payment.",
        expected=f"{months} months, to {us_date(_after(authorization.start_date, months) - timedelta(days=1))}",
        field="service_start",
        value=line.first.isoformat(),
    )


def _wrong_length(authorization: Authorization, member: Member) -> int | None:
    """The months that the authorization should have, where it has others; ``None``: right, or not judged."""
    start, end = authorization.start_date, authorization.end_date
    if (
        authorization.status != "authorized"
        or authorization.presumptive
        or end is None
        or start < LENGTHS_SINCE
    ):
        return None
    earlier = len(member.ecm) > 1 and any(
        each.start_date < start and not each.presumptive and each.status != "declined" for each in member.ecm
    )
    months = LATER_MONTHS if earlier else FIRST_MONTHS
    after = _after(start, months)
    return None if end in (after, after - timedelta(days=1)) else months


@lru_cache(maxsize=1024)
def _after(start: date, months: int) -> date:
    """The same day so many months later, or the last of that month where it has no such day."""
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))


def _order(authorization: Authorization, line: CareLine) -> tuple[int, date, bytes]:
    days = held_days(authorization) or (authorization.start_date, authorization.end_date or date.max)
    away = max((days[0] - line.last).days, (line.first - days[1]).days, 0)
    return away, authorization.start_date, content(authorization)
