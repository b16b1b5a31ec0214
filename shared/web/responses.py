"""JSON answers, encoded by msgspec: structs, dates and instants go out as they are."""

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response

_ENCODER = msgspec.json.Encoder()


def json_response(obj: Any, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """``obj`` as JSON. Raises ``TypeError`` for what msgspec cannot encode."""
    return Response(_ENCODER.encode(obj), status, headers, mimetype="application/json")
