"""Who may call what. Every route says so, and an application with a route that does not is not built."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Final, Literal, NamedTuple, TypeVar, cast

from flask import Flask, g, request
from werkzeug.routing import Rule

from shared.security import ROLES, Principal, Role
from shared.web.context import web_context
from shared.web.problems import Problem

View = TypeVar("View", bound=Callable[..., Any])

_MARK: Final = "__promptclaim_access__"
_READING: Final = ("GET", "HEAD")


class Access(NamedTuple):
    """Who may use a view. ``kind``: by API key, by a page's session, or anyone."""

    kind: Literal["key", "session", "anyone"]
    roles: tuple[Role, ...] = ()
    reading: bool = False

    def permits(self, principal: Principal, method: str) -> bool:
        """An admin may read what anyone may read; to change something, the role must be named."""
        return self.allows(principal.role, method)

    def allows(self, role: Role, method: str) -> bool:
        """What :meth:`permits` says of any key with ``role``."""
        return role in self.roles or (role == "admin" and (self.reading or method in _READING))


def requires(*roles: Role, reading: bool = False) -> Callable[[View], View]:
    """Mark an API view (function or method of a ``MethodView``): only keys with one of ``roles`` may call it.

    No role given means any key. ``reading`` marks a POST that only looks something up. Raises ``Problem``
    401 or 403 on a call that may not be made, wherever the view is mounted.
    """
    access = Access("key", roles or ROLES, reading)

    def mark(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            authorise(access)
            return view(*args, **kwargs)

        setattr(guarded, _MARK, access)
        return cast(View, guarded)

    return mark


def public(view: View) -> View:
    """Mark a view that anyone may use, without a key."""
    setattr(view, _MARK, Access("anyone"))
    return view


def current_principal() -> Principal:
    """Who makes the current request. Raises ``Problem`` 401 where nobody is known."""
    principal = g.get("principal")
    if principal is None:
        raise _unauthorised("Send an API key: Authorization: Bearer YOUR-KEY.")
    return cast(Principal, principal)


def authorise(access: Access) -> Principal:
    """Find out whose key the request carries and whether it is enough; asks the database once a request."""
    principal = cast("Principal | None", g.get("principal"))
    if principal is None:
        principal = g.principal = _principal_of_header()
    if not access.permits(principal, request.method):
        names = " or ".join(access.roles)
        raise Problem(403, "Forbidden", f"This needs a key with the role {names}; yours is {principal.role}.")
    return principal


def authorise_request() -> None:
    """Before any API view runs, so that nothing (not even a stored answer) is given to the wrong caller."""
    if request.method == "OPTIONS" or request.url_rule is None:
        return
    if not web_context().is_api(request.path):
        return
    access = access_of(_app_view(request.url_rule.endpoint), request.method)
    if access is not None and access.kind == "key":
        authorise(access)


def access_of(view: Any, method: str) -> Access | None:
    """The mark of a view function or of the method of a class-based view; ``None`` where it has none."""
    view_class = getattr(view, "view_class", None)
    if view_class is not None:
        view = getattr(view_class, method.lower(), None)
        if view is None and method == "HEAD":
            view = getattr(view_class, "get", None)
    return cast("Access | None", getattr(view, _MARK, None))


def mark(view: View, access: Access) -> View:
    setattr(view, _MARK, access)
    return view


def unauthenticated_routes(app: Flask) -> tuple[str, ...]:
    """Every ``METHOD /path`` that does not say who may use it, or is an API path without a key. Must be
    empty.
    """
    return tuple(sorted(_unmarked(app)))


def _unmarked(app: Flask) -> Iterator[str]:
    context = web_context(app)
    for rule in app.url_map.iter_rules():
        for method in _methods(rule):
            access = access_of(app.view_functions[rule.endpoint], method)
            api = rule.rule.startswith(f"{context.prefix}/api/")
            public_api = rule.rule == f"{context.prefix}/api/v1/openapi.json"
            if access is None or (api and access.kind != "key" and not public_api):
                yield f"{method} {rule.rule}"


def _methods(rule: Rule) -> tuple[str, ...]:
    return tuple(sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}))


def _app_view(endpoint: str) -> Any:
    from flask import current_app

    return current_app.view_functions[endpoint]


def _principal_of_header() -> Principal:
    header = request.headers.get("Authorization", "")
    if not header:
        raise _unauthorised("Send an API key: Authorization: Bearer YOUR-KEY.")
    scheme, _, secret = header.partition(" ")
    principal = web_context().keys.lookup(secret.strip()) if scheme.lower() == "bearer" else None
    if principal is None:
        raise _unauthorised("The API key is not known or has been revoked.", ', error="invalid_token"')
    return principal


def _unauthorised(detail: str, error: str = "") -> Problem:
    headers = {"WWW-Authenticate": f'Bearer realm="promptclaim"{error}'}
    return Problem(401, "Unauthorized", detail, headers=headers)
