"""Exact duplicates, replacements and voids: within a claim, a batch and history."""

from datetime import date
from decimal import Decimal
from time import process_time

import pytest
from builders import CIN, OTHER_CIN, OTHER_NPI, a_line, a_received_claim
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.validator.rules import Aliases, Context, History, judge, judge_batch, needs, prepare
from services.validator.rules.aliases import NO_ALIASES
from shared.payers import Payers
from shared.reference.codes import CodeSet

CONTEXT = Context(CodeSet.load(), Payers.load(None))


def judged(*received, history=None):
    known = history if history is not None else History()
    return judge_batch([prepare(one, CONTEXT) for one in received], CONTEXT, known)


def rules_of(judgement):
    return [finding.rule for finding in judgement.findings]


def test_the_same_service_again_is_rejected_and_the_other_claim_is_named():
    first, second = judged(a_received_claim(claim_number="PCN-1"), a_received_claim(claim_number="PCN-2"))
    assert (first.verdict, second.verdict) == ("accepted", "rejected")
    (found,) = second.findings
    assert (found.rule, found.severity, found.line) == ("duplicate.exact", "reject", 1)
    assert "line 1 of claim PCN-1, received on Nov 2, 2026" in found.message
    assert (found.carc, found.claim_status, found.rarc) == ("18", "A3:54", None)


@pytest.mark.parametrize(
    "other",
    [
        {"payer_id": "OTHER"},
        {"cin": OTHER_CIN},
        {"lines": [a_line(procedure_code="G9008", modifiers=("U1",))]},
        {"lines": [a_line(modifiers=("U2", "GQ"))]},
        {"lines": [a_line(service_start=date(2026, 10, 13))]},
        {"lines": [a_line(service_end=date(2026, 10, 13))]},
    ],
    ids=lambda other: str(next(iter(other))),
)
def test_what_differs_in_one_of_these_is_another_service(other):
    assert judged(a_received_claim(), a_received_claim(**other))[1].findings == ()


@pytest.mark.parametrize(
    "same",
    [
        {"lines": [a_line(charge_cents=None)]},
        {"lines": [a_line(place_of_service="11")]},
        {"lines": [a_line(units=Decimal("2.00"))]},
        {"lines": [a_line(service_end=date(2026, 10, 12))]},
        {"lines": [a_line(units=30, unit_basis="MJ")]},
        {"cin": f"{CIN}12345"},
    ],
)
def test_another_place_or_way_of_writing_makes_no_other_service(same):
    assert "duplicate.exact" in rules_of(judged(a_received_claim(), a_received_claim(**same))[1])


def test_another_charge_may_be_a_correction_so_the_plan_looks():
    first, second = judged(a_received_claim(), a_received_claim(lines=[a_line(charge_cents=9_500)]))
    [finding] = second.findings
    assert (finding.rule, finding.severity, finding.field) == (
        "duplicate.other_units",
        "pend",
        "charge_cents",
    )
    assert "another amount: $90.00 on line 1 of claim" in finding.message
    assert "$95.00 here" in finding.message
    assert second.evidence[0].billed.claim_id == first.received.claim_id


@pytest.mark.parametrize("cents", [9_000, 9_500])
def test_an_exact_one_among_several_with_other_charges_is_found(cents):
    lines = [[a_line(charge_cents=each)] for each in (9_000, 9_500, cents)]
    assert rules_of(judged(*(a_received_claim(lines=line) for line in lines))[2]) == ["duplicate.exact"]


def test_as_many_minutes_as_the_other_line_has_units_is_another_length_of_time():
    in_minutes = a_received_claim(lines=[a_line(units=2, unit_basis="MJ")])
    [finding] = judged(a_received_claim(), in_minutes)[1].findings
    assert (finding.rule, finding.severity) == ("duplicate.other_units", "pend")


def test_a_claim_and_an_invoice_for_one_service_are_exact_whatever_each_charges():
    invoice = a_received_claim(channel="invoice", lines=[a_line(charge_cents=1)])
    assert "duplicate.both_channels" in rules_of(judged(a_received_claim(), invoice)[1])


def test_the_order_of_modifiers_makes_no_other_service():
    lines = [a_line(modifiers=("U2", "GQ"))], [a_line(modifiers=("GQ", "U2", "GQ"))]
    second = judged(*(a_received_claim(lines=line) for line in lines))[1]
    assert "duplicate.exact" in rules_of(second)


def test_a_line_repeated_within_a_claim_is_a_duplicate_of_the_first():
    other_day = a_line(3, service_start=date(2026, 10, 14))
    (judgement,) = judged(a_received_claim(lines=[a_line(1), a_line(2), other_day]))
    (found,) = judgement.findings
    assert (judgement.verdict, found.rule, found.line) == ("rejected", "duplicate.exact", 2)
    assert "duplicate of line 1 of this claim" in found.message
    assert found.message.endswith("Lines 1 and 3 are fine.")


@pytest.mark.parametrize(("one", "other"), [("837P", "invoice"), ("invoice", "837P"), ("json", "invoice")])
def test_a_claim_and_an_invoice_for_one_service_are_an_exact_duplicate_and_the_message_says_so(one, other):
    second = judged(a_received_claim(channel=one), a_received_claim(channel=other))[1]
    (found,) = second.findings
    assert (second.verdict, found.rule) == ("rejected", "duplicate.both_channels")
    assert "exact duplicate" in found.message
    assert "claim" in found.message
    assert "invoice" in found.message


def test_another_time_of_the_same_day_does_not_make_another_service():
    morning, noon = a_line(start_time="09:00"), a_line(start_time="12:00")
    second = judged(a_received_claim(lines=[morning]), a_received_claim(lines=[noon]))[1]
    assert rules_of(second) == ["duplicate.exact"]


def test_a_rejected_claim_makes_nothing_a_duplicate():
    rejected, resent = judged(a_received_claim(diagnosis_codes=()), a_received_claim())
    assert (rejected.verdict, resent.verdict) == ("rejected", "accepted")


def test_a_pended_claim_makes_its_repetition_a_duplicate():
    pended, again = judged(a_received_claim(cin="91234567B"), a_received_claim(cin="91234567B"))
    assert pended.verdict == "pended"
    assert "duplicate.exact" in rules_of(again)


def test_judging_a_claim_again_does_not_make_it_its_own_duplicate():
    received, history = a_received_claim(), History()
    assert judge(received, CONTEXT, history).findings == ()
    assert judge(received, CONTEXT, history).findings == ()


def test_a_history_loaded_from_what_was_written_finds_the_same_as_one_batch():
    first = judge(a_received_claim(), CONTEXT)
    second = prepare(a_received_claim(), CONTEXT)
    wanted = needs([second], NO_ALIASES)
    loaded = History(line for line in first.lines if line.key in {span.key for span in wanted.lines})
    assert rules_of(judge_batch([second], CONTEXT, loaded)[0]) == ["duplicate.exact"]


@pytest.mark.parametrize(
    "other",
    [
        {"payer_id": "OTHER"},
        {"cin": OTHER_CIN},
        {"service": "ecm_outreach", "hcpcs": "G9008", "billing_npi": OTHER_NPI},
        {"hcpcs": "G9008"},
        {"modifiers": ("GQ", "U2")},
        {"service_start": date(2026, 10, 11)},
        {"service_end": date(2026, 10, 13)},
    ],
    ids=lambda other: str(next(iter(other))),
)
def test_equal_keys_alone_find_nothing(other):
    (line,) = judge(a_received_claim(), CONTEXT).lines
    assert rules_of(judged(a_received_claim(), history=History([line]))[0]) == ["duplicate.exact"]
    assert judged(a_received_claim(), history=History([replace(line, **other)]))[0].findings == ()


# --- Replacement and void ---------------------------------------------------------------------------------


def test_a_replacement_is_judged_without_its_original_and_takes_its_place():
    original = a_received_claim(claim_number="PCN-1")
    replacement = a_received_claim(claim_number="PCN-2", frequency="7", original_reference="PCN-1")
    repeated = a_received_claim(claim_number="PCN-3")
    first, second, third = judged(original, replacement, repeated)
    assert (first.verdict, second.verdict, second.findings) == ("accepted", "accepted", ())
    assert second.supersedes.claim_id == original.claim_id
    assert "PCN-2" in third.findings[0].message


def test_the_original_may_be_named_by_our_claim_id_or_not_at_all_where_the_number_is_the_same():
    original = a_received_claim(claim_number="PCN-1")
    by_id = a_received_claim(frequency="7", original_reference=original.claim_id)
    assert judged(original, by_id)[1].supersedes.claim_id == original.claim_id
    by_number = a_received_claim(claim_number="PCN-1", frequency="7")
    assert judged(original, by_number)[1].supersedes.claim_id == original.claim_id


def test_a_replacement_of_an_unknown_claim_pends():
    (judgement,) = judged(a_received_claim(frequency="7", original_reference="PCN-404"))
    assert (judgement.verdict, judgement.clean, rules_of(judgement)) == (
        "pended",
        True,
        ["duplicate.original_unknown"],
    )
    assert judgement.supersedes is None


def test_a_replacement_that_names_nothing_known_and_repeats_a_claim_pends_and_is_not_rejected():
    replacement = a_received_claim(frequency="7", original_reference="PCN-404")
    _, second = judged(a_received_claim(claim_number="PCN-1"), replacement)
    assert (second.verdict, rules_of(second)) == ("pended", ["duplicate.original_unknown", "duplicate.exact"])


def test_a_line_twice_within_a_replacement_of_an_unknown_claim_is_rejected_whatever_was_billed_before():
    lines = [a_line(1), a_line(2)]
    replacement = a_received_claim(frequency="7", original_reference="PCN-404", lines=lines)
    _, second = judged(a_received_claim(claim_number="PCN-1"), replacement)
    found = [(each.severity, each.line) for each in second.findings if each.rule == "duplicate.exact"]
    assert found == [("pend", 1), ("reject", 2)]


def test_a_second_replacement_of_a_replaced_claim_pends():
    received = [a_received_claim(claim_number="PCN-1")] + [
        a_received_claim(claim_number=f"PCN-{n}", frequency="7", original_reference="PCN-1") for n in (2, 3)
    ]
    assert [judgement.verdict for judgement in judged(*received)] == ["accepted", "accepted", "pended"]


def test_another_providers_claim_cannot_be_replaced_or_voided():
    original = a_received_claim(claim_number="PCN-1", npi=OTHER_NPI)
    for frequency in ("7", "8"):
        mine = a_received_claim(frequency=frequency, original_reference="PCN-1")
        second = judged(original, mine)[1]
        assert "duplicate.original_unknown" in rules_of(second)
        assert second.supersedes is None


@pytest.mark.parametrize("frequency", ["7", "8"])
@pytest.mark.parametrize("other", [{"cin": OTHER_CIN}, {"payer_id": "OTHER"}])
def test_a_claim_of_that_number_for_another_member_or_payer_is_not_the_original(frequency, other):
    theirs = a_received_claim(claim_number="1", **other)
    mine = a_received_claim(claim_number="1", frequency=frequency)
    by_id = a_received_claim(frequency=frequency, original_reference=theirs.claim_id)
    for named in (mine, by_id):
        _, second, third = judged(theirs, named, a_received_claim(claim_number="2", **other))
        assert (rules_of(second), second.verdict) == (["duplicate.original_unknown"], "pended")
        assert second.supersedes is None
        assert rules_of(third) == ["duplicate.exact"], "what was billed for the other still stands"


def test_of_claims_with_one_number_the_one_of_the_same_member_is_the_original_though_it_came_first():
    claims = [a_received_claim(claim_number="1", cin=cin) for cin in (CIN, OTHER_CIN)]
    *_, third = judged(*claims, a_received_claim(claim_number="1", frequency="7"))
    assert (third.findings, third.supersedes.claim_id) == ((), claims[0].claim_id)


def test_a_claim_under_another_cin_of_the_same_member_is_the_original():
    original = a_received_claim(claim_number="1", cin=OTHER_CIN)
    history = History(aliases=Aliases([(CIN, OTHER_CIN)]))
    void = a_received_claim(claim_number="1", frequency="8")
    assert judged(original, void, history=history)[1].supersedes.claim_id == original.claim_id


def test_a_rejected_replacement_leaves_its_original_standing():
    original = a_received_claim(claim_number="PCN-1")
    bad = a_received_claim(frequency="7", original_reference="PCN-1", lines=[a_line(modifiers=("95",))])
    _, second, third = judged(original, bad, a_received_claim())
    assert (second.verdict, second.supersedes) == ("rejected", None)
    assert rules_of(third) == ["duplicate.exact"]


def test_a_void_takes_the_claim_back_so_that_it_may_be_billed_again():
    original = a_received_claim(claim_number="PCN-1")
    void = a_received_claim(claim_number="PCN-2", frequency="8", original_reference="PCN-1")
    _, second, third = judged(original, void, a_received_claim(claim_number="PCN-3"))
    assert (second.verdict, second.findings, second.lines) == ("accepted", (), ())
    assert second.supersedes.claim_id == original.claim_id
    assert third.verdict == "accepted"


def test_of_several_claims_with_one_number_a_void_takes_the_latest_that_still_stands():
    first, second = (a_received_claim(claim_number="PCN-1", lines=[a_line(units=n)]) for n in (1, 2))
    by_number = [a_received_claim(frequency="8", original_reference="PCN-1") for _ in range(3)]
    voids = [judgement.supersedes for judgement in judged(first, second, *by_number)[2:]]
    assert [original and original.claim_id for original in voids] == [second.claim_id, first.claim_id, None]


def test_a_void_is_not_held_up_by_what_its_lines_say():
    original = a_received_claim(claim_number="PCN-1")
    lines = [a_line(procedure_code="99213", units=0)]
    void = a_received_claim(frequency="8", original_reference="PCN-1", lines=lines, diagnosis_codes=())
    assert judged(original, void)[1].findings == ()


def test_a_claim_that_was_voided_already_is_not_voided_again():
    original = a_received_claim(claim_number="PCN-1")
    voids = [a_received_claim(frequency="8", original_reference="PCN-1") for _ in range(2)]
    _, first, second = judged(original, *voids)
    assert first.verdict == "accepted"
    assert (second.verdict, second.supersedes) == ("pended", None)
    assert "already voided or replaced" in second.findings[0].message


def test_a_late_replacement_of_a_known_claim_pends():
    original = a_received_claim(claim_number="PCN-1")
    late = a_received_claim(frequency="7", original_reference="PCN-1", arrival=date(2028, 1, 3))
    (found,) = judged(original, late)[1].findings
    assert (found.rule, found.severity) == ("filing.late", "pend")


def test_a_batch_asks_for_the_days_of_its_lines_and_for_originals_and_a_void_for_no_lines():
    plain, void = a_received_claim(), a_received_claim(frequency="8", original_reference="PCN-9")
    wanted = needs([prepare(plain, CONTEXT), prepare(void, CONTEXT)], NO_ALIASES)
    (span,) = wanted.lines
    assert (span.first, span.last) == (date(2026, 10, 12), date(2026, 10, 12))
    assert {name for _, name in wanted.originals} == {"PCN-9"}


@given(st.permutations(["U2", "GQ", "U8", "U1"]), st.decimals("0.01", "999", places=2))
def test_a_key_is_64_bits_and_a_line_the_same_however_modifiers_and_units_are_written(modifiers, units):
    written = a_line(modifiers=tuple(modifiers), units=units)
    other = a_line(modifiers=("GQ", "U1", "U2", "U8", "U8"), units=units.normalize())
    one, same = (
        prepare(a_received_claim(claim_id="clm_1", claim_number="PCN-1", lines=[line]), CONTEXT).lines[0]
        for line in (written, other)
    )
    assert one == same
    assert -(2**63) <= one.key < 2**63


def test_a_payer_id_in_small_letters_is_the_same_payer():
    again = judged(a_received_claim(payer_id="GSHP1"), a_received_claim(payer_id="gshp1"))[1]
    assert rules_of(again) == ["duplicate.exact"]


def test_the_same_service_twice_on_one_claim_is_to_be_added_up():
    (judgement,) = judged(a_received_claim(lines=[a_line(number=1), a_line(number=2)]))
    (found,) = judgement.findings
    assert "add the units up on one line" in found.message
    assert "frequency 7" not in found.message


@pytest.mark.parametrize(("frequency", "advice"), [("7", "send it as a new one"), ("8", "nothing to void")])
def test_what_to_do_about_an_unknown_original_depends_on_what_was_wanted(frequency, advice):
    (judgement,) = judged(a_received_claim(frequency=frequency, original_reference="NOPE"))
    assert advice in judgement.findings[0].message


# --- Other units ------------------------------------------------------------------------------------------


def test_the_same_service_in_other_units_pends_and_names_the_own_earlier_claim():
    second = judged(a_received_claim(claim_number="PCN-1"), a_received_claim(lines=[a_line(units=3)]))[1]
    (found,) = second.findings
    assert (second.verdict, found.rule, found.field, found.value) == (
        "pended",
        "duplicate.other_units",
        "units",
        "3",
    )
    assert "2 on line 1 of claim PCN-1, received on Nov 2, 2026, and 3 here" in found.message
    assert (second.evidence[0].rule, second.evidence[0].billed.units) == ("duplicate.other_units", "2")


def test_other_units_within_a_claim_pend_the_later_line():
    (judgement,) = judged(a_received_claim(lines=[a_line(1), a_line(2, units=5)]))
    (found,) = judgement.findings
    assert (judgement.verdict, found.rule, found.line) == ("pended", "duplicate.other_units", 2)
    assert "line 1 of this claim" in found.message


def test_an_exact_duplicate_beats_other_units_and_another_provider():
    history = [
        a_received_claim(npi=OTHER_NPI),
        a_received_claim(lines=[a_line(units=3)]),
        a_received_claim(claim_number="PCN-7", lines=[a_line(units=4)]),
    ]
    assert [rules_of(each) for each in judged(*history)] == [
        [],
        ["duplicate.other_provider"],
        ["duplicate.other_units"],
    ]
    last = judged(*history, a_received_claim(lines=[a_line(units=4)]))[-1]
    assert rules_of(last) == ["duplicate.exact"]
    assert "PCN-7" in last.findings[0].message


def test_other_units_are_no_finding_once_the_first_claim_is_voided_or_replaced():
    original = a_received_claim(claim_number="PCN-1")
    for frequency in ("7", "8"):
        lines = [a_line(service_start=date(2026, 10, 14))]
        takes_back = a_received_claim(frequency=frequency, original_reference="PCN-1", lines=lines)
        assert judged(original, takes_back, a_received_claim(lines=[a_line(units=3)]))[2].findings == ()


# --- Another provider -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        [a_line()],
        [a_line(units=9)],
        [a_line(procedure_code="G9008", modifiers=("U1",))],
        [a_line(modifiers=("U2", "GQ"))],
        [a_line(service_start=date(2026, 10, 10), service_end=date(2026, 10, 12))],
        [a_line(service_start=date(2026, 10, 12), service_end=date(2026, 10, 20))],
    ],
)
def test_ecm_of_another_provider_on_the_day_pends_without_naming_it(lines):
    first = a_received_claim(npi=OTHER_NPI, claim_number="THEIRS-1")
    second = judged(first, a_received_claim(lines=lines))[1]
    (found,) = second.findings
    assert (second.verdict, found.rule) == ("pended", "duplicate.other_provider")
    assert "Another provider has also billed ECM for this member for Oct 12, 2026." in found.message
    said = f"{found.message} {found.value} {found.expected} {found.where}"
    assert not any(theirs in said for theirs in (OTHER_NPI, "THEIRS-1", first.claim_id))
    assert second.evidence[0].billed.billing_npi == OTHER_NPI


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"lines": [a_line(service_start=date(2026, 10, 11))]}, {}),
        ({"lines": [a_line(service_start=date(2026, 10, 13))]}, {}),
        ({"payer_id": "OTHER"}, {}),
        ({"cin": OTHER_CIN}, {}),
        ({"lines": [a_line(modifiers=("U8",), units=1)]}, {"lines": [a_line(modifiers=("U8",), units=1)]}),
        ({"lines": [a_line(modifiers=("U8",), units=1)]}, {}),
        ({}, {"lines": [a_line(modifiers=("U8",), units=1)]}),
        (
            {"lines": [a_line(procedure_code="T2040", modifiers=("U6",))]},
            {"lines": [a_line(procedure_code="T2040", modifiers=("U6",))]},
        ),
    ],
)
def test_another_day_payer_member_outreach_or_a_support_by_the_quarter_hour_is_nobody_elses_ecm(
    first, second
):
    assert judged(a_received_claim(npi=OTHER_NPI, **first), a_received_claim(**second))[1].findings == ()


def test_one_member_under_two_cins_is_one_member():
    history = History(aliases=Aliases([(CIN, OTHER_CIN)]))
    _, again, elsewhere = judged(
        a_received_claim(cin=OTHER_CIN),
        a_received_claim(),
        a_received_claim(npi=OTHER_NPI),
        history=history,
    )
    assert (rules_of(again), rules_of(elsewhere)) == (["duplicate.exact"], ["duplicate.other_provider"])


# --- Shared days ------------------------------------------------------------------------------------------

RECUPERATIVE = {"procedure_code": "T2033", "modifiers": ("U6",)}
POST_HOSPITAL = {"procedure_code": "H0043", "modifiers": ("U3",)}
POST_HOSPITAL_MONTH = {"procedure_code": "H0044", "modifiers": ("U3",)}
RENT = {"procedure_code": "H0043", "modifiers": ("U2",)}
RENT_ONCE = {"procedure_code": "H0040", "modifiers": ("U1",)}
RESPITE = {"procedure_code": "S9125", "modifiers": ("U6",)}
FOOD = {"procedure_code": "S9977", "modifiers": ("U6",)}


def stay(code, first, last=None, units=None, number=1):
    """A line in October 2026, from day to day; as many units as dates unless others are given."""
    last = last or first
    return a_line(
        number,
        **code,
        service_start=date(2026, 10, first),
        service_end=date(2026, 10, last),
        units=last - first + 1 if units is None else units,
    )


def shared_days(first, second, **overrides):
    """The findings of a claim with the line ``second`` after one with ``first``."""
    return judged(a_received_claim(lines=[first]), a_received_claim(lines=[second], **overrides))[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (stay(RECUPERATIVE, 1, 10), stay(RECUPERATIVE, 10, 12)),
        (stay(RECUPERATIVE, 1, 10), stay(RECUPERATIVE, 5)),
        (stay(RECUPERATIVE, 5), stay(RECUPERATIVE, 1, 10)),
        (stay(RECUPERATIVE, 1, 10), stay(POST_HOSPITAL, 10, 12)),
        (stay(POST_HOSPITAL, 1, 10), stay(RENT, 10, 12)),
        (stay(POST_HOSPITAL_MONTH, 1, 31, units=1), stay(RECUPERATIVE, 31)),
        (stay(POST_HOSPITAL_MONTH, 1, 2, units=1), stay(RECUPERATIVE, 2)),
        (stay(RESPITE, 1, 3), stay({"procedure_code": "H0045", "modifiers": ("U6",)}, 3)),
        (stay(FOOD, 1, 7), stay(FOOD, 7, 8)),
    ],
)
def test_days_that_are_billed_twice_pend(first, second):
    for overrides in ({}, {"npi": OTHER_NPI}):
        judgement = shared_days(first, second, **overrides)
        assert (judgement.verdict, rules_of(judgement)) == ("pended", ["duplicate.overlapping_spans"])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (stay(RECUPERATIVE, 1, 10), stay(RECUPERATIVE, 11, 12)),
        # One unit fewer than dates: the member leaves on the last one.
        (stay(RECUPERATIVE, 1, 10, units=9), stay(POST_HOSPITAL, 10, 12)),
        (stay(POST_HOSPITAL, 10, 12), stay(RECUPERATIVE, 1, 10, units=9)),
        (stay(RECUPERATIVE, 1, 10), stay(RENT_ONCE, 5)),
        (stay(RECUPERATIVE, 1, 10), stay(RESPITE, 5)),
        (stay(FOOD, 1, 7), stay({"procedure_code": "S9977", "modifiers": ("U9",)}, 1, 7)),
        (
            stay({"procedure_code": "T2050", "modifiers": ("U6",)}, 1),
            stay({"procedure_code": "T2051", "modifiers": ("U6",)}, 1),
        ),
    ],
)
def test_days_that_only_touch_or_are_for_different_things_are_no_finding(first, second):
    assert shared_days(first, second).findings == ()


def test_two_lodgings_on_a_night_pend_within_one_claim():
    lines = [stay(RECUPERATIVE, 1, 10), stay(RENT, 8, 12, number=2), stay(RENT, 13, 14, number=3)]
    (judgement,) = judged(a_received_claim(lines=lines))
    (found,) = judgement.findings
    assert (judgement.verdict, found.rule, found.line) == ("pended", "duplicate.overlapping_spans", 2)
    assert "Recuperative Care (Medical Respite) for Oct 8, 2026 to Oct 10, 2026" in found.message
    assert "See line 1 of this claim" in found.message


def test_the_same_days_in_other_units_are_other_units():
    judgement = shared_days(stay(RECUPERATIVE, 1, 10), stay(RECUPERATIVE, 1, 10, units=9))
    assert rules_of(judgement) == ["duplicate.other_units"]


def test_the_same_days_of_another_provider_pend_without_naming_it():
    line = stay(RECUPERATIVE, 1, 10)
    judgement = judged(
        a_received_claim(lines=[line], npi=OTHER_NPI, claim_number="THEIRS-1"), a_received_claim(lines=[line])
    )[1]
    (found,) = judgement.findings
    assert found.rule == "duplicate.overlapping_spans"
    assert "Another provider billed it" in found.message
    assert "THEIRS-1" not in found.message
    assert "clm_" not in found.message
    assert judgement.evidence[0].billed.claim_number == "THEIRS-1"


def test_a_claim_of_thousands_of_lines_is_judged_in_a_moment():
    days = [date.fromordinal(date(2022, 1, 1).toordinal() + place) for place in range(1_700)]
    codes = (RECUPERATIVE, RENT, {"procedure_code": "G9012", "modifiers": ("U2",)})
    placed = [(code, day) for code in codes for day in days]
    lines = [
        a_line(number, **code, service_start=day, units=1, charge_cents=1)
        for number, (code, day) in enumerate(placed, 1)
    ]
    started = process_time()
    (judgement,) = judged(a_received_claim(lines=lines))
    shared = [each for each in judgement.findings if each.rule == "duplicate.overlapping_spans"]
    # Both lodgings on every night; rent is not listed before July 2025, but billed is billed.
    assert len(shared) == 1_700
    assert process_time() - started < 5
