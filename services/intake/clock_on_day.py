"""A clock as it stands on the day that somebody looks at it.

Payments sends a clock whenever something happens to it. Between two happenings only the days pass: the last
day to pay comes near and goes by, and interest grows. That much is told here from what was sent.
"""

from datetime import date
from typing import Any

import msgspec

from shared.prompt_pay import fee_cents, interest_on_cent_days, running_state

_RUNNING = ("open", "near", "overdue")


def clock_on(document: bytes, today: date) -> bytes:
    """The clock ``document`` (JSON as payments sent it) on ``today`` in California; one that was stopped is as
    it was. Interest is in cents.
    """
    clock = msgspec.json.decode(document)
    if not clock or clock["state"] not in _RUNNING:
        return document
    deadline = date.fromisoformat(clock.get("deadline_after_information", clock["deadline"]))
    rest = _rounded_apart_cents(clock)
    clock["state"] = running_state(deadline, date.fromisoformat(clock["near_from"]), today)
    if clock["state"] != "overdue":
        return msgspec.json.encode(clock)
    clock["days_late"] = (today - deadline).days
    if "amount_cents" in clock:
        interest = rest + _rounded_together_cents(clock, clock["days_late"])
        clock["interest_cents"] = interest
        if interest:
            arrival = date.fromisoformat(clock["arrival_date"])
            clock["interest_fee_cents_if_not_automatic"] = fee_cents(interest, arrival)
    return msgspec.json.encode(clock)


def _rounded_apart_cents(clock: dict[str, Any]) -> int:
    """Interest that does not grow: what was sent, without what is rounded together with that of the open rest."""
    sent: int = clock.get("interest_cents", 0)
    overdue = clock["state"] == "overdue" and "amount_cents" in clock
    return sent - _rounded_together_cents(clock, clock["days_late"] if overdue else 0)


def _rounded_together_cents(clock: dict[str, Any], days_late: int) -> int:
    so_far: int = clock.get("interest_cent_days", 0)
    return interest_on_cent_days(so_far + (_outstanding_cents(clock) * days_late if days_late else 0))


def _outstanding_cents(clock: dict[str, Any]) -> int:
    outstanding: int = clock["amount_cents"] - clock["paid_cents"] - clock.get("denied_cents", 0)
    return max(0, outstanding)
