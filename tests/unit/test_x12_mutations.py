"""Whatever is done to a good file, it is refused with a reason or every claim in it comes out once."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from segment_changes import Changes, changed, segment_changes
from x12_builder import good, text

from services.intake.readers import FileRefused
from services.intake.readers.x12_837p import X12ClaimsFile
from shared.x12.conformity import check, transaction_sets

BASE = good(3)
POSITIONS = st.integers(min_value=0, max_value=len(BASE) - 1)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def nothing_is_lost(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        file = X12ClaimsFile(path)
    except FileRefused as refused:
        assert refused.finding.message
        assert refused.finding.where
        return
    assert len(list(file.checked_items(processes=0))) == file.census.claims
    # Not through the pool, which takes an engine that fails for a finding.
    assert len([check(each) for each in transaction_sets(path)]) == file.census.transaction_sets


@SLOW
@given(changes=segment_changes(BASE))
def test_segments_dropped_doubled_swapped_and_cut(tmp_path: Path, changes: Changes) -> None:
    nothing_is_lost(tmp_path / "a", text(changed(BASE, changes)).encode())


@SLOW
@given(edits=st.lists(st.tuples(st.integers(0, 3_000), st.binary(max_size=4), st.integers(0, 4)), max_size=6))
def test_bytes_changed_anywhere(tmp_path: Path, edits: list[tuple[int, bytes, int]]) -> None:
    content = bytearray(text(BASE).encode())
    for position, new, removed in edits:
        content[position : position + removed] = new
    nothing_is_lost(tmp_path / "a", bytes(content))


@SLOW
@given(content=st.binary(max_size=400))
def test_random_bytes_after_a_good_header(tmp_path: Path, content: bytes) -> None:
    nothing_is_lost(tmp_path / "a", text(BASE[:20]).encode() + content)


@SLOW
@given(values=st.lists(st.text(max_size=12), min_size=1, max_size=8), position=POSITIONS)
def test_any_text_in_any_segment(tmp_path: Path, values: list[str], position: int) -> None:
    segments = list(BASE)
    segments[position] = "*".join([segments[position].split("*", 1)[0], *values])
    nothing_is_lost(tmp_path / "a", text(segments).encode("utf-8", errors="surrogatepass"))
