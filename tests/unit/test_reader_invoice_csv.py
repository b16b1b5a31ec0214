"""Invoices in CSV: forms, faults, grouping."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoice_rows import NAMES, a_csv, a_row, csv_text

from services.intake.invoice_columns import COLUMNS, REQUIRED
from services.intake.readers import ClaimRead, FileRefused, UnreadableClaim
from services.intake.readers.csv_rows import CsvTable, encoding_of
from services.intake.readers.invoice import InvoiceFile
from shared.findings import Finding
from shared.places import INVOICE_FIELDS, where


def opened(path: Path) -> InvoiceFile:
    encoding = encoding_of(path)
    assert encoding is not None
    return InvoiceFile(CsvTable(path, encoding))


def read(folder: Path, *rows: dict[str, Any]) -> list[ClaimRead | UnreadableClaim]:
    return list(opened(a_csv(folder, *rows)).items())


def one_claim(folder: Path, *rows: dict[str, Any]) -> ClaimRead:
    (item,) = read(folder, *rows)
    assert isinstance(item, ClaimRead)
    return item


def one_unreadable(folder: Path, *rows: dict[str, Any]) -> UnreadableClaim:
    (item,) = read(folder, *rows)
    assert isinstance(item, UnreadableClaim)
    return item


def of_rule(findings: tuple[Finding, ...], rule: str) -> Finding:
    (found,) = [found for found in findings if found.rule == rule]
    return found


def test_a_good_row_becomes_a_whole_claim_without_findings(tmp_path: Path) -> None:
    item = one_claim(tmp_path, a_row(service_end="2026-10-07", start_time="9:30 AM", homeless="Y"))

    claim, line = item.claim, item.claim.lines[0]
    assert item.findings == ()
    assert (claim.channel, claim.claim_number, claim.invoice_number) == ("invoice", "A-1", "I-1")
    assert (claim.payer.id, claim.billing_provider.npi, claim.member.cin) == (
        "GSHP1",
        "1234567893",
        "91234567A",
    )
    assert claim.billing_provider.address is not None
    assert claim.billing_provider.address.zip == "90012"
    assert (claim.member.birth_date, claim.member.homeless) == (date(1988, 4, 17), True)
    assert (line.procedure_code, line.modifiers, line.units, line.charge_cents) == (
        "G9012",
        ("U2",),
        Decimal(4),
        10000,
    )
    assert (line.service_start, line.service_end) == (date(2026, 10, 6), date(2026, 10, 7))
    assert (line.start_time, line.row, claim.total_cents) == ("09:30", 2, 10000)
    assert (claim.frequency, claim.place_of_service, claim.diagnosis_codes) == ("1", "11", ("Z5901",))


def test_rows_with_the_same_numbers_form_one_claim_wherever_they_stand(tmp_path: Path) -> None:
    rows = [
        a_row(control_number="A"),
        a_row(control_number="B"),
        a_row(control_number="A", service_start="2026-10-08", amount="25.50"),
        a_row(control_number="A", invoice_number="I-2"),
    ]

    file = opened(a_csv(tmp_path, *rows))
    items = [item for item in file.items() if isinstance(item, ClaimRead)]

    assert (file.census.claims, file.census.lines) == (3, 4)
    assert [[line.row for line in item.claim.lines] for item in items] == [[2, 4], [3], [5]]
    assert [item.claim.source.claim_ordinal for item in items] == [0, 1, 2]
    assert items[0].claim.total_cents == 12550


def test_rows_without_a_control_number_are_never_thrown_together(tmp_path: Path) -> None:
    items = read(tmp_path, a_row(control_number=""), a_row(control_number=" "))

    assert [isinstance(item, ClaimRead) and item.claim.claim_number for item in items] == [None, None]


def test_reading_again_starts_from_the_beginning(tmp_path: Path) -> None:
    file = opened(a_csv(tmp_path, a_row(), a_row(control_number="B")))

    assert list(file.items()) == list(file.items())


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_delimiters_and_encodings_are_recognised(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_text([a_row(member_last_name="Muñoz")], delimiter=delimiter).encode(encoding))

    file = opened(path)
    (item,) = file.items()

    assert isinstance(item, ClaimRead)
    assert item.claim.member.last_name == "Muñoz"
    assert [note.rule for note in file.notes] == ([] if encoding.startswith("utf-8") else ["repair.encoding"])


@pytest.mark.parametrize("header", [[c.name.upper() for c in COLUMNS], [f" {c.label} * " for c in COLUMNS]])
def test_headers_are_names_or_labels_in_any_case(tmp_path: Path, header: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text(csv_text([a_row()]).replace(",".join(NAMES), ",".join(header), 1), newline="")

    (item,) = opened(path).items()

    assert isinstance(item, ClaimRead)
    assert item.claim.claim_number == "A-1"


@given(st.permutations(NAMES))
def test_columns_may_stand_in_any_order(tmp_path_factory: pytest.TempPathFactory, header: list[str]) -> None:
    path = tmp_path_factory.mktemp("order") / "a.csv"
    path.write_text(csv_text([a_row()], header=header), newline="")

    (item,) = opened(path).items()

    assert isinstance(item, ClaimRead)
    assert item.findings == ()
    assert item.claim.total_cents == 10000


def test_missing_columns_are_named_all_at_once(tmp_path: Path) -> None:
    header = [name for name in NAMES if name not in ("units", "amount", "member_cin", "member_gender")]
    path = tmp_path / "a.csv"
    path.write_text(csv_text([a_row()], header=header))

    with pytest.raises(FileRefused, match=r"missing .*member_cin, units, amount\.") as refusal:
        opened(path)

    assert refusal.value.finding.rule == "file.unreadable"
    assert "member_gender" not in refusal.value.finding.message


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(csv_text([a_row()], header=[*NAMES, "Units"]))

    with pytest.raises(FileRefused, match="more than once: units"):
        opened(path)


def test_unknown_columns_are_ignored_with_one_note(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(csv_text([a_row()], header=[*NAMES, "Population of focus", "Notes"]))

    (note,) = opened(path).notes

    assert note.rule == "file.column_ignored"
    assert '"Population of focus", "Notes"' in note.message


def test_an_invoice_with_headers_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="no rows"):
        opened(a_csv(tmp_path))


def test_blank_rows_are_skipped_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = csv_text([a_row(member_address="1 Alder Ave\nApt 4"), a_row(control_number="B")])
    lines = text.split("\r\n")
    path.write_text("\r\n".join([lines[0], "", "," * (len(NAMES) - 1), *lines[1:]]), newline="")

    items = [item for item in opened(path).items() if isinstance(item, ClaimRead)]

    assert [item.claim.lines[0].row for item in items] == [4, 5]
    assert items[0].claim.member.address is not None
    assert items[0].claim.member.address.street == "1 Alder Ave Apt 4"


def test_a_line_of_totals_is_no_claim_and_that_is_said(tmp_path: Path) -> None:
    empty = dict.fromkeys(NAMES, "")
    file = opened(a_csv(tmp_path, a_row(), {**empty, "amount": "100.00", "service_name": "Total"}))

    assert file.census.claims == 1
    assert "row 3" in of_rule(file.notes, "file.empty_rows").message


def test_an_unquoted_comma_makes_the_claim_unreadable_not_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = csv_text([a_row(), a_row(service_start="2026-10-07")])
    path.write_text(text.replace("100.00", "1,100.00", 1), newline="")

    (item,) = opened(path).items()

    assert isinstance(item, UnreadableClaim)
    assert item.rows == (2, 3)
    found = of_rule(item.findings, "row.unreadable")
    assert found.where == "row 2"
    assert f"{len(NAMES) + 1} cells" in found.message
    assert "Row 3 of the same claim was fine" in found.message


def test_a_quotation_mark_that_never_closes_is_refused_not_swallowed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        csv_text([a_row(), a_row(control_number="B")]).replace("Rivera", '"Rivera', 1), newline=""
    )

    with pytest.raises(FileRefused, match="double quote"):
        opened(path)


@pytest.mark.parametrize(
    ("column", "cell", "letter"),
    [("units", "four", "AK"), ("amount", "12,5", "AM"), ("service_start", "13/2/2026", "AG")],
)
def test_a_required_cell_without_meaning_makes_its_claim_unreadable(
    tmp_path: Path, column: str, cell: str, letter: str
) -> None:
    item = one_unreadable(tmp_path, a_row(), a_row(**{column: cell}), a_row(service_start="2026-10-09"))

    found = of_rule(item.findings, "row.unreadable")
    assert (item.claim_number, item.rows) == ("A-1", (2, 3, 4))
    assert (found.where, found.line, found.value) == (f"row 3, column {letter} ({column})", 2, cell)
    assert found.field == INVOICE_FIELDS[column]
    assert "Rows 2 and 4 of the same claim were fine" in found.message


def test_one_claim_that_cannot_be_read_harms_no_other(tmp_path: Path) -> None:
    items = read(tmp_path, a_row(control_number="A", units="x"), a_row(control_number="B"))

    assert [type(item) for item in items] == [UnreadableClaim, ClaimRead]


def test_empty_required_cells_stay_empty_for_the_validator_to_report(tmp_path: Path) -> None:
    item = one_claim(tmp_path, a_row(amount="", units="", service_start="", billing_npi="", member_cin=""))

    line = item.claim.lines[0]
    assert (line.charge_cents, line.units, line.service_start) == (None, None, None)
    assert (item.claim.billing_provider.npi, item.claim.member.cin, item.claim.total_cents) == (
        None,
        None,
        None,
    )
    assert item.findings == ()


def test_a_malformed_cell_that_is_not_essential_is_a_finding_on_a_claim_that_is_read(tmp_path: Path) -> None:
    item = one_claim(tmp_path, a_row(member_birth_date="spring", start_time="late", frequency="9"))

    assert {found.field for found in item.findings} == {"member.birth_date", "start_time", "frequency"}
    assert {found.rule for found in item.findings} == {"field.format"}
    assert (item.claim.member.birth_date, item.claim.lines[0].start_time, item.claim.frequency) == (
        None,
        None,
        "9",
    )


def test_rows_that_contradict_each_other_about_their_claim_are_named(tmp_path: Path) -> None:
    item = one_claim(tmp_path, a_row(), a_row(member_cin="97654321C"), a_row(payer_name=""))

    found = of_rule(item.findings, "field.format")
    assert "Row 2 and row 3 differ in member_cin" in found.message
    assert (found.field, found.severity) == ("member.cin", "reject")
    assert item.claim.member.cin == "91234567A"


def test_the_same_date_written_in_two_ways_is_no_contradiction(tmp_path: Path) -> None:
    item = one_claim(tmp_path, a_row(), a_row(member_birth_date="4/17/1988"))

    assert item.findings == ()


def test_repairs_are_listed_with_before_and_after(tmp_path: Path) -> None:
    item = one_claim(tmp_path, a_row(service_start="10/6/2026", member_cin="91234567A45123"))

    dated, card = of_rule(item.findings, "repair.date_us"), of_rule(item.findings, "member.cin_from_bic")
    assert (dated.severity, dated.value, dated.expected, dated.line) == ("note", "10/6/2026", "2026-10-06", 1)
    assert (card.value, card.expected, card.line) == ("91234567A45123", "91234567A", None)


def test_a_unit_cost_that_does_not_multiply_to_the_amount_is_a_question(tmp_path: Path) -> None:
    item = one_claim(tmp_path, a_row(unit_cost="30"))

    found = of_rule(item.findings, "invoice.total")
    assert (found.severity, found.line) == ("note", 1)
    assert "4 units at $30.00 are $120.00" in found.message
    assert item.claim.lines[0].charge_cents == 10000


def test_what_differs_from_line_to_line_stands_on_the_lines(tmp_path: Path) -> None:
    item = one_claim(
        tmp_path,
        a_row(authorization_number="X1", rendering_npi="1000000004"),
        a_row(authorization_number="", rendering_npi=""),
    )

    assert item.claim.authorization_number is None
    assert [line.authorization_number for line in item.claim.lines] == ["X1", None]
    assert [line.rendering_npi for line in item.claim.lines] == ["1000000004", None]


def test_a_place_names_row_and_column_for_every_field(tmp_path: Path) -> None:
    claim = one_claim(tmp_path, a_row(), a_row()).claim

    assert where(claim, 2, "procedure_code") == "row 3, column procedure_code"
    assert where(claim, None, "cin") == "row 2, column member_cin"
    assert where(claim, 2, "charge_cents") == "row 3, column amount"
    assert set(INVOICE_FIELDS) == set(NAMES) >= REQUIRED


@given(st.lists(st.sampled_from(["A", "B", "C", "D", ""]), min_size=1, max_size=12), st.data())
def test_every_row_comes_out_once_and_the_totals_meet(
    tmp_path_factory: pytest.TempPathFactory, controls: list[str], data: st.DataObject
) -> None:
    rows = [a_row(control_number=control) for control in controls]
    for row in rows:
        column = data.draw(
            st.sampled_from(["units", "amount", "service_start", "member_birth_date", "payer_id"])
        )
        row[column] = data.draw(st.sampled_from(["", "7", "x", "2026-10-06", "=1+1"]))

    file = opened(a_csv(tmp_path_factory.mktemp("totals"), *rows))
    items = list(file.items())
    seen = [
        row for item in items for row in (item.rows if isinstance(item, UnreadableClaim) else _rows_of(item))
    ]

    assert len(items) == file.census.claims
    assert sorted(seen) == list(range(2, len(rows) + 2))


def _rows_of(item: ClaimRead) -> list[int]:
    return [line.row or 0 for line in item.claim.lines]


@pytest.mark.parametrize("position", [0, 1], ids=["the first row", "a later row"])
def test_the_shifted_cells_of_a_row_out_of_shape_are_not_read_as_findings(
    tmp_path: Path, position: int
) -> None:
    rows = [a_row(), a_row(service_start="2026-10-07")]
    rows[position]["billing_address"] = "100 Help Ave, Suite 2"
    path = tmp_path / "a.csv"
    path.write_text(csv_text(rows).replace('"100 Help Ave, Suite 2"', "100 Help Ave, Suite 2"))
    (item,) = opened(path).items()
    assert isinstance(item, UnreadableClaim)
    (found,) = item.findings
    assert (found.rule, found.where) == ("row.unreadable", f"row {position + 2}")
    assert found.message.endswith(f"Row {3 - position} of the same claim was fine. Send all its rows again.")
    assert found.expected


@pytest.mark.parametrize("column", ["start_time", "end_time", "member_zip", "unit_cost"])
def test_what_only_helps_is_left_out_with_a_note_where_it_makes_no_sense(tmp_path: Path, column: str) -> None:
    item = one_claim(tmp_path, a_row(**{column: "late"}))
    (found,) = item.findings
    assert (found.rule, found.severity, found.field) == ("field.format", "note", INVOICE_FIELDS[column])
    assert found.message.endswith("We left it out.")
    assert item.claim.lines[0].start_time is None
    assert item.claim.member.address is None or item.claim.member.address.zip is None


def test_rows_that_differ_in_what_only_helps_are_noted_and_the_first_row_counts(tmp_path: Path) -> None:
    item = one_claim(
        tmp_path, a_row(member_zip="93721"), a_row(member_zip="93722", service_start="2026-10-07")
    )
    (found,) = item.findings
    assert (found.rule, found.severity, found.where) == (
        "field.format",
        "note",
        "row 3, column Z (member_zip)",
    )
    assert found.message == "Row 2 and row 3 differ in member_zip. We use that of row 2."
    assert item.claim.member.address is not None
    assert item.claim.member.address.zip == "93721"
