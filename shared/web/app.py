"""How a service becomes a web application.

Every application serves its own prefix (``/intake/…``) itself, so that an address is the same in one
process, where ``combine`` puts them side by side, and behind a reverse proxy.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import flask_smorest
from flask import Blueprint, Flask, Response, render_template, request
from sqlalchemy import Table, literal, select
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from shared import metrics
from shared.logging import get_logger
from shared.parts import Parts
from shared.security import Keys
from shared.web.auth import authorise_request, public, unauthenticated_routes
from shared.web.context import WebContext, install_context, web_context
from shared.web.idempotency import cover_posts
from shared.web.observe import observe
from shared.web.openapi import install_openapi
from shared.web.problems import Problem, detail_of, problem_of, problem_response, title_of
from shared.web.rendering import STATIC, TEMPLATES, install_rendering
from shared.web.responses import json_response
from shared.web.sessions import FormExpired, check_form_token, install_sessions, signed_in

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = get_logger("shared.web")

# A multipart body is a little larger than the file in it.
_WRAPPING_BYTES = 1024 * 1024

_PAGE_TITLES = {
    400: "This did not work",
    403: "This page is not for your key",
    404: "Page not found",
    413: "The file is too large",
    422: "This address is not right",
    429: "Please wait a little",
    500: "Something went wrong",
    503: "Please try again in a moment",
}
_PAGE_DETAILS = {
    403: "Your key does not allow you to see this page. Sign in with another key if you have one.",
    404: "There is no page at this address, or it is not yours to see. Check the address.",
    405: "This page cannot be used that way. Go back and try again.",
    413: "The file is too large. Split it into smaller files and send each of them.",
    429: "Too many tries. Wait five minutes, then try again.",
    500: "Something went wrong on our side, and we have logged it. Nothing you sent before is lost.",
}


def create_service_app(
    name: str,
    parts: Parts,
    keys: Keys,
    *,
    blueprints: Sequence[flask_smorest.Blueprint],
    pages: Sequence[Blueprint],
    idempotency: Table,
    ready: Callable[[], Mapping[str, bool]] | None = None,
) -> Flask:
    """The web application of one service.

    ``blueprints`` (flask-smorest) say paths relative to ``/<name>/api/v1``; ``pages`` (Flask) relative to
    ``/<name>``; one whose ``url_prefix`` starts with ``/<name>`` is mounted as it says. ``ready`` names
    what the service needs and whether it has it (the bus, current migrations); that the database answers is
    checked here. Raises ``RuntimeError`` where a route does not say who may use it.
    """
    context = WebContext(name, parts, keys, idempotency)
    app = _bare_app(context)
    app.before_request(authorise_request)
    install_openapi(app, context, blueprints)
    for page in pages:
        app.register_blueprint(page, url_prefix=context.under("", page.url_prefix))
    _add_health(app, context, ready)
    cover_posts(app)
    refuse_unmarked(app)
    return app


def create_page_app(name: str, parts: Parts, keys: Keys, *, pages: Sequence[Blueprint]) -> Flask:
    """An application with pages only, at the root of the host: the front door."""
    context = WebContext(name, parts, keys)
    app = _bare_app(context)
    for page in pages:
        app.register_blueprint(page)
    refuse_unmarked(app)
    return app


def refuse_unmarked(app: Flask) -> None:
    """Raises ``RuntimeError`` naming the routes that do not say who may use them."""
    unmarked = unauthenticated_routes(app)
    if unmarked:
        raise RuntimeError("These routes do not say who may use them: " + ", ".join(unmarked))


def combine(front_door: "WSGIApplication", services: "Mapping[str, WSGIApplication]") -> "WSGIApplication":
    """All applications under one host. ``services`` maps ``/intake`` and so on to their applications.

    The first part of the path decides and the path itself is not changed: each application knows its prefix.
    """
    by_segment = {prefix.strip("/"): service for prefix, service in services.items()}

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        segment = environ.get("PATH_INFO", "").lstrip("/").partition("/")[0]
        return by_segment.get(segment, front_door)(environ, start_response)

    return application


def _bare_app(context: WebContext) -> Flask:
    settings = context.parts.settings
    app = Flask(
        "shared.web",
        static_folder=str(STATIC),
        static_url_path=f"{context.prefix}/static",
        template_folder=str(TEMPLATES),
    )
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_upload_bytes + _WRAPPING_BYTES,
        SEND_FILE_MAX_AGE_DEFAULT=86_400,
    )
    app.url_map.merge_slashes = False
    install_context(app, context)
    observe(app)
    install_sessions(app, context.parts.session_secret, secure=settings.secure_cookies)
    app.before_request(check_form_token)
    install_rendering(app)
    public(app.view_functions["static"])
    app.register_error_handler(Problem, _on_problem)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_error)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    return app


def _add_health(app: Flask, context: WebContext, ready: Callable[[], Mapping[str, bool]] | None) -> None:
    @public
    def healthz() -> Response:
        return json_response({"status": "ok"})

    @public
    def readyz() -> Response:
        checks = {"database": _database_answers(context)}
        if ready is not None:
            try:
                checks.update(ready())
            except Exception:
                _log.exception("readiness_check_failed", service=context.name)
                checks["service"] = False
        fine = all(checks.values())
        return json_response(
            {"status": "ready" if fine else "not ready", "checks": checks}, 200 if fine else 503
        )

    @public
    def show_metrics() -> Response:
        body, content_type = metrics.exposition(context.name)
        return Response(body, content_type=content_type)

    app.add_url_rule(f"{context.prefix}/healthz", "healthz", healthz)
    app.add_url_rule(f"{context.prefix}/readyz", "readyz", readyz)
    app.add_url_rule(f"{context.prefix}/metrics", "metrics", show_metrics)


def _database_answers(context: WebContext) -> bool:
    try:
        with context.parts.database.read() as connection:
            return connection.execute(select(literal(1))).scalar_one() == 1
    except Exception:
        _log.exception("database_unreachable", service=context.name)
        return False


def _on_problem(problem: Problem) -> Response:
    if web_context().is_api(request.path):
        return problem_response(problem)
    return _error_page(problem.status, problem.detail, problem.headers)


def _on_http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return cast(Response, error.response)
    status = error.code or 500
    if 300 <= status < 400:
        return cast(Response, error.get_response())  # a redirect to the address with its slash
    problem = problem_of(error)
    if web_context().is_api(request.path):
        return problem_response(problem)
    detail = str(error.description) if isinstance(error, FormExpired) else _PAGE_DETAILS.get(status, "")
    return _error_page(status, detail or detail_of(status), problem.headers)


def _on_error(_error: Exception) -> Response:
    _log.exception("request_failed", service=web_context().name)
    if web_context().is_api(request.path):
        return problem_response(Problem(500, title_of(500)))
    return _error_page(500, _PAGE_DETAILS[500], {})


def _error_page(status: int, detail: str, headers: Mapping[str, str]) -> Response:
    try:
        signed_in()
    except Exception:
        _log.exception("session_unreadable")  # the page about a lost database must not need the database
    title = _PAGE_TITLES.get(status) or title_of(status)
    return Response(render_template("error.html", title=title, detail=detail), status, dict(headers))
