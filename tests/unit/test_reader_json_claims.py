"""Claims in JSON: shapes, pointers, and nothing coerced."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.readers import ClaimRead, FileRefused, UnreadableClaim
from services.intake.readers.json_claims import read_claims_json, validate_claims_json
from services.intake.readers.json_shape import MAX_LINES, PROBLEMS_TOLD
from services.intake.schemas import ClaimSchema
from shared.places import where


def a_line(**fields: Any) -> dict[str, Any]:
    return {
        "procedure_code": "G9012",
        "modifiers": ["U2"],
        "place_of_service": "11",
        "service_start": "2026-10-06",
        "units": 4,
        "amount_cents": 10000,
        **fields,
    }


def a_json_claim(**fields: Any) -> dict[str, Any]:
    return {
        "control_number": "J-1",
        "invoice_number": "I-1",
        "payer": {"id": "GSHP1", "name": "Golden State Health Plan"},
        "billing_provider": {
            "npi": "1234567893",
            "tin": "954412345",
            "name": "Harbor Street Outreach",
            "address": {"street": "410 Harbor St", "city": "Los Angeles", "state": "CA", "zip": "90012"},
        },
        "member": {
            "cin": "91234567A",
            "last_name": "Rivera",
            "first_name": "Ana",
            "birth_date": "1988-04-17",
        },
        "diagnosis_codes": ["Z5901"],
        "frequency": "1",
        "lines": [a_line()],
        **fields,
    }


def read(document: object) -> list[ClaimRead | UnreadableClaim]:
    return list(read_claims_json(json.dumps(document).encode(), "claims.json").items())


def one_claim(document: object) -> ClaimRead:
    (item,) = read(document)
    assert isinstance(item, ClaimRead)
    return item


def problems(document: object) -> dict[str, str]:
    return {
        entry["pointer"]: entry["message"] for entry in validate_claims_json(json.dumps(document).encode())
    }


def test_a_good_claim_is_read_whole_without_findings() -> None:
    item = one_claim(a_json_claim(lines=[a_line(), a_line(units=1.5, service_end="2026-10-07")]))

    claim = item.claim
    assert item.findings == ()
    assert (claim.channel, claim.claim_number, claim.payer.id) == ("json", "J-1", "GSHP1")
    assert (claim.member.birth_date, claim.total_cents) == (date(1988, 4, 17), 20000)
    assert [line.units for line in claim.lines] == [Decimal(4), Decimal("1.5")]
    assert [line.service_end for line in claim.lines] == [date(2026, 10, 6), date(2026, 10, 7)]
    assert problems(a_json_claim()) == {}


@pytest.mark.parametrize(
    ("wrap", "pointers"),
    [
        (lambda claim: claim, [""]),
        (lambda claim: [claim, claim], ["/0", "/1"]),
        (lambda claim: {"claims": [claim, claim]}, ["/claims/0", "/claims/1"]),
    ],
)
def test_one_claim_a_list_or_an_object_of_claims(wrap: Any, pointers: list[str]) -> None:
    document = wrap(a_json_claim())
    file = read_claims_json(json.dumps(document).encode(), "claims.json")
    claims = [item.claim for item in file.items() if isinstance(item, ClaimRead)]

    assert (file.census.claims, file.census.lines) == (len(pointers), len(pointers))
    assert [claim.source.pointer for claim in claims] == pointers
    assert where(claims[-1], 1, "units") == f"{pointers[-1]}/lines/0/units"
    assert where(claims[-1], 1, "charge_cents") == f"{pointers[-1]}/lines/0/amount_cents"
    assert where(claims[-1], None, "cin") == f"{pointers[-1]}/member/cin"
    assert where(claims[-1], None, "claim_number") == f"{pointers[-1]}/control_number"


@pytest.mark.parametrize(
    ("change", "pointer", "field"),
    [
        ({"lines": [a_line(units="four")]}, "/claims/0/lines/0/units", "units"),
        ({"lines": [a_line(amount_cents=100.5)]}, "/claims/0/lines/0/amount_cents", "charge_cents"),
        ({"lines": [a_line(amount_cents="100")]}, "/claims/0/lines/0/amount_cents", "charge_cents"),
        ({"lines": [a_line(modifiers="U2")]}, "/claims/0/lines/0/modifiers", "modifiers"),
        ({"lines": [a_line(service_start="13/2/2026")]}, "/claims/0/lines/0/service_start", "service_start"),
        ({"member": {"cin": 912345678}}, "/claims/0/member/cin", "member.cin"),
        ({"member": "Ana"}, "/claims/0/member", "member"),
        ({"payer": {"id": True}}, "/claims/0/payer/id", "payer.id"),
        ({"lines": "none"}, "/claims/0/lines", "lines"),
    ],
)
def test_a_wrong_type_is_a_finding_with_its_pointer(change: dict[str, Any], pointer: str, field: str) -> None:
    item = one_claim({"claims": [a_json_claim(**change)]})

    (found,) = item.findings
    assert (found.rule, found.severity, found.where, found.field) == (
        "field.format",
        "reject",
        pointer,
        field,
    )


def test_repairs_are_the_same_as_in_sheets() -> None:
    item = one_claim(a_json_claim(lines=[a_line(procedure_code="g9012", service_start="10/6/2026")]))

    assert [found.rule for found in item.findings] == ["repair.date_us", "repair.code_punctuation"]
    assert item.claim.lines[0].procedure_code == "G9012"


def test_a_claim_that_is_no_object_is_unreadable_and_harms_no_other() -> None:
    bad, good = read({"claims": [7, a_json_claim()]})

    assert isinstance(bad, UnreadableClaim)
    assert bad.where == "/claims/0"
    assert isinstance(good, ClaimRead)


def test_unknown_fields_are_noted_once_and_ignored() -> None:
    document = {"claims": [a_json_claim(lines=[a_line(color="red")], mood="good"), a_json_claim(mood="fair")]}
    file = read_claims_json(json.dumps(document).encode(), "claims.json")

    (note,) = file.notes
    assert note.rule == "file.column_ignored"
    assert "/lines/color, /mood" in note.message


@pytest.mark.parametrize(
    "document",
    [b"{", b"[]", b'{"claims": []}', b'{"claims": {}}', b"[" * 100_000, b'{"a": 1}', b"7", b'"\xff"'],
)
def test_what_holds_no_claims_is_refused(document: bytes) -> None:
    with pytest.raises(FileRefused) as refusal:
        read_claims_json(document, "claims.json")

    assert refusal.value.finding.rule == "file.unreadable"
    assert validate_claims_json(document)[0]["pointer"] == ""


def test_every_problem_of_shape_is_named_at_once_by_pointer() -> None:
    claim = a_json_claim(
        payer="GSHP1",
        lines=[a_line(), a_line(units=True, amount_cents=1.5, modifiers="U2"), 7],
        member={"cin": 9, "address": []},
    )

    assert problems({"claims": [claim, 5, a_json_claim(lines=[])]}) == {
        "/claims/0/payer": "This must be an object.",
        "/claims/0/lines/1/units": "This must be a number.",
        "/claims/0/lines/1/amount_cents": "This must be a whole number of cents.",
        "/claims/0/lines/1/modifiers": "This must be a list.",
        "/claims/0/lines/2": "This must be an object.",
        "/claims/0/member/cin": "This must be text in double quotes.",
        "/claims/0/member/address": "This must be an object.",
        "/claims/1": "A claim must be an object.",
        "/claims/2/lines": "A claim needs at least one line.",
    }


@pytest.mark.parametrize(
    "document",
    [
        b'{"claims":[' + b"1," * MAX_LINES + b"1]}",
        b"[" + b"1," * MAX_LINES + b"1]",
        b'{"lines":[' + b"1," * MAX_LINES + b"1]}",
        b'[{"lines":[' + b"1," * (MAX_LINES // 2) + b'1]},{"lines":[' + b"1," * (MAX_LINES // 2) + b"1]}]",
    ],
    ids=["claims", "list", "lines", "lines of two claims"],
)
def test_a_small_file_of_very_many_claims_or_lines_is_refused_before_each_is_looked_at(
    document: bytes,
) -> None:
    with pytest.raises(FileRefused) as refused:
        read_claims_json(document, "claims.json")
    assert "more than 200,000 claims or service lines" in refused.value.finding.message
    (problem,) = validate_claims_json(document)
    assert problem["message"] == refused.value.finding.message


def test_of_very_many_problems_the_first_are_told() -> None:
    problems = validate_claims_json(b"[" + b"1," * PROBLEMS_TOLD + b"1]")
    assert [problem["pointer"] for problem in problems] == [f"/{n}" for n in range(PROBLEMS_TOLD)]


def test_a_claim_without_lines_is_a_problem_of_shape() -> None:
    claim = a_json_claim()
    del claim["lines"]

    assert problems(claim) == {"/lines": "A claim needs lines."}


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "npi", "zip"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*ClaimSchema().fields, "other"]), _JSON, max_size=6), _JSON)
def test_no_json_breaks_the_reader_and_the_totals_meet(fields: dict[str, Any], junk: Any) -> None:
    document = {"claims": [{**a_json_claim(), **fields}, junk]}
    file = read_claims_json(json.dumps(document).encode(), "claims.json")

    assert len(list(file.items())) == file.census.claims == 2
    assert isinstance(problems(document), dict)


def test_the_character_nul_is_named_and_not_kept() -> None:
    read_claim = one_claim(a_json_claim(control_number="A\0B"))
    assert read_claim.claim.claim_number is None
    (found,) = read_claim.findings
    assert (found.rule, found.severity, found.where) == ("field.format", "reject", "/control_number")


def test_what_only_helps_is_left_out_with_a_note_where_it_makes_no_sense() -> None:
    claim = a_json_claim(lines=[a_line(start_time="late", end_time=5)])
    claim["member"] |= {"homeless": "maybe", "address": {"zip": "nowhere"}}
    read_claim = one_claim(claim)
    assert {(found.field, found.severity) for found in read_claim.findings} == {
        ("start_time", "note"),
        ("end_time", "note"),
        ("member.homeless", "note"),
        ("member.address.zip", "note"),
    }
    assert all(found.message.endswith("We left it out.") for found in read_claim.findings)
    assert (read_claim.claim.lines[0].start_time, read_claim.claim.member.homeless) == (None, None)
