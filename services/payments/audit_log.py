"""The timeliness log: what happened to every claim and when, each entry bound to the one before by SHA-256.

An entry's hash is over its canonical JSON (keys sorted, no blanks, UTF-8; texts, whole numbers, booleans and
null only, as in RFC 8785) with the fields ``sequence``, ``recorded_at``, ``event``, ``claim_id``, ``data``
and ``previous_hash``. Whoever changes, drops or inserts an entry breaks the chain from there on. No PHI
enters: claims stand by their id, members by a keyed hash.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from services.payments.models import LOG_HEAD, TIMELINESS_LOG
from shared.database import insert_rows
from shared.events import utc_text

GENESIS_HASH = "0" * 64
_HEAD_ID = 1
_CHUNK = 2000

_canonical = msgspec.json.Encoder(order="sorted").encode
_canonical_of_few = lru_cache(maxsize=64)(_canonical)
"""The same, remembered: one batch has one instant and a handful of kinds of event."""


class Happening(NamedTuple):
    """Something to log. ``data`` holds texts, whole numbers, booleans and ``None`` only, and no PHI."""

    event: str
    claim_id: str
    data: Mapping[str, Any]


class LogEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the log, and of its export as JSON Lines."""

    sequence: int
    recorded_at: str
    event: str
    claim_id: str
    data: dict[str, Any]
    previous_hash: str
    hash: str


class Intact(Struct, frozen=True):
    """Every entry is what it was when it was written. ``head_hash`` is the last one's."""

    entries: int
    head_hash: str
    intact: Literal[True] = True


class Broken(Struct, frozen=True):
    """The log is not what was written from ``first_bad_sequence`` on."""

    first_bad_sequence: int
    reason: str
    intact: Literal[False] = False


class Head(NamedTuple):
    """The log's last entry: 0 and :data:`GENESIS_HASH` before the first."""

    sequence: int
    hash: str


def entry_hash(
    sequence: int, recorded_at: str, event: str, claim_id: str, data: Mapping[str, Any], previous_hash: str
) -> str:
    """The SHA-256, in hex, that binds an entry to the one before."""
    return _hash(sequence, recorded_at, event, claim_id, _canonical(data), previous_hash)


def _hash(sequence: int, recorded_at: str, event: str, claim_id: str, data: bytes, previous: str) -> str:
    # The members stand in the order of their names, so this is the canonical JSON of the whole entry.
    return sha256(
        b'{"claim_id":%b,"data":%b,"event":%b,"previous_hash":%b,"recorded_at":%b,"sequence":%d}'
        % (
            _canonical(claim_id),
            data,
            _canonical_of_few(event),
            _canonical(previous),
            _canonical_of_few(recorded_at),
            sequence,
        )
    ).hexdigest()


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
    head = lock(connection)
    if not happenings:
        return head
    recorded_at = utc_text(now)
    sequence, previous = head
    rows = []
    for event, claim_id, data in happenings:
        sequence += 1
        encoded = _canonical(data)
        digest = _hash(sequence, recorded_at, event, claim_id, encoded, previous)
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
    return Head(sequence, previous)


def verify(entries: Iterable[LogEntry], head: Head | None = None) -> Intact | Broken:
    """Whether the log, read from its first entry, is whole; with ``head``, also whether its end is there.

    Reads one entry at a time, so a log of any length can be verified.
    """
    sequence, previous = 0, GENESIS_HASH
    for entry in entries:
        sequence += 1
        if entry.sequence != sequence:
            reason = f"Entry {sequence} is missing; entry {entry.sequence} stands in its place."
            return Broken(sequence, reason)
        if entry.previous_hash != previous:
            return Broken(sequence, f"Entry {sequence} does not follow from entry {sequence - 1}.")
        expected = entry_hash(
            sequence, entry.recorded_at, entry.event, entry.claim_id, entry.data, entry.previous_hash
        )
        if entry.hash != expected:
            return Broken(sequence, f"Entry {sequence} was changed after it was written.")
        previous = expected
    if head is not None and head != (sequence, previous):
        reason = f"The log ends after entry {sequence}, but entry {head.sequence} was written."
        return Broken(sequence + 1, reason)
    return Intact(entries=sequence, head_hash=previous)


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
                msgspec.json.decode(row.data),
                row.previous_hash,
                row.hash,
            )
        if len(rows) < size:
            return
        after = rows[-1].sequence
        left = None if left is None else left - len(rows)


def export_lines(entries: Iterable[LogEntry]) -> Iterator[bytes]:
    """The entries as JSON Lines."""
    for entry in entries:
        yield _canonical(entry) + b"\n"


def import_lines(lines: Iterable[bytes]) -> Iterator[LogEntry]:
    """The entries of an export. Raises ``msgspec.DecodeError`` for a line that is no entry."""
    decode = msgspec.json.Decoder(LogEntry).decode
    return (decode(line) for line in lines if line.strip())
