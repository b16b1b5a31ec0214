"""A void (frequency 8) or replacement (7) that was accepted withdraws the claim it names from payment.

What is open on the original is no longer payable from the day the void or replacement arrived: a plan cannot
owe both it and its replacement. What was already late by then stays late. The two may be judged in either
order.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select

from services.payments.clock import Entry
from services.payments.models import CLOCKS
from services.payments.record import Recording, record
from shared.among import among

WITHDRAWING = ("7", "8")
_ORIGINAL = CLOCKS.alias("original")
_LATER = CLOCKS.alias("later")


def withdraw_originals(connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Withdraw the originals that these claims name, and those of these claims that others named.

    ``rows`` are rows of ``clocks`` just written; ``now`` is aware. In the caller's transaction.
    """
    if not rows:
        return
    naming = [row["claim_id"] for row in rows if row["frequency"] in WITHDRAWING]
    pairs = _pairs(connection, among(connection, _LATER.c.claim_id, naming)) if naming else {}
    pairs |= _pairs(connection, among(connection, _ORIGINAL.c.claim_id, [row["claim_id"] for row in rows]))
    recordings = [
        Recording(original, Entry("withdrawn", day), recorded_by="provider", reference=by)
        for original, (by, day) in pairs.items()
    ]
    if recordings:
        record(connection, recordings, now)


def _pairs(connection: Connection, among: ColumnElement[bool]) -> dict[str, tuple[str, date]]:
    """Each original that is still open, with the first claim that withdraws it and its day of arrival."""
    found: dict[str, tuple[str, date]] = {}
    # One query a column, so that each can use its index. Claim ids are time-ordered: an original comes first,
    # which also keeps a replacement that bears its original's number from withdrawing itself.
    for reference in (_ORIGINAL.c.claim_id, _ORIGINAL.c.claim_number):
        named = and_(
            _LATER.c.original_reference == reference,
            _LATER.c.frequency.in_(WITHDRAWING),
            _LATER.c.verdict == "accepted",
            _LATER.c.provider_npi == _ORIGINAL.c.provider_npi,
            _LATER.c.payer_id == _ORIGINAL.c.payer_id,
            _LATER.c.claim_id > _ORIGINAL.c.claim_id,
        )
        statement = (
            select(_ORIGINAL.c.claim_id, _LATER.c.claim_id, _LATER.c.arrival_date)
            .select_from(_ORIGINAL.join(_LATER, named))
            .where(among, _ORIGINAL.c.status.in_(("running", "contested")))
            .order_by(_LATER.c.claim_id)
        )
        for original, later, day in connection.execute(statement):
            found.setdefault(original, (later, day))
    return found
