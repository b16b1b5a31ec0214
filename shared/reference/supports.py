"""Community Supports whose amount DHCS limits, and those that give a bed: ``support_limits.csv``.

Each limit is a row of data with its dates and authority; one that is not confirmed stands there switched off,
with the reason.
"""

from datetime import date
from functools import cache
from typing import Literal

from msgspec import Struct, convert

from shared.catalogue import rules
from shared.reference.tables import rows_of

LODGING = frozenset({"recuperative_care", "post_hospitalization_housing", "transitional_rent"})
"""One bed a night: DHCS Community Supports Policy Guide, the combined limit on room and board."""

DIFFERENT_BY_CODE = frozenset({"medically_tailored_meals", "day_habilitation", "housing_tenancy_sustaining"})
"""Services whose codes stand for different things, so that two of them on a day are no repetition.

Kinds of food; educational, prevocational and employment support; financial management and brokerage.
"""

DAYS_OF_A_ROLLING_YEAR = 365
WEEKS_OF_A_ROLLING_YEAR = 52

Counted = Literal["times", "stays", "days", "weeks", "hours", "units", "cents"]
Window = Literal["lifetime", "rolling_year", "calendar_year", "run", "stay", "day"]

_TOGETHER: frozenset[tuple[Counted, Window]] = frozenset(
    {
        ("times", "lifetime"),
        ("stays", "lifetime"),
        ("days", "run"),
        ("days", "rolling_year"),
        ("weeks", "rolling_year"),
        ("hours", "calendar_year"),
        ("units", "stay"),
        ("units", "day"),
        ("cents", "lifetime"),
    }
)


class SupportLimit(Struct, frozen=True):
    """At most ``most`` of what is ``counted``, for one member, of these ``services`` together within ``window``.

    ``codes``: only lines of these HCPCS codes count, all where there are none. ``times`` are days of service by
    provider, ``stays`` runs of nights; a ``run`` is days in a row, ``stay`` one line. ``hours_a_unit`` turns
    units into hours. ``on`` is false for a figure that is not confirmed; ``reason`` says why, or how it is read.
    """

    id: str
    name: str
    services: frozenset[str]
    codes: frozenset[str]
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

    def in_force(self, first: date, last: date) -> bool:
        """Whether it counts any of these days of service."""
        return self.effective_from <= last and (self.effective_to is None or first <= self.effective_to)

    def days_around(self, first: date, last: date) -> tuple[date, date]:
        """The days whose lines may count together with those of a line from ``first`` through ``last``."""
        match self.window:
            case "lifetime":
                return date.min, date.max
            case "calendar_year":
                return date(first.year, 1, 1), date(last.year, 12, 31)
            case "rolling_year":
                return _wider(first, last, DAYS_OF_A_ROLLING_YEAR - 1)
            case "run":
                return _wider(first, last, self.most)
            case "stay" | "day":
                return first, last


@cache
def support_limits() -> tuple[SupportLimit, ...]:
    """All rows, those switched off among them.

    Raises ``ValueError`` (``msgspec.ValidationError`` among them) for a row that makes no sense, and for one that is
    switched on and has no rule in the catalogue.
    """
    return tuple(map(_limit, rows_of("support_limits.csv")))


@cache
def limits_of(service: str) -> tuple[SupportLimit, ...]:
    """The limits, switched on, that count this service."""
    return tuple(limit for limit in support_limits() if limit.on and service in limit.services)


def days_to_count(service: str, first: date, last: date) -> tuple[date, date]:
    """The days whose lines may bear on a line of this service: its own, or more where a limit counts over time."""
    around = [limit.days_around(first, last) for limit in limits_of(service) if limit.in_force(first, last)]
    if not around:
        return first, last
    return min(earliest for earliest, _ in around), max(latest for _, latest in around)


def _limit(row: dict[str, str]) -> SupportLimit:
    limit = convert(
        {
            **row,
            "services": row["services"].split(),
            "codes": row["codes"].split(),
            "most": int(row["most"]),
            "hours_a_unit": int(row["hours_a_unit"] or 0),
            "effective_to": row["effective_to"] or None,
            "on": row["on"] == "1",
        },
        SupportLimit,
    )
    if (limit.counted, limit.window) not in _TOGETHER:
        raise ValueError(f"limit {limit.id}: {limit.counted} are not counted over {limit.window}")
    if limit.on and limit.rule not in rules():
        raise ValueError(f"limit {limit.id} is switched on, but the catalogue has no rule {limit.rule}")
    return limit


def _wider(first: date, last: date, days: int) -> tuple[date, date]:
    return (
        date.fromordinal(max(first.toordinal() - days, 1)),
        date.fromordinal(min(last.toordinal() + days, date.max.toordinal())),
    )
