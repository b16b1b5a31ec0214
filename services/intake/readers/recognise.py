"""What a file is, by its content. Its name only helps to word a refusal.

Each reader is imported when a file needs it: the command starts in half the time.
"""

import re
import zipfile
from pathlib import Path

from services.intake.readers import ClaimsFile
from services.intake.readers.headers import refused

MAX_JSON_BYTES = 256 << 20
_SEND = "An 837P file, an Excel workbook (.xlsx), a CSV file or JSON"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

# First bytes -> what the file is. None of these can hold claims that we read.
_KNOWN_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF", _SEND),
    (b"\x89PNG", "a PNG picture", _SEND),
    (b"\xff\xd8\xff", "a JPEG picture", _SEND),
    (b"GIF8", "a GIF picture", _SEND),
    (b"II*\x00", "a TIFF picture", _SEND),
    (b"MM\x00*", "a TIFF picture", _SEND),
    (b"{\\rtf", "an RTF text document", _SEND),
    (b"\x1f\x8b", "a compressed file (gzip)", "The file itself, not compressed"),
    (b"7z\xbc\xaf", "a compressed file (7-Zip)", "The file itself, not compressed"),
    (b"Rar!", "a compressed file (RAR)", "The file itself, not compressed"),
    (b"UNA", "an EDIFACT file", "An X12 837 professional file"),
    (b"UNB", "an EDIFACT file", "An X12 837 professional file"),
    (b"GS*", "part of an X12 file: it has no ISA segment", "The whole file, from ISA to IEA"),
    (b"ST*", "part of an X12 file: it has no ISA segment", "The whole file, from ISA to IEA"),
)


def open_claims_file(path: Path, name: str) -> ClaimsFile:
    """Recognises a file by its content and opens it. ``name`` is what the sender calls it.

    Raises ``FileRefused`` with what the file seems to be and what to send instead.
    """
    with path.open("rb") as file:
        start = file.read(4_096)
    bare = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not bare and path.stat().st_size <= len(start):
        raise refused("The file is empty.", expected=_SEND)
    if start.startswith(_OLE):
        raise _old_office(path)
    if start.startswith(b"PK"):
        return _from_zip(path)
    if bare[:3].upper() == b"ISA":
        from services.intake.readers.x12_837p import X12ClaimsFile

        return X12ClaimsFile(path)
    for first, what, send in _KNOWN_STARTS:
        if bare.startswith(first):
            raise refused(f"This is {what}.", expected=send)
    if bare[:1] in (b"{", b"["):
        return _from_json(path, name)
    if bare[:1] == b"<":
        what = "a web page (HTML)" if re.search(rb"<(!doctype )?html", bare, re.IGNORECASE) else "an XML file"
        raise refused(f"This is {what}, whatever its name says.", expected=_SEND)
    return _from_text(path)


def _from_text(path: Path) -> ClaimsFile:
    from services.intake.readers.csv_rows import CsvTable, encoding_of
    from services.intake.readers.invoice import InvoiceFile

    encoding = encoding_of(path)
    if encoding is None:
        raise refused("This is not a kind of file that we know.", expected=_SEND)
    return InvoiceFile(CsvTable(path, encoding))


def _from_json(path: Path, name: str) -> ClaimsFile:
    if path.stat().st_size > MAX_JSON_BYTES:
        raise refused(
            f"The JSON file is larger than {MAX_JSON_BYTES >> 20} MB.", expected="Several smaller files"
        )
    from services.intake.readers.json_claims import read_claims_json

    return read_claims_json(path.read_bytes(), name)


def _from_zip(path: Path) -> ClaimsFile:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise refused(
            "The file is damaged: it begins like an Excel workbook but does not end like one.",
            expected="The whole file, sent again",
        ) from None
    if any(part.endswith("vbaProject.bin") for part in names):
        raise refused(
            "This is a workbook with macros. We do not open macros.",
            expected="The workbook saved as .xlsx (Excel Workbook)",
        )
    if "xl/workbook.xml" in names:
        from services.intake.readers.invoice import InvoiceFile
        from services.intake.readers.xlsx_rows import XlsxTable

        return InvoiceFile(XlsxTable(path))
    if "xl/workbook.bin" in names:
        raise refused("This is a binary Excel workbook (.xlsb).", expected="The workbook saved as .xlsx")
    if any(part.startswith("word/") for part in names):
        raise refused("This is a Word document.", expected=_SEND)
    if "content.xml" in names and "mimetype" in names:
        raise refused("This is an OpenDocument file.", expected="The sheet saved as .xlsx or CSV")
    raise refused(
        "This is a ZIP archive, not an Excel workbook.", expected="The files themselves, one at a time"
    )


def _old_office(path: Path) -> Exception:
    with path.open("rb") as file:
        kept = b""
        while chunk := file.read(1 << 20):
            if _ENCRYPTED in kept + chunk:
                return refused(
                    "The Excel workbook is protected by a password.",
                    expected="The workbook without a password",
                )
            kept = chunk[-len(_ENCRYPTED) :]
    return refused(
        "This is an old Office file (such as .xls of Excel 97 to 2003).",
        expected="The workbook saved as .xlsx",
    )
