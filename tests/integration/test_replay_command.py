"""A dry run says exactly what changed data would change, and writes nothing."""

import json
from datetime import date
from types import SimpleNamespace
from uuid import uuid4

import pytest
from builders import CIN, a_claim, a_line, a_received_claim
from click.testing import CliRunner
from sqlalchemy import create_engine, func, select

from services.cli import main
from services.validator.feeds.rows import read_row
from services.validator.feeds.store import EVERY_PLAN, store
from services.validator.handlers import JudgeReceived
from services.validator.models import JUDGEMENTS, MESSAGING
from shared.database import Database
from shared.events import CLAIMS_RECEIVED, new_event
from shared.migrate import upgrade
from shared.parts import utc_now
from shared.payers import Payers
from shared.reference.tables import text_of

_HERE = "services.validator"


@pytest.fixture(params=["sqlite", "postgresql"])
def stored(request, tmp_path, monkeypatch):
    """A validator database with claims in it, and the name that the command knows it by."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'validator.db'}"
    else:
        server = create_engine(request.getfixturevalue("postgres_url"), isolation_level="AUTOCOMMIT")
        name = f"replay_{uuid4().hex[:12]}"
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        server.dispose()
        url = server.url.set(database=name).render_as_string(hide_password=False)
        monkeypatch.setenv("PROMPTCLAIM_VALIDATOR_DATABASE_URL", url)
        monkeypatch.setenv("PROMPTCLAIM_MEMBER_KEY", "m" * 32)
        monkeypatch.setenv("PROMPTCLAIM_SESSION_SECRET", "s" * 32)
    monkeypatch.setenv("PROMPTCLAIM_DATA_DIR", str(tmp_path))
    database = Database(url, "validator")
    upgrade(database, _HERE)
    judge(database, CLAIMS)
    yield database
    database.close()


CLAIMS = [
    a_received_claim(a_claim(claim_number="ECM-1"), claim_id="clm_1"),
    a_received_claim(
        a_claim(
            claim_number="CS-1",
            lines=[
                a_line(procedure_code="H0043", modifiers=("U6",), units=1, service_start=date(2026, 10, 13))
            ],
        ),
        claim_id="clm_2",
    ),
    a_received_claim(a_claim(claim_number="ECM-1B"), claim_id="clm_3", arrival=date(2026, 11, 9)),
    a_received_claim(a_claim(claim_number="NOT-OURS"), claim_id="clm_4", npis=("1000000004",)),
]


def judge(database, claims):
    handler = JudgeReceived(SimpleNamespace(now=utc_now, payers=Payers(configured=False)))
    for claim in claims:
        event = new_event(
            CLAIMS_RECEIVED,
            "claim.received",
            "/intake",
            subject=claim.claim_id,
            key="k",
            data=claim,
            now=utc_now(),
        )
        with database.begin() as connection:
            handler(connection, [event])


def replay(*arguments):
    found = CliRunner().invoke(main, ["replay", "--format", "json", *map(str, arguments)])
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    return found.exit_code, lines, found.stderr


def changed_codes(tmp_path, without):
    lines = [line for line in text_of("hcpcs_codes.csv").splitlines() if without not in line]
    path = tmp_path / "changed.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def unchanged(tmp_path, name):
    path = tmp_path / name
    path.write_text(text_of(name), encoding="utf-8")
    return path


def test_the_shipped_tables_change_nothing(stored, tmp_path):
    tables = [
        option
        for name, option in (
            ("hcpcs_codes.csv", "--codes"),
            ("rules.toml", "--rules"),
            ("programs.csv", "--programs"),
            ("support_limits.csv", "--limits"),
        )
        for option in (option, unchanged(tmp_path, name))
    ]
    status, lines, _ = replay(*tables)
    assert status == 0
    assert lines == [
        {
            "summary": {
                "claims": 4,
                "differing": 0,
                "judged_otherwise_today": 0,
                "verdicts": [],
                "rules": {},
            }
        }
    ]


def test_a_code_that_is_no_longer_listed_rejects_and_frees_the_repetition_of_nothing(stored, tmp_path):
    status, lines, _ = replay("--codes", changed_codes(tmp_path, ",G9012,U2,"))
    *differing, last = lines
    assert status == 1
    assert {line["claim"]: (line["before"], line["after"]) for line in differing} == {
        "ECM-1": ("accepted", "rejected"),
        "ECM-1B": ("rejected", "rejected"),
        "NOT-OURS": ("rejected", "rejected"),
    }
    repeated = next(line for line in differing if line["claim"] == "ECM-1B")
    # The first one is rejected now, so the second repeats nothing.
    assert "duplicate.exact" in {found["rule"] for found in repeated["gone"]}
    assert last["summary"]["rules"]["duplicate.exact"] == {"new": 0, "gone": 2}
    assert last["summary"]["verdicts"] == [
        {"before": "accepted", "after": "rejected", "claims": 1},
        {"before": "rejected", "after": "rejected", "claims": 2},
    ]


def test_another_severity_of_a_rule_shows_as_one_gone_and_one_new(stored, tmp_path):
    text = text_of("rules.toml")
    head = 'id = "provider.not_yours"\n'
    at = text.index(head)
    path = tmp_path / "rules.toml"
    path.write_text(text[:at] + text[at:].replace('severity = "reject"', 'severity = "pend"', 1))
    status, lines, _ = replay("--rules", path)
    assert status == 1
    line = lines[0]
    assert (line["claim"], line["before"]) == ("NOT-OURS", "rejected")
    assert line["new"] == [{"rule": "provider.not_yours", "line": None, "severity": "pend"}]
    assert line["gone"] == [{"rule": "provider.not_yours", "line": None, "severity": "reject"}]


def test_payers_that_no_longer_offer_a_support_pend_it(stored, tmp_path):
    path = tmp_path / "payers.toml"
    path.write_text('[[payer]]\nids = ["GSHP1"]\nname = "Golden State"\nsupports = ["respite"]\n')
    status, lines, _ = replay("--payers", path)
    assert status == 1
    (line,) = [line for line in lines if line.get("claim") == "CS-1"]
    assert (line["before"], line["after"]) == ("accepted", "pended")


def test_stored_records_of_other_care_are_judged_by_the_changed_programs(stored, tmp_path):
    row = read_row(
        "enrollments",
        {"record_id": "E-1", "cin": CIN, "program": "HOSPICE", "start_date": "2026-01-01"},
    )
    with stored.begin() as connection:
        store(connection, "enrollments", EVERY_PLAN, [row], utc_now())
    judge(stored, [a_received_claim(a_claim(claim_number="AFTER"), claim_id="clm_5")])
    text = text_of("programs.csv")
    line = next(line for line in text.splitlines() if line.startswith("HOSPICE,"))
    path = tmp_path / "programs.csv"
    path.write_text(text.replace(line, line.replace(",reject,", ",pend,")), encoding="utf-8")
    status, lines, _ = replay("--programs", path)
    assert status == 1
    first = next(line for line in lines if line.get("claim_id") == "clm_1")
    assert (first["before"], first["after"]) == ("rejected", "pended")
    assert first["new"] == [{"rule": "overlap.excluded", "line": 1, "severity": "pend"}]
    # The first claim was accepted before the record came.
    assert lines[-1]["summary"]["judged_otherwise_today"] >= 1


def test_only_claims_of_the_asked_days_are_reported_but_all_are_history(stored, tmp_path):
    status, lines, _ = replay(
        "--codes", changed_codes(tmp_path, ",G9012,U2,"), "--from", "2026-11-09", "--to", "2026-11-30"
    )
    assert status == 1
    assert [line.get("claim") for line in lines[:-1]] == ["ECM-1B"]
    assert lines[-1]["summary"]["claims"] == 1


def test_nothing_is_written_and_no_member_is_named(stored, tmp_path):
    def rows():
        with stored.read() as connection:
            return [
                connection.execute(select(func.count()).select_from(each)).scalar_one()
                for each in (JUDGEMENTS, MESSAGING.outbox)
            ]

    before = rows()
    found = CliRunner().invoke(main, ["replay", "--codes", str(changed_codes(tmp_path, ",G9012,U2,"))])
    assert found.exit_code == 1
    assert rows() == before
    assert CIN not in found.output
    assert "Rivera" not in found.output
    assert "ECM-1B" in found.output
    assert "4 claims judged twice, 3 would come out otherwise." in found.output


@pytest.mark.parametrize(
    ("option", "content"),
    [
        ("--codes", "benefit,service\nECM,ecm\n"),
        ("--rules", "version = "),
        ("--rules", '[[rule]]\nid = "x"\n'),
        ("--programs", "# Version 1: x\nid\nX\n"),
        ("--limits", "id\nx\n"),
        ("--limits", "x,y\n"),
        ("--payers", "[[payer]]\n"),
    ],
)
def test_data_that_cannot_be_used_is_said_to_be_so(tmp_path, monkeypatch, option, content):
    monkeypatch.setenv("PROMPTCLAIM_DATA_DIR", str(tmp_path))
    upgrade(Database(f"sqlite:///{tmp_path / 'validator.db'}", "validator"), _HERE)
    path = tmp_path / "wrong.txt"
    path.write_text(content)
    status, _, said = replay(option, path)
    assert status == 2
    assert "cannot be used" in said


def test_without_a_database_or_without_a_change_there_is_nothing_to_do(tmp_path):
    path = unchanged(tmp_path, "rules.toml")
    status, _, said = replay("--rules", path, "--data", tmp_path / "nowhere")
    assert (status, "no validator database" in said) == (2, True)
    status, _, said = replay("--data", tmp_path)
    assert (status, "Name what is changed" in said) == (2, True)
