"""Enrolment in other programs: allowed beside ECM, chosen instead of it, excluding it, and time in the plan."""

from datetime import date, timedelta

import pytest
from builders import a_line
from care_records import DAY, NEXT_DAY, RECUPERATIVE, ecm, enrolled, found, judged, on, severities
from hypothesis import given
from hypothesis import strategies as st

from shared.reference.programs import Programs

EITHER = ("MSSP", "ALW", "HCBA", "MCWP", "IDD_WAIVER", "SDP", "CCT", "CCM")
EXCLUDED = ("PACE", "HOSPICE", "FIDE_SNP", "EAE_DSNP", "DSNP", "FAMILY_MOSAIC", "FFS", "SHARE_OF_COST")


@pytest.mark.parametrize("program", EITHER)
def test_a_program_to_choose_instead_of_ecm_pends_and_its_waiting_list_does_not(program):
    assert found(enrolled(program)) == [("overlap.either_or", "pend", 1)]
    assert found(enrolled(f"{program}_WAITLIST")) == []
    assert found(enrolled(program, end=DAY - timedelta(days=1))) == []
    assert found(enrolled(program, start=NEXT_DAY)) == []
    assert found(enrolled(program), lines=[a_line(**RECUPERATIVE)]) == []


@pytest.mark.parametrize("program", EXCLUDED)
@pytest.mark.parametrize(
    ("start", "end", "severity"),
    [
        (DAY - timedelta(days=1), None, "reject"),
        (DAY - timedelta(days=1), NEXT_DAY, "reject"),
        (DAY, None, "pend"),
        (DAY - timedelta(days=1), DAY, "pend"),
        (DAY, DAY, "pend"),
        (NEXT_DAY, None, None),
        (DAY - timedelta(days=9), DAY - timedelta(days=1), None),
    ],
)
def test_a_program_that_excludes_ecm_rejects_only_well_inside_of_the_enrolment(program, start, end, severity):
    assert severities(enrolled(program, start, end)).get("overlap.excluded") == severity


def test_a_line_that_lies_only_partly_in_hospice_pends():
    lines = [a_line(service_start=date(2026, 10, 1), service_end=date(2026, 10, 31))]
    assert severities(enrolled("HOSPICE", date(2026, 10, 10)), lines=lines) == {"overlap.excluded": "pend"}
    assert severities(enrolled("HOSPICE", date(2026, 9, 1)), lines=lines) == {"overlap.excluded": "reject"}


@pytest.mark.parametrize(
    ("day", "authorization", "expected"),
    [
        (date(2023, 12, 31), None, {"overlap.coordinate": "note"}),
        (date(2024, 1, 1), None, {"overlap.excluded": "reject"}),
        (date(2024, 12, 31), ecm(date(2023, 6, 1), date(2023, 12, 31)), {"overlap.excluded": "note"}),
        (date(2024, 12, 31), ecm(date(2023, 6, 1), date(2023, 12, 30)), {"overlap.excluded": "reject"}),
        (date(2025, 1, 1), ecm(date(2023, 6, 1), date(2025, 6, 1)), {"overlap.excluded": "reject"}),
    ],
)
def test_other_dsnps_exclude_ecm_since_2024_and_who_was_in_ecm_had_a_year(day, authorization, expected):
    records = [enrolled("DSNP", date(2020, 1, 1)), *([authorization] if authorization else [])]
    assert on(day, *records) == expected


def test_cal_mediconnect_is_not_verified_and_so_never_rejects():
    assert on(date(2022, 12, 31), enrolled("CMC", date(2022, 1, 1))) == {"overlap.excluded": "pend"}
    assert on(date(2023, 1, 1), enrolled("CMC", date(2022, 1, 1))) == {}


BESIDE = [
    program.id
    for program in Programs.load().all
    if (rule := program.on(DAY)) and rule.relation == "both" and rule.enrolled
]


@given(st.lists(st.sampled_from(BESIDE), min_size=1, max_size=6), st.integers(1, 3))
def test_being_in_programs_beside_ecm_is_never_more_than_notes_each_once_a_claim(programs, number):
    lines = [a_line(n, units=n) for n in range(1, number + 1)]
    records = [enrolled(program, record_id=f"E{n}") for n, program in enumerate(programs)]
    told = found(*records, lines=lines)
    assert {severity for _, severity, _ in told} == {"note"}
    assert len({rule for rule, _, _ in told}) == len(told)


def test_one_note_names_all_the_programs_to_coordinate_with():
    (finding,) = judged(enrolled("IHSS"), enrolled("WIC", record_id="E2")).findings
    assert (finding.rule, finding.severity) == ("overlap.coordinate", "note")
    assert "In-Home Supportive Services and Women, Infants and Children (WIC)" in finding.message


@pytest.mark.parametrize(
    ("rule", "programs"),
    [
        ("overlap.perinatal", ("CPSP", "BIH", "PEI", "AIMSS")),
        ("overlap.home_visiting", ("CHVP", "HVP")),
        ("overlap.doula", ("DOULA",)),
        ("overlap.dyadic", ("DYADIC",)),
    ],
)
def test_programs_for_families_are_one_note_a_claim(rule, programs):
    records = [enrolled(program, record_id=program) for program in programs]
    assert found(*records, lines=[a_line(), a_line(2, units=1)])[:1] == [(rule, "note", 1)]
    assert len(found(*records)) == 1


# --- In the plan or not ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [{}, RECUPERATIVE])
def test_a_date_outside_of_the_members_time_in_the_plan_pends(line):
    lines = [a_line(**line)]
    for start, end in ((NEXT_DAY, None), (date(2026, 1, 1), DAY - timedelta(days=1))):
        assert found(enrolled("MANAGED_CARE", start, end), lines=lines) == [("member.not_in_plan", "pend", 1)]
    for start, end in ((DAY, None), (date(2026, 1, 1), DAY)):
        assert found(enrolled("MANAGED_CARE", start, end), lines=lines) == []


def test_times_in_the_plan_that_follow_each_other_cover_a_line_together():
    lines = [a_line(service_end=DAY + timedelta(days=2))]
    first = enrolled("MANAGED_CARE", date(2026, 1, 1), DAY)
    assert found(first, lines=lines) == [("member.not_in_plan", "pend", 1)]
    assert found(first, enrolled("MANAGED_CARE", NEXT_DAY, record_id="E2"), lines=lines) == []


@pytest.mark.parametrize("program", ["FFS", "SHARE_OF_COST"])
def test_outside_of_managed_care_excludes_ecm_and_makes_community_supports_pend(program):
    assert found(enrolled(program)) == [("overlap.excluded", "reject", 1)]
    assert found(enrolled(program), lines=[a_line(**RECUPERATIVE)]) == [("member.not_in_plan", "pend", 1)]


def test_records_that_contradict_each_other_pend():
    assert severities(enrolled("FFS"), enrolled("MANAGED_CARE", record_id="E2")) == {
        "overlap.excluded": "pend"
    }
