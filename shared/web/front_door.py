"""The front door: what this is, signing in with a key, signing out."""

import time
from collections import deque
from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from shared.logging import get_logger
from shared.parts import Parts
from shared.security import Keys, Role
from shared.web.app import create_page_app
from shared.web.auth import public
from shared.web.context import FRONT_DOOR, web_context
from shared.web.sessions import local_path, sign_in, sign_out, signed_in

_log = get_logger("shared.web")

HOME: Final[dict[Role, str]] = {
    "provider": "/intake/",
    "claims": "/validator/",
    "auditor": "/payments/timeliness",
    "admin": "/validator/",
}
_FAILURES_MAX: Final = 10
_WINDOW_SECONDS: Final = 300.0
_ADDRESSES_MAX: Final = 10_000


class SignInLimit:
    """At most ten failed tries in five minutes from one address, counted in this process.

    It spares the database and the log; a key of 256 random bits needs no protection from guessing.
    """

    def __init__(self) -> None:
        self._failures: dict[str, deque[float]] = {}

    def seconds_to_wait(self, address: str, at: float) -> float:
        """How long ``address`` has to wait at ``at`` (monotonic seconds); 0 where it may try."""
        failures = self._failures.get(address)
        if not failures or len(failures) < _FAILURES_MAX:
            return 0.0
        return max(0.0, failures[0] + _WINDOW_SECONDS - at)

    def failed(self, address: str, at: float) -> None:
        """Count a failed try."""
        if len(self._failures) >= _ADDRESSES_MAX and address not in self._failures:
            self._failures.clear()
        self._failures.setdefault(address, deque(maxlen=_FAILURES_MAX)).append(at)

    def succeeded(self, address: str) -> None:
        """Forget the failures of an address."""
        self._failures.pop(address, None)


def front_door_app(parts: Parts, keys: Keys) -> Flask:
    """The application at ``/``. ``keys`` are those of any one service: all services hold the same."""
    return create_page_app(FRONT_DOOR, parts, keys, pages=[_pages(SignInLimit())])


def _pages(limit: SignInLimit) -> Blueprint:
    pages = Blueprint("front_door", __name__)

    @pages.get("/")
    @public
    def home() -> Response:
        signed_in()
        return _home()

    @pages.post("/sign-in")
    @public
    def enter() -> AnyResponse:
        address = request.remote_addr or ""
        now = time.monotonic()
        wait = limit.seconds_to_wait(address, now)
        if wait > 0:
            response = _home("Too many tries. Wait five minutes, then try again.", 429)
            response.headers["Retry-After"] = str(int(wait) + 1)
            return response
        secret = "".join(request.form.get("key", "").split())
        if not secret:
            return _home("Enter your key. Paste it as you received it; it starts with pck_.", 422)
        principal = web_context().keys.lookup(secret)
        if principal is None:
            limit.failed(address, now)
            _log.warning("sign_in_refused")
            return _home("This key is not known or is no longer valid. Check that you copied all of it.", 422)
        limit.succeeded(address)
        sign_in(principal)
        _log.info("signed_in", key_id=principal.key_id)
        return redirect(_wanted() or HOME[principal.role], 303)

    @pages.post("/sign-out")
    @public
    def leave() -> AnyResponse:
        sign_out()
        return redirect("/", 303)

    return pages


def _home(error: str = "", status: int = 200) -> Response:
    principal = signed_in()
    return make_response(
        render_template(
            "front_door.html",
            error=error,
            next=_wanted() or "",
            start=HOME[principal.role] if principal is not None else "",
        ),
        status,
    )


def _wanted() -> str | None:
    """Where the visitor was going, if that is a page of ours."""
    path = local_path(request.values.get("next", ""))
    return path if path and urlsplit(path).path not in ("/", "/sign-in", "/sign-out") else None
