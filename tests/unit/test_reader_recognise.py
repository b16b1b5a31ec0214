"""A file is what its content is, and a refusal says what that is and what to send."""

import io
import zipfile
from pathlib import Path

import pytest
from invoice_rows import a_row, a_workbook, csv_text

from services.intake.readers import FileRefused
from services.intake.readers.recognise import open_claims_file


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \r\n ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"\x89PNG\r\n\x1a\n....", "a PNG picture"),
        (b"\xff\xd8\xff\xe0", "a JPEG"),
        (OLE + b"\x00" * 600, "old Office file"),
        (OLE + b"\x00" * 1_048_570 + "EncryptedPackage".encode("utf-16-le"), "password"),
        (zipped("xl/workbook.xml", "xl/vbaProject.bin"), "macros"),
        (zipped("xl/workbook.bin"), "binary Excel workbook"),
        (zipped("word/document.xml"), "Word document"),
        (zipped("mimetype", "content.xml"), "OpenDocument"),
        (zipped("claims.csv"), "ZIP archive"),
        (zipped("claims.csv")[:40], "damaged"),
        (b"<!DOCTYPE html><html><table>", "web page"),
        (b'<?xml version="1.0"?><Workbook>', "XML file"),
        (b"{\\rtf1 hello}", "RTF"),
        (b"\x1f\x8b\x08....", "gzip"),
        (b"UNB+UNOA:1+", "EDIFACT"),
        (b"ST*837*0001*005010X222A1~", "no ISA"),
        (b"\x00\x01\x02\x03" * 100, "not a kind of file"),
        (b"Dear claims team,\nplease find enclosed", "not an invoice we know"),
        (b"{not json", "not valid JSON"),
    ],
)
def test_what_is_no_claims_file_is_named_and_what_to_send_is_said(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "claims.xlsx"
    path.write_bytes(content)

    with pytest.raises(FileRefused, match=says) as refusal:
        open_claims_file(path, "claims.xlsx")

    assert refusal.value.finding.rule == "file.unreadable"
    assert refusal.value.finding.expected


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv", "a.txt", "a"])
def test_content_decides_not_the_name(tmp_path: Path, name: str) -> None:
    sheet, text, document = tmp_path / f"1{name}", tmp_path / f"2{name}", tmp_path / f"3{name}"
    a_workbook(a_row()).save(sheet)
    text.write_text(csv_text([a_row()]), newline="")
    document.write_text('\ufeff {"control_number": "J-1", "lines": [{}]}', encoding="utf-8")

    assert [open_claims_file(path, name).channel for path in (sheet, text, document)] == [
        "invoice",
        "invoice",
        "json",
    ]


def test_x12_is_known_by_its_first_segment(tmp_path: Path) -> None:
    path = tmp_path / "claims.csv"
    path.write_bytes(b"\xef\xbb\xbf\r\nISA*00*too short~")

    with pytest.raises(FileRefused, match="ISA"):
        open_claims_file(path, "claims.csv")
