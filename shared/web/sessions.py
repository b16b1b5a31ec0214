"""Signed-in people: a cookie that names the key, and a token in every form.

The cookie is signed (HMAC-SHA-256), ``HttpOnly``, ``SameSite=Lax``, and holds no more than the id of the
key, so it opens nothing on its own: every page looks the key up again, and a revoked key is signed out with
its next click. All services sign with the same secret, hence one sign-in is good for all of them under one
host. It ends after an hour without use and after twelve hours in any case (45 CFR 164.312(a)(2)(iii),
automatic logoff).

The form token is ours because it is a dozen lines on the session we have: a random value in the signed
cookie has to come back in the form (or, from a script, in ``X-CSRF-Token``), which another site can neither
read nor set.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Final, cast
from urllib.parse import quote

from flask import Flask, abort, g, redirect, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import BadRequest

from shared.security import ROLES, Principal, Role
from shared.web.auth import Access, View, mark
from shared.web.context import web_context

IDLE_MAX: Final = timedelta(hours=1)
SIGNED_IN_MAX: Final = timedelta(hours=12)
FORM_FIELD: Final = "csrf_token"
_SAFE: Final = ("GET", "HEAD", "OPTIONS")


class FormExpired(BadRequest):
    """A form whose token is missing or of another session."""

    description = "This form has expired. Go back, reload the page, and send it again."


class _Sessions(SecureCookieSessionInterface):
    salt = "promptclaim.session"
    digest_method = staticmethod(hashlib.sha256)


def install_sessions(app: Flask, secret: bytes, *, secure: bool) -> None:
    app.secret_key = secret
    app.session_interface = _Sessions()
    app.config.update(
        SESSION_COOKIE_NAME="promptclaim",
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        PERMANENT_SESSION_LIFETIME=IDLE_MAX,
    )


def sign_in(principal: Principal) -> None:
    """Begin a session for the holder of a key; whatever was in an older one is gone."""
    session.clear()
    session.permanent = True
    session["key"] = principal.key_id
    session["since"] = int(web_context().parts.now().timestamp())
    g.principal = principal


def sign_out() -> None:
    session.clear()
    g.principal = None


def signed_in() -> Principal | None:
    """Who is signed in: the key is looked up again on each request, once."""
    if "principal" not in g:
        g.principal = _principal_of_session()
    return cast("Principal | None", g.principal)


def page_requires(*roles: Role) -> Callable[[View], View]:
    """Mark a page: people signed in with one of ``roles`` (none given: anyone signed in) may open it.

    Others are asked to sign in, or told that their key does not allow it. An admin may look at every page.
    """
    access = Access("session", roles or ROLES)

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            principal = signed_in()
            if principal is None:
                back = request.full_path.rstrip("?") if request.method == "GET" else ""
                return redirect(f"/?next={quote(back, safe='/')}" if back else "/", 303)
            if not access.permits(principal, request.method):
                abort(403)
            return view(*args, **kwargs)

        return mark(cast(View, guarded), access)

    return decorate


def csrf_token() -> str:
    """The token of this session, for the hidden field of a form."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return cast(str, session["csrf"])


def check_form_token() -> None:
    """Before every page that changes something. Raises ``FormExpired``."""
    if request.method in _SAFE or web_context().is_api(request.path) or request.url_rule is None:
        return
    expected = session.get("csrf", "")
    given = request.headers.get("X-CSRF-Token") or request.form.get(FORM_FIELD, "")
    if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
        raise FormExpired


def local_path(text: str) -> str | None:
    """``text`` where it is a path on this host that a browser cannot mistake for another host, else
    ``None``.
    """
    if text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable():
        return text
    return None


def _principal_of_session() -> Principal | None:
    key_id = session.get("key")
    if not isinstance(key_id, str):
        return None
    context = web_context()
    age = context.parts.now().timestamp() - session.get("since", 0)
    principal = context.keys.principal(key_id) if age <= SIGNED_IN_MAX.total_seconds() else None
    if principal is None:
        session.clear()
    return principal
