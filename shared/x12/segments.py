"""Segments of an X12 file, streamed: the file is never held in memory, however long it is.

Separators come from each ISA by position (X12.5, ASC X12 005010X222A1 appendix B): element ISA[3], repetition
ISA11, component ISA16, segment terminator the character after it. An interchange may have other separators
than the one before it. A byte order mark, line ends after (or in place of) terminators and blank segments are
passed over; none of them hides what follows.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_CHUNK = 1 << 18
_LONGEST_SEGMENT = 8 << 20
_ISA_LENGTH = 106
_ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
_BLANK = " \r\n\t\0\x1a"
_OPENS_INTERCHANGE = re.compile(r"ISA[^A-Za-z0-9 ]")
_NO_INTERCHANGE = re.compile(r"(?!)")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EnvelopeError(Exception):
    """The envelope is broken: nothing in the file can be trusted to be whole.

    ``message`` says what is wrong, ``expected`` what would be right, ``where`` the place. None of them holds
    data of a member.
    """

    def __init__(self, message: str, *, expected: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.where = where


class Separators(NamedTuple):
    element: str
    repetition: str
    component: str
    terminator: str


class Batch(NamedTuple):
    """Some segments of one interchange, in order. ``first`` is the number of the first, from 1 in the file.

    ``closed`` is false for a last segment without a terminator.
    """

    first: int
    separators: Separators
    segments: list[str]
    closed: bool = True


def batches(path: Path) -> Iterator[Batch]:
    """All segments of the file that are not blank. Text is UTF-8 where it can be, else Windows-1252.

    Raises :class:`EnvelopeError` for a missing or malformed ISA and for a segment over 8 MB.
    """
    number = 1
    buffer = ""
    separators: Separators | None = None
    next_interchange = _NO_INTERCHANGE
    with path.open("rb") as file:
        if file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
            file.seek(0)
        ended = False
        while not ended:
            # Latin-1 keeps one character a byte, so that positions in the ISA are right whatever follows.
            chunk = file.read(_CHUNK).decode("latin-1")
            ended = not chunk
            buffer += chunk
            while True:
                buffer = buffer.lstrip(_BLANK + separators.terminator if separators else _BLANK)
                if separators is None or _OPENS_INTERCHANGE.match(buffer):
                    if len(buffer) < _ISA_LENGTH and not ended:
                        break
                    separators = _separators(buffer, number)
                    next_interchange = _start_of_interchange(separators)
                    yield Batch(number, separators, [buffer[: _ISA_LENGTH - 1]])
                    number += 1
                    buffer = buffer[_ISA_LENGTH:]
                match = next_interchange.search(buffer)
                cut = match.start() + 1 if match else buffer.rfind(separators.terminator) + 1
                segments = _split(buffer[:cut], separators.terminator)
                if segments:
                    yield Batch(number, separators, segments)
                    number += len(segments)
                buffer = buffer[cut:]
                if not match:
                    break
            if len(buffer) > _LONGEST_SEGMENT:
                raise EnvelopeError(
                    f"A segment is longer than {_LONGEST_SEGMENT:,} characters.",
                    expected="Every segment ends with the terminator that the ISA segment shows.",
                    where=f"segment {number}",
                )
    if separators and buffer.strip(_BLANK):
        yield Batch(number, separators, _split(buffer, separators.terminator), closed=False)


def _split(text: str, terminator: str) -> list[str]:
    segments = [segment for part in text.split(terminator) if (segment := part.strip(_BLANK))]
    if "\0" in text:
        # PostgreSQL keeps no NUL in a text: one odd claim must not stop the file that it stands in.
        return [_readable(segment).replace("\0", "\ufffd") for segment in segments]
    return segments if text.isascii() else [_readable(segment) for segment in segments]


def _readable(text: str) -> str:
    if text.isascii():
        return text
    raw = text.encode("latin-1")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _start_of_interchange(separators: Separators) -> re.Pattern[str]:
    terminator = re.escape(separators.terminator)
    return re.compile(f"{terminator}[{terminator}\\s\\0\\x1a]*(?=ISA[^A-Za-z0-9 ])")


def _separators(text: str, number: int) -> Separators:
    where = f"segment {number}"
    expected = "The file begins with an ISA segment of 106 characters, such as ISA*00*          *00*…"
    if not text and number == 1:
        raise EnvelopeError("The file is empty.", expected=expected, where="whole file")
    if not text.startswith("ISA"):
        raise EnvelopeError("The file does not begin with an ISA segment.", expected=expected, where=where)
    if len(text) < _ISA_LENGTH:
        raise EnvelopeError("The ISA segment is too short.", expected=expected, where=where)
    isa = text[: _ISA_LENGTH - 1]
    element = isa[3]
    fields = isa.split(element)
    if element.isalnum() or len(fields) != 17 or tuple(map(len, fields[1:])) != _ISA_WIDTHS:
        raise EnvelopeError(
            "The elements of the ISA segment do not have their fixed lengths.",
            expected="ISA01 to ISA16 have 2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1 and 1 characters.",
            where=where,
        )
    found = Separators(element, isa[82], isa[104], text[_ISA_LENGTH - 1])
    if found.terminator == "\r" and text[_ISA_LENGTH : _ISA_LENGTH + 1] == "\n":
        found = found._replace(terminator="\n")
    distinct = {found.element, found.component, found.terminator}
    if len(distinct) != 3 or any(mark.isalnum() or mark in " \0" for mark in distinct):
        raise EnvelopeError(
            "The ISA segment does not name three different separators.",
            expected="ISA[3], ISA16 and the character after it are three different signs, such as * : ~",
            where=where,
        )
    return found
