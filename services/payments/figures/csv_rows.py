"""The compliance figures as a spreadsheet: the same figures under the same names."""

from collections.abc import Iterator, Sequence
from typing import Any

from services.payments.figures.day_counts import bucket_names
from services.payments.figures.timeliness import Figures, Report

_PLAIN_BEFORE = ("overdue", "running", "contested", "paid", "denied_or_withdrawn", "median_days")
_MONEY = ("interest_due_cents", "interest_paid_cents")
_MORE = (
    "accepted", "pended", "rejected", "not_clean", "late_30", "running_30", "late_90", "running_90",
    "paid_late", "denied", "denied_late", "withdrawn", "open_cents", "interest_running_cents",
)  # fmt: skip

CSV_COLUMNS = (
    "received",
    "clean",
    "paid_within_30",
    "matured_30",
    "share_30",
    "met_30",
    "paid_within_90",
    "matured_90",
    "share_90",
    "met_90",
    *_PLAIN_BEFORE,
    *_MONEY,
    *_MORE,
    *(f"paid_in_{name}_days" for name in bucket_names()),
    *(f"unpaid_{name}_days" for name in bucket_names()),
    "acknowledged_in_time",
    "acknowledgement_matured",
    "acknowledgement_share",
    "acknowledgement_median_days",
    "rejections_noticed",
    "rejections_noticed_in_2_working_days",
    "rejection_notice_median_days",
    "rejection_notice_longest_days",
)


def csv_rows(report: Report, group_by: Sequence[str]) -> Iterator[list[Any]]:
    """A header, a row a group, and the total last, named so in the first column."""
    names = list(group_by) or ["group"]
    yield [*names, *CSV_COLUMNS]
    for group in report.groups if group_by else ():
        yield [*map(as_text, group.key.values()), *_cells(group)]
    yield ["total", *[""] * (len(names) - 1), *_cells(report.total)]


def as_text(value: str) -> str:
    """A text that a spreadsheet takes for text: a payer id of a rejected claim may begin like a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _cells(figures: Figures) -> list[Any]:
    thirty, ninety = figures.within_30, figures.within_90
    acknowledged, rejected = figures.acknowledgement, figures.rejection_notice
    return [
        figures.received,
        figures.clean,
        *(thirty.paid, thirty.matured, thirty.share, thirty.met),
        *(ninety.paid, ninety.matured, ninety.share, ninety.met),
        *(getattr(figures, name) for name in (*_PLAIN_BEFORE, *_MONEY, *_MORE)),
        *figures.days_to_payment.values(),
        *figures.days_unpaid.values(),
        *(acknowledged.in_time, acknowledged.matured, acknowledged.share, acknowledged.median_days),
        *(rejected.noticed, rejected.in_2_working_days, rejected.median_days, rejected.longest_days),
    ]
