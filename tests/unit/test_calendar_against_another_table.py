"""Our holiday table beside one that other people keep."""

from datetime import date, timedelta

import holidays

from shared.calendar import is_working_day


def test_every_working_day_of_the_table_is_one_for_the_holidays_library_too() -> None:
    federal = holidays.US(years=range(2022, 2034), observed=True, categories=("public",))
    day, last = date(2022, 1, 1), date(2032, 12, 30)

    differences = []
    while day <= last:
        weekday = day.weekday() < 5
        if is_working_day(day) != (weekday and day not in federal):
            differences.append((day, federal.get(day)))
        day += timedelta(1)

    assert differences == []
