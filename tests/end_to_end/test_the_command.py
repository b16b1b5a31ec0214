"""The `promptclaim` command from outside: what it prints and how it ends."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import COMMAND, EmbeddedSuite, clean_environment, embedded_suite, file_837p

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
RECEIVED = "2026-11-20"


def promptclaim(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], env=clean_environment(**settings), capture_output=True, text=True, timeout=120
    )


def checked(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    run = promptclaim("check", "--format", "json", "--received", RECEIVED, *arguments)
    assert run.stderr == ""
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()]


def test_check_gives_every_claim_of_every_sample_one_line_and_every_file_a_summary_that_adds_up() -> None:
    names = ("claims.837", "invoice.xlsx", "invoice.csv", "claims.json")

    status, lines = checked(*(str(SAMPLES / name) for name in names))

    assert status == 1
    for name in names:
        mine = [line for line in lines if line["file"] == name]
        *claims, last = mine
        summary = last["summary"]
        assert summary["claims"] == len(claims)
        for verdict in ("accepted", "pended", "rejected", "unreadable"):
            assert summary[verdict] == sum(claim["verdict"] == verdict for claim in claims)
        for claim in claims:
            assert claim["clean"] is (claim["verdict"] in ("accepted", "pended"))
            assert ("clock" in claim) is claim["clean"]
            told = str(claim["claim"])
            assert ("BAD" in told) <= (claim["verdict"] in ("rejected", "accepted"))
            assert ("-OK" in told) <= (claim["verdict"] == "accepted")
            assert ("PENDED" in told) <= (claim["verdict"] == "pended")
            assert ("DUPLICATE" in told) <= (
                "duplicate.exact" in {each["rule"] for each in claim["findings"]}
            )


FEEDS = ("services=care_services", "enrollments=enrollments", "authorizations=authorizations")


def test_check_with_the_sample_feeds_gives_every_claim_the_verdict_that_its_number_says() -> None:
    names = ("claims.837", "invoice.xlsx", "invoice.csv", "claims.json", "other-care.csv")
    feeds = [f"--{option}={SAMPLES / name}.csv" for option, name in (each.split("=") for each in FEEDS)]

    status, lines = checked(*(str(SAMPLES / name) for name in names), *feeds)

    assert status == 1
    first, *rest = lines
    assert (first["file"], first["row"], first["feed"]) == ("care_services.csv", 5, "services")
    claims = {line["claim"]: line for line in rest if "claim" in line}
    mine = {number: line for number, line in claims.items() if number.startswith("CARE-")}
    assert len(mine) == 20
    for number, line in mine.items():
        said = {"OK": "accepted", "PENDED": "pended", "BAD": "rejected"}[number.split("-")[1]]
        assert (number, line["verdict"]) == (number, said)
    for number, line in claims.items():
        assert ("-OK" in number) <= (line["verdict"] == "accepted")
    assert {each["rule"] for each in mine["CARE-BAD-PACE"]["findings"] if each["severity"] == "reject"} == {
        "overlap.excluded"
    }
    (coordinate,) = [each for each in mine["CARE-OK-CCS"]["findings"] if each["rule"] == "overlap.ccs"]
    assert coordinate["severity"] == "note" and "1777000039" in coordinate["message"]
    for rule, number in (
        ("limit.housing_deposits_once", "CARE-PENDED-DEPOSIT"),
        ("duplicate.overlapping_spans", "CARE-PENDED-BED"),
        ("authorization.provider", "CARE-PENDED-OTHER-AUTHORIZATION"),
    ):
        assert [each["rule"] for each in mine[number]["findings"] if each["severity"] != "note"] == [rule]


def test_a_record_under_the_other_cin_of_a_member_is_found_where_the_aliases_are_given() -> None:
    feeds = [
        f"--enrollments={SAMPLES / 'enrollments.csv'}",
        f"--authorizations={SAMPLES / 'authorizations.csv'}",
    ]
    for aliases, expected in (
        ([], []),
        ([f"--aliases={SAMPLES / 'member_aliases.csv'}"], ["overlap.tcm_smhs"]),
    ):
        _, lines = checked(str(SAMPLES / "other-care.csv"), *feeds, *aliases)

        claim = next(line for line in lines if line.get("claim") == "CARE-OK-TWO-CINS")
        assert [each["rule"] for each in claim["findings"] if each["rule"].startswith("overlap.")] == expected


def test_a_finding_names_rule_severity_line_field_value_place_message_expectation_and_authority() -> None:
    _, lines = checked(str(SAMPLES / "claims.837"))

    claim = next(line for line in lines if line.get("claim") == "X12-BAD-CODE")
    finding = next(each for each in claim["findings"] if each["rule"] == "code.not_listed")
    assert finding["severity"] == "reject"
    assert (finding["line"], finding["field"], finding["value"]) == (1, "procedure_code", "99213")
    assert finding["where"] == "ST 0001, LX 1, SV101-2"
    assert finding["message"] and finding["expected"] and finding["authority"]
    assert (finding["carc"], finding["claim_status"]) == ("96", "A7:507")


def test_the_files_of_one_run_are_one_history(tmp_path: Path) -> None:
    first, second = tmp_path / "first.837", tmp_path / "second.837"
    first.write_bytes(file_837p(3))
    second.write_bytes(file_837p(3))

    run = promptclaim("check", "--format", "json", str(first), str(second))

    verdicts = [json.loads(line).get("verdict") for line in run.stdout.splitlines()]
    assert verdicts == ["accepted"] * 3 + [None] + ["rejected"] * 3 + [None]


def test_check_ends_with_0_where_no_claim_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "good.837"
    path.write_bytes(file_837p(2))

    assert promptclaim("check", str(path)).returncode == 0


def test_check_ends_with_2_and_says_why_where_a_file_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "photo.xlsx"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))

    run = promptclaim("check", str(path))

    assert run.returncode == 2
    assert "PNG picture" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr


def test_check_ends_with_2_on_wrong_usage() -> None:
    assert promptclaim("check").returncode == 2
    assert promptclaim("check", "no-such-file.837").returncode == 2


@pytest.mark.parametrize("option", ["--conformity", "--no-conformity"])
def test_a_large_file_is_judged_whole_and_in_order(tmp_path: Path, option: str) -> None:
    path = tmp_path / "large.837"
    path.write_bytes(file_837p(2_600, claims_in_set=400))

    run = promptclaim("check", "--format", "json", option, str(path))

    *claims, last = [json.loads(line) for line in run.stdout.splitlines()]
    assert last["summary"] == {
        "claims": 2_600,
        "accepted": 2_600,
        "pended": 0,
        "rejected": 0,
        "unreadable": 0,
    }
    assert [claim["claim"] for claim in claims] == [f"PCN-{number:06d}" for number in range(2_600)]


def test_the_clock_of_a_weekend_file_starts_on_the_next_working_day() -> None:
    run = promptclaim("check", "--format", "json", "--received", "2026-02-14", str(SAMPLES / "claims.json"))

    clocks = [json.loads(line)["clock"] for line in run.stdout.splitlines() if '"clock"' in line]
    assert clocks == [] or {clock["receipt_date"] for clock in clocks} == {"2026-02-17"}
    _, lines = checked(str(SAMPLES / "claims.json"))
    assert {line["clock"]["deadline"] for line in lines if "clock" in line} == {"2026-12-20"}


def test_deadlines_prints_the_worked_example_of_a_contest() -> None:
    run = promptclaim(
        *("deadlines", "--received", "2026-03-02", "--contested", "2026-03-20"),
        *("--information-received", "2026-04-06", "--paid", "2026-05-15", "--amount-cents", "96000"),
    )

    found = json.loads(run.stdout)
    expected = {
        "received": "2026-03-02",
        "receipt_date": "2026-03-02",
        "standard": "clock.hsc1371_calendar",
        "deadline": "2026-04-01",
        "contract_30": "2026-04-01",
        "contract_90": "2026-05-31",
        "contested": "2026-03-20",
        "contest_in_time": True,
        "information_received": "2026-04-06",
        "deadline_after_information": "2026-05-06",
        "paid": "2026-05-15",
        "days_late": 9,
        "interest_cents": 355,
        "interest_fee_cents_if_not_automatic": 1500,
        "state": "paid_late",
    }
    assert found | expected == found


@pytest.mark.parametrize(
    ("received", "day"),
    [("2026-03-02T23:59:00-08:00", "2026-03-02"), ("2026-03-03T08:01:00+00:00", "2026-03-03")],
)
def test_a_time_of_receipt_counts_as_the_day_it_has_in_california(received: str, day: str) -> None:
    assert json.loads(promptclaim("deadlines", "--received", received).stdout)["receipt_date"] == day


def test_deadlines_refuses_what_contradicts_itself_in_words() -> None:
    run = promptclaim("deadlines", "--received", "2026-03-02", "--paid", "2026-02-01")

    assert run.returncode == 2
    assert "before the receipt" in run.stderr


def test_codes_lists_what_is_in_force_on_the_day() -> None:
    now = {(row["hcpcs"], *row["modifiers"]) for row in codes("2026-02-01")}
    then = {(row["hcpcs"], *row["modifiers"]) for row in codes("2024-02-01")}

    assert ("G9012", "U2") in now & then
    assert ("S9977", "U8") in now - then
    assert codes("2021-12-31") == []


def codes(day: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(promptclaim("codes", "--on", day, "--format", "json").stdout)[
        "items"
    ]
    return found


def test_an_unknown_setting_stops_the_start_and_suggests_the_right_name(tmp_path: Path) -> None:
    run = promptclaim("up", "--data", str(tmp_path), PROMPTCLAIM_PAYER_FILE="x")

    assert run.returncode == 1
    assert "PROMPTCLAIM_PAYERS_FILE" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_payers_file_with_an_unlawful_filing_limit_stops_the_start(tmp_path: Path) -> None:
    payers = tmp_path / "payers.toml"
    payers.write_text('[[payer]]\nids = ["X"]\nname = "X"\nfiling_limit_days = 60\n')

    run = promptclaim("check", "--payers", str(payers), str(SAMPLES / "claims.json"))

    assert run.returncode == 2
    assert "90" in run.stderr
    assert "Traceback" not in run.stderr


def test_an_unknown_payer_is_noted_once_a_file(tmp_path: Path) -> None:
    payers = tmp_path / "payers.toml"
    payers.write_text('[[payer]]\nids = ["OTHER"]\nname = "Other plan"\n')

    _, lines = checked("--payers", str(payers), str(SAMPLES / "claims.837"))

    assert [note["rule"] for note in lines[-1]["notes"]].count("payer.unknown") == 1


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSuite]:
    with embedded_suite(tmp_path_factory.mktemp("suite")) as running:
        yield running


def test_submit_uploads_waits_and_prints_the_verdicts(suite: EmbeddedSuite, tmp_path: Path) -> None:
    path = tmp_path / "mine.837"
    path.write_bytes(file_837p(3, first_number=70_000))
    key = suite.client("provider").secret

    run = promptclaim("submit", str(path), "--url", suite.urls["intake"], PROMPTCLAIM_API_KEY=key)

    assert run.returncode == 0, run.stderr
    assert run.stdout.count("accepted   PCN-") == 3
    assert run.stdout.rstrip().endswith("mine.837: 3 accepted, 0 pended, 0 rejected, 0 unreadable")


def test_submit_says_why_a_file_is_refused(suite: EmbeddedSuite, tmp_path: Path) -> None:
    path = tmp_path / "mine.pdf"
    path.write_bytes(b"%PDF-1.7\n")
    key = suite.client("provider").secret

    run = promptclaim("submit", str(path), "--url", suite.urls["intake"], PROMPTCLAIM_API_KEY=key)

    assert run.returncode == 1
    assert "This is a PDF" in run.stderr
    assert "Traceback" not in run.stderr


def test_log_verify_finds_the_log_intact_over_http_from_an_export_and_from_the_database(
    suite: EmbeddedSuite, tmp_path: Path
) -> None:
    provider = suite.client("provider")
    provider.judged(provider.submit("x.837", file_837p(2, first_number=80_000)).json()["submission_id"])
    auditor = suite.client("auditor", "Auditor")
    export = tmp_path / "log.jsonl"
    export.write_text(auditor.request("GET", "/payments/api/v1/timeliness-log/export.jsonl").text)

    over_http = promptclaim(
        "log", "verify", "--url", suite.urls["intake"], PROMPTCLAIM_API_KEY=auditor.secret
    )
    of_export = promptclaim("log", "verify", str(export))
    of_database = promptclaim("log", "verify", PROMPTCLAIM_DATA_DIR=str(suite.data))

    for run in (over_http, of_export, of_database):
        assert run.returncode == 0, run.stdout + run.stderr
        assert run.stdout.startswith("Intact: ")


def test_log_verify_names_the_first_changed_entry(suite: EmbeddedSuite, tmp_path: Path) -> None:
    provider = suite.client("provider")
    provider.judged(provider.submit("y.837", file_837p(2, first_number=81_000)).json()["submission_id"])
    lines = (
        suite.client("auditor", "Auditor")
        .request("GET", "/payments/api/v1/timeliness-log/export.jsonl")
        .text.splitlines()
    )
    lines[1] = lines[1].replace('"recorded_at":"2', '"recorded_at":"1')
    forged = tmp_path / "forged.jsonl"
    forged.write_text("\n".join(lines))

    run = promptclaim("log", "verify", str(forged))

    assert run.returncode == 1
    assert run.stdout.startswith("Broken at entry 2:")
