"""A record that is corrected after the claim: what is said of the claim follows the record as it is now."""

from datetime import date

import pytest
from builders import BILLING_NPI, CIN, OTHER_NPI, SERVICE_DAY, a_claim, a_line, a_received_claim
from msgspec.structs import replace
from validator_harness import Validator

from shared.care import Authorization, CareService, Enrollment
from shared.database import Database

CCS = Enrollment("E-1", CIN, "CCS", date(2026, 1, 1), care_manager_npi=OTHER_NPI)
TCM = CareService("T-1", CIN, SERVICE_DAY, "TCM_SMHS", "T1017", provider_npi=OTHER_NPI)
OWN_CHW = CareService("C-1", CIN, SERVICE_DAY, "CHW", "98960", ("U2",), provider_npi=BILLING_NPI)
DECLINED = Authorization("A-1", CIN, "ECM", date(2026, 1, 1), status="declined")
TWO_LINES = a_claim(lines=[a_line(1), a_line(2, service_start=date(2026, 10, 1))])


@pytest.fixture
def validator(database: Database) -> Validator:
    return Validator(database)


def test_a_corrected_case_manager_is_the_one_to_coordinate_with(validator: Validator) -> None:
    [first] = validator.judge(a_received_claim())
    validator.tell(CCS)
    validator.tell(replace(CCS, care_manager_npi="1555000011"))
    after = validator.judgements(first.claim_id)[-1]
    [finding] = after.findings
    assert "1555000011" in finding.message and OTHER_NPI not in finding.message
    assert validator.published()[-1] == ("claim.validated", after)


def test_a_missing_authorization_is_explained_by_the_records_as_they_are_now(validator: Validator) -> None:
    [first] = validator.judge(a_received_claim())
    validator.tell(DECLINED)
    assert "declined" in validator.judgements(first.claim_id)[-1].findings[0].message
    validator.tell(replace(DECLINED, status="ended", end_date=date(2026, 3, 31)))
    history = validator.judgements(first.claim_id)
    [finding] = history[-1].findings
    assert finding.rule == "authorization.missing"
    assert "declined" not in finding.message and "Mar 31, 2026" in finding.message
    assert "declined" in history[-2].findings[0].message, "what was said before stays in the history"
    assert history[-1].review == "suspected"


def test_evidence_alone_is_brought_up_to_date_without_telling_anybody(validator: Validator) -> None:
    [first] = validator.judge(a_received_claim())
    validator.tell(TCM)
    told = len(validator.published())
    corrected = replace(TCM, provider_npi="1555000011")
    validator.tell(corrected)
    after = validator.judgements(first.claim_id)[-1]
    assert [each.service for each in after.evidence] == [corrected]
    assert (after.verdict, after.review) == ("accepted", "suspected")
    assert len(validator.published()) == told
    assert validator.queue() == [first.claim_id]


def test_a_late_finding_names_the_good_lines_as_one_on_arrival_does(validator: Validator) -> None:
    [late] = validator.judge(a_received_claim(TWO_LINES))
    validator.tell(OWN_CHW)
    validator.tell(CCS)
    [chw] = [each for each in validator.judgements(late.claim_id)[-1].findings if each.rule == "overlap.chw"]
    assert chw.line == 1
    assert chw.message.endswith("Line 2 is fine.") and chw.message.count("fine") == 1
