"""`promptclaim db refill-topics`: an event log that was lost is filled again from the outboxes."""

from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import select

from services.cli import main
from services.intake.models import MESSAGING
from services.suite import open_bus, open_database
from shared.database import Database
from shared.events import CLAIMS_RECEIVED, new_event
from shared.messaging.outbox import Relay, enqueue
from shared.settings import Settings

NOW = datetime(2026, 11, 18, 20, tzinfo=UTC)


def promptclaim(*arguments: str, data: Path) -> str:
    done = CliRunner().invoke(main, ["db", *arguments, "--data", str(data)])
    assert done.exit_code == 0, done.output
    return done.output


def publish(settings: Settings, database: Database) -> int:
    bus = open_bus(settings)
    try:
        return Relay(database, MESSAGING, bus).run_once()
    finally:
        bus.close()


def test_what_was_sent_is_sent_again_and_read_from_the_beginning(
    tmp_path: Path, logs_as_before: None
) -> None:
    promptclaim("upgrade", data=tmp_path)
    settings = Settings(data_dir=tmp_path)
    database = open_database(settings, "intake")
    event = new_event(
        CLAIMS_RECEIVED, "claim.received", "/intake", subject="clm_1", key="k", data=b"{}", now=NOW
    )
    with database.begin() as connection:
        enqueue(connection, MESSAGING, [event])
        position = {"consumer_group": "intake", "topic": CLAIMS_RECEIVED, "partition": 0, "next_offset": 7}
        connection.execute(MESSAGING.positions.insert().values(position))
    assert [publish(settings, database), publish(settings, database)] == [1, 0]

    said = promptclaim("refill-topics", data=tmp_path)

    assert said.splitlines() == [
        "intake: 1 events will be sent again",
        "validator: 0 events will be sent again",
        "payments: 0 events will be sent again",
    ]
    with database.read() as connection:
        assert connection.execute(select(MESSAGING.positions)).all() == []
    assert publish(settings, database) == 1
    database.close()
