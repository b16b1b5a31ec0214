"""Cursor pagination: a page ends where its cursor says, whatever was added meanwhile.

A cursor is the sort key of the last item shown, encoded so that callers treat it as opaque. It carries no
rights: every query limits itself to what the caller may see, and a cursor made by hand only moves the
starting point.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from shared.web.problems import Problem

Position = TypeVar("Position", str, int)

_CURSOR_CHARACTERS_MAX = 2000
_WHOLE_MAX = 2**53


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
        raise bad_cursor() from None


def position(cursor: str | None, name: str, kind: type[Position]) -> Position | None:
    """What ``cursor`` says of ``name``, ``None`` without a cursor or with an empty one.

    Each list has a ``name`` of its own. Raises ``Problem`` 422 for the cursor of another list, and for a value
    that a database would choke on.
    """
    if not cursor:
        return None
    value = decode_cursor(cursor).get(name)
    fits = _printable(value) if kind is str else _whole(value)
    if not fits or not isinstance(value, kind):
        raise bad_cursor()
    return value


def bad_cursor() -> Problem:
    """What a cursor that is not ours is answered with."""
    message = "Use next_cursor of the page before, unchanged."
    return Problem(
        422, "Unprocessable Entity", errors=[{"field": "cursor", "message": message, "in": "query"}]
    )


def _printable(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -1 <= value <= _WHOLE_MAX
