"""The compliance figures over cohorts, claim by claim."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.payments.timeliness import Cohort, csv_rows, figures

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


def test_a_claim_contested_in_time_leaves_the_set_and_comes_back_with_the_information() -> None:
    contested = cohort("contested", contested_on=START + 10 * DAY, contest_in_time=True)
    back = cohort(
        "paid",
        contested_on=START + 10 * DAY,
        contest_in_time=True,
        information_on=START + 50 * DAY,
        running_deadline=START + 80 * DAY,
        paid_in_full_on=START + 70 * DAY,
    )

    waiting = figures([contested], D("2026-12-31")).total
    paid = figures([back], D("2026-12-31")).total

    assert (waiting.contested, waiting.overdue, waiting.within_30.matured) == (1, 0, 0)
    assert (paid.within_30.paid, paid.median_days) == (1, 20)


def test_a_late_contest_changes_nothing() -> None:
    found = figures([cohort(contested_on=DEADLINE + DAY, contest_in_time=False)], D("2026-12-31")).total

    assert (found.overdue, found.within_30.matured, found.contested) == (1, 1, 0)


def test_a_denial_in_its_days_leaves_the_set_and_a_later_one_was_late() -> None:
    early = figures([cohort("denied", settled_otherwise_on=START + 30 * DAY)], D("2026-12-31")).total
    late = figures([cohort("denied", settled_otherwise_on=START + 31 * DAY)], D("2026-12-31")).total

    assert (early.within_30.matured, late.within_30.matured, late.within_30.paid) == (0, 1, 0)
    assert late.within_90.matured == 0


def test_figures_of_a_past_day_leave_out_what_came_later() -> None:
    claim = cohort(
        "paid",
        contested_on=START + 10 * DAY,
        contest_in_time=True,
        information_on=START + 20 * DAY,
        running_deadline=START + 50 * DAY,
        paid_in_full_on=START + 60 * DAY,
        last_paid_on=START + 60 * DAY,
        interest_due_cents=100,
    )

    def at(days: int) -> tuple[int, int, int, int, int]:
        found = figures([claim], START + days * DAY).total
        return (found.running, found.contested, found.overdue, found.paid, found.interest_due_cents)

    assert at(5) == (1, 0, 0, 0, 0)
    assert at(15) == (0, 1, 0, 0, 0)
    assert at(50) == (1, 0, 0, 0, 0)
    assert at(51) == (0, 0, 1, 0, 0)
    assert at(60) == (0, 0, 0, 1, 100)
    assert figures([claim], START - DAY).total.received == 0


def test_rejected_claims_are_received_but_not_clean() -> None:
    found = figures([cohort("none", count=3)], D("2026-12-31")).total

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
        cohort("running", count=count) if days is None
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
