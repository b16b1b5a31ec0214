"""The clock under every order of events, against a slow day counter and by properties."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payments.clock import Entry, Outcome, period_of, run, state_of
from services.payments.clock_document import clock_document, clock_of_receipt, fee_due_cents
from shared.calendar import FEDERAL_HOLIDAYS
from shared.payers import PayerTerms

D = date.fromisoformat
TERMS = PayerTerms()
ARRIVED = D("2026-03-02")
DEADLINE = D("2026-04-01")
DAY = timedelta(1)


def outcome(*entries: Entry, amount: int | None = 100_000, arrived: date = ARRIVED) -> Outcome:
    return run(period_of(arrived, TERMS), TERMS, amount, entries)


def on(day: str, kind: str, amount: int | None = None, interest: int = 0) -> Entry:
    return Entry(kind, D(day), amount, interest)  # type: ignore[arg-type]


def state(found: Outcome, as_of: str) -> str:
    return state_of(found.status, found.late, found.deadline, found.near_on, D(as_of))


def slow_works(day: date) -> bool:
    return day.isoweekday() <= 5 and day not in FEDERAL_HOLIDAYS


def slow_deadline(arrived: date, regime: str) -> date:
    """Day by day, in the words of the rule."""
    received = arrived
    while not slow_works(received):
        received += DAY
    if arrived >= D("2026-01-01"):
        for _ in range(30):
            received += DAY
        return received
    left = 45 if regime == "hmo" else 30
    while left:
        received += DAY
        if slow_works(received):
            left -= 1
    return received


arrivals = st.dates(D("2022-01-01"), D("2032-10-31")) | st.dates(D("2025-12-20"), D("2026-01-10"))


@given(arrivals, st.sampled_from(["knox-keene", "hmo"]))
def test_the_deadline_is_the_one_counted_by_hand(arrived: date, regime: str) -> None:
    terms = PayerTerms(regime=regime)  # type: ignore[arg-type]

    period = period_of(arrived, terms)

    assert period.deadline == slow_deadline(arrived, regime)
    assert period.cautious_deadline <= period.deadline
    assert period.contract_30 == arrived + 30 * DAY
    assert period.contract_90 == arrived + 90 * DAY
    assert slow_works(period.receipt_date)


@pytest.mark.parametrize(
    ("arrived", "receipt", "deadline"),
    [
        ("2026-01-31", "2026-02-02", "2026-03-04"),  # Saturday at the end of a month
        ("2026-02-27", "2026-02-27", "2026-03-29"),
        ("2028-01-30", "2028-01-31", "2028-03-01"),  # over the leap day
        ("2028-02-29", "2028-02-29", "2028-03-30"),
        ("2026-07-03", "2026-07-06", "2026-08-05"),  # Independence Day as observed
        ("2026-12-25", "2026-12-28", "2027-01-27"),
        ("2027-12-31", "2028-01-03", "2028-02-02"),  # New Year's Day observed in the old year
    ],
)
def test_month_ends_leap_years_and_holidays(arrived: str, receipt: str, deadline: str) -> None:
    period = period_of(D(arrived), TERMS)

    assert (period.receipt_date, period.deadline) == (D(receipt), D(deadline))


def test_a_plan_of_the_hmo_kind_is_warned_as_many_days_before_its_end() -> None:
    period = period_of(D("2025-06-02"), PayerTerms(regime="hmo"))

    slow = period.deadline
    left = 10
    while left:
        slow -= DAY
        left -= slow_works(slow + DAY)
    while not slow_works(slow):
        slow -= DAY
    assert period.near_dates[0] == slow


def test_payment_on_the_deadline_is_in_time_and_a_day_later_is_not() -> None:
    in_time, late = outcome(on("2026-04-01", "paid")), outcome(on("2026-04-02", "paid"))

    assert (state(in_time, "2026-04-01"), in_time.interest_cents) == ("paid_on_time", 0)
    assert (state(late, "2026-04-02"), late.days_late, late.interest_cents) == ("paid_late", 1, 41)


def test_a_contest_on_the_deadline_is_in_time() -> None:
    assert state(outcome(on("2026-04-01", "contested")), "2026-12-31") == "contested"
    assert state(outcome(on("2026-04-02", "contested")), "2026-12-31") == "overdue"


def test_silence_after_a_contest_leaves_the_claim_contested_and_payment_then_bears_no_interest() -> None:
    found = outcome(on("2026-03-10", "contested"), on("2026-09-01", "paid"))

    assert (state(found, "2026-09-01"), found.interest_cents) == ("paid_on_time", 0)


def test_a_second_contest_in_the_new_period_stops_the_clock_again() -> None:
    found = outcome(
        on("2026-03-10", "contested"),
        on("2026-03-20", "information_received"),
        on("2026-04-19", "contested"),
        on("2026-05-01", "information_received"),
    )

    assert found.deadline == D("2026-05-31")
    assert found.contract_from == D("2026-05-01")


def test_information_after_a_contest_that_came_too_late_starts_nothing() -> None:
    found = outcome(on("2026-04-05", "contested"), on("2026-04-10", "information_received"))

    assert found.deadline == DEADLINE
    assert found.deadline_after_information is None
    assert found.contract_from == ARRIVED


def test_before_2026_information_starts_a_new_period_of_working_days() -> None:
    found = outcome(
        on("2025-06-10", "contested"), on("2025-06-20", "information_received"), arrived=D("2025-06-02")
    )

    assert found.deadline == D("2025-08-04")


def test_a_partial_payment_stops_the_clock_for_what_was_paid_only() -> None:
    found = outcome(on("2026-03-20", "paid", 60_000), on("2026-04-11", "paid", 40_000))

    assert state(found, "2026-04-11") == "paid_late"
    assert [(paid.cents, paid.days_late) for paid in found.late_payments] == [(40_000, 10)]


def test_interest_of_several_late_payments_is_rounded_once() -> None:
    found = outcome(*(on("2026-04-02", "paid", 1_000) for _ in range(3)), amount=3_000)

    assert found.interest_cents == 1  # 3 x 0.41 cents, not 0 + 0 + 0


def test_denials_in_time_and_late() -> None:
    assert state(outcome(on("2026-04-01", "denied")), "2026-12-31") == "denied_on_time"
    assert state(outcome(on("2026-04-02", "denied")), "2026-12-31") == "denied_late"


def test_a_denial_of_a_part_leaves_the_rest_to_be_paid() -> None:
    partly = outcome(on("2026-03-20", "denied", 30_000))
    paid = outcome(on("2026-03-20", "denied", 30_000), on("2026-03-25", "paid", 70_000))

    assert (state(partly, "2026-03-20"), partly.outstanding_cents) == ("open", 70_000)
    assert (state(paid, "2026-03-25"), paid.denied_cents) == ("paid_on_time", 30_000)


def test_a_payment_that_overturns_a_denial_is_measured_from_the_deadline() -> None:
    found = outcome(on("2026-03-20", "denied"), on("2026-05-01", "paid", 100_000))

    assert (state(found, "2026-05-01"), found.days_late, found.denied_cents) == ("paid_late", 30, 0)


def test_a_reversal_takes_back_the_last_payment_and_its_interest() -> None:
    found = outcome(
        on("2026-03-20", "paid", 60_000),
        on("2026-04-11", "paid", 40_000),
        on("2026-04-12", "payment_reversed", 40_000),
    )

    assert (found.paid_cents, len(found.late_payments), found.outstanding_cents) == (60_000, 0, 40_000)
    assert state(found, "2026-04-12") == "overdue"


def test_a_withdrawn_claim_is_nobodys_debt() -> None:
    found = outcome(on("2026-03-10", "withdrawn"))

    assert state(found, "2026-12-31") == "withdrawn"
    assert "interest_cents" not in clock_document(found, D("2026-12-31"))


def test_a_claim_of_no_amount_is_open_until_something_settles_it() -> None:
    assert state(outcome(amount=0), "2026-03-02") == "open"
    assert state(outcome(on("2026-03-03", "paid"), amount=0), "2026-03-03") == "paid_on_time"


def test_the_fee_is_due_where_interest_was_not_paid_in_five_working_days() -> None:
    paid = on("2026-05-01", "paid")  # a Friday, 30 days late; 1,233 cents of interest
    by_itself = outcome(paid)
    with_it = outcome(on("2026-05-01", "paid", None, 1_233))
    after_five_days = outcome(paid, on("2026-05-08", "paid", 0, 1_233))
    after_six_days = outcome(paid, on("2026-05-11", "paid", 0, 1_233))

    assert by_itself.interest_cents == 1_233
    assert fee_due_cents(by_itself, D("2026-05-08")) == 0
    assert fee_due_cents(by_itself, D("2026-05-09")) == 1_500
    assert fee_due_cents(with_it, D("2026-12-31")) == 0
    assert fee_due_cents(after_five_days, D("2026-12-31")) == 0
    assert fee_due_cents(after_six_days, D("2026-12-31")) == 1_500


def test_interest_under_two_dollars_may_wait_until_the_tenth_of_the_next_month() -> None:
    found = outcome(on("2026-04-05", "paid"))  # 4 days: 164 cents

    document = clock_document(found, D("2026-04-05"))

    assert document["interest_may_wait_for_month"] == "2026-04"
    assert document["interest_payable_by"] == "2026-05-10"
    assert fee_due_cents(found, D("2026-05-10")) == 0
    assert fee_due_cents(found, D("2026-05-11")) == 1_500


def test_a_clock_of_receipt_has_the_keys_of_the_contract_and_no_others_of_it() -> None:
    document = clock_of_receipt(ARRIVED, TERMS, D("2026-03-22"))

    assert document["state"] == "near"
    for absent in ("contested", "paid", "days_late", "interest_cents", "deadline_after_information"):
        assert absent not in document
    assert document is clock_of_receipt(ARRIVED, TERMS, D("2026-03-22"))


kinds = st.sampled_from(["paid", "denied", "contested", "information_received", "payment_reversed"])
entries = st.lists(
    st.builds(
        lambda kind, days, amount: Entry(kind, ARRIVED + days * DAY, amount),
        kinds,
        st.integers(0, 200),
        st.none() | st.integers(1, 100_000),
    ),
    max_size=8,
)


@given(entries)
def test_whatever_happens_the_money_adds_up(happened: list[Entry]) -> None:
    found = outcome(*happened)

    assert found.outstanding_cents is not None
    assert found.outstanding_cents >= 0
    assert found.denied_cents >= 0
    assert found.paid_cents >= 0
    settled = found.status in ("paid", "denied")
    assert settled == (found.settled_on is not None)
    if settled:
        assert found.outstanding_cents == 0
    else:
        assert found.paid_cents + found.denied_cents + found.outstanding_cents == 100_000
    assert found.deadline >= DEADLINE


@given(entries, st.randoms(use_true_random=False))
def test_the_order_of_recording_does_not_matter_across_days(happened: list[Entry], random: object) -> None:
    days = {entry.date: entry for entry in happened}
    once = list(days.values())
    shuffled = list(once)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert outcome(*shuffled) == outcome(*once)


@given(st.integers(1, 10_000_000), st.integers(0, 400))
def test_paying_a_day_later_never_costs_less(amount: int, days: int) -> None:
    one = outcome(Entry("paid", ARRIVED + days * DAY), amount=amount)
    later = outcome(Entry("paid", ARRIVED + (days + 1) * DAY), amount=amount)

    assert later.interest_cents >= one.interest_cents
    assert (one.interest_cents > 0) <= one.late
