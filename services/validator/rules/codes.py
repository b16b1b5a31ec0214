"""The heart: only what DHCS lists, whatever plan and provider agreed between them.

Which finding a line gets is settled in this order, so that one error is said once:

1. ``code.not_listed``: the HCPCS code is in no row, or in none on the date of service.
2. The code with exactly this set of modifiers is listed: ``code.not_in_force`` where not on the date of
   service; otherwise the line is right, and ``code.telehealth_unlikely``, ``code.modifier_order`` (notes) and
   ``code.service_not_elected`` may be said of it.
3. Otherwise two separate questions, each with its own finding: ``code.modifier_not_listed`` for modifiers
   listed for no service of this code; and of those left, ``code.modifier_missing`` where they name no
   service, or ``code.combination`` where DHCS does not list them together.
"""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from services.validator.rules.context import found, listing
from services.validator.rules.dates import BENEFITS_START
from services.validator.rules.options import nearest, options, sentence, telehealth_set
from shared.calendar import us_date
from shared.catalogue import rules
from shared.claim import Claim, ServiceLine
from shared.findings import Finding
from shared.payers import PayerTerms
from shared.reference.codes import TELEHEALTH, CodeSet, ListedCode, Match
from shared.reference.other_benefits import other_benefit

_FFS_TELEHEALTH = frozenset({"93", "95"})


class CodedLine(Struct, frozen=True):
    """A line as the code set sees it. ``row`` is what it is listed as; ``in_force`` on all its days.

    ``plain``: in force and written as DHCS prints it; only the payer's own list may speak against it.
    """

    match: Match | None = None
    row: ListedCode | None = None
    in_force: bool = False
    plain: bool = False


_NO_CODE = CodedLine(plain=True)


def look_up(line: ServiceLine, codes: CodeSet) -> CodedLine:
    """The line's row in the code set. Days before the benefits began are read as their first day."""
    if not line.procedure_code:
        return _NO_CODE
    match = codes.match(line.procedure_code, line.modifiers)
    if not match.rows:
        return CodedLine(match)
    row = match.row_on(*_days(line))
    if row is None:
        return CodedLine(match, match.rows[-1], False)
    return CodedLine(match, row, True, not (match.general_telehealth or match.reordered or match.repeated))


def code_findings(
    claim: Claim, line: ServiceLine, coded: CodedLine, codes: CodeSet, terms: PayerTerms
) -> Iterator[Finding]:
    """All ``code.*`` findings of a line, in the order that the module states."""
    match, row = coded.match, coded.row
    if match is None:
        return
    if row is None:
        yield from _not_listed(claim, line, match, codes)
        return
    if not coded.in_force:
        yield _not_in_force(claim, line, row, codes)
    if match.general_telehealth:
        yield found(
            claim,
            "code.telehealth_unlikely",
            f"GQ says that the service was given by phone or video. That is unusual for {row.service_name}. "
            "Check it; the claim goes on.",
            field="modifiers",
            line=line,
            value=TELEHEALTH,
            expected=row.text,
            version=codes.version,
        )
    if match.repeated or match.reordered:
        yield _order(claim, line, row, match, codes)
    start = line.service_start
    elective = row.benefit == "CS" and not row.outreach
    if terms.supports and elective and start is not None and not terms.offers(row.service, start):
        yield found(
            claim,
            "code.service_not_elected",
            f"As far as we know, {terms.name or 'the plan'} does not offer {row.service_name} on "
            f"{us_date(start)}. The plan will look at it.",
            field="procedure_code",
            line=line,
            value=row.text,
        )


def _days(line: ServiceLine) -> tuple[date | None, date | None]:
    first = line.service_start
    if first is None:
        return None, None
    last = line.service_end or first
    if first < BENEFITS_START:
        first = BENEFITS_START
    return first, last if last > first else first


def _not_listed(claim: Claim, line: ServiceLine, match: Match, codes: CodeSet) -> Iterator[Finding]:
    code = line.procedure_code or ""
    first, _ = _days(line)
    if not match.known:
        yield _unknown_code(claim, line, codes)
        return
    listed = codes.of_code(code)
    if first is not None and not any(row.in_force(first) or not row.start_confirmed for row in listed):
        yield _code_on_another_date(claim, line, listed, first, codes)
        return
    if match.unlisted:
        yield _unlisted_modifiers(claim, line, match, codes)
    if match.modifier_missing:
        choice = options(listed, first, telehealth=bool(telehealth_set(line)))
        yield found(
            claim,
            "code.modifier_missing",
            f"{code} needs the modifier that says which service it is. {sentence(choice)}",
            field="modifiers",
            line=line,
            value=" ".join(line.modifiers) or None,
            expected=" or ".join(row.text for row in choice),
            version=codes.version,
        )
    elif match.wrong_combination:
        yield _combination(claim, line, match, codes)


def _unknown_code(claim: Claim, line: ServiceLine, codes: CodeSet) -> Finding:
    code = line.procedure_code or ""
    first, _ = _days(line)
    other = other_benefit(code, line.modifiers)
    choice = options(nearest(line, codes, other), first, telehealth=bool(telehealth_set(line)))
    whose = f" It is a code for {other.name}. {other.hint}" if other else ""
    authority = rules()["code.not_listed"].authority
    return found(
        claim,
        "code.not_listed",
        f"DHCS does not list {code} for ECM or Community Supports.{whose} {sentence(choice)}".rstrip(),
        field="procedure_code",
        line=line,
        value=code,
        expected=" or ".join(row.text for row in choice)
        or "a code that DHCS lists, or a bill to that benefit",
        authority=f"{authority}; {other.authority}" if other else authority,
        version=codes.version,
    )


def _code_on_another_date(
    claim: Claim, line: ServiceLine, listed: tuple[ListedCode, ...], on: date, codes: CodeSet
) -> Finding:
    later = [row for row in listed if row.effective_from > on]
    if later:
        row = min(later, key=lambda row: row.effective_from)
        since = us_date(row.effective_from)
        said, expected = f"It is listed from {since} on", f"a service from {since}"
    else:
        row = max(listed, key=lambda row: row.effective_to or date.max)
        until = us_date(row.effective_to or date.max)
        said, expected = f"It was listed through {until}", f"a service to {until}"
    return found(
        claim,
        "code.not_listed",
        f"DHCS did not list {line.procedure_code} for ECM or Community Supports on {us_date(on)}. "
        f"{said} for {row.service_name}.",
        field="procedure_code",
        line=line,
        value=line.procedure_code,
        expected=expected,
        version=codes.version,
    )


def _unlisted_modifiers(claim: Claim, line: ServiceLine, match: Match, codes: CodeSet) -> Finding:
    code = line.procedure_code or ""
    first, _ = _days(line)
    wrong = list(match.unlisted)
    kept = telehealth_set(line) | {m for m in line.modifiers if m not in match.unlisted}
    repaired = codes.match(code, tuple(sorted(kept)))
    if repaired.rows:
        right = " ".join((code, *repaired.normal_modifiers))
        advice, expected = f"Use {right}.", right
    else:
        choice = options(codes.of_code(code), first, telehealth=bool(telehealth_set(line)))
        advice, expected = sentence(choice), " or ".join(row.text for row in choice)
    if any(len(modifier) != 2 for modifier in wrong):
        advice = f"A modifier has two characters; put a blank between two of them. {advice}"
    many = len(wrong) > 1
    telehealth = " For a service by phone or video, DHCS uses GQ." if _FFS_TELEHEALTH & set(wrong) else ""
    return found(
        claim,
        "code.modifier_not_listed",
        f"DHCS does not list modifier{'s' if many else ''} {listing(wrong)} for {code}, "
        f"even if plan and provider agreed on {'them' if many else 'it'}.{telehealth} {advice}",
        field="modifiers",
        line=line,
        value=" ".join(line.modifiers),
        expected=expected,
        version=codes.version,
    )


def _combination(claim: Claim, line: ServiceLine, match: Match, codes: CodeSet) -> Finding:
    code = line.procedure_code or ""
    first, _ = _days(line)
    present = {m for m in line.modifiers if m not in match.unlisted}
    own = codes.of_code(code)
    parts = [row for row in own if set(row.modifiers) <= present]
    siblings = [row for row in codes.rows if set(row.modifiers) == present and row.benefit == own[0].benefit]
    services = {row.service for row in own}
    near = [row for row in siblings if row.service in services or row.benefit == "ECM"]
    if parts:
        choice = options(tuple(parts), first, telehealth=TELEHEALTH in present)
    else:
        choice = options((*own, *near), first, telehealth=TELEHEALTH in present)
    written = [m for m in dict.fromkeys(line.modifiers) if m in present and m != TELEHEALTH]
    wrong = f"modifiers {listing(written)} together" if len(written) > 1 else f"modifier {written[0]}"
    return found(
        claim,
        "code.combination",
        f"DHCS does not list {code} with {wrong}. {sentence(choice)}",
        field="modifiers",
        line=line,
        value=" ".join(line.modifiers),
        expected=" or ".join(row.text for row in choice),
        version=codes.version,
    )


def _not_in_force(claim: Claim, line: ServiceLine, row: ListedCode, codes: CodeSet) -> Finding:
    first, last = _days(line)
    said = (
        f"{us_date(first)}"
        if first and first == last
        else f"{first and us_date(first)} to {last and us_date(last)}"
    )
    unsure = not row.start_confirmed and first is not None and first < row.effective_from
    until = f" through {us_date(row.effective_to)}" if row.effective_to else ""
    listed = f"DHCS lists {row.text} ({row.service_name}) from {us_date(row.effective_from)}{until}"
    if unsure:
        message = (
            f"{listed}; it may have started earlier. The service is of {said}, so the plan will look at it."
        )
    elif last is not None and row.in_force(last):
        message = f"{listed}. The line runs from {said}: bill only the days since then."
    else:
        message = f"{listed}. The service is of {said}."
    return found(
        claim,
        "code.not_in_force",
        message,
        severity="pend" if unsure else "reject",
        field="procedure_code",
        line=line,
        value=row.text,
        expected=f"a service from {us_date(row.effective_from)}{until}",
        version=codes.version,
    )


def _order(claim: Claim, line: ServiceLine, row: ListedCode, match: Match, codes: CodeSet) -> Finding:
    if match.repeated:
        said = f"Modifier {listing(match.repeated)} is written more than once. It counts once."
    else:
        said = "The modifiers stand in another order than DHCS prints. That is fine."
    right = " ".join(match.normal_modifiers)
    return found(
        claim,
        "code.modifier_order",
        f"{said} DHCS's order is {right}.",
        field="modifiers",
        line=line,
        value=" ".join(line.modifiers),
        expected=right,
        version=codes.version,
    )
