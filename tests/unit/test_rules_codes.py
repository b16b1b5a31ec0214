"""Code rules: everything DHCS lists is accepted in both channels, and nothing else."""

from datetime import date, timedelta
from itertools import permutations

import pytest
from builders import a_claim, a_line, a_received_claim
from msgspec.structs import replace

from services.validator.rules import Context, judge
from shared.findings import Finding
from shared.payers import Payers
from shared.reference.codes import CodeSet

CODES = CodeSet.load()
CONTEXT = Context(CODES, Payers.load(None))
DAY = date(2026, 10, 12)


def judged(code, *modifiers, channel="837P", context=CONTEXT, **line):
    line = {"units": 1, "charge_cents": 5_000, **line}
    claim = a_claim(channel=channel, lines=[a_line(procedure_code=code, modifiers=modifiers, **line)])
    first = line.get("service_start", DAY)
    arrival = max(date(2026, 11, 2), first) if first.year >= 2026 else first + timedelta(days=60)
    return judge(a_received_claim(claim, arrival=arrival), context)


def code_findings(judgement) -> list[Finding]:
    return [finding for finding in judgement.findings if finding.rule.startswith("code.")]


@pytest.mark.parametrize("channel", ["837P", "invoice", "json"])
@pytest.mark.parametrize("row", CODES.rows, ids=lambda row: row.text)
def test_every_listed_combination_is_accepted_in_every_channel_on_its_first_and_a_later_day(row, channel):
    for day in (row.effective_from, DAY):
        judgement = judged(row.hcpcs, *row.modifiers, channel=channel, service_start=day)
        assert judgement.verdict == "accepted", judgement.findings
        assert judgement.findings == ()
        (service,) = judgement.services
        assert (service.benefit, service.service, service.outreach) == (
            row.benefit,
            row.service,
            row.outreach,
        )


@pytest.mark.parametrize(
    ("code", "whose"),
    [
        ("98960", "Community Health Worker"),
        ("98961", "Community Health Worker"),
        ("G0019", "Community Health Worker"),
        ("T1017", "Targeted Case Management"),
        ("G9001", "other programs"),
        ("G9007", "other programs"),
        ("G9010", "other programs"),
        ("H2015", "dyadic"),
        ("H2021", "Drug Medi-Cal"),
        ("T2048", "residential"),
        ("99213", "office visit"),
        ("99490", "chronic care"),
        ("Z1034", "doula"),
        ("T1028", "Asthma Preventive"),
    ],
)
@pytest.mark.parametrize("modifiers", [(), ("U6",), ("U2", "GQ"), ("U8",)])
def test_a_code_of_another_benefit_is_not_listed_and_the_message_says_whose_it_is(code, whose, modifiers):
    judgement = judged(code, *modifiers)
    (finding,) = code_findings(judgement)
    assert judgement.verdict == "rejected"
    assert (finding.rule, finding.line, finding.field, finding.value) == (
        "code.not_listed",
        1,
        "procedure_code",
        code,
    )
    assert whose in finding.message
    assert finding.where == "ST 0001, LX 1, SV101-2"
    assert "DHCS Action Plan, March 2024" in finding.authority
    assert (finding.carc, finding.claim_status, finding.version) == ("96", "A7:507", "2026-01")


@pytest.mark.parametrize(
    ("code", "option"),
    [
        ("G9088", "G9008 U1"),
        ("G9021", "G9012"),
        ("H0034", "H0043 U6"),
        ("S5156", "S5165"),
        ("ZZZZZ", "G9012 U2"),
    ],
)
def test_an_unheard_of_code_is_not_listed_and_the_nearest_listed_ones_are_named(code, option):
    (finding,) = code_findings(judged(code, "U1"))
    assert finding.rule == "code.not_listed"
    assert option in finding.message
    assert option in finding.expected


def test_the_service_that_an_invoice_names_decides_which_options_are_named():
    (finding,) = code_findings(judged("A9999", channel="invoice", description="Recuperative Care"))
    assert finding.expected == "T2033 U6"


@pytest.mark.parametrize("code", sorted({row.hcpcs for row in CODES.rows}))
def test_a_listed_code_without_its_modifier_is_rejected_and_its_listed_ones_are_named(code):
    for modifiers in ((), ("GQ",)):
        judgement = judged(code, *modifiers)
        (finding,) = code_findings(judgement)
        assert judgement.verdict == "rejected"
        assert (finding.rule, finding.field) == ("code.modifier_missing", "modifiers")
        assert f"DHCS lists {code} U" in finding.message
        assert finding.claim_status == "A6:453"


@pytest.mark.parametrize("extra", ["95", "93", "HK", "25", "59", "TG", "U9", "UA", "XP", "HQ"])
@pytest.mark.parametrize(
    ("code", "modifier"), [("G9008", "U1"), ("G9012", "U2"), ("H2014", "U6"), ("S5165", "U5")]
)
def test_a_modifier_beyond_the_listed_set_is_rejected_even_where_plan_and_provider_agreed(
    code, modifier, extra
):
    for written in permutations((modifier, extra)):
        judgement = judged(code, *written)
        (finding,) = code_findings(judgement)
        assert judgement.verdict == "rejected"
        assert finding.rule == "code.modifier_not_listed"
        assert extra in finding.message
        assert "agreed" in finding.message
        assert f"{code} {modifier}" in finding.expected
        assert finding.where == "ST 0001, LX 1, SV101-3 to SV101-6"


@pytest.mark.parametrize("modifier", ["93", "95"])
def test_for_fee_for_service_telehealth_modifiers_the_message_says_that_dhcs_uses_gq(modifier):
    (finding,) = code_findings(judged("G9012", "U2", modifier))
    assert "DHCS uses GQ" in finding.message
    assert finding.expected == "G9012 U2 GQ"


def test_a_telehealth_modifier_in_the_place_of_the_service_modifier_is_two_errors():
    assert {f.rule for f in code_findings(judged("G9008", "95"))} == {
        "code.modifier_missing",
        "code.modifier_not_listed",
    }


@pytest.mark.parametrize("modifier", ["U3", "U4", "U5", "U6", "U7"])
def test_health_homes_modifiers_of_before_2022_are_not_listed(modifier):
    for code in ("G9008", "G9012"):
        (finding,) = code_findings(judged(code, modifier))
        assert finding.rule == "code.modifier_not_listed"


@pytest.mark.parametrize(
    ("code", "modifiers", "right"),
    [
        ("G9008", ("U2",), "G9012 U2"),
        ("G9012", ("U1",), "G9008 U1"),
        ("G9008", ("U2", "GQ"), "G9012 U2 GQ"),
        ("G9008", ("U1", "U8"), "G9008 U1 or G9008 U8"),
        ("G9012", ("U8", "U2", "GQ"), "G9012 U2 GQ or G9012 U8 GQ"),
        ("H0043", ("U2", "U6"), "H0043 U6"),
        ("S9452", ("U5", "U6"), "S9452 U5"),
        ("S5165", ("U5", "U6"), "S5165 U6"),
        ("H0043", ("U1",), "H0040 U1"),
    ],
)
def test_listed_modifiers_that_are_not_listed_together_are_a_wrong_combination(code, modifiers, right):
    judgement = judged(code, *modifiers)
    (finding,) = code_findings(judgement)
    assert judgement.verdict == "rejected"
    assert finding.rule == "code.combination"
    assert right in finding.expected
    assert finding.rarc == "N519"


@pytest.mark.parametrize("day", [date(2025, 6, 30), date(2024, 1, 15)])
@pytest.mark.parametrize(
    ("code", "modifier"), [("H0043", "U2"), ("H0044", "U6"), ("H0040", "U1"), ("H0040", "U2")]
)
def test_transitional_rent_before_july_2025_was_not_in_force(code, modifier, day):
    judgement = judged(code, modifier, service_start=day)
    (finding,) = code_findings(judgement)
    assert (judgement.verdict, finding.rule) == ("rejected", "code.not_in_force")
    assert "Jul 1, 2025" in finding.message
    assert (finding.carc, finding.rarc) == ("181", "N56")


@pytest.mark.parametrize(
    "row", [row for row in CODES.rows if not row.start_confirmed], ids=lambda row: row.text
)
def test_an_unconfirmed_start_date_pends_and_never_rejects(row):
    for day in (date(2025, 12, 31), date(2025, 7, 1), date(2023, 2, 1)):
        judgement = judged(row.hcpcs, *row.modifiers, service_start=day)
        (finding,) = code_findings(judgement)
        assert (judgement.verdict, finding.rule, finding.severity) == ("pended", "code.not_in_force", "pend")
        assert judgement.clean


def test_a_stay_that_begins_before_the_code_was_listed_is_told_which_days_to_bill():
    judgement = judged("H0043", "U2", service_start=date(2025, 6, 28), service_end=date(2025, 7, 3), units=6)
    (finding,) = code_findings(judgement)
    assert finding.rule == "code.not_in_force"
    assert "Jun 28, 2025 to Jul 3, 2025" in finding.message


def test_a_combination_that_dhcs_has_ended_is_rejected_even_where_its_start_was_not_confirmed():
    (deposit,) = CODES.match("H0044", ("U2",)).rows
    ended = replace(deposit, effective_to=date(2026, 9, 30), start_confirmed=False)
    context = Context(CodeSet([ended], "test"), Payers.load(None))
    assert judged("H0044", "U2", context=context, service_start=date(2026, 9, 30)).findings == ()
    judgement = judged("H0044", "U2", context=context, service_start=date(2026, 10, 1))
    (finding,) = code_findings(judgement)
    assert (judgement.verdict, finding.rule, finding.version) == ("rejected", "code.not_in_force", "test")
    assert "through Sep 30, 2026" in finding.message


def test_of_two_periods_the_one_of_the_date_of_service_decides():
    (deposit,) = CODES.match("H0044", ("U2",)).rows
    old = replace(deposit, effective_to=date(2026, 9, 30))
    new = replace(deposit, effective_from=date(2026, 10, 1), needs_billed_amount=False)
    context = Context(CodeSet([old, new], "test"), Payers.load(None))
    september = judged("H0044", "U2", context=context, service_start=date(2026, 9, 30), charge_cents=0)
    october = judged("H0044", "U2", context=context, service_start=date(2026, 10, 1), charge_cents=0)
    assert (september.verdict, october.verdict) == ("rejected", "accepted")


def test_a_code_without_any_row_on_the_date_and_the_wrong_modifier_is_not_listed_on_that_date():
    (finding,) = code_findings(judged("H0040", service_start=date(2024, 7, 3)))
    assert finding.rule == "code.not_listed"
    assert "Jul 3, 2024" in finding.message
    assert "It is listed from Jul 1, 2025 on for Transitional Rent" in finding.message


def test_a_code_that_dhcs_has_ended_is_told_by_its_last_day_and_one_that_comes_back_by_its_next():
    (deposit,) = CODES.match("H0044", ("U2",)).rows
    ended = replace(deposit, effective_to=date(2026, 8, 31))
    back = replace(deposit, effective_from=date(2027, 1, 1))
    for rows, said, expected in (
        ([ended], "It was listed through Aug 31, 2026 for Housing Deposits", "a service to Aug 31, 2026"),
        ([ended, back], "It is listed from Jan 1, 2027 on", "a service from Jan 1, 2027"),
    ):
        context = Context(CodeSet(rows, "test"), Payers.load(None))
        (finding,) = code_findings(judged("H0044", context=context))
        assert finding.rule == "code.not_listed"
        assert said in finding.message
        assert finding.expected == expected


@pytest.mark.parametrize(
    ("code", "modifier"), [("S5170", "U6"), ("S5165", "U6"), ("H0014", "U6"), ("H0044", "U6")]
)
def test_gq_on_a_service_that_is_physical_by_nature_is_only_noted(code, modifier):
    judgement = judged(code, modifier, "GQ")
    assert judgement.verdict == "accepted"
    assert [f.rule for f in code_findings(judgement)] == ["code.telehealth_unlikely"]


def test_another_order_is_accepted_with_the_order_of_dhcs():
    judgement = judged("G9012", "GQ", "U8")
    (finding,) = code_findings(judgement)
    assert (judgement.verdict, finding.rule, finding.expected) == ("accepted", "code.modifier_order", "U8 GQ")
    assert judgement.services[0].outreach


def test_a_modifier_written_twice_counts_once():
    judgement = judged("G9012", "U2", "U2")
    assert judgement.verdict == "accepted"
    assert "more than once" in code_findings(judgement)[0].message


@pytest.mark.parametrize("place", ["02", "10", "12", "27", "99"])
def test_the_place_of_service_never_decides_about_a_code(place):
    assert judged("G9012", "U2", "GQ", place_of_service=place).findings == ()
    assert judged("G9012", "U2", place_of_service=place).findings == ()


PAYERS = """
[[payer]]
ids = ["GSHP1"]
name = "Golden State Health Plan"
supports = ["housing_deposits", {service = "respite", from = 2026-11-01}]
"""


def test_a_support_that_the_plan_does_not_offer_pends_and_care_and_outreach_never_do():
    context = Context(CODES, Payers.parse(PAYERS))
    assert judged("H0044", "U2", context=context).findings == ()
    assert judged("G9012", "U2", context=context).findings == ()
    assert judged("T1016", "U8", context=context).findings == ()
    for code, modifier in (("S5170", "U6"), ("H0045", "U6")):
        judgement = judged(code, modifier, context=context)
        assert (judgement.verdict, judgement.findings[0].rule) == ("pended", "code.service_not_elected")
    late = judged("H0045", "U6", context=context, service_start=date(2026, 11, 2))
    assert late.findings == ()


def test_without_a_list_of_supports_every_support_is_offered():
    assert judged("S5170", "U6").findings == ()


@pytest.mark.parametrize(
    ("code", "modifiers"),
    [("98960", ("U1",)), ("H1011", ()), ("59409", ("XP",)), ("H0040", ()), ("G9012", ()), ("99213", ())],
)
def test_every_code_reject_says_what_is_expected(code, modifiers):
    for finding in code_findings(judged(code, *modifiers, service_start=date(2025, 6, 1))):
        assert finding.severity == "reject"
        assert finding.expected


def test_a_delivery_by_a_doula_is_named_as_that():
    (finding,) = code_findings(judged("59409", "XP"))
    assert "doula" in finding.message


def test_a_community_health_worker_is_told_the_code_of_non_clinical_staff():
    (finding,) = code_findings(judged("98960", "U2"))
    assert "G9012 with U2" in finding.message


def test_three_modifiers_that_do_not_go_together_are_listed_as_people_write():
    (finding,) = code_findings(judged("G9012", "U1", "U2", "U8"))
    assert "modifiers U1, U2 and U8 together" in finding.message


def test_modifiers_written_without_a_blank_are_explained():
    (finding,) = [one for one in code_findings(judged("G9012", "U2GQ")) if one.severity == "reject"]
    assert finding.rule == "code.modifier_not_listed"
    assert "A modifier has two characters" in finding.message
