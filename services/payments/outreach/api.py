"""The outreach ledger over HTTP."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import fields

from services.payments.callers import scope_of_caller
from services.payments.figures.api import csv_response
from services.payments.figures.schemas import FORECAST_FIELD, GroupList, PeriodQuery
from services.payments.figures.words import definitions_of
from services.payments.outreach.csv_rows import outreach_rows
from services.payments.outreach.ledger import OUTREACH_GROUPS
from services.payments.outreach.lines import OutreachQuestion, outreach_report
from services.payments.outreach.words import OUTREACH_DEFINITIONS
from services.payments.queries import Scope
from shared.web.auth import requires
from shared.web.bodies import Blueprint, Schema
from shared.web.context import parts, today
from shared.web.responses import json_response

blueprint = Blueprint("outreach", __name__, description="The outreach ledger")


class OutreachQuery(PeriodQuery):
    group_by = GroupList(OUTREACH_GROUPS, load_default=("provider",), metadata={"example": "provider,month"})


class Counts(Schema):
    lines = fields.Integer(required=True)
    attempts = fields.Integer(required=True)
    members = fields.Integer(required=True)
    paid = fields.Integer(required=True)
    denied = fields.Integer(required=True)
    unpaid = fields.Integer(required=True)
    overdue = fields.Integer(required=True)
    contested = fields.Integer(required=True)
    withdrawn = fields.Integer(required=True)
    late = fields.Integer(required=True)
    wrong_denials = fields.Integer(required=True)
    billed_cents = fields.Integer(required=True)
    paid_cents = fields.Integer(required=True)


class OutreachFigures(Schema):
    key = fields.Dict(required=True)
    total = fields.Nested(Counts, required=True)
    successful = fields.Nested(Counts, required=True)
    unsuccessful = fields.Nested(Counts, required=True)
    open = fields.Nested(Counts, required=True)
    rejected = fields.Integer(required=True)
    housing = fields.Integer(required=True)


class Outreach(Schema):
    as_of = fields.Date(required=True)
    forecast = fields.Boolean(required=True, metadata=FORECAST_FIELD)
    first = fields.Date(data_key="from", required=True, allow_none=True)
    last = fields.Date(data_key="to", required=True, allow_none=True)
    group_by = fields.List(fields.String(), required=True)
    groups = fields.List(fields.Nested(OutreachFigures), required=True)
    total = fields.Nested(OutreachFigures, required=True)
    wrong_denials = fields.List(fields.Dict(), required=True)
    time_to_payment = fields.Dict(required=True)
    definitions = fields.Dict(required=True)


@blueprint.route("/outreach")
class OutreachView(MethodView):
    @requires("claims", "auditor", "provider")
    @blueprint.arguments(OutreachQuery, location="query")
    @blueprint.response(200, Outreach)
    def get(self, query: dict[str, Any]) -> Response:
        """Outreach billed, paid, unpaid and late, by success and provider; wrong denials with the authority."""
        question = OutreachQuestion(
            as_of=query.get("as_of") or today(),
            first=query.get("first"),
            last=query.get("last"),
            group_by=query["group_by"],
        )
        return outreach_response(scope_of_caller(), question, query["format"])


def outreach_response(scope: Scope, question: OutreachQuestion, format_: str) -> Response:
    """The ledger of a question as JSON or as a spreadsheet. Of a day to come it is a forecast, and says so."""
    forecast = question.as_of > today()
    with parts().database.read() as connection:
        report = outreach_report(connection, scope, question)
    found = report.ledger
    if format_ == "csv":
        return csv_response(
            outreach_rows(found, question.group_by), "outreach", question.as_of, forecast=forecast
        )
    return json_response(
        {
            "as_of": question.as_of,
            "forecast": forecast,
            "from": question.first,
            "to": question.last,
            "group_by": question.group_by,
            "groups": found.groups,
            "total": found.total,
            "wrong_denials": found.wrong_denials,
            "time_to_payment": report.time_to_payment,
            "definitions": definitions_of(OUTREACH_DEFINITIONS, forecast=forecast),
        }
    )
