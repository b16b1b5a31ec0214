"""Exact duplicates, replacements and voids: within a claim, a batch and history."""

from datetime import date
from decimal import Decimal

import pytest
from builders import CIN, OTHER_CIN, OTHER_NPI, a_claim, a_line, a_received_claim
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.validator.rules import Context, History, judge, judge_batch, line_key, needs, prepare
from shared.payers import Payers
from shared.reference.codes import CodeSet

CONTEXT = Context(CodeSet.load(), Payers.load(None))


def judged(*received, history=None):
    return judge_batch(
        [prepare(one) for one in received], CONTEXT, history if history is not None else History()
    )


def rules_of(judgement):
    return [finding.rule for finding in judgement.findings]


def test_the_same_service_again_is_rejected_and_the_other_claim_is_named():
    first, second = judged(a_received_claim(claim_number="PCN-1"), a_received_claim(claim_number="PCN-2"))
    assert (first.verdict, second.verdict) == ("accepted", "rejected")
    (found,) = second.findings
    assert (found.rule, found.severity, found.line) == ("duplicate.exact", "reject", 1)
    assert "line 1 of claim PCN-1, received on 11/02/2026" in found.message
    assert (found.carc, found.claim_status, found.rarc) == ("18", "A3:54", None)


@pytest.mark.parametrize(
    "other",
    [
        {"payer_id": "OTHER"},
        {"cin": OTHER_CIN},
        {"npi": OTHER_NPI},
        {"lines": [a_line(procedure_code="G9008", modifiers=("U1",))]},
        {"lines": [a_line(modifiers=("U2", "GQ"))]},
        {"lines": [a_line(service_start=date(2026, 10, 13))]},
        {"lines": [a_line(service_end=date(2026, 10, 13))]},
        {"lines": [a_line(units=3)]},
    ],
    ids=lambda other: str(next(iter(other))),
)
def test_what_differs_in_one_of_these_is_no_exact_duplicate(other):
    assert judged(a_received_claim(), a_received_claim(**other))[1].findings == ()


@pytest.mark.parametrize(
    "same",
    [
        {"lines": [a_line(charge_cents=1)]},
        {"lines": [a_line(place_of_service="11")]},
        {"lines": [a_line(units=Decimal("2.00"))]},
        {"lines": [a_line(service_end=date(2026, 10, 12))]},
        {"cin": f"{CIN}12345"},
    ],
)
def test_another_amount_place_or_way_of_writing_makes_no_other_service(same):
    assert "duplicate.exact" in rules_of(judged(a_received_claim(), a_received_claim(**same))[1])


def test_the_order_of_modifiers_makes_no_other_service():
    lines = [a_line(modifiers=("U2", "GQ"))], [a_line(modifiers=("GQ", "U2", "GQ"))]
    second = judged(*(a_received_claim(lines=line) for line in lines))[1]
    assert "duplicate.exact" in rules_of(second)


def test_a_line_repeated_within_a_claim_is_a_duplicate_of_the_first():
    (judgement,) = judged(a_received_claim(lines=[a_line(1), a_line(2), a_line(3, units=1)]))
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
    second = prepare(a_received_claim())
    wanted = needs([second])
    loaded = History(line for line in first.lines if line.key in wanted.keys)
    assert rules_of(judge_batch([second], CONTEXT, loaded)[0]) == ["duplicate.exact"]


@pytest.mark.parametrize(
    "other",
    [
        {"payer_id": "OTHER"},
        {"cin": OTHER_CIN},
        {"billing_npi": OTHER_NPI},
        {"hcpcs": "G9008"},
        {"modifiers": ("GQ", "U2")},
        {"service_start": date(2026, 10, 11)},
        {"service_end": date(2026, 10, 13)},
        {"units": "3"},
    ],
    ids=lambda other: str(next(iter(other))),
)
def test_equal_keys_alone_never_reject(other):
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
        assert (rules_of(second), second.supersedes) == (["duplicate.original_unknown"], None)


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


def test_a_batch_asks_for_all_keys_and_originals_and_a_void_for_no_lines():
    plain, void = a_received_claim(), a_received_claim(frequency="8", original_reference="PCN-9")
    wanted = needs([prepare(plain), prepare(void)])
    assert wanted.keys == {line_key(plain.claim, plain.claim.lines[0])}
    assert {name for _, name in wanted.originals} == {"PCN-9"}


@given(st.permutations(["U2", "GQ", "U8", "U1"]), st.decimals("0.01", "999", places=2))
def test_a_key_is_64_bits_and_the_same_however_modifiers_and_units_are_written(modifiers, units):
    written = a_line(modifiers=tuple(modifiers), units=units)
    other = a_line(modifiers=("GQ", "U1", "U2", "U8", "U8"), units=units.normalize())
    key = line_key(a_claim(), written)
    assert key == line_key(a_claim(), other)
    assert -(2**63) <= key < 2**63


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
