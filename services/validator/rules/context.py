"""What the rules know besides the claim: the code set, the payers, and how a finding is worded and placed."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from msgspec import Struct, field

from shared.care import Evidence
from shared.catalogue import finding
from shared.claim import Claim, ServiceLine
from shared.findings import Finding
from shared.payers import Payers, PayerTerms
from shared.places import where
from shared.reference.codes import CodeSet
from shared.reference.programs import Programs

Evidenced = tuple[Finding, Evidence | None]
"""A finding and what it rests on, where that is something besides the claim itself."""


class Context(Struct, frozen=True):
    """The facts that all claims share. They are versioned: ``Judgement.versions`` says which were used."""

    codes: CodeSet
    payers: Payers
    programs: Programs = field(default_factory=Programs.load)

    def terms_of(self, claim: Claim) -> PayerTerms:
        """What is agreed with the claim's payer, or the defaults."""
        return self.payers.terms_of(claim.payer.id)


def found(
    claim: Claim, rule: str, message: str, *, field: str, line: ServiceLine | None = None, **details: Any
) -> Finding:
    """A finding of ``rule`` with its place in the provider's own terms. ``details`` as for ``Finding``."""
    number = line.number if line else None
    return finding(rule, message, field=field, line=number, where=where(claim, number, field), **details)


def last_day(line: ServiceLine) -> date | None:
    """The last date of service: the end where one is stated, else the start."""
    return line.service_end or line.service_start


def listing(words: Sequence[str], conjunction: str = "and") -> str:
    """``1, 2 and 3``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"
