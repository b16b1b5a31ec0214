"""The monthly list of interest under 2 dollars: over HTTP, as a spreadsheet, and as a page."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import flask
from flask import Response, render_template, request
from flask.views import MethodView
from marshmallow import ValidationError, fields
from marshmallow.validate import OneOf

from services.payments.callers import scope_of_caller
from services.payments.deadlines.small_interest import Item, Month, SmallInterest, Sum, small_interest
from services.payments.figures.csv_rows import as_text
from shared.web.auth import requires
from shared.web.bodies import Blueprint, Schema
from shared.web.context import parts, today
from shared.web.responses import json_response
from shared.web.sessions import page_requires

blueprint = Blueprint("small_interest", __name__, description="Interest under 2 dollars, paid monthly")
pages = flask.Blueprint("small_interest_pages", __name__, template_folder="../templates")

PAGE_LIMIT = 500
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
_MONTH_WORDS = "Write year and month, such as 2026-05."
_COLUMNS = ("row", *dict.fromkeys((*Item.__struct_fields__, *Sum.__struct_fields__)))


class MonthField(fields.Field[Month]):
    """A calendar month as ``2026-05``."""

    default_error_messages = {"invalid": _MONTH_WORDS}  # noqa: RUF012 - marshmallow's own way to set them

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Month:
        month = month_of(str(value))
        if month is None:
            raise ValidationError(_MONTH_WORDS)
        return month


class SmallInterestQuery(Schema):
    month = MonthField(required=True, metadata={"type": "string", "example": "2026-05"})
    format = fields.String(
        load_default="json", validate=OneOf(("json", "csv"), error="Use one of json, csv.")
    )


class SmallInterestItem(Schema):
    claim_id = fields.String(required=True)
    claim = fields.String(required=True, metadata={"description": "The provider's own claim number"})
    payer_id = fields.String(required=True)
    provider_npi = fields.String(required=True)
    received = fields.Date(required=True)
    deadline = fields.Date(required=True)
    paid = fields.Date(required=True, metadata={"description": "Day of the last late payment"})
    paid_late_cents = fields.Integer(required=True)
    days_late = fields.Integer(required=True)
    interest_cents = fields.Integer(required=True, metadata={"description": "Earned by the late payments"})
    interest_paid_cents = fields.Integer(required=True)
    interest_due_cents = fields.Integer(required=True)


class SmallInterestSum(Schema):
    payer_id = fields.String(required=True)
    provider_npi = fields.String(required=True)
    claims = fields.Integer(required=True)
    interest_cents = fields.Integer(required=True)
    interest_paid_cents = fields.Integer(required=True)
    interest_due_cents = fields.Integer(required=True)


class SmallInterestList(Schema):
    month = fields.String(required=True)
    payable_by = fields.Date(required=True, metadata={"description": "10 calendar days after the month"})
    items = fields.List(fields.Nested(SmallInterestItem), required=True)
    providers = fields.List(fields.Nested(SmallInterestSum), required=True)
    total = fields.Nested(SmallInterestSum, required=True)
    authority = fields.String(required=True)


@blueprint.route("/small-interest")
class SmallInterestView(MethodView):
    @requires("claims", "auditor")
    @blueprint.arguments(SmallInterestQuery, location="query")
    @blueprint.response(200, SmallInterestList)
    def get(self, query: dict[str, Any]) -> Response:
        """Interest under 2 dollars on payments made late in a month, by claim, with sums by provider."""
        found = _found(query["month"])
        return _csv(found) if query["format"] == "csv" else json_response(found)


@pages.get("/small-interest")
@page_requires("claims", "auditor")
def small_interest_page() -> str:
    """The list of a month, the last whole one unless another is asked for."""
    text = request.args.get("month", "")
    month = month_of(text)
    problems = [("month", _MONTH_WORDS)] if text and not month else []
    shown = month or Month.of(today().replace(day=1) - timedelta(days=1))
    found = _found(shown)
    return render_template(
        "payments/small_interest.html",
        found=found,
        items=found.items[:PAGE_LIMIT],
        month=shown.first,
        over=today() > found.payable_by,
        value=text if problems else found.month,
        problems=problems,
        wrong=dict(problems),
    )


@pages.get("/small-interest.csv")
@page_requires("claims", "auditor")
def small_interest_file() -> Response:
    """The same as a file, for a spreadsheet."""
    return _csv(_found(month_of(request.args.get("month", "")) or flask.abort(404)))


def month_of(text: str) -> Month | None:
    """The month that ``2026-05`` names, or ``None`` for another text."""
    found = _MONTH.fullmatch(text)
    return Month.of(date(int(found[1]), int(found[2]), 1)) if found else None


def _found(month: Month) -> SmallInterest:
    with parts().database.read() as connection:
        return small_interest(connection, scope_of_caller(), month)


def _csv(found: SmallInterest) -> Response:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(_rows(found))
    headers = {"Content-Disposition": f'attachment; filename="small-interest-{found.month}.csv"'}
    return Response(text.getvalue(), 200, headers, mimetype="text/csv")


def _rows(found: SmallInterest) -> Iterator[list[Any]]:
    yield list(_COLUMNS)
    for kind, rows in (("claim", found.items), ("provider", found.providers), ("total", (found.total,))):
        for row in rows:
            yield [kind, *(_cell(getattr(row, name, "")) for name in _COLUMNS[1:])]


def _cell(value: Any) -> Any:
    return as_text(value) if isinstance(value, str) else value
