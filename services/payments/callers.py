"""Who asks: what they may see, and the use cases that the API and the pages share."""

from typing import Any

from services.payments import queries
from services.payments.clock import Entry
from services.payments.clock_document import clock_document
from services.payments.log.log_check import Broken, Intact
from services.payments.log.verification import verify_all
from services.payments.queries import Scope
from services.payments.record import Recording, Refused, record
from shared.security import Principal
from shared.web.auth import current_principal
from shared.web.context import parts, web_context
from shared.web.problems import Problem


def provider_names() -> dict[str, str]:
    """The organisations of the providers' keys by billing NPI; of several, the newest key's."""
    keys = web_context().keys.list()
    return {npi: key.organisation for key in keys if key.role == "provider" for npi in key.npis}


def payer_name(payer_id: str) -> str:
    """The payer's name in the payers file; empty where it is not there."""
    return parts().payers.terms_of(payer_id).name


def scope_of_caller() -> Scope:
    """A provider sees the claims of its NPIs; everybody else those of the payers of the key, or all."""
    return scope_of(current_principal())


def scope_of(principal: Principal) -> Scope:
    """The claims that this key may see."""
    if principal.role == "provider":
        return Scope(npis=principal.npis, known=parts().payers)
    return Scope(payers=principal.payers or None, known=parts().payers)


REASON_NEEDED = {
    "contested": "Recorded without a reason. Health and Safety Code 1371 asks that the notice of a contest name "
    "the part of the claim and the specific information that the plan needs. Send that as the reason.",
    "denied": "Recorded without a reason. Health and Safety Code 1371 asks that the notice of a denial give the "
    "specific reasons for it. Send them as the reason.",
}


def record_event(
    principal: Principal, claim_id: str, event: dict[str, Any], request_id: str
) -> tuple[dict[str, Any], bool]:
    """Record one payment event; whether it had been recorded before. ``warnings``: what the law asks besides.

    Raises ``Problem`` 404, 409 (the claim's state) or 422 (a field).
    """
    entry = Entry(
        event["kind"],
        event["date"],
        event.get("amount_cents"),
        event["interest_cents"],
        line=event.get("line"),
        corrects=event.get("corrects"),
    )
    recording = Recording(
        claim_id=claim_id,
        entry=entry,
        recorded_by=principal.key_id,
        reference=event.get("reference"),
        reason=event.get("reason"),
        correlation_id=request_id,
    )
    try:
        with parts().database.begin() as connection:
            if not queries.may_record(connection, scope_of(principal), claim_id):
                raise Problem(404, "No such claim", "No claim of yours with this id has been judged yet.")
            [recorded] = record(connection, [recording], parts().now(), must_know=True)
    except Refused as refused:
        if refused.conflict:
            raise Problem(409, "Conflict", refused.problem) from refused
        raise Problem(
            422,
            "Unprocessable Entity",
            refused.problem,
            errors=[{"field": refused.field, "message": refused.problem, "in": "json"}],
        ) from refused
    clock = clock_document(recorded.outcome, recorded.on) if recorded.outcome else {}
    answer = {"payment_event_id": recorded.entry_id, "claim_id": claim_id, "clock": clock}
    missing = REASON_NEEDED.get(entry.kind)
    if missing and not event.get("reason"):
        answer["warnings"] = [missing]
    return answer, recorded.again


def verify_log() -> Intact | Broken:
    """Verify the whole log with its checkpoints, and the tables beside it, as of one moment."""
    with parts().database.read() as connection:
        return verify_all(connection, parts().settings)
