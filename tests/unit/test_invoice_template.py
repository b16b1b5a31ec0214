"""The blank invoice: what we give out must come back."""

import io
from datetime import date
from pathlib import Path

import openpyxl
from invoice_rows import NAMES, a_row
from openpyxl.utils import get_column_letter

from services.intake.invoice_columns import COLUMNS, REQUIRED, column_of_header
from services.intake.invoice_template import INVOICE_SHEET, blank_invoice_csv, blank_invoice_xlsx
from services.intake.readers import ClaimRead
from services.intake.readers.csv_rows import CsvTable
from services.intake.readers.invoice import InvoiceFile
from services.intake.readers.invoice_cells import CLAIM_COLUMNS, LINE_COLUMNS, PARSERS
from services.intake.readers.xlsx_rows import XlsxTable

CODES = [("G9008", "U1", "ECM, clinical staff"), ("G9012", "U2", "ECM"), ("G9012", "U2 GQ", "ECM by phone")]
ON = date(2026, 11, 2)


def template() -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(blank_invoice_xlsx(CODES, ON)))


def test_a_filled_template_is_read_back_whole(tmp_path: Path) -> None:
    workbook = template()
    for index, name in enumerate(NAMES, start=1):
        workbook[INVOICE_SHEET].cell(2, index, a_row().get(name))
    workbook.save(tmp_path / "filled.xlsx")

    file = InvoiceFile(XlsxTable(tmp_path / "filled.xlsx"))
    (item,) = file.items()

    assert isinstance(item, ClaimRead)
    assert (item.findings, file.notes) == ((), ())
    assert (item.claim.claim_number, item.claim.total_cents) == ("A-1", 10000)


def test_the_example_in_the_template_is_a_good_claim(tmp_path: Path) -> None:
    workbook = template()
    for index, row in enumerate(workbook["Example"].iter_rows(min_row=2, values_only=True), start=1):
        workbook[INVOICE_SHEET].cell(2, index, row[1])
    workbook.save(tmp_path / "example.xlsx")

    (item,) = InvoiceFile(XlsxTable(tmp_path / "example.xlsx")).items()

    assert isinstance(item, ClaimRead)
    assert {found.severity for found in item.findings} <= {"note"}
    assert item.claim.lines[0].charge_cents == item.claim.total_cents == 10000


def test_codes_are_offered_in_drop_downs_from_the_list_given() -> None:
    workbook = template()
    offered = {str(v.sqref): v.formula1 for v in workbook[INVOICE_SHEET].data_validations.dataValidation}
    letter = get_column_letter(NAMES.index("procedure_code") + 1)

    sheet, cells = offered[f"{letter}2:{letter}1001"].replace("'", "").split("!")

    values = [cell[0].value for cell in workbook[sheet][cells.replace("$", "")]]
    assert values == ["G9008", "G9012"]


def test_the_modifiers_offered_are_those_of_the_code_chosen_in_the_row() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(blank_invoice_xlsx(CODES[::-1], ON)))
    offered = {str(v.sqref): v.formula1 for v in workbook[INVOICE_SHEET].data_validations.dataValidation}
    code, modifiers = (get_column_letter(NAMES.index(name) + 1) for name in ("procedure_code", "modifiers"))

    formula = offered[f"{modifiers}2:{modifiers}1001"]

    listed = "'Code list'!$A$1:$A$4"
    assert formula == f"OFFSET('Code list'!$B$1,MATCH(${code}2,{listed},0)-1,0,COUNTIF({listed},${code}2),1)"
    together = [(row[0], row[1]) for row in workbook["Code list"].iter_rows(min_row=2, values_only=True)]
    assert together == [("G9008", "U1"), ("G9012", "U2"), ("G9012", "U2 GQ")]


def test_a_template_without_codes_still_opens() -> None:
    assert blank_invoice_xlsx([], ON)


def test_the_csv_template_has_the_labels_and_is_read_back(tmp_path: Path) -> None:
    header = blank_invoice_csv()
    path = tmp_path / "a.csv"
    path.write_text(header + ",".join(str(a_row().get(name) or "") for name in NAMES), newline="")

    (item,) = InvoiceFile(CsvTable(path, "utf-8-sig")).items()

    assert isinstance(item, ClaimRead)
    assert item.claim.claim_number == "A-1"


def test_every_column_is_known_by_name_and_label_and_has_a_reader() -> None:
    for column in COLUMNS:
        assert column_of_header(column.name) == column_of_header(column.label) == column.name
    assert set(NAMES) == set(PARSERS) == set(CLAIM_COLUMNS) | set(LINE_COLUMNS)
    assert len(CLAIM_COLUMNS) + len(LINE_COLUMNS) == len(NAMES)
    assert " ".join(name for name in NAMES if name in REQUIRED) == (
        "invoice_number invoice_date control_number payer_name payer_id billing_npi billing_tin billing_name"
        " billing_address billing_city billing_state billing_zip member_cin member_last_name"
        " member_first_name member_birth_date"
        " procedure_code modifiers place_of_service service_start units amount"
    )
