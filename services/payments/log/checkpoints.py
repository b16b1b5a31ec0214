"""Signed checkpoints of the timeliness log: who writes the chain anew does not have the key (Ed25519, RFC 8032).

A checkpoint stands on an entry of its own, ``log.checkpoint``, whose data holds the root of a Merkle tree over the
hashes of all entries since the last one (``first`` to the entry before). The signature is over the canonical JSON
of the checkpoint's ``hash`` (of that entry), ``key_id``, ``made_at`` and ``sequence``. A key's id is the SHA-256
of its 32 bytes, in hex.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

CHECKPOINT_EVENT = "log.checkpoint"
ALGORITHM = "Ed25519"

_canonical = msgspec.json.Encoder(order="sorted").encode


class Checkpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody with the key says: entry ``sequence`` had this hash at ``made_at`` (UTC).

    ``public_key`` (hex) goes along for whoever has none; empty where the key is not known any more.
    """

    sequence: int
    hash: str
    made_at: str
    key_id: str
    signature: str
    public_key: str = ""


def signed_bytes(sequence: int, hash_: str, made_at: str, key_id: str) -> bytes:
    """What a checkpoint's signature is over."""
    return _canonical({"hash": hash_, "key_id": key_id, "made_at": made_at, "sequence": sequence})


def key_id_of(public_key: str) -> str:
    """The id of a public key given in hex. Raises ``ValueError`` where it is not hex."""
    return sha256(bytes.fromhex(public_key)).hexdigest()


class Signer:
    """Holds the private key. ``seed`` is its 32 bytes; raises ``ValueError`` for any other number."""

    def __init__(self, seed: bytes) -> None:
        # Imported only where it is used: the offline command starts faster without it.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw().hex()
        self.key_id = key_id_of(self.public_key)

    def sign(self, sequence: int, hash_: str, made_at: str) -> Checkpoint:
        signature = self._key.sign(signed_bytes(sequence, hash_, made_at, self.key_id)).hex()
        return Checkpoint(sequence, hash_, made_at, self.key_id, signature, self.public_key)

    def __repr__(self) -> str:
        return f"Signer(key_id={self.key_id!r})"


def is_signed(checkpoint: Checkpoint) -> bool:
    """Whether the signature is that of the checkpoint's own public key, and the key's id fits."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        if key_id_of(checkpoint.public_key) != checkpoint.key_id:
            return False
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(checkpoint.public_key))
        said = signed_bytes(checkpoint.sequence, checkpoint.hash, checkpoint.made_at, checkpoint.key_id)
        key.verify(bytes.fromhex(checkpoint.signature), said)
    except (ValueError, InvalidSignature):
        return False
    return True


def key_documents(public_keys: Iterable[str], current: str | None) -> dict[str, Any]:
    """The public keys as they are published: newest first, with the id of the one that signs now."""
    return {
        "algorithm": ALGORITHM,
        "current": key_id_of(current) if current else None,
        "keys": [{"key_id": key_id_of(key), "public_key": key} for key in public_keys],
    }


def read_key_documents(text: str) -> frozenset[str]:
    """The public keys in a file: as published, or bare hex, one a line. Raises ``ValueError`` for anything else."""
    try:
        if text.lstrip().startswith("{"):
            document = msgspec.json.decode(text, type=Mapping[str, Any])
            found = [str(each["public_key"]) for each in document["keys"]]
        else:
            found = text.split()
        keys = frozenset(found)
        if not keys or any(len(bytes.fromhex(key)) != 32 for key in keys):
            raise ValueError
    except (ValueError, KeyError, TypeError, msgspec.DecodeError):
        raise ValueError(
            "This is no file of public keys. Save /payments/api/v1/timeliness-log/public-key, or write one key "
            "of 64 hexadecimal characters a line."
        ) from None
    return keys
