"""Migrations on both databases: whole or not at all, one process at a time, and no drift from the models."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from sqlalchemy import Column, MetaData, Table, Text, exc, inspect

from shared.database import Database, Json
from shared.messaging.tables import messaging_tables
from shared.migrate import drift, is_current, upgrade

FIRST = '''
"""first"""
import sqlalchemy as sa
from alembic import op
from shared.database import Json
from shared.messaging.tables import create_messaging_tables

revision, down_revision = "0001", None

def upgrade():
    create_messaging_tables(op)
    op.create_table("things", sa.Column("id", sa.Text, primary_key=True), sa.Column("content", Json))

def downgrade():
    op.drop_table("things")
'''
SECOND = '''
"""second"""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"

def upgrade():
    op.create_table("more", sa.Column("id", sa.Text, primary_key=True))
    op.execute("SELECT no_such_function()")

def downgrade():
    op.drop_table("more")
'''


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    package = tmp_path / "some_service"
    versions = package / "migrations" / "versions"
    versions.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "migrations" / "env.py").write_text(
        dedent(
            """
            from sqlalchemy import MetaData
            from shared.migrate import run_env
            run_env(MetaData())
            """
        )
    )
    (versions / "0001_first.py").write_text(FIRST)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "some_service"
    sys.modules.pop("some_service", None)


def models() -> MetaData:
    metadata = MetaData()
    messaging_tables(metadata)
    Table("things", metadata, Column("id", Text, primary_key=True), Column("content", Json))
    return metadata


def test_upgrading_makes_the_models_tables_and_nothing_drifts(database: Database, service: str) -> None:
    assert not is_current(database, service)
    upgrade(database, service)
    assert is_current(database, service)
    assert drift(database, models()) == []
    upgrade(database, service)


def test_a_difference_from_the_models_is_found(database: Database, service: str) -> None:
    upgrade(database, service)
    metadata = models()
    Table("forgotten", metadata, Column("id", Text, primary_key=True))
    assert [difference[0] for difference in drift(database, metadata)] == ["add_table"]


def test_a_migration_that_fails_leaves_nothing(database: Database, service: str, tmp_path: Path) -> None:
    versions = tmp_path / service / "migrations" / "versions"
    (versions / "0002_second.py").write_text(SECOND)
    upgrade(database, service, "0001")
    with pytest.raises(exc.DBAPIError):
        upgrade(database, service)
    assert not is_current(database, service)
    assert "more" not in inspect(database.engine).get_table_names()


def test_processes_that_start_at_once_upgrade_once(database: Database, service: str, tmp_path: Path) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    program = (
        "from shared.database import Database; from shared.migrate import upgrade; "
        f"upgrade(Database({url!r}, {database.schema!r}), {service!r})"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(Path.cwd())))}
    processes = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert is_current(database, service)
    assert drift(database, models()) == []
