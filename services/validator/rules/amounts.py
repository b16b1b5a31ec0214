"""Units and money of a line, the total and the diagnosis of a claim."""

from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache

from services.validator.rules.context import found, last_day
from shared.claim import Claim, ServiceLine
from shared.findings import Finding
from shared.reference.codes import ListedCode

QUARTER_HOURS_A_DAY = 96
MINUTES_A_DAY = 1_440
MEALS_A_DAY = 3

_MINUTES = {"15 minutes": 15, "per diem": MINUTES_A_DAY}
_MILLIONTH = Decimal("0.000001")
_MOST_DIGITS = 20


def unit_findings(claim: Claim, line: ServiceLine, row: ListedCode | None) -> Iterator[Finding]:
    """``line.units``: not a positive number rejects; more than a plausible day is a note."""
    units = line.units
    if units is None:
        return
    if not units.is_finite() or units <= 0:
        yield found(
            claim,
            "line.units",
            f"The units are {units}. Units must be more than zero.",
            field="units",
            line=line,
            value=str(units),
            expected="more than 0",
        )
        return
    # Units of one are plausible for everything, and most lines that are not counted in minutes have one.
    if row is None or units <= 1:
        return
    most, why = _plausible(line, row)
    if most is not None and units > most:
        yield found(
            claim,
            "line.units",
            f"{units} units are many: {why}. Check the number; the claim goes on.",
            severity="note",
            field="units",
            line=line,
            value=str(units),
            expected=f"at most {most}",
        )


def amount_findings(
    claim: Claim, line: ServiceLine, row: ListedCode | None, spoken_of: set[tuple[int | None, str | None]]
) -> Iterator[Finding]:
    """``line.amount_required``, and a negative amount, which is no charge at all (``field.format``)."""
    cents = line.charge_cents
    if (line.number, "charge_cents") in spoken_of:
        return
    if row is not None and row.needs_billed_amount and not cents:
        yield found(
            claim,
            "line.amount_required",
            f"{row.text} ({row.service_name}) has no fixed fee. Fill in the amount that was spent.",
            field="charge_cents",
            line=line,
            value=None if cents is None else "0.00",
            expected="the amount spent",
        )
    if cents is not None and cents < 0:
        yield found(
            claim,
            "field.format",
            "The amount is less than zero. To take a claim back, void it (frequency 8).",
            field="charge_cents",
            line=line,
            value=f"{cents / 100:.2f}",
            expected="0.00 or more",
        )


def total_findings(claim: Claim) -> Iterator[Finding]:
    """``invoice.total``: the lines against the stated total, in cents."""
    total = claim.total_cents
    if total is None:
        return
    added = 0
    for line in claim.lines:
        if line.charge_cents is None:
            return
        added += line.charge_cents
    if added != total:
        yield found(
            claim,
            "invoice.total",
            f"The lines add up to ${added / 100:,.2f}, but the total says ${total / 100:,.2f}. "
            "The claim goes on with its lines.",
            field="total_cents",
            value=f"{total / 100:.2f}",
            expected=f"{added / 100:.2f}",
        )


def diagnosis_findings(claim: Claim) -> Iterator[Finding]:
    """``diagnosis.missing``: the 837P guide requires one; the DHCS invoice does not."""
    if claim.diagnosis_codes:
        return
    if claim.channel == "837P":
        yield found(
            claim,
            "diagnosis.missing",
            "The claim has no diagnosis code. Add one (HI*ABK); a code for a social need such as "
            "Z59.01 will do.",
            field="diagnosis_codes",
            expected="an ICD-10-CM code",
        )
    else:
        yield found(
            claim,
            "diagnosis.missing",
            "There is no diagnosis code. The claim goes on; the plan needs one for its report to the State.",
            severity="note",
            field="diagnosis_codes",
        )


def _plausible(line: ServiceLine, row: ListedCode) -> tuple[int | None, str]:
    """The most units that dates and unit make plausible, and why; ``None`` where nothing is known."""
    days = 1
    start, end = line.service_start, last_day(line)
    if start is not None and end is not None and end > start:
        days = (end - start).days + 1
    span = "a day" if days == 1 else f"{days} days"
    if line.unit_basis == "MJ" and row.unit in _MINUTES:
        return MINUTES_A_DAY * days, f"{span} has {MINUTES_A_DAY * days} minutes"
    if row.unit == "15 minutes":
        return QUARTER_HOURS_A_DAY * days, f"{span} has {QUARTER_HOURS_A_DAY * days} units of 15 minutes"
    if row.unit == "per diem":
        return days, f"the service is counted by the day, and the line covers {span}"
    if row.unit == "per attempt":
        return 1, "one unit is one outreach attempt"
    if row.unit == "per meal":
        return MEALS_A_DAY * days, f"the line covers {span}"
    if row.unit == "per month" and start is not None and end is not None:
        months = max(1, (end.year - start.year) * 12 + end.month - start.month + 1)
        return months, f"the service is counted by the month, and the line covers {months}"
    return None, ""


def units_of_service(line: ServiceLine, row: ListedCode | None) -> str:
    """The line's units as one text, in the unit in which its service is counted: 60 minutes are 4 units of 15.

    Minutes (SV103 MJ) of a service that is counted neither by the quarter hour nor by the day stay as they are.
    """
    units = line.units
    minutes = _MINUTES.get(row.unit) if row is not None and line.unit_basis == "MJ" else None
    if minutes is None or units is None or not units.is_finite() or abs(units.adjusted()) > _MOST_DIGITS:
        return normal_units(units)
    # Never rounded up: many lines must not add up past a limit that their minutes keep.
    return normal_units((units / minutes).quantize(_MILLIONTH, ROUND_DOWN))


def normal_units(units: Decimal | None) -> str:
    """``units`` as one text for one number: ``4``, ``4.0`` and ``4.00`` are the same; empty for ``None``."""
    if units is None:
        return ""
    return _normal(units) if units.is_finite() else str(units)


@lru_cache(maxsize=1_024)
def _normal(units: Decimal) -> str:
    # A made-up exponent must not become a text of a million zeros.
    if abs(units.adjusted()) > _MOST_DIGITS:
        return str(units)
    if units == units.to_integral_value():
        return str(int(units))
    return format(units.normalize(), "f")
