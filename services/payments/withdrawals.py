"""A void (frequency 8) or replacement (7) that was accepted withdraws the claim in whose place it stands from payment.

What is open on the original is no longer payable from the day the void or replacement arrived: a plan cannot
owe both it and its replacement. What was already late by then stays late, and what was paid by then stays paid until
the plan takes it back. The two may be judged in either order. A replacement that is rejected after all gives its
original back.

Which claim is the original, the validator says (``supersedes``), so that both services speak of the same one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, or_, select

from services.payments.clock import Entry
from services.payments.log import audit_log
from services.payments.log.audit_log import Happening
from services.payments.log.told import SUPPOSED
from services.payments.models import CLOCKS, PAYMENT_ENTRIES
from services.payments.record import Recording, record
from shared.among import among
from shared.calendar import pacific_date
from shared.database import update_rows
from shared.payers import Payers

WITHDRAWING = ("7", "8")
_ORIGINAL = CLOCKS.alias("original")
_LATER = CLOCKS.alias("later")


class _Pair(NamedTuple):
    """A void or replacement, its day of arrival, and the claim in whose place it stands."""

    later: str
    day: date
    original: str


class _Withdrawal(NamedTuple):
    """A withdrawal that counts: its entry, and the claim that withdrew."""

    entry_id: str
    by: str


def withdraw_originals(
    connection: Connection, rows: Sequence[Mapping[str, Any]], payers: Payers, now: datetime
) -> None:
    """Withdraw the originals of these claims, and those of these claims that are others' originals; give those back
    that a claim withdrew which is rejected now.

    ``rows`` are rows of ``clocks`` just written; ``now`` is aware. In the caller's transaction.
    """
    if not rows:
        return
    today = pacific_date(now)
    originals = {row["claim_id"]: row["supersedes"] for row in rows if row["supersedes"]}
    unsaid = [
        row["claim_id"] for row in rows if row["frequency"] in WITHDRAWING and row["supersedes"] is None
    ]
    if unsaid:
        originals |= _suppose(connection, unsaid, payers, now)
    rejected = {row["claim_id"] for row in rows if row["verdict"] == "rejected"}
    given_back = {originals[claim_id] for claim_id in rejected & originals.keys()}
    recordings = _given_back(connection, given_back, rejected, today) if given_back else []
    named = {row["claim_id"] for row in rows}.union(originals.values())
    recordings += _withdrawn(connection, named, today)
    if recordings:
        record(connection, recordings, now)


def _withdrawn(connection: Connection, originals: Iterable[str], today: date) -> list[Recording]:
    pairs = [
        _Pair(*row)
        for row in connection.execute(
            select(_LATER.c.claim_id, _LATER.c.arrival_date, _ORIGINAL.c.claim_id)
            .join_from(_LATER, _ORIGINAL, _ORIGINAL.c.claim_id == _LATER.c.supersedes)
            .where(
                among(connection, _LATER.c.supersedes, originals),
                # As the index says it: PostgreSQL does not conclude it from the values.
                _LATER.c.supersedes.is_not(None),
                _LATER.c.verdict == "accepted",
                _ORIGINAL.c.status != "none",
            )
            .order_by(_LATER.c.claim_id)
        )
    ]
    gone = set(_withdrawals(connection, {pair.original for pair in pairs})) if pairs else set()
    recordings = []
    for pair in pairs:
        if pair.original not in gone:
            gone.add(pair.original)
            # Another machine's clock may be ahead of this one's.
            entry = Entry("withdrawn", min(pair.day, today))
            recordings.append(_of_provider(pair.original, entry, pair.later))
    return recordings


def _given_back(
    connection: Connection, originals: Iterable[str], rejected: Iterable[str], today: date
) -> list[Recording]:
    before = _withdrawals(connection, originals)
    return [
        _of_provider(original, Entry("cancelled", today, corrects=withdrawal.entry_id), withdrawal.by)
        for original, withdrawal in sorted(before.items())
        if withdrawal.by in rejected
    ]


def _of_provider(claim_id: str, entry: Entry, by: str) -> Recording:
    return Recording(claim_id, entry, recorded_by="provider", reference=by, unchecked=True)


def _withdrawals(connection: Connection, originals: Iterable[str]) -> dict[str, _Withdrawal]:
    """Those of these claims that are withdrawn, and by which claim each."""
    e, correction = PAYMENT_ENTRIES.c, PAYMENT_ENTRIES.alias("correction").c
    corrected = select(correction.entry_id).where(
        correction.claim_id == e.claim_id, correction.corrects == e.entry_id
    )
    statement = select(e.claim_id, e.entry_id, e.reference).where(
        among(connection, e.claim_id, originals), e.kind == "withdrawn", ~corrected.exists()
    )
    return {row.claim_id: _Withdrawal(row.entry_id, row.reference) for row in connection.execute(statement)}


def _suppose(
    connection: Connection, claim_ids: Sequence[str], payers: Payers, now: datetime
) -> dict[str, str]:
    """The originals of voids and replacements of which the verdict does not say it: events from before it did may be
    read long after an upgrade, when a backup is restored.

    The latest claim of the name, by its id or number, for the same provider, payer and member that still stands.
    """
    name = func.coalesce(_LATER.c.original_reference, _LATER.c.claim_number)
    # Claim ids are time-ordered: an original comes first.
    named = and_(
        _ORIGINAL.c.provider_npi == _LATER.c.provider_npi,
        _ORIGINAL.c.member_key == _LATER.c.member_key,
        _ORIGINAL.c.claim_id < _LATER.c.claim_id,
        or_(_ORIGINAL.c.claim_id == name, _ORIGINAL.c.claim_number == name),
    )
    pairs = connection.execute(
        select(_LATER.c.claim_id, _LATER.c.payer_id, _ORIGINAL.c.claim_id, _ORIGINAL.c.payer_id)
        .join_from(_LATER, _ORIGINAL, named)
        .where(among(connection, _LATER.c.claim_id, claim_ids), _ORIGINAL.c.status != "none")
        .order_by(_LATER.c.claim_id, _ORIGINAL.c.claim_id.desc())
    ).all()
    gone = set(_withdrawals(connection, {original for _, _, original, _ in pairs}))
    supposed: dict[str, str] = {}
    for later, payer, original, payer_of_original in pairs:
        same_payer = payers.first_id(payer) == payers.first_id(payer_of_original)
        if later not in supposed and original not in gone and same_payer:
            gone.add(original)
            supposed[later] = original
    rows = [{"claim_id": later, "supersedes": original} for later, original in supposed.items()]
    update_rows(connection, CLOCKS, ("claim_id",), rows)
    told = [Happening(SUPPOSED, later, {"supersedes": original}) for later, original in supposed.items()]
    audit_log.append(connection, told, now)
    return supposed
