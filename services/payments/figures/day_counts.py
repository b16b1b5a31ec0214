"""How many claims took how many days: medians and ages from counts, not from claims one by one."""

from collections.abc import Sequence

BUCKETS = (10, 20, 30, 60, 90)
"""The last day of each age: 0 to 10, 11 to 20, 21 to 30, 31 to 60, 61 to 90; then over 90."""


def bucket_names(limits: Sequence[int] = BUCKETS) -> tuple[str, ...]:
    """The names of the ages: ``0_10``, ``11_20``, …, ``over_90``."""
    firsts = (0, *(limit + 1 for limit in limits[:-1]))
    return (*(f"{first}_{last}" for first, last in zip(firsts, limits, strict=True)), f"over_{limits[-1]}")


class DayCounts:
    """Counts by number of days; a number below 0 counts as 0."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, days: int, count: int = 1) -> None:
        days = max(0, days)
        self._counts[days] = self._counts.get(days, 0) + count

    def __len__(self) -> int:
        return sum(self._counts.values())

    def median(self) -> float | None:
        """The median in days (the mean of the middle two of an even count); ``None`` without any."""
        count = len(self)
        if not count:
            return None
        middle = ((count - 1) // 2, count // 2)
        found: list[int] = []
        seen = 0
        for day in sorted(self._counts):
            seen += self._counts[day]
            found += [day] * sum(seen > place for place in middle[len(found) :])
            if len(found) == 2:
                break
        return sum(found) / 2

    def longest(self) -> int | None:
        return max(self._counts, default=None)

    def by_age(self, limits: Sequence[int] = BUCKETS) -> dict[str, int]:
        """The counts by age, with every age named."""
        names = bucket_names(limits)
        ages = dict.fromkeys(names, 0)
        for days, count in self._counts.items():
            ages[names[sum(days > limit for limit in limits)]] += count
        return ages
