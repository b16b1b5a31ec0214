"""Compliance figures over many claims: 90 percent paid in 30 days, 99 percent in 90 (42 CFR 447.45(d)).

Counted by claim, in calendar days, the day of receipt being day 0. Claims that share all their dates are one
:class:`Cohort` with a count, so that a year of claims is a few thousand rows. Figures say what was so on
``as_of``: what happened later is left out.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from msgspec import Struct

SHARE_DIGITS = 6

DEFINITIONS = {
    "received": "Claims and invoices that arrived in the period, rejected ones and voids included.",
    "clean": "Claims that could be processed without more information: accepted or pended, not rejected. "
    "A claim contested in time leaves the set that day and is received anew when the information arrives "
    "(42 CFR 447.45).",
    "matured": "Clean claims that are paid in full, or whose 30 (90) calendar days have run out. A "
    "claim denied "
    "or withdrawn within its days is in neither number.",
    "within_30": "Matured claims paid in full by day 30, the day of receipt being day 0. Met at 90 percent.",
    "within_90": "Matured claims paid in full by day 90. Met at 99 percent.",
    "share": "Paid divided by matured; none where nothing has matured.",
    "overdue": "Clean claims not settled after their deadline under Health and Safety Code 1371.",
    "running": "Clean claims not settled whose deadline has not passed.",
    "contested": "Claims contested in time that still wait for information.",
    "median_days": "Median of calendar days from receipt as a clean claim to payment in full.",
    "interest_due_cents": "Interest earned by late payments and not yet paid.",
    "interest_paid_cents": "Interest that was paid.",
}


class Cohort(Struct, frozen=True, kw_only=True):
    """``count`` claims alike in everything that follows. ``key`` is the group they fall into.

    ``settled_otherwise_on`` is the day of a denial or withdrawal in full. ``running_deadline`` is the
    deadline since information arrived, where it did.
    """

    arrival_date: date
    status: str
    deadline: date | None = None
    running_deadline: date | None = None
    contract_from: date | None = None
    contested_on: date | None = None
    contest_in_time: bool | None = None
    information_on: date | None = None
    paid_in_full_on: date | None = None
    settled_otherwise_on: date | None = None
    last_paid_on: date | None = None
    interest_due_cents: int = 0
    interest_paid_cents: int = 0
    count: int = 1
    key: tuple[str, ...] = ()


class Share(Struct, frozen=True):
    """How many of the matured claims were paid within the days. ``share`` and ``met`` are null
    without any.
    """

    paid: int
    matured: int
    share: float | None
    met: bool | None


class Figures(Struct, frozen=True):
    """The figures of one group of claims. Money in cents, times in calendar days."""

    key: dict[str, str]
    received: int
    clean: int
    within_30: Share
    within_90: Share
    overdue: int
    running: int
    contested: int
    paid: int
    denied_or_withdrawn: int
    median_days: float | None
    interest_due_cents: int
    interest_paid_cents: int


class Report(Struct, frozen=True):
    groups: tuple[Figures, ...]
    total: Figures


def figures(cohorts: Iterable[Cohort], as_of: date, group_by: Sequence[str] = ()) -> Report:
    """The figures by group, in the order of their keys, and over all. ``group_by`` names the parts of the
    keys.
    """
    tallies: dict[tuple[str, ...], _Tally] = {}
    total = _Tally()
    for cohort in cohorts:
        if cohort.arrival_date > as_of:
            continue
        tallies.setdefault(cohort.key, _Tally()).add(cohort, as_of)
        total.add(cohort, as_of)
    groups = tuple(tallies[key].figures(dict(zip(group_by, key, strict=True))) for key in sorted(tallies))
    return Report(groups, total.figures({}))


class _Tally:
    def __init__(self) -> None:
        self.received = self.clean = self.overdue = self.running = self.contested = 0
        self.paid = self.left = self.interest_due = self.interest_paid = 0
        self.within = {30: [0, 0], 90: [0, 0]}
        self.days: dict[int, int] = {}

    def add(self, cohort: Cohort, as_of: date) -> None:
        count = cohort.count
        self.received += count
        if cohort.status == "none":
            return
        self.clean += count
        if cohort.last_paid_on is not None and cohort.last_paid_on <= as_of:
            self.interest_due += cohort.interest_due_cents
            self.interest_paid += cohort.interest_paid_cents
        paid_on = _by(cohort.paid_in_full_on, as_of)
        left_on = _by(cohort.settled_otherwise_on, as_of)
        start = _clean_from(cohort, as_of)
        if paid_on is not None:
            self.paid += count
        elif left_on is not None:
            self.left += count
        elif start is None:
            self.contested += count
        elif as_of > _deadline(cohort, as_of):
            self.overdue += count
        else:
            self.running += count
        if start is None:
            return
        if paid_on is not None:
            days = max(0, (paid_on - start).days)
            self.days[days] = self.days.get(days, 0) + count
        for limit, tally in self.within.items():
            last = start + timedelta(days=limit)
            if paid_on is not None and paid_on <= last:
                tally[0] += count
                tally[1] += count
            elif paid_on is not None or (as_of > last and (left_on is None or left_on > last)):
                tally[1] += count

    def figures(self, key: dict[str, str]) -> Figures:
        return Figures(
            key=key,
            received=self.received,
            clean=self.clean,
            within_30=_share(*self.within[30], percent=90),
            within_90=_share(*self.within[90], percent=99),
            overdue=self.overdue,
            running=self.running,
            contested=self.contested,
            paid=self.paid,
            denied_or_withdrawn=self.left,
            median_days=_median(self.days),
            interest_due_cents=self.interest_due,
            interest_paid_cents=self.interest_paid,
        )


def _by(day: date | None, as_of: date) -> date | None:
    return day if day is not None and day <= as_of else None


def _clean_from(cohort: Cohort, as_of: date) -> date | None:
    """Day 0 of the contract clocks as of that day; ``None`` while the claim waits for information."""
    if not cohort.contest_in_time or _by(cohort.contested_on, as_of) is None:
        return cohort.arrival_date
    return _by(cohort.information_on, as_of)


def _deadline(cohort: Cohort, as_of: date) -> date:
    first = cohort.deadline or date.max
    if _by(cohort.information_on, as_of) is None:
        return first
    return cohort.running_deadline or first


def _share(paid: int, matured: int, *, percent: int) -> Share:
    if matured == 0:
        return Share(paid, matured, None, None)
    # Met is decided in whole numbers; the rounded share is for reading only.
    return Share(paid, matured, round(paid / matured, SHARE_DIGITS), paid * 100 >= percent * matured)


def _median(days: dict[int, int]) -> float | None:
    count = sum(days.values())
    if not count:
        return None
    middle = ((count - 1) // 2, count // 2)
    found: list[int] = []
    seen = 0
    for day in sorted(days):
        seen += days[day]
        found += [day] * sum(seen > place for place in middle[len(found) :])
        if len(found) == 2:
            break
    return sum(found) / 2


CSV_COLUMNS = (
    "received",
    "clean",
    "paid_within_30",
    "matured_30",
    "share_30",
    "met_30",
    "paid_within_90",
    "matured_90",
    "share_90",
    "met_90",
    "overdue",
    "running",
    "contested",
    "paid",
    "denied_or_withdrawn",
    "median_days",
    "interest_due_cents",
    "interest_paid_cents",
)


def csv_rows(report: Report, group_by: Sequence[str]) -> Iterable[list[Any]]:
    """The report as a spreadsheet: a header, a row a group, and the total last, named so in the
    first column.
    """
    names = list(group_by) or ["group"]
    yield [*names, *CSV_COLUMNS]
    for group in report.groups if group_by else ():
        yield [*group.key.values(), *_csv_cells(group)]
    yield ["total", *[""] * (len(names) - 1), *_csv_cells(report.total)]


def _csv_cells(figures: Figures) -> list[Any]:
    thirty, ninety = figures.within_30, figures.within_90
    return [
        figures.received,
        figures.clean,
        *(thirty.paid, thirty.matured, thirty.share, thirty.met),
        *(ninety.paid, ninety.matured, ninety.share, ninety.met),
        *(figures.overdue, figures.running, figures.contested, figures.paid, figures.denied_or_withdrawn),
        *(figures.median_days, figures.interest_due_cents, figures.interest_paid_cents),
    ]
