"""Remittances (835) over HTTP: a file in, what became of it out, and matching by hand."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator,misc"

import tempfile
from pathlib import Path
from typing import Any

from flask import Response, g
from flask.views import MethodView

from services.payments.callers import scope_of_caller
from services.payments.remittances import listing, schemas
from services.payments.remittances.by_hand import close, match_by_hand
from services.payments.remittances.post import entry_of, post_file
from services.payments.remittances.reader835 import NoRemittance
from shared.web.auth import current_principal, requires
from shared.web.bodies import Blueprint
from shared.web.context import parts
from shared.web.pagination import encode_cursor, position
from shared.web.problems import Problem
from shared.web.responses import json_response
from shared.web.uploads import save_upload

blueprint = Blueprint("remittances", __name__, description="Remittances (835)")

_CHUNK = 1 << 20
_PROBLEMS_SHOWN = 100


@blueprint.route("/remittances")
class RemittancesView(MethodView):
    @requires("claims")
    @blueprint.doc(requestBody=schemas.FILE_BODY)
    @blueprint.response(201, schemas.PostedRemittance)
    @blueprint.alt_response(200, schema=schemas.PostedRemittance, description="The same bytes came before")
    def post(self) -> Response:
        """Post a remittance advice (835): every payment, denial and reversal in it.

        Send it as multipart field `file` or as the raw body. What cannot be matched is listed and kept.
        """
        with tempfile.TemporaryDirectory(prefix="promptclaim-") as folder:
            path = Path(folder) / "upload"
            answer, new = take_in(path, save_upload(path))
        return Response(answer, 201 if new else 200, mimetype="application/json")

    @requires("claims", "auditor")
    @blueprint.arguments(schemas.RemittancePage, location="query")
    @blueprint.response(200, schemas.Remittances)
    def get(self, query: dict[str, Any]) -> Response:
        """Remittances, the newest first."""
        before = position(query.get("cursor"), "before_remittance", str)
        with parts().database.read() as connection:
            found = listing.remittances(
                connection, scope_of_caller().payers, before=before, limit=query["limit"] + 1
            )
        shown = found[: query["limit"]]
        more = len(found) > len(shown)
        cursor = encode_cursor({"before_remittance": shown[-1]["remittance_id"]}) if more else None
        return json_response({"items": shown, "next_cursor": cursor})


@blueprint.route("/remittances/unmatched")
class UnmatchedView(MethodView):
    @requires("claims", "auditor")
    @blueprint.arguments(schemas.RemittancePage, location="query")
    @blueprint.response(200, schemas.RemittanceItems)
    def get(self, query: dict[str, Any]) -> Response:
        """Claim payments that are unmatched, ambiguous or refused, the oldest first."""
        cursor = query.get("cursor")
        of, number = position(cursor, "of_remittance", str), position(cursor, "after_item", int)
        after = (of, number) if of is not None and number is not None else None
        with parts().database.read() as connection:
            found = listing.unmatched(
                connection, scope_of_caller().payers, after=after, limit=query["limit"] + 1
            )
        shown = found[: query["limit"]]
        last = shown[-1] if len(found) > len(shown) else None
        following = last and encode_cursor(
            {"of_remittance": last["remittance_id"], "after_item": last["ordinal"]}
        )
        return json_response({"items": shown, "next_cursor": following})


@blueprint.route("/remittances/<remittance_id>")
class RemittanceView(MethodView):
    @requires("claims", "auditor")
    @blueprint.arguments(schemas.RemittancePage, location="query")
    @blueprint.response(200, schemas.Remittance)
    def get(self, query: dict[str, Any], remittance_id: str) -> Response:
        """One remittance: its balance, and its claim payments as they stand now."""
        after = position(query.get("cursor"), "after_item", int) or 0
        found = remittance_of_caller(remittance_id, after, query["limit"])
        return json_response(found)


@blueprint.route("/remittances/<remittance_id>/items/<int(max=2147483647):ordinal>/match")
class MatchView(MethodView):
    @requires("claims")
    @blueprint.arguments(schemas.ClaimOfPayment)
    @blueprint.response(200, schemas.RemittanceItem)
    def post(self, choice: dict[str, Any], remittance_id: str, ordinal: int) -> Response:
        """Say which claim a payment is for, and post it."""
        settled = match_by_hand(
            parts(),
            remittance_id,
            ordinal,
            choice["claim_id"],
            scope=scope_of_caller(),
            recorded_by=current_principal().key_id,
            correlation_id=str(g.get("request_id", "")),
        )
        return json_response({"remittance_id": remittance_id, **entry_of(settled)})


@blueprint.route("/remittances/<remittance_id>/items/<int(max=2147483647):ordinal>/close")
class CloseView(MethodView):
    @requires("claims")
    @blueprint.arguments(schemas.ReasonToClose)
    @blueprint.response(200, schemas.RemittanceItem)
    def post(self, given: dict[str, Any], remittance_id: str, ordinal: int) -> Response:
        """Say that nothing of a claim payment is to be posted, and why. It stays, and is no longer to be looked at."""
        closed = close(
            parts(),
            remittance_id,
            ordinal,
            given["reason"],
            scope=scope_of_caller(),
            closed_by=current_principal().key_id,
        )
        return json_response({"remittance_id": remittance_id, **closed})


def take_in(path: Path, file_name: str) -> tuple[bytes, bool]:
    """Post the file at ``path`` for the caller. Raises ``Problem`` 422 where it is no remittance."""
    try:
        return post_file(
            parts(),
            path,
            file_name,
            recorded_by=current_principal().key_id,
            payers=scope_of_caller().payers,
            correlation_id=str(g.get("request_id", "")),
        )
    except NoRemittance as error:
        raise Problem(
            422,
            "The file cannot be posted",
            f"Nothing of the file was posted. {error}",
            errors=[
                {"field": "file", "message": message, "in": "body"}
                for message in error.problems[:_PROBLEMS_SHOWN]
            ],
        ) from error


def remittance_of_caller(remittance_id: str, after: int, limit: int) -> dict[str, Any]:
    """One remittance with a page of its items. Raises ``Problem`` 404."""
    with parts().database.read() as connection:
        found = listing.remittance(
            connection, scope_of_caller().payers, remittance_id, after=after, limit=limit + 1
        )
    if found is None:
        raise Problem(404, "No such remittance", "There is no remittance of yours with this id.")
    more = len(found["items"]) > limit
    del found["items"][limit:]
    cursor = encode_cursor({"after_item": found["items"][-1]["ordinal"]}) if more else None
    return {**found, "next_cursor": cursor}
