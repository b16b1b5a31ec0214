"""What payments tells the others about a clock: events on ``payments.clocks.v1``."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from services.payments.clock import Outcome
from services.payments.clock_document import clock_document
from shared.events import PAYMENTS_CLOCKS, ClockEvent, DeadlineNotice, Event, new_event

SOURCE = "/payments"

EVENT_OF_KIND = {
    "paid": "claim.paid",
    "denied": "claim.denied",
    "contested": "claim.contested",
    "information_received": "clock.started",
    "payment_reversed": "clock.started",
    "withdrawn": "clock.stopped",
}

_EVENT_OF_STATUS = {
    "running": "clock.started",
    "contested": "claim.contested",
    "paid": "claim.paid",
    "denied": "claim.denied",
    "withdrawn": "clock.stopped",
}


def event_type(kind: str, outcome: Outcome) -> str:
    """The type of the event that tells of an entry; a cancellation is told by what it leaves behind, and so is the
    reversal of a payment on a claim that the provider had withdrawn.
    """
    withdrawn = kind == "payment_reversed" and outcome.status == "withdrawn"
    return _EVENT_OF_STATUS[outcome.status] if kind == "cancelled" or withdrawn else EVENT_OF_KIND[kind]


def clock_event(
    type_: str,
    row: Mapping[str, Any],
    outcome: Outcome | None,
    now: datetime,
    today: date,
    *,
    payment: dict[str, Any] | None = None,
    notice: DeadlineNotice | None = None,
    correlation_id: str = "",
) -> Event:
    """The event ``type_`` with the clock of ``row`` (columns of ``clocks``) as it stands on ``today``."""
    clock = {"state": "not_running"} if outcome is None else clock_document(outcome, today)
    if row["suspected"]:
        clock["suspected_duplicate"] = row["suspected"].split()
    return new_event(
        PAYMENTS_CLOCKS,
        type_,
        SOURCE,
        subject=row["claim_id"],
        key=row["member_key"],
        data=ClockEvent(
            claim_id=row["claim_id"],
            sequence=row["sequence"],
            channel=row["channel"],
            payer_id=row["payer_id"],
            provider_npi=row["provider_npi"],
            clock=clock,
            payment=payment,
            notice=notice,
        ),
        now=now,
        correlation_id=correlation_id,
    )
