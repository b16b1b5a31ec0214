"""What to tell an operator whose command could not reach Kafka or PostgreSQL, in place of a traceback."""

from contextlib import suppress

import psycopg
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from shared.bus import BusUnavailable
from shared.settings import Settings


def explained(error: BaseException, settings: Settings) -> str | None:
    """One message with what cannot be reached and where, or ``None`` where that is not what went wrong.

    Holds no password: of a database's URL it names the host only.
    """
    if isinstance(error, BusUnavailable):
        if settings.kafka_bootstrap_servers is None:
            return f"The event log {settings.events_path} cannot be used."
        return f"Kafka cannot be reached at {settings.kafka_bootstrap_servers}. Is it running?"
    if isinstance(error, OperationalError) and isinstance(error.orig, psycopg.OperationalError):
        # Without a state it failed to connect; only then does the driver's message hold nothing from a statement.
        own_words = error.orig.diag.message_primary if error.orig.sqlstate else str(error.orig)
        reason = (own_words or "no reason given").splitlines()[0].strip()
        return f"The database at {', '.join(_places(settings))} cannot be used: {reason}."
    return None


def _places(settings: Settings) -> list[str]:
    places = []
    for url in dict.fromkeys(settings.database_urls.values()):
        with suppress(ValueError):
            parsed = make_url(url)
            places.append(f"{parsed.host}:{parsed.port or 5432}/{parsed.database}")
    return places
