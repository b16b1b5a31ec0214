"""Cursor pagination: a page ends where its cursor says, whatever was added meanwhile.

A cursor is the sort key of the last item shown, encoded so that callers treat it as opaque. It carries no
rights: every query limits itself to what the caller may see, and a cursor made by hand only moves the
starting point.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from shared.web.problems import Problem

Position = TypeVar("Position", str, int)

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 1000
_CURSOR_CHARACTERS_MAX = 2000


class PageRequest(Struct, frozen=True):
    """At most ``limit`` items after ``cursor`` (``None``: from the start)."""

    limit: int = LIMIT_DEFAULT
    cursor: dict[str, Any] | None = None


def page(args: Mapping[str, str], *, default: int = LIMIT_DEFAULT, maximum: int = LIMIT_MAX) -> PageRequest:
    """What ``limit`` and ``cursor`` of a query ask for. Raises ``Problem`` 422 naming the field."""
    text = args.get("limit", "")
    if text and not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= maximum):
        raise _wrong("limit", f"Use a whole number from 1 to {maximum}.")
    cursor = args.get("cursor", "")
    return PageRequest(int(text) if text else default, decode_cursor(cursor) if cursor else None)


def encode_cursor(position: Mapping[str, Any]) -> str:
    """``position`` as opaque text that is safe in a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def decode_cursor(text: str) -> dict[str, Any]:
    """What ``encode_cursor`` was given. Raises ``Problem`` 422 for any other text."""
    try:
        if len(text) > _CURSOR_CHARACTERS_MAX:
            raise ValueError
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=dict[str, Any])
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise _wrong("cursor", "Use next_cursor of the page before, unchanged.") from None


def position(cursor: str | None, name: str, kind: type[Position]) -> Position | None:
    """What ``cursor`` says of ``name``, ``None`` without a cursor.

    Raises ``Problem`` 422 for the cursor of another list.
    """
    if cursor is None:
        return None
    value = decode_cursor(cursor).get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _wrong("cursor", "Use next_cursor of the page before, unchanged.")
    return value


def _wrong(field: str, message: str) -> Problem:
    return Problem(422, "Unprocessable Entity", errors=[{"field": field, "message": message, "in": "query"}])
