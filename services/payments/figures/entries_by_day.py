"""What had happened to claims by a day, as far as it is known now."""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import Connection

from services.payments.clock import Entry, standing
from services.payments.projection import entries_of


def until(entries: Iterable[Entry], day: date) -> list[Entry]:
    """The entries that count and happened on ``day`` or before."""
    # Corrections first: one may move an event to another day.
    return [entry for entry in standing(entries) if entry.date <= day]


def entries_by_day(connection: Connection, claim_ids: Sequence[str], day: date) -> dict[str, list[Entry]]:
    """The same for each of these claims."""
    found = entries_of(connection, claim_ids)
    return {claim_id: until(entries, day) for claim_id, entries in found.items()}
