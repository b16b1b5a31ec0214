"""What a finding rests on, as the claims department is shown it beside the claim."""

from services.validator.rules.history import EarlierLine
from shared.care import Authorization, BilledLine, CareService, Enrollment, Evidence
from shared.findings import Finding


def evidence_of(finding: Finding, other: EarlierLine | CareService | Enrollment | Authorization) -> Evidence:
    """``other`` as evidence for ``finding``."""
    rule, line = finding.rule, finding.line
    match other:
        case EarlierLine():
            return Evidence(rule, line, billed=_billed(other))
        case CareService():
            return Evidence(rule, line, service=other)
        case Enrollment():
            return Evidence(rule, line, enrollment=other)
        case Authorization():
            return Evidence(rule, line, authorization=other)


def _billed(line: EarlierLine) -> BilledLine:
    return BilledLine(
        claim_id=line.claim_id,
        line=line.line,
        arrival_date=line.arrival_date,
        hcpcs=line.hcpcs,
        service_start=line.service_start,
        service_end=line.service_end,
        units=line.units,
        claim_number=line.claim_number,
        channel=line.channel,
        billing_npi=line.billing_npi,
        modifiers=line.modifiers,
        charge_cents=line.charge_cents,
    )
