"""A person says which claim a payment is for, or that there is nothing to post."""

from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Row

from services.payments import queries
from services.payments.log import audit_log
from services.payments.models import REMITTANCE_ITEMS
from services.payments.queries import Scope
from services.payments.remittances.listing import item_entry, item_row
from services.payments.remittances.post import MATCHABLE, OPEN_STATUSES, encode
from services.payments.remittances.settle import Settled
from services.payments.remittances.waiting import decode_item, pending_of, settle_stored
from shared.database import update_rows
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
        row = _row(connection, scope, remittance_id, ordinal)
        if not queries.may_record(connection, scope, claim_id):
            raise Problem(404, "No such claim", "No claim of yours with this id has been judged yet.")
        if row.status not in MATCHABLE:
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


def close(
    parts: Parts, remittance_id: str, ordinal: int, reason: str, *, scope: Scope, closed_by: str
) -> dict[str, Any]:
    """Note that a claim payment is done and nothing of it is to be posted: it as the API lists it.

    It stays, with who closed it, when and why, and is not posted when its claim comes. Raises ``Problem`` 404 for
    one that is not there, 409 for one that nobody has to look at.
    """
    with parts.database.begin() as connection:
        audit_log.lock(connection)
        row = _row(connection, scope, remittance_id, ordinal)
        if row.status == "closed":
            raise Problem(409, "Conflict", "This claim payment is closed already. Nothing was changed.")
        if row.status not in OPEN_STATUSES:
            told = "This claim payment is matched, so there is nothing to close. Nothing was changed."
            raise Problem(409, "Conflict", told)
        item = replace(decode_item(row.document), closed_because=reason)
        if row.status != "refused":
            # What would have been done with it next is so no more.
            item = replace(item, said="", candidates=())
        closed = {
            "remittance_id": remittance_id,
            "ordinal": ordinal,
            "status": "closed",
            "matched_by": closed_by,
            "matched_at": parts.now(),
            "document": encode(item),
        }
        update_rows(connection, REMITTANCE_ITEMS, ("remittance_id", "ordinal"), [closed])
        return item_entry(_row(connection, scope, remittance_id, ordinal))


def _row(connection: Connection, scope: Scope, remittance_id: str, ordinal: int) -> Row[Any]:
    row = item_row(connection, scope.payers, remittance_id, ordinal)
    if row is None:
        raise Problem(404, "No such payment", "No remittance of yours has a claim payment of this number.")
    return row
