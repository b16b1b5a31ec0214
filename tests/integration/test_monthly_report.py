"""The monthly report: complete, the same bytes each time, and of the shape that is published."""

import json
from collections.abc import Callable
from random import Random

import jsonschema
import msgspec
import pytest
from payments_harness import Payments
from test_figures_api import KINDS, random_history
from test_outreach_api import OUTREACH, attempt

from services.payments.figures.monthly_report import MonthlyReport
from shared.database import Database


@pytest.fixture(params=["sqlite", "postgresql"])
def payments(new_database: Callable[[str], Database], request: pytest.FixtureRequest) -> Payments:
    return Payments(new_database(request.param), "2026-12-31")


def test_the_report_says_what_the_figures_say(payments: Payments) -> None:
    random_history(payments, Random(11), 40, KINDS, "clm_a")
    payments.judge(attempt(payments, "clm_x", "2026-03-02", OUTREACH))
    payments.post_event("clm_x", kind="denied", date="2026-03-20", reason="CO-197 Rivera")

    report = payments.get("monthly-report.json?month=2026-03&as_of=2026-06-30")
    figures = payments.get("timeliness?from=2026-03-01&to=2026-03-31&as_of=2026-06-30&group_by=payer")
    pattern = payments.get("timeliness?from=2026-01-01&to=2026-03-31&as_of=2026-06-30")["pattern"]
    log = payments.get("timeliness-log/verification", role="auditor")

    assert report["timeliness"]["total"] == figures["total"]
    assert report["timeliness"]["by_payer"] == figures["groups"]
    assert report["pattern"] == pattern
    assert report["receipts"]["received"] == figures["total"]["received"] == sum(report["verdicts"].values())
    assert sum(report["receipts"]["by_channel"].values()) == report["receipts"]["received"]
    assert report["interest"]["due_cents"] == figures["total"]["interest_due_cents"]
    assert [denial["claim_id"] for denial in report["wrong_denials"]] == ["clm_x"]
    assert report["log"]["intact"] is True
    assert (report["log"]["entries"], report["log"]["head_hash"]) == (log["entries"], log["head_hash"])
    # No checkpoint was signed, so the whole log was read.
    assert report["log"]["checked_from"] == 1
    assert report["log"]["claims_compared"] >= report["receipts"]["received"]
    assert (report["format"], report["month"], report["payers"]) == (
        "promptclaim.monthly-report.v1",
        "2026-03",
        None,
    )
    assert "Rivera" not in json.dumps(report)


def test_the_same_data_and_day_give_the_same_bytes(payments: Payments) -> None:
    random_history(payments, Random(12), 15, KINDS, "clm_a")

    payments.today = "2026-12-31"
    first = payments.call("GET", "monthly-report.json?month=2026-02&as_of=2026-06-30")
    payments.today = "2027-01-20"
    second = payments.call("GET", "monthly-report.json?month=2026-02&as_of=2026-06-30", role="auditor")

    assert first.data == second.data
    assert 'filename="monthly-report-2026-02.json"' in first.headers["Content-Disposition"]


def test_the_report_has_the_shape_of_its_type(payments: Payments) -> None:
    schema = msgspec.json.schema(MonthlyReport)
    for month in ("2026-03", "2026-01"):
        payments.judge(payments.verdict(f"clm_{month}", arrival=f"{month}-05"))
        report = payments.get(f"monthly-report.json?month={month}", payers=("GSHP1",))
        jsonschema.Draft202012Validator(schema).validate(report)
        assert msgspec.json.decode(msgspec.json.encode(report), type=MonthlyReport).payers == ("GSHP1",)


@pytest.mark.parametrize("query", ["", "?month=2026-13", "?month=March", "?month=2026-3", "?month=1999-01"])
def test_a_month_that_is_none_is_refused(payments: Payments, query: str) -> None:
    assert payments.call("GET", f"monthly-report.json{query}").status_code == 422
    assert payments.call("GET", "monthly-report.json?month=2026-03", role="provider").status_code == 403
