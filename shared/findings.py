"""What is wrong with a claim, where, what would be right, and who says so."""

from typing import Literal

from msgspec import Struct

Severity = Literal["reject", "pend", "note"]
Verdict = Literal["accepted", "pended", "rejected", "unreadable"]

_VERDICT_OF: dict[Severity, Verdict] = {"reject": "rejected", "pend": "pended", "note": "accepted"}
_WEIGHT: dict[Severity, int] = {"note": 0, "pend": 1, "reject": 2}


class Finding(Struct, frozen=True, omit_defaults=True):
    """One finding of one rule.

    ``line`` is the service line number from 1 (absent: the whole claim). ``field`` is the claim field's name in
    ``shared.claim``. ``where`` is the place in the provider's own terms: segment and element, or sheet, row and
    column. ``value`` is what the provider sent and may be PHI: findings go to the provider and the plan, never
    to a log. ``version`` names the version of the rule's facts.
    """

    rule: str
    severity: Severity
    message: str
    line: int | None = None
    field: str | None = None
    value: str | None = None
    where: str | None = None
    expected: str | None = None
    authority: str | None = None
    carc: str | None = None
    rarc: str | None = None
    claim_status: str | None = None
    version: str | None = None


Identity = tuple[str, Severity, int | None, str | None, str | None]


def identity(finding: Finding) -> Identity:
    """What makes two findings of a claim the same, however they are worded."""
    return finding.rule, finding.severity, finding.line, finding.value, finding.expected


def worst(findings: tuple[Finding, ...] | list[Finding]) -> Verdict:
    """The verdict that these findings add up to: the worst of them, accepted where none blocks."""
    if not findings:
        return "accepted"
    return _VERDICT_OF[max((finding.severity for finding in findings), key=_WEIGHT.__getitem__)]
