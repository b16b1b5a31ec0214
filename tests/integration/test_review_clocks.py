"""The review queue and the payment clocks: what is contested waits, what is settled says so, whatever comes first."""

from datetime import date
from itertools import count
from typing import Any

import pytest
from builders import CIN, a_received_claim
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from validator_harness import D, Validator

from services.payments.clock import Entry, period_of, run
from services.payments.outgoing import clock_event
from services.validator.models import CLAIM_CLOCKS
from services.validator.review.clock_handlers import record_clocks
from shared.care import Enrollment
from shared.events import PAYMENTS_CLOCKS, Event, new_event
from shared.messaging.consumer import InvalidEvent
from shared.payers import Payers, PayerTerms

UNKNOWN_ORIGINAL = {"frequency": "7", "original_reference": "NO-SUCH-CLAIM"}
ARRIVAL = D("2026-11-02")
PAID = Entry("paid", D("2026-11-09"), 9_000)
DENIED = Entry("denied", D("2026-11-09"), 9_000)
WITHDRAWN = Entry("withdrawn", D("2026-11-09"))
CONTESTED = Entry("contested", D("2026-11-06"))
INFORMATION = Entry("information_received", D("2026-11-10"))


@pytest.fixture
def validator(database: Any) -> Validator:
    return Validator(database)


@pytest.fixture
def on_sqlite(new_database: Any) -> Validator:
    return Validator(new_database("sqlite"))


def pended(validator: Validator, **overrides: Any) -> str:
    received = a_received_claim(**{**UNKNOWN_ORIGINAL, **overrides})
    assert validator.judge(received)[0].verdict == "pended"
    return received.claim_id


def accepted(validator: Validator, **overrides: Any) -> str:
    received = a_received_claim(**overrides)
    assert validator.judge(received)[0].verdict == "accepted"
    return received.claim_id


def told(
    validator: Validator,
    claim_id: str,
    *entries: Entry,
    sequence: int | None = None,
    terms: PayerTerms | None = None,
    arrival: date = ARRIVAL,
) -> Event:
    """What payments tells of a claim of 90 dollars after these entries."""
    terms = terms or PayerTerms()
    row = {
        "claim_id": claim_id,
        "sequence": len(entries) + 1 if sequence is None else sequence,
        "channel": "837P",
        "payer_id": "GSHP1",
        "provider_npi": "1234567893",
        "suspected": None,
        "member_key": "k",
    }
    outcome = run(period_of(arrival, terms), terms, 9_000, entries)
    return clock_event("clock.started", row, outcome, validator.now(), D(validator.today))


def hear(validator: Validator, *events: Event) -> None:
    """One batch of the consumer."""
    with validator.database.begin() as connection:
        record_clocks(connection, events)


def in_pace() -> Enrollment:
    return Enrollment("E-1", CIN, "PACE", D("2026-01-01"), source="county")


def the_item(validator: Validator) -> dict[str, Any]:
    (item,) = validator.get("reviews")["items"]
    return dict(item)


def of_clock(item: dict[str, Any]) -> tuple[Any, ...]:
    return item["clock_state"], item["deadline"], item["days_left"], item["due"], item["settled"]


# --- What the queue shows


def test_until_payments_has_told_of_a_clock_the_deadline_is_that_of_the_receipt(validator: Validator) -> None:
    claim_id = pended(validator)
    before = the_item(validator)
    assert of_clock(before) == (None, "2026-12-02", 22, "open", False)

    hear(validator, told(validator, claim_id))

    assert the_item(validator) == {**before, "clock_state": "open"}


def test_a_contest_stops_the_clock_and_information_starts_a_new_period(validator: Validator) -> None:
    claim_id = pended(validator)

    hear(validator, told(validator, claim_id, CONTESTED))
    item = the_item(validator)
    assert of_clock(item) == ("contested", None, None, None, False)
    assert item["clock_since"] == "2026-11-06"

    hear(validator, told(validator, claim_id, CONTESTED, INFORMATION))
    item = the_item(validator)
    assert of_clock(item) == ("open", "2026-12-10", 30, "open", False)
    assert item["clock_since"] == "2026-11-10"
    validator.today = "2026-12-11"
    assert of_clock(the_item(validator)) == ("overdue", "2026-12-10", -1, "overdue", False)


def test_a_contest_that_comes_too_late_stops_nothing(on_sqlite: Validator) -> None:
    on_sqlite.today = "2026-12-20"
    claim_id = pended(on_sqlite)
    late = Entry("contested", D("2026-12-10")), Entry("information_received", D("2026-12-15"))

    hear(on_sqlite, told(on_sqlite, claim_id, *late))

    item = the_item(on_sqlite)
    assert of_clock(item) == ("overdue", "2026-12-02", -18, "overdue", False)
    assert item["clock_since"] is None


@pytest.mark.parametrize(
    ("entry", "state", "paid_cents"),
    [(PAID, "paid_on_time", 9_000), (DENIED, "denied_on_time", 0), (WITHDRAWN, "withdrawn", 0)],
)
def test_what_was_settled_meanwhile_says_so_and_no_deadline_runs(
    validator: Validator, entry: Entry, state: str, paid_cents: int
) -> None:
    claim_id = pended(validator)

    hear(validator, told(validator, claim_id, entry))

    item = the_item(validator)
    assert of_clock(item) == (state, None, None, None, True)
    assert (item["clock_since"], item["paid_cents"]) == ("2026-11-09", paid_cents)


def test_what_was_paid_in_part_is_still_due(validator: Validator) -> None:
    claim_id = pended(validator)

    hear(validator, told(validator, claim_id, Entry("paid", D("2026-11-09"), 4_000)))

    item = the_item(validator)
    assert of_clock(item) == ("open", "2026-12-02", 22, "open", False)
    assert item["paid_cents"] == 4_000


def test_a_payment_taken_back_makes_the_claim_due_again(validator: Validator) -> None:
    claim_id = pended(validator)
    taken_back = Entry("payment_reversed", D("2026-11-10"), 9_000)
    hear(validator, told(validator, claim_id, PAID))
    assert the_item(validator)["settled"]

    hear(validator, told(validator, claim_id, PAID, taken_back))

    item = the_item(validator)
    assert of_clock(item) == ("open", "2026-12-02", 22, "open", False)
    assert item["paid_cents"] == 0


def test_the_deadline_is_the_clocks_whatever_the_payers_terms_are_today(new_database: Any) -> None:
    today = PayerTerms(ids=("GSHP1",), name="Golden State", receipt_on_non_working_day="same_day")
    validator = Validator(new_database("sqlite"), payers=Payers((today,)))
    saturday = D("2026-11-07")
    claim_id = pended(validator, arrival=saturday)
    assert the_item(validator)["deadline"] == "2026-12-07"

    hear(validator, told(validator, claim_id, arrival=saturday))

    assert the_item(validator)["deadline"] == "2026-12-09"


def test_what_is_due_stands_first_then_what_waits_for_information_then_what_is_settled(
    validator: Validator,
) -> None:
    paid, contested, fresh, later, no_clock = (
        pended(validator, cin=f"9{number:07}A", claim_number=f"N{number}") for number in range(5)
    )
    hear(
        validator,
        told(validator, paid, PAID),
        told(validator, contested, CONTESTED),
        told(validator, fresh),
        told(validator, later, CONTESTED, INFORMATION),
    )

    assert validator.queue() == [fresh, no_clock, later, contested, paid]
    assert validator.queue("reviews?settled=true") == [paid]
    assert validator.queue("reviews?settled=false") == [fresh, no_clock, later, contested]
    assert validator.queue("reviews?due_before=2026-12-10") == [fresh, no_clock]
    assert validator.call("GET", "reviews?settled=perhaps").status_code == 422


def test_pages_of_any_queue_meet_without_gap_or_repeat(new_database: Any) -> None:
    validator = Validator(new_database("sqlite"))
    histories = (None, (), (CONTESTED,), (CONTESTED, INFORMATION), (PAID,), (DENIED,))
    numbers = count()

    @settings(max_examples=15, deadline=None)
    @given(more=st.lists(st.sampled_from(histories), max_size=4), size=st.integers(1, 4))
    def check(more: list[tuple[Entry, ...] | None], size: int) -> None:
        for entries in more:
            claim_id = pended(validator, cin=f"9{next(numbers):07}A")
            if entries is not None:
                hear(validator, told(validator, claim_id, *entries))
        whole = validator.get("reviews")["items"]
        key = [(item["settled"], item["deadline"] or "9999", item["claim_id"]) for item in whole]
        assert key == sorted(key)

        seen, cursor = [], ""
        while True:
            page = validator.get(f"reviews?limit={size}&cursor={cursor}")
            seen += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                break
        assert seen == whole

    check()


# --- Whatever comes first


def test_a_claim_paid_long_before_a_record_speaks_against_it_comes_into_the_queue_as_paid(
    validator: Validator,
) -> None:
    claim_id = accepted(validator)
    hear(validator, told(validator, claim_id))
    hear(validator, told(validator, claim_id, PAID))

    validator.tell(in_pace())

    item = the_item(validator)
    assert item["kind"] == "suspected"
    assert of_clock(item) == ("paid_on_time", None, None, None, True)


def test_the_same_clocks_in_any_order_and_any_batches_end_in_the_same_queue(new_database: Any) -> None:
    validator = Validator(new_database("sqlite"))
    numbers = count()
    taken_back = Entry("payment_reversed", D("2026-11-10"), 9_000)
    history = (CONTESTED, INFORMATION, PAID, taken_back, Entry("denied", D("2026-11-10"), 9_000))

    @settings(max_examples=25, deadline=None)
    @given(
        order=st.permutations(range(len(history) + 1)),
        again=st.lists(st.integers(0, len(history))),
        opens_at=st.integers(0, len(history) + 1),
        batch=st.integers(1, 4),
    )
    def check(order: list[int], again: list[int], opens_at: int, batch: int) -> None:
        cin = f"9{next(numbers):07}A"
        claim_id = accepted(validator, cin=cin)
        arrived = [told(validator, claim_id, *history[:length]) for length in [*order, *again]]
        for place in range(0, len(arrived), batch):
            if place <= opens_at < place + batch:
                validator.tell(Enrollment(f"E-{cin}", cin, "PACE", D("2026-01-01")))
            hear(validator, *arrived[place : place + batch])
        if opens_at >= len(arrived):
            validator.tell(Enrollment(f"E-{cin}", cin, "PACE", D("2026-01-01")))

        (item,) = (each for each in validator.get("reviews")["items"] if each["claim_id"] == claim_id)

        assert of_clock(item) == ("denied_on_time", None, None, None, True)

    check()


def test_a_batch_of_clocks_is_three_statements_however_many_claims_it_speaks_of(new_database: Any) -> None:
    validator = Validator(new_database("sqlite"))
    events = [told(validator, f"clm_{number}") for number in range(400)]
    hear(validator, *events[:200])

    hear(validator, *(told(validator, f"clm_{number}", PAID) for number in range(400)))

    with validator.database.read() as connection:
        states = connection.execute(select(CLAIM_CLOCKS.c.state)).scalars().all()
    assert states == ["paid_on_time"] * 400
    assert validator.queue() == []


def test_what_is_no_clock_is_refused_without_quoting_it(on_sqlite: Validator) -> None:
    def event(data: bytes) -> Event:
        return new_event(
            PAYMENTS_CLOCKS, "claim.paid", "/payments", subject="c", key="k", data=data, now=on_sqlite.now()
        )

    for data in (
        b"[]",
        b'{"claim_id": "clm_1"}',
        b'{"claim_id": "clm_1", "sequence": 1, "clock": {"state": "Rivera"}}',
    ):
        with pytest.raises(InvalidEvent) as refused:
            hear(on_sqlite, event(data))
        assert str(refused.value) == "the data is not a clock of the agreed shape"


# --- What a decision does


def decided(validator: Validator, claim_id: str, decision: str) -> str:
    told_before: str = validator.get(f"reviews/{claim_id}")["effects"][decision]
    answer = validator.decide(claim_id, decision)
    assert answer.status_code == 200
    assert answer.json["effect"] == told_before
    return told_before


@pytest.mark.parametrize(
    ("entries", "reject", "release"),
    [
        ((), "counts as a denial of the claim as of today", "its clock has run since then"),
        ((CONTESTED,), "counts as a denial of the claim as of today", "you asked for on Nov 6, 2026"),
        ((PAID,), "Nothing is denied and no money moves: the claim was paid on Nov 9, 2026", "nothing more"),
        ((DENIED,), "no second denial", "it was denied on Nov 9, 2026"),
        ((WITHDRAWN,), "the provider took the claim back", "nothing is to be paid"),
        ((Entry("paid", D("2026-11-09"), 4_000),), "The $40.00 that you paid stays paid", "has run since"),
    ],
)
def test_what_a_decision_does_is_said_before_it_and_with_it(
    on_sqlite: Validator, entries: tuple[Entry, ...], reject: str, release: str
) -> None:
    rejected, released = pended(on_sqlite), pended(on_sqlite, cin="97654321C")
    hear(on_sqlite, *(told(on_sqlite, claim, *entries) for claim in (rejected, released)))

    assert reject in decided(on_sqlite, rejected, "reject")
    assert release in decided(on_sqlite, released, "release")


def test_a_paid_claim_that_is_rejected_is_to_be_asked_back_in_writing(on_sqlite: Validator) -> None:
    claim_id = accepted(on_sqlite)
    hear(on_sqlite, told(on_sqlite, claim_id, PAID))
    on_sqlite.tell(in_pace())

    effect = decided(on_sqlite, claim_id, "reject")

    assert "within 365 days of the payment (Health and Safety Code 1371.1, 28 CCR 1300.71)" in effect
    assert "record at payments the reversal and then a denial" in effect
    _, event = on_sqlite.published()[-1]
    assert (event.verdict, event.decision and event.decision.was) == ("rejected", "accepted")


def test_a_rejection_to_reconsider_has_no_clock_and_the_deadline_of_its_receipt(validator: Validator) -> None:
    validator.tell(in_pace())
    received = a_received_claim()
    assert validator.judge(received)[0].verdict == "rejected"
    validator.tell(in_pace(), withdrawn=True)

    item = the_item(validator)

    assert (item["kind"], *of_clock(item)) == ("reconsider", None, "2026-12-02", 22, "open", False)
    assert "no new denial is recorded" in decided(validator, received.claim_id, "reject")


def test_a_void_in_review_has_no_deadline_and_denies_nothing(validator: Validator) -> None:
    claims = [pended(validator, frequency="8"), pended(validator, frequency="8", cin="97654321C")]

    assert of_clock(validator.get("reviews")["items"][0]) == (None, None, None, None, False)
    assert "Nothing is denied: a void bills nothing." in decided(validator, claims[0], "reject")
    assert "if we have it, is withdrawn from payment" in decided(validator, claims[1], "release")


# --- Pages


def test_the_pages_say_what_was_paid_or_waits_and_what_a_decision_does(on_sqlite: Validator) -> None:
    paid, contested = pended(on_sqlite, claim_number="PAID-1"), pended(on_sqlite, cin="97654321C")
    due = pended(on_sqlite, cin="91112223A", claim_number="DUE-1")
    hear(
        on_sqlite,
        told(on_sqlite, paid, PAID),
        told(on_sqlite, contested, CONTESTED),
        told(on_sqlite, due, CONTESTED, INFORMATION, Entry("paid", D("2026-11-10"), 4_000)),
    )
    client = on_sqlite.browser()

    queue = client.get("/validator/").text
    assert queue.index("DUE-1") < queue.index("PAID-1")
    assert "1 was paid, denied or withdrawn already" in queue
    assert "Paid on time" in queue
    assert "Contested" in queue
    assert "30 days left" in queue
    assert "$40.00 paid" in queue
    assert "$90.00 paid" not in queue
    only = client.get("/validator/?settled=yes").text
    assert "PAID-1" in only
    assert "DUE-1" not in only
    assert '<option value="yes" selected>' in only
    assert "PAID-1" not in client.get("/validator/?settled=no").text

    page = client.get(f"/validator/reviews/{paid}").text
    assert "Your decision is about the claim; it moves no money." in page
    assert "Nothing is denied and no money moves: the claim was paid on Nov 9, 2026." in page
    assert "<dt>Paid so far</dt><dd>$90.00</dd>" in page
    waits = client.get(f"/validator/reviews/{contested}").text
    assert "The clock stands still until the information arrives" in waits
    assert "<dt>Due</dt>" not in waits
    runs = client.get(f"/validator/reviews/{due}").text
    assert "<dt>New period since</dt>" in runs
    assert "Dec 10, 2026" in runs
