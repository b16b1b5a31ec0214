"""The published contracts say what the code does, and what was published once can still be read."""

import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from services.cli import main
from services.commands.contract_topics import CLOCK_SCHEMA, TOPICS
from services.commands.contracts import as_text, asyncapi, published, schema_of, write
from services.intake import app as intake
from services.intake.handlers import ClockFacts
from services.intake.handlers import JudgedFacts as IntakeJudgedFacts
from services.payments import app as payments
from services.payments.clock import Entry, period_of, run
from services.payments.clock_document import clock_document
from services.payments.outgoing import EVENT_OF_KIND
from services.payments.projection import JudgedFacts as PaymentsJudgedFacts
from services.validator import app as validator
from services.validator.feeds.handlers import FEED_OF_TOPIC
from services.validator.feeds.rows import COLUMNS, FeedRow, read_row
from services.validator.judgements import DUPLICATES_FOUND, OF_VERDICT
from services.validator.review.clock_handlers import ClockFacts as ValidatorClockFacts
from shared import events
from shared.events import ClaimJudged, ClaimReceived, PaymentRecorded, encode
from shared.parts import utc_now
from shared.payers import Payers, PayerTerms

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests/files/events"
RELEASES = ("release-0.1",)
DECODERS = {
    events.CLAIMS_RECEIVED: (ClaimReceived,),
    events.CLAIMS_VALIDATED: (ClaimJudged, IntakeJudgedFacts, PaymentsJudgedFacts),
    events.CLAIMS_PENDED: (ClaimJudged, IntakeJudgedFacts, PaymentsJudgedFacts),
    events.CLAIMS_REJECTED: (ClaimJudged, IntakeJudgedFacts, PaymentsJudgedFacts),
    events.CLAIMS_DUPLICATES_FOUND: (ClaimJudged, IntakeJudgedFacts, PaymentsJudgedFacts),
    events.PAYMENTS_RECORDED: (PaymentRecorded,),
    events.PAYMENTS_CLOCKS: (ClockFacts, ValidatorClockFacts),
}
MESSAGES = [(topic, type_) for topic in TOPICS for type_ in topic.types]
NOW_AND_THEN = [SAMPLES, *(SAMPLES / release for release in RELEASES)]


def _stored():
    for folder in NOW_AND_THEN:
        for path in sorted(folder.glob("*.json")):
            name = path.name.removesuffix(".json")
            topic = next(topic for topic in TOPICS if name.startswith(topic.name))
            yield pytest.param(topic, path, id=f"{folder.name}-{name}")


def _validator(schema):
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", sorted(published()))
def test_the_published_documents_are_those_that_the_code_makes(name):
    stored = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert stored == as_text(published()[name]), "run: promptclaim contracts --write docs"


def test_nothing_else_is_published_as_a_schema():
    kept = {f"schemas/{path.name}" for path in (ROOT / "docs/schemas").iterdir()}
    assert kept == {name for name in published() if name.startswith("schemas/")}


def test_writing_takes_away_a_schema_that_is_no_more(tmp_path):
    write(tmp_path)
    stray = tmp_path / "schemas" / "Gone.json"
    stray.write_text("{}")
    write(tmp_path)
    assert not stray.exists()
    assert (tmp_path / "asyncapi.json").exists()


def test_the_command_prints_the_document_or_writes_all_of_them(tmp_path):
    printed = CliRunner().invoke(main, ["contracts"])
    assert (printed.exit_code, json.loads(printed.output)) == (0, asyncapi())
    written = CliRunner().invoke(main, ["contracts", "--write", str(tmp_path)])
    assert (written.exit_code, len(written.output.splitlines())) == (0, len(published()))
    assert json.loads((tmp_path / "schemas" / "ClaimJudged.json").read_text())["title"] == "ClaimJudged"


def test_the_asyncapi_document_conforms_to_the_official_meta_schema():
    meta = json.loads((ROOT / "tests/files/asyncapi/schema-3.0.0.json").read_text(encoding="utf-8"))
    errors = [error.message for error in jsonschema.Draft7Validator(meta).iter_errors(asyncapi())]
    assert errors == []


def test_the_meta_schema_finds_a_document_that_is_wrong():
    meta = json.loads((ROOT / "tests/files/asyncapi/schema-3.0.0.json").read_text(encoding="utf-8"))
    wrong = {**asyncapi(), "operations": {"x": {"action": "shout"}}}
    assert not jsonschema.Draft7Validator(meta).is_valid(wrong)


def test_every_reference_in_the_asyncapi_document_leads_somewhere():
    document = asyncapi()
    found = 0
    for reference in _references(document):
        at = document
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]
        found += 1
    assert found > 100


def test_every_topic_and_its_dead_letters_are_channels():
    channels = asyncapi()["channels"]
    assert set(channels) == {name for topic in events.TOPICS for name in (topic, f"{topic}.dead-letter")}


def test_the_contract_names_the_listeners_that_there_are():
    parts = SimpleNamespace(now=utc_now, payers=Payers(configured=False), settings=None, database=None)
    for name, service in (("intake", intake), ("validator", validator), ("payments", payments)):
        listens = {topic for each in service.subscriptions(parts) for topic in each.topics}
        assert listens == {topic.name for topic in TOPICS if name in topic.receivers}, name


def test_the_contract_names_every_type_that_is_sent():
    of_topic = {topic.name: set(topic.types) for topic in TOPICS}
    for topic, type_ in (*OF_VERDICT.values(), DUPLICATES_FOUND):
        assert type_ in of_topic[topic]
    assert set(EVENT_OF_KIND.values()) <= of_topic[events.PAYMENTS_CLOCKS]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_schema_is_a_json_schema(topic):
    jsonschema.Draft202012Validator.check_schema(schema_of(topic.data))


@pytest.mark.parametrize(("topic", "type_"), MESSAGES, ids=[type_ for _, type_ in MESSAGES])
def test_every_message_has_a_stored_sample(topic, type_):
    assert (SAMPLES / f"{topic.name}.{type_}.json").exists()


@pytest.mark.parametrize(("topic", "path"), list(_stored()))
def test_a_stored_sample_fits_the_schema_and_every_consumer_reads_it(topic, path):
    data = path.read_bytes()
    assert [error.message for error in _validator(schema_of(topic.data)).iter_errors(json.loads(data))] == []
    for consumer in DECODERS.get(topic.name, ()):
        assert msgspec.json.decode(data, type=consumer) is not None


@pytest.mark.parametrize("release", RELEASES)
def test_consumers_of_an_earlier_release_read_what_is_sent_today(release):
    looked_at = 0
    for topic in TOPICS:
        path = SAMPLES / release / "schemas" / f"{topic.data.__name__}.json"
        if not path.exists():
            continue
        then = _validator(json.loads(path.read_text(encoding="utf-8")))
        for type_ in topic.types:
            sample = json.loads((SAMPLES / f"{topic.name}.{type_}.json").read_text(encoding="utf-8"))
            assert [error.message for error in then.iter_errors(sample)] == [], type_
            looked_at += 1
    assert looked_at >= 12


@pytest.mark.parametrize("release", RELEASES)
def test_no_field_of_an_earlier_release_was_taken_away_or_made_optional(release):
    for path in sorted((SAMPLES / release / "schemas").glob("*.json")):
        then = json.loads(path.read_text(encoding="utf-8"))
        now = json.loads((ROOT / "docs/schemas" / path.name).read_text(encoding="utf-8"))
        for name, before, after in [
            (path.stem, then, now),
            *((name, each, now["$defs"][name]) for name, each in then.get("$defs", {}).items()),
        ]:
            assert set(before["properties"]) <= set(after["properties"]), name
            assert set(before.get("required", ())) <= set(after.get("required", ())), name


def test_a_record_needs_its_fields_unless_it_is_withdrawn():
    services = next(topic for topic in TOPICS if topic.name == events.CARE_SERVICES)
    schema = _validator(schema_of(services.data))
    assert schema.is_valid({"record_id": "SVC-1", "withdrawn": True})
    assert not schema.is_valid({"record_id": "SVC-1"})
    assert not schema.is_valid({"withdrawn": True})
    assert schema.is_valid({"cin": "91234567A", "service_date": "2026-10-12", "program": "CHW"})


@pytest.mark.parametrize("name", FEED_OF_TOPIC)
def test_a_record_has_the_columns_of_its_feed_and_the_feed_reads_the_sample(name):
    topic = next(topic for topic in TOPICS if topic.name == name)
    feed = FEED_OF_TOPIC[name]
    columns = {column.name: column.required for column in COLUMNS[feed]}
    assert set(topic.data.__struct_fields__) == {*columns, "withdrawn"}
    assert set(topic.needed) == {column for column, required in columns.items() if required}
    (type_,) = topic.types
    sample = json.loads((SAMPLES / f"{name}.{type_}.json").read_text(encoding="utf-8"))
    assert isinstance(read_row(feed, sample), FeedRow)


_DAYS = st.dates(date(2026, 3, 2), date(2026, 12, 1))
_KINDS = ("paid", "denied", "contested", "information_received", "payment_reversed", "withdrawn")
_ENTRIES = st.lists(
    st.builds(Entry, st.sampled_from(_KINDS), _DAYS, st.integers(0, 9_000), st.integers(0, 500)), max_size=5
)


@given(_ENTRIES, _DAYS)
def test_every_clock_that_payments_can_publish_fits_the_published_clock(entries, as_of):
    terms = PayerTerms()
    document = clock_document(run(period_of(date(2026, 3, 2), terms), terms, 9_000, entries), as_of)
    closed = {**CLOCK_SCHEMA, "additionalProperties": False}
    assert [error.message for error in _validator(closed).iter_errors(json.loads(encode(document)))] == []


def _references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)
