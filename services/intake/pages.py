"""The provider's pages: upload a file, see what became of it, see each claim and its clock."""

import tempfile
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from services.intake import queries
from services.intake.api import (
    UNNAMED,
    receive_upload,
    scope_of_caller,
    template_workbook,
)
from shared.web.context import parts, today
from shared.web.pagination import encode_cursor, position
from shared.web.problems import Problem
from shared.web.sessions import page_requires
from shared.web.uploads import name_of_upload

blueprint = Blueprint("intake_pages", __name__, url_prefix="/intake", template_folder="templates")

_SUBMISSIONS_SHOWN = 20
_CLAIMS_SHOWN = 200


@blueprint.get("/")
@page_requires("provider")
def home() -> str:
    """The upload form, and what was sent before."""
    return _home()


@blueprint.post("/")
@page_requires("provider")
def upload() -> AnyResponse:
    """Take a file in; a refused one is explained beside the form."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return Response(_home("Choose a file first."), 422)
    with tempfile.TemporaryDirectory(prefix="promptclaim-") as folder:
        path = Path(folder) / "upload"
        file.save(path)
        try:
            submission_id, new = receive_upload(path, name_of_upload(file.filename) or UNNAMED)
        except Problem as problem:
            return Response(_home(problem.detail, problem.errors), problem.status)
    return redirect(url_for(".submission", submission_id=submission_id, again=None if new else 1), 303)


@blueprint.get("/invoice-template.xlsx")
@page_requires("provider")
def invoice_template() -> Response:
    """A blank invoice to fill in."""
    return template_workbook()


@blueprint.get("/submissions/<submission_id>")
@page_requires("provider", "claims")
def submission(submission_id: str) -> str:
    """One file: counts, and each claim with its findings."""
    after = position(request.args.get("cursor"), "after_ordinal", int)
    with parts().database.read() as connection:
        found = queries.submission(
            connection, scope_of_caller(), submission_id, today(), after=after, limit=_CLAIMS_SHOWN
        )
    if found is None:
        abort(404)
    last = found.pop("next_after")
    shown = queries.plain(found)
    clocks_missing = any(each["clean"] and not each.get("clock") for each in shown["claims"])
    shown["settled"] = shown["status"] == "complete" and not clocks_missing
    return render_template(
        "intake/submission.html",
        submission=shown,
        again="again" in request.args,
        first=url_for(".submission", submission_id=submission_id) if after is not None else "",
        next=""
        if last is None
        else url_for(
            ".submission", submission_id=submission_id, cursor=encode_cursor({"after_ordinal": last})
        ),
    )


@blueprint.get("/claims/<claim_id>")
@page_requires("provider", "claims")
def claim(claim_id: str) -> str:
    """One claim: verdict, findings, clock, payments, timeline."""
    with parts().database.read() as connection:
        found = queries.claim(connection, scope_of_caller(), claim_id, today())
    if found is None:
        abort(404)
    return render_template("intake/claim.html", claim=queries.plain(found))


def _home(error: str = "", errors: list[dict[str, Any]] | None = None) -> str:
    before = position(request.args.get("cursor"), "before_submission", str)
    with parts().database.read() as connection:
        found = queries.submissions(
            connection, scope_of_caller(), before=before, limit=_SUBMISSIONS_SHOWN + 1
        )
    shown = found[:_SUBMISSIONS_SHOWN]
    more = len(found) > _SUBMISSIONS_SHOWN
    return render_template(
        "intake/home.html",
        submissions=queries.plain(shown),
        error=error,
        errors=errors or [],
        first=url_for(".home") if before else "",
        next=url_for(".home", cursor=encode_cursor({"before_submission": shown[-1]["submission_id"]}))
        if more
        else "",
    )
