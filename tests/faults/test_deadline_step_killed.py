"""Workers killed while they tell of deadlines: each notice, its event and its log entry are there once all the same."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from sqlalchemy import func, select

from services.payments.deadlines.step import TellOfDeadlines
from services.payments.log.audit_log import read, read_head
from services.payments.log.log_check import Intact, verify
from services.payments.models import CLOCKS, DEADLINE_NOTICES, MESSAGING, TIMELINESS_LOG
from services.payments.projection import encoded_terms, fold, outcome_columns
from shared.database import Database, insert_rows
from shared.events import ClockEvent
from shared.migrate import upgrade
from shared.parts import Parts
from shared.payers import PayerTerms

CLAIMS = 400
NOTICES_A_CLAIM = 8
BATCH = 50
NOW = datetime(2026, 7, 31, 20, tzinfo=UTC)
TERMS = PayerTerms()


def fill(database: Database) -> None:
    """Claims that nobody paid and nobody was told of."""
    upgrade(database, "services.payments")
    rows = []
    for number in range(CLAIMS):
        arrival = date(2026, 3, 2) + timedelta(days=number % 30)
        rows.append(
            {
                "claim_id": f"clm_{number:05}",
                "submission_id": "sub_1",
                "claim_number": f"PCN-{number}",
                "member_key": f"{number % 7}",
                "organisation": "Harbor Light Shelter",
                "channel": "837P",
                "payer_id": "GSHP1",
                "provider_npi": "1234567893",
                "benefit": "ECM",
                "outreach": "no",
                "frequency": "1",
                "original_reference": None,
                "received_at": datetime(arrival.year, arrival.month, arrival.day, 20, tzinfo=UTC),
                "arrival_date": arrival,
                "judgement": 1,
                "verdict": "accepted",
                "judged_at": NOW,
                "suspected": None,
                "terms": encoded_terms(TERMS),
                "amount_cents": 96_000,
                "sequence": 1,
                **outcome_columns(fold(arrival, TERMS, 96_000, ())),
            }
        )
    with database.begin() as connection:
        insert_rows(connection, CLOCKS, rows)


def start(database: Database, failpoint: str = "") -> subprocess.Popen[bytes]:
    url = database.engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "PROMPTCLAIM_FAILPOINT": failpoint, "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen([sys.executable, __file__, url, database.schema], env=environment)


def expect_everything_once(database: Database) -> None:
    outbox, log = MESSAGING.outbox.c, TIMELINESS_LOG.c
    with database.read() as connection:
        rows = connection.execute(select(DEADLINE_NOTICES.c.claim_id, DEADLINE_NOTICES.c.notice)).all()
        sent = connection.execute(select(outbox.data).order_by(outbox.id)).scalars().all()
        logged = connection.execute(select(log.claim_id, log.data)).all()
        waiting = select(func.count()).where(CLOCKS.c.next_notice_on.is_not(None))
        assert connection.execute(waiting).scalar_one() == 0
        assert isinstance(verify(read(connection), read_head(connection)), Intact)
    noticed = Counter((row.claim_id, row.notice) for row in rows)
    assert len(noticed) == CLAIMS * NOTICES_A_CLAIM and set(noticed.values()) == {1}
    events = [msgspec.json.decode(data, type=ClockEvent) for data in sent]
    assert Counter((each.claim_id, each.notice.notice) for each in events if each.notice) == noticed
    assert Counter((row.claim_id, msgspec.json.decode(row.data)["notice"]) for row in logged) == noticed
    last = {each.claim_id: each.sequence for each in events}
    assert set(last.values()) == {1 + NOTICES_A_CLAIM}
    due = [each.notice.due_on for each in events if each.notice]
    assert due == sorted(due)


@pytest.mark.parametrize(
    "failpoint",
    [
        "deadlines_before_commit",
        "deadlines_before_commit:3",
        "deadlines_after_commit",
        "deadlines_after_commit:2",
    ],
)
def test_a_worker_killed_around_its_commit_is_made_good_by_the_next(
    database: Database, failpoint: str
) -> None:
    fill(database)
    assert start(database, failpoint).wait(60) == -signal.SIGKILL
    assert start(database).wait(60) == 0
    expect_everything_once(database)


def test_workers_killed_at_any_moment_are_made_good_by_the_last(database: Database) -> None:
    seed = random.randrange(2**32)
    print(f"seed={seed}")
    moments = random.Random(seed)
    fill(database)
    for _ in range(4):
        both = [start(database), start(database)]
        time.sleep(moments.uniform(0.5, 1.0))
        for process in both:
            process.kill()
            process.wait()
    assert start(database).wait(60) == 0
    expect_everything_once(database)


def work(url: str, schema: str) -> None:
    database = Database(url, schema)
    step = TellOfDeadlines(cast(Parts, SimpleNamespace(database=database, now=lambda: NOW)), batch=BATCH)
    while step.run_once():
        pass
    database.close()


if __name__ == "__main__":
    work(*sys.argv[1:])
