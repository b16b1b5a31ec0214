"""Verifying the log where it lies: its chain, its head, its signed checkpoints, and the tables beside it."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from msgspec import Struct
from sqlalchemy import Connection, select

from services.payments.log import audit_log
from services.payments.log.checkpoint_step import newest_first
from services.payments.log.checkpoints import is_signed
from services.payments.log.cross_check import cross_check
from services.payments.log.log_check import Broken, Expected, Head, Intact, LogCheck, verify
from services.payments.log.on_record import Of, of_ids, ranges
from services.payments.log.signing import SigningKeys, signing_keys
from services.payments.log.told import RECEIPT
from services.payments.models import CLOCKS, TIMELINESS_LOG
from shared.calendar import PACIFIC
from shared.events import utc_text
from shared.settings import Settings

_CHUNK = 2_000


def verify_all(connection: Connection, settings: Settings) -> Intact | Broken:
    """Verify everything that ``connection`` (one consistent view) shows. Reads all of it, one batch at a time.

    Checkpoints count only under the keys of ``settings``: what stands in the database proves nothing of itself.
    """
    keys = signing_keys(settings)
    found = verify(audit_log.read_items(connection, keys.by_id()), expected=_expected(connection, keys))
    if isinstance(found, Broken):
        return found
    return cross_check(connection, ranges(connection), found.entries) or found


class Partly(Struct, frozen=True):
    """The result of :func:`verify_days`: the chain was followed from entry ``checked_from`` to the end, and so many
    claims were compared.
    """

    found: Intact | Broken
    checked_from: int
    claims_compared: int


def verify_days(connection: Connection, settings: Settings, first: date, last: date) -> Partly:
    """Verify what a report on the claims that arrived from ``first`` to ``last`` (California) rests on.

    The newest signed checkpoint and the log since then; and of each claim that arrived or was recorded in these days
    the tables, with its entries, each by its own hash. The time it takes grows with these days, not with the log. Only
    :func:`verify_all` finds who wrote older entries anew.
    """
    keys = signing_keys(settings)
    checked_from, found = _since_checkpoint(connection, keys)
    if isinstance(found, Broken):
        return Partly(found, checked_from, 0)
    claims = _Claims(connection, first, last, found.entries)
    broken = cross_check(connection, claims.sets(), found.entries, proven=False)
    return Partly(broken or found, checked_from, claims.count)


def _expected(connection: Connection, keys: SigningKeys) -> Expected:
    return Expected(
        head=audit_log.read_head(connection),
        public_keys=frozenset(keys.public),
        signed=keys.current is not None,
    )


def _since_checkpoint(connection: Connection, keys: SigningKeys) -> tuple[int, Intact | Broken]:
    """The first entry that was checked, and the result. Without a checkpoint the whole log is."""
    expected = _expected(connection, keys)
    newest = next(iter(newest_first(connection, 1, keys.by_id())), None)
    if newest is None:
        return 1, verify(audit_log.read_items(connection, {}), expected=expected)
    place = newest.sequence
    if newest.public_key not in keys.public or not is_signed(newest):
        return place, Broken(1, f"The checkpoint at entry {place} is not signed with a key of the log.")
    signed = next(audit_log.read(connection, place - 1, 1), None)
    if signed is None or (signed.sequence, signed.hash) != (place, newest.hash):
        return place, Broken(1, f"The log was written anew: entry {place} is not the one that was signed.")
    check = LogCheck(start=Head(place, newest.hash), at=newest.made_at)
    for entry in audit_log.read(connection, place):
        broken = check.take(entry)
        if broken:
            return place, broken
    return place, check.end(expected.head, expected=expected)


class _Claims:
    """The claims of some days, in sets; ``count`` are those given so far."""

    def __init__(self, connection: Connection, first: date, last: date, entries: int) -> None:
        self._connection, self._first, self._last = connection, first, last
        self._from = self._sequence_at(first, entries)
        self._until = self._sequence_at(last + timedelta(days=1), entries)
        self.count = 0

    def sets(self) -> Iterator[Of]:
        """By the log, so that who was taken out of the days is missed; then by the table, who was put into them."""
        log, c = TIMELINESS_LOG.c, CLOCKS.c
        after = self._from - 1
        while True:
            rows = self._connection.execute(
                select(log.sequence, log.claim_id)
                .where(log.sequence > after, log.sequence < self._until, log.event == RECEIPT)
                .order_by(log.sequence)
                .limit(_CHUNK)
            ).all()
            if not rows:
                break
            yield self._counted([row.claim_id for row in rows])
            after = rows[-1].sequence
        seen = select(log.claim_id).where(
            log.claim_id == c.claim_id,
            log.event == RECEIPT,
            log.sequence >= self._from,
            log.sequence < self._until,
        )
        for number in range((self._last - self._first).days + 1):
            of_day = c.arrival_date == self._first + timedelta(days=number)
            ids = list(self._connection.execute(select(c.claim_id).where(of_day, ~seen.exists())).scalars())
            for start in range(0, len(ids), _CHUNK):
                yield self._counted(ids[start : start + _CHUNK])

    def _counted(self, ids: list[str]) -> Of:
        self.count += len(ids)
        return of_ids(self._connection, ids)

    def _sequence_at(self, day: date, entries: int) -> int:
        """The first entry of ``day`` or later: times never fall from one entry to the next."""
        log, at = TIMELINESS_LOG.c, utc_text(datetime.combine(day, time(), PACIFIC))
        low, high = 1, entries + 1
        while low < high:
            middle = (low + high) // 2
            statement = select(log.recorded_at).where(log.sequence == middle)
            recorded_at = self._connection.execute(statement).scalar_one_or_none() or ""
            low, high = (middle + 1, high) if recorded_at < at else (low, middle)
        return low
