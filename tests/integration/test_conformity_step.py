"""The step that checks 837P files after receipt, where one file's check fails."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from service_parts import parts_of
from sqlalchemy import select, update
from x12_builder import good_body, interchange, text, transaction_set

from services.intake.conformity_step import ConformityStep
from services.intake.models import CONFORMITY_JOBS, MESSAGING, SOURCE_PARTS
from services.intake.receive import receive
from shared.claim import Submitter
from shared.database import Database
from shared.migrate import upgrade
from shared.parts import Parts

NOW = datetime(2026, 11, 18, 20, tzinfo=UTC)
SENDER = Submitter("Harbor Street Outreach")


@pytest.fixture
def parts(database: Database) -> Parts:
    upgrade(database, "services.intake")
    return parts_of(database, lambda: NOW)


def sent(parts: Parts, folder: Path, *, first: int) -> str:
    path = folder / f"{first}.837"
    path.write_text(text(interchange(transaction_set(good_body(1, first=first)))))
    submission_id, _ = receive(parts, SENDER, path, path.name)
    return submission_id


def waiting(parts: Parts) -> list[str]:
    with parts.database.read() as connection:
        return list(connection.execute(select(CONFORMITY_JOBS.c.submission_id)).scalars())


def handed_on(parts: Parts) -> int:
    with parts.database.read() as connection:
        return len(connection.execute(select(MESSAGING.waiting.c.id)).all())


@contextmanager
def source_lost(parts: Parts, submission_id: str) -> Iterator[None]:
    of_submission = SOURCE_PARTS.c.submission_id == submission_id
    with parts.database.begin() as connection:
        kept = connection.execute(select(SOURCE_PARTS.c.compressed).where(of_submission)).scalar_one()
        connection.execute(update(SOURCE_PARTS).where(of_submission).values(compressed=b"lost"))
    yield
    with parts.database.begin() as connection:
        connection.execute(update(SOURCE_PARTS).where(of_submission).values(compressed=kept))


def test_a_file_that_cannot_be_checked_holds_up_none_that_came_after_it(parts: Parts, tmp_path: Path) -> None:
    bad, *good = [sent(parts, tmp_path, first=number) for number in (1, 2, 3)]
    step = ConformityStep(parts)

    with source_lost(parts, bad):
        with pytest.raises(zlib.error):
            step.run_once()
        assert [step.run_once() for _ in good] == [1, 1]
        with pytest.raises(zlib.error):
            step.run_once()
        assert waiting(parts) == [bad]
        assert handed_on(parts) == len(good)

    assert [step.run_once(), step.run_once()] == [1, 0]
    assert waiting(parts) == []
    assert handed_on(parts) == 3
