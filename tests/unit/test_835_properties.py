"""Remittances made at random: what is written is read back and balances; what is broken is refused or accounted for."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from segment_changes import Changes, changed, segment_changes
from x12_835_builder import body, claim, interchange, line, text

from services.payments.remittances.balance import imbalances, interest_by_claim
from services.payments.remittances.item import items_of
from services.payments.remittances.model import Remittance
from services.payments.remittances.reader835 import NoRemittance, read_835

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Line(Struct, frozen=True):
    charge: int
    paid: int
    control: str


class Claim(Struct, frozen=True):
    number: str
    lines: tuple[Line, ...]
    interest: int
    reversed: bool

    @property
    def sign(self) -> int:
        return -1 if self.reversed else 1

    @property
    def charge(self) -> int:
        return self.sign * sum(each.charge for each in self.lines)

    @property
    def paid(self) -> int:
        return self.sign * sum(each.paid for each in self.lines)

    def segments(self) -> list[str]:
        lines = [
            line(self.sign * each.charge, self.sign * each.paid, control=each.control) for each in self.lines
        ]
        status = "22" if self.reversed else None
        return claim(
            self.number,
            self.charge,
            self.paid,
            lines=lines,
            interest=self.sign * self.interest,
            status=status,
        )


CENTS = st.integers(0, 10_000_000)
NAMES = st.text("ABCDEFGHIJ0123456789-", min_size=1, max_size=12)
LINES = st.tuples(CENTS, CENTS, NAMES).map(lambda made: Line(max(made[:2]), min(made[:2]), made[2]))
CLAIMS = st.builds(
    Claim, NAMES, st.lists(LINES, min_size=1, max_size=4).map(tuple), st.integers(0, 5_000), st.booleans()
)
PAYMENTS = st.lists(
    st.tuples(st.lists(CLAIMS, max_size=5), st.lists(st.integers(-10_000, 10_000), max_size=3)),
    min_size=1,
    max_size=3,
)


def as_segments(claims: list[Claim], withheld: list[int], trace: str) -> list[str]:
    interest = sum(each.sign * each.interest for each in claims)
    adjustments = [("WO", cents) for cents in withheld] + ([("L6", -interest)] if interest else [])
    amount = sum(each.paid for each in claims) - sum(cents for _, cents in adjustments)
    return body(*(each.segments() for each in claims), amount=amount, adjustments=adjustments, trace=trace)


def read(folder: Path, content: bytes) -> Remittance:
    path = folder / "file"
    path.write_bytes(content)
    return read_835(path)


@SLOW
@given(
    payments=PAYMENTS,
    separators=st.sampled_from(["*:~", "|>~", "*:\n", "^\\'", "*<~"]),
    end=st.sampled_from(["", "\n", "\r\n"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    apart=st.booleans(),
)
def test_what_is_written_is_read_back_and_balances(
    tmp_path: Path,
    payments: list[tuple[list[Claim], list[int]]],
    separators: str,
    end: str,
    mark: bytes,
    apart: bool,
) -> None:
    sets = [as_segments(claims, withheld, f"E{place}") for place, (claims, withheld) in enumerate(payments)]
    segments = interchange(*sets)
    if apart:
        segments = [
            segment for place, each in enumerate(sets) for segment in interchange(each, control=f"{place:09}")
        ]
    element, component, terminator = separators
    written = (
        text(segments).replace("^", "+").translate(str.maketrans("*:~", element + component + terminator))
    )
    ended = written.replace(terminator, terminator + end) if terminator != "\n" else written

    found = read(tmp_path, mark + ended.encode())

    assert found.notes == ()
    assert len(found.sets) == len(payments)
    ordinals = []
    for payment, (claims, _) in zip(found.sets, payments, strict=True):
        assert payment.problems == ()
        assert imbalances(payment) == ()
        assert interest_by_claim(payment)[1] == 0
        assert [
            (each.number, each.charge_cents, each.paid_cents, each.interest_cents) for each in payment.claims
        ] == [(each.number, each.charge, each.paid, each.sign * each.interest) for each in claims]
        for read_claim, made in zip(payment.claims, claims, strict=True):
            assert [
                (each.charge_cents, each.paid_cents, each.control_number) for each in read_claim.lines
            ] == [(made.sign * each.charge, made.sign * each.paid, each.control) for each in made.lines]
        ordinals += [each.ordinal for each in payment.claims]
    assert ordinals == list(range(1, len(ordinals) + 1))
    items = [item for payment in found.sets for item in items_of(payment, b"m" * 32)]
    assert len({item.key for item in items}) == len(items)


@SLOW
@given(payments=PAYMENTS, delta=st.integers(1, 10_000))
def test_a_payment_that_is_off_by_any_amount_does_not_balance(
    tmp_path: Path, payments: list[tuple[list[Claim], list[int]]], delta: int
) -> None:
    claims, withheld = payments[0]
    segments = as_segments(claims, withheld, "E1")
    whole = read(tmp_path, text(interchange(segments)).encode()).sets[0]
    segments[0] = segments[0].replace(
        segments[0].split("*")[2], f"{(whole.amount_cents + delta) / 100:.2f}", 1
    )

    found = read(tmp_path, text(interchange(segments)).encode()).sets[0]

    [difference] = imbalances(found)
    assert difference.says_cents - difference.adds_up_to_cents == delta


BASE = interchange(
    body(
        claim("A", 96_000, 50_000, lines=[line(60_000, 50_000), line(36_000, 0)], interest=355),
        claim("B", 40_000, 0),
        amount=50_355,
        adjustments=[("L6", -355)],
    ),
    body(claim("C", -96_000, -96_000, status="22"), claim("D"), amount=0, trace="EFT-2"),
)


def nothing_is_lost(folder: Path, content: bytes) -> None:
    """Refused with a reason, or every CLP of the file is there once and what is posted of it is understood."""
    try:
        found = read(folder, content)
    except NoRemittance as refused:
        assert refused.problems
        assert all(refused.problems)
        return
    items = []
    for payment in found.sets:
        imbalances(payment)
        items += list(items_of(payment, b"m" * 32))
        if not payment.problems:
            assert payment.paid_on is not None
    assert [item.ordinal for item in items] == list(range(1, len(items) + 1))
    assert all("91234567A" not in repr(item) for item in items)


@SLOW
@given(changes=segment_changes(BASE))
def test_segments_dropped_doubled_swapped_and_cut(tmp_path: Path, changes: Changes) -> None:
    nothing_is_lost(tmp_path, text(changed(BASE, changes)).encode())


@SLOW
@given(edits=st.lists(st.tuples(st.integers(0, 1_500), st.binary(max_size=4), st.integers(0, 4)), max_size=6))
def test_bytes_changed_anywhere(tmp_path: Path, edits: list[tuple[int, bytes, int]]) -> None:
    content = bytearray(text(BASE).encode())
    for position, new, removed in edits:
        content[position : position + removed] = new
    nothing_is_lost(tmp_path, bytes(content))


@pytest.mark.parametrize("kept", range(0, len(text(BASE)), 37))
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, kept: int) -> None:
    with pytest.raises(NoRemittance):
        read(tmp_path, text(BASE).encode()[:kept])
