"""Which days a line bills, which lines may not share a day, and finding those that do."""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache

from services.validator.rules.history import EarlierLine
from shared.reference.codes import TELEHEALTH, CodeSet
from shared.reference.supports import DIFFERENT_BY_CODE, LODGING

PER_DIEM = "per diem"
PER_MONTH = "per month"

_SHIFT = 5
_SHORT_DAYS = 62

Days = tuple[int, int]
"""First and last day as ordinals, both included."""


def days_of(line: EarlierLine) -> Days:
    """The dates of service as stated. The last is before the first where the claim says so."""
    return line.service_start.toordinal(), line.service_end.toordinal()


def billed_days(line: EarlierLine) -> Days:
    """The days (of lodging: nights) that a line bills.

    Where a per-diem line has exactly one unit fewer than dates, the last date is that of the check-out. A monthly
    line counts for the dates that it states, be it one: which month it means it does not say.
    """
    first, last = days_of(line)
    if last > first and line.units == str(last - first) and unit_of(line) == PER_DIEM:
        return first, last - 1
    return first, last


def unit_of(line: EarlierLine) -> str:
    """The unit in which DHCS lists the line's service: ``per diem``; empty where it is not listed."""
    return _unit(line.service, line.hcpcs, line.modifiers)


def exclusive_kind(line: EarlierLine) -> tuple[str, ...] | None:
    """Lines of one kind are not for the same day twice; ``None``: nothing of that sort is known of the line.

    Community Supports by the day or month: the service; all lodging together; the code and its modifiers where
    the codes of a service stand for different things.
    """
    service = line.service
    if not service or unit_of(line) not in (PER_DIEM, PER_MONTH):
        return None
    if service in LODGING:
        return ("lodging",)
    if service in DIFFERENT_BY_CODE:
        return (service, line.hcpcs, *(modifier for modifier in line.modifiers if modifier != TELEHEALTH))
    return (service,)


def rank(line: EarlierLine) -> tuple[date, str, int]:
    """The order in which lines were received."""
    return line.arrival_date, line.claim_id, line.line


class ByDays:
    """Lines that can be asked for by days. Short ones lie in drawers of 32 days, long ones in one of their own."""

    def __init__(self) -> None:
        self._drawers: dict[int, list[tuple[int, int, int, EarlierLine]]] = {}
        self._long: list[tuple[int, int, int, EarlierLine]] = []
        self._count = 0

    def add(self, line: EarlierLine, days: Days) -> None:
        """Keep ``line`` for ``days``; a line without days (the last before the first) is left out."""
        first, last = days
        if last < first:
            return
        entry = (self._count, first, last, line)
        self._count += 1
        if last - first > _SHORT_DAYS:
            self._long.append(entry)
            return
        for drawer in range(first >> _SHIFT, (last >> _SHIFT) + 1):
            self._drawers.setdefault(drawer, []).append(entry)

    def first_meeting(self, days: Days, other_than_npi: str | None = None) -> EarlierLine | None:
        """The line kept first of those that share a day with ``days``.

        With ``other_than_npi`` only lines of another billing NPI that is known.
        """
        first, last = days
        if last < first:
            return None
        best: tuple[int, EarlierLine] | None = None
        for entries in self._near(first, last):
            for number, start, end, line in entries:
                if best is not None and number > best[0]:
                    break
                if start > last or end < first:
                    continue
                if other_than_npi is not None and line.billing_npi in (None, other_than_npi):
                    continue
                best = (number, line)
                break
        return best[1] if best else None

    def _near(self, first: int, last: int) -> Iterator[Iterable[tuple[int, int, int, EarlierLine]]]:
        yield self._long
        if last - first > _SHORT_DAYS:
            yield from self._drawers.values()
            return
        for drawer in range(first >> _SHIFT, (last >> _SHIFT) + 1):
            yield self._drawers.get(drawer, ())


@lru_cache(maxsize=8_192)
def _unit(service: str, hcpcs: str, modifiers: tuple[str, ...]) -> str:
    rows = CodeSet.load().match(hcpcs, modifiers).rows
    return next((row.unit for row in rows if row.service == service), "")
