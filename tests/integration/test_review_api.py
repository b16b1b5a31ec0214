"""The review queue over HTTP: what waits, what speaks against it, and what a decision does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from builders import CIN, a_claim, a_line, a_received_claim
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from validator_harness import D, Validator

from services.validator.models import CLAIMS, DECISIONS, REVIEWS, SERVICE_LINES
from shared.care import Enrollment
from shared.payers import Payers, PayerTerms

UNKNOWN_ORIGINAL = {"frequency": "7", "original_reference": "NO-SUCH-CLAIM"}


@pytest.fixture
def validator(database: Any) -> Validator:
    return Validator(database)


@pytest.fixture
def on_sqlite(new_database: Any) -> Validator:
    return Validator(new_database("sqlite"))


def pended(validator: Validator, **overrides: Any) -> str:
    """A claim that pends, because it replaces a claim that nobody knows."""
    received = a_received_claim(**{**UNKNOWN_ORIGINAL, **overrides})
    assert validator.judge(received)[0].verdict == "pended"
    return received.claim_id


def in_pace(**overrides: Any) -> Enrollment:
    values: dict[str, Any] = {
        "record_id": "E-1",
        "cin": CIN,
        "program": "PACE",
        "start_date": D("2026-01-01"),
        "source": "county",
    }
    return Enrollment(**{**values, **overrides})


def standing(validator: Validator, claim_id: str) -> bool:
    with validator.database.read() as connection:
        lines = select(SERVICE_LINES.c.standing).where(SERVICE_LINES.c.claim_id == claim_id)
        return set(connection.execute(lines).scalars()) == {True}


def superseded(validator: Validator, claim_id: str) -> bool:
    with validator.database.read() as connection:
        claims = select(CLAIMS.c.superseded).where(CLAIMS.c.claim_id == claim_id)
        return bool(connection.execute(claims).scalar_one())


# --- The queue


def test_a_pended_claim_waits_with_its_reason_its_age_and_the_days_left(validator: Validator) -> None:
    claim_id = pended(validator, claim_number="PCN-7")
    validator.judge(a_received_claim(cin="97654321C"))

    (item,) = validator.get("reviews")["items"]

    assert item["claim_id"] == claim_id
    assert (item["claim"], item["payer_id"], item["kind"]) == ("PCN-7", "GSHP1", "pended")
    assert (item["verdict"], item["amount_cents"]) == ("pended", 9_000)
    assert (item["arrival_date"], item["age_days"]) == ("2026-11-02", 8)
    assert (item["deadline"], item["days_left"], item["due"]) == ("2026-12-02", 22, "open")
    assert [reason["rule"] for reason in item["reasons"]] == ["duplicate.original_unknown"]
    assert "NO-SUCH-CLAIM" in item["reasons"][0]["message"]


@pytest.mark.parametrize(
    ("today", "days_left", "due"),
    [
        ("2026-11-21", 11, "open"),
        ("2026-11-22", 10, "near"),
        ("2026-12-02", 0, "near"),
        ("2026-12-03", -1, "overdue"),
    ],
)
def test_what_is_near_or_overdue_is_said(on_sqlite: Validator, today: str, days_left: int, due: str) -> None:
    pended(on_sqlite)
    on_sqlite.today = today

    (item,) = on_sqlite.get("reviews")["items"]

    assert (item["days_left"], item["due"]) == (days_left, due)


def test_what_is_due_first_stands_first_and_pages_meet_without_gap_or_repeat(validator: Validator) -> None:
    arrivals = ["2026-11-05", "2026-11-03", "2026-11-05", "2026-11-04", "2026-11-03"]
    waiting = [pended(validator, arrival=D(arrival)) for arrival in arrivals]
    expected = [claim_id for _, claim_id in sorted(zip(arrivals, waiting, strict=True))]

    seen, cursor = [], ""
    while True:
        page = validator.get(f"reviews?limit=2&cursor={cursor}")
        assert len(page["items"]) <= 2
        seen += [item["claim_id"] for item in page["items"]]
        if not page["next_cursor"]:
            break
        cursor = page["next_cursor"]

    assert seen == expected


def test_the_queue_can_be_narrowed_by_payer_kind_and_day(validator: Validator) -> None:
    early = pended(validator, arrival=D("2026-11-03"))
    late = pended(validator, arrival=D("2026-11-05"), payer_id="other1")

    assert validator.queue("reviews?due_before=2026-12-04") == [early]
    assert validator.queue("reviews?due_before=2026-12-03") == []
    assert validator.queue("reviews?payer=OTHER1") == [late]
    assert validator.queue("reviews?kind=pended") == [early, late]
    assert validator.queue("reviews?kind=suspected") == []
    assert validator.call("GET", "reviews?kind=odd").status_code == 422
    assert validator.call("GET", "reviews?cursor=bm90IG91cnM").status_code == 422


def test_a_plan_sees_and_decides_only_its_own_whichever_of_its_ids_a_claim_bears(new_database: Any) -> None:
    payers = Payers((PayerTerms(ids=("GSHP1", "GSHP2"), name="Golden State Health Plan"),))
    validator = Validator(new_database("sqlite"), payers=payers)
    own = pended(validator, payer_id="gshp2")
    foreign = pended(validator, payer_id="OTHER1")
    key = validator.key(payers=("GSHP1",))

    assert validator.queue(key=key) == [own]
    assert validator.queue("reviews?payer=OTHER1", key=key) == []
    assert validator.get(f"reviews/{own}", key=key)["claim_id"] == own
    assert validator.call("GET", f"reviews/{foreign}", key=key).status_code == 404
    assert validator.decide(foreign, "release", key=key).status_code == 404
    assert validator.decide(own, "release", key=key).status_code == 200
    assert validator.queue() == [foreign]


@pytest.mark.parametrize("role", ["provider", "auditor"])
def test_the_queue_is_for_the_claims_department(on_sqlite: Validator, role: str) -> None:
    claim_id = pended(on_sqlite)
    key = on_sqlite.key(role)

    assert on_sqlite.call("GET", "reviews", key=key).status_code == 403
    assert on_sqlite.decide(claim_id, "release", key=key).status_code == 403
    admin = on_sqlite.key("admin")
    assert on_sqlite.call("GET", "reviews", key=admin).status_code == 200
    assert on_sqlite.decide(claim_id, "release", key=admin).status_code == 403


# --- Decisions


def test_a_released_claim_is_accepted_and_the_event_says_who_decided_and_why(validator: Validator) -> None:
    claim_id = pended(validator)
    before = validator.judgements(claim_id)[0]

    answer = validator.decide(claim_id, "release", "  The original was sent by paper.\r\n ")

    assert answer.status_code == 200
    key = validator.key().record
    assert answer.json == {
        "claim_id": claim_id,
        "decision": "release",
        "reason": "The original was sent by paper.",
        "verdict": "accepted",
        "judgement": 2,
        "decided_at": "2026-11-10T20:00:00.000000Z",
        "decided_by": key.id,
        "organisation": "Golden State Health Plan",
        "effect": "It becomes accepted. It was clean from the day it was received, "
        "and its clock has run since then.",
    }
    type_, event = validator.published()[-1]
    assert (type_, event.judgement, event.verdict, event.clean) == ("claim.validated", 2, "accepted", True)
    assert event.receipt == before.receipt
    assert event.findings == before.findings
    assert event.decision is not None
    assert (event.decision.was, event.decision.reason) == ("pended", "The original was sent by paper.")
    assert validator.judgements(claim_id)[0] == before
    assert validator.queue() == []
    assert standing(validator, claim_id)


def test_a_rejected_claim_tells_the_provider_why_and_no_longer_counts_as_billed(validator: Validator) -> None:
    claim_id = pended(validator)

    answer = validator.decide(claim_id, "reject", "Send it as a new claim.")

    assert (answer.status_code, answer.json["verdict"]) == (200, "rejected")
    type_, event = validator.published()[-1]
    assert (type_, event.clean) == ("claim.rejected", False)
    said = event.findings[-1]
    assert (said.rule, said.severity, said.message) == (
        "review.rejected",
        "reject",
        "Send it as a new claim.",
    )
    assert said.carc and said.claim_status and said.authority
    assert not standing(validator, claim_id)
    (again,) = validator.judge(a_received_claim())
    assert again.verdict == "accepted"


def test_a_released_claim_still_counts_as_billed(validator: Validator) -> None:
    validator.decide(pended(validator), "release")

    (again,) = validator.judge(a_received_claim())

    assert again.verdict == "rejected"
    assert again.findings[0].rule == "duplicate.exact"


def test_what_a_rejected_replacement_replaced_stands_again(validator: Validator) -> None:
    original = a_received_claim(claim_number="PCN-A")
    validator.judge(original)
    replacement = a_received_claim(
        claim_number="PCN-B", frequency="7", original_reference="PCN-A", lines=[a_line(units=200)]
    )
    validator.judge(replacement)
    assert superseded(validator, original.claim_id)
    # Nothing rejects it, but somebody has doubts: it is put in review by hand, as a late record would.
    with validator.database.begin() as connection:
        connection.execute(
            REVIEWS.insert().values(
                claim_id=replacement.claim_id,
                kind="suspected",
                payer_id="GSHP1",
                organisation="Harbor Light Shelter",
                opened_at=validator.now(),
                arrival_date=D("2026-11-02"),
                deadline=D("2026-12-02"),
                amount_cents=9_000,
            )
        )

    assert validator.decide(replacement.claim_id, "reject", "200 units are not possible.").status_code == 200

    assert not superseded(validator, original.claim_id)
    assert standing(validator, original.claim_id)
    assert not standing(validator, replacement.claim_id)
    (again,) = validator.judge(a_received_claim())
    assert [finding.rule for finding in again.findings] == ["duplicate.exact"]


def test_a_claim_that_was_replaced_waits_for_nothing_until_the_replacement_is_rejected(
    validator: Validator,
) -> None:
    first = pended(validator, claim_number="PCN-A")
    second = a_received_claim(
        claim_number="PCN-B",
        frequency="7",
        original_reference="PCN-A",
        lines=[a_line(modifiers=("U2", "U2"))],
    )
    validator.judge(second)
    assert superseded(validator, first)

    assert first not in validator.queue()
    answer = validator.decide(first, "release")
    assert answer.status_code == 409
    assert "voided or replaced" in answer.json["detail"]


def test_a_second_decision_is_refused_and_names_the_first(validator: Validator) -> None:
    claim_id = pended(validator)
    validator.decide(claim_id, "release", "The original was sent by paper.")

    answer = validator.decide(claim_id, "reject", "No.")

    assert answer.status_code == 409
    assert "Golden State Health Plan" in answer.json["detail"]
    assert "released" in answer.json["detail"]
    assert "Nov 10, 2026" in answer.json["detail"]
    assert "The original was sent by paper." in answer.json["detail"]
    assert len(validator.judgements(claim_id)) == 2


def test_a_claim_that_never_was_in_review_cannot_be_decided(validator: Validator) -> None:
    accepted = a_received_claim()
    validator.judge(accepted)

    answer = validator.decide(accepted.claim_id, "reject")

    assert answer.status_code == 409
    assert "accepted" in answer.json["detail"]
    assert validator.decide("clm_unknown", "reject").status_code == 404
    assert validator.call("GET", "reviews/clm_unknown").status_code == 404


def test_of_decisions_at_the_same_moment_one_counts(validator: Validator) -> None:
    claim_id = pended(validator)
    choices = ["release", "reject"] * 3
    validator.key()
    validator.app()

    with ThreadPoolExecutor(len(choices)) as pool:
        answers = list(pool.map(lambda choice: validator.decide(claim_id, choice), choices))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    (won,) = [answer.json["verdict"] for answer in answers if answer.status_code == 200]
    assert [judged.verdict for judged in validator.judgements(claim_id)] == ["pended", won]
    assert standing(validator, claim_id) == (won == "accepted")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"decision": "release"}, "reason"),
        ({"decision": "release", "reason": "   "}, "reason"),
        ({"decision": "release", "reason": None}, "reason"),
        ({"decision": "release", "reason": "x" * 1001}, "reason"),
        ({"decision": "release", "reason": "a\x00b"}, "reason"),
        ({"decision": "approve", "reason": "Fine."}, "decision"),
        ({"reason": "Fine."}, "decision"),
        ({"decision": "release", "reason": "Fine.", "by": "me"}, "by"),
    ],
)
def test_a_decision_needs_a_choice_and_a_reason(on_sqlite: Validator, body: Any, field: str) -> None:
    claim_id = pended(on_sqlite)

    answer = on_sqlite.call("POST", f"reviews/{claim_id}", json=body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert on_sqlite.queue() == [claim_id]


def test_a_reason_of_a_thousand_characters_is_taken(on_sqlite: Validator) -> None:
    assert on_sqlite.decide(pended(on_sqlite), "reject", "ü" * 1000).status_code == 200


def test_the_same_decision_sent_twice_with_one_key_is_one(on_sqlite: Validator) -> None:
    claim_id = pended(on_sqlite)
    once = {"Idempotency-Key": "click-1"}

    first = on_sqlite.decide(claim_id, "release", headers=once)
    second = on_sqlite.decide(claim_id, "release", headers=once)

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.data == second.data
    assert len(on_sqlite.judgements(claim_id)) == 2


# --- One claim


def test_both_claims_stand_side_by_side_with_what_matches_marked(validator: Validator) -> None:
    first = a_received_claim(claim_number="PCN-A")
    validator.judge(first)
    claim_id = pended(validator, claim_number="PCN-B", lines=[a_line(charge_cents=8_000)])

    found = validator.get(f"reviews/{claim_id}")

    (evidence,) = found["evidence"]
    assert (evidence["kind"], evidence["claim_id"], evidence["line"]) == ("claim", first.claim_id, 1)
    rows = {row["field"]: row for row in evidence["rows"]}
    assert (rows["claim_number"]["this"], rows["claim_number"]["other"]) == ("PCN-B", "PCN-A")
    assert rows["claim_number"]["same"] is False
    assert (rows["procedure_code"]["this"], rows["procedure_code"]["same"]) == ("G9012", True)
    assert (rows["modifiers"]["other"], rows["modifiers"]["same"]) == ("U2", True)
    assert (rows["service_end"]["this"], rows["service_end"]["same"]) == ("2026-10-12", True)
    assert (rows["charge_cents"]["this"], rows["charge_cents"]["other"]) == (8_000, 9_000)
    assert rows["charge_cents"]["same"] is False
    assert found["document"]["lines"][0]["procedure_code"] == "G9012"
    assert found["review"]["kind"] == "pended"
    assert [each["cause"] for each in found["history"]] == ["received"]


def test_the_history_keeps_every_judgement_and_who_decided(validator: Validator) -> None:
    claim_id = pended(validator)
    validator.decide(claim_id, "reject", "Send it as a new claim.")

    found = validator.get(f"reviews/{claim_id}")

    assert found["review"] is None
    assert [(each["cause"], each["verdict"]) for each in found["history"]] == [
        ("received", "pended"),
        ("decision", "rejected"),
    ]
    last = found["history"][-1]
    assert (last["decision"], last["reason"]) == ("reject", "Send it as a new claim.")
    assert (last["decided_by"], last["organisation"]) == (
        validator.key().record.id,
        "Golden State Health Plan",
    )
    assert [finding["rule"] for finding in last["found"]] == ["review.rejected"]


# --- Records that come later


def test_a_record_that_comes_late_opens_a_review_and_a_release_settles_it_for_good(
    validator: Validator,
) -> None:
    received = a_received_claim()
    validator.judge(received)
    validator.tell(in_pace())
    claim_id = received.claim_id

    (item,) = validator.get("reviews")["items"]
    assert (item["claim_id"], item["kind"], item["verdict"]) == (claim_id, "suspected", "accepted")
    assert [reason["rule"] for reason in item["reasons"]] == ["overlap.excluded"]
    found = validator.get(f"reviews/{claim_id}")
    rows = {row["field"]: row for each in found["evidence"] for row in each["rows"]}
    assert (rows["program"]["other"], rows["cin"]["same"], rows["first_day"]["same"]) == ("PACE", True, True)

    assert validator.decide(claim_id, "release", "PACE ended before.").json["verdict"] == "accepted"
    assert validator.queue() == []
    validator.tell(in_pace())
    assert validator.queue() == []


def test_a_claim_that_was_accepted_can_be_rejected_for_a_late_record(validator: Validator) -> None:
    received = a_received_claim()
    validator.judge(received)
    validator.tell(in_pace())

    assert validator.decide(received.claim_id, "reject", "The member is in PACE.").status_code == 200

    _, event = validator.published()[-1]
    assert event.decision is not None
    assert (event.verdict, event.decision.was) == ("rejected", "accepted")
    assert not standing(validator, received.claim_id)


def test_only_what_is_new_since_the_last_decision_is_to_be_decided(validator: Validator) -> None:
    claim_id = pended(validator)
    validator.decide(claim_id, "release")
    validator.tell(in_pace())

    (item,) = validator.get("reviews")["items"]

    assert item["kind"] == "suspected"
    assert [reason["rule"] for reason in item["reasons"]] == ["overlap.excluded"]


def rejected_for_a_record(validator: Validator, **overrides: Any) -> str:
    """A claim that only an enrolment rejected, and that enrolment was taken back since."""
    validator.tell(in_pace())
    received = a_received_claim(**overrides)
    assert validator.judge(received)[0].verdict == "rejected"
    validator.tell(in_pace(), withdrawn=True)
    return received.claim_id


def test_a_rejection_whose_record_was_taken_back_is_to_be_reconsidered_and_released(
    validator: Validator,
) -> None:
    claim_id = rejected_for_a_record(validator)
    assert not standing(validator, claim_id)

    (item,) = validator.get("reviews")["items"]
    assert (item["kind"], item["verdict"]) == ("reconsider", "rejected")
    assert [(reason["rule"], reason["holds"]) for reason in item["reasons"]] == [("overlap.excluded", False)]

    answer = validator.decide(claim_id, "release", "The county took its record back.")

    assert answer.json["verdict"] == "accepted"
    assert standing(validator, claim_id)
    (again,) = validator.judge(a_received_claim())
    assert [finding.rule for finding in again.findings] == ["duplicate.exact"]


def test_a_rejection_is_not_released_when_the_service_was_billed_again_meanwhile(
    validator: Validator,
) -> None:
    claim_id = rejected_for_a_record(validator)
    again = a_received_claim(claim_number="PCN-AGAIN")
    assert validator.judge(again)[0].verdict == "accepted"

    found = validator.get(f"reviews/{claim_id}")
    assert [each["claim_id"] for each in found["billed_since"]] == [again.claim_id]
    answer = validator.decide(claim_id, "release")

    assert answer.status_code == 409
    assert "PCN-AGAIN" in answer.json["detail"]
    assert not standing(validator, claim_id)
    assert validator.decide(claim_id, "reject", "It was sent again and accepted.").status_code == 200
    assert standing(validator, again.claim_id)
    assert validator.queue() == []


def test_a_replacement_released_at_last_replaces_its_original(validator: Validator) -> None:
    original = a_received_claim(claim_number="PCN-A")
    validator.judge(original)
    claim_id = rejected_for_a_record(
        validator, claim_number="PCN-B", frequency="7", original_reference="PCN-A"
    )
    assert not superseded(validator, original.claim_id)

    assert validator.decide(claim_id, "release").status_code == 200

    assert superseded(validator, original.claim_id)
    assert standing(validator, claim_id)


# --- Whatever is decided


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choices=st.lists(st.sampled_from(["release", "reject", "wait"]), min_size=1, max_size=6))
def test_queue_decisions_and_verdicts_always_agree(new_database: Any, choices: list[str]) -> None:
    validator = Validator(new_database("sqlite"))
    claims = [pended(validator, cin=f"9{number:07}A") for number in range(len(choices))]
    for claim_id, choice in zip(claims, choices, strict=True):
        if choice != "wait":
            validator.decide(claim_id, choice)

    waiting = [claim_id for claim_id, choice in zip(claims, choices, strict=True) if choice == "wait"]
    assert validator.queue() == waiting
    with validator.database.read() as connection:
        decided = dict(connection.execute(select(DECISIONS.c.claim_id, DECISIONS.c.decision)).all())
        verdicts = dict(connection.execute(select(CLAIMS.c.claim_id, CLAIMS.c.verdict)).all())
    for claim_id, choice in zip(claims, choices, strict=True):
        assert decided.get(claim_id, "wait") == choice
        assert verdicts[claim_id] == {"release": "accepted", "reject": "rejected", "wait": "pended"}[choice]
        assert standing(validator, claim_id) == (choice != "reject")


def test_the_answer_fits_the_day_in_california(on_sqlite: Validator) -> None:
    pended(on_sqlite, claim=a_claim(**UNKNOWN_ORIGINAL), arrival=date(2026, 11, 10))
    (item,) = on_sqlite.get("reviews")["items"]
    assert item["age_days"] == 0
