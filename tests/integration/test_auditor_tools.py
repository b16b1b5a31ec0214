"""The auditor's tools: checkpoints on demand and daily, samples, evidence, the page, the commands."""

import dataclasses
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests
from builders import CIN
from click.testing import CliRunner
from msgspec import structs
from payments_harness import MEMBER_KEY, Payments

from services.cli import main
from services.payments.app import create_app
from services.payments.log import standalone_verifier
from services.payments.log.checkpoint_step import CheckpointStep
from services.payments.log.signing import OLD_KEYS_FILE, rotate, signing_keys
from services.payments.models import API_KEYS
from shared.claim import Member
from shared.database import Database
from shared.events import Event, JudgedService
from shared.security import Keys
from shared.settings import Settings


@pytest.fixture
def payments(database: Database, tmp_path: Path) -> Payments:
    service = Payments(database)
    service.parts = dataclasses.replace(service.parts, settings=Settings(data_dir=tmp_path))
    return service


def auditor(payments: Payments, path: str) -> Any:
    return payments.get(path, role="auditor")


def sign(payments: Payments) -> Any:
    return payments.call("POST", "timeliness-log/checkpoints", role="auditor")


def test_a_checkpoint_on_demand_signs_what_was_written_once(payments: Payments) -> None:
    assert sign(payments).status_code == 409
    payments.judge(payments.verdict())

    first, again = sign(payments), sign(payments)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert first.json["sequence"] == 4
    assert auditor(payments, "timeliness-log/checkpoints")["items"] == [first.json]
    assert auditor(payments, "timeliness-log/verification")["checkpoints"] == [first.json]
    keys = payments.get("timeliness-log/public-key", role="provider")
    assert keys["current"] == first.json["key_id"]
    assert keys["keys"] == [{"key_id": first.json["key_id"], "public_key": first.json["public_key"]}]
    assert payments.call("POST", "timeliness-log/checkpoints", role="claims").status_code == 403


def test_the_worker_signs_daily_and_only_what_is_new(payments: Payments) -> None:
    step = CheckpointStep(payments.parts)
    assert step.run_once() == 0
    payments.judge(payments.verdict())
    assert [step.run_once(), step.run_once()] == [1, 0]
    payments.pay("clm_1", "paid", "2026-03-02")
    assert step.run_once() == 0
    payments.today = "2026-03-03"
    assert [step.run_once(), step.run_once()] == [1, 0]
    payments.today = "2026-03-09"
    assert step.run_once() == 0

    found = auditor(payments, "timeliness-log/verification")
    assert [checkpoint["sequence"] for checkpoint in found["checkpoints"]] == [4, 6]


def test_entries_never_stand_before_the_one_before_even_where_a_clock_is_set_back(payments: Payments) -> None:
    payments.judge(payments.verdict())
    sign(payments)
    payments.today = "2026-02-27"
    payments.judge(payments.verdict("clm_2", arrival="2026-02-26"))

    items = auditor(payments, "timeliness-log")["items"]
    times = [entry["recorded_at"] for entry in items]
    assert times == sorted(times)
    assert auditor(payments, "timeliness-log/verification")["intact"] is True


def test_after_a_rotation_old_checkpoints_are_checked_with_the_kept_public_key(payments: Payments) -> None:
    payments.judge(payments.verdict())
    old = sign(payments).json["public_key"]
    assert rotate(payments.parts.settings)[0] == old
    payments.pay("clm_1", "paid", "2026-03-02")
    assert CheckpointStep(payments.parts).run_once() == 1

    found = auditor(payments, "timeliness-log/verification")
    assert [key["public_key"] for key in auditor(payments, "timeliness-log/public-key")["keys"]][1] == old
    assert len({checkpoint["key_id"] for checkpoint in found["checkpoints"]}) == 2

    (payments.parts.settings.data_dir / OLD_KEYS_FILE).unlink()
    assert auditor(payments, "timeliness-log/verification")["intact"] is False


def test_without_a_key_in_production_nothing_is_signed_and_the_answer_says_what_to_set(
    payments: Payments,
) -> None:
    settings = Settings(kafka_bootstrap_servers="kafka:9092", member_key="m" * 32, session_key="s" * 32)
    payments.parts = dataclasses.replace(payments.parts, settings=settings)
    payments.judge(payments.verdict())

    refused = sign(payments)

    assert refused.status_code == 409
    assert "PROMPTCLAIM_SIGNING_KEY" in refused.json["detail"]
    assert CheckpointStep(payments.parts).run_once() == 0
    assert auditor(payments, "timeliness-log/verification")["intact"] is True


def many(payments: Payments) -> None:
    payments.judge(
        *(
            payments.verdict(
                f"clm_{number:03}",
                arrival="2026-03-02" if number % 2 else "2026-02-27",
                services=(JudgedService(1, "ECM", outreach=number < 5),),
            )
            for number in range(40)
        )
    )
    payments.today = "2026-04-20"
    for number in range(0, 40, 4):
        payments.pay(f"clm_{number:03}", "denied", "2026-03-03")
    payments.pay("clm_001", "paid", "2026-04-15")


def test_a_sample_is_drawn_again_by_anybody_with_its_seed(payments: Payments) -> None:
    many(payments)

    drawn = auditor(payments, "audit/sample?universe=claims&size=7")
    again = auditor(payments, f"audit/sample?universe=claims&size=7&seed={drawn['seed']}")
    other = auditor(payments, "audit/sample?universe=claims&size=7&seed=other")

    assert drawn["items"] == again["items"] != other["items"]
    ids = [f"clm_{number:03}" for number in range(40)]
    by_hand = sorted(ids, key=lambda each: sha256(f"{drawn['seed']}\n{each}".encode()).hexdigest())[:7]
    assert [item["claim_id"] for item in drawn["items"]] == by_hand
    assert drawn["universe_count"] == 40
    assert drawn["universe_sha256"] == sha256("".join(f"{each}\n" for each in ids).encode()).hexdigest()


def test_each_universe_holds_what_its_name_says(payments: Payments) -> None:
    many(payments)

    def ids(query: str) -> set[int]:
        drawn = auditor(payments, f"audit/sample?size=1000&seed=1&{query}")
        assert drawn["universe_count"] == len(drawn["items"])
        return {int(item["claim_id"][4:]) for item in drawn["items"]}

    everything = set(range(40))
    assert ids("universe=claims") == everything
    assert ids("universe=claims&from=2026-03-01") == {each for each in everything if each % 2}
    assert ids("universe=claims&to=2026-03-01") == {each for each in everything if not each % 2}
    assert ids("universe=denials") == {each for each in everything if not each % 4}
    assert ids("universe=outreach") == {0, 1, 2, 3, 4}
    assert ids("universe=late") == {each for each in everything if each % 4}
    assert ids("universe=late&as_of=2026-03-04") == {1}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "universe"),
        ("universe=people", "universe"),
        ("universe=claims&size=0", "size"),
        ("universe=claims&size=1001", "size"),
        ("universe=claims&seed=a%20b", "seed"),
        ("universe=claims&from=2026-03-02&to=2026-03-01", "to"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused_with_the_field(
    payments: Payments, query: str, field: str
) -> None:
    refused = payments.call("GET", f"audit/sample?{query}", role="auditor")

    assert refused.status_code == 422
    assert field in {error["field"] for error in refused.json["errors"]}


def test_an_evidence_pack_proves_each_entry_and_changes_are_found(payments: Payments, tmp_path: Path) -> None:
    for number in range(1, 8):
        payments.judge(payments.verdict(f"clm_{number}"))
    payments.today = "2026-03-03"
    payments.pay("clm_3", "paid", "2026-03-03", 96_000)
    sign(payments)
    payments.judge(payments.verdict("clm_3", verdict="pended", judgement=2))
    payments.judge(payments.verdict("clm_8"))
    sign(payments)
    payments.judge(payments.verdict("clm_3", judgement=3))

    answer = payments.call("GET", "claims/clm_3/evidence.zip", role="auditor")
    pack = tmp_path / "evidence.zip"
    pack.write_bytes(answer.data)
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        names = set(archive.namelist())
        document = json.loads(archive.read("evidence.json"))
        (tmp_path / "verify_log.py").write_bytes(archive.read("verify_log.py"))
        (tmp_path / "keys.json").write_bytes(archive.read("public-keys.json"))
    command = [
        sys.executable,
        "-I",
        "-S",
        tmp_path / "verify_log.py",
        pack,
        "--public-key",
        tmp_path / "keys.json",
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    said_by_suite = CliRunner().invoke(
        main, ["log", "verify", str(pack), "--public-key", str(tmp_path / "keys.json")]
    )
    (tmp_path / "evidence.json").write_text(json.dumps(document))

    assert (said_by_suite.exit_code, said_by_suite.output) == (0, run.stdout)
    for arguments, status, words in (
        ([pack], 0, "Whoever controls the database"),
        ([tmp_path / "evidence.json"], 0, "Intact: 5 entries proven"),
        ([pack, "--earlier", pack], 2, "evidence pack: --earlier goes with an export of the whole log"),
    ):
        assert_both_say(arguments, status, words)
    assert names == {"README.txt", "evidence.json", "log.jsonl", "public-keys.json", "verify_log.py"}
    assert (run.returncode, run.stdout) == (
        0,
        "Intact: 5 entries proven, 1 not yet under a signed checkpoint\n",
    )
    assert [entry["judgement"] for entry in document["verdicts"]] == [1, 2, 3]
    assert document["acknowledgement"] == {"acknowledgement_due": "2026-03-04", "acknowledged_in_time": True}
    assert document["receipt"]["arrival_date"] == "2026-03-02"
    assert document["member"] == MEMBER_KEY
    assert document["payments"][0]["amount_cents"] == 96_000
    assert document["clock"]["state"] == "paid_on_time"
    assert document["lines"][0]["hcpcs"] == "G9012"
    assert {each["entry"]["claim_id"] for each in document["log"]} == {"clm_3"}

    changes: list[Callable[[Any], Any]] = [
        lambda pack: pack["log"][3]["entry"]["data"].update(amount_cents=1),
        lambda pack: pack["log"][0]["path"].pop(),
        lambda pack: pack["log"][0].update(entry=pack["log"][1]["entry"]),
        lambda pack: pack["checkpoints"][0]["entry"]["data"].update(root="00" * 32),
        lambda pack: pack["checkpoints"][0]["checkpoint"].update(hash="00" * 32),
    ]
    for number, change in enumerate(changes):
        changed = json.loads(json.dumps(document))
        change(changed)
        path = tmp_path / f"changed-{number}.json"
        path.write_text(json.dumps(changed))
        assert_both_say([path], 1, "Broken at entry ")
        with pytest.raises(standalone_verifier.Broken):
            standalone_verifier.verify_evidence(changed, None)
    with pytest.raises(standalone_verifier.Broken, match="not one of the log's"):
        standalone_verifier.verify_evidence(document, frozenset({"ab" * 32}))
    damaged = bytearray(answer.data)
    place = damaged.index(b"evidence.json") + 200
    damaged[place : place + 40] = b"x" * 40
    pack.write_bytes(damaged)
    assert_both_say([pack], 2, f"{pack} is no evidence pack")
    document["checkpoints"] = []
    (tmp_path / "evidence.json").write_text(json.dumps(document))
    assert_both_say([tmp_path / "evidence.json"], 2, "or a part of it is missing")


def assert_both_say(arguments: list[Any], status: int, words: str) -> None:
    texts = [str(argument) for argument in arguments]
    suite = CliRunner().invoke(main, ["log", "verify", *texts])
    command = [sys.executable, "-I", "-S", standalone_verifier.__file__, *texts]
    alone = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (suite.exit_code, suite.output) == (alone.returncode, alone.stdout + alone.stderr)
    assert suite.exit_code == status
    assert words in suite.output


def test_evidence_is_for_those_who_may_see_the_claim(payments: Payments) -> None:
    payments.judge(payments.verdict())

    assert payments.call("GET", "claims/clm_1/evidence.json", role="provider").status_code == 403
    assert payments.call("GET", "claims/clm_1/evidence.json", payers=("OTHER",)).status_code == 404
    assert payments.call("GET", "claims/clm_1/evidence.json", payers=("GSHP1",)).status_code == 200
    assert payments.call("GET", "claims/clm_9/evidence.zip", role="auditor").status_code == 404


def with_private_words(event: Event) -> Event:
    """The same verdict with the member's name where a rejected claim may hold anything."""
    document = json.loads(event.data)
    document["claim"]["billing_provider"]["npi"] = "Zebedee"
    document["claim"]["lines"][0] |= {"procedure_code": "Zebedee", "modifiers": ["Zebedee"]}
    document["findings"] = [{"rule": "member.cin", "severity": "reject", "message": f"Zebedee {CIN}"}]
    return structs.replace(event, data=json.dumps(document).encode())


def test_nothing_of_the_member_reaches_the_log_the_export_samples_or_evidence(payments: Payments) -> None:
    member = Member(cin=CIN, last_name="Quetzalcoatl", first_name="Xochitl", birth_date=date(1980, 5, 17))
    number = f"Quetzalcoatl-{CIN}-19800517"
    payments.judge(
        payments.verdict("clm_1", claim_number=number, member=member),
        with_private_words(payments.verdict("clm_2", verdict="rejected", member=member)),
    )
    reason = f"Xochitl Quetzalcoatl, born 1980-05-17, CIN {CIN}"
    assert payments.post_event("clm_1", kind="denied", date="2026-03-02", reason=reason).status_code == 201
    sign(payments)

    texts = [
        payments.call("GET", path, role="auditor").text
        for path in (
            "timeliness-log/export.jsonl",
            "timeliness-log",
            "timeliness-log/verification",
            "claims/clm_1/evidence.json",
            "claims/clm_2/evidence.json",
            "audit/sample?universe=claims",
        )
    ]
    for text in texts:
        for private in ("Quetzalcoatl", "Xochitl", "Zebedee", CIN, "1980-05-17", "19800517"):
            assert private.lower() not in text.lower()
    assert MEMBER_KEY in texts[0]
    assert MEMBER_KEY in texts[3]


def browser(payments: Payments, role: str) -> Any:
    key = Keys(payments.database, API_KEYS).create(role, "Somebody", payments.now(), npis=("1234567893",))
    client = create_app(payments.parts).test_client()
    with client.session_transaction() as session:
        session["key"], session["since"] = key.record.id, int(payments.now().timestamp())
    return client


def test_the_audit_page_checks_signs_and_draws(payments: Payments) -> None:
    many(payments)
    client = browser(payments, "auditor")
    page = client.get("/payments/audit").text
    token = re.search(r'action="/payments/audit/checkpoints".*?name="([^"]+)" value="([^"]+)"', page, re.S)
    assert token

    done = client.post("/payments/audit/checkpoints", data={token.group(1): token.group(2)})

    assert "None yet" in page
    assert done.status_code == 303
    assert "1 to 132" in client.get("/payments/audit").text
    checked = client.get("/payments/audit?verify=yes").text
    assert "The log is intact" in checked
    drawn = client.get("/payments/audit?universe=late&from=2026-03-01&to=&as_of=&size=3&seed=s1").text
    assert drawn.count("evidence.zip") == 3
    link = re.search(r'href="(/payments/audit/claims/clm_\d+/evidence.zip)"', drawn)
    assert link
    assert client.get(link.group(1)).data[:2] == b"PK"
    wrong = client.get("/payments/audit?universe=late&size=many")
    assert (wrong.status_code, "How many" in wrong.text) == (422, True)
    for path in ("timeliness-log.jsonl", "public-keys.json", "verify_log.py"):
        assert client.get(f"/payments/audit/{path}").status_code == 200
    assert client.get("/payments/audit/claims/nothing/evidence.zip").status_code == 404
    assert browser(payments, "provider").get("/payments/audit").status_code == 403


def test_the_commands_sign_verify_and_rotate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "suite"
    monkeypatch.setenv("PROMPTCLAIM_DATA_DIR", str(data))
    runner = CliRunner()
    assert "no timeliness log" in runner.invoke(main, ["log", "verify"]).output
    data.mkdir()
    service = Payments(Database(f"sqlite:///{data}/payments.db", "payments"))
    service.parts = dataclasses.replace(service.parts, settings=Settings(data_dir=data))
    assert "no entry yet" in runner.invoke(main, ["log", "checkpoint"]).output
    service.judge(service.verdict())

    assert runner.invoke(main, ["log", "checkpoint"]).output.startswith("Signed: entry 4")
    assert runner.invoke(main, ["log", "checkpoint"]).output.startswith("Nothing was written")
    whole = runner.invoke(main, ["log", "verify"])
    assert (whole.exit_code, whole.output.splitlines()[0][:17]) == (0, "Intact: 4 entries")
    export, keys = tmp_path / "log.jsonl", tmp_path / "keys.txt"
    export.write_bytes(service.call("GET", "timeliness-log/export.jsonl", role="auditor").data)
    [public_key] = signing_keys(service.parts.settings).public
    keys.write_text(public_key)
    arguments = ["log", "verify", str(export), "--public-key", str(keys), "--earlier", str(export)]
    assert runner.invoke(main, arguments).exit_code == 0
    rotated = runner.invoke(main, ["log", "rotate-key"]).output
    assert f"Old public key: {public_key}" in rotated
    keys.write_text(rotated.split()[-1])
    refused = runner.invoke(main, ["log", "verify", str(export), "--public-key", str(keys)])
    assert (refused.exit_code, "not one of the log's" in refused.output) == (1, True)
    assert runner.invoke(main, ["log", "verify"]).exit_code == 0
    assert runner.invoke(main, ["log", "verify", "--public-key", str(keys)]).exit_code == 2
    service.database.close()


def http_answers(monkeypatch: pytest.MonkeyPatch, payments: Payments, role: str) -> None:
    """Let ``requests`` reach the service as somebody with ``role``."""

    def get(url: str, **_: Any) -> requests.Response:
        path = url.removeprefix("http://claims.example/payments/api/v1/")
        answer = payments.call("GET", path, role=role)
        found = requests.Response()
        found.status_code, found.raw, found.url = answer.status_code, io.BytesIO(answer.data), url
        return found

    monkeypatch.setenv("PROMPTCLAIM_API_KEY", "pc_secret")
    monkeypatch.setattr(requests, "get", get)


def test_a_running_suites_log_is_verified_also_while_it_is_empty(
    payments: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    http_answers(monkeypatch, payments, "auditor")
    arguments = ["log", "verify", "--url", "http://claims.example"]

    empty = CliRunner().invoke(main, arguments)
    payments.judge(payments.verdict())
    sign(payments)
    payments.pay("clm_1", "paid", "2026-03-02")
    signed = CliRunner().invoke(main, arguments)

    assert (empty.exit_code, empty.output[:18]) == (0, "Intact: 0 entries,")
    assert signed.exit_code == 0
    assert "1 signed checkpoint. Signed up to entry 4; entry 5 is not signed yet" in signed.output
    assert "Whoever controls the database" in signed.output


def test_a_key_of_another_role_is_told_which_role_reads_the_log(
    payments: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    http_answers(monkeypatch, payments, "claims")

    refused = CliRunner().invoke(main, ["log", "verify", "--url", "http://claims.example"])

    said = "The key in PROMPTCLAIM_API_KEY may not read the log: it needs the role auditor (403).\n"
    assert (refused.exit_code, refused.output) == (2, said)


def test_the_export_and_its_checkpoints_are_json_lines(payments: Payments) -> None:
    payments.judge(payments.verdict())
    made = sign(payments).json

    lines = [
        json.loads(line)
        for line in payments.call("GET", "timeliness-log/export.jsonl", role="auditor").data.splitlines()
    ]

    assert [line["event"] for line in lines[:-1]] == [
        "claim.received",
        "claim.judged",
        "clock.started",
        "log.checkpoint",
    ]
    assert lines[-1] == {"checkpoint": made}
    assert datetime.fromisoformat(made["made_at"]) == payments.now()
    assert lines[-2]["hash"] == made["hash"]
