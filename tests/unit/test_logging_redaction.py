"""No log line identifies a member, whoever writes it and however the value got there."""

import io
import json
import logging
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from shared.logging import configure_logging, get_logger
from shared.redaction import redact, redact_text


@pytest.fixture
def output(logs_as_before: None) -> io.StringIO:
    stream = io.StringIO()
    configure_logging("DEBUG", stream=stream, console=False, service="intake")
    return stream


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "field",
    [
        "cin",
        "member_cin",
        "last_name",
        "member_last_name",
        "first_name",
        "birth_date",
        "member_birth_date",
        "dob",
        "address",
        "member_address",
        "city",
        "zip",
        "phone",
        "billing_phone",
        "email",
        "gender",
        "secret",
        "authorization",
        "cookie",
        "token",
        "password",
        "body",
        "raw",
        "segment",
        "value",
        "api_key",
        "diagnosis_codes",
        "rendering_last_name",
    ],
)
def test_a_field_named_like_a_persons_data_is_never_written(output: io.StringIO, field: str) -> None:
    get_logger("t").info("looked", **{field: "Rosa Villalobos"})
    assert "Villalobos" not in output.getvalue()
    assert records(output)[0][field] == "[removed]"


@pytest.mark.parametrize(
    ("text", "leak"),
    [
        ("claim of 91234567A judged", "91234567A"),
        ("claim of 91234567a judged", "91234567a"),
        ("card 91234567A12345 read", "1234567A"),
        ("born 1980-05-04", "1980-05-04"),
        ("born 05/04/1980", "05/04/1980"),
        ("born 5/4/80", "5/4/80"),
        ("born 19800504", "19800504"),
        ("born May 4, 1980", "May 4"),
        ("Struct(last_name='Villalobos', cin='91234567A')", "Villalobos"),
        ('{"member_first_name": "Rosa", "units": 1}', "Rosa"),
        ("birth_date=datetime.date(1980, 5, 4), units=1", "1980"),
        ("date(1980, 5, 4)", "1980"),
        ("NM1*IL*1*VILLALOBOS*ROSA****MI*91234567A~", "VILLALOBOS"),
        ("bad segment 'DMG*D8*19800504*F'", "19800504"),
        ("N3*12 Calle Sol~N4*FRESNO*CA*93701~", "Calle"),
        ("(psycopg.Error) x [SQL: INSERT] [parameters: ('Villalobos', 3)]", "Villalobos"),
        ("DETAIL:  Key (cin)=(91234567A) already exists.", "91234567A"),
        ("DETAIL:  Failing row contains (1, Villalobos, Rosa).", "Villalobos"),
        ("Authorization: Bearer pck_abcdefghijklmnop", "pck_abcdef"),
        ("GET /x?member_last_name=Villalobos&limit=3", "Villalobos"),
        ("ssn 123-45-6789", "6789"),
    ],
)
def test_text_in_the_shape_of_an_identifier_is_removed(output: io.StringIO, text: str, leak: str) -> None:
    logging.getLogger("some.library").warning(text)
    get_logger("t").info("seen", detail=text, nested={"rows": [{"text": text}]})
    assert leak not in output.getvalue()
    assert len(records(output)) == 2


def test_an_exceptions_text_is_cleaned_and_its_locals_are_not_shown(output: io.StringIO) -> None:
    patient = "Rosa Villalobos"
    try:
        raise ValueError(f"cannot read NM1*IL*1*{patient.upper()}**** of 91234567A born 1980-05-04")
    except ValueError:
        get_logger("t").exception("judging_failed", claim_id="c-1")
    (record,) = records(output)
    assert "ValueError" in record["exception"]
    assert "[segment]" in record["exception"]
    assert "VILLALOBOS" not in output.getvalue()
    assert "Rosa Villalobos" not in output.getvalue()


def test_a_library_that_reads_claims_loses_whatever_it_quotes(
    output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The structure check silences this library where it is imported: redaction is the second guard.
    library = logging.getLogger("pyx12")
    monkeypatch.setattr(library, "propagate", True)
    speaker = logging.getLogger("pyx12.x12n_document")
    monkeypatch.setattr(speaker, "level", logging.ERROR)
    monkeypatch.setattr(speaker, "_cache", {})
    speaker.error('Invalid code "%s" for element %s', "VILLALOBOS", "NM103")
    (record,) = records(output)
    assert record["event"] == "Invalid code '[removed]' for element NM103"


def test_what_is_needed_to_follow_a_claim_stays(output: io.StringIO) -> None:
    with bound_contextvars(request_id="r-1", correlation_id="c-1"):
        get_logger("services.intake").info(
            "submission_stored", claims=3, status=202, as_of="2026-03-02", claim_id="0192-aa", took_ms=1.5
        )
        logging.getLogger("alembic").warning("running")
    ours, librarys = records(output)
    assert ours["event"] == "submission_stored"
    assert (ours["claims"], ours["status"], ours["as_of"], ours["took_ms"]) == (3, 202, "2026-03-02", 1.5)
    assert ours["request_id"] == librarys["request_id"] == "r-1"
    assert ours["service"] == librarys["service"] == "intake"
    assert ours["level"] == "info"
    assert ours["timestamp"].endswith("Z")
    assert librarys["logger"] == "alembic"


def test_a_library_may_speak_with_extra_fields_and_they_are_cleaned_too(output: io.StringIO) -> None:
    logging.getLogger("lib").warning("x", extra={"last_name": "Villalobos", "rows": 2})
    (record,) = records(output)
    assert record["last_name"] == "[removed]"
    assert record["rows"] == 2


@given(
    digits=st.from_regex(r"9[0-9]{7}[A-Z]", fullmatch=True),
    before=st.text(alphabet="ab .,:;='\"([{<>/\n", max_size=12),
    after=st.text(alphabet=" .,:;='\")]}<>/\n", max_size=12),
)
def test_no_cin_survives_in_any_surroundings(digits: str, before: str, after: str) -> None:
    text = f"{before.rstrip('ab')} {digits}{after}"
    assert digits not in redact_text(text)
    assert digits not in json.dumps(redact({"note": text, "list": [text], "deep": {"x": (text,)}}))


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2029, 1, 1)))
def test_no_birth_date_survives_in_the_forms_that_files_use(day: Any) -> None:
    for text in (day.isoformat(), day.strftime("%Y%m%d"), day.strftime("%m/%d/%Y"), repr(day)):
        assert text not in redact_text(f"member born {text}, one line")
    assert redact({"number": int(day.strftime("%Y%m%d"))})["number"] == "[date]"


def test_bytes_are_counted_and_not_shown() -> None:
    assert redact({"upload": b"NM1*IL*1*DOE~"}) == {"upload": "[13 bytes]"}


def test_even_before_logs_are_set_up_no_locals_and_no_identifiers_are_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    member = "Rosa Villalobos"
    try:
        raise ValueError("of 91234567A")
    except ValueError:
        get_logger("early").exception("failed")
    assert member
    assert "failed" in caplog.text
    assert "Villalobos" not in caplog.messages[0]
    assert "91234567A" not in caplog.messages[0]
