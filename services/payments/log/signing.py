"""The keys of the timeliness log's checkpoints: one signs, the ones before it are kept to check what they signed.

The private key is ``PROMPTCLAIM_SIGNING_KEY``; on embedded parts it is made and kept in the data folder. Nothing of
it stands in the database, so that who can write there cannot sign.
"""

import os
import secrets
from pathlib import Path

from msgspec import Struct

from services.payments.log.checkpoints import Signer, key_id_of
from shared.settings import Settings, embedded_secret

KEY_FILE = "signing.key"
OLD_KEYS_FILE = "signing.old-public-keys"


class NoSigningKey(Exception):
    """Nothing can be signed here. The message says what to set."""

    def __init__(self) -> None:
        super().__init__(
            "This installation has no signing key. Set PROMPTCLAIM_SIGNING_KEY to 64 hexadecimal characters, for "
            "example from: openssl rand -hex 32."
        )


class SigningKeys(Struct, frozen=True):
    """``current`` is the public key (hex) that signs now, where there is one; ``public`` all of them, newest first."""

    current: str | None
    public: tuple[str, ...]

    def by_id(self) -> dict[str, str]:
        """The public keys by their ids."""
        return {key_id_of(key): key for key in self.public}


def signer_of(settings: Settings) -> Signer:
    """What signs; on embedded parts its key is made on first use. Raises ``NoSigningKey``."""
    if settings.signing_key:
        return Signer(bytes.fromhex(settings.signing_key))
    if not settings.embedded:
        raise NoSigningKey
    return Signer(bytes.fromhex(embedded_secret(settings.data_dir, KEY_FILE).decode().strip()))


def signing_keys(settings: Settings) -> SigningKeys:
    """The public keys as they are now; makes none."""
    old = (*settings.signing_public_keys, *_old_keys(settings.data_dir))
    has_key = settings.signing_key or (settings.embedded and (settings.data_dir / KEY_FILE).exists())
    current = signer_of(settings).public_key if has_key else None
    return SigningKeys(current, tuple(dict.fromkeys((*((current,) if current else ()), *old))))


def new_seed() -> str:
    """A fresh private key, in hex."""
    return secrets.token_hex(32)


def rotate(settings: Settings) -> tuple[str, str]:
    """Give the embedded installation a new key and keep the old public one; the old and new public keys.

    A running suite takes the new key at its next checkpoint. Raises ``NoSigningKey`` where the key comes from
    the environment: there it is for the operator to change.
    """
    if settings.signing_key or not settings.embedded:
        raise NoSigningKey
    before = signer_of(settings).public_key
    seed = new_seed()
    # First the old public key, so that at no moment a checkpoint stands without the key that proves it.
    _write(
        settings.data_dir / OLD_KEYS_FILE,
        "".join(f"{key}\n" for key in (before, *_old_keys(settings.data_dir))),
    )
    _write(settings.data_dir / KEY_FILE, seed)
    return before, Signer(bytes.fromhex(seed)).public_key


def _old_keys(folder: Path) -> tuple[str, ...]:
    try:
        return tuple((folder / OLD_KEYS_FILE).read_text().split())
    except FileNotFoundError:
        return ()


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)
