"""Look-up of a member's other care over HTTP. The CIN travels in the body: it must stand in no address."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

from datetime import date, timedelta
from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import ValidationError, fields, validates_schema

from services.validator.lookup.question import DAYS_BACK, NotServed, cin_asked, overlaps
from services.validator.lookup.shapes import Overlaps
from shared.identifiers import member_key
from shared.logging import get_logger
from shared.web.auth import current_principal, requires
from shared.web.bodies import Blueprint, Schema
from shared.web.context import today, web_context
from shared.web.problems import Problem
from shared.web.responses import json_response

blueprint = Blueprint(
    "members",
    __name__,
    url_prefix="/validator/api/v1",
    description="What else a member has",
)

EARLIEST = date(2015, 1, 1)
DAYS_AHEAD = 366
NOT_SERVED = (
    "No member with this CIN is known here as yours. A provider can look up members for whom it has sent a claim, "
    "or who are authorized to it."
)
WRONG_CIN = (
    "A CIN is the digit 9, seven more digits and a letter, such as 91234567A. A card number works as well."
)

_log = get_logger("services.validator")


class CinField(fields.String):
    """A CIN, or a card number whose first nine characters are one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        cin = cin_asked(super()._deserialize(value, attr, data, **kwargs))
        if cin is None:
            raise ValidationError(WRONG_CIN)
        return cin


class MemberQuestion(Schema):
    cin = CinField(required=True, metadata={"example": "91234567A"})
    on = fields.Date(metadata={"description": "Day of service to judge by; default: today in California"})

    @validates_schema
    def _a_day_that_can_be_judged(self, data: dict[str, Any], **_: Any) -> None:
        day = data.get("on")
        if day is not None and not EARLIEST <= day <= today() + timedelta(days=DAYS_AHEAD):
            raise ValidationError({"on": [f"Use a day from {EARLIEST} to a year from now."]})


class KnownProgramSchema(Schema):
    program = fields.String(required=True)
    name = fields.String(required=True)
    start_date = fields.Date(required=True)
    end_date = fields.Date(allow_none=True)
    current = fields.Boolean(required=True)
    care_manager_npi = fields.String(allow_none=True)
    rule = fields.String(
        allow_none=True, metadata={"description": "both, either, excluded; plan: time in a plan"}
    )
    what_it_means = fields.String(required=True)


class KnownAuthorizationSchema(Schema):
    benefit = fields.String(required=True)
    service = fields.String(allow_none=True)
    start_date = fields.Date(required=True)
    end_date = fields.Date(allow_none=True)
    status = fields.String(required=True)
    presumptive = fields.Boolean(required=True)
    provider = fields.String(required=True, metadata={"example": "another provider"})
    provider_npi = fields.String()
    authorization_number = fields.String()
    population_of_focus = fields.String()


class KnownServiceSchema(Schema):
    program = fields.String(required=True)
    name = fields.String(required=True)
    service_date = fields.Date(required=True)
    procedure_code = fields.String(allow_none=True)
    modifiers = fields.List(fields.String(), required=True)
    own = fields.Boolean(required=True)
    provider_npi = fields.String()


class EcmMonthSchema(Schema):
    month = fields.Date(required=True, metadata={"description": "Its first day"})
    own = fields.Boolean(required=True)
    services = fields.Integer(required=True)


class OverlapsSchema(Schema):
    on = fields.Date(required=True)
    since = fields.Date(required=True, metadata={"description": f"{DAYS_BACK} days before"})
    programs = fields.List(fields.Nested(KnownProgramSchema), required=True)
    authorizations = fields.List(fields.Nested(KnownAuthorizationSchema), required=True)
    services = fields.List(fields.Nested(KnownServiceSchema), required=True)
    ecm_history = fields.List(fields.Nested(EcmMonthSchema), required=True)
    advice = fields.List(fields.String(), required=True)


@blueprint.route("/members/overlaps")
class OverlapsView(MethodView):
    @requires("provider", "claims", reading=True)
    @blueprint.doc(summary="Not this way: use POST, because a CIN must not stand in an address")
    @blueprint.response(405)
    def get(self) -> Response:
        """Not this way: use POST."""
        raise Problem(
            405,
            "Method Not Allowed",
            'Use POST with the CIN in the body, such as {"cin": "91234567A"}. A member\'s number must not stand in '
            "an address, because addresses are written to logs.",
            headers={"Allow": "POST"},
        )

    @requires("provider", "claims", reading=True)
    @blueprint.arguments(MemberQuestion)
    @blueprint.response(200, OverlapsSchema)
    @blueprint.alt_response(404, description="No such member, or not one whom you serve")
    def post(self, question: dict[str, Any]) -> Response:
        """What else this member has: programs, authorizations and services, and what to expect of ECM."""
        found = looked_up(question["cin"], question.get("on") or today())
        return json_response(
            {
                "on": found.on,
                "since": found.since,
                "programs": found.programs,
                "authorizations": found.authorizations,
                "services": found.services,
                "ecm_history": found.ecm_history,
                "advice": found.advice,
            }
        )


def looked_up(cin: str, on: date) -> Overlaps:
    """What the caller may know of the member. Raises ``Problem`` 404."""
    parts, principal = web_context().parts, current_principal()
    answered = False
    try:
        with parts.database.read() as connection:
            found = overlaps(connection, parts, principal, cin, on)
        answered = True
    except NotServed:
        raise Problem(404, "No such member", NOT_SERVED) from None
    finally:
        # Who looked at whom (45 CFR 164.312(b)), under the member's pseudonym.
        _log.info(
            "member_looked_up",
            member=member_key(parts.member_secret, cin),
            key_id=principal.key_id,
            answered=answered,
        )
    return found
