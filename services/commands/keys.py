"""Keys stand in every service's own database, with the same id, so that each service decides alone who may call it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from services.suite import SERVICES, open_database
from shared.migrate import upgrade
from shared.parts import utc_now
from shared.security import Keys, new_key
from shared.settings import Settings


def create(
    settings: Settings, *, role: str, organisation: str, npis: Sequence[str], payers: Sequence[str]
) -> dict[str, str]:
    """Make a key and store it with every service; return id, secret, role and organisation.

    Raises ``KeyRefused`` (a ``ValueError``) with the reason in words.
    """
    made = new_key(role, organisation, utc_now(), npis=npis, payers=payers)
    for keys in _each(settings):
        keys.insert(made.record)
    return made.shown_once()


def namesakes(settings: Settings, organisation: str, npis: Sequence[str]) -> list[str]:
    """Working provider keys of an organisation of this name that share no NPI: perhaps another agency.

    The name decides whose files a key sees, so two agencies must not carry the same one.
    """
    with _keys(settings, "intake") as keys:
        return [
            record.id
            for record in keys.list()
            if record.role == "provider"
            and record.organisation == organisation.strip()
            and record.revoked_at is None
            and not set(record.npis) & set(npis)
        ]


def listed(settings: Settings) -> list[dict[str, Any]]:
    """All keys without their secrets, as the intake service knows them."""
    with _keys(settings, "intake") as keys:
        return [
            {
                "id": record.id,
                "role": record.role,
                "organisation": record.organisation,
                "npis": list(record.npis),
                "payers": list(record.payers),
                "created_at": record.created_at.isoformat(timespec="seconds"),
                "revoked_at": record.revoked_at.isoformat(timespec="seconds") if record.revoked_at else None,
            }
            for record in keys.list()
        ]


def revoke(settings: Settings, key_id: str) -> bool:
    """End a key with every service at once; whether there was one. Safe to repeat after a failure half-way."""
    now = utc_now()
    revoked = [keys.revoke(key_id, now) for keys in _each(settings)]
    return any(revoked)


def _each(settings: Settings) -> Iterator[Keys]:
    for name in SERVICES:
        with _keys(settings, name) as keys:
            yield keys


@contextmanager
def _keys(settings: Settings, name: str) -> Iterator[Keys]:
    service = SERVICES[name]
    database = open_database(settings, name)
    try:
        # On embedded parts a key may be made before the suite has ever run.
        if settings.embedded:
            upgrade(database, service.package)
        yield Keys(database, service.api_keys)
    finally:
        database.close()
