"""The tokenizer: separators by position, line ends, blanks, marks and encodings, in chunks of any size."""

from pathlib import Path

import pytest
from x12_builder import ISA, good, good_body, interchange, text, transaction_set, write

import shared.x12.segments as segments_module
from shared.x12.segments import EnvelopeError, batches


def read(path: Path) -> list[list[str]]:
    return [segment.split(batch.separators.element) for batch in batches(path) for segment in batch.segments]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r", "  \r\n"])
def test_line_ends_after_terminators_do_not_change_the_segments(tmp_path: Path, end: str) -> None:
    plain = read(write(tmp_path / "a", good(), end=""))
    assert read(write(tmp_path / "b", good(), end=end)) == plain
    assert plain[-1] == ["IEA", "1", "000000001"]


@pytest.mark.parametrize("separators", ["|^>~", "*^:\n", "*^:'", "\x1d^\x1f\x1c", "*^:\r"])
def test_separators_are_taken_from_the_isa(tmp_path: Path, separators: str) -> None:
    found = read(write(tmp_path / "a", good(), separators=separators, end=""))
    service = next(fields for fields in found if fields[0] == "SV1")
    assert service[1] == separators[2].join(["HC", "G9012", "U2"])
    assert len(found) == len(good())


def test_carriage_return_and_line_feed_together_may_be_the_terminator(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(text(good(), end="").replace("~", "\r\n").encode())
    assert len(read(path)) == len(good())


def test_an_interchange_with_other_separators_follows_after_blank_segments(tmp_path: Path) -> None:
    second = interchange(transaction_set(good_body(1)), isa=ISA.replace("000000001", "000000002"))
    path = tmp_path / "a"
    path.write_text(text(good()) + "~\n~" + text(second, separators="|!>'", end=""))
    found = read(path)
    assert len(found) == len(good()) + len(second)
    assert found[-1] == ["IEA", "1", "000000002"]


@pytest.mark.parametrize("chunk", [1, 7, 106, 107, 1000])
def test_where_a_chunk_ends_does_not_matter(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = interchange(transaction_set(good_body(1)), isa=ISA.replace("000000001", "000000002"))
    path = tmp_path / "a"
    path.write_text("\ufeff" + text(good(), end="\r\n") + "~\n~" + text(second, separators="|!>'", end=""))
    whole = read(path)
    monkeypatch.setattr(segments_module, "_CHUNK", chunk)
    assert read(path) == whole


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_names_are_read_in_utf8_or_windows_1252(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(text(good()).replace("GARCIA*MARIA", "MUÑOZ*JOSÉ").encode(encoding))
    member = next(fields for fields in read(path) if fields[:2] == ["NM1", "IL"])
    assert member[3:5] == ["MUÑOZ", "JOSÉ"]


def test_segments_are_numbered_through_all_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a", good(20))
    monkeypatch.setattr(segments_module, "_CHUNK", 500)
    expected = 1
    for batch in batches(path):
        assert batch.first == expected
        expected += len(batch.segments)
    assert expected == len(good(20)) + 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("PK\x03\x04", "does not begin"),
        (ISA[:60], "too short"),
        (ISA.replace("          *ZZ", "*ZZ") + "~" + "X" * 60, "fixed lengths"),
        (ISA + ":", "three different"),
    ],
)
def test_a_broken_isa_is_named(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "a"
    path.write_text(content)
    with pytest.raises(EnvelopeError, match=says):
        read(path)


def test_a_segment_that_never_ends_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text(ISA + "~GS*" + "A" * 9_000_000)
    with pytest.raises(EnvelopeError, match="longer than"):
        read(path)


def test_the_character_nul_never_leaves_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text(text(good()).replace("CLM*PCN-1", "CLM*PCN\0-1", 1) + "\0\0\n", encoding="utf-8")
    found = read(path)
    assert next(fields[1] for fields in found if fields[0] == "CLM") == "PCN\ufffd-1"
    assert len(found) == len(good())


def test_nul_is_no_separator(tmp_path: Path) -> None:
    with pytest.raises(EnvelopeError, match="separators"):
        read(write(tmp_path / "a", good(), separators="*^\0~"))
