"""What records of other care say of a claim: duplication with other programs, authorization, plan membership.

These are the only findings that change when a record comes, changes or goes after the claim was judged. They rest on
the set of records alone: in whatever order these came, the findings are the same.
"""

from collections.abc import Iterable, Iterator

from services.validator.rules.authorization import authorization_findings
from services.validator.rules.care_lines import ENROLLED, Told, care_lines, content, member_of
from services.validator.rules.context import Context, Evidenced, found, listing
from services.validator.rules.evidence import evidence_of
from services.validator.rules.history import Prepared, cin_of
from services.validator.rules.overlap import overlaps
from services.validator.rules.records import Records
from shared.care import CareService
from shared.claim import Claim
from shared.findings import Finding

_PREFIXES = ("overlap.", "authorization.", "member.not_in_plan")
_WEIGHT = {"reject": 0, "pend": 1, "note": 2}


def is_from_records(finding: Finding) -> bool:
    """Whether the finding comes of records of other care and not of the claim or of other claims."""
    return finding.rule.startswith(_PREFIXES)


def care_findings(prepared: Prepared, context: Context, records: Records) -> Iterator[Evidenced]:
    """Every finding that the member's records give the claim. Outreach lines are never looked at.

    What pends or rejects is said once a line and rule, on the closest evidence; a note once a claim and rule, and not
    where the rule already pends or rejects.
    """
    claim = prepared.received.claim
    cin = cin_of(claim)
    payer_id = context.payers.first_id(claim.payer.id)
    authorized_here = records.coverage.has_authorizations(payer_id)
    known = records.speak_of(cin)
    if cin is None or not (known or authorized_here) or claim.frequency == "8":
        return
    lines = care_lines(prepared)
    if not lines:
        return
    member = member_of(records, cin, payer_id, context.programs)
    told = list(overlaps(lines, member, context.programs)) if known else []
    if authorized_here:
        told += authorization_findings(lines, member)
    if told:
        for worst in _worst_of_each(told):
            yield _evidenced(claim, worst, told)


def _worst_of_each(told: Iterable[Told]) -> Iterator[Told]:
    blocking: dict[tuple[int, str], Told] = {}
    notes: dict[str, Told] = {}
    for each in sorted(told, key=_order):
        if each.severity == "note":
            notes.setdefault(each.rule, each)
        else:
            blocking.setdefault((each.line.line.number, each.rule), each)
    blocked = {rule for _, rule in blocking}
    yield from (blocking[key] for key in sorted(blocking))
    yield from (notes[rule] for rule in sorted(notes) if rule not in blocked)


def _order(told: Told) -> tuple[int, int, int, str, bytes]:
    record = told.record
    if record is None:
        day = ""
    elif isinstance(record, CareService):
        day = record.service_date.isoformat()
    else:
        day = record.start_date.isoformat()
    tie = content(record) if record is not None else b""
    return _WEIGHT[told.severity], told.closeness, told.line.line.number, day, tie


def _evidenced(claim: Claim, told: Told, all_told: Iterable[Told]) -> Evidenced:
    message, expected = told.message, told.expected
    if told.severity == "note" and told.closeness == ENROLLED and told.program:
        alike = {each.program for each in all_told if each.rule == told.rule and each.closeness == ENROLLED}
        if len(alike) > 1:
            names = listing(sorted(alike))
            message = (
                f"The member is also in {names}. All are allowed beside ECM: coordinate with them, and bill each "
                "service once. This does not hold the claim."
            )
            expected = f"coordination with {names}"
    details = {
        name: said for name, said in (("authority", told.authority), ("version", told.version)) if said
    }
    finding = found(
        claim,
        told.rule,
        message,
        severity=told.severity,
        field=told.field,
        line=told.line.line,
        value=told.value,
        expected=expected,
        **details,
    )
    return finding, evidence_of(finding, told.record) if told.record is not None else None
