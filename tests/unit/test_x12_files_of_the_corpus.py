"""One file a defect: what each ends as, and that no claim of any of them is lost."""

from pathlib import Path

import pytest

from services.intake.readers import ClaimRead, FileRefused
from services.intake.readers.x12_837p import X12ClaimsFile
from shared.findings import Finding, worst

FILES = Path(__file__).parent.parent / "files" / "837p"


def read(name: str) -> tuple[X12ClaimsFile, list[ClaimRead]]:
    file = X12ClaimsFile(FILES / f"{name}.837")
    items = list(file.checked_items(processes=0))
    assert len(items) == file.census.claims
    assert all(isinstance(item, ClaimRead) for item in items)
    return file, [item for item in items if isinstance(item, ClaimRead)]


def rejections(item: ClaimRead) -> list[Finding]:
    return [finding for finding in item.findings if finding.severity == "reject"]


@pytest.mark.parametrize("path", sorted(FILES.glob("good*.837")), ids=lambda path: path.stem)
def test_a_good_file_has_no_rejection(path: Path) -> None:
    _, items = read(path.stem)
    assert [worst(item.findings) for item in items] == ["accepted"] * len(items)
    assert all(item.claim.member.cin == "91234567A" for item in items)
    assert all(len(item.claim.lines) == 2 for item in items)


# Name of the file, the claims that are rejected, the rule and the place of their first rejection.
REJECTED = [
    ("structure_wrong_se_count", [1, 2], "file.structure", "ST 0001, SE01"),
    ("structure_wrong_se_control", [1, 2], "file.structure", "ST 0001, SE02"),
    ("structure_wrong_ge", [1, 2], "file.structure", "GS 1, GE01"),
    ("structure_wrong_iea", [1, 2], "file.structure", "ISA 000000001, IEA01"),
    ("structure_unknown_gs01", [1, 2], "file.structure", "GS 1, GS01"),
    ("structure_hl_parent", [2], "file.structure", "ST 0001, 2000B HL, segment 31"),
    ("structure_missing_subscriber_name", [1], "file.structure", "ST 0001, 2000B N3, segment 14"),
    ("structure_missing_diagnosis", [1], "file.structure", "ST 0001, HI"),
    ("structure_missing_service_date", [1], "file.structure", "ST 0001, LX 2, DTP (472)"),
    ("structure_missing_billing_address", [1, 2], "file.structure", "ST 0001, 2010AA N3"),
    ("structure_segments_out_of_order", [1], "file.structure", "ST 0001, LX 1, SV1"),
    ("structure_unknown_segment", [1], "file.structure", "ST 0001, LX 1, ZZZ"),
    ("structure_long_composite", [1], "file.structure", "ST 0001, LX 1, SV101-9"),
    ("structure_missing_clm_pieces", [1], "file.structure", "ST 0001, CLM05-2"),
    ("structure_bad_qualifier", [1], "file.structure", "ST 0001, 2000B SBR01, segment 13"),
    ("structure_line_numbers", [1], "file.structure", "ST 0001, LX 2, LX"),
    ("format_amount", [1], "field.format", "ST 0001, LX 1, SV102"),
    ("format_amount_three_decimals", [1], "field.format", "ST 0001, LX 1, SV102"),
    ("format_date", [1], "field.format", "ST 0001, LX 1, DTP03 (472)"),
    ("format_units", [1], "field.format", "ST 0001, LX 1, SV104"),
    ("format_birth_date", [1], "field.format", "ST 0001, 2010BA DMG02"),
    ("format_frequency", [1], "field.format", "ST 0001, CLM05-3"),
    ("format_not_hcpcs", [1], "field.format", "ST 0001, LX 1, SV101-1"),
    ("format_huge_element", [1, 2], "field.format", "ST 0001, 2010AA N301"),
]


@pytest.mark.parametrize(("name", "claims", "rule", "where"), REJECTED, ids=[row[0] for row in REJECTED])
def test_a_defect_rejects_the_claims_it_touches_and_no_other(
    name: str, claims: list[int], rule: str, where: str
) -> None:
    _, items = read(name)
    touched = [number for number, item in enumerate(items, 1) if rejections(item)]
    assert touched == claims
    first = rejections(items[claims[0] - 1])[0]
    assert (first.rule, first.where) == (rule, where)
    assert first.expected


def test_every_defect_has_its_file() -> None:
    named = {row[0] for row in REJECTED}
    assert {path.stem for path in FILES.glob("structure*.837")} | {
        path.stem for path in FILES.glob("format*.837")
    } == named


@pytest.mark.parametrize("name", [row[0] for row in REJECTED if row[2] == "field.format"])
def test_an_element_that_reading_and_structure_check_both_refuse_is_named_once(name: str) -> None:
    _, items = read(name)
    assert len(rejections(items[0])) == 1


def test_repairs_are_listed_with_before_and_after() -> None:
    _, items = read("repair_codes")
    listed = [(each.rule, each.value, each.expected) for each in items[0].findings]
    assert listed == [
        ("repair.code_punctuation", "Z59.01", "Z5901"),
        ("repair.code_punctuation", "z590", "Z590"),
        ("repair.code_punctuation", "g9012", "G9012"),
        ("repair.code_punctuation", "u2", "U2"),
    ]
    assert worst(items[0].findings) == "accepted"
    assert items[0].claim.lines[0].procedure_code == "G9012"
    assert items[0].claim.lines[0].modifiers == ("U2",)
    assert items[0].claim.diagnosis_codes == ("Z5901", "Z590")


@pytest.mark.parametrize(
    ("name", "rule", "before"),
    [
        ("repair_card_number", "member.cin_from_bic", "91234567A12345"),
        ("repair_cin_case", "repair.cin_case", "91234567 a"),
    ],
)
def test_the_member_id_is_read_from_the_card_or_in_capitals(name: str, rule: str, before: str) -> None:
    _, items = read(name)
    assert items[0].claim.member.cin == "91234567A"
    assert [(each.rule, each.value, each.expected) for each in items[0].findings] == [
        (rule, before, "91234567A")
    ]


REFUSED = {
    "refused_empty": "empty",
    "refused_no_isa": "does not begin with an ISA",
    "refused_isa_cut": "too short",
    "refused_isa_short": "fixed lengths",
    "refused_truncated": "cut off",
    "refused_no_iea": "segment IEA",
    "refused_no_ge": "segment GE",
    "refused_no_se": "segment SE",
    "refused_segments_outside": "outside a transaction set",
    "refused_no_claims": "no claim",
    "refused_835": "remittance advice",
    "refused_837i": "institutional",
    "refused_270": "eligibility question",
}


@pytest.mark.parametrize("path", sorted(FILES.glob("refused*.837")), ids=lambda path: path.stem)
def test_a_broken_envelope_refuses_the_file_with_the_place(path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        X12ClaimsFile(path)
    finding = refused.value.finding
    assert finding.rule == "file.unreadable"
    assert REFUSED[path.stem] in finding.message
    assert finding.where
    assert finding.expected


def test_a_repeated_iea_is_passed_over_with_a_note() -> None:
    file, items = read("good_repeated_iea")
    assert [note.severity for note in file.notes] == ["note"]
    assert len(items) == 2


def test_nothing_after_a_blank_segment_is_lost() -> None:
    file, items = read("good_second_interchange_after_blank_segment")
    assert file.census.interchanges == 2
    assert [item.claim.claim_number for item in items] == ["PCN-1", "PCN-2", "PCN-11"]
