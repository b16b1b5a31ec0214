"""``Idempotency-Key``: the same POST sent again is answered again, not carried out again.

Every POST of an API is covered, by the application factory. A key belongs to the caller's API key. The
first request reserves it in a transaction of its own, so of ten at once one runs and the others are told to
wait (409). A reservation whose process died is free again after five minutes: then the request runs a
second time, which is safe because every use case is idempotent by its content as well; what is stored here
only saves the work and makes the answer the same to the byte.
"""

import hashlib
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import IO, Any, Final, cast

from flask import Flask, Response, current_app, make_response, request
from sqlalchemy import Table, and_, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from werkzeug.exceptions import HTTPException

from shared.access_tables import IDEMPOTENCY_KEY_CHARACTERS_MAX
from shared.database import Database
from shared.web.auth import current_principal
from shared.web.context import web_context
from shared.web.problems import Problem

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
STUCK_AFTER: Final = timedelta(minutes=5)
KEPT_FOR: Final = timedelta(hours=24)
_CHUNK: Final = 256 * 1024
_IN_MEMORY_MAX: Final = 1024 * 1024
# Answers that say nothing about the request itself and may differ a moment later.
_PASSING: Final = frozenset({401, 403, 408, 409, 425, 429})


def purge_idempotency_keys(database: Database, table: Table, now: datetime) -> int:
    """Forget keys older than a day; how many. Call it from a service's timers."""
    with database.begin() as connection:
        return connection.execute(delete(table).where(table.c.started_at < now - KEPT_FOR)).rowcount


def cover_posts(app: Flask) -> None:
    """Make every POST route of the API honour the header."""
    context = web_context(app)
    covered = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and context.is_api(rule.rule)
    }
    for endpoint in covered:
        app.view_functions[endpoint] = _covered(app.view_functions[endpoint])


def _covered(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(HEADER)
        if request.method != "POST" or key is None:
            return view(*args, **kwargs)
        if not (0 < len(key) <= IDEMPOTENCY_KEY_CHARACTERS_MAX and key.isascii() and key.isprintable()):
            raise Problem(
                422,
                "Unprocessable Entity",
                errors=[{"field": HEADER, "message": "Use 1 to 200 plain characters.", "in": "header"}],
            )
        return _once(key, lambda: view(*args, **kwargs))

    return answer


def _once(key: str, call: Callable[[], Any]) -> Response:
    context = web_context()
    table = cast(Table, context.idempotency)
    now = context.parts.now()
    mine = and_(table.c.principal == current_principal().key_id, table.c.key == key)
    stored = _reserve(context.parts.database, table, mine, key, _request_hash(), now)
    if stored is not None:
        return stored
    reserved = and_(mine, table.c.started_at == now, table.c.status.is_(None))
    try:
        response = _respond(call)
        status = response.status_code
        keep = status < 500 and status not in _PASSING and not response.is_streamed
    except BaseException:
        _release(context.parts.database, table, reserved)
        raise
    if not keep:
        _release(context.parts.database, table, reserved)
        return response
    with context.parts.database.begin() as connection:
        connection.execute(
            update(table)
            .where(reserved)
            .values(
                status=response.status_code,
                content_type=response.content_type,
                location=response.headers.get("Location"),
                body=response.get_data(),
            )
        )
    return response


def _respond(call: Callable[[], Any]) -> Response:
    """The view's answer, or the error that it raised on purpose, as it would go out."""
    try:
        return make_response(call())
    except (Problem, HTTPException) as error:
        return make_response(current_app.handle_user_exception(error))


def _reserve(
    database: Database, table: Table, mine: Any, key: str, request_hash: str, now: datetime
) -> Response | None:
    """Take the key, or give the stored answer. Raises ``Problem`` 409 while it runs, 422 for another
    request.
    """
    insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
    values = {
        "principal": current_principal().key_id,
        "key": key,
        "request_hash": request_hash,
        "started_at": now,
    }
    with database.begin() as connection:
        # Between a refused insert and the look at who was first, that one may have let go: then try again.
        for _ in range(10):
            insertion = insert(table).values(values).on_conflict_do_nothing().returning(table.c.key)
            if connection.execute(insertion).first() is not None:
                return None
            row = connection.execute(select(table).where(mine).with_for_update()).first()
            if row is not None:
                break
        else:
            raise _in_progress()
        age = now - row.started_at
        if age > KEPT_FOR or (row.status is None and age > STUCK_AFTER and row.request_hash == request_hash):
            emptied = dict.fromkeys(("status", "content_type", "location", "body"))
            connection.execute(update(table).where(mine).values(values | emptied))
            return None
    if row.request_hash != request_hash:
        raise Problem(
            422,
            "Idempotency key used before",
            "This Idempotency-Key was sent with another request. Use a new key for a new request.",
            errors=[{"field": HEADER, "message": "Belongs to another request.", "in": "header"}],
        )
    if row.status is None:
        raise _in_progress()
    response = Response(row.body, row.status, content_type=row.content_type)
    if row.location:
        response.headers["Location"] = row.location
    response.headers[REPLAYED] = "true"
    return response


def _in_progress() -> Problem:
    return Problem(
        409,
        "Still in progress",
        "The first request with this Idempotency-Key is still running. Ask again in a moment.",
        headers={"Retry-After": "1"},
    )


def _release(database: Database, table: Table, reserved: Any) -> None:
    with database.begin() as connection:
        connection.execute(delete(table).where(reserved))


def _request_hash() -> str:
    """What makes two requests the same: method, address, and the content however it is wrapped.

    A multipart body is hashed part by part, because a client draws a new boundary on every try. A raw body is
    read once, in chunks, into a file that the view then reads.
    """
    digest = hashlib.sha256()
    _add(digest, request.method, request.full_path, request.mimetype)
    if request.mimetype == "multipart/form-data":
        for name, value in sorted(request.form.items(multi=True)):
            _add(digest, "field", name, value)
        for name, upload in sorted(request.files.items(multi=True), key=lambda item: item[0]):
            _add(digest, "file", name, upload.filename or "")
            _add_stream(digest, upload.stream)
            upload.stream.seek(0)
        return digest.hexdigest()
    spooled = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_MAX)  # noqa: SIM115 - the request closes it
    _add_stream(digest, request.stream, copy=cast(IO[bytes], spooled))
    spooled.seek(0)
    request.stream = cast(Any, spooled)
    return digest.hexdigest()


def _add(digest: Any, *texts: str) -> None:
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "big") + data)


def _add_stream(digest: Any, stream: IO[bytes], copy: IO[bytes] | None = None) -> None:
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        if copy is not None:
            copy.write(chunk)
