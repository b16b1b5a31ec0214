"""The compliance figures over HTTP."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

import csv
import io
from collections.abc import Iterable
from datetime import date
from typing import Any

from flask import Response
from flask.views import MethodView

from services.payments.callers import scope_of_caller
from services.payments.figures import schemas
from services.payments.figures.cohorts import Question
from services.payments.figures.csv_rows import csv_rows
from services.payments.figures.report import figures_report
from services.payments.figures.words import DEFINITIONS, definitions_of
from services.payments.queries import Scope
from shared.web.auth import requires
from shared.web.bodies import Blueprint
from shared.web.context import parts, today
from shared.web.responses import json_response

blueprint = Blueprint("figures", __name__, description="Compliance figures")


@blueprint.route("/timeliness")
class TimelinessView(MethodView):
    @requires("claims", "auditor")
    @blueprint.arguments(schemas.TimelinessQuery, location="query")
    @blueprint.response(200, schemas.Timeliness)
    def get(self, query: dict[str, Any]) -> Response:
        """Compliance figures: 90 percent in 30 days, 99 percent in 90 (42 CFR 447.45), and overdue claims."""
        question = Question(
            as_of=query.get("as_of") or today(),
            first=query.get("first"),
            last=query.get("last"),
            group_by=query["group_by"],
            lines=query["lines"],
        )
        return timeliness_response(scope_of_caller(), question, query["format"])


def timeliness_response(scope: Scope, question: Question, format_: str) -> Response:
    """The figures of a question as JSON or as a spreadsheet. Of a day to come they are a forecast, and say so."""
    forecast = question.as_of > today()
    with parts().database.read() as connection:
        report = figures_report(connection, scope, question)
    if format_ == "csv":
        return csv_response(
            csv_rows(report.figures, question.group_by), "timeliness", question.as_of, forecast=forecast
        )
    return json_response(
        {
            "as_of": question.as_of,
            "forecast": forecast,
            "from": question.first,
            "to": question.last,
            "group_by": question.group_by,
            "counted": "lines" if question.lines else "claims",
            "groups": report.figures.groups,
            "total": report.figures.total,
            "pattern": report.pattern,
            "definitions": definitions_of(DEFINITIONS, forecast=forecast),
        }
    )


def csv_response(rows: Iterable[Iterable[Any]], name: str, as_of: date, *, forecast: bool) -> Response:
    """A spreadsheet to download; a forecast has the word in the file's name."""
    name = f"{name}-forecast" if forecast else name
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}-{as_of}.csv"'}
    return Response(text.getvalue(), 200, headers, mimetype="text/csv")
