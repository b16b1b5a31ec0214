"""Why a plan did not pay, read from the codes of a remittance: which codes a text holds, and what they mean.

A payer gives its reasons as claim adjustment reason codes (CARC) and remittance advice remark codes (RARC). The
meanings are ``remittance_codes.csv``: in our own words, because the official texts are X12's.
"""

import re
from functools import cache
from typing import Final, Literal

from msgspec import Struct

from shared.reference.tables import rows_of

CodeList = Literal["CARC", "RARC"]

UNKNOWN: Final = "See the plan's remittance for what it means."


class RemittanceCode(Struct, frozen=True):
    """``list`` is CARC or RARC, ``code`` as on the remittance, ``meaning`` a sentence for people."""

    list: CodeList
    code: str
    meaning: str


_GROUP: Final = r"(?:CARC|RARC|CO|OA|PI|PR|CR)"
_REMARK: Final = r"(?:M|MA|N)\d{1,3}"
_ADJUSTMENT: Final = r"[ABDPWY]?\d{1,3}"
_NAMED: Final = re.compile(rf"\b{_GROUP}[\s:#-]*({_REMARK}|{_ADJUSTMENT})\b|\b({_REMARK})\b", re.IGNORECASE)
_BETWEEN: Final = re.compile(r"[\s,;/|:#-]+")
_CODE: Final = re.compile(rf"{_REMARK}|{_ADJUSTMENT}", re.IGNORECASE)
_IS_REMARK: Final = re.compile(_REMARK)


def codes_in(reason: str) -> tuple[str, ...]:
    """The codes that a reason names, such as ``CO-197 35.00; remarks N30``, upper case, each once. Pure.

    A bare number is a code only where there is nothing else: in a sentence it may be a day or a check.
    """
    codes = [token for token in _BETWEEN.split(reason) if token]
    if not all(_CODE.fullmatch(code) for code in codes):
        codes = [named or remark for named, remark in _NAMED.findall(reason)]
    return tuple(dict.fromkeys(code.upper() for code in codes))


def remittance_code(code: str) -> RemittanceCode:
    """The code with its meaning; one that is not known says where to look."""
    which: CodeList = "RARC" if _IS_REMARK.fullmatch(code) else "CARC"
    return RemittanceCode(which, code, _meanings().get((which, code), UNKNOWN))


def reasons_in(reason: str | None) -> tuple[RemittanceCode, ...]:
    """The codes of a reason with their meanings, in its order; empty where it holds none."""
    return tuple(remittance_code(code) for code in codes_in(reason or ""))


@cache
def _meanings() -> dict[tuple[str, str], str]:
    return {(row["list"], row["code"]): row["meaning"] for row in rows_of("remittance_codes.csv")}
