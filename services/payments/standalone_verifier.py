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


class Broken(Exception):
    """Entries before ``first_bad`` are as they were written."""

    def __init__(self, first_bad: int, reason: str) -> None:
        super().__init__(reason)
        self.first_bad, self.reason = first_bad, reason


class NotReadable(Exception):
    """This is no log and no evidence pack."""


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
    lines: Iterable[bytes], trusted: frozenset[str] | None = None, earlier: Iterable[bytes] = ()
) -> Log:
    """Check a log. Raises Broken with the first bad entry."""
    log = Log(trusted)
    kept = (document for kind, document in read_lines(earlier) if kind != "checkpoint")
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
        keys = [key["public_key"] for key in document["keys"]] if document else text.split()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotReadable(f"{path} is no file of public keys.") from error
    if not keys or not all(HEX_64.fullmatch(key) for key in keys):
        raise NotReadable(f"{path} is no file of public keys.")
    return frozenset(keys)


def evidence_in(path: str) -> dict[str, Any] | None:
    """The document of an evidence pack, zipped or not; None where the file is a log."""
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as pack:
                document = json.loads(pack.read("evidence.json"))
        except (KeyError, ValueError) as error:
            raise NotReadable("it is no evidence pack") from error
    elif path.endswith(".json"):
        document = json.loads(Path(path).read_bytes())
    else:
        return None
    if not isinstance(document, dict) or not {"log", "checkpoints", "claim_id"} <= set(document):
        raise NotReadable("it is no evidence pack")
    return document


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
        document = evidence_in(options.file)
        if document is not None:
            proven, unproven = verify_evidence(document, trusted)
            sys.stdout.write(
                f"Intact: {proven} entries proven, {unproven} not yet under a signed checkpoint\n"
            )
            return 0
        with Path(options.file).open("rb") as lines:
            if options.earlier:
                with Path(options.earlier).open("rb") as earlier:
                    log = verify_lines(lines, trusted, earlier)
            else:
                log = verify_lines(lines, trusted)
    except Broken as broken:
        sys.stdout.write(f"Broken at entry {broken.first_bad}: {broken.reason}\n")
        return 1
    except (OSError, NotReadable, KeyError, TypeError, ValueError) as error:
        sys.stderr.write(f"{options.file} cannot be read: {error}\n")
        return 2
    sys.stdout.write(f"Intact: {log.sequence} entries, head {log.hash}\n")
    sys.stdout.write(f"{log.checkpoints} signed checkpoints, the last one at entry {log.proven}\n")
    for key_id in sorted(log.key_ids):
        known = "" if trusted else ", not compared with a key that you kept: use --public-key"
        sys.stdout.write(f"signed with key {key_id}{known}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
