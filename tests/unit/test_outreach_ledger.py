"""The outreach ledger and wrong denials: facts in, figures out."""

import time
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payments.clock import Entry, period_of, run
from services.payments.outreach.ledger import LinePayment, OutreachLine, ledger, line_payment, success_of
from services.payments.outreach.wrong_denials import AUTHORITY, wrong_denial
from shared.payers import PayerTerms

D = date.fromisoformat
TERMS = PayerTerms()
ARRIVAL = D("2026-03-02")
DEADLINE = D("2026-04-01")
LONG_AFTER = D("2026-12-31")
DAY = timedelta(1)


@pytest.mark.parametrize(
    ("reason", "ground", "code", "certain"),
    [
        ("CO-197", "authorization", "197", True),
        ("CARC 198: precertification exceeded", "authorization", "198", True),
        ("197", "authorization", "197", True),
        ("CO 15; RARC M62", "authorization", "15", True),
        ("m62", "authorization", "M62", True),
        ("OA:177", "eligibility", "177", False),
        ("CO-27", "eligibility", "27", False),
        ("PR 31", "eligibility", "31", False),
        ("CO-45 CO-197", "authorization", "197", True),
        ("CO-26, CO-197", "authorization", "197", True),
        ("No authorization on file", "authorization", None, True),
        ("Services were not authorised by the plan.", "authorization", None, True),
        ("Prior auth required", "authorization", None, True),
        ("missing referral", "authorization", None, True),
        ("Precertification is absent", "authorization", None, True),
        ("Unauthorized service", "authorization", None, True),
        ("Member is not enrolled in ECM", "enrolment", None, True),
        ("no ECM enrollment for this member on the date", "enrolment", None, True),
        ("never opted in", "enrolment", None, True),
        ("Member was not eligible on the date", "eligibility", None, False),
        ("INELIGIBLE", "eligibility", None, False),
    ],
)
def test_a_denial_of_outreach_for_lack_of_these_is_wrong(
    reason: str, ground: str, code: str | None, certain: bool
) -> None:
    found = wrong_denial(reason)

    assert found is not None
    assert (found.ground, found.code, found.certain) == (ground, code, certain)


@pytest.mark.parametrize(
    "reason",
    [
        None,
        "",
        "CO-18 exact duplicate",
        "18",
        "Duplicate of a claim paid on 03/15/2026, check 197",
        "Denied after 27 days of review",
        "Member is enrolled in hospice",
        "Enrolled in PACE on the date",
        "Authorization is not required for outreach; this is a duplicate",
        "No authorization needed, but the units are wrong",
        "CO-29 past the time limit",
        "Medical records were not received",
        "M621",
    ],
)
def test_a_denial_for_another_reason_is_not_flagged(reason: str | None) -> None:
    assert wrong_denial(reason) is None


@given(st.text(max_size=300))
def test_any_text_can_be_a_reason(reason: str) -> None:
    found = wrong_denial(reason)

    assert found is None or found.ground in ("authorization", "enrolment", "eligibility")


@pytest.mark.parametrize("part", ["1", "1 ", "no ", "CO-", "authorization ", "- ", "not\u00a0"])
def test_a_long_reason_is_read_in_no_time(part: str) -> None:
    started = time.process_time()
    wrong_denial(part * 1_000 + "x!")
    assert time.process_time() - started < 1


def test_a_service_within_90_days_makes_an_attempt_successful() -> None:
    attempt = D("2026-01-10")

    def after(days: int, as_of: date = LONG_AFTER) -> str:
        return success_of(attempt, [attempt + timedelta(days)], as_of)

    assert (after(-1), after(0), after(90), after(91)) == (
        "unsuccessful",
        "successful",
        "successful",
        "unsuccessful",
    )
    assert after(60, attempt + timedelta(59)) == "open"
    assert success_of(attempt, [], attempt + timedelta(90)) == "open"
    assert success_of(attempt, [], attempt + timedelta(91)) == "unsuccessful"


def state(entries: list[Entry], as_of: date = LONG_AFTER, charge: int = 4_000) -> LinePayment:
    """Line 2 of a claim of 100 dollars."""
    outcome = run(period_of(ARRIVAL, TERMS), TERMS, 10_000, entries)
    return line_payment(outcome, 2, charge, as_of)


def test_a_line_stands_as_was_recorded_for_it() -> None:
    paid = Entry("paid", ARRIVAL + DAY, 4_000, line=2)
    denied = Entry("denied", DEADLINE + DAY, 4_000, line=2)
    other_paid = Entry("paid", ARRIVAL + DAY, 6_000, line=1)

    assert state([paid]) == LinePayment("paid", False, 4_000)
    assert state([denied]) == LinePayment("denied", True)
    assert state([other_paid]) == LinePayment("overdue", True)
    assert state([other_paid, denied]) == LinePayment("denied", True)
    assert state([Entry("paid", DEADLINE + DAY, 4_000, line=2)]) == LinePayment("paid", True, 4_000)


def test_a_line_stands_as_its_claim_where_nothing_names_it() -> None:
    assert state([Entry("paid", ARRIVAL, 10_000)]) == LinePayment("paid", False, 4_000)
    assert state([Entry("denied", ARRIVAL, 10_000)]) == LinePayment("denied", False)
    assert state([Entry("denied", DEADLINE + DAY)]) == LinePayment("denied", True)
    assert state([Entry("contested", ARRIVAL)]).state == "contested"
    assert state([Entry("withdrawn", ARRIVAL)]).state == "withdrawn"
    assert (state([], DEADLINE).state, state([], DEADLINE + DAY)) == ("unpaid", LinePayment("overdue", True))
    assert state([Entry("paid", ARRIVAL, 5_000)], DEADLINE) == LinePayment("unpaid", False, 2_000)


def test_a_denial_while_the_clock_stood_still_is_not_late() -> None:
    contested = Entry("contested", DEADLINE)
    information = Entry("information_received", DEADLINE + 10 * DAY)
    denied = Entry("denied", DEADLINE + 20 * DAY)

    assert state([contested, denied]) == LinePayment("denied", False)
    assert state([contested, information, denied]) == LinePayment("denied", False)
    assert state([contested, information, denied], charge=0) == LinePayment("denied", False)
    assert state([Entry("denied", DEADLINE + DAY)], charge=0) == LinePayment("denied", True)


def test_a_line_denied_in_time_is_not_late_for_another_that_was() -> None:
    in_time = Entry("denied", ARRIVAL, 4_000, line=2)
    too_late = Entry("denied", DEADLINE + DAY, 6_000, line=1)

    assert state([in_time, too_late]) == LinePayment("denied", False)


def a_line(**values: Any) -> OutreachLine:
    return OutreachLine(
        **{
            "key": (), "claim_id": "clm_1", "line": 1, "payer_id": "GSHP1", "provider_npi": "1234567893",
            "member_key": "m", "housing": False, "attempts": 1, "billed_cents": 1_000, "success": "open",
            "payment": LinePayment("unpaid"), **values,
        }
    )  # fmt: skip


states = st.sampled_from(["paid", "denied", "unpaid", "overdue", "contested", "withdrawn", "rejected"])
lines = st.builds(
    lambda key, member, attempts, cents, success, state, late, housing: a_line(
        key=(key,), member_key=member, attempts=attempts, billed_cents=cents, success=success,
        payment=LinePayment(state, late), housing=housing,
    ),
    st.sampled_from("AB"), st.sampled_from("xyz"), st.integers(1, 4), st.integers(0, 9_000),
    st.sampled_from(["successful", "unsuccessful", "open"]), states, st.booleans(), st.booleans(),
)  # fmt: skip


@given(st.lists(lines, max_size=15))
def test_every_attempt_is_counted_once_in_each_division(found: list[OutreachLine]) -> None:
    result = ledger(found, ("provider",))

    for group in (*result.groups, result.total):
        total, parts = group.total, (group.successful, group.unsuccessful, group.open)
        assert total.attempts == total.paid + total.denied + total.unpaid + total.contested + total.withdrawn
        for name in ("lines", "attempts", "paid", "late", "overdue", "billed_cents", "paid_cents"):
            assert getattr(total, name) == sum(getattr(part, name) for part in parts)
        assert total.overdue <= total.unpaid
        assert total.members <= sum(part.members for part in parts)
    everything = result.total.total.attempts + result.total.rejected
    assert everything == sum(line.attempts for line in found)
    assert everything == sum(group.total.attempts + group.rejected for group in result.groups)


def test_wrong_denials_are_listed_with_the_authority_in_the_order_of_their_claims() -> None:
    flagged = [
        a_line(claim_id=claim, payment=LinePayment("denied"), wrong_denial=wrong_denial("CO-197"), attempts=2)
        for claim in ("clm_2", "clm_1")
    ]

    result = ledger(flagged)

    assert [denial.claim_id for denial in result.wrong_denials] == ["clm_1", "clm_2"]
    assert {denial.authority for denial in result.wrong_denials} == {AUTHORITY}
    assert result.total.total.wrong_denials == 4
