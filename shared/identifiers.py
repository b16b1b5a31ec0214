"""Identifiers of providers and members: shapes and check digits, nothing that needs a look-up.

Sources: CMS NPI check-digit rule (Luhn over 80840 + ten digits); Los Angeles County DMH bulletin NGA 12-041 on
CIN letters; Santa Clara County handbook on the Benefits Identification Card.
"""

import hashlib
import hmac
import re
from functools import lru_cache
from typing import Literal

CIN_LETTERS = "ACDEFGHMNTUVWXYZ"

_NPI = re.compile(r"[12][0-9]{9}")
_CIN = re.compile(r"9[0-9]{7}[A-Z]")
_BIC = re.compile(r"(9[0-9]{7}[A-Z])[0-9]{5}")
_DOUBLED = str.maketrans("0123456789", "0246813579")


@lru_cache(maxsize=16_384)
def is_npi(text: str) -> bool:
    """Ten digits, the first 1 or 2, whose last closes the Luhn sum over ``80840`` and the ten digits."""
    if not _NPI.fullmatch(text):
        return False
    luhn = sum(map(int, text[1::2])) + sum(map(int, text[0::2].translate(_DOUBLED)))
    return (luhn + 24) % 10 == 0


def is_tin(text: str) -> bool:
    """Nine digits that are not all the same. A TIN has no check digit."""
    return len(text) == 9 and text.isascii() and text.isdigit() and len(set(text)) > 1


def cin_shape(text: str) -> Literal["valid", "unusual_letter", "wrong"]:
    """Whether ``text`` is a CIN: 9, seven digits, a letter; ``unusual_letter`` where only the letter surprises."""
    if not _CIN.fullmatch(text):
        return "wrong"
    return "valid" if text[8] in CIN_LETTERS else "unusual_letter"


def cin_of_bic(text: str) -> str | None:
    """The CIN on a 14-character Benefits Identification Card number, or ``None`` where ``text`` is not one."""
    match = _BIC.fullmatch(text)
    return match.group(1) if match else None


def member_key(secret: bytes, cin: str) -> str:
    """The member's pseudonym: HMAC-SHA-256 of the CIN, 32 hex digits. Event keys and logs carry this, never a CIN."""
    return hmac.digest(secret, cin.encode(), hashlib.sha256)[:16].hex()
