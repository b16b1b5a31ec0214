"""Makes the samples beside it: ``python samples/build.py``. All people and organizations are made up.

Control numbers say what a claim shows. Change a claim here, run it, and commit what it wrote. Claims age (a plan need
not take a service of more than a year ago), so the demo builds them anew, moved to the day on which it runs.
"""

import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter

from services.intake.invoice_columns import COLUMNS

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import claims_837p  # noqa: E402 - stands beside this script, which is no package
import other_care  # noqa: E402
import remittance_835  # noqa: E402

MADE_ON = date(2026, 11, 16)

Row = dict[str, Any]
_PLAN = {"payer_name": "Golden State Health Plan", "payer_id": "GSHP1"}
_HARBOR = {
    "billing_npi": "1234567893",
    "billing_tin": "954412345",
    "billing_name": "Harbor Street Outreach",
    "billing_phone": "2135550142",
    "billing_address": "410 Harbor St",
    "billing_city": "Los Angeles",
    "billing_state": "CA",
    "billing_zip": "90012",
}
_RIVERA = {
    "member_cin": "91234567A",
    "member_last_name": "Rivera",
    "member_first_name": "Ana",
    "member_birth_date": date(1988, 4, 17),
    "member_gender": "F",
}
_NGUYEN = {
    "member_cin": "92345678C",
    "member_last_name": "Nguyen",
    "member_first_name": "Minh",
    "member_birth_date": date(1971, 9, 2),
    "member_gender": "M",
}
_OKAFOR = {
    "member_cin": "93456789D",
    "member_last_name": "Okafor",
    "member_first_name": "Ada",
    "member_birth_date": date(2001, 1, 30),
    "member_gender": "F",
    "homeless": "Y",
}
_HADDAD = {
    "member_cin": "94567890E",
    "member_last_name": "Haddad",
    "member_first_name": "Samir",
    "member_birth_date": date(1959, 12, 11),
    "member_gender": "M",
}
_ECM = {
    "procedure_code": "G9012",
    "modifiers": "U2",
    "place_of_service": "11",
    "service_name": "ECM in person",
}


def _row(control: str, member: Row, day: object, units: object, amount: object, **cells: Any) -> Row:
    return {
        "invoice_number": "2026-118",
        "invoice_date": date(2026, 11, 16),
        "control_number": control,
        **_PLAN,
        **_HARBOR,
        **member,
        **_ECM,
        "diagnosis_codes": "Z5901",
        "service_start": day,
        "units": units,
        "amount": amount,
        **cells,
    }


_OUTREACH = {"modifiers": "U8", "service_name": "ECM outreach, in person", "place_of_service": "27"}

# (row, what its claim shows): the text stands once, at the first row of a claim.
XLSX_ROWS: list[tuple[Row, str]] = [
    (_row("INV-OK-1", _RIVERA, date(2026, 10, 6), 4, 100), "One claim of two services, both in order"),
    (_row("INV-OK-1", _RIVERA, date(2026, 10, 13), 2, 50), ""),
    (
        _row("INV-OK-OUTREACH", _OKAFOR, date(2026, 10, 7), 1, 35, **_OUTREACH),
        "An outreach attempt to somebody who never enrolled",
    ),
    (
        _row(
            "INV-OK-DEPOSIT",
            _HADDAD,
            date(2026, 10, 20),
            1,
            1850.5,
            procedure_code="H0044",
            modifiers="U2",
            service_name="Housing deposit",
            place_of_service="12",
        ),
        "A housing deposit with its billed amount",
    ),
    (
        _row("INV-BAD-CODE", _NGUYEN, date(2026, 10, 8), 2, 50, procedure_code="98960"),
        "A code of the CHW benefit",
    ),
    (
        _row("INV-BAD-MODIFIER", _NGUYEN, date(2026, 10, 9), 2, 50, modifiers="U2 95"),
        "95: DHCS uses GQ for telehealth",
    ),
    (
        _row("INV-BAD-NO-MODIFIER", _NGUYEN, date(2026, 10, 12), 2, 50, modifiers=None),
        "A listed code without its modifier",
    ),
    (
        _row("INV-BAD-COMBINATION", _NGUYEN, date(2026, 10, 14), 2, 50, modifiers="U1"),
        "Listed modifier, but not with this code",
    ),
    (
        _row("INV-BAD-CIN", {**_NGUYEN, "member_cin": "12345678"}, date(2026, 10, 15), 2, 50),
        "A member ID that is no CIN",
    ),
    (
        _row("INV-BAD-NPI", _NGUYEN, date(2026, 10, 16), 2, 50, billing_npi="1234567890"),
        "An NPI with a wrong check digit",
    ),
    (
        _row("INV-BAD-DATES", _NGUYEN, date(2026, 10, 19), 2, 50, service_end=date(2026, 10, 1)),
        "The service ends before it begins",
    ),
    (_row("INV-DUPLICATE", _RIVERA, date(2026, 10, 6), 4, 100), "The first service of INV-OK-1 once more"),
    (
        _row(
            "INV-REPAIRED",
            _OKAFOR,
            "10/21/2026",
            3.0,
            "$75.00",
            billing_npi=1234567893,
            procedure_code="g9012",
        ),
        "Put right with notes: a date as text, a dollar sign, an NPI as a number, a small letter",
    ),
    (
        _row("INV-UNREADABLE", _HADDAD, date(2026, 10, 22), "four", 100),
        "Units that are no number: the whole claim must come again",
    ),
    (_row("INV-UNREADABLE", _HADDAD, date(2026, 10, 23), 2, 50), ""),
]
CSV_ROWS: list[tuple[Row, str]] = [
    (_row("CSV-OK-1", _RIVERA, date(2026, 10, 27), 4, "100.00"), "In order"),
    (
        _row(
            "CSV-OK-PHONE",
            _NGUYEN,
            date(2026, 10, 28),
            1,
            "25.00",
            modifiers="U2 GQ",
            place_of_service="10",
            service_name="ECM by phone",
        ),
        "By phone, with GQ",
    ),
    (
        _row("CSV-CARD-NUMBER", {**_HADDAD, "member_cin": "94567890E46205"}, date(2026, 10, 29), 2, "50.00"),
        "The 14 characters of the card: the first nine are the CIN",
    ),
    (
        _row("CSV-DUPLICATE", _RIVERA, date(2026, 10, 13), 2, "50.00"),
        "The second service of INV-OK-1, sent again in another file",
    ),
    (
        _row(
            "CSV-BAD-AMOUNT",
            _HADDAD,
            date(2026, 10, 30),
            1,
            "",
            procedure_code="H0044",
            modifiers="U2",
            service_name="Housing deposit",
        ),
        "A deposit without an amount",
    ),
    (
        _row(
            "CSV-BAD-BIRTH-DATE", {**_OKAFOR, "member_birth_date": "13/2/2001"}, date(2026, 11, 2), 2, "50.00"
        ),
        "A birth date that is no date",
    ),
    (_row("CSV-UNREADABLE", _OKAFOR, "sometime", 2, "50.00"), "A service date that is no date"),
]
_TITLES = {
    "claims.837": "837P of Harbor Street Outreach (NPI 1234567893), two transaction sets",
    "invoice.xlsx": "Excel invoice of Harbor Street Outreach (NPI 1234567893)",
    "invoice.csv": "The same organization's next invoice, as CSV",
    "claims.json": "Claims as a billing system sends them",
    "other-care.csv": "Claims that records of other care speak about: load the feeds below first",
}
_FEEDS = {
    "care_services.csv": "CHW and county TCM services. The NPI of CHW-1004 is wrong: that row is not taken",
    "enrollments.csv": "Time in CCS, PACE, a waiver, specialty mental health and in the plan itself",
    "authorizations.csv": "Authorizations of the members of all samples",
    "member_aliases.csv": "Two CINs of one member",
    "care_services_late.csv": "A county TCM service that comes after the claims were judged",
}
_FEED_PATHS = {
    "care_services.csv": "care-services",
    "enrollments.csv": "enrollments",
    "authorizations.csv": "authorizations",
    "member_aliases.csv": "member-aliases",
}
_CURL = """curl -X POST http://127.0.0.1:8080/{path} \\
    -H "Authorization: Bearer $PLAN_KEY" {body}
"""
_CHECK = """
The plan loads the first four before the claims, with a key of the role claims, and the last one after them:

```
{curls}```

Who wants to see the same verdicts offline names them:

```
promptclaim check samples/other-care.csv --services samples/care_services.csv \\
    --enrollments samples/enrollments.csv --authorizations samples/authorizations.csv \\
    --aliases samples/member_aliases.csv
```

The offline check does not know which NPIs are tied to a key: X12-BAD-NPI-OWNER is accepted there, and rejected where it
is sent with Harbor Street's key.
"""
_REMITTANCE = """
What the plan paid and denied of claims.837, for `POST /payments/api/v1/remittances` or the page
`/payments/remittances`. A payment cannot be dated before its claim came, and one dated in the future waits for its day.
Set it to today in California, and send it with the plan's key:

```
sed "s/\\*{day}~/*$(TZ=America/Los_Angeles date +%Y%m%d)~/" samples/remittance.835 > remittance.835
{curl}```
"""


def _other_care_rows() -> list[tuple[Row, str]]:
    rows = []
    for sample in other_care.CLAIMS:
        member, day, cells = other_care.claim_cells(sample, MADE_ON)
        rows.append((_row(sample.control, member, day, sample.units, sample.amount, **cells), sample.shows))
    return rows


def _json_claim(control: str, member: Row, lines: list[Row], **fields: Any) -> Row:
    return {
        "control_number": control,
        "invoice_number": "2026-120",
        "invoice_date": "2026-11-16",
        "payer": {"id": _PLAN["payer_id"], "name": _PLAN["payer_name"]},
        "billing_provider": {
            "npi": _HARBOR["billing_npi"],
            "tin": _HARBOR["billing_tin"],
            "name": _HARBOR["billing_name"],
            "address": {"street": "410 Harbor St", "city": "Los Angeles", "state": "CA", "zip": "90012"},
        },
        "member": {
            "cin": member["member_cin"],
            "last_name": member["member_last_name"],
            "first_name": member["member_first_name"],
            "birth_date": member["member_birth_date"].isoformat(),
            "gender": member["member_gender"],
        },
        "diagnosis_codes": ["Z5901"],
        "frequency": "1",
        "lines": lines,
        **fields,
    }


def _json_line(day: str, units: object, cents: object, *modifiers: str, code: str = "G9012") -> Row:
    return {
        "procedure_code": code,
        "modifiers": list(modifiers or ("U2",)),
        "place_of_service": "11",
        "service_start": day,
        "units": units,
        "amount_cents": cents,
    }


JSON_CLAIMS: list[tuple[Row, str]] = [
    (
        _json_claim(
            "JSON-OK-1", _NGUYEN, [_json_line("2026-11-03", 4, 10000), _json_line("2026-11-05", 2, 5000)]
        ),
        "In order",
    ),
    (
        _json_claim("JSON-OK-OUTREACH", _OKAFOR, [_json_line("2026-11-04", 1, 3500, "U8", "GQ")]),
        "An outreach attempt by phone",
    ),
    (
        _json_claim("JSON-BAD-MODIFIER", _RIVERA, [_json_line("2026-11-05", 2, 5000, "U2", "93")]),
        "93: DHCS uses GQ",
    ),
    (
        _json_claim("JSON-BAD-UNITS", _RIVERA, [_json_line("2026-11-06", "two", 5000)]),
        "Units that are no number, by JSON pointer",
    ),
    (
        _json_claim(
            "JSON-REPLACES",
            _NGUYEN,
            [_json_line("2026-11-03", 3, 7500)],
            frequency="7",
            original_reference="JSON-OK-1",
        ),
        "Replaces JSON-OK-1",
    ),
]


def _moved(cells: Row, days: int) -> Row:
    """The same claim or row with every date but the birth date moved by ``days``, in whatever form it is written."""

    def move(name: str, cell: Any) -> Any:
        if "birth_date" in name:
            return cell
        if isinstance(cell, date):
            return cell + timedelta(days)
        if isinstance(cell, dict):
            return _moved(cell, days)
        if isinstance(cell, list):
            return [move(name, each) for each in cell]
        if isinstance(cell, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", cell):
            return (date.fromisoformat(cell) + timedelta(days)).isoformat()
        if isinstance(cell, str) and re.fullmatch(r"\d{2}/\d{2}/\d{4}", cell):
            return f"{datetime.strptime(cell, '%m/%d/%Y') + timedelta(days):%m/%d/%Y}"  # noqa: DTZ007 - a bare date
        return cell

    return {name: move(name, cell) for name, cell in cells.items()}


def _write_xlsx(path: Path, days: int) -> None:
    with xlsxwriter.Workbook(str(path)) as workbook:
        workbook.set_properties({"created": datetime(2026, 11, 16)})  # noqa: DTZ001 - Excel knows no zones
        sheet = workbook.add_worksheet("Invoice")
        day_format = workbook.add_format({"num_format": "mm/dd/yyyy"})
        sheet.write_row(0, 0, [column.label for column in COLUMNS])
        for number, (row, _) in enumerate(XLSX_ROWS, start=1):
            cells = _moved(row, days)
            for index, column in enumerate(COLUMNS):
                cell = cells.get(column.name)
                if isinstance(cell, date):
                    sheet.write_datetime(number, index, cell, day_format)
                elif isinstance(cell, str):
                    sheet.write_string(number, index, cell)
                elif cell is not None:
                    sheet.write_number(number, index, cell)


def _csv_text(rows: list[tuple[Row, str]], invoice_number: str, days: int, dates_as: str) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, [column.name for column in COLUMNS])
    writer.writeheader()
    for row, _ in rows:
        cells = _moved(row, days)
        dates = {name: f"{cell:{dates_as}}" for name, cell in cells.items() if isinstance(cell, date)}
        writer.writerow({**cells, "invoice_number": invoice_number, **dates})
    return buffer.getvalue()


def _feed_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _feeds(on: date) -> dict[str, str]:
    services = other_care.SERVICE_COLUMNS
    return {
        "care_services.csv": _feed_text(services, other_care.services(on)),
        "enrollments.csv": _feed_text(other_care.ENROLLMENT_COLUMNS, other_care.enrollments(on)),
        "authorizations.csv": _feed_text(other_care.AUTHORIZATION_COLUMNS, other_care.authorizations(on)),
        "member_aliases.csv": _feed_text(other_care.ALIAS_COLUMNS, other_care.aliases()),
        "care_services_late.csv": _feed_text(services, other_care.late_services(on)),
    }


def _curl(path: str, body: str) -> str:
    return _CURL.format(path=path, body=body)


def _readme(on: date) -> str:
    parts = [
        "# Samples\n\nLoad the four feeds first ([below](#feeds-of-other-care)), then send the files in this"
        " order. Later files repeat services of earlier ones.\n\nMade by `python samples/build.py`. People and"
        " organizations are made up; the payer is GSHP1, Golden State Health Plan. Control numbers say what a"
        " claim shows.\n"
    ]
    told = {
        "claims.837": claims_837p.CLAIMS,
        "invoice.xlsx": [(row["control_number"], text) for row, text in XLSX_ROWS if text],
        "invoice.csv": [(row["control_number"], text) for row, text in CSV_ROWS],
        "claims.json": [(claim["control_number"], text) for claim, text in JSON_CLAIMS],
        "other-care.csv": [(sample.control, sample.shows) for sample in other_care.CLAIMS],
    }
    for name, claims in told.items():
        table = "\n".join(f"| {control} | {text} |" for control, text in claims)
        parts.append(f"\n## {name}\n{_TITLES[name]}.\n\n| claim | shows |\n| --- | --- |\n{table}\n")
    table = "\n".join(f"| {name} | {text} |" for name, text in _FEEDS.items())
    curls = "".join(
        _curl(f"validator/api/v1/{path}", f"-H 'Content-Type: text/csv' --data-binary @samples/{name}")
        for name, path in _FEED_PATHS.items()
    )
    check = _CHECK.format(curls=curls)
    parts.append(f"\n## Feeds of other care\n{check}\n| file | holds |\n| --- | --- |\n{table}\n")
    table = "\n".join(f"| {paid.number} | {paid.shows} |" for paid in remittance_835.CLAIMS)
    posting = _curl("payments/api/v1/remittances", "-F file=@remittance.835")
    remittance = _REMITTANCE.format(day=f"{on:%Y%m%d}", curl=posting)
    parts.append(f"\n## remittance.835\n{remittance}\n| claim | shows |\n| --- | --- |\n{table}\n")
    return "".join(parts)


def build(folder: Path, on: date = MADE_ON) -> None:
    """Writes all samples as if made ``on`` that day, and their README, into ``folder``."""
    days = (on - MADE_ON).days
    (folder / "claims.837").write_text(
        "~\n".join([*claims_837p.segments(on), ""]), encoding="ascii", newline=""
    )
    (folder / "remittance.835").write_text(remittance_835.remittance(on), encoding="ascii", newline="")
    _write_xlsx(folder / "invoice.xlsx", days)
    for name, text in {
        "invoice.csv": _csv_text(CSV_ROWS, "2026-119", days, "%m/%d/%Y"),
        "other-care.csv": _csv_text(_other_care_rows(), "2026-121", days, "%Y-%m-%d"),
        **_feeds(on),
    }.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    document = {"claims": [_moved(claim, days) for claim, _ in JSON_CLAIMS]}
    (folder / "claims.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(on), encoding="utf-8")


if __name__ == "__main__":
    build(HERE)
