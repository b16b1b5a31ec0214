"""Working days and California's dates, against a slow counter that shares nothing with the code."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.calendar import (
    FEDERAL_HOLIDAYS,
    OutsideCalendar,
    add_working_days,
    is_working_day,
    next_working_day,
    pacific_date,
)

PUBLISHED_2025 = "01-01 01-20 02-17 05-26 06-19 07-04 09-01 10-13 11-11 11-27 12-25"
PUBLISHED_2026 = "01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25"
FIXED = [(1, 1), (6, 19), (7, 4), (11, 11), (12, 25)]
FLOATING = [(1, 0, 3), (2, 0, 3), (9, 0, 1), (10, 0, 2), (11, 3, 4)]


def slow_is_holiday(day: date) -> bool:
    """By the words of 5 U.S.C. 6103 and Executive Order 11582, day by day."""
    for month, number in FIXED:
        for year in (day.year, day.year + 1):
            holiday = date(year, month, number)
            observed = {5: holiday - timedelta(1), 6: holiday + timedelta(1)}.get(holiday.weekday(), holiday)
            if day == observed:
                return True
    if day.weekday() == 0 and day.month == 5 and (day + timedelta(7)).month == 6:
        return True
    return any(
        day.month == month and day.weekday() == weekday and (day.day - 1) // 7 + 1 == nth
        for month, weekday, nth in FLOATING
    )


def slow_is_working_day(day: date) -> bool:
    return day.strftime("%a") not in ("Sat", "Sun") and not slow_is_holiday(day)


def slow_add(day: date, count: int) -> date:
    while count:
        day += timedelta(1)
        count -= slow_is_working_day(day)
    return day


@pytest.mark.parametrize(("year", "days"), [(2025, PUBLISHED_2025), (2026, PUBLISHED_2026)])
def test_the_holidays_are_those_that_were_published(year: int, days: str) -> None:
    ours = [day for day in sorted(FEDERAL_HOLIDAYS) if day.year == year]

    assert ours == [date.fromisoformat(f"{year}-{day}") for day in days.split()]


def test_every_day_of_eleven_years_is_a_working_day_exactly_where_the_statute_says_so() -> None:
    day = date(2022, 1, 1)
    while day <= date(2032, 12, 31):
        assert is_working_day(day) == slow_is_working_day(day), day
        day += timedelta(1)


@given(st.dates(date(2022, 1, 1), date(2032, 9, 30)), st.integers(0, 60))
def test_counting_working_days_agrees_with_counting_them_one_by_one(day: date, count: int) -> None:
    assert add_working_days(day, count) == slow_add(day, count)


@given(st.dates(date(2022, 1, 1), date(2032, 12, 1)))
def test_the_next_working_day_is_the_day_itself_only_where_it_is_one(day: date) -> None:
    found = next_working_day(day)

    assert slow_is_working_day(found)
    assert not any(slow_is_working_day(day + timedelta(n)) for n in range((found - day).days))


@pytest.mark.parametrize("day", [date(2021, 12, 31), date(2033, 1, 1)])
def test_a_day_whose_holidays_are_not_known_is_refused(day: date) -> None:
    with pytest.raises(OutsideCalendar, match="2022 to 2032"):
        is_working_day(day)


def test_counting_past_the_last_known_year_is_refused() -> None:
    with pytest.raises(OutsideCalendar):
        add_working_days(date(2032, 12, 20), 30)


def test_working_days_are_not_counted_backward() -> None:
    with pytest.raises(ValueError, match="forward"):
        add_working_days(date(2026, 1, 5), -1)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-03-02T07:59:59+00:00", date(2026, 3, 1)),  # 23:59:59 in California
        ("2026-03-02T08:00:00+00:00", date(2026, 3, 2)),
        ("2026-03-08T07:59:59+00:00", date(2026, 3, 7)),  # the night in which summer time begins
        ("2026-03-09T06:59:59+00:00", date(2026, 3, 8)),
        ("2026-03-09T07:00:00+00:00", date(2026, 3, 9)),
        ("2026-11-01T06:59:59+00:00", date(2026, 10, 31)),  # the night in which it ends
        ("2026-11-01T07:00:00+00:00", date(2026, 11, 1)),
        ("2026-11-02T07:59:59+00:00", date(2026, 11, 1)),
        ("2026-11-02T08:00:00+00:00", date(2026, 11, 2)),
        ("2026-03-02T23:59:00-08:00", date(2026, 3, 2)),
        ("2025-12-31T23:59:59-08:00", date(2025, 12, 31)),
    ],
)
def test_the_date_is_that_of_california_at_the_instant(instant: str, day: date) -> None:
    assert pacific_date(datetime.fromisoformat(instant)) == day


@given(
    st.datetimes(datetime(2022, 1, 2), datetime(2032, 12, 30), timezones=st.just(UTC)), st.integers(-12, 14)
)
def test_the_offset_in_which_an_instant_is_written_does_not_change_its_date(
    instant: datetime, hours: int
) -> None:
    assert pacific_date(instant.astimezone(timezone(timedelta(hours=hours)))) == pacific_date(instant)


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        pacific_date(datetime(2026, 3, 2, 12))
