"""Migrations of a service's own database, one Alembic history a service in ``services/<service>/migrations``.

Its whole ``env.py``::

    from services.intake.models import metadata
    from shared.migrate import run_env

    run_env(metadata)
"""

import logging
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Text, TypeEngine

from shared.database import Database, Json

# Two lines about its context at every look, and readiness looks every few seconds.
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)

LOCK_TIMEOUT_SECONDS = 4
"""A change of a table that cannot have its lock by then gives up, rather than make everybody queue behind it.
"""


def upgrade(database: Database, service_package: str, revision: str = "head") -> None:
    """Bring the database to ``revision`` in one transaction; does nothing where it is there already.

    ``service_package`` is for example ``services.intake``. Makes the PostgreSQL schema where there is none.
    Of several processes that start at once, one upgrades and the others wait. Raises
    ``sqlalchemy.exc.DBAPIError`` (nothing is changed then) and ``alembic.util.CommandError`` for an unknown
    revision.
    """
    config = _config(service_package)
    with database.begin() as connection:
        if database.dialect == "postgresql":
            key = blake2b(f"migrate {database.schema}".encode(), digest_size=8).digest()
            connection.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(%s)", (int.from_bytes(key, signed=True),)
            )
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {database.schema}")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def is_current(database: Database, service_package: str) -> bool:
    """Whether the database is at the newest revision that this code knows: part of being ready."""
    heads = ScriptDirectory.from_config(_config(service_package)).get_heads()
    with database.read() as connection:
        return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)


def run_env(metadata: MetaData) -> None:
    """What a service's ``env.py`` does:

    run the asked migrations on the connection that :func:`upgrade` holds.
    """
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=_type_differs,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


def drift(database: Database, metadata: MetaData) -> list[Any]:
    """Where the database's tables differ from the models, in Alembic's terms; empty where they agree."""
    with database.read() as connection:
        opened = MigrationContext.configure(connection, opts={"compare_type": _type_differs})
        return list(compare_metadata(opened, metadata))


def _config(service_package: str) -> Config:
    config = Config()
    location = str(files(service_package).joinpath("migrations"))
    config.set_main_option("script_location", location.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _type_differs(
    _context: Any,
    _inspected_column: Column[Any],
    _model_column: Column[Any],
    inspected: TypeEngine[Any],
    model: TypeEngine[Any],
) -> bool | None:
    if isinstance(model, Json):  # a type of our own, of which Alembic cannot know that it is jsonb
        return not isinstance(inspected, JSONB | Text)
    return None
