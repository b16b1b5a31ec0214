"""Feeds over HTTP and as events: what a sender is told, and that the claims they touch are judged again."""

import io
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from builders import BILLING_NPI, CIN, OTHER_CIN, a_claim, a_line, a_received_claim
from msgspec import structs
from sqlalchemy import select
from validator_harness import Validator

from services.validator.feeds.handlers import FEED_OF_TOPIC, subscriptions
from services.validator.late import CompareWithRecords
from services.validator.models import CARE_RECORDS, DAYS_TO_COMPARE, FEED_COVERAGE, MESSAGING
from shared.bus.embedded import EmbeddedBus
from shared.database import Database
from shared.events import CARE_MEMBER_ALIASES, CARE_SERVICES, Event, new_event
from shared.messaging.consumer import ConsumerLoop, InvalidEvent
from shared.messaging.dead_letters import dead_letters
from shared.messaging.outbox import Relay
from shared.payers import Payers

SERVICES = "cin,service_date,program,procedure_code,modifiers,units,provider_npi,source,record_id\n"
TCM = f"{CIN},2026-10-12,TCM_COUNTY,T1017,,2,{BILLING_NPI},County,T-1\n"
PATHS = ("care-services", "enrollments", "authorizations", "member-aliases")


@pytest.fixture
def validator(database: Database) -> Validator:
    return Validator(database)


def send_csv(validator: Validator, path: str, text: str, **options: Any) -> Any:
    return validator.call("POST", path, data=text, content_type="text/csv", **options)


def stored(validator: Validator) -> list[tuple[str, str, str]]:
    records = CARE_RECORDS.c
    with validator.database.read() as connection:
        rows = connection.execute(
            select(records.feed, records.scope, records.record_id)
            .where(~records.withdrawn)
            .order_by(records.feed, records.scope, records.record_id)
        )
        return [tuple(row) for row in rows]


def compare(validator: Validator) -> None:
    step = CompareWithRecords(validator.parts)
    while step.run_once():
        continue


def events_of(validator: Validator, topic: str, *records: Any) -> list[Event]:
    return [
        new_event(
            topic,
            "record",
            "/county",
            subject="record",
            key="k",
            data=json.dumps(record).encode(),
            now=validator.now(),
        )
        for record in records
    ]


def handle(validator: Validator, events: Iterable[Event]) -> None:
    (subscription,) = subscriptions(validator.parts)
    with validator.database.begin() as connection:
        subscription.handler(connection, list(events))


def test_a_csv_is_taken_row_by_row_and_wrong_rows_are_told(validator: Validator) -> None:
    wrong = f"{CIN},2026-13-12,SPA,T1017,,0,{BILLING_NPI},County,T-2\n"

    answer = send_csv(validator, "care-services", SERVICES + TCM + wrong)

    assert answer.status_code == 200
    body = answer.json
    told = body.pop("wrong")
    assert body == {
        "feed": "services",
        "rows": 2,
        "taken": 1,
        "new": 1,
        "corrected": 0,
        "withdrawn": 0,
        "unchanged": 0,
        "wrong_rows": 1,
        "notes": [],
    }
    assert [(each["row"], each["field"], each["value"]) for each in told] == [
        (3, "service_date", "2026-13-12"),
        (3, "program", "SPA"),
        (3, "units", "0"),
    ]
    assert all(each["reason"] and each["expected"] for each in told)
    assert stored(validator) == [("services", "", "T-1")]


@pytest.mark.parametrize("how", ["multipart", "raw", "json", "records", "one"])
def test_a_feed_may_come_as_a_file_as_text_or_as_json(validator: Validator, how: str) -> None:
    row = {"cin": CIN, "program": "PACE", "start_date": "2026-01-01", "source": "State", "record_id": "E-1"}
    text = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
    sent: dict[str, Any] = {
        "multipart": {"data": {"file": (io.BytesIO(text.encode()), "enrollments.csv")}},
        "raw": {"data": text, "content_type": "text/plain"},
        "json": {"json": [row]},
        "records": {"json": {"records": [row]}},
        "one": {"json": row},
    }[how]

    answer = validator.call("POST", "enrollments", **sent)

    assert (answer.status_code, answer.json["new"]) == (200, 1)
    assert stored(validator) == [("enrollments", "", "E-1")]


def test_the_same_file_again_changes_nothing_a_correction_corrects_and_withdrawn_takes_back(
    validator: Validator,
) -> None:
    assert send_csv(validator, "care-services", SERVICES + TCM).json["new"] == 1
    assert send_csv(validator, "care-services", SERVICES + TCM).json["unchanged"] == 1
    assert send_csv(validator, "care-services", SERVICES + TCM.replace(",2,", ",3,")).json["corrected"] == 1

    back = send_csv(validator, "care-services", "source,record_id,withdrawn\nCounty,T-1,yes\n")

    assert (back.status_code, back.json["withdrawn"]) == (200, 1)
    assert stored(validator) == []


def test_taking_back_what_was_never_sent_is_told(validator: Validator) -> None:
    answer = send_csv(
        validator, "care-services", f"{SERVICES.strip()},withdrawn\n{TCM.strip()},\n,,,,,,,County,T-9,yes\n"
    )

    assert answer.json["taken"] == 1
    assert [(each["row"], each["field"], each["value"]) for each in answer.json["wrong"]] == [
        (3, "record_id", "T-9")
    ]


@pytest.mark.parametrize("path", PATHS)
def test_a_file_without_a_header_is_a_problem_that_names_every_missing_column(
    validator: Validator, path: str
) -> None:
    answer = send_csv(validator, path, "hello\n1\n")

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert "cin" in answer.json["errors"][0]["message"]


def test_a_feed_in_which_no_row_is_right_is_a_problem_with_all_of_them(validator: Validator) -> None:
    answer = validator.call("POST", "member-aliases", json={"cin": CIN, "alias_cin": "123"})

    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["row"], error["field"], error["value"]) == (1, "alias_cin", "123")
    assert error["message"]


def test_of_very_many_wrong_rows_the_first_thousand_are_listed_and_all_are_counted(
    validator: Validator,
) -> None:
    answer = send_csv(validator, "care-services", SERVICES + TCM + ",,,,,,,,\n".replace(",", "x,", 1) * 1200)

    assert (answer.json["taken"], answer.json["wrong_rows"]) == (1, 1200)
    assert len(answer.json["wrong"]) == 1000


def test_rows_without_an_id_are_taken_and_said(validator: Validator) -> None:
    row = SERVICES + TCM.replace("T-1", "")

    first, again = (send_csv(validator, "care-services", row) for _ in range(2))

    assert (first.json["new"], again.json["unchanged"]) == (1, 1)
    assert "record_id" in first.json["notes"][0]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("role", "status"), [("provider", 403), ("auditor", 403), ("admin", 403)])
def test_only_claims_departments_send_feeds(validator: Validator, path: str, role: str, status: int) -> None:
    assert send_csv(validator, path, "", key=validator.key(role)).status_code == status


def test_what_a_plan_sends_speaks_of_its_own_claims_only(database: Database) -> None:
    payers = Payers.parse('[[payer]]\nids = ["GSHP1", "GSHP2"]\nname = "Golden State"\n')
    validator = Validator(database, payers=payers)

    send_csv(validator, "care-services", SERVICES + TCM, key=validator.key(payers=("GSHP2",)))
    send_csv(validator, "care-services", SERVICES + TCM, key=validator.key(payers=("HPSJ",)))

    assert stored(validator) == [("services", "GSHP1", "T-1"), ("services", "HPSJ", "T-1")]
    with database.read() as connection:
        covered = connection.execute(select(FEED_COVERAGE.c.payer_id).order_by(FEED_COVERAGE.c.payer_id))
        assert list(covered.scalars()) == ["GSHP1", "HPSJ"]


def test_a_record_that_comes_after_the_claim_has_it_compared_again_and_gone_it_is_again_as_before(
    validator: Validator,
) -> None:
    (judged,) = validator.judge(a_received_claim(a_claim(lines=[a_line()])))
    pace = {"cin": CIN, "program": "PACE", "start_date": "2026-01-01", "source": "State", "record_id": "E-1"}

    validator.call("POST", "enrollments", json=pace)
    compare(validator)
    with_record = validator.judgements(judged.claim_id)[-1]
    validator.call("POST", "enrollments", json={**pace, "withdrawn": True})
    compare(validator)
    without = validator.judgements(judged.claim_id)[-1]

    assert "overlap.excluded" in {finding.rule for finding in with_record.findings}
    assert with_record.judgement == 2
    assert {finding.rule for finding in without.findings} == {finding.rule for finding in judged.findings}


def test_an_alias_lets_a_record_of_the_other_cin_speak(validator: Validator) -> None:
    (judged,) = validator.judge(a_received_claim(a_claim(lines=[a_line()])))
    pace = {"cin": OTHER_CIN, "program": "PACE", "start_date": "2026-01-01", "record_id": "E-1"}
    validator.call("POST", "enrollments", json=pace)
    compare(validator)
    assert len(validator.judgements(judged.claim_id)) == 1

    validator.call("POST", "member-aliases", json={"cin": CIN, "alias_cin": OTHER_CIN, "record_id": "M-1"})
    compare(validator)

    found = {finding.rule for finding in validator.judgements(judged.claim_id)[-1].findings}
    assert "overlap.excluded" in found


def test_the_openapi_document_shows_what_each_feed_takes(validator: Validator) -> None:
    paths = validator.get("openapi.json")["paths"]

    for path in PATHS:
        body = paths[f"/validator/api/v1/{path}"]["post"]["requestBody"]
        assert "record_id" in body["description"]
        assert set(body["content"]) == {"text/csv", "application/json", "multipart/form-data"}


def test_events_bring_the_same_records_as_rows_do(validator: Validator) -> None:
    service = {"cin": CIN, "service_date": "2026-10-12", "program": "CCS", "units": 2, "record_id": "S-1"}
    alias = {"cin": CIN, "alias_cin": OTHER_CIN, "record_id": "M-1"}

    handle(
        validator,
        [
            *events_of(validator, CARE_SERVICES, service),
            *events_of(validator, CARE_MEMBER_ALIASES, alias),
            *events_of(validator, CARE_SERVICES, {**service, "program": "ICC"}),
        ],
    )

    assert stored(validator) == [("aliases", "", "M-1"), ("services", "", "S-1")]
    with validator.database.read() as connection:
        cins = set(connection.execute(select(DAYS_TO_COMPARE.c.cin)).scalars())
    assert cins == {CIN, OTHER_CIN}


def test_the_validator_listens_to_every_care_topic(validator: Validator) -> None:
    from services.validator.app import subscriptions as all_subscriptions

    topics = {topic for subscription in all_subscriptions(validator.parts) for topic in subscription.topics}

    assert set(FEED_OF_TOPIC) <= topics


@pytest.mark.parametrize(
    "data",
    [
        [1],
        {"cin": "91234567Z9", "service_date": "2026-10-12", "program": "CCS"},
        {"record_id": "S-9", "withdrawn": True},
    ],
)
def test_an_event_that_is_no_right_record_is_invalid_and_its_reason_holds_no_cin(
    validator: Validator, data: Any
) -> None:
    with pytest.raises(InvalidEvent) as invalid:
        handle(validator, events_of(validator, CARE_SERVICES, data))

    assert str(invalid.value) and "91234567" not in str(invalid.value)
    assert stored(validator) == []


def test_a_wrong_event_is_set_aside_with_its_reason_and_the_others_are_taken(
    validator: Validator, embedded_bus: EmbeddedBus
) -> None:
    (subscription,) = subscriptions(validator.parts)
    good = {"cin": CIN, "service_date": "2026-10-12", "program": "CCS", "record_id": "S-1"}
    wrong = {**good, "cin": "91234567", "record_id": "S-2"}
    embedded_bus.publish(events_of(validator, CARE_SERVICES, good, wrong, {**good, "record_id": "S-3"}))
    loop = ConsumerLoop(validator.database, MESSAGING, embedded_bus, "feeds", subscription)
    relay = Relay(validator.database, MESSAGING, embedded_bus)

    while loop.run_once(0.1):
        continue
    loop.close()
    while relay.run_once():
        continue

    assert [record_id for _, _, record_id in stored(validator)] == ["S-1", "S-3"]
    (letter,) = dead_letters(embedded_bus, [CARE_SERVICES])
    assert letter.reason.startswith("cin: ")
    assert "91234567" not in letter.reason


def test_a_row_of_very_many_cells_is_one_wrong_row(validator: Validator) -> None:
    answer = send_csv(validator, "care-services", SERVICES + TCM + "x," * 300_000)

    assert (answer.status_code, answer.json["taken"]) == (200, 1)
    assert [(each["row"], each["field"]) for each in answer.json["wrong"]] == [(3, "row")]


@pytest.mark.parametrize("as_form", [False, True], ids=["raw", "form"])
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}], ids=["", "once"])
def test_a_feed_may_be_larger_than_a_file_of_claims(
    validator: Validator, headers: dict[str, str], as_form: bool
) -> None:
    settings = structs.replace(validator.parts.settings, max_upload_bytes=1)
    validator.parts = replace(validator.parts, settings=settings)
    remark = "x" * 100_000
    rows = "".join(f"{CIN},PACE,2026-01-{day:02},{remark}\n" for day in range(1, 13))
    content = f"cin,program,start_date,remark\n{rows}".encode()
    body = {"data": {"file": (io.BytesIO(content), "feed.csv")}} if as_form else {"data": content}
    answer = validator.call("POST", "enrollments", headers=headers, **body)
    assert (answer.status_code, answer.json.get("taken")) == (200, 12)


def test_a_header_without_rows_takes_nothing_and_covers_nobody(validator: Validator) -> None:
    answer = send_csv(validator, "care-services", SERVICES)

    assert (answer.status_code, answer.json["rows"]) == (200, 0)
    assert answer.json["notes"]
    with validator.database.read() as connection:
        assert connection.execute(select(FEED_COVERAGE)).first() is None
