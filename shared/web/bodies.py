"""JSON bodies at the edge: what is taken as JSON, and plain words for what is wrong with a field."""

from typing import Any, Final

import flask_smorest
import marshmallow as ma
import msgspec
from flask import Request
from webargs.flaskparser import FlaskParser

from shared.web.problems import Problem

_WORDS: Final[dict[type[ma.fields.Field[Any]], dict[str, str]]] = {
    ma.fields.Field: {
        "required": "This field is missing. Send it.",
        "null": "This field is null. Send a value, or leave the field out.",
    },
    ma.fields.String: {"invalid": "This must be text.", "invalid_utf8": "This must be text in UTF-8."},
    ma.fields.Integer: {"invalid": "This must be a whole number.", "too_large": "This number is too large."},
    ma.fields.Date: {"invalid": "Write the day as year, month and day, such as 2026-03-02."},
}


class Schema(ma.Schema):
    """A schema whose own messages say what would be right; a field's messages given in code stay as they are."""

    error_messages = {  # noqa: RUF012 - marshmallow's own way to set them
        "unknown": "There is no such field. Check its spelling.",
        "type": "Send an object with named fields.",
    }

    def on_bind_field(self, field_name: str, field_obj: ma.fields.Field[Any]) -> None:
        super().on_bind_field(field_name, field_obj)
        for kind, words in _WORDS.items():
            if isinstance(field_obj, kind):
                for code, message in words.items():
                    if field_obj.error_messages.get(code) == _default(type(field_obj), code):
                        field_obj.error_messages[code] = message


def is_json_type(mimetype: str) -> bool:
    """Whether a body of this media type is read as JSON; one without a type is."""
    return mimetype in ("", "application/json") or (
        mimetype.startswith("application/") and mimetype.endswith("+json")
    )


def refuse_other_than_json(request: Request) -> None:
    """Raises ``Problem`` 415 for a body that says it is something else than JSON."""
    if not is_json_type(request.mimetype):
        raise Problem(
            415,
            "Unsupported Media Type",
            "Send JSON with the header Content-Type: application/json.",
            errors=[{"field": "Content-Type", "message": "Use application/json.", "in": "header"}],
        )


class _Parser(FlaskParser):
    def load_json(self, req: Request, schema: Any) -> Any:
        """The decoded body. Raises ``Problem`` 415 for another media type and 400 for what is not JSON."""
        refuse_other_than_json(req)
        try:
            return msgspec.json.decode(req.get_data(cache=True))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise Problem(
                400,
                "Bad Request",
                "The body is not valid JSON.",
                errors=[
                    {"field": "body", "message": "Send valid JSON in UTF-8.", "in": "json", "pointer": ""}
                ],
            ) from None


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A flask-smorest blueprint that reads JSON bodies as this module says."""

    ARGUMENTS_PARSER = _Parser()


def _default(kind: type, code: str) -> str | None:
    for each in kind.__mro__:
        messages = vars(each).get("default_error_messages", {})
        if code in messages:
            return str(messages[code])
    return None
