"""The table of programs: complete, dated without gaps or overlaps, and found under any spelling."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalogue import rules
from shared.reference.programs import SERVICE_PROGRAMS, Programs, program_of

PROGRAMS = Programs.load()
RULES = [rule for program in PROGRAMS.all for rule in program.rules]

_GUIDE_TABLE = {
    "both": """CCS TCM_SMHS ICC DMC_ODS FSP HCPCFC IHSS GHPP CCS_WCM CBAS DSNP_LOOKALIKE MEDICARE_ADVANTAGE
        MEDICARE_FFS WRAPAROUND REGIONAL_CENTER WIC DYADIC CPSP BIH PEI AIMSS CHVP HVP DOULA""",
    "either": "MSSP ALW HCBA MCWP IDD_WAIVER SDP CCM CCT DUAL_OTHER_PROGRAM CHW",
    "excluded": "EAE_DSNP DSNP FIDE_SNP PACE FAMILY_MOSAIC HOSPICE FFS SHARE_OF_COST TCM_COUNTY",
}


@pytest.mark.parametrize(
    ("relation", "program"), [(each, name) for each, names in _GUIDE_TABLE.items() for name in names.split()]
)
def test_each_program_of_the_guide_stands_to_ecm_as_the_guide_says_in_2026(relation, program):
    rule = program_of(program).on(date(2026, 10, 12))
    assert rule.relation == relation
    assert rule.authority
    assert rule.statement.endswith(".")


@pytest.mark.parametrize(
    ("program", "day", "relation"),
    [
        ("TCM_COUNTY", date(2024, 6, 30), "both"),
        ("TCM_COUNTY", date(2024, 7, 1), "excluded"),
        ("TCM_COUNTY_COMMUNICABLE", date(2025, 6, 30), "both"),
        ("TCM_COUNTY_COMMUNICABLE", date(2025, 7, 1), "excluded"),
        ("DSNP", date(2023, 12, 31), "both"),
        ("DSNP", date(2024, 1, 1), "excluded"),
        ("EAE_DSNP", date(2022, 12, 31), None),
        ("EAE_DSNP", date(2023, 1, 1), "excluded"),
        ("CMC", date(2022, 12, 31), "excluded"),
        ("CMC", date(2023, 1, 1), None),
        ("WIC", date(2025, 12, 31), None),
        ("WIC", date(2026, 1, 1), "both"),
    ],
)
def test_what_holds_depends_on_the_date_of_service(program, day, relation):
    rule = program_of(program).on(day)
    assert (rule.relation if rule else None) == relation


def test_the_rows_of_a_program_and_benefit_never_overlap():
    for program in PROGRAMS.all:
        for benefit in ("ECM", "CS"):
            rows = sorted(
                (rule.effective_from, rule.effective_to) for rule in program.rules if rule.benefit == benefit
            )
            assert all(first <= last for first, last in rows)
            assert all(one[1] + timedelta(days=1) <= two[0] for one, two in pairwise(rows))


def test_every_row_names_a_rule_of_the_catalogue_and_what_is_not_verified_rejects_nothing():
    for rule in RULES:
        assert rule.rule in rules()
        severities = {
            rule.own_overlapping,
            rule.own_untimed,
            rule.own_apart,
            rule.other_same_date,
            rule.enrolled,
        }
        assert rule.confidence == "public" or "reject" not in severities


def test_being_in_a_program_that_may_run_beside_ecm_is_a_note_at_most():
    assert {rule.enrolled for rule in RULES if rule.relation == "both"} <= {"note", None}


def test_what_is_never_a_duplicate_is_a_note_whatever_the_evidence():
    for name in ("DYADIC", "DOULA", "CHVP", "HVP", "CPSP", "BIH", "PEI", "AIMSS"):
        (rule,) = program_of(name).rules
        assert {rule.own_overlapping, rule.own_untimed, rule.own_apart, rule.other_same_date} == {"note"}


@pytest.mark.parametrize("name", SERVICE_PROGRAMS)
def test_every_program_that_a_service_may_name_is_known_by_its_own_id(name):
    assert program_of(name).id == name


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("D-SNP", "DSNP"),
        ("fide-snp", "FIDE_SNP"),
        ("FIDE", "FIDE_SNP"),
        ("1915(c) MSSP", "MSSP"),
        ("1915C_MSSP", "MSSP"),
        ("Complex Care Management", "CCM"),
        ("CCM_MCP", "CCM"),
        ("not in managed care", "FFS"),
        ("Whole Child Model", "CCS_WCM"),
        ("California Children's Services", "CCS"),
        ("HIV/AIDS Waiver", "MCWP"),
        ("MSSP_WAITLIST", "MSSP_WAITLIST"),
        ("ALW waiting list", "ALW_WAITLIST"),
        ("waitlist: 1915(c) HCBA", "HCBA_WAITLIST"),
    ],
)
def test_a_program_is_known_by_other_spellings(text, program):
    assert program_of(text).id == program


@pytest.mark.parametrize("text", ["", "  ", "---", "ACME", "WAITLIST", "MSSP2"])
def test_what_is_no_program_is_none(text):
    assert program_of(text) is None


@given(st.sampled_from([program.id for program in PROGRAMS.all]), st.data())
def test_case_and_punctuation_are_ignored(name, data):
    written = "".join(
        data.draw(st.sampled_from([letter, letter.lower()])) + data.draw(st.sampled_from(["", " ", "-", "."]))
        for letter in name
    )
    assert program_of(written).id == name


def test_a_waiting_list_is_no_enrolment_and_has_no_rules():
    for program in PROGRAMS.all:
        waiting = program_of(f"{program.id}_WAITLIST")
        assert waiting.waiting
        assert waiting.rules == ()
        assert not program.waiting


def test_a_name_stands_by_itself_with_a_capital_and_without_its_article():
    assert program_of("FSP").title == "Full Service Partnership"
    assert program_of("HOSPICE").title == "Hospice"


@pytest.mark.parametrize(
    ("code", "modifiers", "day", "program"),
    [
        ("98960", (), date(2026, 10, 12), "CHW"),
        ("98961", ("U2",), date(2026, 10, 12), "CHW"),
        ("98962", ("U1",), date(2026, 10, 12), "DYADIC"),
        ("98960", ("U1", "U2"), date(2026, 10, 12), "DYADIC"),
        ("G0019", (), date(2025, 3, 31), None),
        ("G0019", (), date(2025, 4, 1), "CHW"),
        ("T1017", (), date(2026, 10, 12), "TCM_SMHS"),
        ("T1017", ("HK",), date(2026, 10, 12), "ICC"),
        ("59409", (), date(2026, 10, 12), None),
        ("59409", ("XP",), date(2026, 10, 12), "DOULA"),
        ("98963", (), date(2026, 10, 12), None),
    ],
)
def test_a_code_tells_the_program_with_its_modifiers_and_date(code, modifiers, day, program):
    found = PROGRAMS.of_code(code, modifiers, day)
    assert (found.program if found else None) == program


def test_two_programs_cannot_share_a_spelling():
    with pytest.raises(ValueError, match="is said of both"):
        Programs(RULES, [("Same Name", "PACE"), ("SAME-NAME", "HOSPICE")], (), "1")
