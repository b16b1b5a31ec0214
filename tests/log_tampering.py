"""A timeliness log in memory, signed, and every way to tamper with it that the tests know."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from services.payments.log.audit_log import export_lines
from services.payments.log.checkpoints import CHECKPOINT_EVENT, Checkpoint, Signer
from services.payments.log.log_check import GENESIS_HASH, LogEntry, LogItem, entry_hash
from services.payments.log.merkle import Tree
from shared.events import utc_text

SIGNER = Signer(bytes(range(32)))
FORGER = Signer(bytes(range(1, 33)))
START = datetime(2026, 3, 2, 18, tzinfo=UTC)

Lines = list[dict[str, Any]]
"""An export as JSON documents."""


def signed_log(
    segments: list[int], *, signer: Signer = SIGNER, step: timedelta = timedelta(hours=1)
) -> list[LogItem]:
    """So many entries, a checkpoint, so many more, a checkpoint …; after the last segment none."""
    items: list[LogItem] = []
    sequence, previous, at = 0, GENESIS_HASH, START
    tree, first = Tree(), 1
    for place, size in enumerate(segments):
        for _ in range(size):
            sequence, at = sequence + 1, at + step
            data: dict[str, Any] = {"amount_cents": 1000 + sequence}
            entry = _entry(sequence, at, "payment.paid", f"clm_{sequence}", data, previous)
            items.append(entry)
            tree.add(entry.hash)
            previous = entry.hash
        if place == len(segments) - 1:
            break
        sequence, at = sequence + 1, at + step
        data = {"first": first, "root": tree.root(), "key_id": signer.key_id}
        entry = _entry(sequence, at, CHECKPOINT_EVENT, "", data, previous)
        items += [entry, signer.sign(sequence, entry.hash, utc_text(at))]
        tree, first, previous = Tree(), sequence, entry.hash
        tree.add(entry.hash)
    return items


def _entry(
    sequence: int, at: datetime, event: str, claim_id: str, data: dict[str, Any], previous: str
) -> LogEntry:
    digest = entry_hash(sequence, utc_text(at), event, claim_id, data, previous)
    return LogEntry(sequence, utc_text(at), event, claim_id, data, previous, digest)


def as_lines(items: list[LogItem]) -> Lines:
    return [json.loads(line) for line in export_lines(items)]


def as_bytes(lines: Lines) -> list[bytes]:
    return [
        json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() for line in lines
    ]


def rechain(lines: Lines, signer: Signer | None = None) -> Lines:
    """Every entry with the number, the hash before and the hash that it needs; with ``signer``, signed anew as well."""
    previous, sequence, tree, first = GENESIS_HASH, 0, Tree(), 1
    done: Lines = []
    for line in lines:
        if "checkpoint" in line:
            if signer and done:
                old = Checkpoint(**line["checkpoint"])
                new = signer.sign(sequence, previous, old.made_at)
                line = as_lines([new])[0]
            done.append(line)
            continue
        sequence += 1
        entry = {**line, "sequence": sequence, "previous_hash": previous}
        if entry["event"] == CHECKPOINT_EVENT:
            entry["data"] = {**entry["data"], "first": first, "root": tree.root()}
        entry.pop("hash")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = sha256(text.encode()).hexdigest()
        if entry["event"] == CHECKPOINT_EVENT:
            tree, first = Tree(), sequence
        tree.add(previous)
        done.append({**entry, "hash": previous})
    return done


def place_of(lines: Lines, sequence: int) -> int:
    """The index of entry ``sequence``."""
    return next(place for place, line in enumerate(lines) if line.get("sequence") == sequence)


def _changed(lines: Lines, sequence: int) -> Lines:
    place = place_of(lines, sequence)
    changed = {**lines[place], "data": {**lines[place]["data"], "amount_cents": 1}}
    return [*lines[:place], changed, *lines[place + 1 :]]


def _dropped(lines: Lines, sequence: int) -> Lines:
    place = place_of(lines, sequence)
    return lines[:place] + lines[place + 1 :]


def _swapped(lines: Lines, sequence: int) -> Lines:
    a, b = place_of(lines, sequence), place_of(lines, sequence + 1)
    lines = list(lines)
    lines[a], lines[b] = lines[b], lines[a]
    return lines


def _inserted(lines: Lines, sequence: int) -> Lines:
    place = place_of(lines, sequence)
    return [*lines[:place], {**lines[place], "claim_id": "clm_invented"}, *lines[place:]]


def _dated_back(lines: Lines, sequence: int) -> Lines:
    place = place_of(lines, sequence)
    at = lines[place]["recorded_at"].replace("2026", "2025")
    return [*lines[:place], {**lines[place], "recorded_at": at}, *lines[place + 1 :]]


def _without_checkpoints(lines: Lines) -> Lines:
    return [line for line in lines if "checkpoint" not in line]


def _without_any_trace(lines: Lines) -> Lines:
    return [line for line in _without_checkpoints(lines) if line["event"] != CHECKPOINT_EVENT]


def _with_checkpoint_changed(lines: Lines, **changes: Any) -> Lines:
    return [
        {"checkpoint": {**line["checkpoint"], **changes}} if "checkpoint" in line else line for line in lines
    ]


Tampering = Callable[[Lines], Lines]

# On a log of segments 4, 3, 2: checkpoints stand at 5 and 9, the last entry is 11. With the first bad entry of each.
SEGMENTS = [4, 3, 2]
TAMPERINGS: dict[str, tuple[Tampering, int]] = {
    "an entry changed": (lambda lines: _changed(lines, 7), 7),
    "an entry dropped": (lambda lines: _dropped(lines, 7), 7),
    "two entries swapped": (lambda lines: _swapped(lines, 6), 6),
    "an entry inserted": (lambda lines: _inserted(lines, 7), 7),
    "an entry dated back": (lambda lines: _dated_back(lines, 7), 7),
    "dated back and chained anew": (lambda lines: rechain(_dated_back(lines, 11)), 11),
    "dated back before a checkpoint and chained anew": (lambda lines: rechain(_dated_back(lines, 10)), 10),
    "changed and chained anew": (lambda lines: rechain(_changed(lines, 7)), 6),
    "dropped and chained anew": (lambda lines: rechain(_dropped(lines, 7)), 9),
    "inserted and chained anew": (lambda lines: rechain(_inserted(lines, 7)), 6),
    "swapped and chained anew, with the old times": (lambda lines: rechain(_swapped(lines, 6)), 7),
    "cut off within what a checkpoint proves": (lambda lines: [*lines[: place_of(lines, 8)], lines[10]], 8),
    "cut off just before a checkpoint": (lambda lines: lines[:10], 6),
    "checkpoints removed": (_without_checkpoints, 1),
    "the last checkpoint removed": (lambda lines: lines[:10] + lines[11:], 6),
    "a checkpoint's hash changed": (lambda lines: _with_checkpoint_changed(lines, hash="0" * 64), 1),
    "a checkpoint's time changed": (
        lambda lines: _with_checkpoint_changed(lines, made_at="2026-03-09T00:00:00.000000Z"),
        1,
    ),
    "a checkpoint's signature changed": (
        lambda lines: _with_checkpoint_changed(lines, signature="00" * 64),
        1,
    ),
    "a checkpoint moved": (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], 1),
    "a line of something else": (lambda lines: [*lines[:7], {"a": 1}, *lines[7:]], 7),
}
# These are whole in themselves: only somebody who knows the keys, or kept a copy, finds them.
FORGERIES: dict[str, tuple[Tampering, int]] = {
    "written anew and signed with another key": (lambda lines: rechain(_changed(lines, 7), FORGER), 1),
    "written anew without a trace of checkpoints": (
        lambda lines: rechain(_without_any_trace(_changed(lines, 7))),
        1,
    ),
}
