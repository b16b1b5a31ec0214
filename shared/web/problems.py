"""Errors that programs can act on: RFC 9457 problem details with field-level ``errors``.

An unexpected error says nothing of its cause outside; the request id in it leads to the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Response, g
from werkzeug.exceptions import HTTPException

PROBLEM_TYPE = "application/problem+json"
BODY = "body"
"""The ``field`` of an error that concerns the whole body."""

_DETAILS = {
    400: "The request could not be read. Check that it is complete and that its body is valid.",
    404: "There is nothing at this address, or it is not yours to see.",
    405: "This address does not take this kind of request.",
    406: "The answer cannot be given in the form that was asked for.",
    408: "The request took too long to arrive. Send it again.",
    413: "The request is too large. Split the file and send the parts.",
    415: "The body has a content type that this address does not take.",
    422: "Some fields are not right. Each is named below with what is wrong.",
    429: "Too many requests. Wait a little, then try again.",
    500: "Something went wrong on our side. It has been logged; give the request id when you ask about it.",
    503: "The service cannot answer now. Try again in a moment.",
}


class Problem(Exception):
    """An answer that is an error. ``errors`` are ``{"field", "message", …}``, all of them at once.

    ``detail`` goes to whoever asked and may hold a value that they sent; it is never logged.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        type: str = "about:blank",
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}")
        self.status = status
        self.title = title
        self.detail = detail or detail_of(status)
        self.type = type
        self.errors = [dict(error) for error in errors]
        self.headers = dict(headers or {})


def detail_of(status: int) -> str:
    """What an HTTP status means here, in plain English."""
    return _DETAILS.get(status, "The request could not be carried out.")


def title_of(status: int) -> str:
    """The standard name of an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem_of(error: HTTPException) -> Problem:
    """The problem that an HTTP error of Flask, Werkzeug or webargs stands for."""
    status = error.code or 500
    data = getattr(error, "data", None) or {}
    messages = data.get("errors") or data.get("messages") or {}
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    headers.update(data.get("headers") or {})
    return Problem(
        status,
        title_of(status),
        data.get("message", ""),
        errors=list(field_errors(messages)),
        headers=headers,
    )


def field_errors(messages: Any) -> Iterator[dict[str, str]]:
    """webargs' messages (``{"json": {"lines": {0: {"units": ["…"]}}}}``) as one entry a message.

    ``field`` is the path with dots (``lines.0.units``); in a JSON body ``pointer`` is its JSON pointer (RFC
    6901).
    """
    if not isinstance(messages, Mapping):
        return
    for location, inner in messages.items():
        for path, message in _leaves(inner, ()):
            path = tuple(part for part in path if part != "_schema")
            entry = {"field": ".".join(path) or BODY, "message": message, "in": str(location)}
            if location in ("json", "json_or_form"):
                entry["pointer"] = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
            yield entry


def field_at(pointer: str) -> str:
    """The ``field`` that a JSON pointer (RFC 6901) names: its parts with dots between."""
    parts = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    return ".".join(parts) or BODY


def _leaves(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, Mapping):
        for key, inner in node.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(node, list | tuple):
        for message in node:
            yield from _leaves(message, path)
    else:
        yield path, str(node)


def problem_response(problem: Problem) -> Response:
    """The problem as ``application/problem+json``; ``request_id`` leads to the log."""
    body: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": g.get("request_id", ""),
    }
    if problem.errors:
        body["errors"] = problem.errors
    return Response(msgspec.json.encode(body), problem.status, problem.headers, content_type=PROBLEM_TYPE)
