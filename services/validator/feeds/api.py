"""Feeds of other care over HTTP: care services, enrolments, authorizations and further CINs of members."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

import tempfile
from pathlib import Path
from typing import Any

import msgspec
from flask import Response, request
from flask.views import MethodView
from marshmallow import fields

from services.validator.feeds.files import FeedRefused, open_feed
from services.validator.feeds.load import Loaded, load_feed
from services.validator.feeds.rows import RowProblem, column_names
from services.validator.feeds.store import sender_of
from shared.care import Feed
from shared.logging import get_logger
from shared.web.auth import current_principal, requires
from shared.web.bodies import Blueprint, Schema
from shared.web.context import web_context
from shared.web.problems import Problem
from shared.web.responses import json_response
from shared.web.uploads import save_upload

WRONG_SHOWN_MAX = 1_000
"""Problems that an answer lists; the count of wrong rows is always complete."""

_log = get_logger("services.validator.feeds")

blueprint = Blueprint(
    "feeds",
    __name__,
    url_prefix="/validator/api/v1",
    description="What plans and counties tell of members' other care",
)


@blueprint.before_request
def take_more_than_a_file_of_claims() -> None:
    """A feed is read row by row, so it may be far larger. Said before the body is read for its Idempotency-Key."""
    request.max_content_length = web_context().parts.settings.max_feed_bytes


class WrongCell(Schema):
    row = fields.Integer(
        required=True, metadata={"description": "The spreadsheet's row, or the place in the list from 1"}
    )
    field = fields.String(required=True, metadata={"example": "service_date"})
    value = fields.String(required=True, metadata={"description": "What was sent, shortened"})
    reason = fields.String(required=True)
    expected = fields.String(required=True)


class FeedTaken(Schema):
    feed = fields.String(required=True, metadata={"example": "services"})
    rows = fields.Integer(required=True)
    taken = fields.Integer(
        required=True, metadata={"description": "new, corrected, withdrawn and unchanged together"}
    )
    new = fields.Integer(required=True)
    corrected = fields.Integer(required=True)
    withdrawn = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    wrong_rows = fields.Integer(required=True)
    wrong = fields.List(
        fields.Nested(WrongCell),
        required=True,
        metadata={"description": f"What is wrong with the wrong rows: the first {WRONG_SHOWN_MAX:,} cells"},
    )
    notes = fields.List(fields.String(), required=True)


def _body_of(feed: Feed) -> dict[str, Any]:
    columns = column_names(feed)
    record = {"type": "object", "properties": {name: {} for name in columns}}
    return {
        "description": "CSV with a header row, or JSON: one record, a list, or an object with the list as"
        f" `records`. Columns: {', '.join(columns)}. The same `record_id` from the same `source` again is a"
        " correction; with `withdrawn` yes the row takes its record back. A row without `record_id` gets one made"
        " from its content.",
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": ",".join(columns[:-1])},
            "application/json": {"schema": {"oneOf": [record, {"type": "array", "items": record}]}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }


@blueprint.route("/care-services")
class CareServicesView(MethodView):
    @requires("claims")
    @blueprint.doc(requestBody=_body_of("services"))
    @blueprint.response(200, FeedTaken)
    def post(self) -> Response:
        """Take in services of other programs: CHW, TCM, CCS and others."""
        return _taken("services")


@blueprint.route("/enrollments")
class EnrollmentsView(MethodView):
    @requires("claims")
    @blueprint.doc(requestBody=_body_of("enrollments"))
    @blueprint.response(200, FeedTaken)
    def post(self) -> Response:
        """Take in members' time in programs."""
        return _taken("enrollments")


@blueprint.route("/authorizations")
class AuthorizationsView(MethodView):
    @requires("claims")
    @blueprint.doc(requestBody=_body_of("authorizations"))
    @blueprint.response(200, FeedTaken)
    def post(self) -> Response:
        """Take in authorizations of ECM and Community Supports."""
        return _taken("authorizations")


@blueprint.route("/member-aliases")
class MemberAliasesView(MethodView):
    @requires("claims")
    @blueprint.doc(requestBody=_body_of("aliases"))
    @blueprint.response(200, FeedTaken)
    def post(self) -> Response:
        """Take in which CINs are one member's."""
        return _taken("aliases")


def _taken(feed: Feed) -> Response:
    parts = web_context().parts
    sender = sender_of(current_principal().payers, parts.payers)
    wrong: list[dict[str, Any]] = []

    def tell(number: int, problems: tuple[RowProblem, ...]) -> None:
        room = WRONG_SHOWN_MAX - len(wrong)
        wrong.extend({"row": number, **msgspec.structs.asdict(each)} for each in problems[:room])

    with tempfile.TemporaryDirectory(prefix="promptclaim-") as folder:
        path = Path(folder) / "feed"
        save_upload(path)
        try:
            loaded = load_feed(feed, open_feed(path, feed), sender, parts.database.begin, parts.now, tell)
        except FeedRefused as refused:
            errors = [{"field": refused.field, "message": refused.message, "expected": refused.expected}]
            raise Problem(422, "The file cannot be read", refused.message, errors=errors) from None
    _log.info("feed_taken", feed=feed, rows=loaded.rows, taken=loaded.taken, wrong=loaded.wrong_rows)
    if loaded.wrong_rows and not loaded.taken:
        raise _nothing_usable(loaded, wrong)
    return json_response({**_counts(loaded), "wrong": wrong, "notes": loaded.notes})


def _counts(loaded: Loaded) -> dict[str, Any]:
    return {
        "feed": loaded.feed,
        "rows": loaded.rows,
        "taken": loaded.taken,
        "new": loaded.new,
        "corrected": loaded.corrected,
        "withdrawn": loaded.withdrawn,
        "unchanged": loaded.unchanged,
        "wrong_rows": loaded.wrong_rows,
    }


def _nothing_usable(loaded: Loaded, wrong: list[dict[str, Any]]) -> Problem:
    rows = "The only row is" if loaded.rows == 1 else f"All {loaded.rows:,} rows are"
    return Problem(
        422,
        "No row can be used",
        f"{rows} wrong. Nothing was taken. Correct what is named here and send it again.",
        errors=[{**each, "message": each["reason"]} for each in wrong],
    )
