"""What happens around every request: an id to follow it by, a log line, metrics, and headers that protect."""

import re
import time
from typing import Final

import structlog
import uuid_utils
from flask import Flask, Response, g, request

from shared.logging import get_logger
from shared.metrics import HTTP_REQUESTS, HTTP_SECONDS
from shared.web.context import web_context

_log = get_logger("shared.web")

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,63}")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked for every few seconds by machines: counted, but not worth a line each.
_UNLOGGED: Final = ("/healthz", "/readyz", "/metrics")

# No inline script or style, nothing from another host, no framing: what a page may do is only what we serve.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def observe(app: Flask) -> None:
    """Follow every request of ``app``. Install before anything else, so that refusals are seen as well."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_forget)


def request_id_of(text: str | None) -> str:
    """The caller's ``X-Request-Id`` where it has the shape of an id (1 to 64 plain characters), else a new one."""
    if text and _REQUEST_ID.fullmatch(text):
        return text
    return str(uuid_utils.uuid7())


def _begin() -> None:
    g.started = time.perf_counter()
    g.request_id = request_id_of(request.headers.get("X-Request-Id"))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id, correlation_id=g.request_id)


def _finish(response: Response) -> Response:
    context = web_context()
    route = request.url_rule.rule if request.url_rule is not None else "unmatched"
    method = request.method if request.method in _METHODS else "other"
    took = time.perf_counter() - g.get("started", time.perf_counter())
    HTTP_REQUESTS.labels(context.name, method, route, str(response.status_code)).inc()
    HTTP_SECONDS.labels(context.name, method, route).observe(took)
    if not route.endswith(_UNLOGGED):
        principal = g.get("principal")
        _log.info(
            "request",
            service=context.name,
            method=method,
            route=route,
            status=response.status_code,
            took_ms=round(took * 1000, 1),
            key_id=principal.key_id if principal is not None else None,
        )
    response.headers["X-Request-Id"] = g.get("request_id", "")
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if context.parts.settings.secure_cookies:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        # Shared computers are common at small agencies: nothing that names a member stays in the browser.
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _forget(_error: BaseException | None) -> None:
    structlog.contextvars.clear_contextvars()
