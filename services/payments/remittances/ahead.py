"""Of a payment dated ahead: will it be refused on its day? Pure; said when it comes, not on that day."""

from collections.abc import Mapping, Sequence
from datetime import date

from services.payments.clock import Entry, Outcome, standing
from services.payments.refusals import dollars
from services.payments.remittances.item import Item
from shared.calendar import us_date


def foretold(
    item: Item,
    problem: str,
    outcome: Outcome | None,
    entries: Sequence[Entry],
    references: Mapping[str, str | None],
    today: date,
) -> str:
    """What to tell of ``item``, which would be refused for ``problem``.

    ``outcome`` is the claim's after ``entries``, ``None`` where it has no clock; ``references`` are by entry id.
    """
    paid = [each for each in standing(entries) if each.kind == "paid" and each.amount_cents != 0]
    if item.kind == "reversal" or outcome is None or not outcome.paid_cents or not paid:
        return f"As the claim stands, this {item.kind} will be refused on its day: {problem}"
    last = paid[-1]
    in_full = outcome.payable_cents == 0
    much = "in full" if in_full else dollars(outcome.paid_cents)
    reference = references.get(last.entry_id)
    under = f", under {reference} on {us_date(last.date)}." if reference else f", on {us_date(last.date)}."
    told = f"This claim is already paid {much}{under}"
    if last.date > today:
        told = f"Another payment, which waits for {us_date(last.date)}, pays this claim {much}."
    refused = f"This {item.kind} will be refused on its day unless that one is reversed."
    return f"{told} {refused}" if in_full else f"{told} {refused} {problem}"
