"""Random histories of claims, and a judge of duplicates and limits who looks at every earlier line for every line.

Nothing here uses the code that is tested: the judge goes through the list, day by day, without index or look-up.
Of the claims it assumes what :func:`a_history` makes: complete but for a missing diagnosis code, which rejects.
"""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from random import Random

from builders import BILLING_NPI, OTHER_NPI, a_line, a_received_claim
from msgspec import Struct

from services.validator.rules import Judgement
from shared.claim import ServiceLine
from shared.events import ClaimJudged, ClaimReceived
from shared.reference.codes import CodeSet
from shared.reference.supports import SupportLimit, support_limits

ARRIVAL = date(2026, 3, 31)
FIRST_DAY = date(2025, 9, 1)
LODGINGS = {"recuperative_care", "post_hospitalization_housing", "transitional_rent"}
CODES = (
    ("G9012", ("U2",)),
    ("G9012", ("U2", "GQ")),
    ("G9008", ("U1",)),
    ("G9012", ("U8",)),
    ("T2033", ("U6",)),
    ("H0043", ("U3",)),
    ("H0044", ("U3",)),
    ("H0043", ("U2",)),
    ("H0040", ("U1",)),
    ("H0044", ("U2",)),
    ("S9125", ("U6",)),
    ("H0045", ("U6",)),
    ("S5170", ("U6",)),
    ("S9977", ("U6",)),
    ("H0014", ("U6",)),
    ("S5165", ("U6",)),
    ("T2050", ("U6",)),
    ("T2051", ("U6",)),
    ("H0043", ("U6",)),
    ("H0043", ("GQ", "U6")),
)

Finding = tuple[str, int, str, str | None, int | None]
"""Rule, line, severity, and the line that it rests on: claim and number. Limits are compared without the last two."""


class Member(Struct, frozen=True):
    """A member and all its CINs."""

    cins: tuple[str, ...]


def a_history(
    random: Random, members: Sequence[Member], claims: int, prefix: str = ""
) -> list[ClaimReceived]:
    """Claims in the order of their receipt, in which much repeats, overlaps, is voided and replaced."""
    favourites = random.sample(CODES, random.choice((1, 1, 2, 3, 4)))
    history: list[ClaimReceived] = []
    for _ in range(claims):
        frequency = random.choices(("1", "7", "8"), (7, 2, 1))[0]
        cin: str | None = random.choice(random.choice(members).cins)
        npi: str | None = random.choices((BILLING_NPI, OTHER_NPI), (3, 1))[0]
        payer_id: str | None = random.choices(("GSHP1", "OTHER"), (6, 1))[0]
        overrides: dict[str, object] = {}
        if frequency != "1" and random.random() < 0.8:
            earlier = [each.claim_id for each in history] + [f"{prefix}PCN-{n}" for n in range(6)]
            overrides["original_reference"] = random.choice(earlier)
        if frequency != "1" and history and random.random() < 0.6:
            original = random.choice(history)
            same = original.claim
            cin, npi, payer_id = same.member.cin, same.billing_provider.npi, same.payer.id
            overrides["original_reference"] = random.choice((original.claim_id, same.claim_number))
        if random.random() < 0.08:
            overrides["diagnosis_codes"] = ()
        history.append(
            a_received_claim(
                arrival=ARRIVAL,
                cin=cin,
                npi=npi,
                payer_id=payer_id,
                claim_number=f"{prefix}PCN-{random.randrange(6)}",
                frequency=frequency,
                # An invoice without a diagnosis is only noted: there the rejected claims are 837P.
                channel="837P" if "diagnosis_codes" in overrides else random.choice(("837P", "invoice")),
                lines=[
                    a_random_line(random, number, favourites) for number in range(1, random.randint(2, 5))
                ],
                **overrides,
            )
        )
    return history


def a_random_line(random: Random, number: int, codes: Sequence[tuple[str, tuple[str, ...]]]) -> ServiceLine:
    code, modifiers = random.choice(codes)
    start = FIRST_DAY + timedelta(random.choice((0, 1, 2, 3, 5, 7, 30, 61, 100, 121, 122, 150)))
    days = random.choices((1, 2, 3, 7, 60, 95), (6, 3, 2, 2, 1, 1))[0]
    days = min(days, (ARRIVAL - start).days + 1)
    return a_line(
        number,
        procedure_code=code,
        modifiers=modifiers,
        service_start=start,
        service_end=start + timedelta(days - 1) if days > 1 or random.random() < 0.5 else None,
        units=max(random.choice((days, days, days - 1, 1, 2)), 1),
        charge_cents=random.choice((10_000, 300_000, 450_000)),
    )


class _Line(Struct, frozen=True):
    claim: ClaimReceived
    line: ServiceLine
    service: str
    unit: str

    @property
    def start(self) -> date:
        return self.line.service_start

    @property
    def end(self) -> date:
        return self.line.service_end or self.line.service_start

    @property
    def dates(self) -> list[date]:
        return [self.start + timedelta(n) for n in range((self.end - self.start).days + 1)]

    @property
    def nights(self) -> list[date]:
        dates = self.dates
        leaves = self.unit == "per diem" and len(dates) > 1 and self.line.units == len(dates) - 1
        return dates[:-1] if leaves else dates

    @property
    def npi(self) -> str | None:
        return self.claim.claim.billing_provider.npi

    def repeats(self, other: "_Line") -> bool:
        return (
            self.npi == other.npi
            and self.line.procedure_code == other.line.procedure_code
            and set(self.line.modifiers) == set(other.line.modifiers)
            and (self.start, self.end) == (other.start, other.end)
        )

    def excludes(self, other: "_Line") -> bool:
        if {self.unit, other.unit} - {"per diem", "per month"} or not set(self.nights) & set(other.nights):
            return False
        if self.service in LODGINGS and other.service in LODGINGS:
            return True
        if self.service != other.service:
            return False
        if self.service in ("medically_tailored_meals", "day_habilitation", "housing_tenancy_sustaining"):
            one, two = (
                (each.line.procedure_code, set(each.line.modifiers) - {"GQ"}) for each in (self, other)
            )
            return one == two
        return True


def told(judged: Judgement | ClaimJudged) -> list[Finding]:
    """What was found of duplicates and limits, as the naive judge says it, in an order."""
    evidence = {(each.rule, each.line): each.billed for each in judged.evidence}
    found: list[Finding] = []
    for finding in judged.findings:
        if finding.rule.startswith("limit."):
            found.append((finding.rule, finding.line or 0, finding.severity, None, None))
        elif finding.rule.startswith("duplicate."):
            billed = evidence.get((finding.rule, finding.line))
            other = (billed.claim_id, billed.line) if billed else (None, None)
            found.append((finding.rule, finding.line or 0, finding.severity, *other))
    return sorted(found, key=str)


def naive_findings(
    history: Sequence[ClaimReceived], groups: Collection[Collection[str]] = ()
) -> dict[str, list[Finding]]:
    """What should be found of each claim, by claim id."""
    clean: list[ClaimReceived] = []
    gone: set[str] = set()
    findings: dict[str, list[Finding]] = {}
    for received in history:
        claim = received.claim
        original = _original(received, clean, gone, groups)
        standing = [each for each in clean if each.claim_id not in gone]
        found = findings_beside(received, standing, original, groups) if claim.frequency != "8" else []
        if claim.frequency in ("7", "8") and original is None:
            found.append(("duplicate.original_unknown", 0, "pend", None, None))
        findings[received.claim_id] = found
        bad = any(severity == "reject" for _, _, severity, _, _ in found)
        if bad or (claim.frequency != "8" and not claim.diagnosis_codes):
            continue
        if original is not None:
            gone.add(original.claim_id)
        if claim.frequency != "8":
            clean.append(received)
    return findings


def findings_beside(
    received: ClaimReceived,
    earlier: Collection[ClaimReceived],
    original: ClaimReceived | None,
    groups: Collection[Collection[str]] = (),
) -> list[Finding]:
    """What is found of a claim beside these earlier ones, all of which stand; ``original`` is what it replaces."""
    claim = received.claim
    standing = [
        line
        for each in earlier
        if (original is None or each.claim_id != original.claim_id)
        and each.claim.payer.id == claim.payer.id
        and _same_member(each.claim.member.cin, claim.member.cin, groups)
        for line in _lines(each)
    ]
    found: list[Finding] = []
    unsure = claim.frequency == "7" and original is None
    own: list[_Line] = []
    for line in _lines(received):
        found += _duplicate(line, own, standing, unsure)
        for limit in support_limits():
            if limit.on and _goes_past(limit, [*standing, *own], line):
                found.append((limit.rule, line.line.number, "pend", None, None))
        own.append(line)
    return found


def _original(
    received: ClaimReceived,
    clean: list[ClaimReceived],
    gone: set[str],
    groups: Collection[Collection[str]],
) -> ClaimReceived | None:
    claim = received.claim
    if claim.frequency == "1":
        return None
    name = claim.original_reference or claim.claim_number
    standing = [
        each
        for each in clean
        if each.claim_id not in gone
        and each.claim.billing_provider.npi == claim.billing_provider.npi
        and each.claim.payer.id == claim.payer.id
        and _same_member(each.claim.member.cin, claim.member.cin, groups)
        and name in (each.claim_id, each.claim.claim_number)
    ]
    return standing[-1] if standing else None


def _same_member(one: str | None, other: str | None, groups: Collection[Collection[str]]) -> bool:
    return one == other or any(one in group and other in group for group in groups)


def _lines(received: ClaimReceived) -> list[_Line]:
    return [_Line(received, line, *_listed(line)) for line in received.claim.lines]


def _listed(line: ServiceLine) -> tuple[str, str]:
    for modifiers in (set(line.modifiers), set(line.modifiers) - {"GQ"}):
        for row in CodeSet.load().rows:
            if row.hcpcs == line.procedure_code and set(row.modifiers) == modifiers:
                return row.service, row.unit
    return "", ""


def _duplicate(line: _Line, own: list[_Line], standing: list[_Line], unsure: bool) -> list[Finding]:
    def told(rule: str, other: _Line, severity: str = "pend") -> list[Finding]:
        return [(rule, line.line.number, severity, other.claim.claim_id, other.line.number)]

    for others in (own, standing):
        for other in others:
            invoices = (line.claim.claim.channel == "invoice") + (other.claim.claim.channel == "invoice")
            alike = line.line.charge_cents == other.line.charge_cents or (other not in own and invoices == 1)
            if line.repeats(other) and line.line.units == other.line.units and alike:
                if other in own:
                    return told("duplicate.exact", other, "reject")
                channels = {line.claim.claim.channel, other.claim.claim.channel}
                both = "invoice" in channels and len(channels) == 2
                rule = "duplicate.both_channels" if both else "duplicate.exact"
                return told(rule, other, "pend" if unsure else "reject")
    for other in [*own, *standing]:
        if line.repeats(other):
            return told("duplicate.other_units", other)
    for other in standing:
        if (
            line.service == other.service == "ecm"
            and line.npi != other.npi
            and set(line.dates) & set(other.dates)
        ):
            return told("duplicate.other_provider", other)
    for other in [*own, *standing]:
        if line.excludes(other):
            return told("duplicate.overlapping_spans", other)
    return []


def _goes_past(limit: SupportLimit, earlier: list[_Line], line: _Line) -> bool:
    if not _counts(limit, line):
        return False
    counted = [each for each in earlier if _counts(limit, each)]
    match limit.counted, limit.window:
        case "times", "lifetime":
            times = {(each.npi, each.start) for each in counted}
            return bool(times) and (line.npi, line.start) not in times
        case "cents", "lifetime":
            return sum(each.line.charge_cents for each in [*counted, line]) > limit.most
        case "hours", "calendar_year":
            return any(
                sum(_hours(limit, each, year) for each in [*counted, line]) > limit.most + 1e-6
                for year in {day.year for day in line.dates}
            )
        case "units", "stay":
            return line.line.units > limit.most or len(line.dates) > 2
        case "days", "run":
            before = {day for each in counted for day in _nights(limit, each)}
            nights = before | set(_nights(limit, line))
            return not nights <= before and _run(nights, _nights(limit, line)[0]) > limit.most
        case "weeks", "rolling_year":
            before = {_monday(day) for each in counted for day in _days(limit, each)}
            weeks = before | {_monday(day) for day in _days(limit, line)}
            return any(
                len([week for week in weeks if start <= week < start + timedelta(364)]) > limit.most
                for new in weeks - before
                for start in (new - timedelta(7 * back) for back in range(52))
            )
    raise AssertionError(f"nobody counts {limit.counted} over {limit.window} here")


def _counts(limit: SupportLimit, line: _Line) -> bool:
    if line.service not in limit.services or (limit.codes and line.line.procedure_code not in limit.codes):
        return False
    if limit.counted in ("days", "weeks"):
        return bool(_days(limit, line))
    return limit.effective_from <= line.start and (not limit.effective_to or line.start <= limit.effective_to)


def _days(limit: SupportLimit, line: _Line) -> list[date]:
    return [
        day
        for day in (line.nights if limit.counted == "days" else line.dates)
        if limit.effective_from <= day and (not limit.effective_to or day <= limit.effective_to)
    ]


_nights = _days


def _hours(limit: SupportLimit, line: _Line, year: int) -> float:
    share = len([day for day in line.dates if day.year == year]) / len(line.dates)
    return float(line.line.units) * limit.hours_a_unit * share


def _run(days: set[date], day: date) -> int:
    first = last = day
    while first - timedelta(1) in days:
        first -= timedelta(1)
    while last + timedelta(1) in days:
        last += timedelta(1)
    return (last - first).days + 1


def _monday(day: date) -> date:
    return day - timedelta(day.weekday())
