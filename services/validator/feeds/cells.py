"""What one cell of a feed means. Pure: a text in, a value out, or :class:`Wrong` with what would be right.

No reason repeats the cell: it may be a member's CIN, and reasons are logged.
"""

import re
from datetime import date, time
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache

from shared.identifiers import cin_of_bic, cin_shape, is_npi, is_tin
from shared.reference.codes import CodeSet
from shared.reference.programs import SERVICE_PROGRAMS, program_of

LONGEST_TEXT = 80
"""Characters of a source, a record id or an authorization number."""

_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_OPEN_ENDS = frozenset({date(2999, 12, 31), date(9999, 12, 31)})
_US_DATE = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(r"(\d{1,2}):?(\d{2})(?::\d{2})?(?: ?([AP])\.?M\.?)?", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[\s.\-]+")
_CODE = re.compile(r"[A-Z0-9]{5}")
_MODIFIER = re.compile(r"[A-Z0-9]{2}")
_SEPARATORS = re.compile(r"[\s,:;/|]+")
_UNITS = re.compile(r"\d{1,9}(\.\d{1,4})?")
_YES = frozenset({"Y", "YES", "TRUE", "1", "T", "X"})
_NO = frozenset({"", "N", "NO", "FALSE", "0", "F"})


class Wrong(Exception):
    """The cell cannot be used. Both texts are plain English for whoever sends the feed and never quote it."""

    def __init__(self, reason: str, expected: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expected = expected


@lru_cache(maxsize=65_536)
def cin(text: str) -> str:
    """A member's CIN; of a card number (BIC) its first nine characters. An unusual letter is taken as it is."""
    upper = _PUNCTUATION.sub("", text).upper()
    found = cin_of_bic(upper) or upper
    if cin_shape(found) == "wrong":
        raise Wrong("This is not a Medi-Cal member's CIN.", "9, seven digits and a letter, such as 91234567A")
    return found


@lru_cache(maxsize=16_384)
def day(text: str) -> date:
    """A date: 2026-03-02, 3/2/2026 or 20260302."""
    expected = "A date such as 2026-03-02"
    if found := _ISO_DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text):
        year, month, of_month = map(int, found.groups())
    elif found := _US_DATE.fullmatch(text):
        month, of_month, year = map(int, found.groups())
    else:
        raise Wrong("This is not a date.", expected)
    try:
        read = date(year, month, of_month)
    except ValueError:
        raise Wrong("There is no such day in the calendar.", expected) from None
    if not _FIRST_YEAR <= year <= _LAST_YEAR and read not in _OPEN_ENDS:
        raise Wrong(f"The year must lie between {_FIRST_YEAR} and {_LAST_YEAR}.", expected)
    return read


def first_day(text: str) -> date:
    """A day on which something was or began."""
    found = day(text)
    if found in _OPEN_ENDS:
        raise Wrong(
            "This date stands for an open end. It cannot be a first day.", "A date such as 2026-03-02"
        )
    return found


def last_day(text: str) -> date | None:
    """A day on which something ended; ``None`` for the far dates that systems write where no end is known."""
    found = day(text)
    return None if found in _OPEN_ENDS else found


@lru_cache(maxsize=4096)
def time_of_day(text: str) -> str:
    """``HH:MM`` of a day, from 9:30, 0930, 09:30:00 or 9:30 AM."""
    expected = "A time such as 09:30 or 14:00"
    found = _TIME.fullmatch(text)
    if not found:
        raise Wrong("This is not a time of day.", expected)
    hour, minute, half = int(found[1]), int(found[2]), (found[3] or "").upper()
    if half and not 1 <= hour <= 12:
        raise Wrong("This is not a time of day.", expected)
    if half:
        hour = hour % 12 + (12 if half == "P" else 0)
    try:
        return time(hour, minute).strftime("%H:%M")
    except ValueError:
        raise Wrong("There is no such time of day.", expected) from None


@lru_cache(maxsize=16_384)
def npi(text: str) -> str:
    """Ten digits with the right check digit."""
    digits = _PUNCTUATION.sub("", text.removesuffix(".0"))
    if not is_npi(digits):
        raise Wrong("This is not an NPI: the digits or the check digit are wrong.", "Ten digits, 1234567893")
    return digits


@lru_cache(maxsize=16_384)
def tin(text: str) -> str:
    """Nine digits."""
    digits = _PUNCTUATION.sub("", text.removesuffix(".0"))
    if not is_tin(digits):
        raise Wrong("This is not a TIN.", "Nine digits that are not all the same, such as 123456789")
    return digits


@lru_cache(maxsize=4096)
def procedure_code(text: str) -> str:
    """A HCPCS or CPT code."""
    upper = _PUNCTUATION.sub("", text).upper()
    if not _CODE.fullmatch(upper):
        raise Wrong("This is not a procedure code.", "Five letters and digits, such as T1017")
    return upper


@lru_cache(maxsize=4096)
def modifiers(text: str) -> tuple[str, ...]:
    """Two-character modifiers, sorted and without repeats."""
    found = {part.upper() for part in _SEPARATORS.split(text) if part}
    if not all(_MODIFIER.fullmatch(part) for part in found):
        raise Wrong(
            "One of these is not a modifier.",
            "Modifiers of two characters with blanks between, such as U2 GQ",
        )
    return tuple(sorted(found))


@lru_cache(maxsize=4096)
def units(text: str) -> str:
    """A number above zero, kept as it was sent."""
    expected = "A number above 0, such as 2 or 1.5"
    if not _UNITS.fullmatch(text):
        raise Wrong("This is not a number of units.", expected)
    try:
        positive = Decimal(text) > 0
    except InvalidOperation:
        positive = False
    if not positive:
        raise Wrong("Units must be above 0.", expected)
    return text


@lru_cache(maxsize=4096)
def service_program(text: str) -> str:
    """The program that gave a service: one of ``SERVICE_PROGRAMS``."""
    program = program_of(text)
    if program is None or program.id not in SERVICE_PROGRAMS:
        raise Wrong("A service cannot be of this program.", f"One of {', '.join(SERVICE_PROGRAMS)}")
    return program.id


@lru_cache(maxsize=4096)
def enrollment_program(text: str) -> str:
    """The program of an enrolment, by id or by another name that the table of programs knows."""
    program = program_of(text)
    if program is None:
        raise Wrong("We do not know this program.", "A program id such as PACE, HOSPICE, CCS or MANAGED_CARE")
    return program.id


@lru_cache(maxsize=256)
def benefit(text: str) -> str:
    """``ECM`` or ``CS``."""
    name = " ".join(text.upper().split())
    found = {"ENHANCED CARE MANAGEMENT": "ECM", "COMMUNITY SUPPORTS": "CS", "COMMUNITY SUPPORT": "CS"}.get(
        name, name
    )
    if found not in ("ECM", "CS"):
        raise Wrong("This is neither of the two benefits.", "ECM or CS")
    return found


@lru_cache(maxsize=4096)
def support(text: str) -> str:
    """A Community Supports service, by its id or by DHCS's name for it."""
    found = _supports().get(_letters(text))
    if found is None:
        ids = ", ".join(sorted(set(_supports().values())))
        raise Wrong("This is not a Community Supports service.", f"One of {ids}")
    return found


@lru_cache(maxsize=256)
def status(text: str) -> str:
    """What became of an authorization."""
    found = text.lower()
    if found not in ("authorized", "declined", "graduated", "ended"):
        raise Wrong("This status is not known.", "authorized, declined, graduated or ended")
    return found


@lru_cache(maxsize=256)
def yes_no(text: str) -> bool:
    """Yes or no; blank is no."""
    upper = text.upper()
    if upper not in _YES and upper not in _NO:
        raise Wrong("This is neither yes nor no.", "yes, no or blank")
    return upper in _YES


def short_text(text: str) -> str:
    """Free text of at most ``LONGEST_TEXT`` characters, in one line."""
    return _plain(text, LONGEST_TEXT)


def long_text(text: str) -> str:
    """Free text of at most 400 characters, in one line."""
    return _plain(text, 400)


def _plain(text: str, longest: int) -> str:
    if len(text) > longest:
        raise Wrong(f"This is longer than {longest} characters.", f"At most {longest} characters")
    if text.isprintable():
        return text
    one_line = " ".join(text.split())
    if not one_line.isprintable():
        raise Wrong("This holds characters that cannot be printed.", "Plain text")
    return one_line


@cache
def _supports() -> dict[str, str]:
    services = [service for service in CodeSet.load().services if service.benefit == "CS"]
    return {_letters(name): service.id for service in services for name in (service.name, service.id)}


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.upper()))
