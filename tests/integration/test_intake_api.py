"""Intake over HTTP: what it takes in under which name and type, and who sees what of a file."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from services.intake.app import create_app
from services.intake.models import API_KEYS, CLAIMS
from shared.bus import Bus
from shared.database import Database
from shared.migrate import upgrade
from shared.parts import Parts
from shared.payers import Payers
from shared.security import Keys
from shared.settings import Settings

SAMPLES = Path(__file__).parents[2] / "samples"
NPI = "1234567893"
DUE = {
    "received": "2026-11-18",
    "arrival_date": "2026-11-18",
    "deadline": "2026-12-18",
    "near_from": "2026-12-08",
}


class Intake:
    """The service at a settable moment, and clients that hold a key."""

    def __init__(self, database: Database, payers: Payers | None = None) -> None:
        upgrade(database, "services.intake")
        self.database = database
        self.now = datetime(2026, 11, 18, 20, tzinfo=UTC)
        self.parts = Parts(
            settings=Settings(data_dir=Path(), x12_conformity=False),
            database=database,
            bus=cast(Bus, None),
            payers=payers or Payers.load(None),
            member_secret=b"m" * 32,
            session_secret=b"s" * 32,
            now=lambda: self.now,
        )
        self.app = create_app(self.parts)
        self.client: FlaskClient = self.app.test_client()
        self._keys = Keys(database, API_KEYS)

    def key(self, role: str, **limits: Any) -> dict[str, str]:
        made = self._keys.create(role, "Harbor Street Outreach", self.now, **limits)
        return {"Authorization": f"Bearer {made.secret}"}

    def send(self, name: str, content: bytes, headers: dict[str, str]) -> Any:
        return self.client.post(
            "/intake/api/v1/submissions", data={"file": (io.BytesIO(content), name)}, headers=headers
        )


@pytest.fixture
def intake(database: Database) -> Intake:
    return Intake(database)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("folder/May.csv", "May.csv"),
        ("a\0b\n.csv", "ab.csv"),
        ("x" * 300, "x" * 255),
        ("mayo niño.csv", "mayo niño.csv"),
    ],
)
def test_a_file_keeps_its_printable_name(intake: Intake, given: str, shown: str) -> None:
    content = (SAMPLES / "invoice.csv").read_bytes()

    answer = intake.client.post(
        "/intake/api/v1/submissions",
        query_string={"file_name": given},
        data=content,
        content_type="text/csv",
        headers=intake.key("provider", npis=[NPI]),
    )

    assert answer.status_code == 202
    assert answer.get_json()["file_name"] == shown


@pytest.mark.parametrize("length", [64, 65, 200])
def test_a_file_is_taken_in_however_long_the_request_id_of_its_sender_is(intake: Intake, length: int) -> None:
    headers = {**intake.key("provider", npis=[NPI]), "X-Request-Id": "a" * length}
    answer = intake.send("invoice.csv", (SAMPLES / "invoice.csv").read_bytes(), headers)
    assert answer.status_code == 202
    assert (answer.headers["X-Request-Id"] == "a" * length) is (length <= 64)


def test_a_wrong_field_of_a_claim_is_named_by_its_path_and_its_pointer(intake: Intake) -> None:
    claims = json.loads((SAMPLES / "claims.json").read_bytes())["claims"][:1]
    claims[0]["lines"][0]["units"] = "four"

    answer = intake.client.post(
        "/intake/api/v1/claims", json={"claims": claims}, headers=intake.key("provider", npis=[NPI])
    )

    assert answer.status_code == 422
    [error] = answer.get_json()["errors"]
    assert (error["field"], error["pointer"]) == ("claims.0.lines.0.units", "/claims/0/lines/0/units")


def test_a_text_is_no_claim_whatever_it_says(intake: Intake) -> None:
    answer = intake.client.post(
        "/intake/api/v1/claims",
        data=b"{}",
        content_type="text/plain",
        headers=intake.key("provider", npis=[NPI]),
    )
    assert answer.status_code == 415


def test_a_department_of_some_payers_sees_no_claim_whose_payer_nobody_knows(intake: Intake) -> None:
    content = (SAMPLES / "invoice.csv").read_bytes()
    sent = intake.send("invoice.csv", content, intake.key("provider", npis=[NPI])).get_json()
    address = f"/intake/api/v1/submissions/{sent['submission_id']}"

    def unreadable(headers: dict[str, str]) -> int:
        claims = intake.client.get(address, headers=headers).get_json()["claims"]
        return sum(claim["verdict"] == "unreadable" for claim in claims)

    assert sent["unreadable"] > 0
    assert unreadable(intake.key("claims")) == sent["unreadable"]
    assert unreadable(intake.key("claims", payers=["GSHP1"])) == 0


@pytest.mark.parametrize("named", ["GSHP1", "gshp1", "GSHP-CS"])
def test_a_department_sees_its_claims_under_every_id_of_its_plan(database: Database, named: str) -> None:
    payers = Payers.parse('[[payer]]\nids = ["GSHP1", "GSHP-CS"]\nname = "Golden State Health Plan"\n')
    intake = Intake(database, payers)
    sent = intake.send(
        "invoice.csv", (SAMPLES / "invoice.csv").read_bytes(), intake.key("provider", npis=[NPI])
    ).get_json()
    department, another = intake.key("claims", payers=[named]), intake.key("claims", payers=["OTHER"])

    def seen(headers: dict[str, str]) -> tuple[int, int]:
        found = (
            intake.client.get(f"/intake/api/v1/{kind}", headers=headers).get_json()["items"]
            for kind in ("submissions", "claims")
        )
        submissions, claims = map(len, found)
        return submissions, claims

    assert seen(department) == (1, sent["claims"] - sent["unreadable"])
    assert seen(another) == (0, 0)


@pytest.mark.parametrize(
    ("rule", "arrival", "receipt"),
    [
        ("next_working_day", datetime(2026, 11, 21, 20, tzinfo=UTC), "2026-11-23"),
        ("same_day", datetime(2026, 11, 21, 20, tzinfo=UTC), "2026-11-21"),
        # No holidays are listed for that year yet: the file is taken in all the same.
        ("next_working_day", datetime(2033, 1, 3, 20, tzinfo=UTC), "2033-01-03"),
    ],
)
def test_the_day_of_receipt_is_the_one_from_which_the_payer_counts(
    database: Database, rule: str, arrival: datetime, receipt: str
) -> None:
    terms = f'ids = ["GSHP1"]\nname = "Golden State"\nreceipt_on_non_working_day = "{rule}"\n'
    intake = Intake(database, Payers.parse(f"[[payer]]\n{terms}"))
    intake.now = arrival
    headers = intake.key("provider", npis=[NPI])

    sent = intake.send("invoice.csv", (SAMPLES / "invoice.csv").read_bytes(), headers)

    assert sent.status_code == 202
    assert sent.get_json()["receipt_date"] == receipt


def test_the_cursor_of_claims_is_refused_by_submissions(intake: Intake) -> None:
    headers = intake.key("provider", npis=[NPI])
    intake.send("invoice.csv", (SAMPLES / "invoice.csv").read_bytes(), headers)
    cursor = intake.client.get("/intake/api/v1/claims?limit=1", headers=headers).get_json()["next_cursor"]

    assert intake.client.get(f"/intake/api/v1/claims?cursor={cursor}", headers=headers).status_code == 200
    assert (
        intake.client.get(f"/intake/api/v1/submissions?cursor={cursor}", headers=headers).status_code == 422
    )


def test_a_claim_is_overdue_once_its_last_day_has_passed_though_nothing_happened_to_it(
    intake: Intake,
) -> None:
    headers = intake.key("provider", npis=[NPI])
    intake.send("invoice.csv", (SAMPLES / "invoice.csv").read_bytes(), headers)
    claim_id = intake.client.get("/intake/api/v1/claims", headers=headers).get_json()["items"][0]["claim_id"]
    clock = json.dumps({**DUE, "state": "open", "amount_cents": 96_000, "paid_cents": 0})
    with intake.database.begin() as connection:
        connection.execute(update(CLAIMS).where(CLAIMS.c.claim_id == claim_id).values(clock=clock))

    def shown(day: int) -> Any:
        intake.now = datetime(2026, 12, day, 20, tzinfo=UTC)
        return intake.client.get(f"/intake/api/v1/claims/{claim_id}", headers=headers).get_json()["clock"]

    assert [shown(day)["state"] for day in (7, 8, 18, 19)] == ["open", "near", "near", "overdue"]
    assert (shown(27)["days_late"], shown(27)["interest_cents"]) == (9, 355)


def test_the_description_says_what_may_be_sent(intake: Intake) -> None:
    document = intake.client.get("/intake/api/v1/openapi.json").get_json()
    paths = document["paths"]

    file_body = paths["/intake/api/v1/submissions"]["post"]["requestBody"]["content"]
    claims_body = paths["/intake/api/v1/claims"]["post"]["requestBody"]["content"]
    assert set(file_body) == {"multipart/form-data", "application/octet-stream"}
    named = [each["$ref"].rpartition("/")[2] for each in claims_body["application/json"]["schema"]["oneOf"]]
    assert set(named) <= set(document["components"]["schemas"])
    assert paths["/intake/api/v1/claims"]["get"]["x-roles"] == ["provider", "claims", "admin"]
