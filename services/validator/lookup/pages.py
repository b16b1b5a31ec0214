"""The page on which a provider or a plan looks up what else a member has."""

from collections.abc import Mapping

from flask import Blueprint, make_response, render_template, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from services.validator.lookup.api import MemberQuestion, looked_up
from services.validator.lookup.shapes import Overlaps
from shared.reference.codes import CodeSet
from shared.web.context import today
from shared.web.problems import Problem
from shared.web.sessions import page_requires

blueprint = Blueprint("lookup_pages", __name__, url_prefix="/validator", template_folder="../templates")

_MISSING = {"cin": "Enter the member's CIN."}


@blueprint.get("/members")
@page_requires("provider", "claims")
def members() -> AnyResponse:
    """The empty form."""
    return _page({"on": today().isoformat()})


@blueprint.post("/members")
@page_requires("provider", "claims", "admin")
def look_up() -> AnyResponse:
    """The answer, on the same page: nothing about a member stands in an address."""
    values = {name: request.form.get(name, "").strip() for name in ("cin", "on")}
    try:
        question = MemberQuestion().load({name: value for name, value in values.items() if value})
        found = looked_up(question["cin"], question.get("on") or today())
    except ValidationError as error:
        messages = error.normalized_messages()  # type: ignore[no-untyped-call]
        errors = [
            (field, _MISSING.get(field, said[0]) if not values.get(field) else said[0])
            for field, said in messages.items()
        ]
        return _page(values, errors=errors, status=422)
    except Problem as problem:
        return _page(values, errors=[("cin", problem.detail)], status=problem.status)
    return _page(values, found=found)


def _page(
    values: Mapping[str, str],
    *,
    found: Overlaps | None = None,
    errors: list[tuple[str, str]] | None = None,
    status: int = 200,
) -> AnyResponse:
    text = render_template(
        "validator/members.html",
        values=values,
        found=found,
        services={service.id: service.name for service in CodeSet.load().services},
        errors=errors or [],
        wrong=dict(errors or []),
    )
    response = make_response(text, status)
    response.headers["Cache-Control"] = "no-store"
    return response
