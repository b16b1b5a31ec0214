"""The compliance figures over cohorts, claim by claim."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.payments.figures.csv_rows import csv_rows
from services.payments.figures.day_counts import DayCounts
from services.payments.figures.timeliness import Cohort, figures
from services.payments.figures.unfair_pattern import pattern

D = date.fromisoformat
START = D("2026-03-02")
DAY = timedelta(1)
DEADLINE = START + 30 * DAY


def cohort(status: str = "running", **values: object) -> Cohort:
    return Cohort(arrival_date=START, status=status, deadline=DEADLINE, **values)  # type: ignore[arg-type]


def test_a_claim_is_matured_only_when_its_days_have_run_out_or_it_is_paid() -> None:
    on_day_30, on_day_31 = (figures([cohort()], START + n * DAY).total.within_30 for n in (30, 31))
    paid = figures([cohort("paid", paid_in_full_on=START + DAY)], START + DAY).total.within_30

    assert (on_day_30.matured, on_day_30.share, on_day_30.met) == (0, None, None)
    assert (on_day_31.matured, on_day_31.share, on_day_31.met) == (1, 0.0, False)
    assert (paid.paid, paid.matured, paid.met) == (1, 1, True)


def test_payment_on_day_30_counts_and_on_day_31_does_not() -> None:
    day_30 = figures([cohort("paid", paid_in_full_on=START + 30 * DAY)], D("2026-12-31")).total
    day_31 = figures([cohort("paid", paid_in_full_on=START + 31 * DAY)], D("2026-12-31")).total

    assert (day_30.within_30.paid, day_31.within_30.paid, day_31.within_90.paid) == (1, 0, 1)


def test_ninety_percent_is_met_and_a_hair_less_is_not() -> None:
    paid = cohort("paid", paid_in_full_on=START + DAY, count=8_999_999)
    one = cohort("paid", paid_in_full_on=START + DAY)
    late = cohort(count=1_000_000)

    exactly = figures([paid, one, late], D("2026-12-31")).total.within_30
    hair_less = figures([paid, late], D("2026-12-31")).total.within_30

    assert (exactly.share, exactly.met) == (0.9, True)
    assert (hair_less.share, hair_less.met) == (0.9, False)


def test_ninety_nine_percent_in_ninety_days_is_met_and_a_hair_less_is_not() -> None:
    paid = cohort("paid", paid_in_full_on=START + 90 * DAY, count=9_899_999)
    one = cohort("paid", paid_in_full_on=START + 90 * DAY)
    late = cohort(count=100_000)

    assert figures([paid, one, late], D("2026-12-31")).total.within_90.met is True
    assert figures([paid, late], D("2026-12-31")).total.within_90.met is False


def test_a_claim_contested_in_time_leaves_the_set_and_comes_back_with_the_information() -> None:
    waiting = figures([cohort("contested", awaits_information=True)], D("2026-12-31")).total
    back = cohort("paid", contract_from=START + 50 * DAY, paid_in_full_on=START + 70 * DAY)

    paid = figures([back], D("2026-12-31")).total

    assert (waiting.contested, waiting.overdue, waiting.within_30.matured, waiting.running_30) == (1, 0, 0, 0)
    assert (paid.within_30.paid, paid.median_days, paid.days_to_payment["11_20"]) == (1, 20, 1)


def test_a_denial_in_its_days_leaves_the_set_and_a_later_one_was_late() -> None:
    early = figures([cohort("denied", settled_otherwise_on=START + 30 * DAY)], D("2026-12-31")).total
    late = figures([cohort("denied", settled_otherwise_on=START + 31 * DAY)], D("2026-12-31")).total

    assert (early.within_30.matured, late.within_30.matured, late.within_30.paid) == (0, 1, 0)
    assert late.within_90.matured == 0


def test_matured_late_and_running_claims_stand_apart() -> None:
    cohorts = [
        cohort("paid", paid_in_full_on=START + 30 * DAY, count=1),
        cohort("paid", paid_in_full_on=START + 31 * DAY, late=True, count=2),
        cohort(count=4),
        cohort("denied", settled_otherwise_on=START + DAY, count=8),
        cohort("withdrawn", settled_otherwise_on=START + 31 * DAY, count=16),
    ]

    found = figures(cohorts, START + 40 * DAY).total

    assert (found.within_30.paid, found.late_30, found.running_30) == (1, 2 + 4 + 16, 0)
    assert (found.within_90.paid, found.late_90, found.running_90) == (3, 0, 4)
    assert (found.paid_late, found.denied, found.withdrawn, found.denied_or_withdrawn) == (2, 8, 16, 24)
    assert (found.overdue, found.days_unpaid["31_60"]) == (4, 4)


def test_every_age_has_its_days() -> None:
    counts = DayCounts()
    for days in (-1, 0, 10, 11, 20, 21, 30, 31, 60, 61, 90, 91, 4000):
        counts.add(days)

    assert counts.by_age() == {"0_10": 3, "11_20": 2, "21_30": 2, "31_60": 2, "61_90": 2, "over_90": 2}
    assert (counts.longest(), counts.median()) == (4000, 30)


def test_the_pattern_measures_complete_claims_that_are_paid_or_past_their_deadline() -> None:
    as_of = DEADLINE + DAY
    cohorts = [
        cohort("paid", paid_in_full_on=START, count=18),
        cohort("paid", paid_in_full_on=as_of, late=True),
        cohort("paid", paid_in_full_on=as_of, late=True, interest_payable_by=START),
        cohort("denied", settled_otherwise_on=START, count=50),
        cohort("contested", awaits_information=True, count=50),
        cohort("none", verdict="rejected", count=50),
    ]

    [met, _] = pattern(cohorts, as_of).windows
    [missed, _] = pattern([*cohorts, cohort()], as_of).windows
    [on_the_day, _] = pattern([*cohorts, cohort()], DEADLINE).windows

    assert (met.measured, met.on_time, met.late_with_interest, met.wrong) == (20, 18, 1, 1)
    assert (met.share, met.met) == (0.95, True)
    assert (missed.measured, missed.wrong, missed.met) == (21, 2, False)
    assert (on_the_day.measured, on_the_day.running, on_the_day.met) == (20, 1, True)
    assert pattern([], as_of).met is None


def test_a_late_payment_is_not_measured_while_its_interest_may_still_come() -> None:
    payable_by = DEADLINE + 6 * DAY
    late = [cohort("paid", paid_in_full_on=DEADLINE + DAY, late=True, interest_payable_by=payable_by)]

    [before, _], [after, _] = (pattern(late, day).windows for day in (payable_by, payable_by + DAY))

    assert (before.measured, before.wrong, before.running) == (0, 0, 1)
    assert (after.measured, after.wrong, after.running) == (1, 1, 0)


def test_ninety_five_percent_paid_correctly_is_met_and_a_hair_less_is_not() -> None:
    as_of = DEADLINE + DAY
    right = cohort("paid", paid_in_full_on=START, count=9_499_999)
    one = cohort("paid", paid_in_full_on=START)
    overdue = cohort(count=500_000)

    assert pattern([right, one, overdue], as_of).met is True
    assert pattern([right, overdue], as_of).met is False


def test_the_windows_of_a_pattern_are_three_months_in_a_row() -> None:
    days = ("2025-11-30", "2026-01-01", "2026-03-31")
    claims_of_months = [Cohort(arrival_date=D(day), status="running") for day in days]

    windows = pattern(claims_of_months, D("2026-03-31")).windows

    assert [(window.first, window.last) for window in windows if window.payer is None] == [
        (D("2025-11-01"), D("2026-01-31")),
        (D("2025-12-01"), D("2026-02-28")),
        (D("2026-01-01"), D("2026-03-31")),
    ]


def test_rejected_claims_are_received_but_not_clean() -> None:
    found = figures([cohort("none", verdict="rejected", count=3)], D("2026-12-31")).total

    assert (found.rejected, found.not_clean) == (3, 3)
    assert (found.received, found.clean, found.overdue, found.within_30.matured) == (3, 0, 0, 0)


def test_groups_come_in_the_order_of_their_keys_with_their_names() -> None:
    report = figures([cohort(key=("B", "x")), cohort(key=("A", "y"))], START, ("payer", "channel"))

    assert [group.key for group in report.groups] == [
        {"payer": "A", "channel": "y"},
        {"payer": "B", "channel": "x"},
    ]
    rows = list(csv_rows(report, ("payer", "channel")))
    assert [row[:3] for row in rows[1:]] == [["A", "y", 1], ["B", "x", 1], ["total", "", 2]]
    assert {len(row) for row in rows} == {len(rows[0])}


claims = st.tuples(st.none() | st.integers(0, 120), st.integers(1, 5))


@given(st.lists(claims, max_size=12), st.integers(0, 150))
def test_the_figures_are_those_of_counting_claim_by_claim(
    groups: list[tuple[int | None, int]], elapsed: int
) -> None:
    as_of = START + elapsed * DAY
    cohorts = [
        cohort("running", count=count) if days is None or days > elapsed
        else cohort("paid", paid_in_full_on=START + days * DAY, count=count)
        for days, count in groups
    ]  # fmt: skip
    one_by_one = [days for days, count in groups for _ in range(count)]

    total = figures(cohorts, as_of).total

    for limit, share in ((30, total.within_30), (90, total.within_90)):
        paid = [d for d in one_by_one if d is not None and d <= min(limit, elapsed)]
        late = [d for d in one_by_one if elapsed > limit and (d is None or d > limit)]
        early_late = [d for d in one_by_one if d is not None and limit < d <= elapsed <= limit]
        assert (share.paid, share.matured) == (len(paid), len(paid) + len(late) + len(early_late))
    days_paid = sorted(d for d in one_by_one if d is not None and d <= elapsed)
    half = len(days_paid) // 2
    expected = (days_paid[half] + days_paid[-half - 1]) / 2 if days_paid else None
    assert total.median_days == expected
    assert total.received == total.paid + total.running + total.overdue
