"""The clock against a slow one: random events, dates and corrections in both regimes, now and at past moments."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from slow_clock import Facts, Told, simulate, what_counts, works

from services.payments.clock import Entry, Outcome, period_of, run
from services.payments.clock_document import clock_document, fee_due_cents, interest_on
from services.payments.refusals import Known, checked, shape_problem
from shared.calendar import FEDERAL_HOLIDAYS, is_working_day
from shared.payers import PayerTerms

D = date.fromisoformat
KINDS = ["paid", "denied", "contested", "information_received", "payment_reversed"]

arrivals = st.one_of(
    st.dates(D("2025-01-02"), D("2026-10-31")),
    st.dates(D("2025-12-20"), D("2026-01-06")),
    st.sampled_from(sorted(day for day in FEDERAL_HOLIDAYS if 2025 <= day.year <= 2026)),
)


@st.composite
def claims(draw: st.DrawFn) -> tuple[Facts, dict[int, int]]:
    amounts = st.integers(1, 5_000_000) | st.sampled_from([1, 3_650, 96_000, 100_000])
    charges = draw(st.lists(amounts, min_size=1, max_size=3))
    facts = Facts(draw(arrivals), sum(charges), draw(st.booleans()), draw(st.booleans()))
    return facts, dict(enumerate(charges, start=1))


class OneClaim:
    """A claim as the product keeps it, and beside it what the slow clock was told."""

    def __init__(self, facts: Facts, charges: dict[int, int]) -> None:
        self.facts, self.charges = facts, charges
        self.terms = PayerTerms(
            regime="hmo" if facts.hmo else "knox-keene",
            receipt_on_non_working_day="same_day" if facts.same_day else "next_working_day",
        )
        self.entries: list[Entry] = []
        self.recorded_on: list[date] = []

    def fold(self, entries: list[Entry]) -> Outcome:
        period = period_of(self.facts.arrived, self.terms)
        return run(period, self.terms, self.facts.amount, entries)

    def record(self, entry: Entry, today: date) -> bool:
        known = Known(self.facts.arrived, self.entries, self.fold, self.charges)  # type: ignore[arg-type]
        full, problem = checked(entry, known)
        if shape_problem(entry, today) or problem:
            return False
        self.entries.append(full)
        self.recorded_on.append(today)
        return True

    def told(self, count: int) -> list[Told]:
        return [
            Told(e.entry_id, e.kind, e.date, e.amount_cents, e.interest_cents, e.line, e.corrects)
            for e in self.entries[:count]
        ]

    def compare(self, count: int, as_of: date) -> None:
        found = self.fold(self.entries[:count])
        slow = simulate(self.facts, self.told(count), as_of)
        state = clock_document(found, as_of)["state"]
        assert {"open": "running", "near": "running", "overdue": "running"}.get(state, state) == slow.state
        if slow.state == "running":
            assert (state == "overdue") == (as_of > slow.deadline)
        assert found.period.receipt_date == self.facts.received
        assert found.deadline == slow.deadline
        assert found.contested_on == slow.contested
        assert found.contest_in_time == slow.contest_in_time
        assert found.information_on == slow.information
        assert found.outstanding_cents == slow.outstanding
        assert found.paid_cents == sum(share.cents for share in slow.paid)
        assert found.denied_cents == sum(share.cents for share in slow.denied)
        assert found.days_late == max((share.late for share in slow.paid), default=0)
        assert found.interest_cents == slow.earned()
        assert found.interest_paid_cents == sum(cents for _, cents in slow.interest)
        for days in range(12 if slow.earned() else 1):
            assert fee_due_cents(found, as_of + timedelta(days)) == slow.fee(as_of + timedelta(days))
        assert found.settled_on == slow.settled_on
        assert interest_on(found, as_of) == slow.earned_and_running()
        # A year of money to the plan and back never makes more of it.
        assert found.paid_cents + found.denied_cents + (found.outstanding_cents or 0) == self.facts.amount


class Clocks(RuleBasedStateMachine):
    """A handful of claims to which things happen, by a plan that also makes mistakes and puts them right."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: list[OneClaim] = []
        self.today = D("2025-01-02")
        self.count = 0

    @initialize(given=st.lists(claims(), min_size=1, max_size=3))
    def receive(self, given: list[tuple[Facts, dict[int, int]]]) -> None:
        self.claims = [OneClaim(*each) for each in given]
        self.today = max(claim.facts.arrived for claim in self.claims)

    @rule(days=st.integers(1, 50))
    def days_pass(self, days: int) -> None:
        self.today += timedelta(days)

    def _record(
        self, claim: OneClaim, kind: str, back: int, data: st.DataObject, corrects: str | None
    ) -> bool:
        day = max(claim.facts.arrived, self.today - timedelta(back))
        amounts = st.none() | st.integers(1, claim.facts.amount)
        amount = data.draw(amounts, "amount") if kind in ("paid", "denied", "payment_reversed") else None
        may_have_line = kind in ("paid", "denied", "payment_reversed")
        line = (
            data.draw(st.none() | st.sampled_from(sorted(claim.charges)), "line") if may_have_line else None
        )
        if line is not None and amount is not None:
            amount = min(amount, claim.charges[line])
        interest = 0
        if kind == "paid":
            interest = data.draw(st.sampled_from([0, 0, 1, 199, 5_000]) | st.integers(0, 100_000), "interest")
        self.count += 1
        return claim.record(
            Entry(kind, day, amount, interest, line, f"e{self.count:04}", corrects),  # type: ignore[arg-type]
            self.today,
        )

    @rule(which=st.integers(0, 2), kind=st.sampled_from(KINDS), back=st.integers(0, 60), data=st.data())
    def something_happens(self, which: int, kind: str, back: int, data: st.DataObject) -> None:
        self._record(self.claims[which % len(self.claims)], kind, back, data, None)

    @rule(which=st.integers(0, 2), data=st.data())
    def it_is_contested_in_time_and_answered(self, which: int, data: st.DataObject) -> None:
        claim = self.claims[which % len(self.claims)]
        for kind in ("contested", "information_received"):
            back = data.draw(st.integers(0, 10), kind)
            self._record(claim, kind, back, data, None)

    @rule(which=st.integers(0, 2), data=st.data())
    def a_payment_is_taken_back_and_made_again_that_day(self, which: int, data: st.DataObject) -> None:
        claim = self.claims[which % len(self.claims)]
        self._record(claim, "payment_reversed", 0, data, None)
        self._record(claim, "paid", 0, data, None)

    @rule(
        which=st.integers(0, 2),
        kind=st.sampled_from(["contested", "contested", "paid", "denied"]),
        days=st.integers(-1, 1),
    )
    def the_deadline_is_met_or_just_missed(self, which: int, kind: str, days: int) -> None:
        claim = self.claims[which % len(self.claims)]
        day = claim.fold(claim.entries).deadline + timedelta(days)
        self.today = max(self.today, day)
        self.count += 1
        claim.record(Entry(kind, day, entry_id=f"e{self.count:04}"), self.today)  # type: ignore[arg-type]

    @rule(which=st.integers(0, 2), data=st.data())
    def every_line_is_paid_by_itself_and_late(self, which: int, data: st.DataObject) -> None:
        claim = self.claims[which % len(self.claims)]
        late = claim.fold(claim.entries).deadline + timedelta(data.draw(st.integers(1, 40), "days late"))
        self.today = max(self.today, late)
        for line in claim.charges:
            self.count += 1
            claim.record(Entry("paid", late, line=line, entry_id=f"e{self.count:04}"), self.today)

    @precondition(lambda self: any(claim.entries for claim in self.claims))
    @rule(data=st.data(), kind=st.sampled_from([*KINDS, "cancelled", "cancelled"]), back=st.integers(0, 60))
    def a_mistake_is_put_right(self, data: st.DataObject, kind: str, back: int) -> None:
        claim = data.draw(st.sampled_from([claim for claim in self.claims if claim.entries]))
        wrong = data.draw(st.sampled_from([entry.entry_id for entry in claim.entries]), "wrong")
        before = len(what_counts(claim.told(len(claim.entries))))
        if self._record(claim, kind, back, data, wrong) and kind == "cancelled":
            assert len(what_counts(claim.told(len(claim.entries)))) == before - 1

    @rule(data=st.data())
    def a_past_moment_is_asked_for(self, data: st.DataObject) -> None:
        for claim in self.claims:
            if claim.entries:
                count = data.draw(st.integers(0, len(claim.entries) - 1), "recorded by then")
                claim.compare(count, claim.recorded_on[count])

    @invariant()
    def both_clocks_say_the_same(self) -> None:
        for claim in self.claims:
            claim.compare(len(claim.entries), max(self.today, claim.facts.arrived))


TestClocks = pytest.mark.timeout(120)(Clocks.TestCase)
TestClocks.settings = settings(
    max_examples=250,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_the_holidays_of_the_product_are_those_of_the_holidays_package() -> None:
    day = D("2024-01-01")
    while day <= D("2029-12-31"):
        assert is_working_day(day) == works(day)
        day += timedelta(1)
