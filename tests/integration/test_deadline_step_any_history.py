"""Any history of claims, against a list of what is due that is made by counting days one at a time."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, NamedTuple

import holidays
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payments_harness import Payments
from sqlalchemy import func, select

from services.payments.deadlines.step import TellOfDeadlines
from services.payments.log.audit_log import read, read_head
from services.payments.log.log_check import Intact, verify
from services.payments.models import CLOCKS, DEADLINE_NOTICES, TIMELINESS_LOG
from shared.claim import Payer
from shared.database import Database
from shared.payers import Payers, PayerTerms

EVENT_TYPES = ("clock.deadline_near", "clock.deadline_missed", "interest.due")

TERMS = {
    "KEENE": PayerTerms(ids=("KEENE",), name="Keene"),
    "HMO": PayerTerms(ids=("HMO",), name="Hmo", regime="hmo", near_days=(5, 28), near_days_90=(3, 80)),
}
FIRST = date(2025, 11, 3)
_HOLIDAYS = holidays.country_holidays("US", years=range(2025, 2028))
AMOUNT = 96_000


def _works(day: date) -> bool:
    return day.weekday() < 5 and day not in _HOLIDAYS


def _after(start: date, count: int, counts: Callable[[date], bool]) -> date:
    day = start
    while count:
        day += timedelta(days=1)
        count -= counts(day)
    return day


class Naive:
    """One claim as a clerk would keep it: what is open, since when, until when."""

    def __init__(self, payer: str, arrival: date) -> None:
        self.terms = TERMS[payer]
        calendar = arrival >= date(2026, 1, 1)
        self.counts: Callable[[date], bool] = (lambda _: True) if calendar else _works
        self.days = 30 if calendar or payer == "KEENE" else 45
        receipt = arrival
        while not _works(receipt):
            receipt += timedelta(days=1)
        self.start, self.deadline = arrival, _after(receipt, self.days, self.counts)
        self.open, self.late_cents, self.waits, self.denied = AMOUNT, 0, False, False
        self.last_late: date | None = None

    def event(self, kind: str, day: date) -> bool:
        """Whether the clerk may write it down."""
        if self.denied or not self.open:
            return False
        if kind in ("paid", "half"):
            cents = self.open if kind == "paid" else self.open // 2
            late = 0 if self.waits else max(0, (day - self.deadline).days)
            self.open -= cents
            self.late_cents += cents * late
            if late:
                self.last_late = day
            return True
        if kind == "denied":
            self.denied = True
        elif kind == "contested":
            if self.waits or day > self.deadline:
                return False
            self.waits = True
        else:
            if not self.waits:
                return False
            self.waits, self.start = False, day
            self.deadline = _after(day, self.days, self.counts)
        return True

    def due(self, today: date) -> set[tuple[str, date]]:
        found: list[tuple[date, str, date]] = []
        if self.open and not self.denied and not self.waits:
            for day in self.terms.near_days:
                near = _after(self.start, self.days - 30 + day, self.counts)
                found.append((near, f"near_{day}", self.deadline))
            over = self.deadline + timedelta(days=1)
            found += [(over, "missed", self.deadline), (over, "interest_started", self.deadline)]
            ninety = self.start + timedelta(days=90)
            for day in self.terms.near_days_90:
                found.append((self.start + timedelta(days=day), f"contract_near_{day}", ninety))
            found.append((ninety + timedelta(days=1), "contract_missed_90", ninety))
            thirty = self.start + timedelta(days=30)
            found.append((thirty + timedelta(days=1), "contract_missed_30", thirty))
        interest = round(self.late_cents * 15 / 36_500 + 1e-9)
        if interest and self.last_late:
            by = _after(self.last_late, 5, _works)
            if interest < 200:
                by = (self.last_late.replace(day=28) + timedelta(days=4)).replace(day=10)
            found.append((by, "interest_due", by))
        return {(notice, deadline) for due_on, notice, deadline in found if due_on <= today}


class Deed(NamedTuple):
    """On a day after the first: a claim arrives, something happens to one, or the workers look."""

    after_days: int
    what: str
    payer: str
    claim: int


deeds = st.builds(
    Deed,
    st.integers(0, 30),
    st.sampled_from(
        ["arrives"] * 3 + ["paid", "half", "half", "contested", "information", "denied"] + ["tick"] * 3
    ),
    st.sampled_from(sorted(TERMS)),
    st.integers(0, 20),
)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_any_history_with_two_tickers_and_downtime_tells_of_everything_once(
    new_database: Callable[[str], Database], dialect: str
) -> None:
    payments = Payments(new_database(dialect), payers=Payers(tuple(TERMS.values())))
    number = 0

    @settings(max_examples=40, deadline=None, derandomize=False, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(deeds, min_size=4, max_size=30))
    def holds(history: list[Deed]) -> None:
        nonlocal number
        # The database lives on: the claims of the histories before stay in it, and call for nothing more.
        day, clerk = FIRST, dict[str, Naive]()
        expected: dict[str, set[tuple[str, date]]] = defaultdict(set)
        for deed in [*history, Deed(1, "tick", "", 0)]:
            day += timedelta(days=deed.after_days)
            payments.today = day.isoformat()
            if deed.what == "arrives":
                number += 1
                claim_id = f"clm_{number:05}"
                clerk[claim_id] = Naive(deed.payer, day)
                payments.judge(_verdict(payments, claim_id, deed.payer, day))
            elif deed.what == "tick":
                _two_tickers(payments)
                for claim_id, naive in clerk.items():
                    expected[claim_id] |= naive.due(day)
            elif clerk:
                claim_id = sorted(clerk)[deed.claim % len(clerk)]
                still_open = clerk[claim_id].open
                if clerk[claim_id].event(deed.what, day):
                    _happens(payments, claim_id, deed.what, day, still_open)
        assert _rows(payments, set(clerk)) == {
            each: sorted(found) for each, found in expected.items() if found
        }
        sent = Counter((event.claim_id, event.notice) for _, event in payments.published() if event.notice)
        assert set(sent.values()) <= {1}
        _end(payments)

    holds()
    with payments.database.read() as connection:
        assert isinstance(verify(read(connection), read_head(connection)), Intact)
        rows = connection.execute(select(func.count()).select_from(DEADLINE_NOTICES)).scalar_one()
        log = TIMELINESS_LOG.c.event.in_(EVENT_TYPES)
        assert rows == connection.execute(select(func.count()).where(log)).scalar_one() > 0


def _verdict(payments: Payments, claim_id: str, payer: str, day: date) -> Any:
    return payments.verdict(claim_id, arrival=day.isoformat(), amount_cents=AMOUNT, payer=Payer(id=payer))


def _happens(payments: Payments, claim_id: str, kind: str, day: date, still_open: int) -> None:
    amount = {"paid": still_open, "half": still_open // 2}.get(kind)
    name = {"half": "paid", "information": "information_received"}.get(kind, kind)
    payments.pay(claim_id, name, day.isoformat(), amount)


def _two_tickers(payments: Payments) -> None:
    errors: list[Exception] = []

    def work(batch: int) -> None:
        step = TellOfDeadlines(payments.parts, batch=batch)
        try:
            while step.run_once():
                pass
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(batch,)) for batch in (1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    work(1000)  # a ticker that found the other one at work has gone away; somebody looks again


def _rows(payments: Payments, claims: set[str]) -> dict[str, list[tuple[str, date]]]:
    n = DEADLINE_NOTICES.c
    found: dict[str, list[tuple[str, date]]] = defaultdict(list)
    with payments.database.read() as connection:
        for row in connection.execute(select(n.claim_id, n.notice, n.deadline)):
            if row.claim_id in claims:
                found[row.claim_id].append((row.notice, row.deadline))
    return {claim_id: sorted(rows) for claim_id, rows in found.items()}


def _end(payments: Payments) -> None:
    """End a history, so that the next one's ticks find only their own claims."""
    with payments.database.begin() as connection:
        connection.execute(CLOCKS.update().values(next_notice_on=None))
