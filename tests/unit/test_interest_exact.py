"""Interest against exact fractions."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.prompt_pay import fee_cents, interest_cents, is_small

OLD, NEW = date(2025, 12, 31), date(2026, 1, 1)


def by_fractions(amount: int, days: int) -> int:
    exact = Fraction(amount) * Fraction(15, 100) * Fraction(days, 365)
    scaled = Decimal(exact.numerator) / Decimal(exact.denominator)
    return int(scaled.quantize(Decimal(1), ROUND_HALF_UP))


@given(st.integers(0, 100_000_000), st.integers(0, 5_000))
def test_interest_is_fifteen_percent_a_year_rounded_half_up_once(amount: int, days: int) -> None:
    assert interest_cents(amount, days) == by_fractions(amount, days)


def test_half_a_cent_is_rounded_up() -> None:
    assert interest_cents(3_650, 1) == 2  # exactly 1.5 cents
    assert interest_cents(3_649, 1) == 1


@pytest.mark.parametrize("days", [0, -1, -365])
def test_no_interest_runs_before_the_day_after_the_deadline(days: int) -> None:
    assert interest_cents(1_000_000, days) == 0


@pytest.mark.parametrize(
    ("interest", "arrived", "fee"),
    [
        (1, OLD, 1_000),
        (1_000_000, OLD, 1_000),
        (1, NEW, 1_500),
        (15_000, NEW, 1_500),
        (15_004, NEW, 1_500),
        (15_005, NEW, 1_501),
        (0, OLD, 0),
        (0, NEW, 0),
    ],
)
def test_the_fee_depends_on_the_law_at_arrival(interest: int, arrived: date, fee: int) -> None:
    assert fee_cents(interest, arrived) == fee


def test_small_interest_is_under_two_dollars_and_more_than_nothing() -> None:
    assert [is_small(cents) for cents in (0, 1, 199, 200)] == [False, True, True, False]
