"""Payment events that come before their claim: topics have no order between them.

They are kept and listed. When the claim comes they are measured as if they had come after it. One that does not fit is
taken away by a cancellation that says why, so that nothing is dropped and nothing counts that would have been refused.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from services.payments.clock import Entry, standing
from services.payments.models import CLOCKS, PAYMENT_ENTRIES, WAITING_ENTRIES
from services.payments.queries import Scope
from services.payments.record import NO_CLOCK, Recording, payment_document
from services.payments.refusals import Known, unfit
from shared.among import among
from shared.database import update_rows
from shared.events import utc_text

BY = "promptclaim"
"""Who takes such an event away, as the record names it."""


class EarlyEvents:
    """Those of some claims whose verdicts have come, and what becomes of them."""

    def __init__(self, connection: Connection, claim_ids: Sequence[str]) -> None:
        w = WAITING_ENTRIES.c
        self._ids: dict[str, set[str]] = {}
        statement = select(w.claim_id, w.entry_id).where(among(connection, w.claim_id, claim_ids))
        for claim_id, entry_id in connection.execute(statement):
            self._ids.setdefault(claim_id, set()).add(entry_id)
        self._problems: dict[str, str | None] = {}
        self.cancellations: list[Recording] = []

    @property
    def claim_ids(self) -> list[str]:
        """The claims that have such events."""
        return list(self._ids)

    def measure(self, claim_id: str, known: Known, today: date) -> Sequence[Entry]:
        """The entries that count, now that the claim has a clock; ``today`` is California's."""
        ids = self._ids.get(claim_id)
        if not ids:
            return known.entries
        problems = {entry.entry_id: problem.text for entry, problem in unfit(known, ids)}
        self._problems |= {entry_id: problems.get(entry_id) for entry_id in ids}
        self.cancellations += [
            Recording(
                claim_id=claim_id,
                entry=Entry("cancelled", today, corrects=entry_id),
                recorded_by=BY,
                reason=f"The event came before its claim and does not fit it. {text}",
                unchecked=True,
            )
            for entry_id, text in problems.items()
        ]
        return [entry for entry in standing(known.entries) if entry.entry_id not in problems]

    def without_clock(self, claim_id: str) -> None:
        """The claim has no clock to act on: they wait on, for it may get one."""
        self._problems |= dict.fromkeys(self._ids.get(claim_id, ()), NO_CLOCK)

    def write(self, connection: Connection) -> None:
        """Note what was found, in the caller's transaction."""
        gone = [{"fits": entry_id} for entry_id, text in self._problems.items() if text is None]
        if gone:
            w = WAITING_ENTRIES
            connection.execute(delete(w).where(w.c.entry_id == bindparam("fits")), gone)
        rows = [{"entry_id": entry_id, "problem": text} for entry_id, text in self._problems.items() if text]
        update_rows(connection, WAITING_ENTRIES, ("entry_id",), rows)


def unmatched_payments(connection: Connection, *, after: str, limit: int) -> list[dict[str, Any]]:
    """Payment entries for claims that are not known here: they wait for the claim, and are never dropped."""
    w = WAITING_ENTRIES.c
    statement = _listed(after, limit).where(w.problem.is_(None))
    return [_shown(row._mapping) for row in connection.execute(statement)]


def refused_payments(connection: Connection, scope: Scope, *, after: str, limit: int) -> list[dict[str, Any]]:
    """Payment entries that did not fit their claim when it came, and why (``refused``)."""
    w, c = WAITING_ENTRIES.c, CLOCKS.c
    statement = (
        _listed(after, limit)
        .join(CLOCKS, c.claim_id == w.claim_id)
        .where(w.problem.is_not(None), *scope.conditions())
    )
    return [
        {**_shown(row._mapping), "recorded_at": utc_text(row.recorded_at), "refused": row.problem}
        for row in connection.execute(statement)
    ]


def _listed(after: str, limit: int) -> Any:
    w, e = WAITING_ENTRIES.c, PAYMENT_ENTRIES.c
    statement = select(PAYMENT_ENTRIES, w.problem).select_from(WAITING_ENTRIES)
    statement = statement.join(PAYMENT_ENTRIES, e.entry_id == w.entry_id)
    return statement.where(w.entry_id > after).order_by(w.entry_id).limit(limit)


def _shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "claim_id": row["claim_id"],
        **payment_document(
            row["entry_id"],
            row["kind"],
            row["date"],
            row["amount_cents"],
            row["interest_cents"],
            row["reference"],
            row["reason"],
            line=row["line"],
            corrects=row["corrects"],
        ),
    }
