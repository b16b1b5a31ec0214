"""The month as one document: receipts, verdicts, figures, outreach, interest, wrong denials, and the log's state.

It holds nothing that changes from one reading to the next: the same data and ``as_of`` give the same bytes.
"""

import calendar
from datetime import date

from msgspec import Struct
from sqlalchemy import Connection

from services.payments.figures.cohorts import Question, cohorts
from services.payments.figures.report import figures_report
from services.payments.figures.timeliness import Figures
from services.payments.figures.unfair_pattern import MONTHS, Pattern, pattern
from services.payments.figures.words import DEFINITIONS, definitions_of
from services.payments.log.log_check import Broken
from services.payments.log.verification import Partly
from services.payments.outreach.ledger import FlaggedDenial, OutreachFigures
from services.payments.outreach.lines import OutreachQuestion, TimeToPayment, outreach_report
from services.payments.outreach.words import OUTREACH_DEFINITIONS
from services.payments.queries import Scope
from shared import __version__
from shared.catalogue import rules
from shared.reference.codes import CodeSet

FORMAT = "promptclaim.monthly-report.v1"


class Receipts(Struct, frozen=True):
    """Claims and invoices that arrived in the month, by channel."""

    received: int
    by_channel: dict[str, int]


class Verdicts(Struct, frozen=True):
    accepted: int
    pended: int
    rejected: int


class Interest(Struct, frozen=True):
    """Interest on the claims of the month, in cents."""

    due_cents: int
    paid_cents: int
    running_cents: int


class Timeliness(Struct, frozen=True):
    """The figures of the claims that arrived in the month."""

    total: Figures
    by_payer: tuple[Figures, ...]
    by_benefit: tuple[Figures, ...]
    by_channel: tuple[Figures, ...]


class Outreach(Struct, frozen=True):
    """The outreach ledger of the attempts of the month."""

    total: OutreachFigures
    by_provider: tuple[OutreachFigures, ...]
    time_to_payment: dict[str, TimeToPayment]


class Log(Struct, frozen=True):
    """Whether the timeliness log is as it was written, and the report's claims as it tells of them.

    ``entries`` and ``head_hash`` where it is. The chain was followed from entry ``checked_from``, that of the newest
    signed checkpoint, to the end, and ``claims_compared`` claims were compared with their entries: those that arrived
    or were recorded in the three months. ``GET timeliness-log/verification`` checks all there is.
    """

    intact: bool
    entries: int | None
    head_hash: str | None
    first_bad_sequence: int | None
    reason: str | None
    checked_from: int
    claims_compared: int


class Versions(Struct, frozen=True):
    product: str
    rules: str
    codes: str


class MonthlyReport(Struct, frozen=True):
    """The report of the claims that arrived in ``month`` (YYYY-MM), as they stood on ``as_of``.

    ``payers`` are those to which the reader's key is limited; null: all. ``pattern`` covers the three months
    that end with this one.
    """

    format: str
    month: str
    as_of: date
    forecast: bool
    payers: tuple[str, ...] | None
    receipts: Receipts
    verdicts: Verdicts
    timeliness: Timeliness
    pattern: Pattern
    outreach: Outreach
    interest: Interest
    wrong_denials: tuple[FlaggedDenial, ...]
    log: Log
    definitions: dict[str, str]
    outreach_definitions: dict[str, str]
    versions: Versions


def monthly_report(
    connection: Connection,
    scope: Scope,
    month: date,
    as_of: date,
    verification: Partly,
    *,
    forecast: bool,
) -> MonthlyReport:
    """The report of the month that begins on ``month``. ``verification`` is that of :func:`days_of` the month;
    ``forecast``: ``as_of`` has not come yet.
    """
    first, last = days_of(month)
    by = {
        name: figures_report(connection, scope, Question(as_of, month, last, (name,))).figures
        for name in ("payer", "benefit", "channel")
    }
    three_months = Question(as_of, first, last)
    outreach = outreach_report(connection, scope, OutreachQuestion(as_of, month, last, ("provider",)))
    total = by["payer"].total
    return MonthlyReport(
        format=FORMAT,
        month=f"{month:%Y-%m}",
        as_of=as_of,
        forecast=forecast,
        payers=None if scope.payers is None else tuple(sorted(scope.payers)),
        receipts=Receipts(
            total.received, {group.key["channel"]: group.received for group in by["channel"].groups}
        ),
        verdicts=Verdicts(total.accepted, total.pended, total.rejected),
        timeliness=Timeliness(total, *(by[name].groups for name in ("payer", "benefit", "channel"))),
        pattern=pattern(cohorts(connection, scope, three_months), as_of),
        outreach=Outreach(outreach.ledger.total, outreach.ledger.groups, outreach.time_to_payment),
        interest=Interest(total.interest_due_cents, total.interest_paid_cents, total.interest_running_cents),
        wrong_denials=outreach.ledger.wrong_denials,
        log=_log(verification),
        definitions=definitions_of(DEFINITIONS, forecast=forecast),
        outreach_definitions=OUTREACH_DEFINITIONS,
        versions=Versions(__version__, _rules_version(), CodeSet.load().version),
    )


def days_of(month: date) -> tuple[date, date]:
    """The first and the last day of the three months that end with the one that begins on ``month``."""
    last = month.replace(day=calendar.monthrange(month.year, month.month)[1])
    return _months_before(month, MONTHS - 1), last


def _months_before(month: date, count: int) -> date:
    place = month.year * 12 + month.month - 1 - count
    return date(place // 12, place % 12 + 1, 1)


def _log(verification: Partly) -> Log:
    found, checked = verification.found, (verification.checked_from, verification.claims_compared)
    if isinstance(found, Broken):
        return Log(False, None, None, found.first_bad_sequence, found.reason, *checked)
    return Log(True, found.entries, found.head_hash, None, None, *checked)


def _rules_version() -> str:
    return max(rule.version for rule in rules().values())
