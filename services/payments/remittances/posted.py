"""What was posted of claim payments before: by which a payment is the same, and under which check."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from services.payments.models import PAYMENT_ENTRIES
from services.payments.remittances.item import Item
from shared.among import among


def natural_key(item: Item, place: int) -> str:
    """What makes the ``place``-th entry of a claim payment the same, whichever file it comes in."""
    return f"835/{item.key}/{place}"


def posted_before(connection: Connection, items: Sequence[Item]) -> dict[str, str]:
    """By the key of an item: the claim that it was posted to."""
    e = PAYMENT_ENTRIES.c
    keys = {natural_key(item, 0): item.key for item in items}
    statement = select(e.natural_key, e.claim_id).where(among(connection, e.natural_key, list(keys)))
    return {keys[key]: claim_id for key, claim_id in connection.execute(statement)}


def references_of(connection: Connection, claim_ids: set[str]) -> dict[str, str | None]:
    """The check or transfer of each payment of these claims, by entry id."""
    if not claim_ids:
        return {}
    e = PAYMENT_ENTRIES.c
    paid = select(e.entry_id, e.reference).where(e.kind == "paid", among(connection, e.claim_id, claim_ids))
    return {row.entry_id: row.reference for row in connection.execute(paid)}
