"""API keys: made once, stored hashed, effective and revoked at once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import MetaData

from shared.access_tables import key_table
from shared.database import Database
from shared.security import KeyRefused, Keys, new_key

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
NPI = "1003000126"


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    metadata = MetaData()
    table = key_table(metadata)
    database = Database(f"sqlite:///{tmp_path / 'a.db'}", "intake")
    metadata.create_all(database.engine)
    yield Keys(database, table)
    database.close()


def test_a_new_key_opens_and_says_whose_it_is(keys: Keys) -> None:
    key = keys.create("provider", "Open Door Shelter", NOW, npis=[NPI, NPI], payers=["GSHP1"])
    principal = keys.lookup(key.secret)
    assert principal is not None
    assert (principal.role, principal.npis, principal.payers) == ("provider", (NPI,), ("GSHP1",))
    assert keys.principal(key.record.id) == principal
    assert key.shown_once() == {
        "id": key.record.id,
        "secret": key.secret,
        "role": "provider",
        "organisation": "Open Door Shelter",
    }


def test_the_secret_itself_is_nowhere_in_the_database(keys: Keys, tmp_path: Path) -> None:
    key = keys.create("claims", "Golden State Health Plan", NOW)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert key.record.id.encode() in stored
    assert key.secret.encode() not in stored
    assert len(key.secret) >= 47


def test_a_revoked_key_stops_at_once_and_stays_listed(keys: Keys) -> None:
    key = keys.create("auditor", "DMHC", NOW)
    assert keys.revoke(key.record.id, NOW + timedelta(days=1))
    assert keys.lookup(key.secret) is None
    assert keys.principal(key.record.id) is None
    assert keys.revoke(key.record.id, NOW + timedelta(days=2))
    assert [record.revoked_at for record in keys.list()] == [NOW + timedelta(days=1)]


def test_storing_a_key_again_does_not_bring_it_back_to_life(keys: Keys) -> None:
    key = new_key("claims", "Plan", NOW)
    keys.insert(key.record)
    keys.revoke(key.record.id, NOW)
    keys.insert(key.record)
    assert keys.lookup(key.secret) is None
    assert len(keys.list()) == 1


@pytest.mark.parametrize("secret", ["", "pck_", "pck_unknown", "x" * 500, "pck_" + "é" * 43])
def test_what_is_not_a_key_opens_nothing(keys: Keys, secret: str) -> None:
    keys.create("claims", "Plan", NOW)
    assert keys.lookup(secret) is None


def test_revoking_a_key_that_never_was_says_so(keys: Keys) -> None:
    assert keys.revoke("key_0", NOW) is False


@pytest.mark.parametrize(
    ("role", "organisation", "npis", "reason"),
    [
        ("owner", "X", [], "is not a role"),
        ("claims", "  ", [], "no name"),
        ("provider", "Shelter", [], "at least one NPI"),
        ("provider", "Shelter", ["1003000127"], "check digit"),
    ],
)
def test_a_key_that_would_be_useless_or_wrong_is_not_made(
    role: str, organisation: str, npis: list[str], reason: str
) -> None:
    with pytest.raises(KeyRefused, match=reason):
        new_key(role, organisation, NOW, npis=npis)
