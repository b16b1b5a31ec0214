"""The shape of a JSON document of claims: where its claims are, and what nothing will read."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec

from services.intake.readers import FileRefused
from services.intake.readers.headers import refused
from services.intake.schemas import (
    AddressSchema,
    ClaimSchema,
    LineSchema,
    MemberSchema,
    PayerSchema,
    ProviderSchema,
    shape_problems,
)
from shared.catalogue import finding
from shared.findings import Finding

# As Decimal, so that 0.1 units stay 0.1.
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
SHAPE = 'One claim as an object, {"claims": [...]}, or a list of claims'
MAX_LINES = 200_000
"""Claims in a document, and lines of all its claims together: a few bytes may stand for each of them."""
PROBLEMS_TOLD = 1_000
_IGNORED_NAMED = 20


def validate_claims_json(document: bytes) -> list[dict[str, str]]:
    """What is wrong with a document's shape: ``[{"pointer", "message"}]``; empty where it can be read.

    At most the first ``PROBLEMS_TOLD``.
    """
    try:
        claims = claims_in(document)
    except FileRefused as refusal:
        return [{"pointer": "", "message": refusal.finding.message}]
    problems = (problem for pointer, claim in claims for problem in shape_problems(claim, pointer))
    return list(islice(problems, PROBLEMS_TOLD))


def claims_in(document: bytes) -> list[tuple[str, Any]]:
    """Every claim with its pointer. Raises ``FileRefused`` where there are none, or too many."""
    try:
        decoded = _DECODER.decode(document.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        # msgspec tells the byte where it stopped, never what stood there.
        place = str(error) if isinstance(error, msgspec.DecodeError) else "nested too deeply or not UTF-8"
        raise refused(f"This is not valid JSON: {place}.", expected=SHAPE) from None
    if isinstance(decoded, dict) and "claims" in decoded:
        base, claims = "/claims", decoded["claims"]
    elif isinstance(decoded, dict):
        if not decoded.keys() & _CLAIM_FIELDS:
            raise refused("This JSON is not a claim: it has none of a claim's fields.", expected=SHAPE)
        _refuse_too_many([decoded])
        return [("", decoded)]
    else:
        base, claims = "", decoded
    if not isinstance(claims, list):
        raise refused("The claims are not a list.", where=base or None, expected=SHAPE)
    if not claims:
        raise refused("There are no claims in the list.", where=base or None, expected=SHAPE)
    _refuse_too_many(claims)
    return [(f"{base}/{index}", claim) for index, claim in enumerate(claims)]


def _refuse_too_many(claims: list[Any]) -> None:
    of_claims = (claim.get("lines") for claim in claims if isinstance(claim, dict))
    lines = sum(len(lines) for lines in of_claims if isinstance(lines, list))
    if max(len(claims), lines) > MAX_LINES:
        raise refused(
            f"The JSON holds more than {MAX_LINES:,} claims or service lines.",
            expected="Several smaller files",
        )


def _names(schema: type[Any], *others: str) -> frozenset[str]:
    return frozenset(schema._declared_fields) | frozenset(others)


_CLAIM_FIELDS = _names(ClaimSchema)
_ADDRESS_FIELDS = _names(AddressSchema, "address")
_PARTS = {
    "payer": _names(PayerSchema),
    "billing_provider": _names(ProviderSchema, "last_name"),
    "rendering_provider": _names(ProviderSchema, "last_name"),
    "member": _names(MemberSchema),
}
_LINE_FIELDS = _names(LineSchema)


def unknown_fields(claims: list[tuple[str, Any]]) -> Iterator[Finding]:
    """One note for all fields that nothing reads, each named once."""
    unknown: dict[str, str] = {}
    for pointer, claim in claims:
        if not isinstance(claim, dict):
            continue
        objects: list[tuple[str, Any, frozenset[str]]] = [("", claim, _CLAIM_FIELDS)]
        for key, names in _PARTS.items():
            part = claim.get(key)
            objects.append((f"/{key}", part, names))
            if isinstance(part, dict):
                objects.append((f"/{key}/address", part.get("address"), _ADDRESS_FIELDS))
        lines = claim.get("lines")
        if isinstance(lines, list):
            objects += [("/lines", line, _LINE_FIELDS) for line in lines]
        for path, entry, names in objects:
            if isinstance(entry, dict) and not entry.keys() <= names:
                for key in entry.keys() - names:
                    unknown.setdefault(f"{path}/{key[:60]}", f"{pointer}{path}")
    if unknown:
        named = ", ".join(sorted(unknown)[:_IGNORED_NAMED])
        yield finding(
            "file.column_ignored",
            f"We did not read these fields, because a claim has no fields of that name: {named}.",
            where=next(iter(unknown.values())) or None,
        )
