"""Counting what a limit counts, one line after another: of each line, what there was before it and with it."""

from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Protocol

from msgspec import Struct

from services.validator.rules.history import EarlierLine
from services.validator.rules.spans import Days, billed_days, days_of
from shared.reference.supports import DAYS_OF_A_ROLLING_YEAR, WEEKS_OF_A_ROLLING_YEAR, SupportLimit

_WEEK = 7
_FOR_EVER = (1, date.max.toordinal())
_MOST_UNITS = Decimal(10**6)
_FEWEST_UNITS = Decimal("0.001")


class Count(Struct, frozen=True):
    """A counter at a line: ``before`` it and ``after``, within ``days`` (ordinals, both included)."""

    before: Fraction
    after: Fraction
    days: Days


class Counter(Protocol):
    """Counts the lines it is given."""

    def add(self, line: EarlierLine) -> Count | None:
        """Count ``line``; where it takes the counter past its limit, where the counter stands."""


def counted_days(limit: SupportLimit, line: EarlierLine) -> Days | None:
    """The days of a line that a limit counts; ``None`` where it does not count the line.

    Days in the future of the receipt are never counted: their claim is rejected, and they may reach to the end
    of the calendar.
    """
    if line.service not in limit.services or (limit.codes and line.hcpcs not in limit.codes):
        return None
    first, last = billed_days(line) if limit.counted in ("days", "stays") else days_of(line)
    if last < first or last > line.arrival_date.toordinal():
        return None
    from_day = limit.effective_from.toordinal()
    to_day = limit.effective_to.toordinal() if limit.effective_to else _FOR_EVER[1]
    if limit.counted not in ("days", "stays", "weeks"):
        # What has no length counts whole, on its first day.
        return (first, last) if from_day <= first <= to_day else None
    first, last = max(first, from_day), min(last, to_day)
    return (first, last) if first <= last else None


def counter_of(limit: SupportLimit) -> Counter:
    """A fresh counter for a limit. Its lines are those of which :func:`counted_days` knows days."""
    match limit.counted:
        case "days" | "weeks" | "stays":
            return _OfDays(limit)
        case "times":
            return _OfTimes(limit)
        case "cents":
            return _OfCents(limit)
        case "hours":
            return _OfHours(limit)
        case "units":
            return _OfStays(limit) if limit.window == "stay" else _OfUnitsADay(limit)


class _OfDays:
    """Days, weeks or runs of days, as the bits of one number: whatever is billed twice counts once."""

    def __init__(self, limit: SupportLimit) -> None:
        self._limit = limit
        self._step = _WEEK if limit.counted == "weeks" else 1
        # Ordinal 1, the first day of the calendar, was a Monday.
        self._zero = (limit.effective_from.toordinal() - 1) // self._step
        self._bits = 0

    def add(self, line: EarlierLine) -> Count | None:
        days = counted_days(self._limit, line)
        if days is None:
            return None
        first, last = ((day - 1) // self._step - self._zero for day in days)
        before = self._bits
        new = _mask(first, last) & ~before
        self._bits |= new
        if not new or self._bits.bit_count() <= self._limit.most:
            return None
        match self._limit.window:
            case "lifetime":
                return self._lifetime(before)
            case "run":
                return self._run(first, last, new)
            case _:
                return self._rolling(first, last, new)

    def _lifetime(self, before: int) -> Count | None:
        if self._limit.counted == "stays":
            return _past(self._limit, _runs(before), _runs(self._bits), _FOR_EVER)
        return _past(self._limit, before.bit_count(), self._bits.bit_count(), _FOR_EVER)

    def _run(self, first: int, last: int, new: int) -> Count | None:
        # No further than the days that are looked up: what lies beyond is not known in every batch.
        earliest, latest = max(first - self._limit.most, 0), last + self._limit.most
        gaps_before = ~self._bits & _mask(0, first - 1) if first else 0
        start = max(gaps_before.bit_length(), earliest)
        after_line = self._bits >> (last + 1)
        end = min(last + (~after_line & (after_line + 1)).bit_length() - 1, latest)
        length = end - start + 1
        within = (new & _mask(start, end)).bit_count()
        return _past(self._limit, length - within, length, self._dates(start, end))

    def _rolling(self, first: int, last: int, new: int) -> Count | None:
        """The fullest of the windows into which the line brings something new; of several the earliest."""
        width = WEEKS_OF_A_ROLLING_YEAR if self._step == _WEEK else DAYS_OF_A_ROLLING_YEAR
        whole = (1 << width) - 1
        best: Count | None = None
        for start in range(first - width + 1, last + 1):
            shifted, news = (
                (self._bits >> start, new >> start) if start >= 0 else (self._bits << -start, new << -start)
            )
            added = (news & whole).bit_count()
            if not added:
                continue
            after = (shifted & whole).bit_count()
            if best is None or after > best.after:
                best = _past(self._limit, after - added, after, self._dates(start, start + width - 1)) or best
        return best

    def _dates(self, first: int, last: int) -> Days:
        return (first + self._zero) * self._step + 1, (last + self._zero + 1) * self._step


class _OfTimes:
    """Days of service by provider: all that one provider bills for a day is one time."""

    def __init__(self, limit: SupportLimit) -> None:
        self._limit = limit
        self._times: set[tuple[str | None, date]] = set()

    def add(self, line: EarlierLine) -> Count | None:
        if counted_days(self._limit, line) is None:
            return None
        before = len(self._times)
        self._times.add((line.billing_npi, line.service_start))
        return _past(self._limit, before, len(self._times), _FOR_EVER)


class _OfCents:
    def __init__(self, limit: SupportLimit) -> None:
        self._limit = limit
        self._cents = 0

    def add(self, line: EarlierLine) -> Count | None:
        if counted_days(self._limit, line) is None:
            return None
        before = self._cents
        self._cents += max(line.charge_cents or 0, 0)
        return _past(self._limit, before, self._cents, _FOR_EVER)


class _OfHours:
    """Hours by calendar year; those of a line over New Year are spread evenly over its days."""

    def __init__(self, limit: SupportLimit) -> None:
        self._limit = limit
        self._years: dict[int, Fraction] = {}

    def add(self, line: EarlierLine) -> Count | None:
        days = counted_days(self._limit, line)
        if days is None:
            return None
        first, last = days
        a_day = _units(line) * self._limit.hours_a_unit / (last - first + 1)
        past: Count | None = None
        for year in range(date.fromordinal(first).year, date.fromordinal(last).year + 1):
            within = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
            before = self._years.get(year, Fraction(0))
            after = before + a_day * (min(last, within[1]) - max(first, within[0]) + 1)
            self._years[year] = after
            past = past or _past(self._limit, before, after, within)
        return past


class _OfUnitsADay:
    """Units by day; those of a line over several days are spread evenly."""

    def __init__(self, limit: SupportLimit) -> None:
        self._limit = limit
        self._days: dict[int, Fraction] = {}

    def add(self, line: EarlierLine) -> Count | None:
        days = counted_days(self._limit, line)
        if days is None:
            return None
        first, last = days
        a_day = _units(line) / (last - first + 1)
        past: Count | None = None
        for day in range(first, last + 1):
            before = self._days.get(day, Fraction(0))
            self._days[day] = before + a_day
            past = past or _past(self._limit, before, before + a_day, (day, day))
        return past


class _OfStays:
    """Every line is a stay of its own. One over more than two dates lasts longer than a day, whatever its units."""

    def __init__(self, limit: SupportLimit) -> None:
        self._limit = limit

    def add(self, line: EarlierLine) -> Count | None:
        days = counted_days(self._limit, line)
        if days is None:
            return None
        first, last = days
        return _past(self._limit, Fraction(0), max(_units(line), Fraction(last - first)), days)


def _past(limit: SupportLimit, before: Fraction | int, after: Fraction | int, days: Days) -> Count | None:
    if after <= limit.most or after <= before:
        return None
    return Count(Fraction(before), Fraction(after), days)


def _units(line: EarlierLine) -> Fraction:
    try:
        units = Decimal(line.units)
    except InvalidOperation:
        return Fraction(0)
    # The bounds keep a made-up exponent from becoming a number of a million digits.
    if not units.is_finite() or units < _FEWEST_UNITS:
        return Fraction(0)
    return Fraction(min(units, _MOST_UNITS))


def _mask(first: int, last: int) -> int:
    return ((1 << (last - first + 1)) - 1) << first


def _runs(bits: int) -> int:
    return (bits & ~(bits << 1)).bit_count()
