"""What intake shows of a clock days after it was sent is what payments would say of it that day."""

from datetime import date, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.intake.clock_on_day import clock_on
from services.payments.clock import Entry, period_of, run
from services.payments.clock_document import clock_document
from shared.payers import PayerTerms

TERMS = PayerTerms()
SHOWN = (
    "state",
    "deadline",
    "days_late",
    "interest_cents",
    "interest_fee_cents_if_not_automatic",
    "paid_cents",
)

arrivals = st.dates(date(2025, 6, 1), date(2026, 8, 1))
amounts = st.none() | st.integers(1, 5_000_000)
happenings = st.lists(
    st.tuples(
        st.sampled_from(["paid", "denied", "contested", "information_received", "payment_reversed"]),
        st.integers(0, 90),
        st.integers(1, 2_000_000),
    ),
    max_size=4,
)


def entry(kind: str, day: date, cents: int) -> Entry:
    takes_amount = kind in ("paid", "denied", "payment_reversed")
    return Entry(kind, day, cents if takes_amount else None)  # type: ignore[arg-type]


@given(arrivals, amounts, happenings, st.integers(0, 30), st.integers(0, 400))
def test_a_clock_shown_later_is_what_payments_would_say_that_day(
    arrived: date,
    amount: int | None,
    happened: list[tuple[str, int, int]],
    sent_after: int,
    shown_after: int,
) -> None:
    entries = [entry(kind, arrived + timedelta(days), cents) for kind, days, cents in happened]
    outcome = run(period_of(arrived, TERMS), TERMS, amount, entries)
    sent_on = max([arrived, *(each.date for each in entries)]) + timedelta(sent_after)
    today = sent_on + timedelta(shown_after)

    sent = msgspec.json.encode(clock_document(outcome, sent_on))
    shown = msgspec.json.decode(clock_on(sent, today))

    expected = clock_document(outcome, today)
    assert {key: shown.get(key) for key in SHOWN} == {key: expected.get(key) for key in SHOWN}


def test_a_claim_without_a_clock_stays_without_one() -> None:
    for document in (b"null", b'{"state":"not_running"}', b'{"state":"paid_late","days_late":3}'):
        assert clock_on(document, date(2026, 3, 2)) == document
