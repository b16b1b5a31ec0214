"""The OpenAPI description that a service gives of itself, and a page to read it on that needs no other
host.
"""

import re
from typing import Any

import flask_smorest
import marshmallow as ma
import msgspec
from flask import Flask, Response, render_template
from werkzeug.exceptions import HTTPException

from shared.security import ROLES
from shared.web.auth import Access, access_of, public
from shared.web.context import WebContext, web_context
from shared.web.problems import PROBLEM_TYPE

_PLACEHOLDER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_METHODS = ("get", "post", "put", "patch", "delete")


class FieldErrorSchema(ma.Schema):
    """One thing that is wrong, and where."""

    field = ma.fields.String(required=True, metadata={"description": "The field, with dots for nesting."})
    message = ma.fields.String(required=True, metadata={"description": "What is wrong and what is right."})
    pointer = ma.fields.String(metadata={"description": "JSON pointer into the body (RFC 6901)."})

    class Meta:
        unknown = ma.INCLUDE


class ProblemSchema(ma.Schema):
    """An error, as RFC 9457 problem details."""

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True)
    request_id = ma.fields.String(required=True, metadata={"description": "Give it when you ask for help."})
    errors = ma.fields.List(ma.fields.Nested(FieldErrorSchema))


class _Api(flask_smorest.Api):  # type: ignore[misc]
    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Errors are answered by the application, in one way for API and pages."""

    def _openapi_json(self) -> Response:
        document = msgspec.json.encode(openapi_document(self._app))
        return Response(document, mimetype="application/json")

    def handle_http_exception(self, error: HTTPException) -> HTTPException:
        return error


def install_openapi(app: Flask, context: WebContext, blueprints: Any) -> None:
    """Register the API blueprints below ``/<service>/api/v1`` and describe them."""
    app.config.update(
        API_TITLE=f"promptclaim {context.name}",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=f"{context.prefix}/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": "Money in integer cents, days as ISO 8601 dates, instants in UTC."},
            "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
            "security": [{"key": []}],
        },
    )
    api = _Api(app)
    for blueprint in blueprints:
        api.register_blueprint(blueprint, url_prefix=context.under("/api/v1", blueprint.url_prefix))
    app.extensions["promptclaim.api"] = api
    shown = app.view_functions["api-docs.openapi_json"]

    @public
    def openapi_json() -> Any:
        return shown()

    app.view_functions["api-docs.openapi_json"] = openapi_json

    @public
    def docs() -> str:
        return render_template("docs.html", document=openapi_document(app), methods=_METHODS)

    app.add_url_rule(f"{context.prefix}/docs", "docs", docs)


def openapi_document(app: Flask) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a service: who may call what, the headers all calls share, and the
    errors.
    """
    document: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(app.extensions["promptclaim.api"].spec.to_dict())
    )
    document.get("components", {}).get("schemas", {}).pop("PaginationMetadata", None)  # pages have cursors
    for response in document.get("components", {}).get("responses", {}).values():
        content = response.get("content", {})
        if "application/json" in content:
            content[PROBLEM_TYPE] = content.pop("application/json")
    access = _access_by_operation(app)
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                _complete(item[method], method, access.get((path, method)))
    return document


def _complete(operation: dict[str, Any], method: str, access: Access | None) -> None:
    if access is not None:
        operation["x-roles"] = [role for role in ROLES if access.allows(role, method.upper())]
    if method == "post":
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": 200},
                "description": "The same key with the same request is answered again, not carried out again.",
            }
        )


def _access_by_operation(app: Flask) -> dict[tuple[str, str], Access | None]:
    context = web_context(app)
    found: dict[tuple[str, str], Access | None] = {}
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(f"{context.prefix}/api/"):
            continue
        path = _PLACEHOLDER.sub(r"{\1}", rule.rule)
        for method in _METHODS:
            if method.upper() in (rule.methods or ()):
                found[path, method] = access_of(app.view_functions[rule.endpoint], method)
    return found
