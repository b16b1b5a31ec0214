"""Intake over HTTP: send files and claims, see what became of them."""

import tempfile
from pathlib import Path
from typing import Any

from flask import Response, g, request
from flask.views import MethodView

from services.intake import api_schemas as schemas
from services.intake import queries
from services.intake.invoice_template import blank_invoice_csv, blank_invoice_xlsx
from services.intake.queries import Scope
from services.intake.readers import FileRefused
from services.intake.readers.json_claims import validate_claims_json
from services.intake.receive import receive
from shared.claim import Submitter
from shared.reference.codes import CodeSet
from shared.web.auth import current_principal, requires
from shared.web.bodies import Blueprint, refuse_other_than_json
from shared.web.context import parts, today
from shared.web.pagination import encode_cursor, position
from shared.web.problems import Problem, field_at
from shared.web.responses import json_response
from shared.web.uploads import save_upload

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

UNNAMED = "upload"
"""What a file is called whose sender gave it no name."""

blueprint = Blueprint(
    "intake", __name__, url_prefix="/intake/api/v1", description="Claims in, verdicts and clocks out"
)


def scope_of_caller() -> Scope:
    """A provider sees its organisation's claims; a claims department those of its payers, or all."""
    principal = current_principal()
    if principal.role == "provider":
        return Scope(organisation=principal.organisation)
    return Scope(payer_ids=parts().payers.ids_of(principal.payers) or None)


@blueprint.route("/submissions")
class SubmissionsView(MethodView):
    @requires("provider")
    @blueprint.doc(requestBody=schemas.FILE_BODY)
    @blueprint.response(202, schemas.Receipt)
    @blueprint.alt_response(
        200, schema=schemas.Receipt, description="The same bytes came before: the same submission"
    )
    def post(self) -> Response:
        """Send a file: 837P, XLSX, CSV or JSON, as multipart field `file` or as the raw body."""
        with tempfile.TemporaryDirectory(prefix="promptclaim-") as folder:
            path = Path(folder) / "upload"
            name = save_upload(path) or UNNAMED
            return _receive(path, name)

    @requires("provider", "claims")
    @blueprint.arguments(schemas.Page, location="query")
    @blueprint.response(200, schemas.Submissions)
    def get(self, page: dict[str, Any]) -> Response:
        """Submissions, newest first."""
        before = position(page.get("cursor"), "before_submission", str)
        with parts().database.read() as connection:
            found = queries.submissions(connection, scope_of_caller(), before=before, limit=page["limit"] + 1)
        return json_response(_paged(found, page["limit"], "before_submission", "submission_id"))


@blueprint.route("/submissions/<submission_id>")
class SubmissionView(MethodView):
    @requires("provider", "claims")
    @blueprint.arguments(schemas.SubmissionPage, location="query")
    @blueprint.response(200, schemas.Submission)
    def get(self, page: dict[str, Any], submission_id: str) -> Response:
        """One submission: its counts and its claims with verdicts and findings."""
        after = position(page.get("cursor"), "after_ordinal", int)
        with parts().database.read() as connection:
            found = queries.submission(
                connection, scope_of_caller(), submission_id, today(), after=after, limit=page["limit"]
            )
        if found is None:
            raise Problem(404, "No such submission", "There is no submission of yours with this id.")
        last = found.pop("next_after")
        found["next_cursor"] = None if last is None else encode_cursor({"after_ordinal": last})
        return json_response(found)


@blueprint.route("/claims")
class ClaimsView(MethodView):
    @requires("provider")
    @blueprint.doc(requestBody=schemas.CLAIMS_BODY)
    @blueprint.response(202, schemas.Receipt)
    @blueprint.alt_response(
        200, schema=schemas.Receipt, description="The same bytes came before: the same submission"
    )
    def post(self) -> Response:
        """Send claims as JSON: one claim or `{"claims": […]}`."""
        refuse_other_than_json(request)
        body = request.get_data()
        if problems := validate_claims_json(body):
            errors = [{"field": field_at(each["pointer"]), **each, "in": "json"} for each in problems]
            raise Problem(
                422, "The claims cannot be taken in", "Correct the fields named here.", errors=errors
            )
        with tempfile.TemporaryDirectory(prefix="promptclaim-") as folder:
            path = Path(folder) / "body"
            path.write_bytes(body)
            return _receive(path, "claims.json")

    @requires("provider", "claims")
    @blueprint.arguments(schemas.ClaimsPage, location="query")
    @blueprint.response(200, schemas.Claims)
    def get(self, page: dict[str, Any]) -> Response:
        """Claims, newest first."""
        before = position(page.get("cursor"), "before_claim", str)
        with parts().database.read() as connection:
            found = queries.claims(
                connection,
                scope_of_caller(),
                today(),
                verdict=page.get("verdict"),
                claim_number=page.get("claim"),
                before=before,
                limit=page["limit"] + 1,
            )
        return json_response(_paged(found, page["limit"], "before_claim", "claim_id"))


@blueprint.route("/claims/<claim_id>")
class ClaimView(MethodView):
    @requires("provider", "claims")
    @blueprint.response(200, schemas.ClaimInFull)
    def get(self, claim_id: str) -> Response:
        """One claim: verdict, findings, clock, payments and its whole timeline."""
        with parts().database.read() as connection:
            found = queries.claim(connection, scope_of_caller(), claim_id, today())
        if found is None:
            raise Problem(404, "No such claim", "There is no claim of yours with this id.")
        return json_response(found)


@blueprint.route("/invoice-template.xlsx")
class TemplateWorkbookView(MethodView):
    @requires()
    @blueprint.response(200, content_type=_XLSX)
    def get(self) -> Response:
        """A blank invoice for Excel, with drop-downs of the codes in force today."""
        return template_workbook()


@blueprint.route("/invoice-template.csv")
class TemplateCsvView(MethodView):
    @requires()
    @blueprint.response(200, content_type="text/csv")
    def get(self) -> Response:
        """The header row of a blank invoice as CSV."""
        return _download(blank_invoice_csv().encode(), "text/csv", "invoice.csv")


def template_workbook() -> Response:
    """The blank invoice with today's codes, to be saved as a file."""
    day = today()
    codes = [(row.hcpcs, " ".join(row.modifiers), row.service_name) for row in CodeSet.load().on(day)]
    return _download(blank_invoice_xlsx(codes, day), _XLSX, "invoice.xlsx")


def _download(content: bytes, media_type: str, name: str) -> Response:
    return Response(
        content, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def receive_upload(path: Path, name: str) -> tuple[str, bool]:
    """Take in a saved upload for the caller. Raises a ``Problem`` that says why a file is refused whole."""
    principal = current_principal()
    submitter = Submitter(organisation=principal.organisation, npis=principal.npis)
    try:
        return receive(parts(), submitter, path, name, correlation_id=g.request_id)
    except FileRefused as refusal:
        found = refusal.finding
        raise Problem(
            422,
            "The file cannot be read",
            found.message,
            errors=[
                {
                    "field": found.field or "file",
                    "message": found.message,
                    "rule": found.rule,
                    "where": found.where,
                    "expected": found.expected,
                }
            ],
        ) from None


def _receive(path: Path, name: str) -> Response:
    submission_id, new = receive_upload(path, name)
    with parts().database.read() as connection:
        answer = json_response(queries.receipt(connection, submission_id), 202 if new else 200)
    answer.headers["Location"] = f"/intake/api/v1/submissions/{submission_id}"
    return answer


def _paged(found: list[dict[str, Any]], limit: int, position_name: str, key: str) -> dict[str, Any]:
    shown = found[:limit]
    more = len(found) > limit
    return {"items": shown, "next_cursor": encode_cursor({position_name: shown[-1][key]}) if more else None}
