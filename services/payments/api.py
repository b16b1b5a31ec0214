"""Payments over HTTP: payment events in; clocks out."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Response, g
from flask.views import MethodView

from services.payments import api_schemas as schemas
from services.payments import early, queries
from services.payments.callers import record_event, scope_of_caller
from services.payments.claim_clock import NotYetKnown, claim_clock, moment
from services.payments.clock_document import BadRequest
from services.payments.queries import ClockFilter
from shared.web.auth import current_principal, requires
from shared.web.bodies import Blueprint
from shared.web.context import parts, today
from shared.web.pagination import bad_cursor, encode_cursor, position
from shared.web.problems import Problem
from shared.web.responses import json_response

blueprint = Blueprint("payments", __name__, description="Payment events in; clocks and figures out")


@blueprint.route("/claims/<claim_id>/payment-events")
class PaymentEventsView(MethodView):
    @requires("claims")
    @blueprint.arguments(schemas.PaymentEvent)
    @blueprint.response(201, schemas.PaymentRecorded)
    def post(self, event: dict[str, Any], claim_id: str) -> Response:
        """Record that a claim was paid, denied or contested, that information came, or a reversal.

        With ``corrects``, in the place of an earlier event that was a mistake; ``cancelled`` takes it away.
        An event with a ``reference`` that was recorded before changes nothing: 200 with the answer of then.
        """
        recorded, again = record_event(current_principal(), claim_id, event, str(g.get("request_id", "")))
        return json_response(recorded, 200 if again else 201)

    @requires("provider", "claims", "auditor")
    @blueprint.response(200, schemas.PaymentEvents)
    def get(self, claim_id: str) -> Response:
        """Everything that was recorded for a claim, in that order, with what corrected what."""
        return json_response({"items": _claim_clock(claim_id, None)["payments"]})


@blueprint.route("/claims/<claim_id>/clock")
class ClockView(MethodView):
    @requires("provider", "claims", "auditor")
    @blueprint.arguments(schemas.AtQuery, location="query")
    @blueprint.response(200, schemas.ClaimClock)
    def get(self, query: dict[str, Any], claim_id: str) -> Response:
        """One claim's clock with its payments, why it stands so, and what would change it.

        With ``at``, what was known at that moment: verdict and payments that had been recorded by then.
        """
        return json_response(_claim_clock(claim_id, query.get("at")))


def _claim_clock(claim_id: str, at: str | None) -> dict[str, Any]:
    now = parts().now()
    try:
        instant = None if at is None else moment(at, now)
        with parts().database.read() as connection:
            found = claim_clock(connection, scope_of_caller(), claim_id, now, instant)
    except BadRequest as wrong:
        errors = [{"field": "at", "message": str(wrong), "in": "query"}]
        raise Problem(422, "Unprocessable Entity", str(wrong), errors=errors) from wrong
    except NotYetKnown as unknown:
        text = f"Nothing was known of this claim at that moment. It was first recorded at {unknown.since}."
        raise Problem(404, "Not known then", text) from unknown
    if found is None:
        raise Problem(404, "No such claim", "No claim of yours with this id has been judged yet.")
    return found


@blueprint.route("/clocks")
class ClocksView(MethodView):
    @requires("provider", "claims", "auditor")
    @blueprint.arguments(schemas.ClockQuery, location="query")
    @blueprint.response(200, schemas.Clocks)
    def get(self, query: dict[str, Any]) -> Response:
        """Clocks by deadline, the earliest first."""
        wanted = ClockFilter(**{name: query[name] for name in ClockFilter._fields if name in query})
        with parts().database.read() as connection:
            found = queries.clocks(
                connection,
                scope_of_caller(),
                wanted,
                today(),
                after=clock_position(query.get("cursor")),
                limit=query["limit"] + 1,
            )
        items = found[: query["limit"]]
        return json_response({"items": items, "next_cursor": clock_cursor(found, query["limit"])})


def clock_cursor(found: list[dict[str, Any]], limit: int) -> str | None:
    """The cursor after ``limit`` of the clocks found, where there are more."""
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    running = last.get("deadline_after_information", last["deadline"])
    return encode_cursor({"deadline": running.isoformat(), "claim_id": last["claim_id"]})


def clock_position(cursor: str | None) -> tuple[date, str] | None:
    """What :func:`clock_cursor` encoded. Raises ``Problem`` 422."""
    deadline, claim_id = position(cursor, "deadline", str), position(cursor, "claim_id", str)
    if deadline is None or claim_id is None:
        return None
    try:
        return date.fromisoformat(deadline), claim_id
    except ValueError:
        raise bad_cursor() from None


@blueprint.route("/payment-events/unmatched")
class UnmatchedView(MethodView):
    @requires("claims")
    @blueprint.arguments(schemas.Page, location="query")
    @blueprint.response(200, schemas.Unmatched)
    def get(self, query: dict[str, Any]) -> Response:
        """Payment events for claims that are not known here. They take effect when the claim comes."""
        if current_principal().payers:
            raise Problem(
                403,
                "Forbidden",
                "An event for a claim that is not known yet belongs to no payer, so this list is only for keys "
                "without payer ids.",
            )
        after = _event_position(query)
        with parts().database.read() as connection:
            found = early.unmatched_payments(connection, after=after, limit=query["limit"] + 1)
        return _events_page(found, query["limit"])


@blueprint.route("/payment-events/refused")
class RefusedView(MethodView):
    @requires("claims")
    @blueprint.arguments(schemas.Page, location="query")
    @blueprint.response(200, schemas.Unmatched)
    def get(self, query: dict[str, Any]) -> Response:
        """Payment events that came before their claim and did not fit it; ``refused`` says why."""
        after = _event_position(query)
        with parts().database.read() as connection:
            found = early.refused_payments(
                connection, scope_of_caller(), after=after, limit=query["limit"] + 1
            )
        return _events_page(found, query["limit"])


def _event_position(query: Mapping[str, Any]) -> str:
    return position(query.get("cursor"), "after_payment_event", str) or ""


def _events_page(found: list[dict[str, Any]], limit: int) -> Response:
    items = found[:limit]
    more = len(found) > len(items)
    cursor = encode_cursor({"after_payment_event": items[-1]["payment_event_id"]}) if more else None
    return json_response({"items": items, "next_cursor": cursor})
