"""The auditor's tools over HTTP: samples that can be drawn again, and a claim's evidence."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

import secrets
from typing import Any

from flask import Response
from flask.views import MethodView

from services.payments.audit import schemas
from services.payments.audit.evidence import evidence, pack
from services.payments.audit.sampling import ALGORITHM, draw
from services.payments.audit.universes import UNIVERSES, Universe, claim_ids, described
from services.payments.callers import scope_of_caller
from services.payments.log.api import verifier_source
from services.payments.log.signing import signing_keys
from shared.web.auth import requires
from shared.web.bodies import Blueprint
from shared.web.context import parts, today
from shared.web.problems import Problem
from shared.web.responses import json_response

blueprint = Blueprint("audit", __name__, description="The auditor's tools")


@blueprint.route("/audit/sample")
class SampleView(MethodView):
    @requires("auditor")
    @blueprint.arguments(schemas.SampleQuery, location="query")
    @blueprint.response(200, schemas.Sample)
    def get(self, query: dict[str, Any]) -> Response:
        """A random sample of claims. The same seed on the same universe draws the same claims, here or elsewhere."""
        return json_response(sample(query))


@blueprint.route("/claims/<claim_id>/evidence.json")
class EvidenceView(MethodView):
    @requires("claims", "auditor")
    @blueprint.response(200, content_type="application/json")
    def get(self, claim_id: str) -> Response:
        """Everything that payments knows of one claim, each log entry with its proof. No PHI."""
        return json_response(evidence_of(claim_id))


@blueprint.route("/claims/<claim_id>/evidence.zip")
class EvidencePackView(MethodView):
    @requires("claims", "auditor")
    @blueprint.response(200, content_type="application/zip")
    def get(self, claim_id: str) -> Response:
        """The same as a ZIP file, with the public keys and the program that checks it."""
        return evidence_pack(claim_id)


def sample(query: dict[str, Any]) -> dict[str, Any]:
    """A sample as ``SampleQuery`` asks for it. Without a seed, a new one."""
    universe = Universe(
        query["universe"], query.get("first"), query.get("last"), query.get("as_of") or today()
    )
    seed = query.get("seed") or secrets.token_hex(8)
    with parts().database.read() as connection:
        scope = scope_of_caller()
        drawn = draw(claim_ids(connection, scope, universe), query["size"], seed)
        items = described(connection, scope, drawn.claim_ids, universe.as_of)
    return {
        "universe": universe.name,
        "meaning": UNIVERSES[universe.name],
        "from": universe.first,
        "to": universe.last,
        "as_of": universe.as_of,
        "size": query["size"],
        "seed": seed,
        "universe_count": drawn.count,
        "universe_sha256": drawn.sha256,
        "algorithm": ALGORITHM,
        "items": items,
    }


def evidence_of(claim_id: str) -> dict[str, Any]:
    """One claim's evidence. Raises ``Problem`` 404."""
    keys = signing_keys(parts().settings)
    with parts().database.read() as connection:
        found = evidence(connection, scope_of_caller(), claim_id, parts().now(), keys)
    if found is None:
        raise Problem(404, "No such claim", "No claim of yours with this id has been judged yet.")
    return found


def evidence_pack(claim_id: str) -> Response:
    """One claim's evidence pack. Raises ``Problem`` 404."""
    content = pack(evidence_of(claim_id), verifier_source())
    headers = {"Content-Disposition": f'attachment; filename="evidence-{claim_id}.zip"'}
    return Response(content, 200, headers, mimetype="application/zip")
