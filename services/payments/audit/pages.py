"""The auditor's page: is the log what was written, what proves it, and claims to look at."""

from flask import Blueprint, Response, abort, redirect, render_template, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from services.payments.audit.api import evidence_pack, sample
from services.payments.audit.schemas import SampleQuery
from services.payments.audit.universes import UNIVERSES
from services.payments.callers import verify_log
from services.payments.log import api as log_api
from services.payments.log.checkpoint_step import newest_first
from services.payments.log.log_check import Intact
from services.payments.log.signing import signing_keys
from shared.web.context import parts
from shared.web.problems import Problem
from shared.web.responses import json_response
from shared.web.sessions import page_requires

blueprint = Blueprint("auditor_pages", __name__, template_folder="../templates")

_CHECKPOINTS_SHOWN = 10
_LABELS = {"universe": "Universe", "from": "Arrived from", "to": "Arrived to", "as_of": "As of"}
_NAMES = {"claims": "All claims", "denials": "Denials", "late": "Late", "outreach": "Outreach"}


@blueprint.get("/audit")
@page_requires("auditor")
def audit() -> BaseResponse:
    return _page()


@blueprint.post("/audit/checkpoints")
@page_requires("auditor")
def make_checkpoint() -> BaseResponse:
    try:
        log_api.checkpoint()
    except Problem as problem:
        return _page(409, problem.detail)
    return redirect("/payments/audit", 303)


@blueprint.get("/audit/timeliness-log.jsonl")
@page_requires("auditor")
def export() -> Response:
    return log_api.export()


@blueprint.get("/audit/public-keys.json")
@page_requires("auditor")
def public_keys() -> Response:
    headers = {"Content-Disposition": 'attachment; filename="public-keys.json"'}
    return json_response(log_api.public_keys(), headers=headers)


@blueprint.get("/audit/verify_log.py")
@page_requires("auditor")
def verifier() -> Response:
    return log_api.verifier()


@blueprint.get("/audit/claims/<claim_id>/evidence.zip")
@page_requires("auditor", "claims")
def evidence(claim_id: str) -> Response:
    try:
        return evidence_pack(claim_id)
    except Problem:
        abort(404)


def _page(status: int = 200, refused: str = "") -> BaseResponse:
    asked = {name: value for name, value in request.args.items() if value}
    wants_verification = asked.pop("verify", "") == "yes"
    drawn, problems = None, []
    if asked:
        try:
            drawn = sample(SampleQuery().load(asked))
        except ValidationError as error:
            messages = error.normalized_messages()  # type: ignore[no-untyped-call]
            problems = [
                (name, f"{_LABELS.get(name, name.capitalize())}: {' '.join(found)}")
                for name, found in messages.items()
            ]
    if refused:
        problems.append(("", refused))
    verification = verify_log() if wants_verification else None
    keys = signing_keys(parts().settings)
    with parts().database.read() as connection:
        checkpoints = newest_first(connection, _CHECKPOINTS_SHOWN, keys.by_id())
    page = render_template(
        "payments/audit.html",
        sample=drawn,
        problems=problems,
        wrong=dict(problems),
        values=request.args,
        universes=[(name, _NAMES[name]) for name in UNIVERSES],
        verification=verification,
        intact=isinstance(verification, Intact),
        checkpoints=checkpoints,
        keys=log_api.public_keys(),
    )
    return BaseResponse(page, 422 if problems and status == 200 else status, mimetype="text/html")
