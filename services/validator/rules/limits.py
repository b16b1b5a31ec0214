"""Limits of Community Supports: counters over a member's earlier lines, each a row of data.

Counted are the standing lines of the member's earlier claims with this payer, the earlier lines of the claim, and
the line itself. Only a line that adds to a counter is found to go past its limit.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction

from services.validator.rules.context import Evidenced, found
from services.validator.rules.counters import Count, counted_days, counter_of
from services.validator.rules.evidence import evidence_of
from services.validator.rules.history import EarlierLine, History, OriginalClaim, Prepared
from services.validator.rules.spans import Days, rank
from shared.calendar import us_date
from shared.claim import ServiceLine
from shared.reference.supports import SupportLimit, limits_of
from shared.reference.tables import version_of

_VERSION = version_of("support_limits.csv")


def limit_findings(
    prepared: Prepared, history: History, original: OriginalClaim | None
) -> Iterator[Evidenced]:
    """``limit.*`` of every line that takes a counter past its limit; ``original`` is counted without."""
    claim = prepared.received.claim
    tallies: dict[str, _Tally] = {}
    for line, mine in zip(claim.lines, prepared.lines, strict=True):
        if mine is None or mine.cin is None:
            continue
        for limit in limits_of(mine.service):
            tally = tallies.get(limit.id)
            if tally is None:
                # The services of a limit are of one group, so that what is near one line is near all.
                tally = tallies[limit.id] = _Tally(limit, history.lines_near(mine, without=original))
            count = tally.add(mine)
            if count is None:
                continue
            finding = found(
                claim,
                limit.rule,
                _message(limit, count),
                field="charge_cents" if limit.counted == "cents" else "procedure_code",
                line=line,
                value=_value(line, limit),
                expected=f"at most {_amount(limit, limit.most)} {_window(limit)}",
                version=_VERSION,
            )
            latest = tally.latest(count)
            yield finding, evidence_of(finding, latest) if latest is not None else None


class _Tally:
    """A counter as one claim's lines go through it, and what it has counted."""

    def __init__(self, limit: SupportLimit, near: Iterable[EarlierLine]) -> None:
        self._limit = limit
        self._counter = counter_of(limit)
        self._own: list[EarlierLine] = []
        self._before = sorted(near, key=lambda line: (line.service_end, rank(line)), reverse=True)
        for line in self._before:
            self._counter.add(line)

    def add(self, line: EarlierLine) -> Count | None:
        """Count a line of the claim; where it goes past the limit, where the counter stands."""
        self._own.append(line)
        return self._counter.add(line)

    def latest(self, count: Count) -> EarlierLine | None:
        """Of the lines counted with the last one: another claim's with the latest service, else the claim's own."""
        if not count.before:
            return None
        own = (self._own[place] for place in range(len(self._own) - 2, -1, -1))
        for lines in (self._before, own):
            for line in lines:
                days = counted_days(self._limit, line)
                if days is not None and _meet(days, count.days):
                    return line
        return None


def _message(limit: SupportLimit, count: Count) -> str:
    if limit.window == "stay":
        return (
            f"{limit.name} lasts under 24 hours: {_amount(limit, limit.most)} {_window(limit)}, over two dates at "
            "the most. This line is for more. If it stands for several stays, bill each on a line of its own. The "
            "plan will look at it."
        )
    return (
        f"{limit.name}: the limit is {_amount(limit, limit.most)} {_window(limit)}. "
        f"Counted before this line{_when(limit, count.days)}: {_amount(limit, count.before)}; "
        f"with it: {_amount(limit, count.after)}. "
        "The plan will look at it: if it has an exception on file, it can release the claim."
    )


def _amount(limit: SupportLimit, number: Fraction | int) -> str:
    if limit.counted == "cents":
        return f"${float(number) / 100:,.2f}"
    said = f"{number}" if Fraction(number).denominator == 1 else f"{float(number):.1f}"
    noun = {"times": "time", "stays": "stay", "days": "day", "weeks": "week", "hours": "hour"}
    word = noun.get(limit.counted, "unit")
    return f"{said} {word}" if number == 1 else f"{said} {word}s"


def _window(limit: SupportLimit) -> str:
    return {
        "lifetime": "in a lifetime",
        "rolling_year": "in any 52 weeks" if limit.counted == "weeks" else "in any 365 days",
        "calendar_year": "in a calendar year",
        "run": "in a row",
        "stay": "a stay",
        "day": "a day",
    }[limit.window]


def _when(limit: SupportLimit, days: Days) -> str:
    first, last = map(date.fromordinal, days)
    match limit.window:
        case "calendar_year":
            return f" in {first.year}"
        case "day":
            return f" on {us_date(first)}"
        case "run" | "rolling_year":
            return f" from {us_date(first)} to {us_date(last)}"
        case _:
            return ""


def _value(line: ServiceLine, limit: SupportLimit) -> str:
    if limit.counted == "cents":
        return f"{(line.charge_cents or 0) / 100:.2f}"
    return " ".join((line.procedure_code or "", *line.modifiers))


def _meet(one: Days, other: Days) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
