"""What a decision on a claim in review does, and what it leaves to do, in words for the claims department. Pure.

Authority: a rejection of a clean claim is a denial (Health and Safety Code 1371); money paid in error is asked back
by a notice in writing (Health and Safety Code 1371.1), within 365 days of the payment (28 CCR 1300.71).
"""

from services.validator.review.queue import Review
from shared.calendar import us_date
from shared.web.rendering import money

_ASK_BACK = (
    "If it should not have been paid, ask the provider in writing to pay it back, within 365 days of the payment "
    "(Health and Safety Code 1371.1, 28 CCR 1300.71). When the money is back, record at payments the reversal and "
    "then a denial."
)


def effects_of(review: Review) -> dict[str, str]:
    """What releasing and what rejecting would do to the claim, as far as its clock is known now; by decision."""
    return {"release": _release(review), "reject": _reject(review)}


def _release(review: Review) -> str:
    if review.void:
        return "It becomes accepted. The claim that it takes back, if we have it, is withdrawn from payment."
    day = _day(review)
    accepted = "It stays accepted." if review.verdict == "accepted" else "It becomes accepted."
    match _outcome(review):
        case "paid":
            return f"{accepted} It was paid {day}; nothing more is to be paid."
        case "withdrawn":
            return f"{accepted} The provider took it back or replaced it {day}: nothing is to be paid."
        case "denied":
            return f"{accepted} But it was denied {day}, and that stands until you record a payment."
        case "contested":
            return (
                f"{accepted} Its clock stands still until the information arrives that you asked for {day}."
            )
    if review.verdict == "accepted":
        return f"{accepted} Its clock runs on."
    return f"{accepted} It was clean from the day it was received, and its clock has run since then."


def _reject(review: Review) -> str:
    day = _day(review)
    if review.verdict == "rejected":
        return "It stays rejected, and no new denial is recorded. The provider is sent your reason."
    told = "The provider is sent your reason."
    if review.void:
        return f"{told} Nothing is denied: a void bills nothing. The claim that it was to take back stands."
    match _outcome(review):
        case "paid":
            return f"{told} Nothing is denied and no money moves: the claim was paid {day}. {_ASK_BACK}"
        case "withdrawn":
            return f"{told} Nothing is denied: the provider took the claim back or replaced it {day}."
        case "denied":
            return f"{told} It was denied {day} already, and no second denial is recorded."
    if review.paid_cents:
        return (
            f"{told} What is still open of the claim is denied as of today. "
            f"The {money(review.paid_cents)} that you paid stays paid. {_ASK_BACK}"
        )
    return f"{told} It counts as a denial of the claim as of today."


def _outcome(review: Review) -> str:
    """The state of the clock without whether it was in time."""
    return (review.clock_state or "").split("_")[0]


def _day(review: Review) -> str:
    return f"on {us_date(review.clock_since)}" if review.clock_since else "before"
