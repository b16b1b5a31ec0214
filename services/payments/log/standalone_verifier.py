#!/usr/bin/env python3
"""Verifies a timeliness log or an evidence pack. Stands alone: Python 3.9 or newer, nothing to install.

    python3 verify_log.py timeliness-log.jsonl
    python3 verify_log.py timeliness-log.jsonl --public-key keys.json --earlier last-years-log.jsonl
    python3 verify_log.py evidence.zip --public-key keys.json

An entry's hash is SHA-256 over its canonical JSON (keys sorted, no blanks, UTF-8) without ``hash``; each entry holds
the hash of the one before. A line {"checkpoint": ...} is signed with Ed25519 (RFC 8032) over the canonical JSON of
its hash, key_id, made_at and sequence; it stands on a ``log.checkpoint`` entry, which holds the root of a Merkle tree
(RFC 9162) over the entries since the last one. Exit status: 0 intact, 1 broken, 2 not to be read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

GENESIS = "0" * 64
HEX_64 = re.compile("[0-9a-f]{64}")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
UNPROVEN_MAX = timedelta(hours=48)
ENTRY_FIELDS = {
    "sequence": int,
    "recorded_at": str,
    "event": str,
    "claim_id": str,
    "data": dict,
    "previous_hash": str,
    "hash": str,
}
CHECKPOINT_FIELDS = {"sequence": int, "hash": str, "made_at": str, "key_id": str, "signature": str}
WRITTEN_ANEW = (
    "Whoever controls the database could have written the whole log anew and signed it with another key. To rule that "
    "out, compare with what you kept: --public-key KEYS"
)
HINT, HINT_OF_EVIDENCE = f"{WRITTEN_ANEW} or --earlier EXPORT.", f"{WRITTEN_ANEW}."


class Broken(Exception):
    """Entries before ``first_bad`` are as they were written."""

    def __init__(self, first_bad: int, reason: str) -> None:
        super().__init__(reason)
        self.first_bad, self.reason = first_bad, reason


class NotReadable(Exception):
    """This is no log, no evidence pack or no file of keys; the message says which file it is."""


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def entry_hash(entry: dict[str, Any]) -> str:
    return hashlib.sha256(canonical({name: entry[name] for name in entry if name != "hash"})).hexdigest()


# Ed25519 (RFC 8032, section 5.1), with points in extended coordinates. Slow, which does not matter here, and not
# constant in time, which does not either: everything is public.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]  # x, y, z, t with x*y = z*t


def add(a: Point, b: Point) -> Point:
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    m, n, o, q = f - e, h - g, h + g, f + e
    return (m * n % P, o * q % P, n * o % P, m * q % P)


def times(factor: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = add(result, point)
        point = add(point, point)
        factor >>= 1
    return result


def same_point(a: Point, b: Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_of(data: bytes) -> Point:
    """The point in 32 bytes. Raises ValueError where they are none."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        raise ValueError("not a point")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        raise ValueError("not a point")
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    if len(public_key) != 32 or len(signature) != 64:
        return False
    try:
        key, r = point_of(public_key), point_of(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % ORDER
    return same_point(times(s, BASE), add(r, times(k, key)))


def is_signed(checkpoint: dict[str, Any]) -> bool:
    try:
        public_key = bytes.fromhex(checkpoint.get("public_key", ""))
        signature = bytes.fromhex(checkpoint["signature"])
    except ValueError:
        return False
    if hashlib.sha256(public_key).hexdigest() != checkpoint["key_id"]:
        return False
    said = canonical({name: checkpoint[name] for name in ("hash", "key_id", "made_at", "sequence")})
    return is_signature(public_key, said, signature)


def leaf(hash_: str) -> bytes:
    return hashlib.sha256(b"\x00" + bytes.fromhex(hash_)).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(edge: list[tuple[int, bytes]]) -> str:
    if not edge:
        return hashlib.sha256(b"").hexdigest()
    digest = edge[-1][1]
    for _, left in reversed(edge[:-1]):
        digest = node(left, digest)
    return digest.hex()


def add_leaf(edge: list[tuple[int, bytes]], hash_: str) -> None:
    size, digest = 1, leaf(hash_)
    while edge and edge[-1][0] == size:
        digest = node(edge.pop()[1], digest)
        size *= 2
    edge.append((size, digest))


def has_shape(document: Any, fields: dict[str, type], optional: tuple[str, ...] = ()) -> bool:
    return (
        isinstance(document, dict)
        and set(fields) <= set(document) <= set(fields) | set(optional)
        and all(type(document[name]) is kind for name, kind in fields.items())
        and all(isinstance(document.get(name, ""), str) for name in optional)
    )


def read_lines(lines: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """("entry", …), ("checkpoint", …) or ("other", None), in order."""
    for line in lines:
        if not line.strip():
            continue
        try:
            document = json.loads(line.decode("utf-8"))
            canonical(document)
        except (ValueError, RecursionError):
            document = None
        if has_shape(document, ENTRY_FIELDS):
            yield "entry", document
        elif isinstance(document, dict) and list(document) == ["checkpoint"]:
            checkpoint = document["checkpoint"]
            whole = has_shape(checkpoint, CHECKPOINT_FIELDS, ("public_key",))
            yield ("checkpoint", checkpoint) if whole else ("other", None)
        else:
            yield "other", None


def log_lines(name: str, lines: Iterable[bytes]) -> Iterator[bytes]:
    """The same lines. Raises NotReadable where they are no log: nothing at all, or nothing of one.

    A log whose first line alone was damaged is a broken one, and is left to the check.
    """
    rest = iter(lines)
    first = next((line for line in rest if line.strip()), None)
    if first is None:
        raise NotReadable("The file is empty: there is no log to verify.")
    is_of_log = next(read_lines([first]))[0] != "other" or (
        first.lstrip().startswith(b"{") and (b'"previous_hash"' in first or b'"checkpoint"' in first)
    )
    if not is_of_log and not any(kind == "entry" for kind, _ in read_lines(rest)):
        raise NotReadable(f"{name} is not a timeliness log: its first line is no entry.")
    yield first
    yield from rest


def kept_entries(name: str, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The entries of an earlier copy. Raises NotReadable where it is none."""
    number = 0
    for kind, document in read_lines(lines):
        if kind == "other":
            raise NotReadable(f"{name} is no export of a timeliness log.")
        if kind == "entry":
            number += 1
            yield document
    if not number:
        raise NotReadable(f"{name} has no entry to compare with.")


class Log:
    """What is known of the log so far."""

    def __init__(self, trusted: frozenset[str] | None) -> None:
        self.trusted = trusted
        self.sequence, self.hash, self.at = 0, GENESIS, ""
        self.proven, self.checkpoints = 0, 0
        self.key_ids: set[str] = set()
        self.unproven_since = ""
        self.awaits_checkpoint = False
        self.edge: list[tuple[int, bytes]] = []
        self.first_in_tree = 1

    def entry(self, entry: dict[str, Any]) -> None:
        if self.awaits_checkpoint:
            self.checkpoint_missing()
        n = self.sequence + 1
        if entry["sequence"] != n:
            raise Broken(n, f"Entry {n} is missing; entry {entry['sequence']} stands in its place.")
        if entry["previous_hash"] != self.hash:
            raise Broken(n, f"Entry {n} does not follow from entry {n - 1}.")
        if entry["hash"] != entry_hash(entry):
            raise Broken(n, f"Entry {n} was changed after it was written.")
        at = entry["recorded_at"]
        if at < self.at or not INSTANT.fullmatch(at):
            raise Broken(n, f"Entry {n} is dated back: its time lies before {self.at}, which came first.")
        self.unproven_since = self.unproven_since or at
        self.sequence, self.hash, self.at = n, entry["hash"], at
        if entry["event"] != "log.checkpoint":
            add_leaf(self.edge, self.hash)
            return
        data = entry["data"]
        if (data.get("first"), data.get("root")) != (self.first_in_tree, merkle_root(self.edge)):
            reason = f"Entry {n} sums up other entries than those that stand before it."
            raise Broken(self.proven + 1, reason)
        self.awaits_checkpoint = True
        self.edge, self.first_in_tree = [], n
        add_leaf(self.edge, self.hash)

    def checkpoint(self, checkpoint: dict[str, Any]) -> None:
        place, first_bad = checkpoint["sequence"], self.proven + 1
        if place > self.sequence:
            raise Broken(
                self.sequence + 1,
                f"The log ends after entry {self.sequence}, but a checkpoint proves that entry {place} was written.",
            )
        if self.trusted is not None and checkpoint.get("public_key", "") not in self.trusted:
            raise Broken(
                first_bad,
                f"The checkpoint at entry {place} is signed with a key that is not one of the log's: "
                f"{checkpoint['key_id']}.",
            )
        if not is_signed(checkpoint):
            reason = f"The checkpoint at entry {place} is forged: its signature is not valid."
            raise Broken(first_bad, reason)
        if not self.awaits_checkpoint or place != self.sequence:
            reason = f"The checkpoint for entry {place} stands on another entry, {self.sequence}."
            raise Broken(first_bad, reason)
        if checkpoint["hash"] != self.hash:
            raise Broken(
                first_bad,
                f"The log was written anew: entry {place} is not the one that was signed. The first changed entry "
                f"is one of {first_bad} to {place}.",
            )
        if checkpoint["made_at"] < self.at:
            raise Broken(first_bad, f"The checkpoint at entry {place} is older than the entry itself.")
        self.at, self.proven, self.checkpoints = checkpoint["made_at"], place, self.checkpoints + 1
        self.key_ids.add(checkpoint["key_id"])
        self.unproven_since, self.awaits_checkpoint = "", False

    def checkpoint_missing(self) -> None:
        raise Broken(
            self.proven + 1,
            f"The signed checkpoint of entry {self.sequence} was removed, so nothing proves the entries since "
            f"{self.proven + 1}.",
        )

    def end(self) -> None:
        if self.awaits_checkpoint:
            self.checkpoint_missing()
        if self.trusted is not None and self.sequence and not self.checkpoints:
            reason = (
                "No signed checkpoint is in this log, so nothing proves that it is the one that was written."
            )
            raise Broken(1, reason)
        must_be_proven = self.trusted is not None or self.checkpoints
        if must_be_proven and self.unproven_since and is_too_long(self.unproven_since, self.at):
            raise Broken(
                self.proven + 1,
                f"No signed checkpoint proves the entries from {self.proven + 1} to {self.sequence}. "
                "Checkpoints are made daily: they were removed, or the worker that makes them stands still.",
            )


def is_too_long(since: str, until: str) -> bool:
    try:
        return datetime.fromisoformat(until[:-1]) - datetime.fromisoformat(since[:-1]) > UNPROVEN_MAX
    except ValueError:
        return True


def verify_lines(
    lines: Iterable[bytes], trusted: frozenset[str] | None = None, earlier: Iterable[dict[str, Any]] = ()
) -> Log:
    """Check a log, also against the entries of an earlier copy. Raises Broken with the first bad entry."""
    log, kept = Log(trusted), iter(earlier)
    for kind, document in read_lines(lines):
        if kind == "other":
            raise Broken(
                log.sequence + 1, f"The line after entry {log.sequence} is not one of a timeliness log."
            )
        if kind == "checkpoint":
            log.checkpoint(document)
            continue
        log.entry(document)
        before = next(kept, document)
        if before != document:
            n = log.sequence
            raise Broken(n, f"Entry {n} is another one than in the earlier copy of the log.")
    if next(kept, log) is not log:
        reason = f"The log ends after entry {log.sequence}; an earlier copy of it has more entries."
        raise Broken(log.sequence + 1, reason)
    log.end()
    return log


def verify_evidence(document: dict[str, Any], trusted: frozenset[str] | None) -> tuple[int, int]:
    """Check every log entry of an evidence pack: how many a signed checkpoint proves, and how many none does yet.

    Raises Broken with the sequence of the first bad entry.
    """
    proven = unproven = 0
    anchors: dict[int, dict[str, Any]] = {}
    for anchor in document["checkpoints"]:
        entry, checkpoint = anchor["entry"], anchor["checkpoint"]
        n = checkpoint["sequence"]
        if trusted is not None and checkpoint.get("public_key", "") not in trusted:
            raise Broken(n, f"The checkpoint at entry {n} is signed with a key that is not one of the log's.")
        if not is_signed(checkpoint):
            raise Broken(n, f"The checkpoint at entry {n} is forged: its signature is not valid.")
        if entry["hash"] != entry_hash(entry) or (entry["sequence"], entry["hash"]) != (
            n,
            checkpoint["hash"],
        ):
            raise Broken(n, f"Entry {n} is not the one that was signed.")
        anchors[n] = entry
    for each in document["log"]:
        entry, n = each["entry"], each["entry"]["sequence"]
        if entry["hash"] != entry_hash(entry):
            raise Broken(n, f"Entry {n} was changed after it was written.")
        if entry["claim_id"] != document["claim_id"]:
            raise Broken(n, f"Entry {n} is of another claim.")
        if each["checkpoint"] is None:
            unproven += 1
            continue
        digest = leaf(entry["hash"])
        for side, neighbour in each["path"]:
            other = bytes.fromhex(neighbour)
            digest = node(other, digest) if side == "left" else node(digest, other)
        data = anchors[each["checkpoint"]]["data"]
        if digest.hex() != data["root"] or not data["first"] <= n < each["checkpoint"]:
            raise Broken(n, f"Entry {n} is not among those that the checkpoint {each['checkpoint']} proves.")
        proven += 1
    return proven, unproven


def read_keys(path: str) -> frozenset[str]:
    """Public keys as the suite publishes them, or bare hex, one a line."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        document = json.loads(text) if text.lstrip().startswith("{") else {}
        found = [key["public_key"] for key in document["keys"]] if document else text.split()
        keys = frozenset(key.lower() for key in found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotReadable(f"{path} is no file of public keys.") from error
    if not keys or not all(HEX_64.fullmatch(key) for key in keys):
        raise NotReadable(f"{path} is no file of public keys.")
    return keys


def evidence_in(path: str) -> dict[str, Any] | None:
    """The document of an evidence pack, zipped or not; None where the file is none, but perhaps a log."""
    is_zip = zipfile.is_zipfile(path)
    document = None
    try:
        if is_zip:
            with zipfile.ZipFile(path) as pack:
                document = json.loads(pack.read("evidence.json"))
        elif path.endswith(".json"):
            document = json.loads(Path(path).read_bytes())
    except (KeyError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error):
        document = None
    if isinstance(document, dict) and {"log", "checkpoints", "claim_id"} <= set(document):
        return document
    if is_zip:
        raise NotReadable(f"{path} is no evidence pack.")
    return None


def say_evidence(path: str, document: dict[str, Any], trusted: frozenset[str] | None) -> str:
    """What to say of an intact evidence pack. Raises Broken, and NotReadable where parts of it are missing."""
    try:
        proven, unproven = verify_evidence(document, trusted)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotReadable(f"{path} is no evidence pack, or a part of it is missing.") from error
    return f"Intact: {number_of(proven, 'entry', 'entries')} proven, {unproven} not yet under a signed checkpoint"


def say_log(
    entries: int, head: str, checkpoints: int, proven: int, key_ids: Iterable[str], compared: bool = False
) -> str:
    """What to say of an intact log in a file; ``compared``: with an earlier copy."""
    count = number_of(entries, "entry", "entries")
    if not checkpoints:
        anew = "or written anew after those of the earlier copy," if compared else "or a log written anew,"
        return (
            f"Intact: {count}. No signed checkpoint is in this file, so entries cut off its end, {anew} would not be "
            f"seen.\nHead: {head}"
        )
    return f"Intact: {count}, head {head}\n{say_signed(entries, checkpoints, proven, key_ids)}"


def say_signed(entries: int, checkpoints: int, proven: int, key_ids: Iterable[str]) -> str:
    """How far a log is signed, and by which keys."""
    unsigned = ""
    if entries == proven + 1:
        unsigned = f"; entry {entries} is not signed yet"
    elif entries > proven:
        unsigned = f"; entries {proven + 1} to {entries} are not signed yet"
    count = number_of(checkpoints, "signed checkpoint", "signed checkpoints")
    keys = "".join(f"\nSigned with key {key_id}" for key_id in sorted(key_ids))
    return f"{count}. Signed up to entry {proven}{unsigned}{keys}"


def number_of(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def check(path: str, trusted: frozenset[str] | None, earlier: str | None) -> tuple[str, str]:
    """What to say of an intact log or evidence pack, and what it leaves open. Raises Broken and NotReadable."""
    document = evidence_in(path)
    if document is not None:
        if earlier:
            raise NotReadable(f"{path} is an evidence pack: --earlier goes with an export of the whole log.")
        return say_evidence(path, document, trusted), "" if trusted else HINT_OF_EVIDENCE
    with Path(path).open("rb") as lines:
        if earlier:
            with Path(earlier).open("rb") as kept:
                log = verify_lines(log_lines(path, lines), trusted, kept_entries(earlier, kept))
        else:
            log = verify_lines(log_lines(path, lines), trusted)
    said = say_log(log.sequence, log.hash, log.checkpoints, log.proven, log.key_ids, bool(earlier))
    return said, "" if trusted or earlier or not log.checkpoints else HINT


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Verifies a timeliness log or an evidence pack.")
    parser.add_argument("file", help="an export (JSON Lines), or evidence.zip")
    parser.add_argument(
        "--public-key", help="only these keys may have signed: the file of public keys that you kept"
    )
    parser.add_argument(
        "--earlier", help="a copy of the log that you kept: its entries must be the first of this one"
    )
    options = parser.parse_args(arguments)
    try:
        trusted = read_keys(options.public_key) if options.public_key else None
        said, hint = check(options.file, trusted, options.earlier)
    except Broken as broken:
        sys.stdout.write(f"Broken at entry {broken.first_bad}: {broken.reason}\n")
        return 1
    except NotReadable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error.filename or options.file} cannot be read: {error.strerror}\n")
        return 2
    sys.stdout.write(f"{said}\n")
    if hint:
        sys.stdout.flush()
        sys.stderr.write(f"{hint}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
