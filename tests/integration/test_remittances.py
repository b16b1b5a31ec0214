"""Remittances (835) in, payments and denials on the clocks out: on SQLite and PostgreSQL alike."""

import io
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from builders import BILLING_NPI, CIN, OTHER_NPI, a_line
from msgspec.structs import replace
from payments_harness import Payments
from sqlalchemy import Engine, select, text
from sqlalchemy import event as listening
from x12_835_builder import an_835, body, claim, interchange, line
from x12_835_builder import text as x12

from services.payments.models import METADATA, PAYMENT_ENTRIES
from services.payments.rebuild import rebuild
from services.payments.remittances.waiting import PostWhatWaited
from shared.database import Database
from shared.events import ClaimJudged, Event
from shared.identifiers import member_key
from shared.payers import Payers

MEMBER = member_key(b"m" * 32, CIN)


@pytest.fixture
def payments(database: Database) -> Payments:
    service = Payments(database)
    service.judge(verdict(service, "clm_1", claim_number="PCN-1"))
    service.today = "2026-04-10"
    return service


def verdict(
    payments: Payments,
    claim_id: str,
    charges: Sequence[int] = (96_000,),
    controls: bool = False,
    **options: Any,
) -> Event:
    """A clean claim of the member with a line for each charge, each line with the number ``L1`` and so on."""
    event = payments.verdict(claim_id, amount_cents=sum(charges), **options)
    judged = msgspec.json.decode(event.data, type=ClaimJudged)
    lines = tuple(
        a_line(number, charge_cents=charge, control_number=f"L{number}" if controls else None)
        for number, charge in enumerate(charges, 1)
    )
    changed = replace(judged, claim=replace(judged.claim, lines=lines, total_cents=sum(charges)))
    return replace(event, key=MEMBER, data=msgspec.json.encode(changed))


def send(payments: Payments, content: bytes, status: int = 201, **options: Any) -> Any:
    response = payments.call(
        "POST", "remittances", data=content, content_type="application/edi-x12", **options
    )
    assert response.status_code == status, response.text
    return response.json


def recorded(payments: Payments, claim_id: str = "clm_1") -> list[tuple[Any, ...]]:
    """Kind, line, amount and interest of what was recorded, in order."""
    e = PAYMENT_ENTRIES.c
    wanted = select(e.kind, e.line, e.amount_cents, e.interest_cents).where(e.claim_id == claim_id)
    with payments.database.read() as connection:
        return [tuple(row) for row in connection.execute(wanted.order_by(e.entry_id))]


def only(items: list[Any]) -> Any:
    [item] = items
    return item


def test_a_payment_is_matched_by_claim_number_and_provider_and_stops_the_clock(payments: Payments) -> None:
    answer = send(payments, an_835(claim("PCN-1", 96_000), amount=96_000))

    assert {name: answer[name] for name in ("payments", "denials", "reversals", "matched", "unmatched")} == {
        "payments": 1,
        "denials": 0,
        "reversals": 0,
        "matched": 1,
        "unmatched": [],
    }
    assert answer["balanced"] is True
    clock = payments.clock()
    assert (clock["state"], clock["paid"], clock["paid_cents"]) == ("paid_on_time", "2026-04-01", 96_000)
    paid = only(payments.get("claims/clm_1/clock")["payments"])
    assert (paid["kind"], paid["reference"], paid["amount_cents"]) == ("paid", "EFT-1", 96_000)
    assert [type_ for type_, _ in payments.published()] == ["clock.started", "claim.paid"]


def test_the_payment_date_is_bpr16_and_interest_is_amt_i(payments: Payments) -> None:
    content = an_835(
        claim("PCN-1", 96_000, interest=355), amount=96_355, day="20260410", adjustments=[("L6", -355)]
    )

    answer = send(payments, content)

    assert (answer["balanced"], answer["interest_cents"]) == (True, 355)
    clock = payments.clock()
    assert (clock["state"], clock["days_late"], clock["interest_cents"]) == ("paid_late", 9, 355)
    assert clock["interest_paid_cents"] == 355
    assert recorded(payments) == [("paid", None, 96_000, 355)]


@pytest.mark.parametrize(
    ("adjustments", "amount", "posted", "left"),
    [
        ([("L6:PCN-1", -355)], 96_355, 355, []),
        ([("L6", -355)], 96_355, 355, []),
        ([("L6:OTHER", -355), ("WO", 100)], 96_255, 355, []),
        ([("FB", -355)], 96_355, 0, []),
    ],
)
def test_interest_in_plb_alone_goes_to_the_claim_that_it_can_only_be_for(
    payments: Payments, adjustments: Any, amount: int, posted: int, left: Any
) -> None:
    answer = send(payments, an_835(claim("PCN-1", 96_000), amount=amount, adjustments=adjustments))

    assert (answer["balanced"], answer["interest_not_allocated"]) == (True, left)
    assert recorded(payments) == [("paid", None, 96_000, posted)]


def test_interest_in_plb_for_several_claims_is_listed_and_not_spread(payments: Payments) -> None:
    payments.judge(verdict(payments, "clm_2", claim_number="PCN-2"))
    content = an_835(claim("PCN-1"), claim("PCN-2"), amount=192_500, adjustments=[("L6", -500)])

    answer = send(payments, content)

    assert only(answer["interest_not_allocated"])["cents"] == 500
    assert recorded(payments) == [("paid", None, 96_000, 0)]


def test_a_denial_keeps_the_codes_as_its_reason(payments: Payments) -> None:
    content = an_835(
        [*claim("PCN-1", 96_000, 0, reason="CO*197"), "MOA***N130"], amount=0, method="NON", day="20260325"
    )

    answer = send(payments, content)

    assert (answer["payments"], answer["denials"], answer["matched"]) == (0, 1, 1)
    assert payments.clock()["state"] == "denied_on_time"
    denied = only(payments.get("claims/clm_1/clock")["payments"])
    assert (denied["kind"], denied["date"]) == ("denied", "2026-03-25")
    assert denied["reason"] == "CO-197 960.00; remarks N130"


def test_a_claim_processed_as_primary_with_nothing_paid_is_a_denial(payments: Payments) -> None:
    answer = send(payments, an_835(claim("PCN-1", 96_000, 0, status="1", reason="CO*96"), amount=0))

    assert (answer["payments"], answer["denials"]) == (0, 1)
    assert payments.clock()["state"] == "denied_on_time"


@pytest.mark.parametrize("reason", ["CO*24", "OA*23"])
def test_nothing_paid_because_it_is_paid_in_another_way_is_no_denial(payments: Payments, reason: str) -> None:
    answer = send(payments, an_835(claim("PCN-1", 96_000, 0, status="1", reason=reason), amount=0))

    assert (answer["payments"], answer["denials"]) == (1, 0)
    assert payments.clock()["state"] == "paid_on_time"


@pytest.mark.parametrize("status", ["1", "2", "3", "19", "20", "21"])
def test_a_payment_below_the_charge_settles_the_claim(payments: Payments, status: str) -> None:
    send(payments, an_835(claim("PCN-1", 96_000, 80_000, status=status), amount=80_000))

    assert recorded(payments) == [("paid", None, 80_000, 0), ("denied", None, 16_000, 0)]
    clock = payments.clock()
    assert (clock["state"], clock["paid_cents"], clock["denied_cents"]) == ("paid_on_time", 80_000, 16_000)


def test_lines_are_paid_and_denied_each_for_itself(payments: Payments) -> None:
    payments.judge(verdict(payments, "clm_2", (60_000, 36_000), controls=True, claim_number="PCN-2"))
    lines = [line(36_000, 0, control="L2", reason="CO*197", remark="M62"), line(60_000, 50_000, control="L1")]

    answer = send(payments, an_835(claim("PCN-2", 96_000, 50_000, lines=lines), amount=50_000))

    assert answer["balanced"]
    assert recorded(payments, "clm_2") == [
        ("paid", 1, 50_000, 0),
        ("denied", 2, 36_000, 0),
        ("denied", 1, 10_000, 0),
    ]
    reasons = [event.get("reason") for event in payments.get("claims/clm_2/clock")["payments"]]
    assert reasons == [None, "CO-197 360.00; remarks M62", "CO-45 100.00"]


def test_lines_without_numbers_are_told_by_code_date_and_charge(payments: Payments) -> None:
    payments.judge(verdict(payments, "clm_2", (60_000, 36_000), claim_number="PCN-2"))
    lines = [line(36_000), line(60_000)]

    send(payments, an_835(claim("PCN-2", 96_000, lines=lines), amount=96_000))

    assert recorded(payments, "clm_2") == [("paid", 2, 36_000, 0), ("paid", 1, 60_000, 0)]


def test_a_line_that_the_claim_does_not_have_puts_the_payment_on_the_whole_claim(payments: Payments) -> None:
    lines = [line(96_000, code="HC:T1016:U2")]

    answer = send(payments, an_835(claim("PCN-1", 96_000, lines=lines), amount=96_000))

    assert recorded(payments) == [("paid", None, 96_000, 0)]
    item = only(payments.get(f"remittances/{answer['remittance_id']}")["items"])
    assert "for the whole claim" in item["notes"][0]


def test_a_reversal_and_its_correction_in_one_file(payments: Payments) -> None:
    send(payments, an_835(claim("PCN-1", 96_000, 80_000, control="ICN1"), amount=80_000, day="20260320"))
    corrected = an_835(
        claim("PCN-1", 96_000, control="ICN2"),
        claim("PCN-1", -96_000, -80_000, status="22", control="ICN1"),
        amount=16_000,
        day="20260330",
        trace="EFT-2",
    )

    answer = send(payments, corrected)

    assert (answer["payments"], answer["reversals"], answer["matched"]) == (1, 1, 2)
    assert answer["balanced"]
    clock = payments.clock()
    assert (clock["state"], clock["paid_cents"]) == ("paid_on_time", 96_000)
    assert recorded(payments)[2:] == [("payment_reversed", None, 80_000, 0), ("paid", None, 96_000, 0)]


def test_a_payment_and_its_reversal_in_two_sets_of_one_file_are_taken_in_their_order(
    payments: Payments,
) -> None:
    paid = body(claim("PCN-1"), amount=96_000, day="20260320")
    back = body(claim("PCN-1", -96_000, -96_000, status="22"), amount=-96_000, day="20260325", trace="EFT-2")

    answer = send(payments, x12(interchange(paid, back)).encode())

    assert (answer["matched"], answer["refused"]) == (2, [])
    assert [entry[0] for entry in recorded(payments)] == ["paid", "payment_reversed"]


def test_a_reversal_takes_its_interest_back(payments: Payments) -> None:
    paid = an_835(claim("PCN-1", interest=355), amount=96_355, adjustments=[("L6", -355)])
    back = an_835(
        claim("PCN-1", -96_000, -96_000, status="22", interest=-355),
        amount=-96_355,
        adjustments=[("L6", 355)],
        day="20260405",
        trace="EFT-2",
    )
    send(payments, paid)

    answer = send(payments, back)

    assert answer["balanced"]
    assert payments.clock()["state"] == "overdue"
    assert recorded(payments)[-1] == ("payment_reversed", None, 96_000, 355)


def test_a_reversal_of_a_denial_takes_nothing_back_and_says_so(payments: Payments) -> None:
    send(payments, an_835(claim("PCN-1", 96_000, 0), amount=0, day="20260320"))
    later = an_835(
        claim("PCN-1", -96_000, 0, status="22"), claim("PCN-1"), amount=96_000, day="20260410", trace="EFT-2"
    )

    answer = send(payments, later)

    assert (answer["reversals"], answer["matched"]) == (1, 2)
    assert payments.clock()["state"] == "paid_late"
    items = payments.get(f"remittances/{answer['remittance_id']}")["items"]
    assert "takes nothing back" in items[0]["notes"][0]


def test_the_same_file_again_is_answered_as_the_first_time_and_changes_nothing(payments: Payments) -> None:
    content = an_835(claim("PCN-1", 96_000, 50_000), claim("NOBODY"), amount=146_000)
    first = send(payments, content)

    again = send(payments, content, 200)

    assert again == first
    assert len(recorded(payments)) == 2
    assert len(payments.get("remittances")["items"]) == 1


def test_the_same_payment_in_another_file_changes_nothing(payments: Payments) -> None:
    payment = body(claim("PCN-1", 96_000, 50_000, control="ICN1"), amount=50_000)
    send(payments, x12(interchange(payment)).encode())

    answer = send(payments, x12(interchange(payment, payment, control="000000002"), end="\r\n").encode())

    assert (answer["matched"], answer["repeated"], answer["payments"]) == (0, 2, 2)
    assert len(recorded(payments)) == 2


def test_a_second_payment_of_the_same_amount_is_another_one(payments: Payments) -> None:
    halves = [claim("PCN-1", 48_000, control="A"), claim("PCN-1", 48_000, control="A")]

    answer = send(payments, an_835(*halves, amount=96_000))

    assert (answer["matched"], answer["repeated"]) == (2, 0)
    assert payments.clock()["paid_cents"] == 96_000


def test_a_payment_that_comes_before_its_claim_waits_for_it(payments: Payments) -> None:
    payments.today = "2026-03-02"
    step = PostWhatWaited(payments.parts)
    step.run_once()
    payments.today = "2026-04-10"
    contents = {
        "clm_2": claim("PCN-2"),
        "clm_3": claim("OTHER", control="clm_3"),
        "clm_4": claim("WRONG", 50_000, lines=[line(50_000)]),
        "none": claim("NEVER", cin="97654321C"),
    }
    answer = send(payments, an_835(*contents.values(), amount=3 * 96_000 + 50_000))
    assert (answer["matched"], len(answer["unmatched"])) == (0, 4)
    assert step.run_once() == 0

    for claim_id, number in (("clm_2", "PCN-2"), ("clm_3", "PCN-3"), ("clm_4", "PCN-4")):
        npi = OTHER_NPI if claim_id == "clm_3" else BILLING_NPI
        charges = (50_000,) if claim_id == "clm_4" else (96_000,)
        payments.judge(
            verdict(payments, claim_id, charges, claim_number=number, npi=npi, arrival="2026-03-02")
        )
        step.run_once()

    assert [recorded(payments, each) for each in ("clm_2", "clm_3", "clm_4")] == [
        [("paid", None, 96_000, 0)],
        [("paid", None, 96_000, 0)],
        [("paid", 1, 50_000, 0)],
    ]
    found = payments.get(f"remittances/{answer['remittance_id']}")
    assert found["counts"]["matched"] == 3
    assert [item["matched_by"] for item in found["items"]] == [
        "claim number",
        "payer control number",
        "member, provider, date and code",
        None,
    ]
    assert only(payments.get("remittances/unmatched")["items"])["claim"] == "NEVER"
    assert step.run_once() == 0


def test_a_worker_that_starts_later_finds_what_waited(payments: Payments) -> None:
    send(payments, an_835(claim("PCN-2"), amount=96_000))
    payments.judge(verdict(payments, "clm_2", claim_number="PCN-2", arrival="2026-03-02"))

    assert PostWhatWaited(payments.parts).run_once() == 1
    assert PostWhatWaited(payments.parts).run_once() == 0
    assert payments.clock("clm_2")["state"] == "paid_on_time"


def test_a_payment_dated_ahead_is_recorded_on_its_day(payments: Payments) -> None:
    step = PostWhatWaited(payments.parts)
    answer = send(payments, an_835(claim("PCN-1"), amount=96_000, day="20260413"))
    assert (answer["matched"], answer["waiting"]) == (1, 1)
    assert step.run_once() == 0
    assert payments.clock()["state"] == "overdue"

    payments.today = "2026-04-13"

    assert step.run_once() == 1
    assert payments.clock()["paid"] == "2026-04-13"


def test_what_fits_two_claims_is_chosen_by_a_person(payments: Payments) -> None:
    payments.judge(verdict(payments, "clm_2", claim_number="PCN-1", arrival="2026-03-03"))
    answer = send(payments, an_835(claim("PCN-1"), amount=96_000))
    item = only(answer["unmatched"])
    assert (item["status"], item["candidates"]) == ("ambiguous", ["clm_1", "clm_2"])
    path = f"remittances/{answer['remittance_id']}/items/1/match"

    chosen = payments.call("POST", path, json={"claim_id": "clm_2"})

    assert chosen.status_code == 200, chosen.text
    assert (chosen.json["status"], chosen.json["matched_by"]) == ("matched", "a person")
    assert (payments.clock("clm_2")["state"], payments.clock("clm_1")["state"]) == ("paid_on_time", "overdue")
    assert payments.call("POST", path, json={"claim_id": "clm_1"}).status_code == 409
    assert recorded(payments, "clm_1") == []


def test_of_two_claims_of_a_number_the_one_open_with_this_charge_is_meant(payments: Payments) -> None:
    payments.judge(verdict(payments, "clm_2", (50_000,), claim_number="PCN-1", arrival="2026-03-03"))

    answer = send(payments, an_835(claim("PCN-1"), amount=96_000))

    assert (answer["matched"], recorded(payments, "clm_1")) == (1, [("paid", None, 96_000, 0)])


def test_matching_by_hand_says_what_is_wrong(payments: Payments) -> None:
    answer = send(payments, an_835(claim("NOBODY", 97_000, 97_000, cin="97654321C"), amount=97_000))
    path = f"remittances/{answer['remittance_id']}/items/1/match"

    def status(path: str, **choice: Any) -> int:
        return int(payments.call("POST", path, json=choice).status_code)

    assert status(path, claim_id="clm_9") == 404
    assert status(path.replace("/1/", "/2/"), claim_id="clm_1") == 404
    assert status(path.replace("rem_", "rex_"), claim_id="clm_1") == 404
    assert status(path) == 422
    too_much = payments.call("POST", path, json={"claim_id": "clm_1"})
    assert (too_much.status_code, recorded(payments)) == (409, [])
    assert "At most 96000 cents" in too_much.json["detail"]
    assert only(payments.get("remittances/unmatched")["items"])["status"] == "unmatched"


def test_what_contradicts_the_claim_is_refused_and_listed(payments: Payments) -> None:
    payments.post_event("clm_1", kind="paid", date="2026-03-20")
    payments.judge(verdict(payments, "clm_2", claim_number="PCN-2", verdict="rejected"))
    content = an_835(
        claim("PCN-1"),
        claim("PCN-2"),
        claim("PCN-1", status="25"),
        claim("PCN-1", status="23", paid=0),
        amount=0,
    )

    answer = send(payments, content)

    assert (answer["matched"], answer["unmatched"]) == (0, [])
    reasons = [item["reason"] for item in answer["refused"]]
    assert "already paid in full" in reasons[0]
    assert "rejected or voided" in reasons[1]
    assert "status 25" in reasons[2]
    assert "status 23" in reasons[3]
    assert len(recorded(payments)) == 1


def test_sums_that_differ_are_listed_and_the_money_is_posted(payments: Payments) -> None:
    content = an_835(
        ["CLP*PCN-1*1*960*900*0*MC", "CAS*CO*45*50", "SVC*HC:G9012:U2*950*900", "DTM*472*20261012"],
        amount=800_00,
    )

    answer = send(payments, content)

    assert (answer["balanced"], answer["matched"]) == (False, 1)
    assert [(each["says_cents"], each["adds_up_to_cents"]) for each in answer["imbalances"]] == [
        (80_000, 90_000),
        (6_000, 5_000),
        (5_000, 0),
        (96_000, 95_000),
        (90_000, 85_000),
    ]
    assert recorded(payments) == [("paid", None, 90_000, 0), ("denied", None, 6_000, 0)]


def test_a_set_whose_count_is_wrong_is_not_posted_and_the_others_are(payments: Payments) -> None:
    payments.judge(verdict(payments, "clm_2", claim_number="PCN-2", arrival="2026-03-03"))
    segments = interchange(
        body(claim("PCN-1"), amount=96_000), body(claim("PCN-2"), amount=96_000, trace="EFT-2")
    )
    broken = [
        "SE*99*0001" if segment.endswith("*0001") and segment[:2] == "SE" else segment for segment in segments
    ]

    answer = send(payments, x12(broken).encode())

    assert (answer["matched"], answer["balanced"]) == (1, False)
    refused = only(answer["refused"])
    assert (refused["claim"], "SE01 says 99" in refused["reason"]) == ("PCN-1", True)
    assert [each["posted"] for each in answer["sets"]] == [False, True]
    path = f"remittances/{answer['remittance_id']}/items/1/match"
    assert payments.call("POST", path, json={"claim_id": "clm_1"}).status_code == 409

    whole = send(payments, x12(segments).encode())
    assert (whole["matched"], whole["repeated"]) == (1, 1)
    assert payments.clock()["state"] == "paid_on_time"


def test_several_interchanges_with_other_separators_a_bom_and_line_ends(payments: Payments) -> None:
    payments.judge(verdict(payments, "clm_2", claim_number="PCN-2", arrival="2026-03-03"))
    first = x12(interchange(body(claim("PCN-1"), amount=96_000)), end="\r\n")
    second = x12(interchange(body(claim("PCN-2"), amount=96_000, trace="E2"), control="000000002"), "\n")
    second = second.replace("*", "|").replace(":", ">")

    answer = send(payments, b"\xef\xbb\xbf" + first.encode() + second.encode())

    assert (answer["matched"], answer["balanced"], len(answer["sets"])) == (2, True, 2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (
            b"Dear plan, please pay.",
            "posted. This is not an 835: it does not begin with an ISA segment (ISA*00*…, 106 characters).",
        ),
        (an_835(claim(), amount=96_000).replace(b"ST*835", b"ST*837"), "837"),
        (an_835(claim(), amount=96_000)[:-40], "cut off"),
        (an_835(claim(), amount=96_000).replace(b"20260401", b"20261301"), "BPR16"),
        (an_835(claim(), amount=96_000).replace(b"005010X221A1", b"004010X091A1"), "004010"),
    ],
)
def test_a_file_of_which_nothing_can_be_posted_is_refused_whole(
    payments: Payments, content: bytes, told: str
) -> None:
    answer = send(payments, content, 422)

    assert told in answer["detail"]
    assert answer["errors"][0]["field"] == "file"
    assert payments.get("remittances")["items"] == []


def test_a_file_may_come_as_a_form(payments: Payments) -> None:
    content = an_835(claim("PCN-1"), amount=96_000)
    form = {"file": (io.BytesIO(content), "march.835")}

    answer = payments.call("POST", "remittances", data=form, content_type="multipart/form-data")

    assert (answer.status_code, answer.json["file_name"]) == (201, "march.835")


def test_a_key_of_one_plan_pays_only_that_plans_claims_and_sees_only_its_remittances(
    payments: Payments,
) -> None:
    payments.judge(verdict(payments, "clm_2", claim_number="PCN-2", payer_id="OTHER", arrival="2026-03-03"))
    content = an_835(claim("PCN-1"), claim("PCN-2"), amount=192_000, payer_id="X")
    other = {"payers": ("OTHER",)}

    answer = send(payments, content, **other)

    assert (answer["matched"], only(answer["unmatched"])["claim"]) == (1, "PCN-1")
    assert recorded(payments) == []
    mine = f"remittances/{answer['remittance_id']}"
    assert payments.call("GET", mine, payers=("GSHP1",)).status_code == 404
    assert payments.call("GET", mine, **other).status_code == 200
    assert payments.get("remittances", payers=("GSHP1",))["items"] == []
    assert payments.get("remittances/unmatched", payers=("GSHP1",))["items"] == []
    choice = {"claim_id": "clm_1"}
    assert payments.call("POST", f"{mine}/items/1/match", json=choice, **other).status_code == 404
    assert PostWhatWaited(payments.parts).run_once() == 0

    again = send(payments, content, payers=("GSHP1",))
    assert (again["remittance_id"] != answer["remittance_id"], again["matched"]) == (True, 1)


def test_a_remittance_of_another_payer_touches_no_claim_of_this_one(database: Database) -> None:
    toml = (
        '[[payer]]\nids = ["GSHP1", "GSHP2"]\nname = "Golden"\n[[payer]]\nids = ["BAY"]\nname = "Bay Plan"\n'
    )
    payments = Payments(database, payers=Payers.parse(toml))
    payments.judge(verdict(payments, "clm_1", claim_number="PCN-1"))
    payments.today = "2026-04-10"

    stranger = send(payments, an_835(claim("PCN-1"), amount=96_000, payer_id="BAY"))
    own = send(payments, an_835(claim("PCN-1"), amount=96_000, payer_id="GSHP2"))

    assert (stranger["matched"], own["matched"]) == (0, 1)


@pytest.mark.parametrize(
    ("role", "post", "get"), [("provider", 403, 403), ("auditor", 403, 200), ("admin", 403, 200)]
)
def test_who_may_send_and_who_may_look(payments: Payments, role: str, post: int, get: int) -> None:
    content = an_835(claim("PCN-1"), amount=96_000)

    assert payments.call("POST", "remittances", data=content, role=role).status_code == post
    assert payments.call("GET", "remittances", role=role).status_code == get


def test_lists_come_in_pages(payments: Payments) -> None:
    for number in range(3):
        send(payments, an_835(claim(f"N-{number}"), claim(f"M-{number}"), amount=192_000, trace=f"E{number}"))

    def pages(path: str) -> list[int]:
        sizes, cursor = [], ""
        while True:
            page = payments.get(f"{path}?limit=2&cursor={cursor}")
            sizes.append(len(page["items"]))
            cursor = page["next_cursor"]
            if not cursor:
                return sizes

    assert pages("remittances") == [2, 1]
    assert pages("remittances/unmatched") == [2, 2, 2]
    newest = payments.get("remittances")["items"][0]["remittance_id"]
    assert pages(f"remittances/{newest}") == [2]


def test_nothing_of_a_member_is_kept_or_logged(payments: Payments) -> None:
    send(payments, an_835(claim("PCN-1"), claim("NOBODY"), amount=192_000))

    with payments.database.read() as connection:
        for table in METADATA.sorted_tables:
            rows = str(connection.execute(select(table)).all())
            assert CIN not in rows
            assert "RIVERA" not in rows


def test_the_clocks_can_be_made_again_from_what_remittances_recorded(payments: Payments) -> None:
    send(payments, an_835(claim("PCN-1", 96_000, 80_000), amount=80_000))
    before = payments.clock()

    with payments.database.begin() as connection:
        connection.execute(text("UPDATE clocks SET status = 'running', paid_cents = 0"))
    list(rebuild(payments.database, payments.now(), apply=True))

    assert payments.clock() == before


def test_payments_are_posted_many_at_a_time(payments: Payments) -> None:
    def statements_for(count: int) -> int:
        numbers = [f"BULK-{count}-{n}" for n in range(count)]
        payments.judge(
            *(verdict(payments, f"clm_{n}", claim_number=n, arrival="2026-03-03") for n in numbers)
        )
        claims = [claim(n, 96_000, 80_000, lines=[line(96_000, 80_000, control="")]) for n in numbers]
        content = an_835(*claims, amount=count * 80_000)
        seen: list[str] = []

        def see(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            seen.append(statement)

        listening.listen(Engine, "before_cursor_execute", see)
        try:
            answer = send(payments, content)
        finally:
            listening.remove(Engine, "before_cursor_execute", see)
        assert (answer["matched"], answer["balanced"]) == (count, True)
        assert payments.clock(f"clm_{numbers[-1]}")["state"] == "paid_on_time"
        return len(seen)

    # Rows are written some dozen to a statement.
    assert statements_for(302) - statements_for(2) < 300 / 10


def test_a_second_payment_dated_ahead_is_told_at_once_that_it_will_be_refused(payments: Payments) -> None:
    payments.judge(verdict(payments, "clm_2", claim_number="PCN-2"), verdict(payments, "clm_3"))
    send(payments, an_835(claim("PCN-1"), claim("PCN-2", paid=90_000), amount=186_000, trace="EFT-1"))
    content = an_835(
        *(claim("PCN-1"), claim("PCN-2", paid=90_000), claim("PCN-1", paid=0, status="4")),
        amount=186_000,
        trace="EFT-2",
        day="20260413",
    )

    answer = send(payments, content)

    assert (answer["waiting"], answer["refused"]) == (3, [])
    notes = [only(item["notes"]) for item in answer["will_be_refused"]]
    paid = "This claim is already paid in full, under EFT-1 on Apr 1, 2026. This"
    refused = "will be refused on its day unless that one is reversed."
    assert notes == [
        f"{paid} payment {refused}",
        f"This claim is already paid $900.00, under EFT-1 on Apr 1, 2026. This payment {refused} "
        "At most 6000 cents ($60.00) are still open on this claim.",
        f"{paid} denial {refused}",
    ]
    listed = payments.get(f"remittances/{answer['remittance_id']}")["items"]
    assert [only(item["notes"]) for item in listed] == notes

    payments.today = "2026-04-13"
    assert PostWhatWaited(payments.parts).run_once() == 0
    listed = payments.get(f"remittances/{answer['remittance_id']}")["items"]
    assert [item["status"] for item in listed] == ["refused"] * 3


def test_a_payment_dated_ahead_is_not_warned_of_where_its_file_reverses_the_first(payments: Payments) -> None:
    send(payments, an_835(claim("PCN-1"), amount=96_000, trace="EFT-1"))
    turned = claim("PCN-1", -96_000, -96_000, status="22")

    answer = send(payments, an_835(claim("PCN-1"), turned, amount=0, trace="EFT-2", day="20260413"))

    assert (answer["waiting"], answer["will_be_refused"]) == (2, [])


def test_two_payments_dated_ahead_for_one_claim_are_told_of_each_other(payments: Payments) -> None:
    content = an_835(claim("PCN-1", control="A"), claim("PCN-1", control="B"), amount=192_000, day="20260413")

    item = only(send(payments, content)["will_be_refused"])

    assert (
        item["ordinal"],
        "which waits for Apr 13, 2026, pays this claim in full." in only(item["notes"]),
    ) == (
        2,
        True,
    )


def test_what_is_done_is_closed_with_a_reason_and_no_longer_looked_at(payments: Payments) -> None:
    answer = send(payments, an_835(claim("PCN-2"), amount=96_000))
    path = f"remittances/{answer['remittance_id']}/items/1"

    closed = payments.call("POST", f"{path}/close", json={"reason": "  Paid by check.\r\nSee ledger. "})

    assert closed.status_code == 200, closed.text
    assert (closed.json["status"], closed.json["closed_reason"]) == ("closed", "Paid by check.\nSee ledger.")
    assert (closed.json["closed_by"][:4], closed.json["matched_by"]) == ("key_", None)
    assert closed.json["closed_at"].startswith("2026-04-1")
    assert "reason" not in closed.json
    assert payments.get("remittances/unmatched")["items"] == []
    one = payments.get(f"remittances/{answer['remittance_id']}")
    assert {"remittance_id": answer["remittance_id"], **only(one["items"])} == closed.json
    assert (one["counts"]["closed"], one["counts"]["unmatched"]) == (1, 0)
    assert payments.call("POST", f"{path}/close", json={"reason": "Again"}).status_code == 409

    payments.judge(verdict(payments, "clm_2", claim_number="PCN-2"))
    assert PostWhatWaited(payments.parts).run_once() == 0
    assert recorded(payments, "clm_2") == []
    assert payments.call("POST", f"{path}/match", json={"claim_id": "clm_2"}).json["status"] == "matched"
    assert recorded(payments, "clm_2") == [("paid", None, 96_000, 0)]
    assert payments.call("POST", f"{path}/close", json={"reason": "Late"}).status_code == 409


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "\x00", None])
def test_closing_asks_for_a_reason_in_plain_text(payments: Payments, reason: Any) -> None:
    answer = send(payments, an_835(claim("PCN-2"), amount=96_000))
    path = f"remittances/{answer['remittance_id']}/items"

    assert payments.call("POST", f"{path}/1/close", json={"reason": reason}).status_code == 422
    assert payments.call("POST", f"{path}/2/close", json={"reason": "Done"}).status_code == 404
    assert (
        payments.call("POST", f"{path}/1/close", json={"reason": "Done"}, role="auditor").status_code == 403
    )
    other = payments.call("POST", f"{path}/1/close", json={"reason": "Done"}, payers=("OTHER",))
    assert other.status_code == 404
    assert only(payments.get("remittances/unmatched")["items"])["status"] == "unmatched"


def test_a_payment_dated_before_its_claim_came_says_what_to_correct(payments: Payments) -> None:
    item = only(send(payments, an_835(claim("PCN-1"), amount=96_000, day="20260301"))["refused"])

    assert item["reason"] == (
        "The payment date, Mar 1, 2026, is before the claim arrived (Mar 2, 2026). Correct BPR16 and send the file "
        "again."
    )
    assert item["can_match"] is False


def test_a_remittance_without_a_file_name_is_shown_by_its_check_and_date(payments: Payments) -> None:
    answer = send(payments, an_835(claim("PCN-1"), amount=96_000, trace="CHK-7"))

    assert answer["file_name"] == "CHK-7 of 2026-04-01"
    assert only(payments.get("remittances")["items"])["file_name"] == answer["file_name"]
