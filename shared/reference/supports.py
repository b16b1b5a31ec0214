"""Community Supports whose amount DHCS limits, and those that give a bed: ``support_limits.csv``.

Each limit is a row of data with its dates and authority; one that is not confirmed stands there switched off,
with the reason.
"""

from datetime import date
from functools import cache
from typing import Literal

from msgspec import Struct

from shared.reference.tables import rows_of

LODGING = frozenset({"recuperative_care", "post_hospitalization_housing", "transitional_rent"})
"""One bed a night: DHCS Community Supports Policy Guide, the combined limit on room and board."""

Counted = Literal["times", "days", "days_in_a_row", "hours", "units_a_day", "weeks", "cents"]
Window = Literal["lifetime", "rolling_year", "stay", "day"]


class SupportLimit(Struct, frozen=True):
    """At most ``most`` of what is ``counted``, for one member, of these ``services`` together within ``window``.

    ``hours_a_unit`` turns units into hours where ``counted`` is hours. ``on`` is false for a figure that is not
    confirmed; ``reason`` says why.
    """

    id: str
    services: frozenset[str]
    counted: Counted
    window: Window
    most: int
    hours_a_unit: int
    effective_from: date
    effective_to: date | None
    on: bool
    reason: str
    authority: str

    @property
    def rule(self) -> str:
        """The id of its rule: ``limit.respite_hours``."""
        return f"limit.{self.id}"

    def in_force(self, day: date) -> bool:
        """Whether it is switched on and counts services of ``day``."""
        return (
            self.on and self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)
        )


@cache
def support_limits() -> tuple[SupportLimit, ...]:
    """All rows, those switched off among them."""
    return tuple(
        SupportLimit(
            id=row["id"],
            services=frozenset(row["services"].split()),
            counted=row["counted"],  # type: ignore[arg-type]
            window=row["window"],  # type: ignore[arg-type]
            most=int(row["most"]),
            hours_a_unit=int(row["hours_a_unit"] or 0),
            effective_from=date.fromisoformat(row["effective_from"]),
            effective_to=date.fromisoformat(row["effective_to"]) if row["effective_to"] else None,
            on=row["on"] == "1",
            reason=row["reason"],
            authority=row["authority"],
        )
        for row in rows_of("support_limits.csv")
    )


@cache
def limits_of(service: str) -> tuple[SupportLimit, ...]:
    """The limits, switched on, that count this service."""
    return tuple(limit for limit in support_limits() if limit.on and service in limit.services)


def has_limit(service: str) -> bool:
    """Whether any limit that is switched on counts this service over time."""
    return bool(limits_of(service))
