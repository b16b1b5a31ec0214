"""Pages about remittances (835): send one, see what became of it, and match by hand what could not be matched."""

import tempfile
from pathlib import Path

from flask import Blueprint, Response, abort, g, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from services.payments.callers import scope_of_caller
from services.payments.remittances import listing
from services.payments.remittances.api import remittance_of_caller, take_in
from services.payments.remittances.by_hand import close, match_by_hand
from services.payments.remittances.post import OPEN_STATUSES, remittance_id_of
from services.payments.remittances.schemas import REASON_MAX, ReasonToClose
from shared.web.auth import current_principal
from shared.web.context import parts
from shared.web.pagination import encode_cursor, position
from shared.web.problems import Problem
from shared.web.sessions import page_requires
from shared.web.uploads import name_of_upload

blueprint = Blueprint("remittance_pages", __name__, template_folder="../templates")

PAGE_LIMIT = 50
STATUS_WORDS = {
    "matched": "Posted",
    "waiting": "Waits for its day",
    "repeated": "Posted before",
    "unmatched": "No claim found",
    "ambiguous": "Several claims fit",
    "refused": "Not posted",
    "closed": "Closed, nothing posted",
}
KIND_WORDS = {"payment": "Payment", "denial": "Denial", "reversal": "Reversal"}


@blueprint.get("/remittances")
@page_requires("claims", "auditor")
def remittances() -> str:
    return _list()


@blueprint.post("/remittances")
@page_requires("claims")
def send() -> AnyResponse:
    """Take a remittance in; a refused one is explained beside the form."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return Response(_list("Choose a file first.", "Choose a file first."), 422)
    with tempfile.TemporaryDirectory(prefix="promptclaim-") as folder:
        path = Path(folder) / "upload"
        file.save(path)
        try:
            answer, _ = take_in(path, name_of_upload(file.filename))
        except Problem as problem:
            told = [str(error["message"]) for error in problem.errors]
            return Response(_refused(problem.detail, told), problem.status)
    return redirect(url_for(".remittance", remittance_id=remittance_id_of(answer)), 303)


@blueprint.get("/remittances/<remittance_id>")
@page_requires("claims", "auditor")
def remittance(remittance_id: str) -> str:
    return _one(remittance_id)


@blueprint.post("/remittances/<remittance_id>/items/<int(max=2147483647):ordinal>/match")
@page_requires("claims")
def match(remittance_id: str, ordinal: int) -> AnyResponse:
    """Post a claim payment to the claim that a person names."""
    claim_id = request.form.get("claim_id", "").strip()
    try:
        if not (claim_id and len(claim_id) <= 40 and claim_id.isascii() and claim_id.isprintable()):
            raise Problem(422, "No claim", "Write the id of a claim, such as clm_….")
        match_by_hand(
            parts(),
            remittance_id,
            ordinal,
            claim_id,
            scope=scope_of_caller(),
            recorded_by=current_principal().key_id,
            correlation_id=str(g.get("request_id", "")),
        )
    except Problem as problem:
        page = _one(
            remittance_id, ordinal=ordinal, error=problem.detail, claim_id=claim_id, after=ordinal - 1
        )
        return Response(page, 422 if problem.status == 404 else problem.status)
    return redirect(url_for(".remittance", remittance_id=remittance_id), 303)


@blueprint.post("/remittances/<remittance_id>/items/<int(max=2147483647):ordinal>/close")
@page_requires("claims")
def done(remittance_id: str, ordinal: int) -> AnyResponse:
    """Close a claim payment of which nothing is to be posted."""
    reason = request.form.get("reason", "")
    try:
        given = ReasonToClose().load({"reason": reason})
        close(
            parts(),
            remittance_id,
            ordinal,
            given["reason"],
            scope=scope_of_caller(),
            closed_by=current_principal().key_id,
        )
    except ValidationError as error:
        told = " ".join(error.messages_dict["reason"])
        page = _one(remittance_id, ordinal=ordinal, close_error=told, reason=reason, after=ordinal - 1)
        return Response(page, 422)
    except Problem as problem:
        page = _one(
            remittance_id, ordinal=ordinal, close_error=problem.detail, reason=reason, after=ordinal - 1
        )
        return Response(page, problem.status)
    return redirect(url_for(".remittance", remittance_id=remittance_id), 303)


def _refused(detail: str, problems: list[str]) -> str:
    """The page with what is wrong told once: beside the field, or in a list where it is more than one thing."""
    if not problems:
        return _list(detail, detail)
    if len(problems) == 1:
        return _list("Nothing of the file was posted.", problems[0])
    return _list("Nothing of the file was posted.", "What is wrong with it is listed above.", problems)


def _list(error: str = "", at_field: str = "", problems: list[str] | None = None) -> str:
    payers = scope_of_caller().payers
    try:
        before = position(request.args.get("cursor"), "before_remittance", str)
    except Problem:
        abort(404)
    with parts().database.read() as connection:
        found = listing.remittances(connection, payers, before=before, limit=PAGE_LIMIT + 1)
        waiting = listing.unmatched(connection, payers, after=None, limit=PAGE_LIMIT + 1)
    shown = found[:PAGE_LIMIT]
    more = len(found) > len(shown)
    cursor = encode_cursor({"before_remittance": shown[-1]["remittance_id"]}) if more else ""
    return render_template(
        "payments/remittances.html",
        remittances=shown,
        waiting=waiting[:PAGE_LIMIT],
        more_waiting=len(waiting) > PAGE_LIMIT,
        may_send=current_principal().role == "claims",
        status_words=STATUS_WORDS,
        kind_words=KIND_WORDS,
        error=error,
        at_field=at_field,
        problems=problems or [],
        next=f"?cursor={cursor}" if cursor else "",
        first="?" if before else "",
    )


def _one(
    remittance_id: str,
    *,
    ordinal: int = 0,
    error: str = "",
    claim_id: str = "",
    close_error: str = "",
    reason: str = "",
    after: int | None = None,
) -> str:
    try:
        start = position(request.args.get("cursor"), "after_item", int) or 0
        found = remittance_of_caller(remittance_id, start if after is None else after, PAGE_LIMIT)
    except Problem:
        abort(404)
    cursor = found["next_cursor"]
    return render_template(
        "payments/remittance.html",
        found=found,
        open_statuses=OPEN_STATUSES,
        may_match=current_principal().role == "claims",
        status_words=STATUS_WORDS,
        kind_words=KIND_WORDS,
        wrong=ordinal,
        error=error,
        claim_id=claim_id,
        close_error=close_error,
        reason=reason,
        reason_max=REASON_MAX,
        next=f"?cursor={cursor}" if cursor else "",
        first="?" if start else "",
    )
