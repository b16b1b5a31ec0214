"""The compliance figures once more, slowly, from nothing but an export of the timeliness log (JSON Lines).

It shares no code with the product: one claim after the other, one event after the other. It knows the period of
claims received since 2026-01-01 only (30 calendar days).

    python tests/naive_figures.py EXPORT.jsonl AS_OF
"""

import json
import sys
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

AGES = ((10, "0_10"), (20, "11_20"), (30, "21_30"), (60, "31_60"), (90, "61_90"), (10**6, "over_90"))
COUNTED = (
    *("received", "accepted", "pended", "rejected", "clean", "not_clean", "acknowledged"),
    *("overdue", "running", "contested", "paid", "paid_late", "denied", "denied_late", "withdrawn"),
    *("late_30", "late_90", "running_30", "running_90"),
    *("open_cents", "interest_due_cents", "interest_paid_cents", "interest_running_cents"),
)
D = date.fromisoformat


class NaiveClaim:
    """What the log says of one claim."""

    def __init__(self) -> None:
        self.received: dict[str, Any] = {}
        self.judgements: list[dict[str, Any]] = []
        self.deadline: date | None = None
        self.events: list[dict[str, Any]] = []

    def take(self, event: str, data: dict[str, Any]) -> None:
        if event == "claim.received":
            self.received = data
        elif event == "claim.judged":
            # One may be logged after a newer one.
            self.judgements.append(data)
            self.judgements.sort(key=lambda each: each["judgement"])
        elif event == "clock.started":
            self.deadline = D(data["deadline"])
        elif event == "clock.stopped":
            self.deadline = None
        elif event.startswith("payment."):
            new = {**data, "kind": event.removeprefix("payment.")}
            for place, old in enumerate(self.events):
                if data.get("corrects") == old["entry_id"] or data.get("corrects") in old.get("stood", ()):
                    new["stood"] = [*old.get("stood", ()), old["entry_id"]]
                    self.events[place] = new
                    return
            self.events.append(new)


class Now:
    """How a claim stands on a day."""

    def __init__(self, claim: NaiveClaim, as_of: date) -> None:
        self.arrival = self.start = D(claim.received["arrival_date"])
        assert claim.deadline is not None
        self.deadline = claim.deadline
        self.amount = claim.received["amount_cents"]
        self.waiting = False
        self.was_contested = False
        self.payments: list[list[Any]] = []
        self.denied = 0
        self.denied_late = False
        self.withdrawn = False
        self.settled: date | None = None
        self.reopened: tuple[date, date] | None = None
        self.interest_paid = 0
        happened = [each for each in claim.events if D(each["date"]) <= as_of and each["kind"] != "cancelled"]
        for each in sorted(happened, key=lambda each: each["date"]):
            self.happen(each["kind"], D(each["date"]), each)

    def open(self) -> int:
        left: int = self.amount - self.denied - sum(cents for _, cents, _ in self.payments)
        return max(0, left)

    def done(self) -> bool:
        return self.withdrawn or self.open() == 0

    def happen(self, kind: str, day: date, data: dict[str, Any]) -> None:
        was, late = self.done(), 0 if self.waiting else max(0, (day - self.deadline).days)
        cents = data.get("amount_cents")
        if kind == "paid":
            if cents:
                self.denied -= max(0, cents - self.open())
                self.payments.append([day, cents, late])
            self.interest_paid += data.get("interest_cents", 0)
        elif kind == "denied":
            self.denied += self.open() if cents is None else cents
            self.denied_late = self.denied_late or late > 0
        elif kind == "payment_reversed":
            left = sum(paid for _, paid, _ in self.payments) if cents is None else cents
            while left > 0 and self.payments:
                last = self.payments.pop()
                if last[1] > left:
                    self.payments.append([last[0], last[1] - left, last[2]])
                left -= min(left, last[1])
            self.interest_paid -= data.get("interest_cents", 0)
        elif kind == "contested" and not was and not self.waiting:
            self.was_contested = True
            self.waiting = day <= self.deadline
        elif kind == "information_received" and not was and self.waiting:
            self.waiting, self.start, self.deadline = False, day, day + timedelta(30)
        elif kind == "withdrawn":
            self.withdrawn = True
        if not self.done():
            if self.settled is not None:
                self.reopened = (self.settled, day)
            self.settled = None
        elif self.settled is None:
            again = kind == "paid" and self.reopened is not None and self.reopened[1] == day
            self.settled = self.reopened[0] if again and self.reopened else day

    def status(self) -> str:
        if not self.done():
            return "contested" if self.waiting else "running"
        if self.withdrawn and (self.open() > 0 or not (self.payments or self.denied)):
            return "withdrawn"
        return "paid" if self.payments else "denied"


def cents_of_interest(cent_days: int) -> int:
    """15 percent a year over 365 days, half up."""
    return (cent_days * 15 * 2 + 36_500) // 73_000


def claims_of(lines: Iterable[str | bytes]) -> dict[str, NaiveClaim]:
    claims: dict[str, NaiveClaim] = {}
    for line in lines:
        entry = json.loads(line)
        if entry.get("claim_id"):
            claims.setdefault(entry["claim_id"], NaiveClaim()).take(entry["event"], entry["data"])
    return {claim_id: claim for claim_id, claim in claims.items() if claim.judgements}


def naive_figures(claims: Iterable[NaiveClaim], as_of: date) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(COUNTED, 0)
    found["within"] = {30: [0, 0], 90: [0, 0]}
    found["days_to_payment"] = {name: 0 for _, name in AGES}
    days: list[int] = []
    for claim in claims:
        if D(claim.received["arrival_date"]) > as_of:
            continue
        found["received"] += 1
        found[claim.judgements[-1]["verdict"]] += 1
        first = claim.judgements[0]
        judged_on = (
            datetime.fromisoformat(first["judged_at"]).astimezone(ZoneInfo("America/Los_Angeles")).date()
        )
        found["acknowledged"] += judged_on <= min(as_of, D(first["acknowledgement_due"]))
        if claim.deadline is None:
            found["not_clean"] += 1
            continue
        found["clean"] += 1
        add_clean(found, Now(claim, as_of), as_of, days)
    found["median_days"] = median(days) if days else None
    return found


def add_clean(found: dict[str, Any], now: Now, as_of: date, days: list[int]) -> None:
    status = now.status()
    late_payment = any(late > 0 for _, _, late in now.payments)
    overdue = status == "running" and as_of > now.deadline
    found["overdue" if overdue else status] += 1
    cent_days = sum(cents * late for _, cents, late in now.payments)
    earned = cents_of_interest(cent_days)
    found["interest_due_cents"] += max(0, earned - now.interest_paid)
    found["interest_paid_cents"] += now.interest_paid
    if status in ("running", "contested"):
        found["open_cents"] += now.open()
    if overdue:
        # As if the rest were paid on this day.
        on_all = cents_of_interest(cent_days + now.open() * (as_of - now.deadline).days)
        found["interest_running_cents"] += on_all - earned
    if status == "paid":
        found["paid_late"] += late_payment or (now.denied_late and now.denied > 0)
        assert now.settled is not None
        took = (now.settled - now.start).days
        days.append(took)
        found["days_to_payment"][next(name for last, name in AGES if took <= last)] += 1
    if status == "denied":
        found["denied_late"] += now.denied_late
    if now.waiting:
        return
    for limit, tally in found["within"].items():
        last = now.start + timedelta(limit)
        if status == "paid" and now.settled is not None and now.settled <= last:
            tally[0] += 1
            tally[1] += 1
        elif status == "paid":
            tally[1] += 1
            found[f"late_{limit}"] += 1
        elif status == "running":
            name = "late" if as_of > last else "running"
            tally[1] += as_of > last
            found[f"{name}_{limit}"] += 1
        elif now.settled is not None and now.settled > last:
            tally[1] += 1
            found[f"late_{limit}"] += 1


if __name__ == "__main__":
    with Path(sys.argv[1]).open(encoding="utf-8") as export:
        result = naive_figures(claims_of(export).values(), D(sys.argv[2]))
    print(json.dumps(result, indent=2))
