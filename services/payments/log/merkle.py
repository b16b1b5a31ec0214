"""Merkle trees over the hashes of log entries, as in RFC 9162: one entry is proven without showing the others.

A leaf is ``SHA-256(0x00 || hash)`` and a node ``SHA-256(0x01 || left || right)``, so that neither can be taken
for the other. All hashes are lower-case hex outside and bytes inside.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

Side = Literal["left", "right"]
Path = tuple[tuple[Side, str], ...]
"""The neighbours on the way from a leaf to the root, lowest first, each with the side on which it stands."""

EMPTY_ROOT = sha256(b"").hexdigest()


class Tree:
    """A tree that grows by one leaf at a time and remembers only its edge: a few hashes, however large it is."""

    def __init__(self) -> None:
        self._edge: list[tuple[int, bytes]] = []

    def add(self, entry_hash: str) -> None:
        """Add an entry's hash (hex). Raises ``ValueError`` where it is not hex."""
        size, digest = 1, _leaf(entry_hash)
        while self._edge and self._edge[-1][0] == size:
            digest = _node(self._edge.pop()[1], digest)
            size *= 2
        self._edge.append((size, digest))

    def root(self) -> str:
        if not self._edge:
            return EMPTY_ROOT
        _, digest = self._edge[-1]
        for _, left in reversed(self._edge[:-1]):
            digest = _node(left, digest)
        return digest.hex()


def path(entry_hashes: Sequence[str], index: int) -> Path:
    """The proof that the entry at ``index`` is in the tree over ``entry_hashes``. Raises ``IndexError``."""
    if not 0 <= index < len(entry_hashes):
        raise IndexError(index)
    level = [_leaf(each) for each in entry_hashes]
    found: list[tuple[Side, str]] = []
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            found.append(("left" if neighbour < index else "right", level[neighbour].hex()))
        pairs = range(0, len(level) - 1, 2)
        above = [_node(level[place], level[place + 1]) for place in pairs]
        if len(level) % 2:
            above.append(level[-1])
        level, index = above, index // 2
    return tuple(found)


def root_by(entry_hash: str, steps: Path) -> str:
    """The root to which ``steps`` lead from an entry's hash. Raises ``ValueError`` for what is not hex."""
    digest = _leaf(entry_hash)
    for side, neighbour in steps:
        other = bytes.fromhex(neighbour)
        digest = _node(other, digest) if side == "left" else _node(digest, other)
    return digest.hex()


def _leaf(entry_hash: str) -> bytes:
    return sha256(b"\x00" + bytes.fromhex(entry_hash)).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
