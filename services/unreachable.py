"""What to tell an operator whose command could not reach Kafka or PostgreSQL, in place of a traceback."""

from contextlib import suppress

import psycopg
from sqlalchemy import literal, make_url, select
from sqlalchemy.exc import OperationalError

from shared.bus import BusUnavailable
from shared.database import Database
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
        # With a state the server has answered: then it says itself what it did not like.
        reason = (error.orig.diag.message_primary or "") if error.orig.sqlstate else ""
        places = ", ".join(_places(settings))
        return f"The database at {places} cannot be used" + (f": {reason}." if reason else ". Is it running?")
    return None


def reach(database: Database) -> None:
    """Make sure that the database answers. Raises ``sqlalchemy.exc.OperationalError``."""
    with database.read() as connection:
        connection.execute(select(literal(1)))


def _places(settings: Settings) -> list[str]:
    places = []
    for url in dict.fromkeys(settings.database_urls.values()):
        with suppress(ValueError):
            parsed = make_url(url)
            places.append(f"{parsed.host}:{parsed.port or 5432}/{parsed.database}")
    return places
