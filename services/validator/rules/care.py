"""What records of other care say of a claim: duplication with other programs, authorization, plan membership.

These are the only findings that change when a record comes, changes or goes after the claim was judged.
"""

from collections.abc import Iterator

from services.validator.rules.context import Context, Evidenced
from services.validator.rules.history import Prepared
from services.validator.rules.records import Records
from shared.events import ClaimReceived
from shared.findings import Finding

_PREFIXES = ("overlap.", "authorization.", "member.not_in_plan")


def is_from_records(finding: Finding) -> bool:
    """Whether the finding comes of records of other care and not of the claim or of other claims."""
    return finding.rule.startswith(_PREFIXES)


def care_findings(prepared: Prepared, context: Context, records: Records) -> Iterator[Evidenced]:
    """Every finding that the member's records give the claim. Outreach lines are never looked at."""
    yield from ()


def file_notes(received: ClaimReceived, context: Context, records: Records) -> tuple[Finding, ...]:
    """What is said once of a file, with its first claim: that no feed of authorizations covers the plan."""
    return ()
