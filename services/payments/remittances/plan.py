"""What a claim payment says happened to its claim, as entries of the record. Pure.

By service line where every line of it is a line of the claim and the lines add up to the payment; else for the
claim as a whole. What was neither paid nor is still open was denied or adjusted away: it is recorded as denied
with the payer's codes, so that the clock of a claim whose charge is above the contract rate ends with its payment,
and a part denied wrongly is measured from the deadline once it is paid (28 CCR 1300.71.38(g)).
"""

from collections.abc import Sequence
from datetime import date

from msgspec.structs import replace

from services.payments.clock import Entry, Outcome
from services.payments.remittances.item import Item, codes_text, reason_of
from services.payments.remittances.matching import ClaimLine
from shared.calendar import us_date

NOTHING_TO_REVERSE = (
    "Nothing had been paid, so the reversal takes nothing back. What was denied stays on record."
)
OTHER_CHARGE = "The charge in the remittance is not the charge of the claim."
NOT_BY_LINE = (
    "Its lines are not those of the claim with the same charges, so it is recorded for the whole claim."
)

NO_DATE = "It has no payment date."


def undated(item: Item, arrived: date) -> str:
    """Why a payment with this date can never be the claim's; empty where it can."""
    if item.paid_on is None:
        return NO_DATE
    if item.paid_on < arrived:
        return (
            f"The payment date, {us_date(item.paid_on)}, is before the claim arrived ({us_date(arrived)}). "
            "Correct BPR16 and send the file again."
        )
    return ""


def entries_for(
    item: Item, day: date, before: Outcome, lines: Sequence[int | None], claimed: Sequence[ClaimLine]
) -> list[tuple[Entry, str | None]]:
    """The entries with their reasons, in order, for a claim that stands as ``before`` says.

    ``lines`` are the claim's line of each line of the payment.
    """
    by_line = is_by_line(item, lines, claimed)
    if item.kind == "reversal":
        return _reversal(item, day, lines if by_line else ())
    payment = item.payment
    # Interest sent after the payment: it says nothing of the claim's own money.
    only_interest = item.kind == "payment" and not payment.paid_cents and item.interest_cents > 0
    entries: list[tuple[Entry, str | None]] = []
    paid: list[tuple[int | None, int]] = [(None, payment.paid_cents)]
    left: list[tuple[int | None, int, str]] = [
        (None, payment.charge_cents - payment.paid_cents, reason_of(item))
    ]
    if by_line:
        paired = list(zip(lines, payment.lines, strict=True))
        paid = [(number, line.paid_cents) for number, line in paired]
        left = [
            (number, line.charge_cents - line.paid_cents, codes_text(line.adjustments, line.remarks))
            for number, line in paired
        ]
    for number, cents in paid:
        if cents > 0:
            entries.append((Entry("paid", day, cents, line=number), None))
    if item.kind == "payment" and not entries and not item.interest_cents:
        # Covered by a capitation, or by an earlier payer: paid with nothing.
        entries.append((Entry("paid", day, 0), reason_of(item) or None))
    if only_interest:
        return _with_interest(entries, day, item.interest_cents)
    still_open = (before.outstanding_cents or 0) - sum(cents for _, cents in paid)
    for number, cents, reason in left:
        denied = min(cents, still_open)
        if denied > 0:
            entries.append((Entry("denied", day, denied, line=number), reason or None))
            still_open -= denied
    if item.kind == "denial" and not entries:
        # Denied again, or denied when nothing is open: the clock says whether that can be.
        entries.append((Entry("denied", day, None), reason_of(item) or None))
    return _with_interest(entries, day, item.interest_cents)


def _with_interest(
    entries: list[tuple[Entry, str | None]], day: date, interest_cents: int
) -> list[tuple[Entry, str | None]]:
    """Interest goes with the payment where there is one, and stands alone where it is of several lines or late."""
    if interest_cents <= 0:
        return entries
    paid = [place for place, (entry, _) in enumerate(entries) if entry.kind == "paid"]
    if len(paid) == 1:
        entry, reason = entries[paid[0]]
        entries[paid[0]] = (replace(entry, interest_cents=interest_cents), reason)
        return entries
    return [*entries, (Entry("paid", day, 0, interest_cents), None)]


def _reversal(item: Item, day: date, lines: Sequence[int | None]) -> list[tuple[Entry, str | None]]:
    interest = abs(item.interest_cents)
    if not item.payment.paid_cents:
        return []
    reason = reason_of(item) or None
    amounts: list[tuple[int | None, int]] = [(None, abs(item.payment.paid_cents))]
    if lines:
        pairs = zip(lines, item.payment.lines, strict=True)
        amounts = [(number, abs(line.paid_cents)) for number, line in pairs if line.paid_cents]
    entries: list[tuple[Entry, str | None]] = []
    for place, (number, cents) in enumerate(amounts):
        taken_back = interest if place == 0 else 0
        entries.append((Entry("payment_reversed", day, cents, taken_back, line=number), reason))
    return entries


def is_by_line(item: Item, lines: Sequence[int | None], claimed: Sequence[ClaimLine]) -> bool:
    """Whether the payment can be recorded line by line."""
    payment = item.payment
    if not payment.lines or len(lines) != len(payment.lines) or None in lines:
        return False
    charges = {own.line: own.charge_cents for own in claimed}
    within = all(
        abs(line.paid_cents) <= abs(line.charge_cents) == charges[number or 0]
        and line.paid_cents * payment.paid_cents >= 0
        for number, line in zip(lines, payment.lines, strict=True)
    )
    charged, paid = sum(each.charge_cents for each in payment.lines), sum(p.paid_cents for p in payment.lines)
    return within and (charged, paid) == (payment.charge_cents, payment.paid_cents)


def notes_for(
    item: Item, amount_cents: int, lines: Sequence[int | None], claimed: Sequence[ClaimLine]
) -> tuple[str, ...]:
    """What a person should know of a match that is made all the same."""
    found = []
    if item.payment.lines and not is_by_line(item, lines, claimed):
        found.append(NOT_BY_LINE)
    if abs(item.payment.charge_cents) != amount_cents:
        found.append(OTHER_CHARGE)
    if item.kind == "reversal" and not item.payment.paid_cents:
        found.append(NOTHING_TO_REVERSE)
    return tuple(found)
