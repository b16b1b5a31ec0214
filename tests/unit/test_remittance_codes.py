"""Codes of a remittance: which ones a reason names, and what a person reads of them."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payments.outreach.wrong_denials import CODES
from services.payments.remittances.item import codes_text
from services.payments.remittances.model import Adjustment
from shared.calendar import us_date
from shared.catalogue import rules
from shared.reference.remittance_codes import UNKNOWN, codes_in, reasons_in, remittance_code
from shared.reference.tables import rows_of, version_of
from shared.web.rendering import day, readable

TABLE = rows_of("remittance_codes.csv")
KNOWN = [(row["list"], row["code"]) for row in TABLE]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row['list']} {row['code']}")
def test_each_code_has_one_sentence_a_mark_of_certainty_and_is_found_as_what_it_is(
    row: dict[str, str],
) -> None:
    assert KNOWN.count((row["list"], row["code"])) == 1
    assert re.fullmatch(r"[A-Z].+\.", row["meaning"])
    assert row["checked"] in ("public list", "recall")
    found = remittance_code(row["code"])
    assert (found.list, found.code, found.meaning) == (row["list"], row["code"], row["meaning"])


def test_the_table_is_dated_and_leaves_out_what_is_no_reason_of_a_denial() -> None:
    assert date.fromisoformat(version_of("remittance_codes.csv"))
    assert not {("RARC", "M78"), ("CARC", "225")} & set(KNOWN)


def test_every_code_that_a_rule_or_a_wrong_denial_names_has_its_meaning() -> None:
    named = {code for rule in rules().values() for code in (rule.carc, rule.rarc) if code} | set(CODES)
    assert {code for code in named if remittance_code(code).meaning == UNKNOWN} == set()


@given(
    st.lists(st.tuples(st.sampled_from(["CO", "OA", "PI", "PR"]), st.sampled_from(KNOWN)), max_size=5),
    st.lists(st.sampled_from([code for which, code in KNOWN if which == "RARC"]), max_size=4, unique=True),
    st.integers(min_value=-100_000, max_value=10_000_000),
)
def test_the_codes_of_a_remittance_are_read_back_from_its_reason(
    groups: list[tuple[str, tuple[str, str]]], remarks: list[str], cents: int
) -> None:
    adjustments = [Adjustment(group, code, cents) for group, (which, code) in groups if which == "CARC"]
    reason = codes_text(adjustments, tuple(remarks))
    assert codes_in(reason) == tuple(dict.fromkeys([*(each.reason for each in adjustments), *remarks]))


@pytest.mark.parametrize(
    ("reason", "codes"),
    [
        ("197", ("197",)),
        ("197, N30", ("197", "N30")),
        ("CARC 18", ("18",)),
        ("co-b13 and rarc n30", ("B13", "N30")),
        ("Duplicate of a claim paid on 03/15/2026, check 197", ()),
        ("Ask for the notes of 12 visits", ()),
        ("CO", ()),
        ("", ()),
    ],
)
def test_a_number_in_a_sentence_is_no_code(reason: str, codes: tuple[str, ...]) -> None:
    assert codes_in(reason) == codes


def test_a_code_that_is_not_known_says_where_to_look() -> None:
    assert [(each.code, each.meaning) for each in reasons_in("CO-999 10.00")] == [("999", UNKNOWN)]
    assert "remittance" in UNKNOWN
    assert reasons_in(None) == ()


@given(st.dates(min_value=date(1000, 1, 1)))
def test_pages_and_messages_write_a_day_in_one_form(when: date) -> None:
    said = us_date(when)
    assert re.fullmatch(r"[A-Z][a-z]{2} [1-9]\d?, \d{4}", said)
    assert day(when) == day(when.isoformat()) == readable(when.isoformat()) == said


@pytest.mark.parametrize("value", ["2026-13-40", "G9012 U2", "13/2/2001", "2026-11-02T10:00"])
def test_a_value_that_is_no_day_is_shown_as_it_was_sent(value: str) -> None:
    assert readable(value) == value
