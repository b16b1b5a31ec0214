"""The compliance figures of a question, read from the database as of one moment."""

from typing import NamedTuple

from sqlalchemy import Connection

from services.payments.figures.acknowledgement_counts import judged
from services.payments.figures.cohorts import Question, cohorts
from services.payments.figures.timeliness import Report, figures
from services.payments.figures.unfair_pattern import Pattern, pattern
from services.payments.queries import Scope


class FiguresReport(NamedTuple):
    figures: Report
    pattern: Pattern


def figures_report(connection: Connection, scope: Scope, question: Question) -> FiguresReport:
    """The figures by group and over all, and the measure of an unfair payment pattern, which counts claims."""
    groups = list(cohorts(connection, scope, question))
    verdicts = judged(connection, scope, question)
    once = question._replace(group_by=())
    totals = None
    if question.repeats_claims:
        totals = list(cohorts(connection, scope, once)), list(judged(connection, scope, once))
    report = figures(groups, question.as_of, question.group_by, verdicts, totals=totals)
    if question.lines:
        claims = list(cohorts(connection, scope, once._replace(lines=False)))
    else:
        claims = groups if totals is None else totals[0]
    return FiguresReport(report, pattern(claims, question.as_of))
