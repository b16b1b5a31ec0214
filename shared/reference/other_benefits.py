"""Whose a code is that reaches an ECM or Community Supports claim by mistake, and what may have been meant.

Source: ``other_benefit_codes.csv``, each row with its authority.
"""

from collections.abc import Iterable
from functools import cache

from msgspec import Struct

from shared.reference.tables import rows_of


class OtherBenefit(Struct, frozen=True):
    """A benefit that is not ECM and not a Community Support.

    ``name`` completes "It is a code for …". ``instead`` are ids of services in the code set that may have
    been meant, nearest first.
    """

    first: str
    last: str
    modifiers: frozenset[str]
    name: str
    hint: str
    instead: tuple[str, ...]
    authority: str


@cache
def other_benefits() -> tuple[OtherBenefit, ...]:
    """All rows of ``other_benefit_codes.csv``, the more particular ones first."""
    return tuple(
        OtherBenefit(
            first=row["first"],
            last=row["last"] or row["first"],
            modifiers=frozenset(row["modifiers"].split()),
            name=row["benefit_name"],
            hint=row["hint"],
            instead=tuple(row["instead"].split()),
            authority=row["authority"],
        )
        for row in rows_of("other_benefit_codes.csv")
    )


def other_benefit(hcpcs: str, modifiers: Iterable[str] = ()) -> OtherBenefit | None:
    """The benefit that ``hcpcs`` with these modifiers belongs to, or ``None`` where we do not know one."""
    present = set(modifiers)
    for benefit in other_benefits():
        if (
            benefit.first <= hcpcs <= benefit.last
            and len(hcpcs) == len(benefit.first)
            and benefit.modifiers <= present
        ):
            return benefit
    return None
