"""What a cell means. Every function takes a cell as a spreadsheet, CSV or JSON file holds it.

The answer is a :class:`Reading`: the value, and how it was repaired where it did not stand there as we keep
it. What cannot be understood raises :class:`MisreadError`; nothing is guessed. An empty cell is ``None``
everywhere. Spreadsheets hold every number as a float, so a number in a cell for digits is one of the repairs.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from shared.identifiers import cin_of_bic


class MisreadError(Exception):
    """The cell's content makes no sense. Both texts are written for the provider."""

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected


class Reading(NamedTuple):
    """``rule`` and ``message`` say what was repaired, or (``field.format``) what is wrong with the value."""

    value: object
    rule: str | None = None
    message: str = ""
    expected: str | None = None
    severity: str | None = None


class BrokenCell:
    """A spreadsheet cell that shows no value: a formula never calculated, or one that failed (``#N/A``)."""

    def __init__(self, shown: str, message: str) -> None:
        self.shown = shown
        self.message = message

    def __str__(self) -> str:
        return self.shown


Parser = Callable[[object], Reading]

EMPTY = Reading(None)
_BLANKS = re.compile(r"\s+")
_CODE_PUNCTUATION = re.compile(r"[\s.\-]+")
_MODIFIER_SPLIT = re.compile(r"[\s,:;/|]+")
_LIST_SPLIT = re.compile(r"[\s,:;/|]+")
_SCIENTIFIC = re.compile(r"\d(\.\d+)?[eE]\+?\d+")
_STATES = {"CALIFORNIA": "CA", "CALIF": "CA", "NEVADA": "NV", "OREGON": "OR", "ARIZONA": "AZ"}
_GENDERS = {"FEMALE": "F", "MALE": "M", "UNKNOWN": "U"}
_YES_NO = {
    "Y": True,
    "YES": True,
    "TRUE": True,
    "1": True,
    "N": False,
    "NO": False,
    "FALSE": False,
    "0": False,
}
_LARGEST_EXACT = 10**15  # a spreadsheet keeps 15 digits of a number; what comes after them is lost


def _whole(number: float, expected: str) -> str:
    if not number.is_integer():
        raise MisreadError(f"{number:g} is a number with decimals.", expected)
    if abs(number) >= _LARGEST_EXACT:
        raise MisreadError(
            "The number is too long: a spreadsheet keeps only its first 15 digits. Format the cell as text"
            " and type the number again.",
            expected,
        )
    return str(int(number))


def plain(cell: object) -> str | None:
    """The text of a cell, blanks trimmed and runs of them made one; ``None`` where nothing is left."""
    if isinstance(cell, str):
        text = cell.strip()
        if "  " in text or "\n" in text or "\t" in text or "\xa0" in text:
            text = _BLANKS.sub(" ", text)
        return text or None
    if cell is None:
        return None
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return _whole(cell, "Text, or a whole number")
    if isinstance(cell, (int, Decimal, time)):
        return str(cell)
    if isinstance(cell, (date, datetime)):
        return cell.isoformat()[:10]
    if isinstance(cell, timedelta):
        return str(cell)
    raise MisreadError("This is not text.", "Text")


def text(cell: object) -> Reading:
    """Any text. A whole number in a cell is its digits."""
    return Reading(plain(cell))


def npi(cell: object) -> Reading:
    """Ten digits. Whether they are an NPI is judged later."""
    expected = "Ten digits, such as 1234567893"
    found = plain(cell)
    if found is None:
        return EMPTY
    if isinstance(cell, float):
        return Reading(
            found, "repair.npi_float", f"The NPI was a number in the sheet. We read it as {found}.", found
        )
    if found.isdigit():
        return Reading(found)
    if re.fullmatch(r"\d{10}\.0+", found):
        digits = found[:10]
        return Reading(digits, "repair.npi_float", f"The NPI had decimals. We read it as {digits}.", digits)
    if _SCIENTIFIC.fullmatch(found):
        raise MisreadError(
            "The NPI was shortened by the spreadsheet and digits are lost. Format the column as text and type"
            " the NPI again.",
            expected,
        )
    digits = _CODE_PUNCTUATION.sub("", found)
    if digits.isdigit():
        return Reading(digits, "repair.npi_punctuation", f"We read the NPI {found} as {digits}.", digits)
    return Reading(found.upper())


def tin(cell: object) -> Reading:
    """Nine digits, an EIN or SSN."""
    found = plain(cell)
    if found is None:
        return EMPTY
    if isinstance(cell, float):
        return Reading(
            found, "repair.tin_float", f"The TIN was a number in the sheet. We read it as {found}.", found
        )
    digits = _CODE_PUNCTUATION.sub("", found)
    if digits == found:
        return Reading(found)
    return Reading(digits, "repair.tin_punctuation", f"We read the TIN {found} as {digits}.", digits)


def phone(cell: object) -> Reading:
    """Digits only; ten of them, a leading 1 dropped."""
    found = plain(cell)
    if found is None:
        return EMPTY
    digits = re.sub(r"[\s().+\-]", "", found)
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    if digits == found or not digits.isdigit():
        return Reading(found)
    return Reading(
        digits, "repair.phone_punctuation", f"We read the phone number {found} as {digits}.", digits
    )


def zip_code(cell: object) -> Reading:
    """Five or nine digits. A spreadsheet drops a leading zero: four (eight) digits get it back."""
    found = plain(cell)
    if found is None:
        return EMPTY
    digits = found.replace("-", "").replace(" ", "")
    if not digits.isdigit() or len(digits) not in (4, 5, 8, 9):
        return Reading(
            found, "field.format", f"The ZIP {found} is not a ZIP code.", "5 or 9 digits, such as 90012"
        )
    if len(digits) in (4, 8):
        padded = f"0{digits}"
        return Reading(
            padded,
            "repair.zip_padded",
            f"The ZIP {found} lost its first zero. We read it as {padded}.",
            padded,
        )
    return Reading(digits)


def state(cell: object) -> Reading:
    """Two letters."""
    found = plain(cell)
    if found is None:
        return EMPTY
    upper = found.upper().rstrip(".")
    short = _STATES.get(upper, upper)
    if short == found:
        return Reading(found)
    return Reading(short, "repair.state", f"We read the state {found} as {short}.", short)


def cin(cell: object) -> Reading:
    """A CIN, or the number of the card (BIC), of which the first nine characters are the CIN."""
    found = plain(cell)
    if found is None:
        return EMPTY
    upper = _CODE_PUNCTUATION.sub("", found).upper()
    from_card = cin_of_bic(upper)
    if from_card is not None:
        return Reading(
            from_card,
            "member.cin_from_bic",
            f"The member ID has 14 characters: it is the card's number. We use the first 9, {from_card}.",
            from_card,
        )
    if upper == found:
        return Reading(found)
    return Reading(upper, "repair.cin_case", f"We read the member ID {found} as {upper}.", upper)


_HCPCS_LENGTH = 5


def code(cell: object) -> Reading:
    """A HCPCS code: upper case, without blanks, dots and hyphens."""
    found = plain(cell)
    if found is None:
        return EMPTY
    upper = _CODE_PUNCTUATION.sub("", found).upper()
    if upper == found or len(upper) != _HCPCS_LENGTH:  # a name in place of a code is shown as it was written
        return Reading(found)
    return Reading(upper, "repair.code_punctuation", f"We read the code {found} as {upper}.", upper)


def _codes(cell: object, split: re.Pattern[str], drop: str, what: str) -> Reading:
    found = plain(cell)
    if found is None:
        return Reading(())
    parts = [part for part in split.split(found) if part]
    codes = tuple(clean for part in parts if (clean := part.upper().translate(_DROP[drop])))
    if list(codes) == parts:
        return Reading(codes)
    said = " ".join(codes)
    return Reading(codes, "repair.code_punctuation", f"We read the {what} {found} as {said}.", said)


_DROP = {".-": str.maketrans("", "", ".-"), "-": str.maketrans("", "", "-")}


def modifiers(cell: object) -> Reading:
    """Modifiers, separated by blanks, commas, colons, semicolons or slashes."""
    return _codes(cell, _MODIFIER_SPLIT, "-", "modifiers")


def diagnoses(cell: object) -> Reading:
    """ICD-10-CM codes, separated like modifiers; kept without the dot."""
    return _codes(cell, _LIST_SPLIT, ".-", "diagnosis codes")


def place_of_service(cell: object) -> Reading:
    """Two digits. A spreadsheet drops the leading zero of 02, 03, 04 and 09: one digit gets it back."""
    found = plain(cell)
    if found is None:
        return EMPTY
    is_number = found.isascii() and found.isdigit()
    if len(found) == 1 and is_number:
        padded = f"0{found}"
        message = f"The place of service {found} lost its first zero. We read it as {padded}."
        return Reading(padded, "repair.place_of_service_padded", message, padded)
    if len(found) == 2 and is_number:
        return Reading(found)
    message = f"The place of service {found} is not one of the two-digit codes."
    return Reading(
        found, "field.format", message, "Two digits, such as 11 (office), 12 (home) or 27 (street)"
    )


def gender(cell: object) -> Reading:
    """F, M or U. The element is optional: anything else is left out with a note and blocks nothing."""
    found = plain(cell)
    if found is None:
        return EMPTY
    upper = found.upper()
    short = _GENDERS.get(upper, upper)
    if short not in ("F", "M", "U"):
        return Reading(
            None, "field.format", "We could not read the gender and left it out.", "F, M or U", "note"
        )
    if short == found:
        return Reading(short)
    return Reading(short, "repair.gender", f"We read the gender {found} as {short}.", short)


def yes_no(cell: object) -> Reading:
    """Y or N. The element is optional: anything else is left out with a note and blocks nothing."""
    found = plain(cell)
    if found is None:
        return EMPTY
    answer = _YES_NO.get(found.upper())
    if answer is None:
        return Reading(
            None, "field.format", "We could not read this as yes or no and left it out.", "Y or N", "note"
        )
    return Reading(answer)


def frequency(cell: object) -> Reading:
    """1 original, 7 replacement, 8 void; empty is 1. Anything else is kept and wrong."""
    found = plain(cell)
    if found is None:
        return Reading("1")
    if found in ("1", "7", "8"):
        return Reading(found)
    message = f"The frequency {found} is not known."
    return Reading(
        found, "field.format", message, "1 (new claim), 7 (replaces an earlier claim) or 8 (takes it back)"
    )
