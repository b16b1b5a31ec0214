"""The catalogue of rules: one row of data a rule, from ``shared/reference/rules.toml``.

Every finding is made through :func:`finding`, so that severity, authority and reason codes are said once.
"""

import tomllib
from datetime import date
from functools import cache
from typing import Any

from msgspec import Struct, convert

from shared.findings import Finding, Severity
from shared.reference.tables import text_of


class Rule(Struct, frozen=True, omit_defaults=True):
    """One rule. ``severity`` is its usual one; a rule may find less or more where its statement says so.

    ``effective_from`` and ``effective_to`` (both included; none: no end) are dates of service, and of receipt
    for clocks and the filing limit.
    """

    id: str
    severity: Severity
    title: str
    statement: str
    authority: str
    version: str
    effective_from: date
    effective_to: date | None = None
    carc: str | None = None
    rarc: str | None = None
    claim_status: str | None = None


@cache
def rules() -> dict[str, Rule]:
    """All rules by id.

    Raises ``tomllib.TOMLDecodeError``, ``KeyError`` or ``msgspec.ValidationError`` where the data file is wrong.
    """
    raw = tomllib.loads(text_of("rules.toml"))
    common = {"version": raw["version"], "effective_from": raw["effective_from"]}
    return {row["id"]: convert({**common, **row}, Rule) for row in raw["rule"]}


def finding(rule_id: str, message: str, **details: Any) -> Finding:
    """A finding of ``rule_id`` with the rule's severity, authority and codes, unless ``details`` override them.

    Raises ``KeyError`` for an id that the catalogue does not hold. Rules named ``repair.*`` share one row.
    """
    catalogue = rules()
    rule = catalogue.get(rule_id) or catalogue["repair.*" if rule_id.startswith("repair.") else rule_id]
    return Finding(
        rule=rule_id,
        message=message,
        **{
            "severity": rule.severity,
            "authority": rule.authority,
            "carc": rule.carc,
            "rarc": rule.rarc,
            "claim_status": rule.claim_status,
            "version": rule.version,
            **details,
        },
    )
