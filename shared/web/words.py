"""Verdicts and clock states in plain English: the one place where pages, mails and the command take them
from.
"""

from typing import Final, Literal, NamedTuple

Tone = Literal["good", "wait", "bad", "plain"]


class Words(NamedTuple):
    """``label`` stands in a tag and is never shown by colour alone; ``meaning`` says what happens next."""

    label: str
    meaning: str
    tone: Tone


VERDICTS: Final[dict[str, Words]] = {
    "accepted": Words(
        "Accepted",
        "The claim is complete and correct. The plan has it, and its payment clock has started.",
        "good",
    ),
    "pended": Words(
        "Pended",
        "The plan is looking at it. Nothing has to be sent unless the plan asks for it. "
        "The payment clock keeps running.",
        "wait",
    ),
    "rejected": Words(
        "Rejected",
        "The claim cannot be paid as it was sent. What is listed has to be corrected, and the claim sent again.",
        "bad",
    ),
    "unreadable": Words(
        "Could not be read",
        "Something needed is missing or has a form that cannot be read. The row has to be corrected and sent again.",
        "bad",
    ),
    "judging": Words(
        "Being checked", "The claim has arrived and is being checked. Look again soon.", "plain"
    ),
}

CLOCKS: Final[dict[str, Words]] = {
    "open": Words("Running", "The plan still has time to pay this claim.", "plain"),
    "near": Words("Due soon", "The last day to pay this claim is near.", "wait"),
    "overdue": Words(
        "Overdue", "The last day to pay has passed. By law interest grows for every day since then.", "bad"
    ),
    "contested": Words(
        "Contested",
        "The plan has asked in writing for information it needs. "
        "The clock stands still until the information arrives; then a new period begins.",
        "wait",
    ),
    "paid_on_time": Words("Paid on time", "The plan paid this claim by the last day.", "good"),
    "paid_late": Words(
        "Paid late", "The plan paid this claim after the last day. It owes interest for each day.", "bad"
    ),
    "denied_on_time": Words(
        "Denied", "The plan has said in writing, in time, that it will not pay this claim.", "plain"
    ),
    "denied_late": Words(
        "Denied late", "The plan has said in writing, after the last day, that it will not pay.", "bad"
    ),
    "withdrawn": Words("Withdrawn", "The provider took this claim back or replaced it.", "plain"),
    "not_running": Words("No clock", "No payment clock runs for a claim that was not accepted.", "plain"),
}

REVIEWS: Final[dict[str, Words]] = {
    "pended": Words("Pended", "Nothing is missing from the provider, but something needs your eye.", "wait"),
    "suspected": Words(
        "Suspected later",
        "The claim was accepted. What came to light later speaks against it.",
        "bad",
    ),
    "reconsider": Words(
        "To reconsider",
        "The claim was rejected for a record or another claim that does not stand any more.",
        "wait",
    ),
}

EXPECTED: Final[dict[str, Words]] = {
    "reject": Words("Would be rejected", "", "bad"),
    "pend": Words("Would be looked at", "", "wait"),
    "note": Words("For your information", "", "plain"),
}

PAYMENT_EVENTS: Final[dict[str, str]] = {
    "paid": "Paid",
    "denied": "Denied",
    "contested": "Contested: information asked for",
    "information_received": "Information received",
    "payment_reversed": "Payment reversed",
    "withdrawn": "Withdrawn by the provider",
    "cancelled": "Recorded by mistake: taken away",
}

SEVERITIES: Final[dict[str, Words]] = {
    "reject": Words("Must be corrected", "The claim cannot be paid until this is right.", "bad"),
    "pend": Words(
        "The plan decides", "The plan has to look at this. The payment clock keeps running.", "wait"
    ),
    "note": Words("For your information", "Nothing to do. It does not hold up the claim.", "plain"),
}


def verdict_words(verdict: str) -> Words:
    """The words for a verdict; one that is not known is shown as it is, so that nothing is hidden."""
    return VERDICTS.get(verdict) or _unknown(verdict)


def clock_words(state: str) -> Words:
    """The words for the state of a clock; an unknown one is shown as it is."""
    return CLOCKS.get(state) or _unknown(state)


def review_words(kind: str) -> Words:
    """The words for why a claim waits for a person; an unknown kind is shown as it is."""
    return REVIEWS.get(kind) or _unknown(kind)


def severity_words(severity: str) -> Words:
    """The words for a finding's severity; an unknown one is shown as it is."""
    return SEVERITIES.get(severity) or _unknown(severity)


def _unknown(code: str) -> Words:
    return Words(code.replace("_", " ").capitalize(), "", "plain")
