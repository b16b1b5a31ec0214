"""Which notices a clock calls for, by hand-counted days, and what holds for every clock."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.payments.clock import Entry, Kind, Outcome, period_of, run
from services.payments.deadlines.notices import next_notice_on, notices
from shared.calendar import add_working_days
from shared.payers import PayerTerms

D = date.fromisoformat
TERMS = PayerTerms()


def outcome_of(
    arrival: str, entries: Sequence[Entry] = (), terms: PayerTerms = TERMS, amount: int = 96_000
) -> Outcome:
    return run(period_of(D(arrival), terms), terms, amount, entries)


def told(outcome: Outcome, terms: PayerTerms = TERMS) -> list[tuple[str, str, str]]:
    return [
        (each.due_on.isoformat(), each.notice, each.deadline.isoformat()) for each in notices(outcome, terms)
    ]


def test_an_untouched_claim_is_told_of_its_days_in_order() -> None:
    assert told(outcome_of("2026-03-02")) == [
        ("2026-03-22", "near_20", "2026-04-01"),
        ("2026-03-29", "near_27", "2026-04-01"),
        ("2026-04-02", "missed", "2026-04-01"),
        ("2026-04-02", "interest_started", "2026-04-01"),
        ("2026-04-02", "contract_missed_30", "2026-04-01"),
        ("2026-05-16", "contract_near_75", "2026-05-31"),
        ("2026-05-28", "contract_near_87", "2026-05-31"),
        ("2026-06-01", "contract_missed_90", "2026-05-31"),
    ]


def test_a_weekend_arrival_is_warned_from_the_arrival_and_missed_by_the_statute() -> None:
    days = {notice: day for day, notice, _ in told(outcome_of("2026-02-14"))}
    assert days["near_20"] == "2026-03-06"
    assert days["contract_missed_30"] == "2026-03-17"
    assert days["missed"] == "2026-03-20"


def test_a_period_of_45_working_days_warns_10_and_3_working_days_before_its_end() -> None:
    hmo = PayerTerms(regime="hmo")
    days = {notice: D(day) for day, notice, _ in told(outcome_of("2025-06-02", terms=hmo), hmo)}
    assert days["missed"] == D("2025-08-07")
    assert add_working_days(days["near_20"], 10) == add_working_days(days["near_27"], 3) == D("2025-08-06")


def test_a_payer_has_its_own_warning_days() -> None:
    terms = PayerTerms(near_days=(10,), near_days_90=(60, 89))
    names = [notice for _, notice, _ in told(outcome_of("2026-03-02", terms=terms), terms)]
    assert [name for name in names if "near" in name] == ["near_10", "contract_near_60", "contract_near_89"]


@pytest.mark.parametrize("kind", ["contested", "denied", "withdrawn", "paid"])
def test_what_no_longer_waits_for_payment_is_told_of_nothing(kind: str) -> None:
    outcome = outcome_of("2026-03-02", [Entry(kind, D("2026-03-20"))])  # type: ignore[arg-type]
    assert told(outcome) == [] and next_notice_on(outcome) is None


def test_a_new_period_after_information_has_notices_of_its_own() -> None:
    entries = [Entry("contested", D("2026-03-20")), Entry("information_received", D("2026-04-06"))]
    found = told(outcome_of("2026-03-02", entries))
    assert found[:3] == [
        ("2026-04-26", "near_20", "2026-05-06"),
        ("2026-05-03", "near_27", "2026-05-06"),
        ("2026-05-07", "missed", "2026-05-06"),
    ]
    assert found[-1] == ("2026-07-06", "contract_missed_90", "2026-07-05")


def test_a_contest_that_came_too_late_leaves_the_notices_as_they_were() -> None:
    entries = [Entry("contested", D("2026-04-06")), Entry("information_received", D("2026-04-20"))]
    assert told(outcome_of("2026-03-02", entries)) == told(outcome_of("2026-03-02"))


def test_what_is_left_after_a_partial_payment_is_told_of() -> None:
    outcome = outcome_of("2026-03-02", [Entry("paid", D("2026-03-20"), 50_000)])
    assert told(outcome) == told(outcome_of("2026-03-02"))


def test_interest_left_unpaid_is_told_of_on_the_last_day_without_a_fee() -> None:
    late = outcome_of("2026-03-02", [Entry("paid", D("2026-05-15"))])
    assert told(late) == [("2026-05-22", "interest_due", "2026-05-22")]
    small = outcome_of("2026-03-02", [Entry("paid", D("2026-04-02"))])
    assert told(small) == [("2026-05-10", "interest_due", "2026-05-10")]


def test_interest_paid_with_the_claim_is_not_asked_for() -> None:
    outcome = outcome_of("2026-03-02", [Entry("paid", D("2026-05-15"), None, 1_736)])
    assert outcome.interest_cents == 1_736
    assert told(outcome) == []
    assert told(outcome_of("2026-03-02", [Entry("paid", D("2026-05-15"), None, 1_735)])) != []


KINDS: tuple[Kind, ...] = (
    "paid",
    "denied",
    "contested",
    "information_received",
    "payment_reversed",
    "withdrawn",
)


@st.composite
def clocks(draw: st.DrawFn) -> tuple[Outcome, PayerTerms]:
    arrival = draw(st.dates(D("2025-01-02"), D("2026-12-31")))
    warned = st.lists(st.integers(1, 29), min_size=1, max_size=3, unique=True).map(sorted)
    terms = PayerTerms(
        regime=draw(st.sampled_from(["knox-keene", "hmo"])),
        near_days=tuple(draw(warned)),
        near_days_90=tuple(
            draw(st.lists(st.integers(1, 89), min_size=1, max_size=3, unique=True).map(sorted))
        ),
    )
    events = st.tuples(st.sampled_from(KINDS), st.integers(0, 150), st.none() | st.integers(1, 60_000))
    entries = [
        Entry(kind, arrival + timedelta(days=day), amount if kind in ("paid", "denied") else None)
        for kind, day, amount in draw(st.lists(events, max_size=5))
    ]
    return run(period_of(arrival, terms), terms, 96_000, entries), terms


@given(clocks())
def test_the_next_day_is_that_of_the_first_notice_for_every_clock(clock: tuple[Outcome, PayerTerms]) -> None:
    outcome, terms = clock
    found = notices(outcome, terms)
    assert next_notice_on(outcome) == (found[0].due_on if found else None)


@given(clocks())
def test_no_clock_has_two_notices_of_one_name_and_deadline(clock: tuple[Outcome, PayerTerms]) -> None:
    found = notices(*clock)
    assert len({(each.notice, each.deadline) for each in found}) == len(found)


@given(clocks())
def test_warnings_start_on_the_day_from_which_the_clock_says_near(clock: tuple[Outcome, PayerTerms]) -> None:
    outcome, terms = clock
    assume(outcome.status == "running")
    near = [each.due_on for each in notices(outcome, terms) if each.notice.startswith("near_")]
    assert near[0] == outcome.near_on and max(near) <= outcome.deadline
