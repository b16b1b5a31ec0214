"""Invoices for tests: a row says only what matters, the rest is in order."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl

from services.intake.invoice_columns import COLUMNS

NAMES = [column.name for column in COLUMNS]
GOOD: dict[str, Any] = {
    "invoice_number": "I-1",
    "invoice_date": "2026-11-02",
    "control_number": "A-1",
    "payer_name": "Golden State Health Plan",
    "payer_id": "GSHP1",
    "billing_npi": "1234567893",
    "billing_tin": "954412345",
    "billing_name": "Harbor Street Outreach",
    "billing_address": "410 Harbor St",
    "billing_city": "Los Angeles",
    "billing_state": "CA",
    "billing_zip": "90012",
    "member_cin": "91234567A",
    "member_last_name": "Rivera",
    "member_first_name": "Ana",
    "member_birth_date": "1988-04-17",
    "procedure_code": "G9012",
    "modifiers": "U2",
    "place_of_service": "11",
    "diagnosis_codes": "Z5901",
    "service_start": "2026-10-06",
    "units": "4",
    "amount": "100.00",
}


def a_row(**cells: Any) -> dict[str, Any]:
    """A good invoice row with some cells of its own; a cell that is ``None`` is empty."""
    return {**GOOD, **cells}


def csv_text(rows: Sequence[dict[str, Any]], *, delimiter: str = ",", header: Sequence[str] = NAMES) -> str:
    """The rows as CSV under ``header``."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, header, delimiter=delimiter, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def a_csv(folder: Path, *rows: dict[str, Any], encoding: str = "utf-8") -> Path:
    """A CSV file of these rows."""
    path = folder / "invoice.csv"
    path.write_bytes(csv_text(rows).encode(encoding))
    return path


def a_workbook(*rows: dict[str, Any], header: Sequence[str] = NAMES) -> openpyxl.Workbook:
    """A workbook with the rows on its sheet ``Invoice``, to be made odd and saved."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "Invoice"
    sheet.append(list(header))
    for row in rows:
        sheet.append([row.get(name) for name in header])
    return workbook
