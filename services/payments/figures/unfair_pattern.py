"""The measure of an unfair payment pattern: 95 percent of complete claims paid correctly over any three months.

28 CCR 1300.71 and Health and Safety Code 1371.37, as the Department of Managed Health Care applies them: the
payment is to be correct and to include the interest that is due. Months are those of arrival.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from msgspec import Struct

from services.payments.figures.timeliness import SHARE_DIGITS, Cohort

PERCENT = 95
MONTHS = 3


class Window(Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Three months in a row (fewer where the period is shorter), for one payer or (null) for all.

    ``measured`` claims are ``on_time``, ``late_with_interest`` or ``wrong`` (late without all of its interest,
    or unpaid past the deadline); ``running`` ones, and those whose interest may still come in time, are not measured
    yet. ``share`` is null without any measured.
    """

    payer: str | None
    first: date
    last: date
    months: int
    measured: int
    on_time: int
    late_with_interest: int
    wrong: int
    running: int
    share: float | None
    met: bool | None


class Pattern(Struct, frozen=True):
    """``met`` says that no window misses the standard; null where nothing was measured."""

    percent: int
    met: bool | None
    windows: tuple[Window, ...]


def pattern(cohorts: Iterable[Cohort], as_of: date) -> Pattern:
    """Every three months in a row in which the claims arrived, over all payers and for each."""
    tallies: dict[tuple[str | None, int], list[int]] = {}
    for cohort in cohorts:
        place = _place(cohort, as_of)
        if place is None or cohort.arrival_date > as_of:
            continue
        month = cohort.arrival_date.year * 12 + cohort.arrival_date.month - 1
        for payer in (None, cohort.payer_id):
            tallies.setdefault((payer, month), [0, 0, 0, 0])[place] += cohort.count
    windows = []
    for payer in sorted({payer for payer, _ in tallies}, key=lambda payer: (payer is not None, payer or "")):
        of_month = {month: tally for (each, month), tally in tallies.items() if each == payer}
        windows += _windows(payer, of_month)
    found = [window.met for window in windows if window.met is not None]
    return Pattern(PERCENT, all(found) if found else None, tuple(windows))


def _place(cohort: Cohort, as_of: date) -> int | None:
    """0 on time, 1 late with interest, 2 wrong, 3 running; ``None``: not a complete claim that is to be paid."""
    if cohort.paid_in_full_on is not None:
        if not cohort.late:
            return 0
        if cohort.interest_payable_by is None:
            return 1
        # Its working days have not run out, so it may still come in time.
        return 3 if as_of <= cohort.interest_payable_by else 2
    if cohort.status != "running":
        return None
    return 2 if cohort.overdue(as_of) else 3


def _windows(payer: str | None, of_month: dict[int, list[int]]) -> list[Window]:
    first, last = min(of_month), max(of_month)
    starts = range(first, max(first, last - MONTHS + 1) + 1)
    return [_window(payer, start, min(MONTHS, last - first + 1), _sum(of_month, start)) for start in starts]


def _sum(of_month: dict[int, list[int]], start: int) -> list[int]:
    tallies = [of_month[month] for month in range(start, start + MONTHS) if month in of_month]
    return [sum(tally[place] for tally in tallies) for place in range(4)]


def _window(payer: str | None, start: int, months: int, counts: Sequence[int]) -> Window:
    on_time, with_interest, wrong, running = counts
    right, measured = on_time + with_interest, on_time + with_interest + wrong
    return Window(
        payer=payer,
        first=_first_day(start),
        last=_first_day(start + months) - timedelta(days=1),
        months=months,
        measured=measured,
        on_time=on_time,
        late_with_interest=with_interest,
        wrong=wrong,
        running=running,
        share=round(right / measured, SHARE_DIGITS) if measured else None,
        met=right * 100 >= PERCENT * measured if measured else None,
    )


def _first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
