"""The compliance figures over HTTP: against a second, naive program, against intake's counts, and by group."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from builders import BILLING_NPI, OTHER_NPI, a_line
from naive_figures import claims_of, naive_figures
from payments_harness import Payments
from sqlalchemy import text
from test_payments_pages import browser

from services.payments.clock import Entry, period_of, run
from services.payments.figures.words import DEFINITIONS
from shared.database import Database
from shared.events import ClaimJudged, JudgedService
from shared.payers import Payers, PayerTerms

D = date.fromisoformat
START = D("2026-01-05")
ECM, CS = JudgedService(1, "ECM", "ecm"), JudgedService(1, "CS", "housing_deposits")
OUTREACH = JudgedService(1, "ECM", "ecm_outreach", True)
PAYERS = Payers.parse(
    "".join(f'[[payer]]\nids = ["{each}"]\nname = "Plan {each}"\n' for each in ("P1", "P2", "P3", "GSHP1"))
)
KINDS = ("paid", "paid", "paid", "denied", "contested", "information_received")


@pytest.fixture(params=["sqlite", "postgresql"])
def payments(new_database: Callable[[str], Database], request: pytest.FixtureRequest) -> Payments:
    return Payments(new_database(request.param), "2026-12-31", PAYERS)


@pytest.mark.parametrize("seed", [1, 2])
def test_figures_from_the_raw_log_by_a_naive_program_agree(payments: Payments, seed: int) -> None:
    random = Random(seed)
    claims, as_ofs = random_history(payments, random, 60, (*KINDS, "payment_reversed"), "clm_a")
    more, _ = random_history(payments, random, 50, KINDS, "clm_b")
    assert claims + more > 120, "the history says little"

    export = payments.call("GET", "timeliness-log/export.jsonl", role="auditor").data.splitlines()
    everything = claims_of(line for line in export if b'"checkpoint"' not in line)
    plain = {claim: each for claim, each in everything.items() if claim.startswith("clm_b")}

    for as_of in as_ofs:
        for payer in ("P1", "P2"):
            own = [each for each in everything.values() if each.received["payer_id"] == payer]
            found = payments.get(f"timeliness?as_of={as_of}", payers=(payer,))["total"]
            agree(found, naive_figures(own, as_of), lateness=False)
        # For the days on which a payment was there until it was taken back, a later one is not late and bears no
        # interest. The naive program does not know that, so it is asked about both where there is no such payment.
        found = payments.get(f"timeliness?as_of={as_of}", payers=("P3",))["total"]
        agree(found, naive_figures(plain.values(), as_of), lateness=True)


def random_history(
    payments: Payments, random: Random, count: int, kinds: tuple[str, ...], prefix: str
) -> tuple[int, list[date]]:
    """Claims with random events over a year, through HTTP; how many were taken, and days to ask about."""
    payer_ids = ("P3",) if prefix == "clm_b" else ("P1", "P2")
    taken = 0
    for number in range(count):
        claim_id, arrived = f"{prefix}{number:03}", START + timedelta(random.randrange(120))
        payments.today = str(arrived + timedelta(random.choice([0, 0, 1, 2, 3, 6])))
        amount = random.choice([5_000, 96_000, 250_000])
        payments.judge(
            payments.verdict(
                claim_id,
                verdict=random.choice(["accepted"] * 6 + ["pended", "rejected"]),
                arrival=str(arrived),
                amount_cents=amount,
                payer_id=random.choice(payer_ids),
                frequency=random.choice(["1"] * 9 + ["8"]),
            )
        )
        payments.today = "2026-12-31"
        day, ids = arrived, list[str]()
        for _ in range(random.randrange(6)):
            day += timedelta(random.choice([0, 1, 5, 12, 25, 33, 61]))
            event: dict[str, Any] = {"kind": random.choice(kinds), "date": str(day)}
            if event["kind"] in ("paid", "denied", "payment_reversed") and random.random() < 0.5:
                event["amount_cents"] = random.choice([1, amount // 3, amount // 2])
            if event["kind"] == "paid" and random.random() < 0.3:
                event["interest_cents"] = random.choice([150, 5_000])
            if ids and random.random() < 0.15:
                event["corrects"] = ids.pop(random.randrange(len(ids)))
                if random.random() < 0.5:
                    event = {"kind": "cancelled", "date": event["date"], "corrects": event["corrects"]}
            answer = payments.post_event(claim_id, **event)
            if answer.status_code == 201:
                taken += 1
                ids.append(answer.json["payment_event_id"])
    return taken, [START + timedelta(random.randrange(300)) for _ in range(8)] + [D("2026-12-31")]


def agree(found: dict[str, Any], naive: dict[str, Any], *, lateness: bool) -> None:
    left_out = () if lateness else ("paid_late", "interest_due_cents", "interest_running_cents")
    plain = [name for name in naive if name in found and name not in left_out]
    assert len(plain) > 17
    assert {name: found[name] for name in plain} == {name: naive[name] for name in plain}
    for days, (paid, matured) in naive["within"].items():
        assert (found[f"within_{days}"]["paid"], found[f"within_{days}"]["matured"]) == (paid, matured)
    assert found["acknowledgement"]["in_time"] == naive["acknowledged"]
    whole(found)


def whole(found: dict[str, Any]) -> None:
    """Every claim is counted in one place of each division."""
    assert found["received"] == found["accepted"] + found["pended"] + found["rejected"]
    assert found["received"] == found["clean"] + found["not_clean"]
    settled = found["paid"] + found["denied"] + found["withdrawn"]
    assert found["clean"] == settled + found["contested"] + found["running"] + found["overdue"]
    assert found["denied_or_withdrawn"] == found["denied"] + found["withdrawn"]
    assert sum(found["days_to_payment"].values()) == found["paid"]
    assert sum(found["days_unpaid"].values()) == found["clean"] - settled
    for days in (30, 90):
        assert found[f"within_{days}"]["matured"] == found[f"within_{days}"]["paid"] + found[f"late_{days}"]


def test_the_groups_add_up_to_the_total_and_the_months_to_the_quarters(payments: Payments) -> None:
    random_history(payments, Random(3), 40, KINDS, "clm_a")

    for names in ("payer", "month", "quarter", "payer,channel,benefit,outreach,provider"):
        report = payments.get(f"timeliness?group_by={names}&as_of=2026-06-30")
        for name in ("received", "clean", "paid", "overdue", "running", "late_30", "open_cents"):
            assert sum(group[name] for group in report["groups"]) == report["total"][name], name
        for group in report["groups"]:
            whole(group)
            assert list(group["key"]) == names.split(",")
    quarters = {
        group["key"]["quarter"]: group["received"]
        for group in payments.get("timeliness?group_by=quarter")["groups"]
    }
    assert set(quarters) == {"2026-Q1", "2026-Q2"}


def test_a_claim_of_two_services_is_in_both_groups_and_once_in_the_total(payments: Payments) -> None:
    both = (ECM, JudgedService(2, "ECM", "ecm_outreach", True), JudgedService(3, "ECM", "ecm"))
    lines = [a_line(1, charge_cents=4_000), a_line(2, charge_cents=2_000), a_line(3, charge_cents=2_000)]
    payments.judge(
        with_lines(payments.verdict("clm_1", services=both), lines),
        payments.verdict("clm_2", services=(ECM,)),
    )
    payments.pay("clm_1", "paid", "2026-03-10")

    claims = payments.get("timeliness?group_by=service")
    by_line = payments.get("timeliness?group_by=service&lines=1")

    assert {group["key"]["service"]: group["received"] for group in claims["groups"]} == {
        "ecm": 2,
        "ecm_outreach": 1,
    }
    assert (claims["total"]["received"], claims["total"]["paid"], claims["counted"]) == (2, 1, "claims")
    assert {group["key"]["service"]: group["received"] for group in by_line["groups"]} == {
        "ecm": 3,
        "ecm_outreach": 1,
    }
    assert (by_line["total"]["received"], by_line["total"]["paid"], by_line["counted"]) == (4, 3, "lines")
    assert by_line["pattern"] == claims["pattern"]
    assert claims["total"]["acknowledgement"]["matured"] == 2


def with_lines(event: Any, lines: list[Any]) -> Any:
    """The verdict with other lines: the harness makes one line."""
    judged = msgspec.json.decode(event.data, type=ClaimJudged)
    claim = msgspec.structs.replace(judged.claim, lines=tuple(lines), total_cents=None)
    data = msgspec.json.encode(msgspec.structs.replace(judged, claim=claim))
    return msgspec.structs.replace(event, data=data)


def test_a_past_day_shows_a_payment_that_was_taken_back_since(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1", arrival="2026-03-02"))
    for kind, day in (("paid", "2026-03-20"), ("payment_reversed", "2026-04-10"), ("paid", "2026-05-20")):
        assert payments.post_event("clm_1", kind=kind, date=day).status_code == 201

    def at(day: str) -> tuple[int, int, int, int]:
        found = payments.get(f"timeliness?as_of={day}")["total"]
        return found["paid"], found["overdue"], found["running"], found["within_30"]["paid"]

    assert at("2026-03-19") == (0, 0, 1, 0)
    assert at("2026-03-20") == (1, 0, 0, 1)
    assert at("2026-04-10") == (0, 1, 0, 0)
    assert at("2026-05-20") == (1, 0, 0, 0)
    assert payments.get("timeliness?as_of=2026-03-01")["total"]["received"] == 0


def test_acknowledgement_and_rejection_notices_are_timed_from_the_first_verdict(payments: Payments) -> None:
    payments.today = "2026-03-04"
    payments.judge(payments.verdict("clm_1", verdict="rejected"), payments.verdict("clm_2", verdict="pended"))
    payments.today = "2026-03-09"
    payments.judge(payments.verdict("clm_3", verdict="rejected"))
    payments.judge(payments.verdict("clm_2", judgement=2))
    payments.today = "2026-12-31"

    total = payments.get("timeliness")["total"]
    before = payments.get("timeliness?as_of=2026-03-04")["total"]

    assert total["acknowledgement"] == {"in_time": 2, "matured": 3, "share": 0.666667, "median_days": 2}
    assert total["rejection_notice"] == {
        "noticed": 2, "in_2_working_days": 1, "median_days": 4.5, "longest_days": 7
    }  # fmt: skip
    assert (before["acknowledgement"]["matured"], before["rejection_notice"]["noticed"]) == (2, 1)


@pytest.mark.parametrize("together", [True, False])
def test_the_first_verdict_counts_also_where_a_later_one_comes_before_it(
    payments: Payments, together: bool
) -> None:
    payments.today = "2026-03-03"
    first = payments.verdict(verdict="pended")
    payments.today = "2026-03-20"
    released = payments.verdict(judgement=2)

    if together:
        payments.judge(released, first)
    else:
        for each in (released, first, first):
            payments.judge(each)

    total = payments.get("timeliness?as_of=2026-03-20")["total"]
    assert (total["acknowledgement"]["in_time"], total["acknowledgement"]["median_days"]) == (1, 1)
    log = payments.get("timeliness-log", role="auditor")["items"]
    told = [entry["data"].get("verdict", entry["event"]) for entry in log]
    assert sorted(told) == ["accepted", "claim.received", "clock.started", "pended"]
    now, then = (payments.get(f"claims/clm_1/clock{at}") for at in ("", "?at=2026-03-20"))
    assert (now["verdict"], now["judgement"], now["clock"]["state"]) == ("accepted", 2, "open")
    assert (then["verdict"], then["judgement"], then["judged_at"]) == ("accepted", 2, now["judged_at"])
    evidence = payments.get("claims/clm_1/evidence.json", role="auditor")
    assert evidence["acknowledgement"] == {"acknowledgement_due": "2026-03-04", "acknowledged_in_time": True}
    assert [each["judgement"] for each in evidence["verdicts"]] == [1, 2]
    assert payments.get("timeliness-log/verification", role="auditor")["intact"]
    export = payments.call("GET", "timeliness-log/export.jsonl", role="auditor").data.splitlines()
    claims = claims_of(line for line in export if b'"checkpoint"' not in line)
    assert naive_figures(claims.values(), D("2026-03-20"))["acknowledged"] == 1


def test_a_rejection_that_comes_after_the_acceptance_that_followed_it_starts_and_stops_nothing(
    payments: Payments,
) -> None:
    rejected, accepted = payments.verdict(verdict="rejected"), payments.verdict(judgement=2)

    payments.judge(accepted)
    payments.judge(rejected)

    assert payments.clock()["state"] == "overdue"
    assert [type_ for type_, _ in payments.published()] == ["clock.started"]
    log = payments.get("timeliness-log", role="auditor")["items"]
    assert [entry["event"] for entry in log] == [
        "claim.received", "claim.judged", "clock.started", "claim.judged", "claim.rejection_noticed",
    ]  # fmt: skip
    assert payments.get("timeliness")["total"]["rejection_notice"]["noticed"] == 0


def test_interest_runs_on_overdue_claims_to_the_cent_of_their_clocks(payments: Payments) -> None:
    for number, amount in enumerate((96_000, 12_345, 1, 999_999)):
        payments.judge(payments.verdict(f"clm_{number}", amount_cents=amount))
    payments.post_event("clm_0", kind="paid", date="2026-05-15", amount_cents=50_000, interest_cents=100)
    payments.today = "2026-06-20"

    total = payments.get("timeliness")["total"]
    clocks = payments.get("clocks")["items"]

    owed = total["interest_due_cents"] + total["interest_running_cents"]
    assert owed == sum(clock["interest_due_cents"] for clock in clocks) > 30_000
    assert total["interest_paid_cents"] == 100


def test_interest_on_the_rest_is_rounded_with_that_of_a_part_paid_late(payments: Payments) -> None:
    # On April 29, 50 cents were 14 days late and 9,950 are 28: 0.29 and 114.49 cents, together 115 and not 114.
    payments.judge(payments.verdict(amount_cents=10_000))
    payments.post_event("clm_1", kind="paid", date="2026-04-15", amount_cents=50)
    for day in ("2026-04-29", "2026-05-13", "2026-06-10", "2026-07-01"):
        payments.today = day
        running = payments.clock()["interest_due_cents"]
        figures = payments.get("timeliness")["total"]
        [listed] = payments.get("clocks")["items"]
        entries = [Entry("paid", D("2026-04-15"), 50), Entry("paid", D(day), 9_950)]
        terms = PayerTerms()
        paid = run(period_of(D("2026-03-02"), terms), terms, 10_000, entries)

        assert running == listed["interest_due_cents"] == paid.interest_cents
        assert figures["interest_due_cents"] + figures["interest_running_cents"] == paid.interest_cents


def test_a_late_payment_is_wrong_only_when_the_days_of_its_interest_have_run_out(payments: Payments) -> None:
    for number, amount in enumerate((96_000, 1_000)):
        payments.judge(payments.verdict(f"clm_{number}", amount_cents=amount))
        payments.post_event(f"clm_{number}", kind="paid", date="2026-04-22", amount_cents=amount)

    def wrong(day: str) -> tuple[int, int]:
        window = payments.get(f"timeliness?as_of={day}")["pattern"]["windows"][0]
        return window["wrong"], window["running"]

    # Five working days for 8.28 dollars; ten days after the end of the month for 9 cents.
    assert [wrong(day) for day in ("2026-04-29", "2026-04-30", "2026-05-10", "2026-05-11")] == [
        (0, 2), (1, 1), (1, 1), (2, 0)
    ]  # fmt: skip


def test_ninety_five_percent_of_three_months_have_to_be_paid_correctly(payments: Payments) -> None:
    payments.today = "2026-12-31"
    for month, late in ((1, 0), (2, 1), (3, 1), (4, 0)):
        for number in range(10):
            claim = f"clm_{month}{number}"
            payments.judge(payments.verdict(claim, arrival=f"2026-0{month}-05"))
            day = f"2026-0{month}-20" if number >= late else f"2026-0{month + 3}-20"
            # The late one of March is paid with more than the interest that it bears, that of February without.
            interest = 5_000 if (month, number) == (3, 0) else 0
            payments.post_event(claim, kind="paid", date=day, interest_cents=interest)

    pattern = payments.get("timeliness")["pattern"]

    windows = [window for window in pattern["windows"] if window["payer"] is None]
    assert [(window["from"], window["to"]) for window in windows] == [
        ("2026-01-01", "2026-03-31"), ("2026-02-01", "2026-04-30")
    ]  # fmt: skip
    assert [(window["on_time"], window["late_with_interest"], window["wrong"]) for window in windows] == [
        (28, 1, 1), (28, 1, 1)
    ]  # fmt: skip
    assert (windows[0]["share"], windows[0]["met"], pattern["met"]) == (0.966667, True, True)
    assert {window["payer"] for window in pattern["windows"]} == {None, "GSHP1"}
    assert payments.get("timeliness?from=2026-02-01&to=2026-02-28")["pattern"]["met"] is False


def test_the_spreadsheet_holds_the_same_figures(payments: Payments) -> None:
    random_history(payments, Random(5), 15, KINDS, "clm_a")

    report = payments.get("timeliness?group_by=payer,quarter&as_of=2026-05-01")
    text = payments.call("GET", "timeliness?group_by=payer,quarter&as_of=2026-05-01&format=csv").text

    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["payer"] for row in rows] == [*(group["key"]["payer"] for group in report["groups"]), "total"]
    for row, group in zip(rows, [*report["groups"], report["total"]], strict=True):
        for name in ("received", "overdue", "late_90", "open_cents", "interest_running_cents", "not_clean"):
            assert int(row[name]) == group[name]
        assert int(row["paid_in_over_90_days"]) == group["days_to_payment"]["over_90"]
        assert row["acknowledged_in_time"] == str(group["acknowledgement"]["in_time"])


def test_every_figure_is_defined(payments: Payments) -> None:
    payments.judge(payments.verdict())
    report = payments.get("timeliness")

    defined = {name.strip() for names in DEFINITIONS for name in names.split(",")}
    assert set(report["total"]) - {"key"} <= defined
    assert report["definitions"] == DEFINITIONS


def test_a_name_in_the_place_of_a_provider_number_never_shows(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1", verdict="rejected", npi="Ana Rivera"), payments.verdict("clm_2"))

    groups = payments.get("timeliness?group_by=provider")["groups"]

    assert [group["key"]["provider"] for group in groups] == ["", BILLING_NPI]


def test_a_name_in_the_place_of_a_payer_id_stays_out_of_the_log_and_of_what_auditors_see(
    payments: Payments,
) -> None:
    payments.judge(
        payments.verdict("clm_1", verdict="rejected", payer_id="Ana Rivera"),
        payments.verdict("clm_2", verdict="rejected", payer_id="gshp1"),
        payments.verdict("clm_3", payer_id="NEWPLAN"),
    )

    groups = payments.get("timeliness?group_by=payer")["groups"]
    assert {group["key"]["payer"]: group["received"] for group in groups} == {"": 1, "GSHP1": 1, "NEWPLAN": 1}
    log = payments.get("timeliness-log", role="auditor")["items"]
    receipts = [entry["data"]["payer_id"] for entry in log if entry["event"] == "claim.received"]
    assert receipts == ["", "gshp1", "NEWPLAN"]
    for path in (
        "timeliness?group_by=payer,month", "timeliness?group_by=payer&lines=1", "timeliness-log",
        "claims/clm_1/evidence.json", "audit/sample?universe=claims&size=10&seed=1", "outreach?group_by=payer",
    ):  # fmt: skip
        assert "Rivera" not in json.dumps(payments.get(path, role="auditor")), path
    verification = payments.get("timeliness-log/verification", role="auditor")
    assert verification["intact"], verification


def test_who_changes_a_payer_that_the_log_does_not_name_is_found(payments: Payments) -> None:
    payments.judge(payments.verdict(verdict="rejected", payer_id="Ana Rivera"))
    with payments.database.begin() as connection:
        connection.execute(text("UPDATE clocks SET payer_id = 'GSHP1'"))

    verification = payments.get("timeliness-log/verification", role="auditor")

    assert (verification["intact"], verification["first_bad_sequence"]) == (False, 1)


def test_a_key_of_one_payer_sees_its_figures_only(payments: Payments) -> None:
    payments.judge(
        payments.verdict("clm_1", payer_id="A"), payments.verdict("clm_2", payer_id="B", npi=OTHER_NPI)
    )

    for names in ("payer", "payer,service"):
        report = payments.get(f"timeliness?group_by={names}", payers=("A",), role="auditor")
        assert report["total"]["received"] == len(report["groups"]) == 1
    assert payments.call("GET", "timeliness", role="provider").status_code == 403
    assert payments.call("GET", "timeliness?group_by=member").status_code == 422
    assert payments.call("GET", "timeliness?group_by=payer,payer").status_code == 422
    assert payments.call("GET", "timeliness?from=2026-03-02&to=2026-03-01").status_code == 422


def test_the_definitions_and_figures_come_in_one_order(payments: Payments) -> None:
    random_history(payments, Random(9), 12, KINDS, "clm_a")
    one, other = (payments.call("GET", "timeliness?group_by=payer,month").data for _ in range(2))

    assert one == other
    keys = [tuple(group["key"].values()) for group in json.loads(one)["groups"]]
    assert all(before < after for before, after in pairwise(keys))


def test_the_page_shows_all_tables_and_its_files(payments: Payments) -> None:
    random_history(payments, Random(4), 15, KINDS, "clm_a")
    auditor = browser(payments, "auditor")

    page = auditor.get("/payments/timeliness?group_by=quarter&as_of=2026-06-30&lines=1")
    file = auditor.get("/payments/timeliness.csv?group_by=quarter&as_of=2026-06-30&lines=1")
    through_the_api = payments.call("GET", "timeliness?group_by=quarter&as_of=2026-06-30&lines=1&format=csv")

    assert page.status_code == 200
    for words in (
        "2026-Q1",
        "Paid claims by days to payment",
        "Unpaid claims by days since receipt",
        "over 90 days",
        "Three months in a row",
        "Jan 1, 2026",
    ):
        assert words in page.text
    assert page.text.count("<h1>") == 1
    assert "/payments/timeliness.json?group_by=quarter&amp;as_of=2026-06-30&amp;lines=1" in page.text
    assert file.data == through_the_api.data
    assert auditor.get("/payments/timeliness.json?to=never").status_code == 422
    wrong = auditor.get("/payments/timeliness?from=2026-03-02&to=2026-03-01")
    assert "lies before the first" in wrong.text
    assert browser(payments, "provider").get("/payments/timeliness.csv").status_code == 403


@pytest.mark.parametrize("path", ["timeliness", "outreach", "monthly-report.json?month=2026-03&"])
def test_figures_of_a_day_to_come_are_a_forecast_and_say_so(payments: Payments, path: str) -> None:
    payments.judge(payments.verdict(arrival="2026-03-02"))
    payments.today = "2026-03-31"
    question = path if "?" in path else f"{path}?"

    today = payments.get(f"{question}as_of=2026-03-31")
    ahead = payments.get(f"{question}as_of=2026-04-01")

    assert (today["forecast"], "forecast" in today["definitions"]) == (False, False)
    assert ahead["forecast"] is True
    assert "has not come yet" in ahead["definitions"]["forecast"]
    if "?" not in path:
        names = [
            payments.call("GET", f"{question}format=csv&as_of={day}").headers["Content-Disposition"]
            for day in ("2026-03-31", "2026-04-01")
        ]
        assert ["forecast" in name for name in names] == [False, True]
