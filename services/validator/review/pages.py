"""The claims department's pages of the validator: what waits for a decision, why, and deciding it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from services.validator.claim_file import ClaimFile
from services.validator.review.api import (
    read_decision,
    reviewed_claim,
    reviews_page,
    take_decision,
)
from services.validator.review.decisions import REASON_CHARACTERS_MAX, why_not
from services.validator.review.effects import effects_of
from services.validator.review.queue import KINDS, Review, ReviewFilter, counts, scope_of
from services.validator.review.side_by_side import Comparison, compare
from shared.findings import Finding, identity
from shared.reference.codes import CodeSet
from shared.web.auth import current_principal
from shared.web.context import parts
from shared.web.problems import Problem
from shared.web.sessions import page_requires
from shared.web.words import review_words

blueprint = Blueprint("review_pages", __name__, url_prefix="/validator", template_folder="../templates")

_SHOWN = 50
_NOTHING_YET: Mapping[str, str] = {}
_SETTLED = {"no": "Still to be paid or denied", "yes": "Paid, denied or withdrawn"}


@blueprint.get("/")
@page_requires("claims")
def reviews() -> str:
    """The queue: the earliest deadline first."""
    values = {name: request.args.get(name, "").strip() for name in ("payer", "kind", "due_before", "settled")}
    problems: list[tuple[str, str]] = []
    wanted = _filter(values, problems)
    cursor = request.args.get("cursor", "")
    found: list[Review] = []
    following: str | None = None
    if not problems:
        found, following = reviews_page(wanted, cursor or None, _SHOWN)
    with parts().database.read() as connection:
        waiting = counts(connection, scope_of(current_principal(), parts().payers))
    kept = {name: value for name, value in values.items() if value}
    return render_template(
        "validator/reviews.html",
        reviews=found,
        waiting=waiting,
        kinds=KINDS,
        options=[("", "All"), *((kind, review_words(kind).label) for kind in KINDS)],
        settled_options=[("", "All"), *_SETTLED.items()],
        values=values,
        filtered=bool(kept),
        problems=problems,
        wrong=dict(problems),
        next=_address(kept, cursor=following) if following else "",
        first=_address(kept) if cursor else "",
    )


@blueprint.get("/reviews/<claim_id>")
@page_requires("claims")
def review(claim_id: str) -> str:
    """One claim: each reason with its evidence, what happened before, and the form to decide."""
    return _page(claim_id, _NOTHING_YET, [])


@blueprint.post("/reviews/<claim_id>")
@page_requires("claims")
def decide(claim_id: str) -> AnyResponse:
    """Take the decision; what is wrong with it is said beside its field, and nothing typed is lost."""
    values = {name: request.form.get(name, "") for name in ("decision", "reason")}
    try:
        body = read_decision({name: value for name, value in values.items() if value})
        take_decision(claim_id, body["decision"], body["reason"])
    except ValidationError as error:
        messages = error.normalized_messages()  # type: ignore[no-untyped-call]
        errors = [
            (field, _SAID.get((field, found[0]), found[0])) for field, found in sorted(messages.items())
        ]
        return make_response(_page(claim_id, values, errors), 422)
    except Problem as problem:
        if problem.status == 404:
            abort(404)
        return make_response(_page(claim_id, values, [("", problem.detail)]), problem.status)
    return redirect(url_for(".review", claim_id=claim_id), 303)


_MISSING = "This field is missing. Send it."
_SAID = {
    ("decision", _MISSING): "Choose release or reject.",
    ("reason", _MISSING): "Give the reason for the decision.",
}


def _page(claim_id: str, values: Mapping[str, str], errors: list[tuple[str, str]]) -> str:
    try:
        found, since = reviewed_claim(claim_id)
    except Problem:
        abort(404)
    judged = found.judged
    names = {service.id: service.name for service in CodeSet.load().services}
    evidence = _evidence(found)
    to_decide, others = _split(found)
    return render_template(
        "validator/review.html",
        found=found,
        judged=judged,
        claim=judged.claim,
        services={each.line: names.get(each.service or "", "–") for each in judged.services},
        review=found.review,
        effects=effects_of(found.review) if found.review is not None else {},
        to_decide=[(each, evidence.get((each.rule, each.line), [])) for each in to_decide],
        others=[(each, evidence.get((each.rule, each.line), [])) for each in others],
        gone=[each for each in found.review.reasons if not each.holds] if found.review else [],
        since=since,
        why_not=why_not(found) if found.review is None else "",
        values=values,
        errors=errors,
        wrong=dict(errors),
        characters_max=REASON_CHARACTERS_MAX,
        may_decide=current_principal().role == "claims",
    )


def _evidence(found: ClaimFile) -> dict[tuple[str, int | None], list[Comparison]]:
    by_finding: dict[tuple[str, int | None], list[Comparison]] = {}
    for each in found.judged.evidence:
        compared = compare(found.judged, each)
        if compared is not None:
            by_finding.setdefault((each.rule, each.line), []).append(compared)
    return by_finding


def _split(found: ClaimFile) -> tuple[list[Finding], list[Finding]]:
    """The findings to decide on, and the rest."""
    findings = found.judged.findings
    if found.review is None:
        return [], list(findings)
    asked = {(each.rule, each.severity, each.line, each.message) for each in found.review.reasons}
    to_decide = [each for each in findings if (each.rule, each.severity, each.line, each.message) in asked]
    chosen = {identity(each) for each in to_decide}
    return to_decide, [each for each in findings if identity(each) not in chosen]


def _address(kept: Mapping[str, str], **more: Any) -> str:
    return url_for(".reviews", **{**kept, **more})


def _filter(values: Mapping[str, Any], problems: list[tuple[str, str]]) -> ReviewFilter:
    kind = next((each for each in KINDS if each == values["kind"]), None)
    due_before = None
    if values["due_before"]:
        try:
            due_before = date.fromisoformat(values["due_before"])
        except ValueError:
            problems.append(("due_before", "Due before: write year, month and day, such as 2026-03-02."))
    settled = {"no": False, "yes": True}.get(values["settled"])
    return ReviewFilter(values["payer"] or None, kind, due_before, settled)
