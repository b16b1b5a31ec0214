"""Rows by key and days, on SQLite and PostgreSQL: what is found is what comparing every row with every span finds."""

from datetime import date, timedelta
from random import Random

import msgspec
import pytest
from builders import a_received_claim
from sqlalchemy import BigInteger, Column, Date, Integer, MetaData, Table

from services.validator import facts
from services.validator.models import CLAIMS, METADATA, SERVICE_LINES
from services.validator.rules import Context, Span, prepare
from services.validator.rules.history import EarlierLine
from shared.database import Database, insert_rows
from shared.migrate import drift, upgrade
from shared.payers import Payers
from shared.reference.codes import CodeSet
from shared.spans import SEVERAL_MONTHS, meeting, month_of

STAYS = Table(
    "stays",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("key", BigInteger, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("month", Integer, nullable=False),
)
KEYS = range(-6, 7)
LENGTHS = (0, 0, 0, 1, 6, 30, 31, 400)


@pytest.fixture
def random() -> Random:
    return Random(7)


def some_days(random: Random) -> tuple[date, date]:
    first = date(2025, 11, 1) + timedelta(days=random.randrange(150))
    # Some end before they begin: a claim may say so.
    return first, first + timedelta(days=random.choice(LENGTHS) or random.choice((0, 0, -1)))


def some_spans(random: Random, *, ranges: bool) -> list[Span]:
    spans = [Span(min(KEYS), date.min, date.max, max(KEYS) if ranges else None)]
    for _ in range(200):
        key = random.choice(KEYS)
        spans.append(Span(key, *sorted(some_days(random)), key + 2 if ranges else None))
    return spans


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize("by_month", [False, True])
def test_rows_are_found_by_the_days_that_they_meet_whatever_month_they_stand_under(
    database: Database, random: Random, ranges: bool, by_month: bool
) -> None:
    rows = []
    for number in range(600):
        first, last = some_days(random)
        # Those from before there were months stand under none.
        month = month_of(first, last) if number % 3 else SEVERAL_MONTHS
        rows.append(
            {
                "id": number,
                "key": random.choice(KEYS),
                "first_day": first,
                "last_day": last,
                "month": month,
            }
        )
    stays = STAYS.c
    with database.begin() as connection:
        STAYS.create(connection)
        insert_rows(connection, STAYS, rows)
        for spans in (some_spans(random, ranges=ranges), some_spans(random, ranges=ranges)[1:7]):
            found = meeting(
                connection,
                (stays.id,),
                key=stays.key,
                first=stays.first_day,
                last=stays.last_day,
                month=stays.month if by_month else None,
                spans=spans,
                where="true",
            )
            expected = {
                row["id"]
                for row in rows
                for span in spans
                if span.key <= row["key"] <= (span.key if span.last_key is None else span.last_key)
                and row["last_day"] >= span.first
                and row["first_day"] <= span.last
            }
            assert expected
            assert sorted(id_ for (id_,) in found) == sorted(expected)


def test_nothing_is_found_in_an_empty_table(database: Database) -> None:
    stays = STAYS.c
    with database.begin() as connection:
        STAYS.create(connection)
        found = meeting(
            connection,
            (stays.id,),
            key=stays.key,
            first=stays.first_day,
            last=stays.last_day,
            month=stays.month,
            spans=[Span(1, date.min, date.max)],
            where="true",
        )
    assert found == []


@pytest.mark.parametrize(
    ("first", "last", "month"),
    [
        (date(2026, 9, 1), date(2026, 9, 30), 202609),
        (date(2026, 9, 30), date(2026, 10, 1), SEVERAL_MONTHS),
        (date(2025, 9, 1), date(2026, 9, 1), SEVERAL_MONTHS),
        (date(2026, 10, 1), date(2026, 9, 30), SEVERAL_MONTHS),
    ],
)
def test_the_month_of_days_is_known_where_it_is_one(first: date, last: date, month: int) -> None:
    assert month_of(first, last) == month


def an_earlier_line(claim_id: str) -> EarlierLine:
    (line,) = prepare(a_received_claim(claim_id=claim_id), Context(CodeSet.load(), Payers.load(None))).lines
    assert line is not None
    return line


def keep(database: Database, line: EarlierLine, **month: int) -> None:
    claim = {
        "claim_id": line.claim_id,
        "verdict": "accepted",
        "judgement": 1,
        "superseded": False,
    }
    kept = {
        "claim_id": line.claim_id,
        "line": line.line,
        "key": line.key,
        "first_day": line.service_start,
        "last_day": line.service_end,
        "standing": True,
        "document": msgspec.json.encode(line),
    }
    with database.begin() as connection:
        insert_rows(connection, CLAIMS, [claim])
        insert_rows(connection, SERVICE_LINES, [kept | month])


def test_lines_from_before_the_months_are_found_beside_new_ones(database: Database) -> None:
    old, new = an_earlier_line("clm_1"), an_earlier_line("clm_2")
    upgrade(database, "services.validator", "0003")
    keep(database, old)
    upgrade(database, "services.validator")
    keep(database, new, month=month_of(new.service_start, new.service_end))
    assert drift(database, METADATA) == []
    with database.read() as connection:
        day = Span(old.key, old.service_start, old.service_start)
        assert facts.lines_for(connection, [day]) == [old, new]
