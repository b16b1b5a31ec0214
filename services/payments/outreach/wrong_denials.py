"""Denials of ECM outreach for a reason for which outreach cannot be denied: no enrolment, no authorization.

Outreach comes before both: its aim is to reach a member who is not enrolled yet. Plans have to pay for it, also
where it was without success, and the cost is in their rates (DHCS CalAIM ECM Policy Guide; DHCS Action Plan,
March 2024). A reason is read for its claim adjustment reason codes (CARC), remark codes (RARC) and plain words.
The words themselves are not kept: they may name a person.
"""

import re
from typing import Literal

from msgspec import Struct

from shared.reference.remittance_codes import codes_in

Ground = Literal["authorization", "enrolment", "eligibility"]

AUTHORITY = (
    "DHCS CalAIM ECM Policy Guide; DHCS Action Plan, March 2024: plans pay for ECM outreach, also without success; "
    "a member need not be enrolled or authorized for it"
)
CODES: dict[str, Ground] = {
    "15": "authorization",
    "39": "authorization",
    "197": "authorization",
    "198": "authorization",
    "243": "authorization",
    "284": "authorization",
    "296": "authorization",
    "302": "authorization",
    "M62": "authorization",
    "177": "eligibility",
    "26": "eligibility",
    "27": "eligibility",
    "31": "eligibility",
}
"""CARC and RARC of a denial for lack of authorization, or of eligibility."""


class WrongDenial(Struct, frozen=True):
    """``code`` is the CARC or RARC, null where plain words say it.

    ``certain`` is false where the reason may also be that the plan did not cover the member at all: a person
    has to look.
    """

    ground: Ground
    code: str | None
    certain: bool


_LACK = r"(?:no|not|without|lack\w*|missing|absent|absence|invalid|expired|never|need\w*|requir\w*)"
_THING = {
    "authorization": r"(?:pre-?|prior\s+)?authori[sz]\w*|\bauth\b|referral|pre-?cert\w*|prior\s+approval",
    "enrolment": r"enrol\w*|opt(?:ed)?[\s-]in|consent\w*",
    "eligibility": r"eligib\w*",
}
_NEAR = r"(?:\W+\w+){0,4}?\W+"
_WORDS: dict[Ground, re.Pattern[str]] = {
    "authorization": re.compile(
        rf"\bunauthori[sz]ed\b|\b{_LACK}\b(?:{_NEAR})(?:{_THING['authorization']})|"
        rf"(?:{_THING['authorization']})(?:{_NEAR})\b{_LACK}\b",
        re.IGNORECASE,
    ),
    "enrolment": re.compile(
        rf"\bun-?enrol\w*|\b(?:no|not|without|lack\w*|missing|never)\b(?:{_NEAR})(?:{_THING['enrolment']})|"
        rf"(?:{_THING['enrolment']})(?:{_NEAR})\b(?:missing|absent|required|needed|not\s+(?:found|on\s+file))\b",
        re.IGNORECASE,
    ),
    "eligibility": re.compile(rf"\b(?:ineligible|(?:not|no|without)\b(?:{_NEAR})eligib\w*)", re.IGNORECASE),
}
_DENIES_THE_NEED = re.compile(
    r"\b(?:not|no)\s+(?:prior\s+)?authori[sz]ation\s+(?:is\s+|was\s+)?(?:required|needed)\b"
    r"|authori[sz]ation\s+(?:is\s+|was\s+)?not\s+(?:required|needed)\b",
    re.IGNORECASE,
)


def wrong_denial(reason: str | None) -> WrongDenial | None:
    """What is wrong with denying ECM outreach for this reason, or ``None`` where nothing can be told. Pure."""
    if not reason:
        return None
    found = [(CODES[code], code) for code in codes_in(reason) if code in CODES]
    for ground, code in sorted(found, key=lambda each: each[0] == "eligibility"):
        return WrongDenial(ground, code, certain=ground != "eligibility")
    words = _DENIES_THE_NEED.sub(" ", reason)
    for ground, pattern in _WORDS.items():
        if pattern.search(words):
            return WrongDenial(ground, None, certain=ground != "eligibility")
    return None
