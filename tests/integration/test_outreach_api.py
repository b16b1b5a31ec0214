"""The outreach ledger over HTTP and as a page."""

import csv
import io
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import pytest
from builders import BILLING_NPI, OTHER_NPI, a_line
from payments_harness import Payments
from test_payments_pages import browser

from services.payments.outreach.words import OUTREACH_DEFINITIONS
from services.payments.outreach.wrong_denials import AUTHORITY
from shared.database import Database
from shared.events import ClaimJudged, Event, JudgedService

D = date.fromisoformat
OUTREACH = JudgedService(1, "ECM", "ecm_outreach", True)
HOUSING = JudgedService(1, "CS", "housing_transition_navigation", True)


@pytest.fixture(params=["sqlite", "postgresql"])
def payments(new_database: Callable[[str], Database], request: pytest.FixtureRequest) -> Payments:
    return Payments(new_database(request.param), "2026-03-31")


def attempt(payments: Payments, claim_id: str, day: str, *services: JudgedService, **claim: Any) -> Event:
    """The verdict on a claim of lines of 40 dollars on one day, one a service; its member is the harness's."""
    units, member = claim.pop("units", 1), claim.pop("member_key", "a" * 32)
    lines = tuple(
        a_line(service.line, service_start=D(day), units=units, charge_cents=4_000) for service in services
    )
    event = payments.verdict(claim_id, services=services, **{"arrival": day, **claim})
    judged = msgspec.json.decode(event.data, type=ClaimJudged)
    whole = msgspec.structs.replace(judged.claim, lines=lines, total_cents=None)
    data = msgspec.json.encode(msgspec.structs.replace(judged, claim=whole))
    return msgspec.structs.replace(event, data=data, key=member)


def test_attempts_are_counted_by_success_and_provider(payments: Payments) -> None:
    ecm = JudgedService(1, "ECM", "ecm")
    payments.judge(
        attempt(payments, "clm_1", "2026-03-02", OUTREACH, units=2),
        # Another provider's service of 20 days later makes the attempt successful.
        attempt(payments, "clm_2", "2026-03-22", ecm, npi=OTHER_NPI),
        attempt(payments, "clm_3", "2026-03-25", OUTREACH, npi=OTHER_NPI),
        attempt(payments, "clm_4", "2026-03-02", OUTREACH, member_key="b" * 32, verdict="rejected"),
        attempt(payments, "clm_5", "2026-03-02", OUTREACH, member_key="c" * 32, verdict="pended"),
        attempt(payments, "clm_6", "2026-03-20", ecm, member_key="c" * 32, verdict="rejected"),
        attempt(payments, "clm_7", "2026-03-02", OUTREACH, member_key="c" * 32, frequency="8"),
    )

    march = payments.get("outreach")
    payments.today = "2026-12-31"
    later = payments.get("outreach?from=2026-03-01&to=2026-03-31")

    assert [group["key"]["provider"] for group in march["groups"]] == [OTHER_NPI, BILLING_NPI]
    total = march["total"]
    assert (total["total"]["attempts"], total["total"]["lines"], total["total"]["members"]) == (4, 3, 2)
    assert (total["successful"]["attempts"], total["open"]["attempts"], total["rejected"]) == (2, 2, 1)
    assert later["total"]["unsuccessful"]["attempts"] == 2
    assert later["total"]["total"]["overdue"] == later["total"]["total"]["late"] == 4
    assert payments.get("outreach?to=2026-03-01")["total"]["total"]["attempts"] == 0
    assert march["definitions"] == OUTREACH_DEFINITIONS


def test_a_denial_for_lack_of_authorization_is_flagged_and_one_for_a_duplicate_is_not(
    payments: Payments,
) -> None:
    payments.judge(
        attempt(payments, "clm_1", "2026-03-02", OUTREACH),
        attempt(payments, "clm_2", "2026-03-03", OUTREACH),
        attempt(payments, "clm_3", "2026-03-04", HOUSING),
        attempt(payments, "clm_4", "2026-03-05", OUTREACH),
    )
    reasons = {
        "clm_1": "No authorization on file for Ana Rivera",
        "clm_2": "CO-18 duplicate",
        "clm_3": "CO-197",
        "clm_4": "CO-197",
    }
    for claim_id, reason in reasons.items():
        payments.post_event(claim_id, kind="denied", date="2026-03-20", reason=reason)
    payments.post_event("clm_4", kind="paid", date="2026-03-25", amount_cents=4_000)

    response = payments.call("GET", "outreach?group_by=member,service", role="auditor")

    [flagged] = response.json["wrong_denials"]
    assert (flagged["claim_id"], flagged["ground"], flagged["certain"]) == ("clm_1", "authorization", True)
    assert (flagged["authority"], flagged["denied_on"]) == (AUTHORITY, "2026-03-20")
    total = response.json["total"]
    assert (total["total"]["denied"], total["total"]["wrong_denials"], total["housing"]) == (3, 1, 1)
    assert (total["total"]["paid"], total["total"]["paid_cents"]) == (1, 4_000)
    for private in ("Rivera", "Ana", "91234567A", "1980"):
        assert private not in response.text


def test_a_line_that_is_denied_beside_a_paid_service_is_found(payments: Payments) -> None:
    two = (JudgedService(1, "ECM", "ecm"), JudgedService(2, "ECM", "ecm_outreach", True))
    payments.judge(attempt(payments, "clm_1", "2026-03-02", *two, amount_cents=8_000))
    payments.post_event("clm_1", kind="paid", date="2026-03-10", amount_cents=4_000, line=1)
    payments.post_event(
        "clm_1", kind="denied", date="2026-03-10", amount_cents=4_000, line=2, reason="CARC 15"
    )

    report = payments.get("outreach?group_by=payer")

    assert (report["total"]["total"]["paid"], report["total"]["total"]["denied"]) == (0, 1)
    assert [(each["line"], each["code"]) for each in report["wrong_denials"]] == [(2, "15")]


def test_a_past_day_leaves_out_later_services_and_payments(payments: Payments) -> None:
    payments.judge(
        attempt(payments, "clm_1", "2026-03-02", OUTREACH),
        attempt(payments, "clm_2", "2026-03-20", JudgedService(1, "ECM", "ecm")),
    )
    payments.post_event("clm_1", kind="paid", date="2026-03-25")

    def at(day: str) -> tuple[int, int, int]:
        total = payments.get(f"outreach?as_of={day}")["total"]
        return total["total"]["paid"], total["successful"]["attempts"], total["open"]["attempts"]

    assert at("2026-03-19") == (0, 0, 1)
    assert at("2026-03-20") == (0, 1, 0)
    assert at("2026-03-25") == (1, 1, 0)
    assert at("2026-03-01") == (0, 0, 0)


def test_outreach_waits_beside_services(payments: Payments) -> None:
    for number, (service, paid) in enumerate(
        [(OUTREACH, "2026-03-30"), (JudgedService(1, "ECM", "ecm"), "2026-03-07")]
    ):
        payments.judge(attempt(payments, f"clm_{number}", "2026-03-02", service))
        payments.post_event(f"clm_{number}", kind="paid", date=paid)

    days = payments.get("outreach")["time_to_payment"]

    assert days == {
        "outreach": {"paid": 1, "median_days": 28},
        "services": {"paid": 1, "median_days": 5},
        "mixed": {"paid": 0, "median_days": None},
    }


def test_everybody_sees_what_is_theirs(payments: Payments) -> None:
    payments.judge(
        attempt(payments, "clm_1", "2026-03-02", OUTREACH, payer_id="A"),
        attempt(payments, "clm_2", "2026-03-02", OUTREACH, payer_id="B", npi=OTHER_NPI),
    )

    def seen(**who: Any) -> int:
        attempts: int = payments.get("outreach", **who)["total"]["total"]["attempts"]
        return attempts

    assert seen(role="provider") == seen(role="provider", npis=(OTHER_NPI,)) == 1
    assert seen(payers=("A",)) == 1
    assert seen() == seen(role="auditor") == 2
    assert payments.call("GET", "outreach?group_by=cin").status_code == 422


def test_the_spreadsheet_holds_the_same_figures(payments: Payments) -> None:
    payments.judge(attempt(payments, "clm_1", "2026-03-02", OUTREACH, units=3))

    text = payments.call("GET", "outreach?group_by=month,success&format=csv").text

    [row, total] = csv.DictReader(io.StringIO(text))
    assert (row["month"], row["success"], row["attempts"], row["open_attempts"]) == (
        "2026-03",
        "open",
        "3",
        "3",
    )
    assert (total["month"], total["billed_cents"], total["successful_attempts"]) == ("total", "4000", "0")


def test_the_page_shows_the_ledger_and_its_files(payments: Payments) -> None:
    payments.judge(attempt(payments, "clm_1", "2026-03-02", OUTREACH))
    payments.post_event("clm_1", kind="denied", date="2026-03-20", reason="not authorized")
    auditor = browser(payments, "auditor")

    page = auditor.get("/payments/outreach?group_by=success&from=2026-03-01")
    file = auditor.get("/payments/outreach.csv?group_by=success&from=2026-03-01")

    assert page.status_code == 200
    assert page.text.count("<h1>") == 1
    assert "Wrong denials" in page.text
    assert "/payments/outreach.csv?group_by=success&amp;from=2026-03-01" in page.text
    assert file.text.startswith("success,lines,attempts")
    assert auditor.get("/payments/outreach.json?from=x").status_code == 422
    assert "such as 2026-03-02" in auditor.get("/payments/outreach?from=x").text
    assert browser(payments, "provider").get("/payments/outreach").status_code == 403
