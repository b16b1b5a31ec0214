"""The catalogue of rules: all there, well-formed, and nothing found that it does not hold."""

import ast
import re
from pathlib import Path

import pytest

from shared.catalogue import finding, rules

ROOT = Path(__file__).parents[2]

_IDS = """
file.unreadable file.structure row.unreadable field.required field.format
provider.npi provider.tin provider.not_yours
member.cin member.cin_from_bic member.birth_date member.not_in_plan
date.order date.future date.before_benefit
line.units line.amount_required invoice.total diagnosis.missing repair.*
code.not_listed code.modifier_missing code.modifier_not_listed code.combination code.not_in_force
code.telehealth_unlikely code.modifier_order code.service_not_elected
authorization.missing authorization.period authorization.provider filing.late
duplicate.exact duplicate.other_units duplicate.other_provider duplicate.overlapping_spans
duplicate.both_channels duplicate.original_unknown
overlap.chw overlap.tcm_county overlap.tcm_smhs overlap.icc overlap.dmc_ods overlap.hcpcfc overlap.ccs
overlap.ccs_wcm overlap.either_or overlap.excluded overlap.dyadic overlap.doula
clock.contract_90_30 clock.contract_99_90 clock.hsc1371_working clock.hsc1371_calendar clock.contest
clock.denied clock.partial clock.interest clock.interest_fee clock.small_interest clock.acknowledgement
clock.near
"""


@pytest.mark.parametrize("rule_id", _IDS.split())
def test_every_rule_is_in_the_catalogue_with_an_authority(rule_id):
    rule = rules()[rule_id]
    assert rule.authority
    assert rule.title
    assert rule.statement.endswith(".")


def test_reason_codes_have_the_form_of_their_lists_and_no_dead_or_foreign_one_is_used():
    for rule in rules().values():
        assert rule.carc is None or re.fullmatch(r"[1-9]\d{0,2}|[AB]\d{1,2}", rule.carc)
        assert rule.rarc is None or re.fullmatch(r"(M|MA|N)\d{1,3}", rule.rarc)
        assert rule.claim_status is None or re.fullmatch(r"A[3678]:\d{1,3}(:\w\w)?", rule.claim_status)
        assert rule.rarc != "M78"
        assert rule.carc != "225"


def test_what_rejects_carries_codes_for_the_277ca_wherever_it_speaks_of_a_claim():
    whole_file = {"file.unreadable"}
    for rule in rules().values():
        if rule.severity == "reject" and rule.id not in whole_file:
            assert rule.carc, rule.id
            assert rule.claim_status, rule.id


def test_every_finding_that_the_code_makes_is_in_the_catalogue():
    used = set(_rule_ids_in_code())
    known = set(rules())
    assert {rule for rule in used if rule not in known and not rule.startswith("repair.")} == set()
    assert len(used) > 25


def test_a_repair_takes_its_severity_from_the_row_of_all_repairs():
    assert finding("repair.npi_float", "before → after").severity == "note"


def test_an_unknown_rule_is_refused():
    with pytest.raises(KeyError):
        finding("code.made_up", "…")


def _rule_ids_in_code():
    for path in [*(ROOT / "services").rglob("*.py"), *(ROOT / "shared").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name not in ("finding", "found"):
                continue
            for argument in node.args[:2]:
                if isinstance(argument, ast.Constant) and re.fullmatch(r"\w+\.\w+", str(argument.value)):
                    yield argument.value
