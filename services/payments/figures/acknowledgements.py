"""How soon claims were acknowledged, and how soon a provider learned that a claim was rejected.

The verdict goes out in the claim acknowledgement, so the day of a claim's first verdict is the day of both.
28 CCR 1300.71: an electronic claim is acknowledged within two working days of its receipt.
"""

from datetime import date

from msgspec import Struct

from services.payments.clock import acknowledgement_due
from services.payments.figures.day_counts import DayCounts

_SHARE_DIGITS = 6


class Judged(Struct, frozen=True, kw_only=True):
    """``count`` claims with the same arrival, first verdict and, where rejected, notice of it (California's days)."""

    arrival_date: date
    judged_on: date
    rejected_on: date | None = None
    count: int = 1
    key: tuple[str, ...] = ()


class Acknowledgement(Struct, frozen=True):
    """``matured``: acknowledged, or the two working days have run out. ``share`` is null without any."""

    in_time: int
    matured: int
    share: float | None
    median_days: float | None


class RejectionNotice(Struct, frozen=True):
    """Calendar days from arrival to the notice that a claim was rejected; null without any."""

    noticed: int
    in_2_working_days: int
    median_days: float | None
    longest_days: int | None


class Acknowledged:
    """The tally of a group of claims."""

    def __init__(self) -> None:
        self._in_time = self._matured = self._notices_in_time = 0
        self._days, self._notice_days = DayCounts(), DayCounts()

    def add(self, judged: Judged, as_of: date) -> None:
        due, count = acknowledgement_due(judged.arrival_date), judged.count
        if judged.judged_on <= as_of:
            self._in_time += count if judged.judged_on <= due else 0
            self._days.add((judged.judged_on - judged.arrival_date).days, count)
        if judged.judged_on <= as_of or as_of > due:
            self._matured += count
        if judged.rejected_on is not None and judged.rejected_on <= as_of:
            self._notices_in_time += count if judged.rejected_on <= due else 0
            self._notice_days.add((judged.rejected_on - judged.arrival_date).days, count)

    def acknowledgement(self) -> Acknowledgement:
        share = round(self._in_time / self._matured, _SHARE_DIGITS) if self._matured else None
        return Acknowledgement(self._in_time, self._matured, share, self._days.median())

    def rejection_notice(self) -> RejectionNotice:
        return RejectionNotice(
            len(self._notice_days),
            self._notices_in_time,
            self._notice_days.median(),
            self._notice_days.longest(),
        )
