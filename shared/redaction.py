"""Removes protected health information from what is about to be logged.

A log goes to more places and lives longer than the data it speaks of. 45 CFR 164.514(b)(2) names what
identifies a person; of that, names, addresses, contact data, birth and service dates and the CIN occur in
claims. Two nets: fields are judged by their name, and all text is searched for what has the shape of an
identifier, so that an exception raised by a library with a claim's values in its message is caught too.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

HIDDEN: Final = "[removed]"

# Whole words of a field name that say its value identifies a person or opens a door.
_NAME_WORDS = re.compile(
    r"(?:^|_)(?:cin|bic|ssn|mrn|dob|birth|birthday|surname|patient|subscriber|address|street|city|zip|"
    r"postal|phone|fax|email|gender|sex|diagnosis|diagnoses|secret|password|passphrase|token|cookie|authorization|"
    r"credential|credentials|api_key|csrf|payload|body|segment|segments|raw|value|values|params|parameters)(?:_|$)",
    re.IGNORECASE,
)
# "name" alone says too little: a service, a file type, a rule and a topic have names as well.
_PERSON_NAME = re.compile(
    r"(?:^|_)(?:first|last|middle|given|family|full|member|maiden|rendering)_?name(?:$|_)", re.IGNORECASE
)
# Fields whose dates are the plan's or the clock's own, and are needed to follow what happened.
_DATE_FIELDS: Final = frozenset(
    [
        "timestamp",
        "as_of",
        "due",
        "due_before",
        "deadline",
        "from",
        "to",
        "until",
        "since",
        "month",
        "version",
        "effective_from",
        "effective_to",
    ]
)
_SAFE_FIELDS: Final = frozenset(
    [
        "timestamp",
        "level",
        "logger",
        "request_id",
        "correlation_id",
        "event_id",
        "claim_id",
        "submission_id",
        "key_id",
        "member_key",
        "topic",
        "partition",
        "offset",
        "status",
        "method",
        "route",
        "service",
    ]
)

_SEGMENTS = (
    "ISA|GS|ST|BHT|NM1|N3|N4|PER|REF|DMG|SBR|PAT|CLM|DTP|HI|LX|SV1|SV2|SV5|SVC|CAS|CLP|HL|PRV|PWK|K3|NTE|LIN|"
    "CN1|AMT|OI|MOA|INS|TRN|BPR|PLB|TS3|DTM|QTY|LQ|SE|GE|IEA"
)
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # What a database or library says with a row's values in it.
    (re.compile(r"\[parameters: .*", re.DOTALL), f"[parameters: {HIDDEN}]"),
    (re.compile(r"Failing row contains \(.*?\)\.?(?=\n|$)", re.DOTALL), f"Failing row contains {HIDDEN}"),
    (re.compile(r"(Key \([^)]*\))=\(.*?\)(?= )"), rf"\1={HIDDEN}"),
    # X12: from the segment's tag to its terminator or the end of the line.
    (re.compile(rf"\b(?:{_SEGMENTS})[*|^][^~\n]*~?"), "[segment]"),
    # A field in a repr, a JSON text or a query string, named like a person's data.
    (
        re.compile(
            r"""(["']?\b(?:\w*(?:first|last|middle|member|full|family|given|rendering)_?name(?:_\w+)?|\w*cin|\w*birth\w*|dob|"""
            r"""\w*address\w*|\w*phone\w*|\w*email\w*|ssn|street|gender|password|secret|token)["']?\s*[=:]\s*)"""
            r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?:datetime\.)?date\([^)]*\)|\{[^{}]*\}|[^\s,;&)\]}]+)""",
            re.IGNORECASE,
        ),
        rf"\g<1>{HIDDEN}",
    ),
    (re.compile(r"\bpck_[A-Za-z0-9_-]{8,}"), "[key]"),
    (re.compile(r"(?i)\bBearer\s+\S+"), "Bearer [key]"),
    # A CIN, also as the first nine characters of a card number, and also when its hyphens were kept.
    (re.compile(r"(?<![A-Za-z0-9])9[ -]?\d{7}[ -]?[A-Za-z](?:[ -]?\d{5})?(?![A-Za-z0-9])"), "[cin]"),
    (re.compile(r"\b\d{3}-\d{2}-\d{4}\b"), "[ssn]"),
)
_DATES: Final[tuple[re.Pattern[str], ...]] = (
    re.compile(r"(?<!\d)(?:19|20)\d\d[-/](?:0?[1-9]|1[0-2])[-/](?:0?[1-9]|[12]\d|3[01])(?![\dT])(?! \d\d:)"),
    re.compile(r"(?<![\dA-Za-z])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?![\dA-Za-z])"),
    re.compile(r"(?<!\d)(?:0?[1-9]|1[0-2])[/-](?:0?[1-9]|[12]\d|3[01])[/-](?:19|20)?\d\d(?!\d)"),
    re.compile(
        r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d{1,2},? (?:19|20)\d\d\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:datetime\.)?date(?:time)?\(\d{4}, ?\d{1,2}, ?\d{1,2}[^)]*\)"),
)
_QUOTED = re.compile(r"""'[^'\n]*'|"[^"\n]*\"""")


# What every pattern needs at least one of; most texts (names of events, routes, levels) have none.
_SUSPECT = re.compile(r"""[\d*|^=:"']|pck_|Bearer|Failing""", re.IGNORECASE)


def redact_text(text: str, *, dates: bool = True) -> str:
    """``text`` without identifiers, X12 segments, keys and (unless ``dates`` is false) days.

    A person's name in running text has no shape: it is found only beside a field's name or in a segment.
    Never put one in a message.
    """
    if not _SUSPECT.search(text):
        return text
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    if dates:
        for pattern in _DATES:
            text = pattern.sub("[date]", text)
    return text


def redact_quoted(text: str) -> str:
    """``text`` without anything in quotes: how libraries that read claims show what they stumbled over."""
    return _QUOTED.sub(f"'{HIDDEN}'", text)


def redact(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a log record, safe to write: by field name, then by the shape of every text."""
    return {str(name): _redact_field(str(name), value) for name, value in fields.items()}


def _redact_field(name: str, value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if name in _SAFE_FIELDS:
        return value if isinstance(value, int | float) else redact_text(str(value), dates=False)
    if _NAME_WORDS.search(name) or _PERSON_NAME.search(name):
        return HIDDEN
    return _redact_value(name, value, depth)


def _redact_value(name: str, value: Any, depth: int) -> Any:
    if isinstance(value, int | float):
        # A birth date as a number (19800504) is a date all the same.
        return value if name in _DATE_FIELDS or not any(p.fullmatch(str(value)) for p in _DATES) else "[date]"
    if depth > 6:
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _redact_field(str(key), inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(name, inner, depth + 1) for inner in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    return redact_text(str(value), dates=name not in _DATE_FIELDS)
