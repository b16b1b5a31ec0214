"""Rows and files of the feeds: what is taken as it was meant, and what is said of everything else."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.validator.feeds.files import FeedRefused, open_feed
from services.validator.feeds.members import groups_of
from services.validator.feeds.rows import FeedRow, RowProblem, column_names, read_row, required_columns
from services.validator.feeds.store import days_touched
from shared.care import FEEDS, Authorization, CareService, Enrollment, Feed, MemberAlias, Record

D = date.fromisoformat

GOOD: dict[Feed, dict[str, str]] = {
    "services": {
        "cin": "91234567A",
        "service_date": "2026-03-02",
        "program": "CHW",
        "procedure_code": "98960",
        "modifiers": "U3 U2",
        "units": "2",
        "provider_npi": "1234567893",
        "provider_tin": "94-1234567",
        "start_time": "09:30",
        "end_time": "10:00",
        "source": "County",
        "record_id": "S-1",
    },
    "enrollments": {
        "cin": "91234567A",
        "program": "PACE",
        "start_date": "2026-01-01",
        "end_date": "",
        "care_manager_npi": "",
        "source": "County",
        "record_id": "E-1",
    },
    "authorizations": {
        "cin": "91234567A",
        "benefit": "ECM",
        "service": "",
        "authorization_number": "AUTH-9",
        "start_date": "2026-01-01",
        "end_date": "2026-12-31",
        "provider_npi": "1234567893",
        "status": "authorized",
        "population_of_focus": "Adults who are homeless",
        "presumptive": "no",
        "record_id": "A-1",
    },
    "aliases": {"cin": "91234567A", "alias_cin": "97654321C", "source": "State", "record_id": "M-1"},
}


def a_row(feed: Feed, **changes: Any) -> dict[str, Any]:
    return {**GOOD[feed], **changes}


def record_of(feed: Feed, **changes: Any) -> Record:
    row = read_row(feed, a_row(feed, **changes))
    assert isinstance(row, FeedRow), row
    assert row.record is not None
    return row.record


def problems_of(feed: Feed, row: dict[str, Any]) -> tuple[RowProblem, ...]:
    found = read_row(feed, row)
    assert not isinstance(found, FeedRow), found
    return found


def test_a_right_row_of_each_feed_is_its_record() -> None:
    assert record_of("services") == CareService(
        record_id="S-1",
        cin="91234567A",
        service_date=D("2026-03-02"),
        program="CHW",
        procedure_code="98960",
        modifiers=("U2", "U3"),
        units="2",
        provider_npi="1234567893",
        provider_tin="941234567",
        start_time="09:30",
        end_time="10:00",
        source="County",
    )
    assert record_of("enrollments") == Enrollment(
        record_id="E-1", cin="91234567A", program="PACE", start_date=D("2026-01-01"), source="County"
    )
    assert record_of("authorizations") == Authorization(
        record_id="A-1",
        cin="91234567A",
        benefit="ECM",
        start_date=D("2026-01-01"),
        authorization_number="AUTH-9",
        end_date=D("2026-12-31"),
        provider_npi="1234567893",
        population_of_focus="Adults who are homeless",
    )
    assert record_of("aliases") == MemberAlias(
        record_id="M-1", cin="91234567A", alias_cin="97654321C", source="State"
    )


@pytest.mark.parametrize(
    ("feed", "field", "written", "read"),
    [
        ("services", "cin", "91234567A12345", "91234567A"),
        ("services", "cin", " 9123 4567-a ", "91234567A"),
        ("services", "service_date", "3/2/2026", D("2026-03-02")),
        ("services", "service_date", "20260302", D("2026-03-02")),
        ("services", "service_date", "2026-03-02 00:00:00", D("2026-03-02")),
        ("services", "program", "chw", "CHW"),
        ("services", "program", "County TCM", "TCM_COUNTY"),
        ("services", "procedure_code", "t-1017", "T1017"),
        ("services", "modifiers", "U2,u3:U2", ("U2", "U3")),
        ("services", "modifiers", ["U3", "U2"], ("U2", "U3")),
        ("services", "units", 2, "2"),
        ("services", "units", 1.5, "1.5"),
        ("services", "provider_npi", 1234567893, "1234567893"),
        ("services", "start_time", "9:30 am", "09:30"),
        ("services", "start_time", "0930", "09:30"),
        ("services", "end_time", "1:15 PM", "13:15"),
        ("services", "end_time", "13:15:00", "13:15"),
        ("services", "procedure_code", None, None),
        ("enrollments", "program", "D-SNP", "DSNP"),
        ("enrollments", "program", "PACE_WAITLIST", "PACE_WAITLIST"),
        ("enrollments", "end_date", "12/31/9999", None),
        ("authorizations", "presumptive", True, True),
        ("authorizations", "presumptive", "Yes", True),
        ("authorizations", "presumptive", "", False),
        ("authorizations", "status", "Declined", "declined"),
        ("authorizations", "benefit", "Enhanced Care Management", "ECM"),
    ],
)
def test_what_people_and_systems_write_is_read_as_it_was_meant(
    feed: Feed, field: str, written: Any, read: Any
) -> None:
    assert getattr(record_of(feed, **{field: written}), field) == read


@pytest.mark.parametrize("name", ["recuperative_care", "Recuperative Care (Medical Respite)", "RESPITE"])
def test_a_support_is_known_by_its_id_and_by_its_name(name: str) -> None:
    from shared.reference.codes import CodeSet

    record = record_of("authorizations", benefit="CS", service=name)

    assert isinstance(record, Authorization)
    assert record.service in {each.id for each in CodeSet.load().services if each.benefit == "CS"}


@pytest.mark.parametrize(
    ("feed", "field", "value"),
    [
        ("services", "cin", "81234567A"),
        ("services", "cin", ""),
        ("services", "service_date", "2026-02-30"),
        ("services", "service_date", "2026"),
        ("services", "service_date", "0226-03-02"),
        ("services", "service_date", "9999-12-31"),
        ("services", "program", "PACE"),
        ("services", "program", "Something"),
        ("services", "program", ""),
        ("services", "procedure_code", "9896"),
        ("services", "modifiers", "U22"),
        ("services", "modifiers", [2]),
        ("services", "units", "0"),
        ("services", "units", "-1"),
        ("services", "units", "two"),
        ("services", "provider_npi", "1234567890"),
        ("services", "provider_tin", "111111111"),
        ("services", "start_time", "25:00"),
        ("services", "start_time", "13:00 PM"),
        ("services", "start_time", ""),
        ("services", "end_time", ""),
        ("services", "end_time", "09:30"),
        ("services", "end_time", "08:00"),
        ("services", "source", "x" * 81),
        ("services", "record_id", "a\0b"),
        ("services", "record_id", {"id": 1}),
        ("services", "withdrawn", "perhaps"),
        ("enrollments", "program", "Something"),
        ("enrollments", "start_date", ""),
        ("enrollments", "end_date", "2025-12-31"),
        ("enrollments", "care_manager_npi", "12"),
        ("authorizations", "benefit", "CHW"),
        ("authorizations", "service", "respite"),
        ("authorizations", "end_date", "2025-12-31"),
        ("authorizations", "status", "approved"),
        ("authorizations", "status", ""),
        ("authorizations", "presumptive", "maybe"),
        ("aliases", "alias_cin", "91234567A"),
        ("aliases", "alias_cin", "123"),
    ],
)
def test_a_wrong_cell_is_named_with_its_value_and_what_would_be_right(
    feed: Feed, field: str, value: Any
) -> None:
    (problem,) = problems_of(feed, a_row(feed, **{field: value}))

    assert problem.field == field
    assert problem.value == (str(value))[:100]
    assert problem.reason and problem.expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"benefit": "CS"}, "service"),
        ({"benefit": "CS", "service": "massage"}, "service"),
        ({"status": "graduated", "end_date": ""}, "end_date"),
        ({"status": "ended", "end_date": "9999-12-31"}, "end_date"),
    ],
)
def test_an_authorization_that_contradicts_itself_is_wrong(changes: dict[str, str], field: str) -> None:
    assert [
        problem.field for problem in problems_of("authorizations", a_row("authorizations", **changes))
    ] == [field]


def test_authorizations_without_a_status_column_are_authorized() -> None:
    row = {name: value for name, value in GOOD["authorizations"].items() if name != "status"}

    taken = read_row("authorizations", row)

    assert isinstance(taken, FeedRow) and isinstance(taken.record, Authorization)
    assert taken.record.status == "authorized"


def test_all_problems_of_a_row_are_told_at_once() -> None:
    row = a_row("services", cin="x", service_date="y", program="", units="0", end_time="08:00")

    assert {problem.field for problem in problems_of("services", row)} == {
        "cin",
        "service_date",
        "program",
        "units",
        "end_time",
    }


@given(feed=st.sampled_from(FEEDS), data=st.data())
def test_no_row_however_odd_raises_and_no_reason_repeats_a_cell(feed: Feed, data: st.DataObject) -> None:
    cell = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    odd = data.draw(st.dictionaries(st.sampled_from(column_names(feed)), cell | st.lists(cell, max_size=3)))
    marked = {name: f"{value}Zq9" if isinstance(value, str) else value for name, value in odd.items()}

    found = read_row(feed, marked)

    if not isinstance(found, FeedRow):
        assert found
        assert all("Zq9" not in problem.reason + problem.expected for problem in found)


@pytest.mark.parametrize("feed", FEEDS)
def test_taking_a_record_back_needs_no_more_than_its_name(feed: Feed) -> None:
    row = read_row(feed, {"source": "County", "record_id": "S-1", "withdrawn": "yes"})

    assert row == FeedRow("County", "S-1", None, withdrawn=True)


@pytest.mark.parametrize("feed", FEEDS)
def test_a_row_without_an_id_gets_one_from_its_content(feed: Feed) -> None:
    named = a_row(feed, record_id="")

    first, again = read_row(feed, named), read_row(feed, {**named, "cin": f" {named['cin'].lower()}"})
    other = read_row(feed, {**named, "cin": "98888888D"})
    back = read_row(feed, {**named, "withdrawn": "1"})

    assert isinstance(first, FeedRow) and isinstance(again, FeedRow)
    assert isinstance(other, FeedRow) and isinstance(back, FeedRow)
    assert first.id_made and len(first.record_id) <= 80
    assert first.record_id == again.record_id == back.record_id != other.record_id
    assert back.withdrawn


def test_the_id_of_a_row_does_not_depend_on_who_sends_it() -> None:
    row = a_row("services", record_id="")

    ours, theirs = read_row("services", row, ("GSHP1",)), read_row("services", row)

    assert isinstance(ours, FeedRow) and isinstance(theirs, FeedRow)
    assert ours.record_id == theirs.record_id
    assert isinstance(ours.record, CareService) and ours.record.payers == ("GSHP1",)


def read_file(path: Path, feed: Feed = "services") -> tuple[list[tuple[int, Any]], list[str]]:
    opened = open_feed(path, feed)
    return list(opened.rows()), opened.notes


def csv_of(*rows: dict[str, str], delimiter: str = ",") -> str:
    return "\r\n".join([delimiter.join(rows[0]), *(delimiter.join(row.values()) for row in rows), ""])


def refusal(path: Path, feed: Feed = "services") -> FeedRefused:
    with pytest.raises(FeedRefused) as refused:
        open_feed(path, feed)
    return refused.value


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_dialect_and_encoding_of_csv_is_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(csv_of(a_row("services", source="Niños"), delimiter=delimiter).encode(encoding))

    rows, notes = read_file(path)

    assert rows == [(2, a_row("services", source="Niños"))]
    assert bool(notes) is (encoding in ("utf-16", "cp1252"))


def test_headers_stand_in_any_order_and_case_and_unknown_ones_are_said(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("Report of May\n\nProgram,Note,SERVICE DATE,Cin\nCHW,hello,2026-03-02,91234567A\n,,,\n")

    rows, notes = read_file(path)

    assert rows == [(4, {"program": "CHW", "service_date": "2026-03-02", "cin": "91234567A"})]
    assert any('"Note"' in note for note in notes)
    assert any("row 3" in note for note in notes)


@pytest.mark.parametrize("feed", FEEDS)
def test_missing_columns_are_all_named_at_once(tmp_path: Path, feed: Feed) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("source,record_id\nCounty,1\n")

    assert all(name in refusal(path, feed).message for name in required_columns(feed))


def test_a_file_that_only_takes_back_needs_no_more_columns_than_that(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("record_id,withdrawn\nS-1,yes\n")

    assert read_file(path) == ([(2, {"record_id": "S-1", "withdrawn": "yes"})], [])


def test_a_row_with_cells_too_many_or_few_is_wrong_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("cin,service_date,program\na,b\na,b,c,d\n91234567A,2026-03-02,CHW\n")

    (two, few), (three, many), (four, right) = read_file(path)[0]

    assert (two, three, four) == (2, 3, 4)
    assert few.field == many.field == "row"
    assert right["program"] == "CHW"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\x00\x00",
        b"PK\x03\x04rest",
        b"<html></html>",
        b"hello\nworld\n",
        b"cin,service_date,program,cin\n1,2,3,4\n",
        b'cin,service_date,program\n"91234567A,2026-03-02,CHW\n',
        b'[{"cin": "91234567A"',
        b'{"records": {"cin": "91234567A"}}',
    ],
)
def test_a_file_that_cannot_be_used_is_refused_whole_with_what_would_be_right(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "feed"
    path.write_bytes(content)

    refused = refusal(path)

    assert refused.message and refused.expected and "91234567A" not in refused.message


@pytest.mark.parametrize("shape", ["list", "records", "one"])
@pytest.mark.parametrize("start", ["", "\n ", "\ufeff"])
def test_json_is_one_record_a_list_or_an_object_with_records(tmp_path: Path, shape: str, start: str) -> None:
    record = a_row("services", units=2, modifiers=["U2"])
    content: Any = {"list": [record], "records": {"records": [record]}, "one": record}[shape]
    path = tmp_path / "feed"
    path.write_text(start + json.dumps(content))

    assert read_file(path) == ([(1, record)], [])


def test_json_that_is_no_record_is_a_wrong_row_and_unknown_fields_are_said(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_text(json.dumps([1, {"CIN": "91234567A", "colour": "red"}]))

    ((_, wrong), (two, right)), notes = read_file(path)

    assert (wrong.field, two, right["cin"]) == ("row", 2, "91234567A")
    assert any('"colour"' in note for note in notes)


@pytest.mark.parametrize(
    ("record", "spans"),
    [
        (
            CareService("1", "91234567A", D("2026-03-02"), "CCS"),
            [("91234567A", D("2026-03-02"), D("2026-03-02"))],
        ),
        (
            CareService("1", "91234567A", D("2026-03-02"), "CHW"),
            [("91234567A", D("2025-03-01"), D("2027-03-03"))],
        ),
        (
            Enrollment("1", "91234567A", "PACE", D("2026-03-02")),
            [("91234567A", D("2026-03-02"), date.max)],
        ),
        (
            Enrollment("1", "91234567A", "MANAGED_CARE", D("2026-03-02"), D("2026-03-31")),
            [("91234567A", date.min, date.max)],
        ),
        (
            Authorization("1", "91234567A", "ECM", D("2026-03-02")),
            [("91234567A", date.min, date.max)],
        ),
        (
            MemberAlias("1", "91234567A", "97654321C"),
            [("91234567A", date.min, date.max), ("97654321C", date.min, date.max)],
        ),
    ],
)
def test_a_record_touches_the_days_on_which_it_can_change_a_claim(
    record: Record, spans: list[tuple[str, date, date]]
) -> None:
    assert days_touched(record) == spans


cins = st.sampled_from([f"9000000{number}A" for number in range(8)])


@given(pairs=st.lists(st.tuples(cins, cins).filter(lambda pair: pair[0] != pair[1])))
def test_groups_are_what_can_be_reached_through_the_pairs(pairs: list[tuple[str, str]]) -> None:
    def reached(start: str) -> frozenset[str]:
        found = {start}
        while more := {b for pair in pairs for a, b in (pair, pair[::-1]) if a in found and b not in found}:
            found |= more
        return frozenset(found)

    expected = {reached(cin) for pair in pairs for cin in pair}

    groups = groups_of(pairs)

    assert {frozenset(group) for group in groups} == expected
    assert len(groups) == len(expected)
