"""The blank invoice that a provider downloads: labels, drop-downs from the code set, help and an example.

What is made here must come back through the invoice reader once it is filled in. So only one sheet has the
labels side by side; help and example show them one below the other.
"""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from services.intake.invoice_columns import COLUMNS
from shared.calendar import us_date

INVOICE_SHEET = "Invoice"
_CODES_SHEET = "Code list"
_ROWS = 1_000  # rows with drop-downs; rows below them are read all the same
_DATES = frozenset({"invoice_date", "member_birth_date", "service_start", "service_end"})
_MONEY = frozenset({"unit_cost", "amount", "invoice_total"})
_NUMBERS = frozenset({"units"})
_CODE_COLUMN = [column.name for column in COLUMNS].index("procedure_code")
_CHOICES = {"member_gender": ["F", "M", "U"], "homeless": ["Y", "N"], "frequency": ["1", "7", "8"]}


def blank_invoice_xlsx(codes: Sequence[tuple[str, str, str]], on: date) -> bytes:
    """A workbook to fill in.

    ``codes`` are (procedure code, modifiers separated by blanks, service in words) in force ``on`` that date.
    """
    buffer = io.BytesIO()
    workbook = Workbook(buffer, {"in_memory": True})
    workbook.set_properties(
        {
            "title": "Invoice for Enhanced Care Management and Community Supports",
            "created": datetime.combine(on, time(), UTC).replace(tzinfo=None),
        }
    )
    invoice = workbook.add_worksheet(INVOICE_SHEET)
    _write_help(workbook, on)
    _write_example(workbook)
    ranges = _write_codes(workbook, codes, on)
    _write_invoice(workbook, invoice, ranges)
    workbook.close()
    return buffer.getvalue()


def blank_invoice_csv() -> str:
    """The labels as the first row of a CSV file."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow([column.label for column in COLUMNS])
    return buffer.getvalue()


def _write_invoice(workbook: Workbook, sheet: Worksheet, ranges: dict[str, str]) -> None:
    required = workbook.add_format({"bold": True, "text_wrap": True, "bg_color": "#D9E8F5", "border": 1})
    optional = workbook.add_format({"text_wrap": True, "bg_color": "#F3F3F3", "border": 1})
    formats = _cell_formats(workbook)
    sheet.freeze_panes(1, 0)
    for index, column in enumerate(COLUMNS):
        # Identifiers are text cells: a number cell would lose leading zeros and show long numbers as 1.2E+09.
        sheet.set_column(index, index, max(12, len(column.label)), formats[_kind(column.name)])
        sheet.write_string(0, index, column.label, required if column.required else optional)
        sheet.write_comment(0, index, f"{column.help}\n{'Required.' if column.required else 'Optional.'}")
        source: str | list[str] | None = ranges.get(column.name) or _CHOICES.get(column.name)
        if source:
            sheet.data_validation(
                1,
                index,
                _ROWS,
                index,
                {
                    "validate": "list",
                    "source": source,
                    # A warning only: a code that comes into force later must not be impossible to type.
                    "error_type": "warning",
                    "error_title": column.label[:32],
                    "error_message": f"Not in the list. {column.help}"[:255],
                },
            )


def _kind(name: str) -> str:
    if name in _DATES:
        return "date"
    if name in _MONEY:
        return "money"
    return "number" if name in _NUMBERS else "text"


def _cell_formats(workbook: Workbook) -> dict[str, Format]:
    return {
        "date": workbook.add_format({"num_format": "mm/dd/yyyy"}),
        "money": workbook.add_format({"num_format": "#,##0.00"}),
        "number": workbook.add_format({"num_format": "General"}),
        "text": workbook.add_format({"num_format": "@"}),
    }


def _write_help(workbook: Workbook, on: date) -> None:
    sheet = workbook.add_worksheet("How to fill in")
    bold, wrap = workbook.add_format({"bold": True}), workbook.add_format({"text_wrap": True})
    sheet.set_column(0, 0, 32)
    sheet.set_column(1, 1, 12)
    sheet.set_column(2, 2, 80, wrap)
    lines = (
        f'Fill in the sheet "{INVOICE_SHEET}": one row for each service.',
        "Rows with the same invoice number and control number form one claim.",
        f"The codes are those of DHCS in force on {us_date(on)}. DHCS allows no others.",
        "Hidden rows, columns and sheets are not read.",
    )
    for row, line in enumerate(lines):
        sheet.write_string(row, 0, line)
    start = len(lines) + 1
    sheet.write_row(start, 0, ["Column", "Needed", "What goes in it"], bold)
    for row, column in enumerate(COLUMNS, start=start + 1):
        sheet.write_row(row, 0, [column.label, "required" if column.required else "optional", column.help])


def _write_example(workbook: Workbook) -> None:
    sheet = workbook.add_worksheet("Example")
    bold = workbook.add_format({"bold": True})
    sheet.set_column(0, 0, 32)
    sheet.set_column(1, 1, 28)
    sheet.write_row(0, 0, ["Column", "A row of one claim"], bold)
    for row, column in enumerate(COLUMNS, start=1):
        sheet.write_string(row, 0, column.label)
        sheet.write_string(row, 1, column.example)


def _write_codes(workbook: Workbook, codes: Sequence[tuple[str, str, str]], on: date) -> dict[str, str]:
    """The code list, and the formulas of the drop-downs by column name: the modifiers are those of the row's code."""
    sheet = workbook.add_worksheet(_CODES_SHEET)
    bold = workbook.add_format({"bold": True})
    sheet.set_column(2, 2, 70)
    sheet.write_row(0, 0, ["HCPCS", "With", f"Service (DHCS list in force on {us_date(on)})"], bold)
    # Rows of one code stand together: the drop-down of its modifiers is one stretch of this list.
    for row, entry in enumerate(sorted(codes), start=1):
        sheet.write_row(row, 0, list(entry))
    distinct = sorted({code for code, _, _ in codes})
    if not distinct:
        return {}
    sheet.write_string(0, 4, "Codes", bold)
    sheet.write_column(1, 4, distinct)
    listed = f"'{_CODES_SHEET}'!$A$1:$A${len(codes) + 1}"
    chosen = f"${xl_col_to_name(_CODE_COLUMN)}2"
    return {
        "procedure_code": f"='{_CODES_SHEET}'!$E$2:$E${len(distinct) + 1}",
        "modifiers": f"=OFFSET('{_CODES_SHEET}'!$B$1,MATCH({chosen},{listed},0)-1,0,COUNTIF({listed},{chosen}),1)",
    }
