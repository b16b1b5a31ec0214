"""The validator over HTTP: the code set that every claim is judged by."""

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import fields

from services.validator.rulebook.codes import codes_on
from shared.web.auth import requires
from shared.web.bodies import Blueprint, Schema
from shared.web.context import today
from shared.web.responses import json_response

blueprint = Blueprint(
    "validator",
    __name__,
    url_prefix="/validator/api/v1",
    description="The code set that claims are judged by",
)


class CodesQuery(Schema):
    on = fields.Date(metadata={"description": "Date of service; default: today in California"})


class Code(Schema):
    benefit = fields.String(required=True, metadata={"example": "ECM"})
    service = fields.String(required=True)
    service_name = fields.String(required=True)
    hcpcs = fields.String(required=True, metadata={"example": "G9012"})
    modifiers = fields.List(fields.String(), required=True, metadata={"example": ["U2"]})
    description = fields.String()
    unit = fields.String(required=True)
    outreach = fields.Boolean(required=True)
    needs_billed_amount = fields.Boolean(required=True)
    effective_from = fields.Date(required=True)
    effective_to = fields.Date(allow_none=True)
    start_confirmed = fields.Boolean()
    confidence = fields.String()
    authority = fields.String(required=True)


class Codes(Schema):
    on = fields.Date(required=True)
    version = fields.String(required=True)
    items = fields.List(fields.Nested(Code), required=True)


@blueprint.route("/codes")
class CodesView(MethodView):
    @requires()
    @blueprint.arguments(CodesQuery, location="query")
    @blueprint.response(200, Codes)
    def get(self, query: dict[str, Any]) -> Response:
        """The DHCS codes and modifiers for ECM and Community Supports in force on a date of service."""
        return json_response(codes_on(query.get("on") or today()))
