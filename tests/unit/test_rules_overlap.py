"""Recorded services of other programs: the ladder of evidence, county TCM with its dates, CCS with its focus."""

from datetime import date, timedelta

import pytest
from builders import BILLING_NPI, CIN, OTHER_CIN, OTHER_NPI, RENDERING_NPI, a_line
from care_records import DAY, NEXT_DAY, TIMED, TIN, a_service, ecm, enrolled, found, judged, on, severities

from services.validator.rules import Aliases
from shared.claim import Provider
from shared.reference.programs import Programs

COORDINATED = ("DMC_ODS", "HCPCFC", "CCS", "CCS_WCM")
CASE_MANAGED = ("TCM_SMHS", "ICC")


@pytest.mark.parametrize("program", CASE_MANAGED + COORDINATED)
@pytest.mark.parametrize(
    ("times", "severity"),
    [
        ({"start_time": "09:59", "end_time": "10:30"}, "reject"),
        ({"start_time": "08:00", "end_time": "12:00"}, "reject"),
        ({"start_time": "10:00", "end_time": "11:00"}, "note"),
        ({"start_time": "08:00", "end_time": "09:00"}, "note"),
        ({"start_time": "10:30", "end_time": "09:30"}, "pend"),
        ({"start_time": "09:30"}, "pend"),
        ({}, "pend"),
    ],
)
def test_the_same_provider_is_judged_by_the_times(program, times, severity):
    assert found(a_service(program, provider_npi=BILLING_NPI, **times), lines=[a_line(**TIMED)]) == [
        (f"overlap.{program.lower()}", severity, 1)
    ]


def test_times_on_the_record_alone_settle_nothing():
    assert severities(a_service("ICC", provider_npi=BILLING_NPI, **TIMED)) == {"overlap.icc": "pend"}


@pytest.mark.parametrize("program", CASE_MANAGED + COORDINATED)
@pytest.mark.parametrize("provider", [{"provider_npi": OTHER_NPI, "provider_tin": "951111111"}, {}])
def test_another_provider_or_none_named_pends_for_case_management_and_is_noted_otherwise(program, provider):
    severity = "pend" if program in CASE_MANAGED else "note"
    service = a_service(program, **TIMED, **provider)
    assert severities(service, lines=[a_line(**TIMED)]) == {f"overlap.{program.lower()}": severity}


@pytest.mark.parametrize(
    ("record", "claim"),
    [
        ({"provider_npi": BILLING_NPI}, {}),
        ({"provider_tin": TIN}, {}),
        ({"provider_npi": OTHER_NPI, "provider_tin": TIN}, {}),
        ({"provider_npi": RENDERING_NPI}, {"rendering_provider": Provider(npi=RENDERING_NPI)}),
        ({"provider_npi": RENDERING_NPI}, {"lines": [a_line(rendering_npi=RENDERING_NPI, **TIMED)]}),
    ],
)
def test_npi_or_tin_of_the_claim_or_the_line_makes_the_same_provider(record, claim):
    assert severities(a_service("DMC_ODS", **TIMED, **record), **{"lines": [a_line(**TIMED)], **claim}) == {
        "overlap.dmc_ods": "reject"
    }


def test_a_service_of_another_day_or_member_is_nothing():
    assert found(a_service("ICC", service_date=NEXT_DAY)) == []
    assert found(a_service("ICC", cin=OTHER_CIN)) == []


def test_a_record_of_another_cin_of_the_member_counts():
    service = a_service("ICC", cin=OTHER_CIN)
    assert severities(service, aliases=Aliases([(CIN, OTHER_CIN)])) == {"overlap.icc": "pend"}


def test_a_record_for_other_payers_is_nothing():
    assert found(a_service("ICC", payers=("OTHER",))) == []
    assert severities(a_service("ICC", payers=("GSHP1",))) == {"overlap.icc": "pend"}


def test_a_line_over_several_days_meets_every_one_of_them_but_never_rejects():
    lines = [a_line(service_end=DAY + timedelta(days=6), **TIMED)]
    for days in (0, 3, 6):
        service = a_service("ICC", provider_npi=BILLING_NPI, service_date=DAY + timedelta(days=days), **TIMED)
        assert severities(service, lines=lines) == {"overlap.icc": "pend"}
    assert found(a_service("ICC", service_date=DAY + timedelta(days=7)), lines=lines) == []
    assert severities(a_service("CHW", provider_npi=BILLING_NPI), lines=lines) == {"overlap.chw": "pend"}


def test_times_of_a_line_over_several_days_set_no_service_apart_from_it():
    apart = {"start_time": "15:00", "end_time": "16:00"}
    service = a_service("ICC", provider_npi=BILLING_NPI, **apart)
    assert severities(service, lines=[a_line(**TIMED)]) == {"overlap.icc": "note"}
    over_days = a_line(service_end=DAY + timedelta(days=1), **TIMED)
    assert severities(service, lines=[over_days]) == {"overlap.icc": "pend"}


def test_of_several_records_the_worst_is_found_once_a_line_with_its_evidence():
    judgement = judged(
        a_service("ICC", record_id="other"),
        a_service("ICC", record_id="own", provider_npi=BILLING_NPI, **TIMED),
        lines=[a_line(**TIMED), a_line(2, procedure_code="G9008", modifiers=("U1",))],
    )
    assert [(each.rule, each.severity, each.line) for each in judgement.findings] == [
        ("overlap.icc", "reject", 1),
        ("overlap.icc", "pend", 2),
    ]
    assert [(each.line, each.service.record_id) for each in judgement.evidence] == [(1, "own"), (2, "own")]


def test_a_message_names_no_other_provider_and_the_evidence_does():
    judgement = judged(a_service("ICC", provider_npi=OTHER_NPI, provider_tin="951111111"))
    (finding,) = judgement.findings
    assert OTHER_NPI not in repr(finding)
    assert "951111111" not in repr(finding)
    assert judgement.evidence[0].service.provider_npi == OTHER_NPI
    assert finding.version == Programs.load().version


@pytest.mark.parametrize("code", ["99213", "H0038", "H0020"])
def test_what_is_no_care_management_by_its_code_is_a_note_at_most(code):
    service = a_service("TCM_SMHS", provider_npi=BILLING_NPI, procedure_code=code)
    assert severities(service) == {"overlap.tcm_smhs": "note"}


# --- Services known by their code alone ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "modifiers", "expected"),
    [
        ("98960", (), {"overlap.chw": "reject"}),
        ("98960", ("U2",), {"overlap.chw": "pend"}),
        ("98960", ("U1",), {"overlap.dyadic": "note"}),
        ("T1028", (), {"overlap.chw": "pend"}),
        ("T1017", (), {"overlap.tcm_smhs": "pend"}),
        ("T1017", ("HK",), {"overlap.icc": "pend"}),
        ("H2021", (), {"overlap.dmc_ods": "pend"}),
        ("H2015", (), {"overlap.dyadic": "note"}),
        ("Z1034", (), {"overlap.doula": "note"}),
        ("H0038", (), {}),
        ("99213", (), {}),
        (None, (), {}),
    ],
)
def test_a_service_of_no_named_program_is_known_by_its_code_and_rejects_only_where_that_is_published(
    code, modifiers, expected
):
    service = a_service("OTHER", procedure_code=code, modifiers=modifiers, provider_npi=BILLING_NPI, **TIMED)
    assert severities(service, lines=[a_line(**TIMED)]) == expected


# --- County TCM -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "severity"),
    [(date(2024, 6, 30), "note"), (date(2024, 7, 1), "pend"), (date(2025, 7, 1), "pend")],
)
def test_county_tcm_of_the_same_provider_at_other_times_pends_since_ecm_comes_first(day, severity):
    service = a_service(
        "TCM_COUNTY", service_date=day, provider_npi=BILLING_NPI, start_time="13:00", end_time="14:00"
    )
    assert on(day, service, **TIMED) == {"overlap.tcm_county": severity}


@pytest.mark.parametrize("day", [date(2024, 6, 30), date(2024, 7, 1), date(2026, 10, 12)])
def test_county_tcm_of_another_provider_pends_and_enrolment_alone_is_a_note(day):
    assert on(day, a_service("TCM_COUNTY", service_date=day)) == {"overlap.tcm_county": "pend"}
    assert on(day, enrolled("TCM_COUNTY", date(2024, 1, 1))) == {"overlap.tcm_county": "note"}


@pytest.mark.parametrize(
    ("day", "program", "start", "severity"),
    [
        (date(2025, 6, 30), "TCM_COUNTY", date(2024, 7, 1), "note"),
        (date(2026, 10, 12), "TCM_COUNTY", date(2024, 7, 1), "note"),
        (date(2026, 10, 12), "TCM_COUNTY", date(2024, 7, 2), "pend"),
        (date(2025, 6, 30), "TCM_COUNTY_COMMUNICABLE", date(2025, 1, 1), "note"),
        (date(2025, 6, 30), "TCM_COUNTY_HOME_VISITING", date(2025, 1, 1), "note"),
        (date(2025, 7, 1), "TCM_COUNTY_COMMUNICABLE", date(2025, 1, 1), "pend"),
        (date(2025, 7, 1), "TCM_COUNTY_HOME_VISITING", date(2025, 1, 1), "pend"),
        (date(2025, 6, 30), "CCS", date(2024, 1, 1), "pend"),
    ],
)
def test_the_dated_exceptions_of_county_tcm_let_both_run(day, program, start, severity):
    service = a_service(
        "TCM_COUNTY", service_date=day, provider_npi=BILLING_NPI, start_time="13:00", end_time="14:00"
    )
    assert on(day, service, enrolled(program, start), **TIMED)["overlap.tcm_county"] == severity


def test_an_exception_does_not_let_one_hour_be_billed_twice():
    service = a_service("TCM_COUNTY", provider_npi=BILLING_NPI, **TIMED)
    assert on(DAY, service, enrolled("TCM_COUNTY", date(2024, 1, 1)), **TIMED) == {
        "overlap.tcm_county": "reject"
    }


# --- CCS ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["CCS", "CCS_WCM"])
def test_ccs_enrolment_is_a_note_that_names_the_case_manager(program):
    (finding,) = judged(enrolled(program, care_manager_npi=OTHER_NPI)).findings
    assert (finding.rule, finding.severity) == (f"overlap.{program.lower()}", "note")
    assert OTHER_NPI in finding.message


@pytest.mark.parametrize("program", ["CCS", "CCS_WCM"])
@pytest.mark.parametrize(
    ("authorization", "severity"),
    [
        (ecm(population_of_focus="CCS"), "note"),
        (ecm(population_of_focus="CCS / WCM with further needs"), "note"),
        (ecm(population_of_focus="7"), "note"),
        (ecm(population_of_focus="SMI/SUD"), "reject"),
        (ecm(), "reject"),
        (ecm(population_of_focus="CCS", end=DAY - timedelta(days=1)), "reject"),
        (ecm(population_of_focus="CCS", status="declined"), "reject"),
    ],
)
def test_the_same_care_manager_is_allowed_where_ecm_is_for_a_member_with_ccs(
    program, authorization, severity
):
    service = a_service(program, provider_npi=BILLING_NPI, **TIMED)
    assert severities(service, authorization, lines=[a_line(**TIMED)]) == {
        f"overlap.{program.lower()}": severity
    }


@pytest.mark.parametrize("program", ["CCS", "CCS_WCM"])
def test_another_care_manager_of_the_same_organization_is_not_the_same_one(program):
    service = a_service(program, provider_npi=OTHER_NPI, provider_tin=TIN, **TIMED)
    found_here = severities(service, ecm(population_of_focus="CCS"), lines=[a_line(**TIMED)])
    assert found_here == {f"overlap.{program.lower()}": "reject"}
