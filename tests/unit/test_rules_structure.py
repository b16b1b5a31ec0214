"""Structure and identity: each rule once where it fires and once where it must not."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from builders import (
    ARRIVAL,
    BILLING_NPI,
    BILLING_PROVIDER,
    MEMBER,
    OTHER_NPI,
    RENDERING_NPI,
    SERVICE_DAY,
    a_line,
    a_received_claim,
)
from msgspec.structs import replace

from services.validator.rules import Context, judge
from shared.catalogue import finding
from shared.claim import Address, Member, Payer, Provider
from shared.payers import Payers, PayerTerms
from shared.reference.codes import CodeSet

CONTEXT = Context(CodeSet.load(), Payers.load(None))


def judged(*, context=CONTEXT, arrival=ARRIVAL, npis=(BILLING_NPI, OTHER_NPI), findings=(), **overrides):
    return judge(a_received_claim(arrival=arrival, npis=npis, findings=findings, **overrides), context)


def only(judgement, rule):
    """The only finding there is, which must be of ``rule``."""
    assert [f.rule for f in judgement.findings] == [rule], judgement.findings
    return judgement.findings[0]


@pytest.mark.parametrize("channel", ["837P", "invoice", "json"])
def test_a_clean_claim_has_no_findings_in_any_channel(channel):
    judgement = judged(channel=channel, total_cents=9_000)
    assert (judgement.verdict, judgement.clean, judgement.findings) == ("accepted", True, ())
    assert judgement.versions == {"codes": "2026-01", "rules": finding("field.required", "").version}


# --- Required ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["837P", "invoice", "json"])
@pytest.mark.parametrize(
    ("field", "missing"),
    [
        ("claim_number", {"claim_number": None}),
        ("payer.id", {"payer": Payer(name="Golden State Health Plan")}),
        ("billing_provider.npi", {"npi": None}),
        ("billing_provider.tin", {"billing_provider": replace(BILLING_PROVIDER, tin=None)}),
        ("member.cin", {"cin": None}),
        ("member.last_name", {"member": replace(MEMBER, last_name="")}),
        ("member.birth_date", {"member": replace(MEMBER, birth_date=None)}),
        ("lines", {"lines": []}),
        ("procedure_code", {"lines": [a_line(procedure_code=None)]}),
        ("service_start", {"lines": [a_line(service_start=None)]}),
        ("units", {"lines": [a_line(units=None)]}),
        ("charge_cents", {"lines": [a_line(charge_cents=None)]}),
        ("place_of_service", {"lines": [a_line(place_of_service=None)], "place_of_service": None}),
    ],
)
def test_what_every_claim_needs_is_asked_for_once_and_by_its_place(channel, field, missing):
    found = only(judged(channel=channel, **missing), "field.required")
    assert found.severity == "reject"
    assert found.field == field
    assert found.message.endswith("is missing. Add it.") or field == "lines"
    assert found.where


@pytest.mark.parametrize(
    ("field", "missing"),
    [
        ("invoice_number", {"invoice_number": None}),
        ("invoice_date", {"invoice_date": None}),
        ("payer.name", {"payer": Payer(id="GSHP1")}),
        ("billing_provider.name", {"billing_provider": replace(BILLING_PROVIDER, name=None)}),
        (
            "billing_provider.address.zip",
            {"billing_provider": replace(BILLING_PROVIDER, address=Address("1 A St", "Oakland", "CA"))},
        ),
    ],
)
def test_an_invoice_needs_its_own_elements_and_an_837p_does_not(field, missing):
    assert only(judged(channel="invoice", **missing), "field.required").field == field
    assert judged(channel="837P", **missing).findings == ()


def test_all_that_is_missing_is_said_at_once():
    judgement = judged(channel="invoice", member=Member(), billing_provider=Provider())
    assert len(judgement.findings) == 4 + 3 + 4
    assert {f.rule for f in judgement.findings} == {"field.required"}


def test_what_the_reader_already_spoke_of_is_not_asked_for_again():
    spoken = finding("field.format", "The date 13/45/2026 is not a date.", line=1, field="service_start")
    judgement = judged(lines=[a_line(service_start=None)], findings=(spoken,))
    assert judgement.findings == (spoken,)
    assert judgement.verdict == "rejected"


def test_a_field_of_the_claim_that_the_reader_found_wrong_in_a_row_is_not_asked_for_again():
    spoken = finding(
        "field.format", "The birth date 1980-13-45 is no date.", line=1, field="member.birth_date"
    )
    judgement = judged(channel="invoice", member=replace(MEMBER, birth_date=None), findings=(spoken,))
    assert judgement.findings == (spoken,)


def test_a_note_of_the_reader_does_not_hide_what_is_missing():
    note = finding("repair.cin_case", "…", field="member.cin")
    assert [f.rule for f in judged(cin=None, findings=(note,)).findings] == [
        "repair.cin_case",
        "field.required",
    ]


def test_a_frequency_other_than_1_7_and_8_is_refused():
    assert only(judged(frequency="9"), "field.format").field == "frequency"


# --- Provider ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("npi", "why"),
    [
        ("1234567890", "check digit"),
        ("1324567893", "check digit"),
        ("3123456782", "starts with 1 or 2"),
        ("123456789", "ten digits"),
        ("12345678930", "ten digits"),
        ("123456789X", "ten digits"),
    ],
)
def test_a_bad_billing_npi_is_rejected_and_the_message_says_what_is_wrong(npi, why):
    found = only(judged(npi=npi), "provider.npi")
    assert why in found.message
    assert (found.where, found.claim_status, found.rarc) == ("ST 0001, 2010AA NM109", "A7:562:85", "N257")


def test_a_bad_rendering_npi_is_rejected_on_the_claim_and_on_the_line():
    on_claim = only(judged(rendering_provider=Provider(npi="1234567890")), "provider.npi")
    on_line = only(judged(lines=[a_line(rendering_npi="1234567890")]), "provider.npi")
    assert (on_claim.line, on_line.line) == (None, 1)
    assert on_claim.claim_status == on_line.claim_status == "A7:562:82"


def test_good_npis_are_fine():
    line = a_line(rendering_npi=RENDERING_NPI)
    assert judged(npi=OTHER_NPI, rendering_provider=Provider(npi=RENDERING_NPI), lines=[line]).findings == ()


@pytest.mark.parametrize("tin", ["12345678", "1234567890", "000000000", "999999999", "12-345678"])
def test_a_tax_id_that_is_not_nine_different_digits_is_rejected(tin):
    assert only(judged(billing_provider=replace(BILLING_PROVIDER, tin=tin)), "provider.tin").value == tin


def test_an_npi_of_another_organization_is_rejected_and_nobody_is_stopped_where_no_key_was_used():
    assert only(judged(npis=(OTHER_NPI,)), "provider.not_yours").expected == OTHER_NPI
    assert judged(npis=None).findings == ()


# --- Member -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cin", "why"),
    [
        ("9123456", "has 7 characters"),
        ("91234567AB", "has 10 characters"),
        ("81234567A", "starts with 8"),
        ("912345678", "is not a CIN"),
        ("9123456AA", "is not a CIN"),
        ("12345678901234", "has 14 characters"),
    ],
)
def test_a_member_id_of_another_form_is_rejected(cin, why):
    found = only(judged(cin=cin), "member.cin")
    assert (found.severity, found.carc, found.claim_status) == ("reject", "31", "A7:164:IL")
    assert why in found.message


@pytest.mark.parametrize("letter", "BIJKLOPQRS")
def test_a_letter_outside_the_published_set_only_pends(letter):
    judgement = judged(cin=f"91234567{letter}")
    assert (judgement.verdict, judgement.clean) == ("pended", True)
    assert only(judgement, "member.cin").severity == "pend"


def test_a_card_number_is_read_as_its_cin():
    judgement = judged(cin="91234567A12345")
    assert judgement.verdict == "accepted"
    assert only(judgement, "member.cin_from_bic").expected == "91234567A"
    assert judgement.lines[0].cin == "91234567A"


# --- Dates ------------------------------------------------------------------------------------------------


def test_a_service_that_ends_before_it_starts_is_rejected():
    line = a_line(service_end=SERVICE_DAY - timedelta(days=1))
    assert only(judged(lines=[line]), "date.order").field == "service_end"


def test_a_service_on_the_day_of_arrival_is_fine_and_one_of_the_day_after_is_rejected():
    assert judged(arrival=SERVICE_DAY).findings == ()
    assert only(judged(arrival=SERVICE_DAY - timedelta(days=1)), "date.future").carc == "110"
    late_end = a_line(procedure_code="H0043", modifiers=("U6",), service_end=SERVICE_DAY + timedelta(days=1))
    assert only(judged(arrival=SERVICE_DAY, lines=[late_end]), "date.future").field == "service_end"


def test_nobody_is_served_before_birth_but_on_the_day_of_birth_and_under_the_mothers_cin():
    born_later = replace(MEMBER, birth_date=SERVICE_DAY + timedelta(days=1))
    assert only(judged(member=born_later), "member.birth_date").severity == "reject"
    assert judged(member=replace(MEMBER, birth_date=SERVICE_DAY)).findings == ()


def test_a_birth_date_after_several_services_is_said_once_and_calls_none_of_the_lines_good():
    days = [SERVICE_DAY - timedelta(days=back) for back in (0, 2, 1)]
    lines = [a_line(number, service_start=day) for number, day in enumerate(days, start=1)]
    said = only(judged(lines=lines, member=replace(MEMBER, birth_date=SERVICE_DAY)), "member.birth_date")
    assert (said.line, said.where) == (None, "ST 0001, 2010BA DMG02")
    assert "the date of service Oct 10, 2026. Correct one of them." in said.message
    assert "fine" not in said.message


def test_before_2022_there_was_no_benefit_and_since_then_there_is():
    last = a_line(service_start=date(2021, 12, 31))
    assert only(judged(lines=[last], arrival=date(2022, 2, 1)), "date.before_benefit").severity == "reject"
    first = a_line(service_start=date(2022, 1, 1))
    assert judged(lines=[first], arrival=date(2022, 2, 1)).findings == ()


def test_childrens_care_management_before_july_2023_is_only_noted():
    line = a_line(service_start=date(2023, 6, 30))
    child = replace(MEMBER, birth_date=date(2002, 7, 1))
    grown = replace(MEMBER, birth_date=date(2002, 6, 30))
    judgement = judged(lines=[line], member=child, arrival=date(2023, 8, 1))
    assert (judgement.verdict, only(judgement, "date.before_benefit").severity) == ("accepted", "note")
    assert judged(lines=[line], member=grown, arrival=date(2023, 8, 1)).findings == ()
    since = a_line(service_start=date(2023, 7, 1))
    assert judged(lines=[since], member=child, arrival=date(2023, 8, 1)).findings == ()


# --- Units and money --------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", ["0", "-1", "NaN", "-Infinity", "Infinity", "sNaN"])
def test_units_that_are_not_a_positive_number_are_rejected(units):
    found = only(judged(lines=[a_line(units=Decimal(units))]), "line.units")
    assert (found.severity, found.rarc) == ("reject", "M53")


@pytest.mark.parametrize(
    ("code", "modifier", "days", "most"),
    [
        ("G9012", "U2", 1, 96),
        ("G9012", "U2", 2, 192),
        ("H0043", "U6", 1, 1),
        ("H0043", "U6", 5, 5),
        ("G9012", "U8", 1, 1),
        ("T1016", "U8", 1, 1),
        ("S5170", "U6", 7, 21),
        ("H0044", "U3", 1, 1),
    ],
)
def test_more_units_than_the_days_can_hold_are_noted_and_never_rejected(code, modifier, days, most):
    def with_units(units):
        end = SERVICE_DAY + timedelta(days=days - 1)
        line = a_line(procedure_code=code, modifiers=(modifier,), units=units, service_end=end)
        return judged(lines=[line])

    assert with_units(most).findings == ()
    judgement = with_units(most + 1)
    assert judgement.verdict == "accepted"
    assert only(judgement, "line.units").severity == "note"


@pytest.mark.parametrize("units", ["0.5", "1.25", "33", "8"])
def test_partial_and_many_units_within_a_day_are_fine(units):
    assert judged(lines=[a_line(units=Decimal(units))]).findings == ()


@pytest.mark.parametrize("cents", [0, None])
def test_a_line_without_a_fee_of_its_own_needs_the_amount_spent(cents):
    deposit = a_line(procedure_code="H0044", modifiers=("U2",), units=1, charge_cents=cents)
    found = only(judged(lines=[deposit]), "line.amount_required")
    assert (found.severity, found.where) == ("reject", "ST 0001, LX 1, SV102")


def test_zero_dollars_are_fine_under_capitation_and_a_negative_amount_never_is():
    assert judged(lines=[a_line(charge_cents=0)], total_cents=0).findings == ()
    assert only(judged(lines=[a_line(charge_cents=-1)]), "field.format").field == "charge_cents"


def test_a_total_that_is_not_the_sum_is_a_question_and_not_a_rejection():
    judgement = judged(lines=[a_line(), a_line(2, modifiers=("U8",), units=1)], total_cents=9_000)
    found = only(judgement, "invoice.total")
    assert (judgement.verdict, found.value, found.expected) == ("accepted", "90.00", "180.00")
    assert judged(total_cents=9_000).findings == ()


def test_a_claim_needs_a_diagnosis_and_an_invoice_is_only_noted():
    assert only(judged(diagnosis_codes=()), "diagnosis.missing").severity == "reject"
    invoice = judged(channel="invoice", diagnosis_codes=())
    assert (invoice.verdict, only(invoice, "diagnosis.missing").severity) == ("accepted", "note")


# --- Filing limit -----------------------------------------------------------------------------------------


def test_the_filing_limit_counts_from_the_last_day_of_service():
    line = a_line(service_start=SERVICE_DAY - timedelta(days=3), service_end=SERVICE_DAY)
    last = SERVICE_DAY + timedelta(days=365)
    assert judged(lines=[line], arrival=last).findings == ()
    found = only(judged(lines=[line], arrival=last + timedelta(days=1)), "filing.late")
    assert (found.severity, found.carc, found.claim_status) == ("reject", "29", "A3:718")


def test_a_stated_good_cause_pends_a_late_claim():
    judgement = judged(arrival=SERVICE_DAY + timedelta(days=400), delay_reason="7")
    assert (judgement.verdict, only(judgement, "filing.late").severity) == ("pended", "pend")


def test_a_payers_own_limit_is_used_and_an_unlawful_one_is_read_as_the_lawful_floor():
    def late_by(days, limit, contracted):
        terms = PayerTerms(ids=("GSHP1",), filing_limit_days=limit, contracted=contracted)
        context = Context(CodeSet.load(), Payers((terms,)))
        return judged(context=context, arrival=SERVICE_DAY + timedelta(days=days)).verdict

    assert (late_by(120, 120, True), late_by(121, 120, True)) == ("accepted", "rejected")
    assert (late_by(90, 30, True), late_by(91, 30, True)) == ("accepted", "rejected")
    assert (late_by(180, 30, False), late_by(181, 30, False)) == ("accepted", "rejected")


# --- Good lines -------------------------------------------------------------------------------------------


def test_one_bad_line_rejects_the_claim_and_the_finding_says_which_lines_are_good():
    lines = [a_line(1), a_line(2, modifiers=()), a_line(3, modifiers=("U8",), units=1)]
    lines.append(a_line(4, service_start=SERVICE_DAY + timedelta(days=1)))
    judgement = judged(lines=lines)
    found = only(judgement, "code.modifier_missing")
    assert (judgement.verdict, judgement.clean, found.line) == ("rejected", False, 2)
    assert found.message.endswith("Lines 1, 3 and 4 are fine.")
    assert judgement.lines == ()


def test_where_no_line_is_good_none_is_called_so():
    for found in judged(lines=[a_line(1, modifiers=()), a_line(2, procedure_code="99213")]).findings:
        assert "fine" not in found.message


@pytest.mark.parametrize("end", [None, SERVICE_DAY])
def test_a_late_claim_of_one_day_names_the_column_of_that_day_and_the_last_day_to_send(end):
    late = only(
        judged(lines=[a_line(service_end=end)], arrival=SERVICE_DAY + timedelta(days=366)), "filing.late"
    )
    assert late.field == "service_start"
    assert late.expected == "sent by Oct 12, 2027"


def test_every_finding_of_something_missing_says_what_would_be_right():
    missing = judged(cin=None, lines=[a_line(units=None)]).findings
    assert {found.field: found.expected for found in missing} == {
        "member.cin": "9, seven digits and a letter, such as 91234567A",
        "units": "a number, such as 4",
    }


@pytest.mark.parametrize(
    ("missing", "codes"),
    [
        ({"npi": None}, ("A6:562:85", "206", "N257")),
        ({"billing_provider": replace(BILLING_PROVIDER, tin=None)}, ("A6:128:85", "16", "MA113")),
        ({"cin": None}, ("A6:164:IL", "31", "N382")),
        ({"lines": [a_line(procedure_code=None)]}, ("A6:507", "16", "M51")),
        ({"lines": [a_line(service_start=None)]}, ("A6:187", "16", "M52")),
        ({"lines": [a_line(units=None)]}, ("A6:476", "16", "M53")),
        ({"claim_number": None}, ("A6:21", "16", None)),
    ],
)
def test_what_is_missing_has_the_codes_of_its_element(missing, codes):
    found = only(judged(**missing), "field.required")
    assert (found.claim_status, found.carc, found.rarc) == codes


def test_a_long_row_of_good_lines_is_said_in_short():
    days = [SERVICE_DAY - timedelta(days=number) for number in range(7)]
    lines = [a_line(number=number + 1, service_start=day) for number, day in enumerate(days)]
    lines[1] = replace(lines[1], units=Decimal(0))
    lines[4] = replace(lines[4], units=Decimal(0))
    for found in judged(lines=lines).findings:
        assert found.message.endswith("Lines 1, 3, 4, 6 and 7 are fine.")
    lines[4] = replace(lines[4], units=Decimal(1))
    assert judged(lines=lines).findings[0].message.endswith("Lines 1 and 3 to 7 are fine.")
