"""`promptclaim check` with records of other care: they are known before the first claim is judged."""

import json
import subprocess
from pathlib import Path
from typing import Any

from invoice_rows import a_csv, a_row
from running import COMMAND, clean_environment

RECEIVED = "2026-11-20"
DAY = "2026-10-06"
CIN, OTHER_CIN = "91234567A", "97654321C"
ENROLLMENTS = "cin,program,start_date,end_date,care_manager_npi,source,record_id\n"
AUTHORIZATIONS = (
    "cin,benefit,service,authorization_number,start_date,end_date,provider_npi,status,population_of_focus,"
    "presumptive,record_id\n"
)
SERVICES = (
    "cin,service_date,program,procedure_code,modifiers,units,provider_npi,provider_tin,start_time,end_time,"
    "source,record_id\n"
)


def check(*arguments: str | Path, output: str = "json") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "check", "--format", output, "--received", RECEIVED, *map(str, arguments)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


def lines_of(run: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.stdout.splitlines()]


def a_file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def an_invoice(folder: Path) -> Path:
    return a_csv(folder, a_row(service_start=DAY))


def rules(run: subprocess.CompletedProcess[str]) -> set[str]:
    claim = next(line for line in lines_of(run) if "claim" in line)
    return {finding["rule"] for finding in claim["findings"]}


def test_an_enrolment_in_a_program_that_excludes_ecm_rejects_the_claim(tmp_path: Path) -> None:
    pace = a_file(tmp_path, "e.csv", f"{ENROLLMENTS}{CIN},PACE,2026-01-01,,,State,E-1\n")

    run = check(an_invoice(tmp_path), "--enrollments", pace)

    assert (run.returncode, run.stderr) == (1, "")
    assert "overlap.excluded" in rules(run)
    assert "overlap.excluded" not in rules(check(an_invoice(tmp_path)))


def test_a_county_tcm_service_of_another_provider_on_the_day_pends_the_claim(tmp_path: Path) -> None:
    row = f"{CIN},{DAY},TCM_COUNTY,T1017,,2,1999999984,,,,County,S-1\n"

    run = check(an_invoice(tmp_path), "--services", a_file(tmp_path, "s.csv", SERVICES + row))

    assert run.returncode == 0
    claim = next(line for line in lines_of(run) if "claim" in line)
    assert claim["verdict"] == "pended"
    assert "overlap.tcm_county" in rules(run)


def test_authorizations_that_do_not_name_the_member_pend_the_claim_and_one_that_does_lets_it_through(
    tmp_path: Path,
) -> None:
    other = f"{OTHER_CIN},ECM,,A-9,2026-06-01,2027-05-31,,authorized,,no,R-1\n"
    mine = f"{CIN},ECM,,A-8,2026-06-01,2027-05-31,,authorized,,no,R-2\n"
    invoice = an_invoice(tmp_path)

    without = check(invoice, "--authorizations", a_file(tmp_path, "a.csv", AUTHORIZATIONS + other))
    with_one = check(invoice, "--authorizations", a_file(tmp_path, "b.csv", AUTHORIZATIONS + other + mine))

    assert "authorization.missing" in rules(without)
    assert "authorization.missing" not in rules(with_one)


def test_an_alias_joins_the_record_of_the_other_cin(tmp_path: Path) -> None:
    pace = a_file(tmp_path, "e.csv", f"{ENROLLMENTS}{OTHER_CIN},PACE,2026-01-01,,,State,E-1\n")
    alias = a_file(tmp_path, "m.csv", f"cin,alias_cin,source,record_id\n{CIN},{OTHER_CIN},State,M-1\n")
    invoice = an_invoice(tmp_path)

    assert "overlap.excluded" not in rules(check(invoice, "--enrollments", pace))
    assert "overlap.excluded" in rules(check(invoice, "--enrollments", pace, "--aliases", alias))


def test_a_wrong_row_is_printed_the_right_ones_count_and_the_command_ends_with_1(tmp_path: Path) -> None:
    wrong = f"{CIN},2026-02-30,TCM_COUNTY,T1017,,0,,,,,County,S-1\n"
    right = f"{CIN},{DAY},TCM_COUNTY,T1017,,2,,,,,County,S-2\n"

    run = check(
        an_invoice(tmp_path), "--services", a_file(tmp_path, "services.csv", SERVICES + wrong + right)
    )

    unusable, *rest = lines_of(run)
    assert run.returncode == 1
    assert {name: unusable[name] for name in ("file", "row", "feed", "verdict")} == {
        "file": "services.csv",
        "row": 2,
        "feed": "services",
        "verdict": "unusable",
    }
    assert [(each["field"], each["value"]) for each in unusable["problems"]] == [
        ("service_date", "2026-02-30"),
        ("units", "0"),
    ]
    assert all(each["message"] for each in unusable["problems"])
    assert rest[0]["verdict"] == "pended"


def test_a_feed_that_cannot_be_read_ends_the_command_with_2_and_no_claim_is_judged(tmp_path: Path) -> None:
    run = check(an_invoice(tmp_path), "--services", a_file(tmp_path, "services.csv", "hello\n"))

    (line,) = lines_of(run)
    assert run.returncode == 2
    assert (line["file"], line["feed"], line["verdict"]) == ("services.csv", "services", "unreadable")
    assert "service_date" in line["problems"][0]["message"]


def test_as_a_table_the_rows_are_told_in_plain_words(tmp_path: Path) -> None:
    feed = a_file(tmp_path, "services.csv", f"{SERVICES}{CIN},{DAY},SPA,,,,,,,,County,S-1\n")

    run = check(an_invoice(tmp_path), "--services", feed, output="table")

    assert run.returncode == 1
    assert "services.csv, row 2, program (SPA):" in run.stdout
    assert "services.csv: 1 row of services, 0 taken, 1 wrong" in run.stdout


def test_files_of_json_do_as_well_and_what_is_only_worth_knowing_goes_to_standard_error(
    tmp_path: Path,
) -> None:
    record = {"cin": CIN, "program": "PACE", "start_date": "2026-01-01", "record_id": "E-1", "colour": "red"}

    run = check(
        an_invoice(tmp_path), "--enrollments", a_file(tmp_path, "e.json", json.dumps({"records": [record]}))
    )

    assert "overlap.excluded" in rules(run)
    assert '"colour"' in run.stderr
