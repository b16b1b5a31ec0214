"""What single cells mean, and what is never guessed."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.readers import quantities, values
from services.intake.readers.invoice_cells import PARSERS
from services.intake.readers.values import MisreadError


@pytest.mark.parametrize(
    ("cell", "meaning", "rule"),
    [
        (date(2026, 3, 2), date(2026, 3, 2), None),
        ("2026-03-02", date(2026, 3, 2), None),
        (" 2026-03-02T00:00:00 ", date(2026, 3, 2), None),
        ("3/2/2026", date(2026, 3, 2), "repair.date_us"),
        ("03-02-2026", date(2026, 3, 2), "repair.date_us"),
        ("3/2/2026 0:00", date(2026, 3, 2), "repair.date_us"),
        ("20260302", date(2026, 3, 2), "repair.date_compact"),
        (20260302.0, date(2026, 3, 2), "repair.date_compact"),
        (datetime(2026, 3, 2, 14, 5), date(2026, 3, 2), "repair.date_with_time"),
        ("", None, None),
    ],
)
def test_a_date_is_read_as_month_day_year_and_repairs_are_named(
    cell: object, meaning: date | None, rule: str | None
) -> None:
    reading = quantities.day(cell)

    assert (reading.value, reading.rule) == (meaning, rule)


@pytest.mark.parametrize(
    "cell",
    ["13/2/2026", "2/30/2026", "3/2/26", "2.3.2026", "soon", 46301.0, "0026-03-02", time(9, 30), True, 12.5],
)
def test_a_date_that_could_mean_something_else_is_not_guessed(cell: object) -> None:
    with pytest.raises(MisreadError) as misread:
        quantities.day(cell)

    assert "month/day/year" in misread.value.expected


def test_the_number_behind_a_date_cell_is_not_a_date_to_a_person() -> None:
    with pytest.raises(MisreadError, match=r"46301.*Format it as a date"):
        quantities.day(46301.0)


@pytest.mark.parametrize(
    ("cell", "cents", "rule"),
    [
        ("100.00", 10000, None),
        ("100", 10000, None),
        (".5", 50, None),
        (12.1, 1210, None),
        (12.100000000000001, 1210, None),
        (0.0, 0, None),
        ("$1,250.00", 125000, "repair.amount_symbols"),
        ("1,250", 125000, "repair.amount_symbols"),
        ("$ 40", 4000, "repair.amount_symbols"),
        (None, None, None),
    ],
)
def test_an_amount_is_exact_cents(cell: object, cents: int | None, rule: str | None) -> None:
    reading = quantities.amount(cell)

    assert (reading.value, reading.rule) == (cents, rule)


@pytest.mark.parametrize(
    "cell",
    [
        "(12.00)",
        "-12",
        -12.0,
        "12,50",
        "1,25",
        "12.345",
        12.345,
        "1.250,00",
        "twelve",
        "12 00",
        float("inf"),
        float("nan"),
    ],
)
def test_an_amount_that_is_not_plain_dollars_and_cents_is_not_guessed(cell: object) -> None:
    with pytest.raises(MisreadError):
        quantities.amount(cell)


@given(st.integers(min_value=0, max_value=10**9))
def test_any_amount_of_cents_survives_a_spreadsheet(cents: int) -> None:
    assert quantities.amount(cents / 100).value == cents
    assert quantities.amount(f"${cents // 100:,}.{cents % 100:02d}").value == cents


@pytest.mark.parametrize(
    ("cell", "units"), [(4.0, "4"), ("4", "4"), ("4.0", "4"), (1.5, "1.5"), ("-1", "-1"), ("0", "0")]
)
def test_units_are_exact(cell: object, units: str) -> None:
    assert quantities.units(cell).value == Decimal(units)


@pytest.mark.parametrize(
    "cell", ["4 units", "four", "1,000", time(1), date(2026, 1, 4), "1e3", 1e12, float("nan")]
)
def test_units_that_are_no_number_are_not_guessed(cell: object) -> None:
    with pytest.raises(MisreadError):
        quantities.units(cell)


@pytest.mark.parametrize(
    ("cell", "meaning"),
    [
        ("9:30", "09:30"),
        ("9:30 PM", "21:30"),
        ("12:05 a.m.", "00:05"),
        ("12:05 PM", "12:05"),
        ("0930", "09:30"),
        ("09:30:00", "09:30"),
        (time(9, 30), "09:30"),
        (timedelta(hours=9, minutes=30), "09:30"),
    ],
)
def test_a_time_is_hours_and_minutes(cell: object, meaning: str) -> None:
    assert quantities.clock_time(cell).value == meaning


@pytest.mark.parametrize("cell", ["25:00", "9:75", "13:00 PM", "nine", 0.375, timedelta(days=2)])
def test_a_time_that_is_none_is_not_guessed(cell: object) -> None:
    with pytest.raises(MisreadError):
        quantities.clock_time(cell)


@pytest.mark.parametrize(
    ("parse", "cell", "meaning", "rule"),
    [
        (values.npi, "1234567893", "1234567893", None),
        (values.npi, 1234567893.0, "1234567893", "repair.npi_float"),
        (values.npi, "1234567893.0", "1234567893", "repair.npi_float"),
        (values.npi, "123-456-7893", "1234567893", "repair.npi_punctuation"),
        (values.tin, "95-4412345", "954412345", "repair.tin_punctuation"),
        (values.phone, "(213) 555-0142", "2135550142", "repair.phone_punctuation"),
        (values.zip_code, 2108.0, "02108", "repair.zip_padded"),
        (values.zip_code, 95814.0, "95814", None),
        (values.zip_code, "95814-1234", "958141234", None),
        (values.state, "California", "CA", "repair.state"),
        (values.cin, "91234567a", "91234567A", "repair.cin_case"),
        (values.cin, "91234567A45123", "91234567A", "member.cin_from_bic"),
        (values.cin, "123456789", "123456789", None),
        (values.code, "g9012", "G9012", "repair.code_punctuation"),
        (values.code, 99213.0, "99213", None),
        (values.modifiers, "U2 GQ", ("U2", "GQ"), None),
        (values.modifiers, "U2,GQ", ("U2", "GQ"), None),
        (values.modifiers, "u2:gq", ("U2", "GQ"), "repair.code_punctuation"),
        (values.modifiers, 93.0, ("93",), None),
        (values.modifiers, "U2GQ", ("U2GQ",), None),
        (values.diagnoses, "Z59.01, z59.41", ("Z5901", "Z5941"), "repair.code_punctuation"),
        (values.place_of_service, 4.0, "04", "repair.place_of_service_padded"),
        (values.place_of_service, "٤", "٤", "field.format"),
        (values.place_of_service, "²²", "²²", "field.format"),
        (values.gender, "Female", "F", "repair.gender"),
        (values.frequency, None, "1", None),
        (values.frequency, 7.0, "7", None),
        (values.yes_no, "yes", True, None),
        (values.text, "  Two \n lines ", "Two lines", None),
        (values.text, 1001.0, "1001", None),
    ],
)
def test_identifiers_and_codes_lose_only_what_is_said(
    parse: values.Parser, cell: object, meaning: object, rule: str | None
) -> None:
    reading = parse(cell)

    assert (reading.value, reading.rule) == (meaning, rule)


def test_an_npi_that_the_spreadsheet_shortened_is_not_filled_up() -> None:
    with pytest.raises(MisreadError, match="digits are lost"):
        values.npi("1.23457E+09")


def test_a_number_with_more_digits_than_a_spreadsheet_keeps_is_not_trusted() -> None:
    with pytest.raises(MisreadError, match="15 digits"):
        values.text(1234567890123456.0)


_CELLS = st.one_of(
    st.none(),
    st.text(max_size=40),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
)


@given(st.sampled_from(sorted(PARSERS)), _CELLS)
def test_every_cell_is_read_or_misread_and_nothing_else_happens(column: str, cell: object) -> None:
    try:
        reading = PARSERS[column](cell)
    except MisreadError as misread:
        assert misread.message
        assert misread.expected
    else:
        assert reading.rule is None or reading.message
