"""The timeliness log over HTTP: read it, take it away, verify it, have it signed."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from flask import Response
from flask.views import MethodView

from services.payments import api_schemas as schemas
from services.payments.audit import schemas as auditor_schemas
from services.payments.callers import verify_log
from services.payments.log import audit_log
from services.payments.log.checkpoint_step import LogIsBroken, Made, checkpoint_now, newest_first
from services.payments.log.checkpoints import key_documents
from services.payments.log.log_check import Broken
from services.payments.log.signing import NoSigningKey, signer_of, signing_keys
from shared.web.auth import requires
from shared.web.bodies import Blueprint
from shared.web.context import parts
from shared.web.pagination import encode_cursor, position
from shared.web.problems import Problem
from shared.web.responses import json_response

CHECKPOINTS_LISTED = 1000

blueprint = Blueprint("timeliness log", __name__, description="The log that proves timeliness")


@blueprint.route("/timeliness-log")
class LogView(MethodView):
    @requires("auditor")
    @blueprint.arguments(schemas.LogQuery, location="query")
    @blueprint.response(200, schemas.Log)
    def get(self, query: dict[str, Any]) -> Response:
        """The timeliness log in order, from the entry after ``after``."""
        reached = position(query.get("cursor"), "after_sequence", int)
        after = query["after"] if reached is None else reached
        with parts().database.read() as connection:
            items = list(audit_log.read(connection, after, query["limit"]))
            head = audit_log.read_head(connection)
        more = items and items[-1].sequence < head.sequence
        cursor = encode_cursor({"after_sequence": items[-1].sequence}) if more else None
        return json_response({"items": items, "next_cursor": cursor})


@blueprint.route("/timeliness-log/export.jsonl")
class LogExportView(MethodView):
    @requires("auditor")
    @blueprint.response(200, content_type="application/jsonl")
    def get(self) -> Response:
        """The whole log with its signed checkpoints as JSON Lines, for keeping and verifying elsewhere."""
        return export()


@blueprint.route("/timeliness-log/verification")
class LogVerificationView(MethodView):
    @requires("auditor")
    @blueprint.response(200, schemas.Verification)
    def get(self) -> Response:
        """Whether the log is what was written: its chain, its end, its signatures, and the tables beside it."""
        found = verify_log()
        if isinstance(found, Broken):
            return json_response(found)
        return json_response(
            {
                "intact": True,
                "entries": found.entries,
                "head_hash": found.head_hash,
                "checkpoints": found.checkpoints,
            }
        )


@blueprint.route("/timeliness-log/checkpoints")
class CheckpointsView(MethodView):
    @requires("auditor")
    @blueprint.response(200, auditor_schemas.Checkpoints)
    def get(self) -> Response:
        """The newest signed checkpoints, newest first."""
        with parts().database.read() as connection:
            found = newest_first(connection, CHECKPOINTS_LISTED, signing_keys(parts().settings).by_id())
        return json_response({"items": found})

    @requires("auditor")
    @blueprint.response(201, auditor_schemas.Checkpoint)
    def post(self) -> Response:
        """Sign the log as it stands now. Where nothing was written since the newest checkpoint: 200 and that one."""
        made = checkpoint()
        return json_response(made.checkpoint, 201 if made.new else 200)


@blueprint.route("/timeliness-log/public-key")
class PublicKeyView(MethodView):
    @requires()
    @blueprint.response(200, auditor_schemas.PublicKeys)
    def get(self) -> Response:
        """The public keys under which checkpoints are valid, the one that signs now first. Keep them."""
        return json_response(public_keys())


@blueprint.route("/timeliness-log/verify_log.py")
class VerifierView(MethodView):
    @requires()
    @blueprint.response(200, content_type="text/x-python")
    def get(self) -> Response:
        """A program that verifies an export or an evidence pack; it needs Python 3.9 and nothing else."""
        return verifier()


def export() -> Response:
    """The export, streamed from one consistent view."""
    database, keys = parts().database, signing_keys(parts().settings).by_id()

    def lines() -> Iterator[bytes]:
        with database.read() as connection:
            yield from audit_log.export_lines(audit_log.read_items(connection, keys))

    headers = {"Content-Disposition": 'attachment; filename="timeliness-log.jsonl"'}
    return Response(lines(), 200, headers, mimetype="application/jsonl")


def checkpoint() -> Made:
    """Make a checkpoint. Raises ``Problem`` 409 where the log cannot be signed."""
    try:
        made = checkpoint_now(parts(), signer_of(parts().settings))
    except NoSigningKey as error:
        raise Problem(409, "Conflict", str(error)) from None
    except LogIsBroken as error:
        broken = error.broken
        raise Problem(
            409,
            "Conflict",
            f"The log is not intact from entry {broken.first_bad_sequence} on, so it is not signed. {broken.reason}",
        ) from None
    if made is None:
        raise Problem(409, "Conflict", "The log has no entry yet, so there is nothing to sign.")
    return made


def public_keys() -> dict[str, Any]:
    """The public keys as they are published."""
    keys = signing_keys(parts().settings)
    return key_documents(keys.public, keys.current)


def verifier_source() -> bytes:
    """The stand-alone verifier, as its readers run it."""
    return files("services.payments.log").joinpath("standalone_verifier.py").read_bytes()


def verifier() -> Response:
    headers = {"Content-Disposition": 'attachment; filename="verify_log.py"'}
    return Response(verifier_source(), 200, headers, mimetype="text/x-python")
