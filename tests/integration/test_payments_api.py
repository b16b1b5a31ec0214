"""The payments service over HTTP, as a claims department, a provider and an auditor call it."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from builders import BILLING_NPI, OTHER_NPI
from payments_harness import Payments
from sqlalchemy import delete, exc, text, update

from services.payments.log.audit_log import Intact, import_lines, verify
from services.payments.models import PAYMENT_ENTRIES, TIMELINESS_LOG
from shared.database import Database
from shared.events import JudgedService


@pytest.fixture
def payments(database: Database) -> Payments:
    return Payments(database)


def test_a_payment_is_recorded_once_however_often_it_is_sent(payments: Payments) -> None:
    payments.judge(payments.verdict())
    payments.today = "2026-03-20"
    event = {"kind": "paid", "date": "2026-03-20", "amount_cents": 96_000, "reference": "EFT-1"}

    first, again = (
        payments.call("POST", "claims/clm_1/payment-events", json=event, headers={"Idempotency-Key": "one"})
        for _ in range(2)
    )

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json["clock"]["state"] == "paid_on_time"
    assert again.json == first.json
    [entry] = payments.get("claims/clm_1/clock")["payments"]
    assert (entry["amount_cents"], entry["reference"]) == (96_000, "EFT-1")


def test_a_partial_payment_leaves_the_rest_running(payments: Payments) -> None:
    payments.judge(payments.verdict(amount_cents=100_000))
    payments.today = "2026-04-11"

    payments.post_event("clm_1", kind="paid", date="2026-03-20", amount_cents=60_000)

    clock = payments.clock()
    assert (clock["state"], clock["paid_cents"], clock["days_late"]) == ("overdue", 60_000, 10)
    assert clock["interest_cents"] == 164


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"kind": "lost", "date": "2026-03-02"}, "kind"),
        ({"kind": "paid"}, "date"),
        ({"kind": "paid", "date": "yesterday"}, "date"),
        ({"kind": "paid", "date": "2026-03-03"}, "date"),
        ({"kind": "paid", "date": "2026-03-01"}, "date"),
        ({"kind": "paid", "date": "2026-03-02", "amount_cents": -1}, "amount_cents"),
        ({"kind": "paid", "date": "2026-03-02", "amount_cents": 12.5}, "amount_cents"),
        ({"kind": "paid", "date": "2026-03-02", "amount_cents": 0}, "amount_cents"),
        ({"kind": "paid", "date": "2026-03-02", "amount_cents": 96_001}, "amount_cents"),
        ({"kind": "denied", "date": "2026-03-02", "interest_cents": 5}, "interest_cents"),
        ({"kind": "contested", "date": "2026-03-02", "amount_cents": 5}, "amount_cents"),
        ({"kind": "paid", "date": "2026-03-02", "amount_dollars": 5}, "amount_dollars"),
        ({"kind": "paid", "date": None}, "date"),
        ({"kind": "paid", "date": "2026-03-02", "reference": "EFT\u00001"}, "reference"),
        ({"kind": "denied", "date": "2026-03-02", "reason": "Not\u0000 covered"}, "reason"),
    ],
)
def test_a_wrong_field_is_named(payments: Payments, event: dict[str, object], field: str) -> None:
    payments.judge(payments.verdict())

    response = payments.post_event("clm_1", **event)

    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert field in [error["field"] for error in response.json["errors"]]
    assert payments.get("claims/clm_1/clock")["payments"] == []


def test_a_null_amount_of_a_contest_is_an_absent_one_and_of_a_payment_a_mistake(payments: Payments) -> None:
    payments.judge(payments.verdict())

    paid = payments.post_event("clm_1", kind="paid", date="2026-03-02", amount_cents=None)
    contested = payments.post_event("clm_1", kind="contested", date="2026-03-02", amount_cents=None)

    assert (paid.status_code, contested.status_code) == (422, 201)
    assert [error["field"] for error in paid.json["errors"]] == ["amount_cents"]


def test_a_field_that_is_null_is_a_field_that_is_absent(payments: Payments) -> None:
    payments.judge(payments.verdict())

    response = payments.post_event(
        "clm_1",
        kind="paid",
        date="2026-03-02",
        interest_cents=None,
        reference=None,
        reason=None,
    )

    assert response.status_code == 201
    assert payments.clock()["state"] == "paid_on_time"


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        (["paid"], "paid"),
        (["paid"], "denied"),
        (["paid"], "contested"),
        (["denied"], "denied"),
        (["denied"], "contested"),
        (["contested"], "contested"),
        ([], "information_received"),
        ([], "payment_reversed"),
        (["contested", "denied"], "information_received"),
    ],
)
def test_an_event_that_contradicts_the_claims_state_is_a_conflict(
    payments: Payments, before: list[str], kind: str
) -> None:
    payments.judge(payments.verdict())
    for earlier in before:
        assert payments.post_event("clm_1", kind=earlier, date="2026-03-02").status_code == 201

    response = payments.post_event("clm_1", kind=kind, date="2026-03-02")

    assert response.status_code == 409
    assert len(payments.get("claims/clm_1/clock")["payments"]) == len(before)


def test_a_reversal_opens_the_claim_again_and_it_can_be_paid(payments: Payments) -> None:
    payments.judge(payments.verdict())
    payments.post_event("clm_1", kind="paid", date="2026-03-02")

    reversed_ = payments.post_event("clm_1", kind="payment_reversed", date="2026-03-02")
    paid = payments.post_event("clm_1", kind="paid", date="2026-03-02")

    assert (reversed_.json["clock"]["state"], reversed_.json["clock"]["paid_cents"]) == ("open", 0)
    assert paid.json["clock"]["state"] == "paid_on_time"


def test_an_event_on_an_unknown_or_foreign_claim_is_not_found(payments: Payments) -> None:
    payments.judge(payments.verdict())
    event = {"kind": "paid", "date": "2026-03-02"}

    unknown = payments.call("POST", "claims/clm_9/payment-events", json=event)
    foreign = payments.call("POST", "claims/clm_1/payment-events", json=event, payers=("OTHER",))

    assert (unknown.status_code, foreign.status_code) == (404, 404)


def test_everyone_sees_only_the_claims_that_are_theirs(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"), payments.verdict("clm_2", npi=OTHER_NPI, payer_id="CVHP7"))

    def seen(**who: object) -> list[str]:
        return [item["claim_id"] for item in payments.get("clocks", **who)["items"]]

    assert seen(role="provider", npis=(BILLING_NPI,)) == ["clm_1"]
    assert seen(role="provider", npis=(OTHER_NPI,)) == ["clm_2"]
    assert seen(role="claims", payers=("CVHP7",)) == ["clm_2"]
    assert seen(role="claims") == seen(role="auditor") == ["clm_1", "clm_2"]
    hidden = payments.call("GET", "claims/clm_2/clock", role="provider", npis=(BILLING_NPI,))
    assert hidden.status_code == 404
    posted = payments.call("POST", "claims/clm_1/payment-events", role="provider", json={})
    assert posted.status_code == 403
    assert payments.call("GET", "timeliness-log", role="claims").status_code == 403


def test_clocks_are_paged_by_deadline_and_filtered(payments: Payments) -> None:
    payments.today = "2026-03-06"
    payments.judge(
        *(payments.verdict(f"clm_{day}{n}", arrival=f"2026-03-0{day}") for day in (4, 2, 3) for n in (1, 2))
    )
    seen, cursor = [], ""
    while cursor is not None:
        page = payments.get(f"clocks?limit=2&cursor={cursor}" if cursor else "clocks?limit=2")
        seen += [item["claim_id"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert seen == ["clm_21", "clm_22", "clm_31", "clm_32", "clm_41", "clm_42"]
    due = payments.get("clocks?due_before=2026-04-02")["items"]
    assert [item["claim_id"] for item in due] == ["clm_21", "clm_22"]
    assert payments.get("clocks?payer=NOBODY")["items"] == []
    assert len(payments.get(f"clocks?provider={BILLING_NPI}")["items"]) == 6
    assert payments.call("GET", "clocks?cursor=garbage").status_code == 422
    assert payments.call("GET", "clocks?state=late").status_code == 422
    assert payments.call("GET", f"timeliness-log?after={2**63}", role="auditor").status_code == 422


def test_the_compliance_figures_of_the_worked_example(payments: Payments) -> None:
    start = date(2026, 1, 5)
    paid_after = [30] * 176 + [90] * 19 + [91] * 3 + [None] * 2
    payments.today = "2026-06-30"
    payments.judge(*(payments.verdict(f"clm_{n:03}", arrival=str(start)) for n in range(200)))
    for n, days in enumerate(paid_after):
        if days is not None:
            payments.pay(f"clm_{n:03}", "paid", str(start + timedelta(days)))

    report = payments.get("timeliness?from=2026-01-01&to=2026-01-31&group_by=payer,month")

    [group] = report["groups"]
    assert group["key"] == {"payer": "GSHP1", "month": "2026-01"}
    assert group["within_30"] == {"paid": 176, "matured": 200, "share": 0.88, "met": False}
    assert group["within_90"] == {"paid": 195, "matured": 200, "share": 0.975, "met": False}
    assert (group["received"], group["clean"], group["overdue"], group["running"]) == (200, 200, 2, 0)
    assert group["median_days"] == 30
    assert report["total"] == {**group, "key": {}}
    early = payments.get("timeliness?as_of=2026-02-04")["total"]
    assert early["within_30"] == {"paid": 176, "matured": 176, "share": 1.0, "met": True}
    assert early["within_90"]["share"] == 1.0
    nothing = payments.get("timeliness?from=2026-02-01")
    assert nothing["groups"] == []
    assert nothing["total"]["within_30"] == {"paid": 0, "matured": 0, "share": None, "met": None}


def test_the_figures_come_as_a_spreadsheet_too(payments: Payments) -> None:
    payments.judge(
        payments.verdict("clm_1", services=(JudgedService(1, "ECM", None, True),)),
        payments.verdict("clm_2", channel="invoice", services=(JudgedService(1, "CS"),)),
        payments.verdict("clm_3", verdict="rejected"),
    )

    response = payments.call("GET", "timeliness?group_by=benefit,channel,outreach&format=csv", role="auditor")

    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert response.mimetype == "text/csv"
    keys = [(row["benefit"], row["channel"], row["outreach"], row["received"], row["clean"]) for row in rows]
    assert keys == [
        ("CS", "invoice", "no", "1", "1"),
        ("ECM", "837P", "no", "1", "0"),
        ("ECM", "837P", "yes", "1", "1"),
        ("total", "", "", "3", "2"),
    ]


def test_payments_that_come_at_once_never_add_up_to_more_than_the_claim(payments: Payments) -> None:
    payments.judge(payments.verdict(amount_cents=100_000))
    assert payments.call("GET", "clocks").status_code == 200

    def pay(_: int) -> int:
        event = {"kind": "paid", "date": "2026-03-02", "amount_cents": 40_000}
        status: int = payments.post_event("clm_1", **event).status_code
        return status

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(pay, range(8)))

    assert answers == [201, 201] + [422] * 6
    assert payments.clock()["paid_cents"] == 80_000
    assert payments.get("timeliness-log/verification", role="auditor")["intact"] is True


def test_the_log_can_be_read_exported_and_verified(payments: Payments) -> None:
    payments.judge(payments.verdict())
    payments.post_event("clm_1", kind="paid", date="2026-03-02", reason="Private words")

    events, cursor = [], None
    while True:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        page = payments.get(f"timeliness-log{query}", role="auditor")
        events += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    export = payments.call("GET", "timeliness-log/export.jsonl", role="auditor")
    verification = payments.get("timeliness-log/verification", role="auditor")

    assert [entry["event"] for entry in events] == [
        "claim.received",
        "claim.judged",
        "clock.started",
        "payment.paid",
    ]
    assert [json.loads(line) for line in export.data.splitlines()] == events
    assert verify(import_lines(export.data.splitlines())) == Intact(4, events[-1]["hash"])
    assert verification == {
        "intact": True,
        "entries": 4,
        "head_hash": events[-1]["hash"],
        "checkpoints": [],
    }
    for private in ("91234567A", "Rivera", "Ana", "1980", "Private"):
        assert private not in export.text


@pytest.mark.parametrize("table", [TIMELINESS_LOG, PAYMENT_ENTRIES])
def test_the_database_refuses_to_change_the_record(payments: Payments, table: object) -> None:
    payments.judge(payments.verdict())
    payments.pay("clm_1", "paid", "2026-03-02")

    for statement in (update(table).values(claim_id="x"), delete(table)):  # type: ignore[call-overload]
        with pytest.raises(exc.DBAPIError, match="never changed"), payments.database.begin() as connection:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("forgery", "first_bad"),
    [
        ("UPDATE timeliness_log SET data = replace(data, '96000', '16000') WHERE sequence = 1", 1),
        ("DELETE FROM timeliness_log WHERE sequence = 2", 2),
        ("DELETE FROM timeliness_log WHERE sequence = 3", 3),
    ],
)
def test_whoever_gets_past_the_database_is_found_out(
    payments: Payments, forgery: str, first_bad: int
) -> None:
    payments.judge(payments.verdict())
    with payments.database.begin() as connection:
        if payments.database.dialect == "postgresql":
            connection.execute(text("ALTER TABLE timeliness_log DISABLE TRIGGER USER"))
        else:
            connection.execute(text("DROP TRIGGER timeliness_log_no_update"))
            connection.execute(text("DROP TRIGGER timeliness_log_no_delete"))
        connection.execute(text(forgery))

    found = payments.get("timeliness-log/verification", role="auditor")

    assert found["intact"] is False
    assert found["first_bad_sequence"] == first_bad
    assert f"ntry {first_bad}" in found["reason"]


def test_the_same_event_with_a_reference_changes_nothing_and_is_answered_as_before(
    payments: Payments,
) -> None:
    payments.judge(payments.verdict())
    event = {"kind": "paid", "date": "2026-03-02", "amount_cents": 50_000, "reference": "EFT-1"}

    first = payments.post_event("clm_1", **event)
    payments.today = "2026-03-05"
    payments.post_event("clm_1", kind="paid", date="2026-03-05", amount_cents=46_000)
    again = payments.post_event("clm_1", **event)
    other = payments.post_event("clm_1", **{**event, "reference": "EFT-2"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json == first.json
    assert len(payments.get("claims/clm_1/payment-events")["items"]) == 2
    log = payments.get("timeliness-log", role="auditor")["items"]
    assert [entry["event"] for entry in log].count("payment.paid") == 2


def test_a_mistaken_contest_is_cancelled(payments: Payments) -> None:
    payments.judge(payments.verdict())
    wrong = payments.post_event("clm_1", kind="contested", date="2026-03-02").json

    event = {"kind": "cancelled", "date": "2026-03-02", "corrects": wrong["payment_event_id"]}
    cancelled = payments.post_event("clm_1", **event)
    twice = payments.post_event("clm_1", **event)

    assert (cancelled.status_code, cancelled.json["clock"]["state"]) == (201, "open")
    assert "contested" not in cancelled.json["clock"]
    assert twice.status_code == 409
    contest, _ = payments.get("claims/clm_1/payment-events")["items"]
    assert contest["corrected_by"] == cancelled.json["payment_event_id"]
    assert [type_ for type_, _ in payments.published()] == [
        "clock.started",
        "claim.contested",
        "clock.started",
    ]
    [entry] = [
        entry
        for entry in payments.get("timeliness-log", role="auditor")["items"]
        if entry["event"] == "payment.cancelled"
    ]
    assert entry["data"]["corrects"] == wrong["payment_event_id"]


def test_a_correction_cannot_take_the_ground_from_under_a_later_event(payments: Payments) -> None:
    payments.judge(payments.verdict(amount_cents=100_000))
    paid = payments.post_event("clm_1", kind="paid", date="2026-03-02", amount_cents=60_000).json
    payments.post_event("clm_1", kind="paid", date="2026-03-02", amount_cents=40_000)
    event = {"kind": "paid", "date": "2026-03-02", "corrects": paid["payment_event_id"]}

    too_much = payments.post_event("clm_1", **event, amount_cents=70_000)
    right = payments.post_event("clm_1", **event, amount_cents=50_000)

    assert too_much.status_code == 409
    assert "At most 30000 cents" in too_much.json["detail"]
    assert right.json["clock"]["paid_cents"] == 90_000


@pytest.mark.parametrize(
    ("event", "status", "field"),
    [
        ({"kind": "cancelled"}, 422, "corrects"),
        ({"kind": "cancelled", "corrects": "nothing"}, 422, "corrects"),
        ({"kind": "cancelled", "corrects": "nothing", "amount_cents": 5}, 422, "amount_cents"),
        ({"kind": "paid", "corrects": "nothing"}, 422, "corrects"),
        ({"kind": "paid", "line": 2}, 422, "line"),
        ({"kind": "paid", "line": 0}, 422, "line"),
        ({"kind": "payment_reversed", "corrects": "e" * 41}, 422, "corrects"),
    ],
)
def test_a_wrong_correction_or_line_is_named(
    payments: Payments, event: dict[str, object], status: int, field: str
) -> None:
    payments.judge(payments.verdict())

    response = payments.post_event("clm_1", date="2026-03-02", **event)

    assert response.status_code == status
    assert [error["field"] for error in response.json["errors"]] == [field]


def test_a_claim_that_is_paid_by_line_bears_interest_line_by_line(payments: Payments) -> None:
    payments.judge(payments.verdict(charges=(60_000, 40_000)))
    payments.today = "2026-04-11"

    too_much = payments.post_event("clm_1", kind="paid", date="2026-04-11", amount_cents=60_001, line=1)
    one = payments.post_event("clm_1", kind="paid", date="2026-04-11", line=1)
    again = payments.post_event("clm_1", kind="paid", date="2026-04-11", line=1)
    two = payments.post_event("clm_1", kind="paid", date="2026-04-11", line=2)

    assert (too_much.status_code, again.status_code) == (422, 409)
    assert "At most 60000 cents" in too_much.json["detail"]
    assert one.json["clock"]["paid_cents"] == 60_000
    assert (one.json["clock"]["partially_paid"], "paid" in one.json["clock"]) == ("2026-04-11", False)
    clock = two.json["clock"]
    assert clock["interest_lines"] == [
        {"line": 1, "interest_cents": 247},
        {"line": 2, "interest_cents": 164},
    ]
    assert (clock["paid"], clock["interest_cents"]) == ("2026-04-11", 411)


def test_a_payment_taken_back_and_made_again_that_day_stays_in_time(payments: Payments) -> None:
    payments.judge(payments.verdict())
    payments.today = "2026-03-20"
    payments.post_event("clm_1", kind="paid", date="2026-03-20")
    payments.today = "2026-09-20"

    reversed_ = payments.post_event("clm_1", kind="payment_reversed", date="2026-09-20")
    [item] = payments.get("clocks")["items"]
    paid = payments.post_event("clm_1", kind="paid", date="2026-09-20")

    assert (reversed_.json["clock"]["state"], reversed_.json["clock"]["interest_cents"]) == ("overdue", 0)
    assert (item["interest_due_cents"], item["interest_per_day_cents"]) == (0, 39)
    assert (paid.json["clock"]["state"], paid.json["clock"]["days_late"]) == ("paid_on_time", 0)


def test_a_notice_without_its_reason_is_recorded_with_a_warning(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1"), payments.verdict("clm_2"))

    bare = payments.post_event("clm_1", kind="contested", date="2026-03-02")
    good = payments.post_event("clm_2", kind="contested", date="2026-03-02", reason="Notes of 2026-02-20")

    assert (bare.status_code, good.status_code) == (201, 201)
    assert "specific information" in bare.json["warnings"][0]
    assert "Health and Safety Code 1371" in bare.json["warnings"][0]
    assert "warnings" not in good.json


def test_a_clock_explains_itself(payments: Payments) -> None:
    payments.today = "2026-02-14"
    payments.judge(payments.verdict(arrival="2026-02-14"))
    payments.today = "2026-03-25"
    payments.post_event("clm_1", kind="contested", date="2026-03-25", reason="x")

    found = payments.get("claims/clm_1/clock", role="provider")

    told = " ".join(sentence["text"] for sentence in found["explanation"])
    for words in (
        "arrived on Feb 14, 2026 (a Saturday)",
        "next working day, Feb 17, 2026",
        "30 calendar days",
        "ends on Mar 19, 2026",
        "it would end on Mar 16, 2026",
        "A late contest stops nothing",
        "regime knox-keene",
    ):
        assert words in told
    assert all(sentence["authority"] for sentence in found["explanation"])
    assert found["terms"]["near_days"] == [20, 27]
    changes = " ".join(sentence["text"] for sentence in found["what_would_change_it"])
    assert "Payment ends the interest, which is $2.37 on Mar 25, 2026" in changes
