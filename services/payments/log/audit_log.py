"""The timeliness log: what happened to every claim and when, each entry bound to the one before by SHA-256.

An entry's hash is over its canonical JSON (keys sorted, no blanks, UTF-8; texts, whole numbers, booleans and
null only, as in RFC 8785) with the fields ``sequence``, ``recorded_at``, ``event``, ``claim_id``, ``data``
and ``previous_hash``. Whoever changes, drops or inserts an entry breaks the chain from there on. No PHI
enters: claims stand by their id, members by a keyed hash. ``services.payments.log.log_check`` verifies it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from services.payments.log.checkpoints import Checkpoint
from services.payments.log.log_check import GENESIS_HASH as GENESIS_HASH
from services.payments.log.log_check import Broken as Broken
from services.payments.log.log_check import Head as Head
from services.payments.log.log_check import Intact as Intact
from services.payments.log.log_check import LogEntry as LogEntry
from services.payments.log.log_check import LogItem, canonical, hash_of
from services.payments.log.log_check import entry_hash as entry_hash
from services.payments.log.log_check import verify as verify
from services.payments.models import CHECKPOINTS, LOG_HEAD, TIMELINESS_LOG
from shared.database import insert_rows
from shared.events import utc_text

_HEAD_ID = 1
_CHUNK = 2000


class Happening(NamedTuple):
    """Something to log. ``data`` holds texts, whole numbers, booleans and ``None`` only, and no PHI."""

    event: str
    claim_id: str
    data: Mapping[str, Any]


class _CheckpointLine(Struct, frozen=True, forbid_unknown_fields=True):
    checkpoint: Checkpoint


def lock(connection: Connection) -> Head:
    """Take the one lock of all writers, held until the transaction ends, and give the log's head."""
    row = connection.execute(
        select(LOG_HEAD.c.sequence, LOG_HEAD.c.hash).where(LOG_HEAD.c.id == _HEAD_ID).with_for_update()
    ).one_or_none()
    if row is None:
        connection.execute(insert(LOG_HEAD).values(id=_HEAD_ID, sequence=0, hash=GENESIS_HASH))
        return Head(0, GENESIS_HASH)
    return Head(row.sequence, row.hash)


def append(connection: Connection, happenings: Sequence[Happening], now: datetime) -> Head:
    """Append ``happenings`` at ``now`` (aware), in order, in the caller's transaction; the new head."""
    head, _ = append_at(connection, happenings, now)
    return head


def append_at(connection: Connection, happenings: Sequence[Happening], now: datetime) -> tuple[Head, str]:
    """:func:`append`, with the instant under which the entries stand: never before that of the entry before.

    Who waited for the lock may have read the clock before the one who had it, and a clock can be set back.
    """
    head = lock(connection)
    recorded_at = max(utc_text(now), _recorded_at(connection, head))
    if not happenings:
        return head, recorded_at
    sequence, previous = head
    rows = []
    for event, claim_id, data in happenings:
        sequence += 1
        encoded = canonical(data)
        digest = hash_of(sequence, recorded_at, event, claim_id, encoded, previous)
        rows.append(
            {
                "sequence": sequence,
                "recorded_at": recorded_at,
                "event": event,
                "claim_id": claim_id,
                "data": encoded.decode(),
                "previous_hash": previous,
                "hash": digest,
            }
        )
        previous = digest
    insert_rows(connection, TIMELINESS_LOG, rows)
    connection.execute(
        update(LOG_HEAD).where(LOG_HEAD.c.id == _HEAD_ID).values(sequence=sequence, hash=previous)
    )
    return Head(sequence, previous), recorded_at


def _recorded_at(connection: Connection, head: Head) -> str:
    log = TIMELINESS_LOG.c
    found: str | None = connection.execute(
        select(log.recorded_at).where(log.sequence == head.sequence)
    ).scalar_one_or_none()
    return found or ""


def read_head(connection: Connection) -> Head:
    """The log's head, without a lock."""
    row = connection.execute(select(LOG_HEAD.c.sequence, LOG_HEAD.c.hash)).one_or_none()
    return Head(row.sequence, row.hash) if row else Head(0, GENESIS_HASH)


def read(connection: Connection, after: int = 0, limit: int | None = None) -> Iterator[LogEntry]:
    """The entries after sequence ``after``, in order, a chunk at a time."""
    log = TIMELINESS_LOG
    left = limit
    while left is None or left > 0:
        size = _CHUNK if left is None else min(_CHUNK, left)
        statement = select(log).where(log.c.sequence > after).order_by(log.c.sequence).limit(size)
        rows = connection.execute(statement).all()
        for row in rows:
            yield LogEntry(
                row.sequence,
                row.recorded_at,
                row.event,
                row.claim_id,
                decoded(row.data),
                row.previous_hash,
                row.hash,
            )
        if len(rows) < size:
            return
        after = rows[-1].sequence
        left = None if left is None else left - len(rows)


def decoded(data: str) -> dict[str, Any]:
    """An entry's data from its column."""
    # Whoever got past the database may have written anything: then the entry's hash does not fit.
    try:
        found = msgspec.json.decode(data)
    except msgspec.DecodeError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": data}


def read_items(connection: Connection, public_keys: Mapping[str, str]) -> Iterator[LogItem]:
    """All entries, each checkpoint after the entry on which it stands; one that has none comes at the end.

    ``public_keys`` are the known ones by their id.
    """
    table = CHECKPOINTS
    checkpoints = [
        Checkpoint(
            row.sequence, row.hash, row.made_at, row.key_id, row.signature, public_keys.get(row.key_id, "")
        )
        for row in connection.execute(select(table).order_by(table.c.sequence))
    ]
    waiting = iter(checkpoints)
    following = next(waiting, None)
    for entry in read(connection):
        while following is not None and following.sequence < entry.sequence:
            yield following
            following = next(waiting, None)
        yield entry
    while following is not None:
        yield following
        following = next(waiting, None)


def export_lines(items: Iterable[LogItem]) -> Iterator[bytes]:
    """The log as JSON Lines: an entry a line, and ``{"checkpoint": {…}}`` after the entry on which it stands."""
    for item in items:
        line = _CheckpointLine(item) if isinstance(item, Checkpoint) else item
        yield canonical(line) + b"\n"


def import_lines(lines: Iterable[bytes]) -> Iterator[LogItem]:
    """The entries and checkpoints of an export. Raises ``msgspec.DecodeError`` for a line that is neither."""
    decode = msgspec.json.Decoder(LogEntry).decode
    checkpoint = msgspec.json.Decoder(_CheckpointLine).decode
    for line in lines:
        if line.startswith(b'{"checkpoint":'):
            yield checkpoint(line).checkpoint
        elif line.strip():
            yield decode(line)
