"""The catalogue of rules: one row of data a rule, from ``shared/reference/rules.toml``.

Every finding is made through :func:`finding`, so that severity, authority and reason codes are said once.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct, convert

from shared.findings import Finding, Severity


class Rule(Struct, frozen=True, omit_defaults=True):
    """One rule. ``severity`` is its usual one; a rule may find less or more where its statement says so."""

    id: str
    severity: Severity
    title: str
    statement: str
    authority: str
    version: str
    carc: str | None = None
    rarc: str | None = None
    claim_status: str | None = None


@cache
def rules() -> dict[str, Rule]:
    """All rules by id. Raises ``msgspec.ValidationError`` where the data file is wrong."""
    raw = tomllib.loads(files("shared.reference").joinpath("rules.toml").read_text(encoding="utf-8"))
    version = raw["version"]
    return {row["id"]: convert({"version": version, **row}, Rule) for row in raw["rule"]}


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
