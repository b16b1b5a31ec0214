"""The monthly report over HTTP."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

from datetime import date
from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import fields
from marshmallow.validate import Regexp

from services.payments.callers import scope_of_caller
from services.payments.figures.monthly_report import days_of, monthly_report
from services.payments.figures.schemas import FORECAST_FIELD
from services.payments.log.verification import verify_days
from shared.web.auth import requires
from shared.web.bodies import Blueprint, Schema
from shared.web.context import parts, today
from shared.web.responses import json_response

blueprint = Blueprint("monthly_report", __name__, description="The monthly report")


class MonthQuery(Schema):
    month = fields.String(
        required=True,
        validate=Regexp(r"20\d\d-(0[1-9]|1[0-2])\Z", error="Write year and month, such as 2026-03."),
        metadata={"example": "2026-03"},
    )
    as_of = fields.Date(metadata={"description": "Default: today in California"})


class MonthlyReport(Schema):
    format = fields.String(required=True)
    month = fields.String(required=True)
    as_of = fields.Date(required=True)
    forecast = fields.Boolean(required=True, metadata=FORECAST_FIELD)
    payers = fields.List(fields.String(), required=True, allow_none=True)
    receipts = fields.Dict(required=True)
    verdicts = fields.Dict(required=True)
    timeliness = fields.Dict(required=True)
    pattern = fields.Dict(required=True)
    outreach = fields.Dict(required=True)
    interest = fields.Dict(required=True)
    wrong_denials = fields.List(fields.Dict(), required=True)
    log = fields.Dict(required=True)
    definitions = fields.Dict(required=True)
    outreach_definitions = fields.Dict(required=True)
    versions = fields.Dict(required=True)


@blueprint.route("/monthly-report.json")
class MonthlyReportView(MethodView):
    @requires("claims", "auditor")
    @blueprint.arguments(MonthQuery, location="query")
    @blueprint.response(200, MonthlyReport)
    def get(self, query: dict[str, Any]) -> Response:
        """The month as one document. The same data and ``as_of`` give the same bytes."""
        month = date.fromisoformat(f"{query['month']}-01")
        with parts().database.read() as connection:
            verification = verify_days(connection, parts().settings, *days_of(month))
            as_of = query.get("as_of") or today()
            report = monthly_report(
                connection, scope_of_caller(), month, as_of, verification, forecast=as_of > today()
            )
        headers = {"Content-Disposition": f'attachment; filename="monthly-report-{query["month"]}.json"'}
        return json_response(report, headers=headers)
