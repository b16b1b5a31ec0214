"""The chain of the timeliness log: whatever is done to it afterwards is found, at the first bad entry."""

import json
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payments.log.audit_log import (
    GENESIS_HASH,
    Broken,
    Head,
    Intact,
    LogEntry,
    entry_hash,
    export_lines,
    import_lines,
    verify,
)

texts = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
happenings = st.lists(st.tuples(texts, st.dictionaries(texts, values, max_size=3)), min_size=1, max_size=6)


def chain(happened: list[tuple[str, dict[str, object]]]) -> list[LogEntry]:
    entries: list[LogEntry] = []
    previous = GENESIS_HASH
    for sequence, (event, data) in enumerate(happened, start=1):
        at = f"2026-03-02T00:00:00.{sequence:06}Z"
        digest = entry_hash(sequence, at, event, "clm_1", data, previous)
        entries.append(LogEntry(sequence, at, event, "clm_1", dict(data), previous, digest))
        previous = digest
    return entries


@given(happenings)
def test_an_entrys_hash_is_that_of_its_canonical_json(happened: list[tuple[str, dict[str, object]]]) -> None:
    entry = chain(happened)[0]
    document = msgspec.to_builtins(entry)
    document.pop("hash")

    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert sha256(text.encode()).hexdigest() == entry.hash


@given(happenings)
def test_an_untouched_log_is_intact_also_after_export(happened: list[tuple[str, dict[str, object]]]) -> None:
    entries = chain(happened)

    exported = b"".join(export_lines(entries)).split(b"\n")

    assert verify(import_lines(exported)) == Intact(len(entries), entries[-1].hash)


@given(happenings, st.data())
def test_a_changed_entry_is_found_where_it_stands(
    happened: list[tuple[str, dict[str, object]]], data: st.DataObject
) -> None:
    entries = chain(happened)
    place = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from(["recorded_at", "event", "claim_id", "data", "previous_hash", "hash"]))
    new = {"forged": 1, "x" * 9: 2} if field == "data" else "f" * 64
    entries[place] = msgspec.structs.replace(entries[place], **{field: new})

    found = verify(entries)

    assert isinstance(found, Broken)
    assert found.first_bad_sequence == place + 1


@given(happenings, st.data())
def test_a_missing_entry_is_found(happened: list[tuple[str, dict[str, object]]], data: st.DataObject) -> None:
    entries = chain(happened)
    head = Head(len(entries), entries[-1].hash)
    place = data.draw(st.integers(0, len(entries) - 1))
    del entries[place]

    found = verify(entries, head)

    assert isinstance(found, Broken)
    assert found.first_bad_sequence == place + 1


def test_a_log_whose_end_was_cut_off_is_whole_in_itself_but_not_against_its_head() -> None:
    entries = chain([("a", {}), ("b", {}), ("c", {})])
    head = Head(3, entries[2].hash)

    assert verify(entries[:2]) == Intact(2, entries[1].hash)
    assert verify(entries[:2], head) == Broken(3, "The log ends after entry 2, but entry 3 was written.")


def test_a_rewritten_chain_is_found_by_its_head() -> None:
    head = Head(2, chain([("a", {}), ("b", {})])[1].hash)

    found = verify(chain([("a", {"amount_cents": 1}), ("b", {})]), head)

    assert isinstance(found, Broken)


def test_an_empty_log_is_intact() -> None:
    assert verify([], Head(0, GENESIS_HASH)) == Intact(0, GENESIS_HASH)


@pytest.mark.parametrize("line", [b"no json", b"{}", b'{"sequence":"1"}'])
def test_a_line_that_is_no_entry_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        list(import_lines([line]))
