"""Invoices in Excel workbooks: what people's sheets hold, and what a person sees of them."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from invoice_rows import NAMES, a_row, a_workbook
from openpyxl.utils import get_column_letter

from services.intake.readers import ClaimRead, FileRefused, UnreadableClaim, xlsx_scan
from services.intake.readers.invoice import InvoiceFile
from services.intake.readers.recognise import open_claims_file
from services.intake.readers.xlsx_rows import XlsxTable
from shared.findings import Finding


def saved(folder: Path, workbook: openpyxl.Workbook) -> Path:
    path = folder / "invoice.xlsx"
    workbook.save(path)
    return path


def opened(folder: Path, workbook: openpyxl.Workbook) -> InvoiceFile:
    return InvoiceFile(XlsxTable(saved(folder, workbook)))


def one_claim(file: InvoiceFile) -> ClaimRead:
    (item,) = file.items()
    assert isinstance(item, ClaimRead)
    return item


def rules(findings: tuple[Finding, ...]) -> set[str]:
    return {found.rule for found in findings}


def rewritten(path: Path, part: str, change: Callable[[str], str]) -> Path:
    """The workbook with one part of its archive changed, as another program would have written it."""
    target = path.with_name("rewritten.xlsx")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for entry in source.infolist():
            content = source.read(entry)
            copy.writestr(
                entry.filename, change(content.decode()).encode() if entry.filename == part else content
            )
    return target


SHEET = "xl/worksheets/sheet1.xml"


def test_numbers_dates_and_times_in_cells_are_read_as_a_person_sees_them(tmp_path: Path) -> None:
    workbook = a_workbook(
        a_row(
            billing_npi=1234567893,
            billing_zip=2108,
            member_birth_date=date(1988, 4, 17),
            service_start=datetime(2026, 10, 6),
            start_time=time(9, 30),
            units=4,
            amount=100.1,
            place_of_service=4,
        )
    )

    item = one_claim(opened(tmp_path, workbook))

    claim, line = item.claim, item.claim.lines[0]
    assert claim.source.sheet == "Invoice"
    assert (claim.billing_provider.npi, claim.member.birth_date) == ("1234567893", date(1988, 4, 17))
    assert claim.billing_provider.address is not None
    assert claim.billing_provider.address.zip == "02108"
    assert (line.service_start, line.start_time, line.units) == (date(2026, 10, 6), "09:30", Decimal(4))
    assert (line.charge_cents, line.place_of_service, line.row) == (10010, "04", 2)
    assert rules(item.findings) == {"repair.npi_float", "repair.zip_padded", "repair.place_of_service_padded"}
    assert 'sheet "Invoice", row 2, column F (billing_npi)' in {found.where for found in item.findings}


def test_dates_of_a_1904_workbook_are_not_four_years_off(tmp_path: Path) -> None:
    path = tmp_path / "mac.xlsx"
    with xlsxwriter.Workbook(str(path), {"date_1904": True}) as workbook:
        sheet = workbook.add_worksheet("Invoice")
        sheet.write_row(0, 0, NAMES)
        for index, name in enumerate(NAMES):
            sheet.write(1, index, a_row().get(name, ""))
        day = workbook.add_format({"num_format": "mm/dd/yyyy"})
        sheet.write_datetime(1, NAMES.index("service_start"), datetime(2026, 10, 6), day)

    item = one_claim(InvoiceFile(XlsxTable(path)))

    assert item.claim.lines[0].service_start == date(2026, 10, 6)


def test_hidden_rows_are_not_read_and_that_is_said(tmp_path: Path) -> None:
    workbook = a_workbook(a_row(control_number="A"), a_row(control_number="B"), a_row(control_number="C"))
    workbook["Invoice"].row_dimensions[3].hidden = True

    file = opened(tmp_path, workbook)

    assert [item.claim.claim_number for item in file.items() if isinstance(item, ClaimRead)] == ["A", "C"]
    (note,) = file.notes
    assert (note.rule, note.where) == ("file.hidden", 'sheet "Invoice", row 3')


def test_hidden_columns_are_not_read_and_that_is_said(tmp_path: Path) -> None:
    workbook = a_workbook(a_row(delay_reason="1"))
    letter = get_column_letter(NAMES.index("delay_reason") + 1)
    workbook["Invoice"].column_dimensions[letter].hidden = True

    file = opened(tmp_path, workbook)

    assert one_claim(file).claim.delay_reason is None
    assert "delay_reason" in file.notes[0].message


def test_a_hidden_required_column_is_missing_and_the_refusal_says_it_is_hidden(tmp_path: Path) -> None:
    workbook = a_workbook(a_row())
    letter = get_column_letter(NAMES.index("units") + 1)
    workbook["Invoice"].column_dimensions[letter].hidden = True

    with pytest.raises(
        FileRefused, match=rf"missing .*: units\. Hidden columns are not read: units \({letter}\)"
    ):
        opened(tmp_path, workbook)


def test_hidden_sheets_are_not_read_and_that_is_said(tmp_path: Path) -> None:
    workbook = a_workbook(a_row())
    old = workbook.create_sheet("Old", 0)
    old.append(NAMES)
    old.append([a_row(control_number="OLD").get(name) for name in NAMES])
    old.sheet_state = "veryHidden"

    file = opened(tmp_path, workbook)

    assert one_claim(file).claim.claim_number == "A-1"
    assert 'hidden sheets: "Old"' in file.notes[0].message


def test_the_sheet_with_the_headers_is_taken_wherever_it_stands(tmp_path: Path) -> None:
    workbook = a_workbook(a_row())
    workbook.create_sheet("Read me", 0).append(["How we fill this in"])
    workbook.create_sheet("Empty", 0)

    assert one_claim(opened(tmp_path, workbook)).claim.source.sheet == "Invoice"


def test_two_sheets_with_claims_are_refused_rather_than_one_left_out(tmp_path: Path) -> None:
    workbook = a_workbook(a_row())
    workbook.copy_worksheet(workbook["Invoice"]).title = "November"

    with pytest.raises(FileRefused, match='More than one sheet holds an invoice: "Invoice", "November"'):
        opened(tmp_path, workbook)


def test_a_title_above_the_headers_and_a_table_that_starts_further_right_are_read(tmp_path: Path) -> None:
    workbook = a_workbook(a_row())
    sheet = workbook["Invoice"]
    sheet.insert_rows(1, 3)
    sheet.insert_cols(1, 2)
    sheet["C1"] = "Harbor Street Outreach"

    file = opened(tmp_path, workbook)
    item = one_claim(file)

    assert (item.claim.lines[0].row, item.claim.total_cents) == (5, 10000)
    assert rules(file.notes) == {"repair.header_below"}


def test_labels_above_names_are_one_header_said_twice(tmp_path: Path) -> None:
    workbook = a_workbook(dict(zip(NAMES, NAMES, strict=True)), a_row())

    file = opened(tmp_path, workbook)

    assert one_claim(file).claim.lines[0].row == 3
    assert rules(file.notes) == {"repair.second_header"}


def test_a_formula_counts_with_the_value_it_showed(tmp_path: Path) -> None:
    path = tmp_path / "formula.xlsx"
    with xlsxwriter.Workbook(str(path)) as workbook:
        sheet = workbook.add_worksheet("Invoice")
        sheet.write_row(0, 0, NAMES)
        for index, name in enumerate(NAMES):
            sheet.write(1, index, a_row().get(name, ""))
        sheet.write_formula(1, NAMES.index("amount"), "=4*25", None, 100)
        sheet.write_formula(1, NAMES.index("service_name"), '=IF(1=1,"","x")', None, "")

    # Excel marks a formula that gave empty text as a text cell; the library that wrote this file does not.
    as_excel = rewritten(path, SHEET, lambda xml: re.sub(r'(<c r="AB2")', r'\1 t="str"', xml))

    item = one_claim(InvoiceFile(XlsxTable(as_excel)))

    assert item.claim.lines[0].charge_cents == 10000
    assert item.findings == ()


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("amount", "=4*25", "never calculated"),
        ("units", "#N/A", "#N/A"),
        ("service_start", "=TODAY()", "never calculated"),
    ],
)
def test_a_cell_that_shows_no_value_makes_its_row_unreadable(
    tmp_path: Path, column: str, cell: str, says: str
) -> None:
    file = opened(tmp_path, a_workbook(a_row(**{column: cell}), a_row(control_number="B")))

    bad, good = file.items()

    assert isinstance(bad, UnreadableClaim)
    assert isinstance(good, ClaimRead)
    assert bad.findings[0].rule == "row.unreadable"
    assert says in bad.findings[0].message
    assert bad.findings[0].where is not None
    assert bad.findings[0].where.endswith(f"({column})")


def test_a_failed_formula_in_a_name_is_a_finding_not_an_empty_name(tmp_path: Path) -> None:
    item = one_claim(opened(tmp_path, a_workbook(a_row(member_last_name="#REF!"))))

    assert [(found.rule, found.field) for found in item.findings] == [("field.format", "member.last_name")]


def test_true_in_a_cell_is_not_the_number_one(tmp_path: Path) -> None:
    file = opened(tmp_path, a_workbook(a_row(units=1), a_row(control_number="B", units=True)))

    good, bad = file.items()

    assert isinstance(good, ClaimRead)
    assert isinstance(bad, UnreadableClaim)
    assert bad.findings[0].value == "TRUE"


def test_a_workbook_with_another_namespace_prefix_reads_alike(tmp_path: Path) -> None:
    workbook = a_workbook(a_row(), a_row(control_number="B"))
    workbook["Invoice"].row_dimensions[3].hidden = True
    path = rewritten(
        saved(tmp_path, workbook),
        SHEET,
        lambda xml: re.sub(r"<(/?)(?=[a-zA-Z])", r"<\1x:", xml).replace("xmlns=", "xmlns:x="),
    )

    file = InvoiceFile(XlsxTable(path))

    assert one_claim(file).claim.claim_number == "A-1"
    assert rules(file.notes) == {"file.hidden"}


def test_rows_and_cells_without_numbers_of_their_own_read_alike(tmp_path: Path) -> None:
    workbook = a_workbook(a_row(), a_row(control_number="B"))
    workbook["Invoice"].row_dimensions[3].hidden = True
    path = rewritten(
        saved(tmp_path, workbook),
        SHEET,
        # Without places a cell is known by its order, so the empty ones must be there.
        lambda xml: re.sub(r'<row r="\d+"', "<row", xml),
    )

    file = InvoiceFile(XlsxTable(path))

    assert one_claim(file).claim.claim_number == "A-1"


def test_a_million_empty_formatted_rows_cost_little(tmp_path: Path) -> None:
    path = tmp_path / "formatted.xlsx"
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet("Invoice")
        text = workbook.add_format({"num_format": "@"})
        sheet.write_row(0, 0, NAMES)
        for index, name in enumerate(NAMES):
            sheet.write(1, index, a_row().get(name, ""))
        for row in range(2, 300_000):
            sheet.write_blank(row, 0, None, text)

    file = InvoiceFile(XlsxTable(path))

    assert (file.census.claims, file.census.lines) == (1, 1)


@pytest.mark.parametrize("cell", ["XFD200000", "XFD2", "A250000"])
def test_one_cell_far_away_cannot_take_all_memory(tmp_path: Path, cell: str) -> None:
    workbook = a_workbook(a_row())
    workbook["Invoice"][cell] = "x"

    with pytest.raises(FileRefused, match=r"spans|rows"):
        opened(tmp_path, workbook)


def test_a_far_cell_is_found_however_its_place_is_written(tmp_path: Path) -> None:
    workbook = a_workbook(a_row())
    workbook["Invoice"]["XFD150000"] = "x"
    path = rewritten(
        saved(tmp_path, workbook), SHEET, lambda xml: xml.replace('<c r="XFD150000"', "<c r='XFD150000'")
    )

    with pytest.raises(FileRefused, match="spans"):
        XlsxTable(path)


def test_a_cell_cannot_claim_a_row_far_below_its_own(tmp_path: Path) -> None:
    path = rewritten(
        saved(tmp_path, a_workbook(a_row())), SHEET, lambda xml: xml.replace('r="A2"', 'r="A1048576"', 1)
    )

    with pytest.raises(FileRefused, match="more than 200,000 rows"):
        XlsxTable(path)


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_scan, "MAX_UNCOMPRESSED_BYTES", 10_000)
    workbook = a_workbook(*[a_row() for _ in range(100)])

    with pytest.raises(FileRefused, match="too large"):
        opened(tmp_path, workbook)


def test_sheets_are_scanned_alike_in_pieces_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbook = a_workbook(*[a_row(control_number=f"C{n}") for n in range(30)])
    for row in (5, 17, 31):
        workbook["Invoice"].row_dimensions[row].hidden = True
    workbook["Invoice"]["AK9"] = "#N/A"
    path = saved(tmp_path, workbook)
    whole = list(InvoiceFile(XlsxTable(path)).items())

    monkeypatch.setattr(xlsx_scan, "_PIECE", 700)
    table = XlsxTable(path)

    assert list(InvoiceFile(table).items()) == whole
    assert len(whole) == 27
    assert sum(isinstance(item, UnreadableClaim) for item in whole) == 1


@pytest.mark.parametrize("part", ["xl/workbook.xml", SHEET, "xl/_rels/workbook.xml.rels"])
def test_a_damaged_workbook_is_refused(tmp_path: Path, part: str) -> None:
    path = rewritten(saved(tmp_path, a_workbook(a_row())), part, lambda xml: xml[: len(xml) // 2])

    with pytest.raises(FileRefused):
        InvoiceFile(XlsxTable(path))


def test_hostile_xml_entities_are_refused(tmp_path: Path) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    path = rewritten(
        saved(tmp_path, a_workbook(a_row())),
        "xl/workbook.xml",
        lambda xml: bomb + re.sub(r"<\?xml.*?\?>", "", xml),
    )

    with pytest.raises(FileRefused):
        XlsxTable(path)


_DAMAGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 30), st.binary(max_size=8)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 8), st.booleans(), _DAMAGES)
def test_no_damage_makes_a_workbook_lose_a_claim_or_break_the_reader(
    tmp_path_factory: pytest.TempPathFactory,
    which: int,
    inside: bool,
    damages: list[tuple[float, int, bytes]],
) -> None:
    def damaged(content: bytes) -> bytes:
        for place, removed, inserted in damages:
            at = int(place * len(content))
            content = content[:at] + inserted + content[at + removed :]
        return content

    buffer = io.BytesIO()
    a_workbook(a_row(), a_row(control_number="B", units="x")).save(buffer)
    path = tmp_path_factory.mktemp("damage") / "a.xlsx"
    if inside:
        with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as copy:
            for index, name in enumerate(source.namelist()):
                content = source.read(name)
                copy.writestr(name, damaged(content) if index == which else content)
    else:
        path.write_bytes(damaged(buffer.getvalue()))

    try:
        file = open_claims_file(path, "a.xlsx")
        assert len(list(file.items())) == file.census.claims
    except FileRefused as refusal:
        assert refusal.finding.rule == "file.unreadable"


def test_the_character_nul_which_excel_writes_as_an_escape_is_named_and_not_kept(tmp_path: Path) -> None:
    path = rewritten(
        saved(tmp_path, a_workbook(a_row(control_number="PCN-1"))),
        SHEET,
        lambda xml: xml.replace("PCN-1", "PCN_x0000_-1"),
    )
    item = one_claim(InvoiceFile(XlsxTable(path)))
    assert item.claim.claim_number is None
    (found,) = item.findings
    assert (found.rule, found.severity, found.field) == ("field.format", "reject", "claim_number")


def test_cells_merged_over_rows_are_read_in_each_of_them_as_a_person_sees_them(tmp_path: Path) -> None:
    workbook = a_workbook(a_row(), a_row(service_start="2026-10-07"), a_row(control_number="PCN-2"))
    sheet = workbook["Invoice"]
    for name in ("invoice_number", "control_number", "member_cin", "procedure_code"):
        letters = get_column_letter(NAMES.index(name) + 1)
        sheet.merge_cells(f"{letters}2:{letters}3")
    file = opened(tmp_path, workbook)
    first, second = file.items()
    assert isinstance(first, ClaimRead)
    assert isinstance(second, ClaimRead)
    assert (file.census.claims, len(first.claim.lines), len(second.claim.lines)) == (2, 2, 1)
    assert first.findings == ()
    assert [line.procedure_code for line in first.claim.lines] == ["G9012", "G9012"]
    (note,) = file.notes
    assert (note.rule, note.severity, note.where) == (
        "repair.merged_cells",
        "note",
        'sheet "Invoice", rows 2 and 3',
    )


def test_merged_units_and_amounts_count_once_and_merged_blank_rows_are_no_lines(tmp_path: Path) -> None:
    workbook = a_workbook(a_row(), a_row(service_start="2026-10-07"))
    sheet = workbook["Invoice"]
    for name, last in (("units", 3), ("amount", 3), ("control_number", 9)):
        letters = get_column_letter(NAMES.index(name) + 1)
        sheet.merge_cells(f"{letters}2:{letters}{last}")
    claim = one_claim(opened(tmp_path, workbook)).claim
    assert [(line.units, line.charge_cents) for line in claim.lines] == [(Decimal(4), 10_000), (None, None)]


def test_merged_cells_cannot_fill_the_memory(tmp_path: Path) -> None:
    merged = '<mergeCell ref="A2:A900"/>' * 300
    path = rewritten(
        saved(tmp_path, a_workbook(*[a_row() for _ in range(900)])),
        SHEET,
        lambda xml: xml.replace("</sheetData>", f"</sheetData><mergeCells>{merged}</mergeCells>"),
    )
    with pytest.raises(FileRefused, match="merged"):
        XlsxTable(path)
