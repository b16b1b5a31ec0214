"""Amounts, units and dates of X12 elements are exact or not understood."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.x12.values import cents, day, number, period


@given(st.integers(min_value=0, max_value=10**13))
def test_every_amount_in_cents_survives_being_written_as_dollars(amount: int) -> None:
    assert cents(f"{amount // 100}.{amount % 100:02d}") == amount


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("120", 12000), ("120.5", 12050), (".05", 5), ("120.", 12000), ("120.000", 12000), ("-1.10", -110)],
)
def test_amounts_may_be_written_short(sent: str, expected: int) -> None:
    assert cents(sent) == expected


@pytest.mark.parametrize("sent", ["", ".", "-", "1,000", "12O", "1.005", "1e3", "١٢", "$5", " 5", "9" * 13])
def test_what_is_not_an_exact_amount_is_not_understood(sent: str) -> None:
    assert cents(sent) is None


@given(st.text(max_size=20))
def test_no_text_makes_the_values_fail(sent: str) -> None:
    for understand in (cents, number, day, period):
        understand(sent)


@given(st.dates())
def test_every_date_survives(value: date) -> None:
    assert day(f"{value.year:04d}{value.month:02d}{value.day:02d}") == value


@pytest.mark.parametrize("sent", ["20260230", "2026-03-01", "260301", "20261301", "00000000", "2026030١"])
def test_a_day_that_is_not_in_the_calendar_is_no_date(sent: str) -> None:
    assert day(sent) is None


def test_a_period_may_have_times() -> None:
    assert period("20260301") == (date(2026, 3, 1), None, date(2026, 3, 1), None)
    assert period("20260301-20260303") == (date(2026, 3, 1), None, date(2026, 3, 3), None)
    assert period("202603010930-202603011045") == (date(2026, 3, 1), "09:30", date(2026, 3, 1), "10:45")
    assert period("20260301-") is None
    assert period("202603012500") is None


def test_units_keep_their_decimals() -> None:
    assert number("1.50") == Decimal("1.50")
    assert number("-1") == Decimal(-1)
    assert number("four") is None
    assert number("NaN") is None
