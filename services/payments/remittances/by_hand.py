"""A person says which claim a payment is for."""

from msgspec.structs import replace

from services.payments import audit_log, queries
from services.payments.queries import Scope
from services.payments.remittances.listing import item_row
from services.payments.remittances.post import OPEN_STATUSES
from services.payments.remittances.settle import Settled
from services.payments.remittances.waiting import pending_of, settle_stored
from shared.parts import Parts
from shared.web.problems import Problem


def match_by_hand(
    parts: Parts,
    remittance_id: str,
    ordinal: int,
    claim_id: str,
    *,
    scope: Scope,
    recorded_by: str,
    correlation_id: str = "",
) -> Settled:
    """Post the item to the claim. Raises ``Problem`` 404 for either, 409 where the item or the claim is against it."""
    with parts.database.begin() as connection:
        audit_log.lock(connection)
        row = item_row(connection, scope.payers, remittance_id, ordinal)
        if row is None:
            raise Problem(
                404, "No such payment", "No remittance of yours has a claim payment of this number."
            )
        if not queries.may_record(connection, scope, claim_id):
            raise Problem(404, "No such claim", "No claim of yours with this id has been judged yet.")
        if row.status not in OPEN_STATUSES:
            raise Problem(409, "Conflict", "This claim payment is matched already. Nothing was changed.")
        [pending] = pending_of(connection, [row])
        if pending.item.problem:
            told = f"{pending.item.problem} Ask the payer for a remittance that is whole."
            raise Problem(409, "Conflict", told)
        chosen = replace(pending, claim_id=claim_id, recorded_by=recorded_by, correlation_id=correlation_id)
        [settled] = settle_stored(connection, [chosen], parts)
        if settled.status in ("refused", "unmatched"):
            raise Problem(409, "Conflict", settled.item.said)
        return settled
