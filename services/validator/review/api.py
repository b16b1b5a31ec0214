"""The review queue over HTTP: what waits for the claims department, why, and what it decides."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

from datetime import date
from typing import Any

from flask import Response, g
from flask.views import MethodView

from services.validator.claim_file import ClaimFile, claim_file
from services.validator.review import schemas
from services.validator.review.decisions import (
    Decided,
    NotInReview,
    UnknownClaim,
    billed_since,
    decide,
)
from services.validator.review.effects import effects_of
from services.validator.review.queue import Position, Review, ReviewFilter, open_reviews, scope_of
from services.validator.review.side_by_side import compare
from shared.web.auth import current_principal, requires
from shared.web.bodies import Blueprint
from shared.web.context import parts, today
from shared.web.pagination import bad_cursor, encode_cursor, position
from shared.web.problems import Problem
from shared.web.responses import json_response

blueprint = Blueprint(
    "reviews",
    __name__,
    url_prefix="/validator/api/v1",
    description="Claims that wait for the claims department",
)

_NO_DEADLINE = "none"


@blueprint.route("/reviews")
class ReviewsView(MethodView):
    @requires("claims")
    @blueprint.arguments(schemas.ReviewQuery, location="query")
    @blueprint.response(200, schemas.Reviews)
    def get(self, query: dict[str, Any]) -> Response:
        """The claims that wait for a decision: the earliest deadline first; what was paid, denied or withdrawn
        meanwhile comes last.
        """
        wanted = ReviewFilter(
            query.get("payer"), query.get("kind"), query.get("due_before"), query.get("settled")
        )
        items, cursor = reviews_page(wanted, query.get("cursor"), query["limit"])
        return json_response({"items": items, "next_cursor": cursor})


@blueprint.route("/reviews/<claim_id>")
class ReviewView(MethodView):
    @requires("claims")
    @blueprint.response(200, schemas.ReviewedClaim)
    def get(self, claim_id: str) -> Response:
        """One claim with its findings, what they rest on side by side, and all that was decided of it."""
        found, since = reviewed_claim(claim_id)
        judged = found.judged
        return json_response(
            {
                "claim_id": judged.claim_id,
                "claim": judged.claim.claim_number,
                "submission_id": judged.submission_id,
                "organisation": judged.organisation,
                "verdict": judged.verdict,
                "judgement": judged.judgement,
                "superseded": found.superseded,
                "review": found.review,
                "effects": effects_of(found.review) if found.review is not None else None,
                "receipt": judged.receipt,
                "document": judged.claim,
                "services": judged.services,
                "findings": judged.findings,
                "evidence": [each for one in judged.evidence if (each := compare(judged, one)) is not None],
                "billed_since": since,
                "history": found.history,
            }
        )

    @requires("claims")
    @blueprint.arguments(schemas.DecisionBody)
    @blueprint.response(200, schemas.DecidedSchema)
    @blueprint.alt_response(404, description="There is no such claim, or it is another plan's")
    @blueprint.alt_response(409, description="The claim does not wait for a decision")
    def post(self, body: dict[str, str], claim_id: str) -> Response:
        """Release the claim, which was clean from its receipt then, or reject it; with the reason."""
        return json_response(take_decision(claim_id, body["decision"], body["reason"]))


def reviews_page(wanted: ReviewFilter, cursor: str | None, limit: int) -> tuple[list[Review], str | None]:
    """A page of the caller's reviews, and the cursor of the next. Raises ``Problem`` 422 for a wrong cursor."""
    scope = scope_of(current_principal(), parts().payers)
    after = _position(cursor)
    with parts().database.read() as connection:
        found = open_reviews(connection, scope, wanted, parts().payers, today(), after=after, limit=limit + 1)
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    deadline = last.deadline.isoformat() if last.deadline else _NO_DEADLINE
    place = {"settled": int(last.settled), "review_deadline": deadline, "claim_id": last.claim_id}
    return found[:limit], encode_cursor(place)


def reviewed_claim(claim_id: str) -> tuple[ClaimFile, list[Any]]:
    """A claim of the caller's, and what was billed since in its place. Raises ``Problem`` 404."""
    scope = scope_of(current_principal(), parts().payers)
    with parts().database.read() as connection:
        found = claim_file(connection, scope, claim_id, parts().payers, today())
        if found is None:
            raise _unknown()
        since = []
        if found.review is not None and found.review.kind == "reconsider":
            since = billed_since(connection, found.judged, parts())
    compared = [compare(found.judged, evidence) for _, evidence in since if evidence is not None]
    return found, compared


def take_decision(claim_id: str, decision: str, reason: str) -> Decided:
    """Decide as the caller. Raises ``Problem`` 404 and 409."""
    request_id = str(g.get("request_id", ""))
    try:
        return decide(parts(), current_principal(), claim_id, decision, reason, request_id)
    except UnknownClaim:
        raise _unknown() from None
    except NotInReview as why:
        raise Problem(409, "Conflict", why.problem) from None


def read_decision(form: dict[str, str]) -> dict[str, str]:
    """The fields of a decision as the API takes them. Raises ``ValidationError``."""
    loaded: dict[str, str] = schemas.DecisionBody().load(form)
    return loaded


def _unknown() -> Problem:
    return Problem(404, "No such claim", "No claim of your plan with this id has been judged.")


def _position(cursor: str | None) -> Position | None:
    settled = position(cursor, "settled", int)
    deadline, claim_id = position(cursor, "review_deadline", str), position(cursor, "claim_id", str)
    if settled is None or deadline is None or claim_id is None:
        return None
    try:
        return bool(settled), (None if deadline == _NO_DEADLINE else date.fromisoformat(deadline)), claim_id
    except ValueError:
        raise bad_cursor() from None
