"""Payments over HTTP: payment events in; clocks, compliance figures and the timeliness log out."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

import csv
import io
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Response, g
from flask.views import MethodView

from services.payments import api_schemas as schemas
from services.payments import audit_log, queries
from services.payments.callers import parts, record_event, scope_of_caller, today, verify_log
from services.payments.queries import ClockFilter
from services.payments.timeliness import DEFINITIONS, csv_rows, figures
from shared.web.auth import current_principal, requires
from shared.web.bodies import Blueprint
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
        """Record that a claim was paid, denied or contested, that information came, or a reversal."""
        recorded = record_event(current_principal(), claim_id, event, str(g.get("request_id", "")))
        return json_response(recorded, 201)


@blueprint.route("/claims/<claim_id>/clock")
class ClockView(MethodView):
    @requires("provider", "claims", "auditor")
    @blueprint.response(200, schemas.ClaimClock)
    def get(self, claim_id: str) -> Response:
        """One claim's clock with its payments."""
        with parts().database.read() as connection:
            found = queries.clock(connection, scope_of_caller(), claim_id, today())
        if found is None:
            raise Problem(404, "No such claim", "No claim of yours with this id has been judged yet.")
        return json_response(found)


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
            raise Problem(403, "Forbidden", "This list is for keys that see all payers.")
        after = position(query.get("cursor"), "after_payment_event", str) or ""
        with parts().database.read() as connection:
            found = queries.unmatched_payments(connection, after=after, limit=query["limit"] + 1)
        items = found[: query["limit"]]
        more = len(found) > len(items)
        cursor = encode_cursor({"after_payment_event": items[-1]["payment_event_id"]}) if more else None
        return json_response({"items": items, "next_cursor": cursor})


@blueprint.route("/timeliness")
class TimelinessView(MethodView):
    @requires("claims", "auditor")
    @blueprint.arguments(schemas.TimelinessQuery, location="query")
    @blueprint.response(200, schemas.Timeliness)
    def get(self, query: dict[str, Any]) -> Response:
        """Compliance figures: 90 percent in 30 days, 99 percent in 90 (42 CFR 447.45), and overdue claims."""
        as_of, group_by = query.get("as_of") or today(), query["group_by"]
        first, last = query.get("first"), query.get("last")
        with parts().database.read() as connection:
            found = queries.cohorts(connection, scope_of_caller(), first, last, group_by)
            report = figures(found, as_of, group_by)
        if query["format"] == "csv":
            text = io.StringIO()
            csv.writer(text, lineterminator="\r\n").writerows(csv_rows(report, group_by))
            headers = {"Content-Disposition": f'attachment; filename="timeliness-{as_of}.csv"'}
            return Response(text.getvalue(), 200, headers, mimetype="text/csv")
        return json_response(
            {
                "as_of": as_of,
                "from": first,
                "to": last,
                "group_by": group_by,
                "groups": report.groups,
                "total": report.total,
                "definitions": DEFINITIONS,
            }
        )


@blueprint.route("/timeliness-log")
class LogView(MethodView):
    @requires("auditor")
    @blueprint.arguments(schemas.LogQuery, location="query")
    @blueprint.response(200, schemas.Log)
    def get(self, query: dict[str, Any]) -> Response:
        """The timeliness log in order, from the entry after ``after``."""
        reached = position(query.get("cursor"), "after_sequence", int)
        after = query["after"] if reached is None else reached
        with parts().database.read() as connection:
            items = list(audit_log.read(connection, after, query["limit"]))
            head = audit_log.read_head(connection)
        more = items and items[-1].sequence < head.sequence
        cursor = encode_cursor({"after_sequence": items[-1].sequence}) if more else None
        return json_response({"items": items, "next_cursor": cursor})


@blueprint.route("/timeliness-log/export.jsonl")
class LogExportView(MethodView):
    @requires("auditor")
    @blueprint.response(200, content_type="application/jsonl")
    def get(self) -> Response:
        """The whole log as JSON Lines, for keeping and verifying elsewhere."""
        database = parts().database

        def lines() -> Iterator[bytes]:
            with database.read() as connection:
                yield from audit_log.export_lines(audit_log.read(connection))

        headers = {"Content-Disposition": 'attachment; filename="timeliness-log.jsonl"'}
        return Response(lines(), 200, headers, mimetype="application/jsonl")


@blueprint.route("/timeliness-log/verification")
class LogVerificationView(MethodView):
    @requires("auditor")
    @blueprint.response(200, schemas.Verification)
    def get(self) -> Response:
        """Whether every entry of the log is what it was when it was written, and none is missing."""
        found = verify_log()
        if isinstance(found, audit_log.Broken):
            return json_response(found)
        return json_response(
            {"intact": True, "entries": found.entries, "head_hash": found.head_hash, "checkpoints": []}
        )
