"""The shipped code set: complete, consistent, and answering by set of modifiers and day."""

from datetime import date, timedelta

import pytest

from shared.reference.codes import TELEHEALTH, CodeSet
from shared.reference.other_benefits import other_benefit, other_benefits

CODES = CodeSet.load()


def test_the_code_set_holds_the_74_combinations_of_the_january_2026_guidance():
    assert CODES.version == "2026-01"
    assert len(CODES.rows) == 74
    assert len({(row.hcpcs, frozenset(row.modifiers)) for row in CODES.rows}) == 74


def test_there_are_enhanced_care_management_and_the_community_supports_each_with_one_id_and_name():
    assert {service.id for service in CODES.services if service.benefit == "ECM"} == {"ecm", "ecm_outreach"}
    assert len([service for service in CODES.services if service.benefit == "CS"]) == 16
    assert len({service.name for service in CODES.services}) == 18


def test_outreach_is_u8_on_the_care_and_housing_codes_and_never_on_food():
    outreach = {row.text for row in CODES.rows if row.outreach}
    assert outreach == {"G9008 U8", "G9008 U8 GQ", "G9012 U8", "G9012 U8 GQ", "T1016 U8", "T1016 U8 GQ"}
    assert not CODES.match("S9977", ("U8",)).rows[0].outreach


def test_exactly_these_lines_need_the_amount_spent():
    needed = {row.text for row in CODES.rows if row.needs_billed_amount and TELEHEALTH not in row.modifiers}
    assert needed == {"H0044 U2", "H0044 U5", "T2038 U4", "T2038 U5", "S5165 U5", "S5165 U6"}


@pytest.mark.parametrize("row", CODES.rows, ids=lambda row: row.text)
def test_a_row_is_in_force_from_its_first_day_on_and_not_the_day_before(row):
    assert row in CODES.on(row.effective_from)
    assert row not in CODES.on(row.effective_from - timedelta(days=1))
    assert row.effective_to is None or row.effective_to >= row.effective_from
    assert row.authority.startswith("DHCS")


@pytest.mark.parametrize("row", CODES.rows, ids=lambda row: row.text)
def test_the_order_of_the_modifiers_does_not_matter_but_is_noticed(row):
    forward, backward = CODES.match(row.hcpcs, row.modifiers), CODES.match(row.hcpcs, row.modifiers[::-1])
    assert forward.rows == backward.rows == (row,)
    assert forward.normal_modifiers == backward.normal_modifiers == row.modifiers
    assert not forward.reordered
    assert backward.reordered == (len(row.modifiers) > 1)


def test_a_range_of_days_is_in_force_only_as_a_whole():
    rent = CODES.match("H0043", ("U2",))
    assert rent.row_on(date(2025, 7, 1), date(2025, 7, 31)) is not None
    assert rent.row_on(date(2025, 6, 30), date(2025, 7, 31)) is None
    assert rent.row_on(None) is not None


def test_gq_on_a_community_support_without_a_row_of_its_own_is_the_general_note():
    match = CODES.match("S5170", ("U6", "GQ"))
    assert match.general_telehealth
    assert match.normal_modifiers == ("U6", "GQ")
    assert not CODES.match("G9012", ("U2", "GQ")).general_telehealth


def test_what_dhcs_lists_for_a_service_of_the_code_is_its_vocabulary():
    sent = ("U1", "U2", "U3", "U6", "U8", "GQ", "95")
    assert CODES.match("G9008", sent).unlisted == ("U3", "U6", "95")
    assert CODES.match("H2014", sent).unlisted == ("U1", "U2", "U3", "U8", "95")


@pytest.mark.parametrize(
    ("code", "modifiers", "name"),
    [
        ("98960", ("U2",), "Community Health Worker"),
        ("98961", (), "Community Health Worker"),
        ("98962", ("U1",), "dyadic"),
        ("98960", ("U3",), "Asthma Preventive"),
        ("T1017", (), "Targeted Case Management"),
        ("T1017", ("HK",), "Intensive Care Coordination"),
        ("G9001", (), "coordinated care"),
        ("G9010", (), "coordinated care"),
        ("H2015", (), "dyadic"),
        ("99213", (), "office visit"),
        ("99349", (), "home visit"),
    ],
)
def test_a_code_of_another_benefit_is_known_as_whose_it_is(code, modifiers, name):
    assert name in other_benefit(code, modifiers).name


@pytest.mark.parametrize("code", ["G9008", "G9012", "T1016", "99999", "9896", "989600", ""])
def test_a_listed_or_unheard_of_code_is_nobodys(code):
    assert other_benefit(code) is None


def test_every_other_benefit_points_to_services_that_exist_and_no_code_that_dhcs_lists():
    ids = {service.id for service in CODES.services}
    for benefit in other_benefits():
        assert set(benefit.instead) <= ids
        assert benefit.authority
        assert not [row for row in CODES.rows if benefit.first <= row.hcpcs <= benefit.last]
