"""A payer with several ids, or with one that providers spell in several ways, is one payer to the clocks."""

from typing import Any

import pytest
from payments_harness import Payments
from test_remittances import send
from x12_835_builder import an_835
from x12_835_builder import claim as paid_claim

from shared.database import Database
from shared.events import JudgedService
from shared.payers import Payers

GOLDEN = ("GSHP1", "gshp2", "Gshp2")
PAYERS = Payers.parse(
    '[[payer]]\nids = ["GSHP1", "GSHP2"]\nname = "Golden"\n[[payer]]\nids = ["Bay"]\nname = "Bay Plan"\n'
)
OUTREACH = JudgedService(1, "ECM", "ecm_outreach", True)


@pytest.fixture
def payments(database: Database) -> Payments:
    """Three claims of one plan under other ids, of which the first was paid late, and one of another."""
    service = Payments(database, "2026-03-02", PAYERS)
    for number, payer_id in enumerate((*GOLDEN, "BAY"), start=1):
        service.judge(
            service.verdict(
                f"clm_{number}",
                payer_id=payer_id,
                claim_number=f"PCN-{number}",
                services=(OUTREACH,),
                amount_cents=10_000,
            )
        )
    service.today = "2026-04-20"
    service.pay("clm_1", "paid", "2026-04-11")
    service.pay("clm_2", "paid", "2026-04-12")
    service.pay("clm_4", "paid", "2026-04-13")
    return service


def received(report: Any) -> dict[str, int]:
    return {group["key"]["payer"]: group["received"] for group in report["groups"]}


@pytest.mark.parametrize("as_of", ["2026-03-31", "2026-04-20"])
def test_the_figures_count_it_as_one_under_its_first_id(payments: Payments, as_of: str) -> None:
    report = payments.get(f"timeliness?group_by=payer&as_of={as_of}")
    by_service = payments.get(f"timeliness?group_by=month,payer,service&lines=1&as_of={as_of}")

    assert received(report) == received(by_service) == {"BAY": 1, "GSHP1": 3}
    of_pattern = {
        window["payer"]: window["measured"] + window["running"] for window in report["pattern"]["windows"]
    }
    assert of_pattern == {None: 4, "BAY": 1, "GSHP1": 3}
    month = payments.get(f"monthly-report.json?month=2026-03&as_of={as_of}")
    assert [each["key"]["payer"] for each in month["timeliness"]["by_payer"]] == ["BAY", "GSHP1"]


def test_acknowledgements_and_figures_have_the_same_groups(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_2", judgement=2, payer_id="gshp2", claim_number="PCN-2"))

    groups = payments.get("timeliness?group_by=payer")["groups"]

    counted = {group["key"]["payer"]: group["acknowledgement"]["matured"] for group in groups}
    assert counted == {"BAY": 1, "GSHP1": 3}


@pytest.mark.parametrize("payer", ["GSHP1", "GSHP2", "gshp1"])
def test_a_key_with_any_of_its_ids_sees_all_its_clocks_and_figures(payments: Payments, payer: str) -> None:
    own = {"payers": (payer,)}

    clocks = payments.get("clocks", **own)["items"]

    assert [clock["payer_id"] for clock in clocks] == list(GOLDEN), "as the claims have it"
    assert payments.get("timeliness", **own)["total"]["received"] == 3
    assert payments.get("claims/clm_3/clock", **own)["claim_id"] == "clm_3"
    assert payments.call("GET", "claims/clm_4/clock", **own).status_code == 404


@pytest.mark.parametrize("payer", ["GSHP1", "gshp2"])
def test_the_list_of_clocks_is_filtered_by_any_of_its_ids(payments: Payments, payer: str) -> None:
    found = payments.get(f"clocks?payer={payer}")["items"]

    assert [clock["claim_id"] for clock in found] == ["clm_1", "clm_2", "clm_3"]


def test_what_it_owes_a_provider_in_small_interest_is_one_sum(payments: Payments) -> None:
    found = payments.get("small-interest?month=2026-04")

    sums = {each["payer_id"]: each["claims"] for each in found["providers"]}
    assert sums == {"BAY": 1, "GSHP1": 2}


def test_the_outreach_ledger_counts_it_as_one(payments: Payments) -> None:
    groups = payments.get("outreach?group_by=payer")["groups"]

    assert {group["key"]["payer"]: group["total"]["lines"] for group in groups} == {"BAY": 1, "GSHP1": 3}


def test_a_key_with_one_id_pays_the_claims_of_the_others(payments: Payments) -> None:
    content = an_835(paid_claim("PCN-3", paid=10_000), paid_claim("PCN-4"), amount=106_000, payer_id="GSHP1")

    answer = send(payments, content, payers=("gshp1",))

    assert (answer["matched"], [each["claim"] for each in answer["unmatched"]]) == (1, ["PCN-4"])
