"""Deadlines are told of exactly once: after any changes of the clocks, any downtime, however many workers tick."""

from datetime import date, timedelta

import msgspec
import pytest
from payments_harness import MEMBER_KEY, Payments
from sqlalchemy import select

from services.intake.handlers import ClockFacts, _clock_words
from services.payments.deadlines.step import TellOfDeadlines
from services.payments.log.audit_log import read, read_head
from services.payments.log.log_check import Intact, verify
from services.payments.models import CLOCKS, DEADLINE_NOTICES, MESSAGING, TIMELINESS_LOG
from services.payments.rebuild import rebuild
from shared.database import Database
from shared.events import PAYMENTS_CLOCKS, Event

D = date.fromisoformat
EVENT_TYPES = ("clock.deadline_near", "clock.deadline_missed", "interest.due")


@pytest.fixture
def payments(database: Database) -> Payments:
    return Payments(database)


def tick(payments: Payments, day: str, batch: int = 1000) -> None:
    payments.today = day
    step = TellOfDeadlines(payments.parts, batch=batch)
    while step.run_once():
        pass


def told(payments: Payments) -> list[tuple[str, str, str]]:
    """Claim, notice and the day it was due, in the order of the outbox."""
    return [
        (event.claim_id, event.notice.notice, event.notice.due_on.isoformat())
        for _, event in payments.published()
        if event.notice is not None
    ]


def test_a_claim_is_told_of_day_by_day_and_each_notice_carries_its_clock(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1", arrival="2026-03-02"))
    days = [(D("2026-03-02") + timedelta(days=day)).isoformat() for day in range(100)]
    for day in days:
        tick(payments, day)
        tick(payments, day)
    found = [(kind, event) for kind, event in payments.published() if event.notice]
    assert [(kind, event.notice.notice) for kind, event in found if event.notice] == [
        ("clock.deadline_near", "near_20"),
        ("clock.deadline_near", "near_27"),
        ("clock.deadline_missed", "missed"),
        ("interest.due", "interest_started"),
        ("clock.deadline_missed", "contract_missed_30"),
        ("clock.deadline_near", "contract_near_75"),
        ("clock.deadline_near", "contract_near_87"),
        ("clock.deadline_missed", "contract_missed_90"),
    ]
    clocks = [event.clock for _, event in found]
    assert [clock["state"] for clock in clocks] == ["near"] * 2 + ["overdue"] * 6
    assert clocks[2]["interest_cents"] == 39  # 960.00 by one day
    assert [event.sequence for _, event in payments.published()] == list(range(1, 10))


def test_what_came_due_in_a_downtime_is_told_in_the_order_of_the_days(payments: Payments) -> None:
    arrivals = {f"clm_{number}": date(2026, 3, 2) + timedelta(days=number) for number in range(12)}
    payments.judge(*(payments.verdict(each, arrival=day.isoformat()) for each, day in arrivals.items()))
    tick(payments, "2026-06-30", batch=5)
    days = [due_on for _, _, due_on in told(payments)]
    assert len(days) == 12 * 8 and days == sorted(days)
    with payments.database.read() as connection:
        assert connection.execute(select(DEADLINE_NOTICES.c.noticed_at).distinct()).scalars().all() == [
            payments.now()
        ]


def test_notices_stand_in_the_timeliness_log_without_anything_personal(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1", arrival="2026-03-02"))
    tick(payments, "2026-03-22")
    log = TIMELINESS_LOG.c
    with payments.database.read() as connection:
        [entry] = connection.execute(select(log.event, log.data).where(log.event.in_(EVENT_TYPES))).all()
        assert isinstance(verify(read(connection), read_head(connection)), Intact)
    assert entry.event == "clock.deadline_near"
    data = msgspec.json.decode(entry.data)
    assert data == {
        "notice": "near_20",
        "deadline": "2026-04-01",
        "due_on": "2026-03-22",
        "noticed_at": "2026-03-22T20:00:00.000000Z",
    }


def test_a_payment_that_is_reversed_brings_back_only_what_was_not_told(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1", arrival="2026-03-02"))
    tick(payments, "2026-03-22")
    payments.pay("clm_1", "paid", "2026-03-22")
    tick(payments, "2026-03-30")
    assert [notice for _, notice, _ in told(payments)] == ["near_20"]
    payments.pay("clm_1", "payment_reversed", "2026-03-30")
    tick(payments, "2026-03-30")
    assert [notice for _, notice, _ in told(payments)] == ["near_20", "near_27"]


def test_a_payment_recorded_by_mistake_and_cancelled_brings_back_what_was_not_told(
    payments: Payments,
) -> None:
    payments.judge(payments.verdict("clm_1", arrival="2026-03-02"))
    payments.today = "2026-03-10"
    paid = payments.post_event("clm_1", kind="paid", date="2026-03-10").json["payment_event_id"]
    tick(payments, "2026-03-30")
    assert told(payments) == []
    cancelled = payments.post_event("clm_1", kind="cancelled", date="2026-03-30", corrects=paid)
    assert cancelled.status_code == 201, cancelled.text
    tick(payments, "2026-03-30")
    assert [notice for _, notice, _ in told(payments)] == ["near_20", "near_27"]


def test_interest_not_paid_with_a_late_payment_is_told_once_on_its_last_day(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1", arrival="2026-03-02"), payments.verdict("clm_2"))
    tick(payments, "2026-05-15")
    before = len(told(payments))
    payments.pay("clm_1", "paid", "2026-05-15")
    payments.pay("clm_2", "paid", "2026-05-15", interest=1_736)
    for day in ("2026-05-21", "2026-05-22", "2026-06-30"):
        tick(payments, day)
    assert told(payments)[before:] == [("clm_1", "interest_due", "2026-05-22")]


def test_making_the_clocks_again_tells_of_nothing_twice(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1", arrival="2026-03-02"))
    tick(payments, "2026-04-02")
    before = told(payments)
    with payments.database.begin() as connection:
        connection.execute(CLOCKS.update().values(status="paid", next_notice_on=None))
    list(rebuild(payments.database, payments.now(), apply=True))
    tick(payments, "2026-04-02")
    assert told(payments) == before and len(before) == 5


def test_an_idle_tick_takes_no_lock_of_the_writers(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1", arrival="2026-03-02"))
    step = TellOfDeadlines(payments.parts)
    with payments.database.begin() as connection:
        connection.execute(CLOCKS.update().values(suspected=None))
        assert step.run_once() == 0


def test_only_one_ticker_works_at_a_time(payments: Payments) -> None:
    payments.judge(payments.verdict("clm_1", arrival="2026-03-02"))
    payments.today = "2026-06-30"
    step = TellOfDeadlines(payments.parts)
    with payments.database.try_lock("deadlines") as mine:
        assert mine and step.run_once() == 0
    assert step.run_once() == 1


@pytest.mark.parametrize(
    ("notice", "words"),
    [
        ("near_20", "Payment is due by Apr 1, 2026."),
        ("missed", "The deadline of Apr 1, 2026 has passed without payment in full."),
        ("contract_near_75", "The plan's 90 days to pay under its contract end on May 31, 2026."),
        (
            "contract_missed_30",
            "The plan's days to pay under its contract ended on Apr 1, 2026 without payment in full.",
        ),
        (
            "interest_started",
            "The deadline was Apr 1, 2026. Interest grows for every day until the claim is paid.",
        ),
    ],
)
def test_the_provider_reads_which_deadline_is_meant(payments: Payments, notice: str, words: str) -> None:
    payments.judge(payments.verdict("clm_1", arrival="2026-03-02"))
    tick(payments, "2026-07-01")
    outbox = MESSAGING.outbox.c
    with payments.database.read() as connection:
        rows = connection.execute(select(outbox.type, outbox.data)).all()
    shown = {
        facts.notice.notice: _clock_words(_event(row.type, row.data), facts)
        for row in rows
        for facts in (msgspec.json.decode(row.data, type=ClockFacts),)
        if facts.notice
    }
    assert shown[notice] == words


def _event(type_: str, data: bytes) -> Event:
    return Event("e1", PAYMENTS_CLOCKS, type_, "/payments", "clm_1", "2026-07-01T00:00:00Z", MEMBER_KEY, data)
