"""The claims department's page of the validator: what it has to look at, and why."""

from typing import Any

import msgspec
from flask import Blueprint, render_template, request, url_for
from sqlalchemy import select

from services.validator.models import CLAIMS, JUDGEMENTS
from shared.events import ClaimJudged
from shared.web.auth import current_principal
from shared.web.context import web_context
from shared.web.pagination import encode_cursor, position
from shared.web.sessions import page_requires

blueprint = Blueprint("validator_pages", __name__, url_prefix="/validator", template_folder="templates")

_SHOWN = 50

_decode = msgspec.json.Decoder(ClaimJudged).decode


@blueprint.get("/")
@page_requires("claims")
def pended() -> str:
    """Pended claims, oldest first, each with what made it pend."""
    after = position(request.args.get("cursor"), "after_claim", str) or ""
    query = (
        select(JUDGEMENTS.c.document)
        .join(
            CLAIMS,
            (CLAIMS.c.claim_id == JUDGEMENTS.c.claim_id) & (CLAIMS.c.judgement == JUDGEMENTS.c.judgement),
        )
        .where(JUDGEMENTS.c.verdict == "pended", JUDGEMENTS.c.claim_id > after)
        .order_by(JUDGEMENTS.c.claim_id)
        .limit(_SHOWN + 1)
    )
    if payers := current_principal().payers:
        query = query.where(JUDGEMENTS.c.payer_id.in_(payers))
    with web_context().parts.database.read() as connection:
        found = [_decode(document) for (document,) in connection.execute(query)]
    shown = found[:_SHOWN]
    next_page = ""
    if len(found) > _SHOWN:
        next_page = url_for(".pended", cursor=encode_cursor({"after_claim": shown[-1].claim_id}))
    return render_template(
        "validator/pended.html",
        claims=[_view(judged) for judged in shown],
        first=url_for(".pended") if after else "",
        next=next_page,
    )


def _view(judged: ClaimJudged) -> dict[str, Any]:
    return {
        "claim_id": judged.claim_id,
        "claim": judged.claim.claim_number,
        "organisation": judged.organisation,
        "payer_id": judged.claim.payer.id,
        "arrival_date": judged.receipt.arrival_date,
        "findings": [finding for finding in judged.findings if finding.severity == "pend"],
    }
