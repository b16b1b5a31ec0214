"""Verdicts and payments in, clocks out: on SQLite and PostgreSQL alike."""

import msgspec
import pytest
from payments_harness import Payments
from sqlalchemy import select

from services.payments.models import CLOCKS, METADATA
from services.payments.rebuild import rebuild
from shared.database import Database, update_rows
from shared.events import CLAIMS_VALIDATED, PAYMENTS_RECORDED, new_event
from shared.messaging.consumer import InvalidEvent
from shared.migrate import drift
from shared.payers import Payers


@pytest.fixture
def payments(database: Database) -> Payments:
    return Payments(database)


def test_the_tables_are_those_of_the_models(payments: Payments) -> None:
    assert drift(payments.database, METADATA) == []


def test_a_clean_claim_starts_its_clock_and_says_so(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"), payments.verdict("clm_2", verdict="pended"))

    assert payments.clock("clm_1")["deadline"] == "2026-04-01"
    assert payments.clock("clm_2")["state"] == "open"
    [(type_, started), (_, other)] = payments.published()
    assert type_ == "clock.started"
    assert (started.claim_id, started.sequence, started.payer_id) == ("clm_1", 1, "GSHP1")
    assert started.clock["deadline"] == "2026-04-01"
    assert other.claim_id == "clm_2"


def test_a_rejected_claim_has_no_clock_but_its_notice_is_logged(payments: Payments) -> None:
    payments.judge(payments.verdict(verdict="rejected"))

    assert payments.clock()["state"] == "not_running"
    assert payments.published() == []
    log = payments.get("timeliness-log", role="auditor")["items"]
    assert [entry["event"] for entry in log] == ["claim.received", "claim.judged", "claim.rejection_noticed"]
    assert payments.get("clocks")["items"] == []


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_later_judgement_rules_in_whatever_order_they_arrive(
    payments: Payments, order: tuple[int, int]
) -> None:
    verdicts = {1: payments.verdict(verdict="pended"), 2: payments.verdict(verdict="rejected", judgement=2)}

    for judgement in order:
        payments.judge(verdicts[judgement])

    assert payments.clock()["state"] == "not_running"


def test_a_claim_released_from_review_was_clean_from_its_receipt(payments: Payments) -> None:
    payments.judge(payments.verdict(verdict="pended"))
    payments.today = "2026-03-20"

    payments.judge(payments.verdict(verdict="accepted", judgement=2))

    assert payments.clock()["deadline"] == "2026-04-01"
    assert [type_ for type_, _ in payments.published()] == ["clock.started"]


def test_a_pended_claim_that_review_rejects_stops_its_clock(payments: Payments) -> None:
    payments.judge(payments.verdict(verdict="pended"))

    payments.judge(payments.verdict(verdict="rejected", judgement=2))

    types = [(type_, event.sequence) for type_, event in payments.published()]
    assert types == [("clock.started", 1), ("clock.stopped", 2)]


def test_the_state_moves_with_the_days_alone(payments: Payments) -> None:
    payments.judge(payments.verdict())
    states = []

    for day in ("2026-03-21", "2026-03-22", "2026-04-01", "2026-04-02"):
        payments.today = day
        states.append(payments.clock()["state"])
        [item] = payments.get(f"clocks?state={states[-1]}")["items"]
        assert item["claim_id"] == "clm_1"

    assert states == ["open", "near", "near", "overdue"]


def test_the_worked_example_of_a_contest_through_the_whole_service(payments: Payments) -> None:
    payments.judge(payments.verdict())
    payments.today = "2026-05-15"

    payments.pay("clm_1", "contested", "2026-03-20")
    payments.pay("clm_1", "information_received", "2026-04-06")
    payments.pay("clm_1", "paid", "2026-05-15", 96_000)

    clock = payments.clock()
    assert (clock["state"], clock["days_late"], clock["interest_cents"]) == ("paid_late", 9, 355)
    assert clock["interest_due_cents"] == 355
    [item] = payments.get("clocks?state=paid_late")["items"]
    assert (item["paid_cents"], item["interest_due_cents"]) == (96_000, 355)
    types = [type_ for type_, _ in payments.published()]
    assert types == ["clock.started", "claim.contested", "clock.started", "claim.paid"]
    assert [event.sequence for _, event in payments.published()] == [1, 2, 3, 4]


def test_a_payment_that_comes_before_the_verdict_waits_for_it(payments: Payments) -> None:
    payments.pay("clm_1", "paid", "2026-03-02", 96_000)
    waiting = payments.get("payment-events/unmatched")["items"]

    payments.judge(payments.verdict())

    assert [entry["claim_id"] for entry in waiting] == ["clm_1"]
    assert payments.clock()["state"] == "paid_on_time"
    assert payments.get("payment-events/unmatched")["items"] == []


@pytest.mark.parametrize("original_first", [True, False])
def test_an_accepted_void_withdraws_its_original(payments: Payments, original_first: bool) -> None:
    original = payments.verdict("clm_1", claim_number="OWN-1")
    void = payments.verdict("clm_2", frequency="8", supersedes="clm_1", arrival="2026-03-10")
    payments.today = "2026-03-10"

    for verdict in (original, void) if original_first else (void, original):
        payments.judge(verdict)

    clock = payments.clock("clm_1")
    assert (clock["state"], clock["withdrawn"]) == ("withdrawn", "2026-03-10")
    assert payments.clock("clm_2")["state"] == "not_running"
    assert [type_ for type_, _ in payments.published()] == ["clock.started", "clock.stopped"]


def test_a_replacement_runs_its_own_clock_and_withdraws_the_original(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"))
    payments.today = "2026-03-10"

    payments.judge(payments.verdict("clm_2", frequency="7", supersedes="clm_1", arrival="2026-03-10"))

    assert payments.clock("clm_1")["state"] == "withdrawn"
    assert payments.clock("clm_2")["deadline"] == "2026-04-09"


def test_a_replacement_of_another_provider_withdraws_nothing(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"))

    payments.judge(payments.verdict("clm_2", frequency="7", original_reference="clm_1", npi="1000000004"))

    assert payments.clock("clm_1")["state"] == "open"


def test_the_terms_of_the_payer_at_receipt_stay_with_the_clock(database: Database) -> None:
    hmo = Payers.parse('[[payer]]\nids = ["GSHP1"]\nname = "Plan"\nregime = "hmo"\n')
    payments = Payments(database, today="2025-06-02", payers=hmo)
    payments.judge(payments.verdict(arrival="2025-06-02", amount_cents=125_000))
    later = Payments(database, today="2025-08-15")

    later.pay("clm_1", "paid", "2025-08-15")

    clock = later.clock()
    assert (clock["deadline"], clock["days_late"], clock["interest_cents"]) == ("2025-08-06", 9, 462)


def test_data_of_the_wrong_shape_is_set_aside(payments: Payments) -> None:
    class Other(msgspec.Struct):
        something: str = "else"

    verdict = new_event(CLAIMS_VALIDATED, "x", "/x", subject="x", key="x", data=Other(), now=payments.now())
    with pytest.raises(InvalidEvent):
        payments.judge(verdict)
    payment = new_event(PAYMENTS_RECORDED, "x", "/x", subject="x", key="x", data=Other(), now=payments.now())
    with pytest.raises(InvalidEvent):
        payments.judge(payment)
    with pytest.raises(InvalidEvent, match="kind"):
        payments.pay("clm_1", "withdrawn", "2026-03-02")


def test_a_rejected_claim_full_of_nonsense_is_still_written(payments: Payments) -> None:
    long = "x" * 500

    payments.judge(
        payments.verdict(verdict="rejected", npi=long, payer_id=long + "\x00", claim_number="\x00" + long)
    )

    assert payments.get("claims/clm_1/clock")["verdict"] == "rejected"


def test_an_amount_beyond_any_claim_is_set_aside(payments: Payments) -> None:
    with pytest.raises(InvalidEvent, match="amount"):
        payments.judge(payments.verdict(amount_cents=10**20))


def test_a_claim_of_less_than_nothing_is_not_settled_by_itself(payments: Payments) -> None:
    payments.judge(payments.verdict(amount_cents=-500))

    assert payments.clock()["state"] == "open"


def test_a_payment_event_that_contradicts_its_claim_is_set_aside_and_leaves_nothing(
    payments: Payments,
) -> None:
    payments.judge(payments.verdict())

    with pytest.raises(InvalidEvent, match="96000 cents"):
        payments.pay("clm_1", "paid", "2026-03-02", 96_001)

    assert payments.get("claims/clm_1/clock")["payments"] == []


def test_the_projection_can_be_made_again_from_the_entries(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"), payments.verdict("clm_2"))
    payments.today = "2026-05-15"
    payments.pay("clm_1", "paid", "2026-05-15", 50_000)
    payments.pay("clm_2", "denied", "2026-04-20")

    def rows() -> list[object]:
        with payments.database.read() as connection:
            return [tuple(row) for row in connection.execute(select(CLOCKS).order_by(CLOCKS.c.claim_id))]

    before = rows()
    spoiled = [
        {"claim_id": claim_id, "status": "paid", "late": False, "paid_cents": 0, "interest_cents": 9}
        for claim_id in ("clm_1", "clm_2")
    ]
    with payments.database.begin() as connection:
        update_rows(connection, CLOCKS, ("claim_id",), spoiled)
    assert rows() != before

    looked = list(rebuild(payments.database, payments.now(), apply=True))

    assert [len(each.repairs) for each in looked] == [2]
    assert rows() == before
