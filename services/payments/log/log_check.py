"""Whether a timeliness log is what was written: its chain, its times, its signed checkpoints. Pure.

One entry at a time, so a log of any length can be checked. Whoever reads it in order feeds entries and, after the
entry on which each stands, checkpoints.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from services.payments.log.checkpoints import CHECKPOINT_EVENT, Checkpoint, is_signed
from services.payments.log.merkle import Tree

GENESIS_HASH = "0" * 64
UNPROVEN_MAX = timedelta(hours=48)
"""Checkpoints come daily. Entries that reach over more than twice that without one have lost theirs."""
CHECKPOINTS_SHOWN = 100

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")

canonical = msgspec.json.Encoder(order="sorted").encode
_canonical_of_few = lru_cache(maxsize=64)(canonical)
"""The same, remembered: one batch has one instant and a handful of kinds of event."""


class LogEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the log, and of its export as JSON Lines."""

    sequence: int
    recorded_at: str
    event: str
    claim_id: str
    data: dict[str, Any]
    previous_hash: str
    hash: str


LogItem = LogEntry | Checkpoint


class Intact(Struct, frozen=True):
    """Every entry is what it was when it was written. ``head_hash`` is the last one's.

    ``checkpoints`` are the newest of those whose signatures were checked, oldest first; ``signed`` is the number of
    all, ``key_ids`` are the keys that signed them.
    """

    entries: int
    head_hash: str
    checkpoints: tuple[Checkpoint, ...] = ()
    intact: Literal[True] = True
    signed: int = 0
    key_ids: frozenset[str] = frozenset()


class Broken(Struct, frozen=True):
    """Entries before ``first_bad_sequence`` are as they were written; from there on the log is not proven."""

    first_bad_sequence: int
    reason: str
    intact: Literal[False] = False


class Head(NamedTuple):
    """The log's last entry: 0 and :data:`GENESIS_HASH` before the first."""

    sequence: int
    hash: str


class Expected(Struct, frozen=True, kw_only=True):
    """What is known from elsewhere. ``head``: where the log ends. ``public_keys`` (hex): nobody else may have signed;
    ``None``: any key. ``signed``: the log has a signing key, so that checkpoints come daily. ``proven``: at least
    one must be there.
    """

    head: Head | None = None
    public_keys: Collection[str] | None = None
    signed: bool = False
    proven: bool = False


NOTHING_EXPECTED = Expected()


def entry_hash(
    sequence: int, recorded_at: str, event: str, claim_id: str, data: Mapping[str, Any], previous_hash: str
) -> str:
    """The SHA-256, in hex, that binds an entry to the one before."""
    return hash_of(sequence, recorded_at, event, claim_id, canonical(data), previous_hash)


def hash_of(sequence: int, recorded_at: str, event: str, claim_id: str, data: bytes, previous: str) -> str:
    """The same from data that is canonical JSON already."""
    # The members stand in the order of their names, so this is the canonical JSON of the whole entry.
    return sha256(
        b'{"claim_id":%b,"data":%b,"event":%b,"previous_hash":%b,"recorded_at":%b,"sequence":%d}'
        % (
            canonical(claim_id),
            data,
            _canonical_of_few(event),
            canonical(previous),
            _canonical_of_few(recorded_at),
            sequence,
        )
    ).hexdigest()


def verify(
    items: Iterable[LogItem],
    head: Head | None = None,
    *,
    expected: Expected = NOTHING_EXPECTED,
    earlier: Iterable[LogItem] = (),
) -> Intact | Broken:
    """Whether the log, read from its first entry, is whole; with ``head``, also whether its end is there.

    ``earlier`` is a copy that somebody kept: its entries must be the first ones of this log.
    """
    check = LogCheck(expected.public_keys)
    kept = (item for item in earlier if isinstance(item, LogEntry))
    for item in items:
        broken = check.take(item) or (check.compare(item, kept) if isinstance(item, LogEntry) else None)
        if broken:
            return broken
    return check.end(head or expected.head, kept, expected)


class LogCheck:
    """The state of a check; from ``start`` and ``at`` on where what came before is known to be right."""

    def __init__(
        self, public_keys: Collection[str] | None = None, start: Head | None = None, at: str = ""
    ) -> None:
        self.sequence, self.hash = start or Head(0, GENESIS_HASH)
        self.at = at
        self.tree = Tree()
        self.first_in_tree = 1
        if start:
            self._begin_tree()
        self._public_keys = public_keys
        self._proven = self.sequence
        self._unproven_since: str | None = None
        self._awaits_checkpoint = False
        self._checkpoints: list[Checkpoint] = []
        self._signed = 0
        self._key_ids: set[str] = set()

    def take(self, item: LogItem) -> Broken | None:
        """The next item in order; what is wrong with it, if anything."""
        return self._checkpoint(item) if isinstance(item, Checkpoint) else self._entry(item)

    def _entry(self, entry: LogEntry) -> Broken | None:
        if self._awaits_checkpoint:
            return self._checkpoint_missing()
        sequence = self.sequence + 1
        if entry.sequence != sequence:
            where = f"Entry {sequence} is missing; entry {entry.sequence} stands in its place."
            return Broken(sequence, where)
        if entry.previous_hash != self.hash:
            return Broken(sequence, f"Entry {sequence} does not follow from entry {sequence - 1}.")
        digest = entry_hash(
            sequence, entry.recorded_at, entry.event, entry.claim_id, entry.data, entry.previous_hash
        )
        if entry.hash != digest:
            return Broken(sequence, f"Entry {sequence} was changed after it was written.")
        if entry.recorded_at < self.at or not _INSTANT.fullmatch(entry.recorded_at):
            return Broken(
                sequence, f"Entry {sequence} is dated back: its time lies before {self.at}, which came first."
            )
        if self._unproven_since is None:
            self._unproven_since = entry.recorded_at
        self.sequence, self.hash, self.at = sequence, digest, entry.recorded_at
        if entry.event == CHECKPOINT_EVENT:
            return self._close_tree(entry)
        self.tree.add(digest)
        return None

    def _close_tree(self, entry: LogEntry) -> Broken | None:
        if (entry.data.get("first"), entry.data.get("root")) != (self.first_in_tree, self.tree.root()):
            return Broken(
                self._proven + 1,
                f"Entry {entry.sequence} sums up other entries than those that stand before it.",
            )
        self._awaits_checkpoint = True
        self._begin_tree()
        return None

    def _begin_tree(self) -> None:
        # A checkpoint's own entry is the first leaf of the next tree, so that every entry is in one.
        self.tree = Tree()
        self.tree.add(self.hash)
        self.first_in_tree = self.sequence

    def _checkpoint(self, checkpoint: Checkpoint) -> Broken | None:
        place, first_bad = checkpoint.sequence, self._proven + 1
        if place > self.sequence:
            return Broken(
                self.sequence + 1,
                f"The log ends after entry {self.sequence}, but a checkpoint proves that entry {place} was written.",
            )
        if self._public_keys is not None and checkpoint.public_key not in self._public_keys:
            return Broken(
                first_bad,
                f"The checkpoint at entry {place} is signed with a key that is not one of the log's: "
                f"{checkpoint.key_id}.",
            )
        if not is_signed(checkpoint):
            return Broken(
                first_bad, f"The checkpoint at entry {place} is forged: its signature is not valid."
            )
        if not self._awaits_checkpoint or place != self.sequence:
            return Broken(
                first_bad, f"The checkpoint for entry {place} stands on another entry, {self.sequence}."
            )
        if checkpoint.hash != self.hash:
            return Broken(
                first_bad,
                f"The log was written anew: entry {place} is not the one that was signed. The first changed entry "
                f"is one of {first_bad} to {place}.",
            )
        if checkpoint.made_at < self.at:
            return Broken(first_bad, f"The checkpoint at entry {place} is older than the entry itself.")
        self.at = checkpoint.made_at
        self._proven, self._unproven_since, self._awaits_checkpoint = place, None, False
        self._checkpoints = [*self._checkpoints[1 - CHECKPOINTS_SHOWN :], checkpoint]
        self._signed += 1
        self._key_ids.add(checkpoint.key_id)
        return None

    def _checkpoint_missing(self) -> Broken:
        return Broken(
            self._proven + 1,
            f"The signed checkpoint of entry {self.sequence} was removed, so nothing proves the entries since "
            f"{self._proven + 1}.",
        )

    def compare(self, entry: LogEntry, kept: Iterator[LogItem]) -> Broken | None:
        """Whether the entry just taken is the next of an earlier copy, where that has one."""
        before = next(kept, None)
        if before is None or before == entry:
            return None
        return Broken(
            entry.sequence, f"Entry {entry.sequence} is another one than in the earlier copy of the log."
        )

    def end(
        self, head: Head | None, kept: Iterator[LogItem] | None = None, expected: Expected = NOTHING_EXPECTED
    ) -> Intact | Broken:
        """The verdict after the last item."""
        after = self.sequence + 1
        if head is not None and head != (self.sequence, self.hash):
            if head.sequence == self.sequence:
                return Broken(
                    self._proven + 1, f"Entry {self.sequence} is not the one that was written last."
                )
            if head.sequence < self.sequence:
                return Broken(
                    head.sequence + 1, f"Entry {head.sequence + 1} was added past the log's own writer."
                )
            reason = f"The log ends after entry {self.sequence}, but entry {head.sequence} was written."
            return Broken(after, reason)
        if kept is not None and next(kept, None) is not None:
            reason = f"The log ends after entry {self.sequence}; an earlier copy of it has more entries."
            return Broken(after, reason)
        if self._awaits_checkpoint:
            return self._checkpoint_missing()
        if expected.proven and self.sequence and not self._checkpoints:
            return Broken(
                1,
                "No signed checkpoint is in this log, so nothing proves that it is the one that was written.",
            )
        if (expected.signed or self._checkpoints) and self._unproven_too_long():
            return Broken(
                self._proven + 1,
                f"No signed checkpoint proves the entries from {self._proven + 1} to {self.sequence}. Checkpoints "
                "are made daily: they were removed, or the worker that makes them stands still.",
            )
        checkpoints, key_ids = tuple(self._checkpoints), frozenset(self._key_ids)
        return Intact(self.sequence, self.hash, checkpoints, signed=self._signed, key_ids=key_ids)

    def _unproven_too_long(self) -> bool:
        if self._unproven_since is None:
            return False
        try:
            since, until = datetime.fromisoformat(self._unproven_since), datetime.fromisoformat(self.at)
        except ValueError:
            return True
        return until - since > UNPROVEN_MAX
