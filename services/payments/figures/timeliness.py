"""Compliance figures over many claims: 90 percent paid in 30 days, 99 percent in 90 (42 CFR 447.45(d)).

Calendar days, the day of receipt being day 0. Claims that share all their dates are one :class:`Cohort` with a
count, so that a year of claims is some thousand rows. A cohort says how its claims stood on the day of the
report; :mod:`services.payments.figures.cohorts` leaves out what happened later.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from msgspec import Struct

from services.payments.figures.acknowledgements import Acknowledged, Acknowledgement, Judged, RejectionNotice
from services.payments.figures.day_counts import BUCKETS, DayCounts

SHARE_DIGITS = 6


class Cohort(Struct, frozen=True, kw_only=True):
    """``count`` claims alike in everything that follows. ``key`` is the group they fall into.

    ``status`` is that of ``services.payments.clock``, or ``none`` where there is no clean-claim clock.
    ``contract_from`` is day 0 of the contract clocks, if it is not the arrival; ``awaits_information``: the claim
    was contested in time and none runs. ``settled_otherwise_on`` is the day of a denial or withdrawal in full.
    ``interest_payable_by``: of a claim paid late, the last day for interest that has not all been paid. Money in cents,
    summed over the claims.
    """

    arrival_date: date
    status: str
    verdict: str = "accepted"
    void: bool = False
    late: bool = False
    deadline: date | None = None
    contract_from: date | None = None
    awaits_information: bool = False
    paid_in_full_on: date | None = None
    settled_otherwise_on: date | None = None
    interest_payable_by: date | None = None
    interest_due_cents: int = 0
    interest_paid_cents: int = 0
    interest_running_cents: int = 0
    open_cents: int = 0
    count: int = 1
    payer_id: str = ""
    key: tuple[str, ...] = ()

    @property
    def counted_from(self) -> date:
        return self.contract_from or self.arrival_date

    def overdue(self, as_of: date) -> bool:
        return self.status == "running" and self.deadline is not None and as_of > self.deadline


class Share(Struct, frozen=True):
    """How many of the matured claims were paid within the days. ``share`` and ``met`` are null without any."""

    paid: int
    matured: int
    share: float | None
    met: bool | None


class Figures(Struct, frozen=True):
    """The figures of one group. Counts of claims (or lines), money in cents, times in calendar days."""

    key: dict[str, str]
    received: int
    accepted: int
    pended: int
    rejected: int
    clean: int
    not_clean: int
    within_30: Share
    within_90: Share
    late_30: int
    running_30: int
    late_90: int
    running_90: int
    overdue: int
    running: int
    contested: int
    paid: int
    paid_late: int
    denied: int
    denied_late: int
    withdrawn: int
    denied_or_withdrawn: int
    median_days: float | None
    days_to_payment: dict[str, int]
    days_unpaid: dict[str, int]
    open_cents: int
    interest_due_cents: int
    interest_paid_cents: int
    interest_running_cents: int
    acknowledgement: Acknowledgement
    rejection_notice: RejectionNotice


class Report(Struct, frozen=True):
    groups: tuple[Figures, ...]
    total: Figures


def figures(
    cohorts: Iterable[Cohort],
    as_of: date,
    group_by: Sequence[str] = (),
    judged: Iterable[Judged] = (),
    *,
    totals: tuple[Iterable[Cohort], Iterable[Judged]] | None = None,
) -> Report:
    """The figures by group, in the order of their keys, and over all. ``group_by`` names the parts of the keys.

    ``totals`` are the same claims, each once, where ``cohorts`` and ``judged`` hold one in several groups.
    """
    tallies: dict[tuple[str, ...], _Tally] = {}
    all_of_them = [_Tally()] if totals is None else []
    _add(tallies, all_of_them, cohorts, judged, as_of)
    if totals is not None:
        total = _Tally()
        _add({}, [total], *totals, as_of)
        all_of_them = [total]
    groups = tuple(tallies[key].figures(dict(zip(group_by, key, strict=True))) for key in sorted(tallies))
    return Report(groups, all_of_them[0].figures({}))


def _add(
    tallies: dict[tuple[str, ...], "_Tally"],
    totals: list["_Tally"],
    cohorts: Iterable[Cohort],
    judged: Iterable[Judged],
    as_of: date,
) -> None:
    for cohort in cohorts:
        if cohort.arrival_date <= as_of:
            for tally in (tallies.setdefault(cohort.key, _Tally()), *totals):
                tally.add(cohort, as_of)
    for each in judged:
        if each.arrival_date <= as_of:
            for tally in (tallies.setdefault(each.key, _Tally()), *totals):
                tally.acknowledged.add(each, as_of)


class _Period:
    """One of the two contract periods of a group: 30 days or 90."""

    def __init__(self, days: int, percent: int) -> None:
        self.days, self.percent = days, percent
        self.paid = self.late = self.running = 0

    def add(self, cohort: Cohort, as_of: date) -> None:
        if cohort.awaits_information:
            return
        last = cohort.counted_from + timedelta(days=self.days)
        paid_on, left_on = cohort.paid_in_full_on, cohort.settled_otherwise_on
        if paid_on is not None and paid_on <= last:
            self.paid += cohort.count
        elif paid_on is not None or (as_of > last and (left_on is None or left_on > last)):
            self.late += cohort.count
        elif left_on is None:
            self.running += cohort.count

    def share(self) -> Share:
        matured = self.paid + self.late
        if matured == 0:
            return Share(0, 0, None, None)
        # Met is decided in whole numbers; the rounded share is for reading only.
        met = self.paid * 100 >= self.percent * matured
        return Share(self.paid, matured, round(self.paid / matured, SHARE_DIGITS), met)


class _Tally:
    def __init__(self) -> None:
        self.received = self.clean = self.overdue = self.running = self.contested = 0
        self.paid = self.paid_late = self.denied = self.denied_late = self.withdrawn = 0
        self.open_cents = self.interest_due = self.interest_paid = self.interest_running = 0
        self.verdicts = {"accepted": 0, "pended": 0, "rejected": 0}
        self.periods = (_Period(30, 90), _Period(90, 99))
        self.days, self.unpaid = DayCounts(), DayCounts()
        self.acknowledged = Acknowledged()

    def add(self, cohort: Cohort, as_of: date) -> None:
        count = cohort.count
        self.received += count
        self.verdicts[cohort.verdict] += count
        if cohort.status == "none":
            return
        self.clean += count
        self.interest_due += cohort.interest_due_cents
        self.interest_paid += cohort.interest_paid_cents
        self.interest_running += cohort.interest_running_cents
        if cohort.paid_in_full_on is not None:
            self.paid += count
            self.paid_late += count if cohort.late else 0
            self.days.add((cohort.paid_in_full_on - cohort.counted_from).days, count)
        elif cohort.settled_otherwise_on is not None:
            if cohort.status == "denied":
                self.denied += count
                self.denied_late += count if cohort.late else 0
            else:
                self.withdrawn += count
        else:
            self._add_open(cohort, as_of)
        for period in self.periods:
            period.add(cohort, as_of)

    def _add_open(self, cohort: Cohort, as_of: date) -> None:
        self.open_cents += cohort.open_cents
        self.unpaid.add((as_of - cohort.counted_from).days, cohort.count)
        if cohort.awaits_information:
            self.contested += cohort.count
        elif cohort.overdue(as_of):
            self.overdue += cohort.count
        else:
            self.running += cohort.count

    def figures(self, key: dict[str, str]) -> Figures:
        thirty, ninety = self.periods
        return Figures(
            key=key,
            received=self.received,
            **self.verdicts,
            clean=self.clean,
            not_clean=self.received - self.clean,
            within_30=thirty.share(),
            within_90=ninety.share(),
            late_30=thirty.late,
            running_30=thirty.running,
            late_90=ninety.late,
            running_90=ninety.running,
            overdue=self.overdue,
            running=self.running,
            contested=self.contested,
            paid=self.paid,
            paid_late=self.paid_late,
            denied=self.denied,
            denied_late=self.denied_late,
            withdrawn=self.withdrawn,
            denied_or_withdrawn=self.denied + self.withdrawn,
            median_days=self.days.median(),
            days_to_payment=self.days.by_age(BUCKETS),
            days_unpaid=self.unpaid.by_age(BUCKETS),
            open_cents=self.open_cents,
            interest_due_cents=self.interest_due,
            interest_paid_cents=self.interest_paid,
            interest_running_cents=self.interest_running,
            acknowledgement=self.acknowledged.acknowledgement(),
            rejection_notice=self.acknowledged.rejection_notice(),
        )
