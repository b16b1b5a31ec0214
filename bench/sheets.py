"""Invoices of any size for benchmarks and load tests: ``write_xlsx`` and ``write_csv``.

All in them is made up and valid: NPIs close their check digit, CINs have their shape, codes are listed.
Two rows form a claim; dates are date cells and NPIs are numbers, as people's workbooks have them.
"""

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import xlsxwriter

from services.intake.invoice_columns import COLUMNS
from shared.identifiers import CIN_LETTERS, is_npi

_FIRST_DAY = date(2026, 10, 1)
_LAST = ("Rivera", "Nguyen", "Okafor", "Haddad", "Castillo", "Moua", "Jackson", "Petrosyan")
_FIRST = ("Ana", "Minh", "Ada", "Samir", "Luis", "Pa", "Denise", "Ara")


def npis(count: int) -> list[str]:
    """``count`` different NPIs with a valid check digit."""
    found: list[str] = []
    base = 123_456_700
    while len(found) < count:
        base += 1
        found.append(next(f"{base}{digit}" for digit in range(10) if is_npi(f"{base}{digit}")))
    return found


def rows(count: int, *, lines_per_claim: int = 2) -> Iterator[dict[str, object]]:
    """``count`` invoice rows by column name, with dates as dates and amounts as numbers."""
    providers = npis(20)
    for index in range(count):
        claim, line = divmod(index, lines_per_claim)
        day = _FIRST_DAY + timedelta(days=(claim * lines_per_claim + line) % 30)
        npi = providers[claim % len(providers)]
        units = 1 + claim % 8
        yield {
            "invoice_number": f"2026-{claim // 50:05d}",
            "invoice_date": date(2026, 11, 2),
            "control_number": f"C-{claim:07d}",
            "payer_name": "Golden State Health Plan",
            "payer_id": "GSHP1",
            "billing_npi": int(npi),
            "billing_tin": f"95{int(npi) % 10**7:07d}",
            "billing_name": f"Harbor Street Outreach {claim % len(providers)}",
            "billing_phone": "2135550142",
            "billing_address": "410 Harbor St",
            "billing_city": "Los Angeles",
            "billing_state": "CA",
            "billing_zip": "90012",
            "member_cin": f"9{claim % 10**7:07d}{CIN_LETTERS[claim % len(CIN_LETTERS)]}",
            "member_last_name": _LAST[claim % 8],
            "member_first_name": _FIRST[claim % 7],
            "member_birth_date": date(1960, 1, 1) + timedelta(days=claim % 18_000),
            "member_gender": "FMU"[claim % 3],
            "homeless": "N",
            "member_address": f"{claim % 900 + 1} Alder Ave",
            "member_city": "Los Angeles",
            "member_state": "CA",
            "member_zip": "90031",
            "service_name": "ECM in person",
            "procedure_code": "G9012",
            "modifiers": "U2",
            "place_of_service": "11",
            "diagnosis_codes": "Z5901",
            "service_start": day,
            "service_end": day,
            "units": units,
            "unit_cost": 25.5,
            "amount": units * 25.5,
            "authorization_number": f"ECM-{claim:06d}",
            "frequency": "1",
        }


def write_xlsx(path: Path, count: int) -> None:
    """A workbook of ``count`` rows under the columns' names."""
    workbook = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = workbook.add_worksheet("Invoice")
    day_format = workbook.add_format({"num_format": "mm/dd/yyyy"})
    sheet.write_row(0, 0, [column.name for column in COLUMNS])
    for number, row in enumerate(rows(count), start=1):
        for index, column in enumerate(COLUMNS):
            value = row.get(column.name)
            if isinstance(value, date):
                sheet.write_datetime(number, index, datetime(value.year, value.month, value.day), day_format)
            elif isinstance(value, str):
                sheet.write_string(number, index, value)
            elif isinstance(value, (int, float)):
                sheet.write_number(number, index, value)
    workbook.close()


def write_csv(path: Path, count: int) -> None:
    """A CSV file of ``count`` rows under the columns' names, with ISO dates."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [column.name for column in COLUMNS])
        writer.writeheader()
        writer.writerows(rows(count))
