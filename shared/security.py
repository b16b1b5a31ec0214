"""API keys: who may knock, what they may do, and for which NPIs and payers.

A key is 32 random bytes, so its hash cannot be guessed back: SHA-256 is enough, and a slow hash such as
Argon2, which protects short human passwords, would only cost 50 ms on every request. Keys are read from the
database on each request: a new key works and a revoked one stops working at once.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Struct
from sqlalchemy import Row, Select, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from shared.database import Database
from shared.identifiers import is_npi

Role = Literal["provider", "claims", "auditor", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
SECRET_PREFIX: Final = "pck_"  # noqa: S105 - a mark to recognise keys by, not a key


class Principal(Struct, frozen=True):
    """Who makes a request. ``npis``: whose claims a provider sees; ``payers``: a plan's own ids, empty for
    all.
    """

    key_id: str
    organisation: str
    role: Role
    npis: tuple[str, ...] = ()
    payers: tuple[str, ...] = ()


class KeyRecord(Struct, frozen=True):
    """A key as stored. ``secret_hash`` is the SHA-256 of the secret, in hex."""

    id: str
    secret_hash: str
    role: Role
    organisation: str
    npis: tuple[str, ...]
    payers: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def principal(self) -> Principal:
        return Principal(self.id, self.organisation, self.role, self.npis, self.payers)


class NewKey(Struct, frozen=True):
    """A key just made: the only moment at which its secret is known."""

    record: KeyRecord
    secret: str

    def shown_once(self) -> dict[str, str]:
        """What the command prints: ``id``, ``secret``, ``role``, ``organisation``."""
        record = self.record
        return {
            "id": record.id,
            "secret": self.secret,
            "role": record.role,
            "organisation": record.organisation,
        }


class KeyRefused(ValueError):
    """A key that must not be made, with the reason in words."""


def new_key(
    role: str, organisation: str, now: datetime, *, npis: Sequence[str] = (), payers: Sequence[str] = ()
) -> NewKey:
    """A fresh key; store its record with ``Keys.insert`` in the database of every service. Raises
    ``KeyRefused``.
    """
    known = next((known for known in ROLES if known == role), None)
    if known is None:
        raise KeyRefused(f"{role!r} is not a role. Use one of {', '.join(ROLES)}.")
    if not organisation.strip():
        raise KeyRefused("The organisation has no name. Give the name that people know it by.")
    if known == "provider" and not npis:
        raise KeyRefused("A provider key needs at least one NPI: the billing NPIs it may send claims for.")
    for npi in npis:
        if not is_npi(npi):
            raise KeyRefused(f"{npi!r} is not an NPI: ten digits, the last of them a check digit.")
    secret = SECRET_PREFIX + secrets.token_urlsafe(32)
    record = KeyRecord(
        id=f"key_{secrets.token_hex(8)}",
        secret_hash=hash_secret(secret),
        role=known,
        organisation=organisation.strip(),
        npis=tuple(dict.fromkeys(npis)),
        payers=tuple(dict.fromkeys(payers)),
        created_at=now,
    )
    return NewKey(record, secret)


def hash_secret(secret: str) -> str:
    """The SHA-256 of a secret, in hex: what the database holds."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Keys:
    """The keys in one service's database. Every answer is read anew."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._table = table
        # Built once: this is asked on every request.
        self._by_hash = select(table).where(table.c.secret_hash == bindparam("sought"))
        self._by_id = select(table).where(table.c.id == bindparam("sought"))

    def create(
        self,
        role: str,
        organisation: str,
        now: datetime,
        *,
        npis: Sequence[str] = (),
        payers: Sequence[str] = (),
    ) -> NewKey:
        """Make a key and store it here. Raises ``KeyRefused``."""
        key = new_key(role, organisation, now, npis=npis, payers=payers)
        self.insert(key.record)
        return key

    def insert(self, record: KeyRecord) -> None:
        """Store a key; storing the same key again changes nothing, not even its revocation."""
        values: dict[str, Any] = {
            "id": record.id,
            "secret_hash": record.secret_hash,
            "role": record.role,
            "organisation": record.organisation,
            "npis": msgspec.json.encode(record.npis),
            "payers": msgspec.json.encode(record.payers),
            "created_at": record.created_at,
            "revoked_at": record.revoked_at,
        }
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        with self._database.begin() as connection:
            connection.execute(
                insert(self._table).values(values).on_conflict_do_nothing(index_elements=["id"])
            )

    def lookup(self, secret: str) -> Principal | None:
        """Whose secret this is; ``None`` where it is unknown or revoked.

        The search is by hash, so its timing tells nothing about a secret; the comparison is constant-time
        as well.
        """
        if not secret.startswith(SECRET_PREFIX) or len(secret) > 200:
            return None
        digest = hash_secret(secret)
        record = self._one(self._by_hash, digest)
        if record is None or not hmac.compare_digest(record.secret_hash, digest):
            return None
        return record.principal if record.revoked_at is None else None

    def principal(self, key_id: str) -> Principal | None:
        """Whose key this is, for a session that holds the key's id; ``None`` where unknown or revoked."""
        record = self._one(self._by_id, key_id)
        return record.principal if record is not None and record.revoked_at is None else None

    def revoke(self, key_id: str, now: datetime) -> bool:
        """Stop a key at once; whether there was such a key. A second revocation keeps the first instant."""
        with self._database.begin() as connection:
            connection.execute(
                update(self._table)
                .where(self._table.c.id == key_id, self._table.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            found = connection.execute(select(self._table.c.id).where(self._table.c.id == key_id)).first()
        return found is not None

    def list(self) -> tuple[KeyRecord, ...]:
        """All keys, revoked ones too, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(self._table).order_by(self._table.c.created_at, self._table.c.id)
            )
            return tuple(_record(row) for row in rows)

    def _one(self, statement: Select[Any], sought: str) -> KeyRecord | None:
        with self._database.read() as connection:
            row = connection.execute(statement, {"sought": sought}).first()
        return _record(row) if row is not None else None


def _record(row: Row[Any]) -> KeyRecord:
    return KeyRecord(
        id=row.id,
        secret_hash=row.secret_hash,
        role=row.role,
        organisation=row.organisation,
        npis=msgspec.json.decode(row.npis, type=tuple[str, ...]),
        payers=msgspec.json.decode(row.payers, type=tuple[str, ...]),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
