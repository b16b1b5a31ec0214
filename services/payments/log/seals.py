"""Seals: what an entry of the timeliness log says of facts that it must not hold, and that nobody can guess from it.

Provider's numbers, service lines and references may point to a person, so they stay out of the log. Their seal goes
in: SHA-256, in hex, over the salt (16 random bytes, in hex) and the canonical JSON of the facts. The salt stands beside
the facts in the database and nowhere else. Who has the log alone learns nothing; who changes the facts, or the salt,
finds no other that fits.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import Any

import msgspec

from services.payments.log.log_check import canonical

_of_line = itemgetter(
    *("line", "service_date", "service_end", "hcpcs", "modifiers", "benefit", "service", "outreach", "units"),
    *("charge_cents", "control_number"),
)
_of_reference = itemgetter("reference", "reason", "natural_key")
_decode = lru_cache(maxsize=1024)(msgspec.json.Decoder().decode)


def new_salt() -> str:
    """16 random bytes, in hex."""
    return secrets.token_hex(16)


def details_seal(clock: Mapping[str, Any], payer_told: str) -> str:
    """The seal of what a row of ``clocks`` tells of its claim and the log does not. ``payer_told``: the payer id in the
    log, empty where it stays out.
    """
    facts = [
        clock["claim_number"],
        clock["organisation"],
        clock["provider_npi"],
        clock["original_reference"],
        # PostgreSQL keeps neither the order of keys nor blanks.
        _decode(clock["terms"]),
        *([] if payer_told else [clock["payer_id"]]),
    ]
    return _seal(clock["salt"], facts)


def details_fit(clock: Mapping[str, Any], receipt: Mapping[str, Any]) -> bool:
    """Whether a row of ``clocks`` is what its receipt's entry (its data) seals, where that seals it."""
    try:
        return "details_seal" not in receipt or (
            details_seal(clock, receipt["payer_id"]) == receipt["details_seal"]
        )
    except msgspec.DecodeError:
        return False


def lines_seal(salt: str | None, lines: Iterable[Mapping[str, Any]]) -> str:
    """The seal of a claim's rows of ``claim_lines``, whose order does not matter. ``salt`` is the claim's."""
    return _seal(salt, sorted(map(_of_line, lines)))


def reference_seal(entry: Mapping[str, Any]) -> str:
    """The seal of the texts that go with a row of ``payment_entries``."""
    return _seal(entry["salt"], _of_reference(entry))


def _seal(salt: str | None, facts: Sequence[Any]) -> str:
    # A row that was made to lose its salt has another seal, too.
    return sha256((salt or "").encode() + canonical(facts)).hexdigest()
