"""What both databases promise of records of other care: each once, corrected in place, and what changed queued."""

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from services.validator import facts
from services.validator.feeds.rows import FeedRow
from services.validator.feeds.store import Change, Sender, sender_of, store
from services.validator.models import CARE_RECORDS, DAYS_TO_COMPARE, FEED_COVERAGE, MEMBER_CINS
from services.validator.rules import Aliases, Span
from services.validator.rules.history import care_key
from shared.care import CareService, Enrollment, Feed, MemberAlias, Record
from shared.database import Database
from shared.migrate import upgrade
from shared.payers import Payers

D = date.fromisoformat
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
CIN, OTHER_CIN = "91234567A", "97654321C"
EVERYONE = Sender()
TABLES = (CARE_RECORDS, DAYS_TO_COMPARE, FEED_COVERAGE, MEMBER_CINS)

on_one_database = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def validator(database: Database) -> Database:
    upgrade(database, "services.validator")
    return database


def a_service(record_id: str = "S-1", **changes: Any) -> CareService:
    values: dict[str, Any] = {
        "cin": CIN,
        "service_date": D("2026-03-02"),
        "program": "CCS",
        "source": "County",
    }
    return CareService(record_id=record_id, **{**values, **changes})


def a_row(record: Record, *, withdrawn: bool = False) -> FeedRow:
    return FeedRow(record.source, record.record_id, record, withdrawn=withdrawn)


def taken_back(record_id: str, source: str = "County") -> FeedRow:
    return FeedRow(source, record_id, None, withdrawn=True)


def take(
    database: Database,
    *rows: FeedRow,
    feed: Feed = "services",
    sender: Sender = EVERYONE,
    now: datetime = NOON,
) -> list[Change]:
    with database.begin() as connection:
        return store(connection, feed, sender, rows, now)


def known(database: Database, *cins: str, payer: str | None = None) -> list[CareService]:
    spans = {Span(care_key(cin), date.min, date.max) for cin in cins or (CIN, OTHER_CIN)}
    with database.read() as connection:
        records = facts.records_for(connection, spans, Aliases())
    return [each for cin in cins or (CIN, OTHER_CIN) for each in records.services(cin, payer)]


def queued(database: Database) -> list[tuple[str, date, date]]:
    """What waits to be compared; the queue is empty afterwards."""
    days = DAYS_TO_COMPARE.c
    with database.begin() as connection:
        rows = connection.execute(select(days.cin, days.first_day, days.last_day).order_by(days.id)).all()
        connection.execute(delete(DAYS_TO_COMPARE))
    return sorted((row.cin, row.first_day, row.last_day) for row in rows)


def members(database: Database) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    with database.read() as connection:
        for cin, member in connection.execute(select(MEMBER_CINS.c.cin, MEMBER_CINS.c.member)):
            groups.setdefault(member, set()).add(cin)
    assert all(member == min(group) for member, group in groups.items())
    return {frozenset(group) for group in groups.values()}


def empty(database: Database) -> None:
    with database.begin() as connection:
        for table in TABLES:
            connection.execute(delete(table))


def test_a_record_is_new_once_and_the_same_row_again_changes_and_queues_nothing(validator: Database) -> None:
    service = a_service(units="2", modifiers=("U2", "U3"), start_time="09:30", end_time="10:00")

    assert take(validator, a_row(service)) == ["new"]
    assert queued(validator) == [(CIN, D("2026-03-02"), D("2026-03-02"))]
    assert take(validator, a_row(service)) == ["unchanged"]
    assert queued(validator) == []
    assert known(validator) == [service]


def test_a_correction_queues_the_days_and_members_before_and_after_it(validator: Database) -> None:
    take(validator, a_row(a_service()))
    queued(validator)
    corrected = a_service(cin=OTHER_CIN, service_date=D("2026-04-05"))

    assert take(validator, a_row(corrected)) == ["corrected"]

    assert queued(validator) == [
        (CIN, D("2026-03-02"), D("2026-03-02")),
        (OTHER_CIN, D("2026-04-05"), D("2026-04-05")),
    ]
    assert known(validator) == [corrected]


def test_a_withdrawn_record_is_no_longer_known_until_it_comes_again(validator: Database) -> None:
    take(validator, a_row(a_service()))
    queued(validator)

    assert take(validator, taken_back("S-1")) == ["withdrawn"]
    assert known(validator) == []
    assert queued(validator) == [(CIN, D("2026-03-02"), D("2026-03-02"))]
    assert take(validator, taken_back("S-1")) == ["unchanged"]
    assert queued(validator) == []
    assert take(validator, a_row(a_service())) == ["corrected"]
    assert known(validator) == [a_service()]
    assert queued(validator) == [(CIN, D("2026-03-02"), D("2026-03-02"))]


def test_what_was_never_sent_cannot_be_taken_back(validator: Database) -> None:
    take(validator, a_row(a_service()))

    assert take(validator, taken_back("S-2"), taken_back("S-1", source="State")) == ["unknown", "unknown"]
    assert known(validator) == [a_service()]


def test_of_two_rows_for_one_record_in_a_batch_the_later_stands(validator: Database) -> None:
    first, second = a_service(), a_service(program="ICC")

    changes = take(validator, a_row(first), a_row(second), a_row(second), taken_back("S-1"), a_row(second))

    assert changes == ["new", "corrected", "unchanged", "withdrawn", "corrected"]
    assert known(validator) == [second]
    assert queued(validator) == [(CIN, D("2026-03-02"), D("2026-03-02"))]


def test_records_are_told_apart_by_feed_source_and_sender(validator: Database) -> None:
    one, other = Sender(("GSHP1",)), Sender(("HPSJ",))
    mine, theirs = a_service(payers=("GSHP1",)), a_service(payers=("HPSJ",), program="ICC")

    assert take(validator, a_row(mine), sender=one) == ["new"]
    assert take(validator, a_row(theirs), sender=other) == ["new"]
    assert take(validator, a_row(a_service(source="State"))) == ["new"]
    enrollment = Enrollment("S-1", CIN, "PACE", D("2026-01-01"), source="County")
    assert take(validator, a_row(enrollment), feed="enrollments") == ["new"]
    assert take(validator, taken_back("S-1"), sender=other) == ["withdrawn"]

    assert known(validator, CIN, payer="GSHP1") == [mine, a_service(source="State")]
    assert known(validator, CIN, payer="HPSJ") == [a_service(source="State")]


def test_a_sender_is_its_payers_by_their_first_ids_whatever_their_order() -> None:
    payers = Payers.parse('[[payer]]\nids = ["GSHP1", "GSHP2"]\nname = "Golden State"\n')

    assert sender_of(("hpsj", "gshp2"), payers) == sender_of(("GSHP1", "HPSJ", "GSHP2"), payers)
    assert sender_of(("hpsj", "gshp2"), payers).scope == "GSHP1 HPSJ"
    assert sender_of((), payers).scope == ""


def test_the_scope_of_a_sender_with_very_many_payers_fits_and_is_its_own() -> None:
    many = tuple(f"PAYER{number:04}" for number in range(100))

    assert len(Sender(many).scope) <= 200
    assert Sender(many).scope != Sender(many[1:]).scope


def test_coverage_grows_with_what_is_taken_and_not_with_what_is_taken_back(validator: Database) -> None:
    later = NOON + timedelta(days=1)
    take(validator, taken_back("S-1"), sender=Sender(("NOBODY",)))
    take(validator, a_row(a_service()), sender=Sender(("GSHP1", "HPSJ")))
    take(validator, a_row(a_service()), sender=Sender(("HPSJ",)), now=later)
    take(validator, a_row(a_service()), now=later)

    with validator.read() as connection:
        rows = connection.execute(select(FEED_COVERAGE).order_by(FEED_COVERAGE.c.payer_id)).all()

    assert [tuple(row) for row in rows] == [
        ("services", "", later, later),
        ("services", "GSHP1", NOON, NOON),
        ("services", "HPSJ", NOON, later),
    ]


ids = st.sampled_from(["1", "2", "3"])
services = st.builds(
    a_service,
    ids,
    program=st.sampled_from(["CCS", "ICC"]),
    source=st.sampled_from(["", "County"]),
    cin=st.sampled_from([CIN, OTHER_CIN]),
)
rows_of_services = st.lists(
    services.map(a_row) | st.builds(taken_back, ids, st.sampled_from(["", "County"])), max_size=12
)


@on_one_database
@given(rows=rows_of_services, cuts=st.lists(st.integers(0, 12), max_size=3))
def test_however_rows_are_cut_into_batches_the_last_word_on_each_record_stands(
    validator: Database, rows: Sequence[FeedRow], cuts: list[int]
) -> None:
    empty(validator)
    standing: dict[tuple[str, str], tuple[Record | None, bool]] = {}
    expected: list[str] = []
    for row in rows:
        key = (row.source, row.record_id)
        before = standing.get(key)
        if row.record is None:
            what = "unknown" if before is None else "unchanged" if before[1] else "withdrawn"
            if before is not None:
                standing[key] = (before[0], True)
        else:
            what = "new" if before is None else "unchanged" if before == (row.record, False) else "corrected"
            standing[key] = (row.record, False)
        expected.append(what)

    bounds = [0, *sorted(cuts), len(rows)]
    told = [change for first, last in pairwise(bounds) for change in take(validator, *rows[first:last])]

    assert told == expected
    assert {(each.source, each.record_id): each for each in known(validator)} == {
        key: record for key, (record, withdrawn) in standing.items() if not withdrawn
    }


def an_alias(one: str, other: str, record_id: str = "") -> MemberAlias:
    return MemberAlias(record_id or f"{one}{other}", one, other, source="State")


def test_aliases_join_members_and_withdrawing_one_parts_them_again(validator: Database) -> None:
    a, b, c, d = (f"9000000{number}A" for number in range(4))
    take(validator, a_row(an_alias(c, b)), a_row(an_alias(d, c)), feed="aliases")
    assert members(validator) == {frozenset({b, c, d})}
    take(validator, a_row(an_alias(a, d)), feed="aliases")
    assert members(validator) == {frozenset({a, b, c, d})}
    queued(validator)

    take(validator, FeedRow("State", f"{d}{c}", None, withdrawn=True), feed="aliases")

    assert members(validator) == {frozenset({a, d}), frozenset({b, c})}
    assert queued(validator) == [(cin, date.min, date.max) for cin in (c, d)]


cins = st.sampled_from([f"9000000{number}A" for number in range(7)])
pairs = st.tuples(cins, cins).filter(lambda pair: pair[0] != pair[1])
alias_ids = st.sampled_from(["1", "2", "3", "4", "5"])
alias_rows = st.builds(lambda pair, id_: a_row(an_alias(*pair, id_)), pairs, alias_ids)
alias_batches = st.lists(
    st.lists(alias_rows | st.builds(taken_back, alias_ids, st.just("State")), max_size=4), max_size=6
)


@on_one_database
@given(batches=alias_batches)
def test_members_are_always_what_the_aliases_in_force_connect(
    validator: Database, batches: list[list[FeedRow]]
) -> None:
    empty(validator)
    in_force: dict[str, tuple[str, str]] = {}
    for batch in batches:
        for row in batch:
            if isinstance(row.record, MemberAlias):
                in_force[row.record_id] = (row.record.cin, row.record.alias_cin)
            else:
                in_force.pop(row.record_id, None)
        take(validator, *batch, feed="aliases")

        assert members(validator) == connected(in_force.values())


def connected(edges: Any) -> set[frozenset[str]]:
    """Groups by painting every CIN with the smallest that it touches until nothing changes."""
    paint = {cin: cin for edge in edges for cin in edge}
    for _ in paint:
        for one, other in edges:
            paint[one] = paint[other] = min(paint[one], paint[other])
    return {frozenset(cin for cin in paint if paint[cin] == colour) for colour in paint.values()}


def test_two_loads_of_the_same_rows_at_once_store_each_once(validator: Database) -> None:
    batches = [
        [a_row(a_service(f"S-{number}")) for number in range(start, start + 50)]
        for start in range(0, 500, 50)
    ]
    told: list[list[str]] = [[], []]

    def load(who: int) -> None:
        for batch in batches:
            told[who] += take(validator, *batch)

    threads = [threading.Thread(target=load, args=(who,)) for who in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(told[0] + told[1]) == ["new"] * 500 + ["unchanged"] * 500
    assert len(known(validator, CIN)) == 500


def test_two_loads_of_aliases_at_once_leave_no_member_half_joined(validator: Database) -> None:
    chain = [f"9{number:07}A" for number in range(41)]
    links = [a_row(an_alias(one, other)) for one, other in pairwise(chain)]
    threads = [
        threading.Thread(target=lambda part=part: [take(validator, row, feed="aliases") for row in part])
        for part in (links[0::2], links[1::2])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert members(validator) == {frozenset(chain)}
