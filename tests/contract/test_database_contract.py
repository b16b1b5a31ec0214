"""What both databases promise: the same values back, whole batches or nothing, and one holder of a lock."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    exc,
    func,
    select,
)

from shared.among import among
from shared.database import Database, Instant, Json, insert_rows, safe_description, update_rows

NOON = datetime(2026, 11, 2, 12, 30, 15, 123456, tzinfo=UTC)


def make_table(database: Database) -> Table:
    metadata = MetaData()
    table = Table(
        "things",
        metadata,
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("name", Text, nullable=False, unique=True),
        Column("at", Instant),
        Column("day", Date),
        Column("content", Json),
        Column("raw", LargeBinary),
        Column("yes", Boolean),
        Column("cents", BigInteger),
    )
    metadata.create_all(database.engine)
    return table


@pytest.fixture
def table(database: Database) -> Table:
    return make_table(database)


def row(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "at": NOON,
        "day": date(2026, 11, 2),
        "content": b'{"a":[1,"x"]}',
        "raw": b"\x00\xff\\\n\t",
        "yes": True,
        "cents": 2**40,
        **changes,
    }


def everything(database: Database, table: Table) -> list[dict[str, Any]]:
    with database.read() as connection:
        found = connection.execute(select(table).order_by(table.c.id)).mappings().all()
    return [dict(each) for each in found]


ODD_NAMES = [
    *(
        "plain",
        "",
        "NULL",
        "null",
        "two words",
        " blanks ",
        'a "quoted" one',
        "back\\slash",
        '\\"',
        "{braces}",
        "a,b",
    ),
    *("line\nbreak\ttab", "ünï😀", "'", "%s", ":name"),
]


@given(
    st.lists(
        st.one_of(st.sampled_from(ODD_NAMES), st.text(st.characters(exclude_characters="\0", codec="utf-8")))
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_rows_among_any_texts_are_found_and_no_others(
    database: Database, table: Table, wanted: list[str]
) -> None:
    with database.begin() as connection:
        connection.execute(table.delete())
        insert_rows(connection, table, [row(name) for name in ODD_NAMES])
        names = connection.execute(select(table.c.name).where(among(connection, table.c.name, wanted)))
        assert set(names.scalars()) == set(wanted) & set(ODD_NAMES)


def test_rows_among_whole_numbers_are_found(database: Database, table: Table) -> None:
    with database.begin() as connection:
        rows = [row(str(number), cents=number) for number in (-(2**62), -1, 0, 7, 2**62)]
        insert_rows(connection, table, rows)
        found = connection.execute(
            select(table.c.cents).where(among(connection, table.c.cents, [2**62, 7, -(2**62), 8]))
        )
        assert set(found.scalars()) == {2**62, 7, -(2**62)}


def test_every_type_comes_back_as_it_went_in(database: Database, table: Table) -> None:
    rows = [row("first"), row("second", at=None, day=None, content=None, raw=None, yes=None, cents=None)]
    with database.begin() as connection:
        insert_rows(connection, table, rows)
    found = everything(database, table)
    for before, after in zip(rows, found, strict=True):
        assert {name: after[name] for name in before if name != "content"} == {
            name: value for name, value in before.items() if name != "content"
        }
    assert msgspec.json.decode(found[0]["content"]) == {"a": [1, "x"]}
    assert isinstance(found[0]["content"], bytes)
    assert found[1]["content"] is None


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=texts, said=st.text(), at=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_any_text_json_and_instant_survive(database: Database, name: str, said: str, at: datetime) -> None:
    table = make_table(database)
    aware = at.replace(tzinfo=timezone(timedelta(hours=-8)))
    with database.begin() as connection:
        connection.execute(table.delete())
        insert_rows(connection, table, [row(name, at=aware, content=msgspec.json.encode([said]))])
    (found,) = everything(database, table)
    assert found["name"] == name
    assert found["at"] == aware
    assert msgspec.json.decode(found["content"]) == [said.replace("\x00", "\ufffd")]


def test_json_keeps_an_escaped_backslash_before_u0000(database: Database, table: Table) -> None:
    with database.begin() as connection:
        content = msgspec.json.encode(["\\u0000", "\x00", "\\\x00"])
        insert_rows(connection, table, [row("one", content=content)])
    (found,) = everything(database, table)
    assert msgspec.json.decode(found["content"]) == ["\\u0000", "\ufffd", "\\\ufffd"]


def test_a_naive_instant_is_refused(database: Database, table: Table) -> None:
    with pytest.raises(ValueError, match="time zone"), database.begin() as connection:
        insert_rows(connection, table, [row("one", at=datetime(2026, 1, 1))])


def test_instants_compare_and_sort_as_instants(database: Database, table: Table) -> None:
    pacific = timezone(timedelta(hours=-8))
    late = datetime(2026, 1, 1, 23, 0, tzinfo=pacific)
    early = datetime(2026, 1, 2, 6, 59, 59, 999999, tzinfo=UTC)
    with database.begin() as connection:
        insert_rows(connection, table, [row("late", at=late), row("early", at=early)])
    with database.read() as connection:
        assert connection.scalars(select(table.c.name).order_by(table.c.at)).all() == ["early", "late"]
        assert connection.scalars(select(table.c.name).where(table.c.at < late)).all() == ["early"]


def test_one_bad_row_leaves_nothing_of_its_batch(database: Database, table: Table) -> None:
    rows = [row("a"), row("b"), row("a")]
    with pytest.raises(exc.IntegrityError) as caught, database.begin() as connection:
        insert_rows(connection, table, rows)
    assert everything(database, table) == []
    assert "a" not in safe_description(caught.value).split()


def test_conflicts_are_left_out_where_that_is_asked(database: Database, table: Table) -> None:
    with database.begin() as connection:
        insert_rows(connection, table, [row("a", cents=1)])
        insert_rows(
            connection,
            table,
            [row("a", cents=2), row("b", cents=2), row("b", cents=3)],
            ignore_conflicts=True,
        )
        insert_rows(connection, table, [row("c", cents=2)], ignore_conflicts=True)
    assert [(each["name"], each["cents"]) for each in everything(database, table)] == [
        ("a", 1),
        ("b", 2),
        ("c", 2),
    ]


def test_rows_are_updated_by_their_keys(database: Database, table: Table) -> None:
    with database.begin() as connection:
        insert_rows(connection, table, [row("a"), row("b"), row("c")])
        changes = [
            {"name": "a", "cents": 5, "at": None, "content": b"[5]"},
            {"name": "c", "cents": None, "at": NOON + timedelta(days=1), "content": b"[6]"},
            {"name": "nobody", "cents": 7, "at": None, "content": b"[7]"},
        ]
        assert update_rows(connection, table, ["name"], changes) == 2
        assert update_rows(connection, table, ["name", "yes"], [{"name": "b", "yes": True, "cents": 9}]) == 1
        assert update_rows(connection, table, ["name"], []) == 0
    found = {each["name"]: each for each in everything(database, table)}
    assert [found[name]["cents"] for name in "abc"] == [5, 9, None]
    assert [found[name]["at"] for name in "abc"] == [None, NOON, NOON + timedelta(days=1)]
    assert [found[name]["content"] for name in "ac"] == [b"[5]", b"[6]"]


def test_an_exception_undoes_the_transaction(database: Database, table: Table) -> None:
    seen = database.commits()
    with pytest.raises(KeyError), database.begin() as connection:
        insert_rows(connection, table, [row("a")])
        raise KeyError
    assert everything(database, table) == []
    assert database.commits() == seen


def test_a_reader_sees_one_state_while_others_write(database: Database, table: Table) -> None:
    with database.read() as reader:
        count = select(func.count()).select_from(table)
        before = reader.scalar(count)
        with database.begin() as connection:
            insert_rows(connection, table, [row("a")])
        assert reader.scalar(count) == before == 0
    with database.read() as reader:
        assert reader.scalar(count) == 1


def test_what_is_written_in_a_read_is_not_kept(database: Database, table: Table) -> None:
    try:
        with database.read() as connection:
            connection.execute(table.insert().values(name="sneaky"))
    except exc.InternalError as error:
        assert "ReadOnly" in safe_description(error)
    assert everything(database, table) == []


def test_a_lock_has_one_holder_and_is_free_again(database: Database) -> None:
    lock = database.try_lock
    with lock("relay") as first, lock("relay") as second, lock("other") as other:
        assert (first, second, other) == (True, False, True)
    with database.try_lock("relay") as again:
        assert again


def test_a_lock_is_held_against_another_pool(database: Database) -> None:
    elsewhere = Database(database.engine.url.render_as_string(hide_password=False), database.schema)
    with database.try_lock("relay") as first, elsewhere.try_lock("relay") as second:
        assert (first, second) == (True, False)
    elsewhere.close()


def test_a_waiting_thread_learns_of_a_commit(database: Database, table: Table) -> None:
    seen = database.commits()

    def write() -> None:
        with database.begin() as connection:
            insert_rows(connection, table, [row("a")])

    timer = threading.Timer(0.05, write)
    timer.start()
    assert database.wait_for_commit(seen, 20.0)
    timer.join()
    assert not database.wait_for_commit(database.commits(), 0.01)


def test_writers_from_many_threads_wait_for_each_other(database: Database, table: Table) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 10):
            with database.begin() as connection:
                insert_rows(connection, table, [row(f"name-{number}")])

    threads = [threading.Thread(target=write, args=(start,)) for start in range(0, 80, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(everything(database, table)) == 80


def test_sqlite_keeps_what_it_committed_through_a_loss_of_power(
    new_database: Callable[[str], Database],
) -> None:
    with new_database("sqlite").read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("url", ["mysql+pymysql://x/y", "oracle://x/y"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not supported"):
        Database(url, "intake")


@pytest.mark.parametrize("schema", ["", "1x", "a;drop", "A", "a" * 64])
def test_a_schema_has_a_plain_name(schema: str) -> None:
    with pytest.raises(ValueError, match="schema"):
        Database("sqlite:///x.db", schema)
