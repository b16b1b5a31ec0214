"""What cannot be recorded of a claim, and why, in words for people. Pure: nothing is read or written.

An entry is measured against the claim as it stands; a correction is measured by going through the claim's
entries once more, so that it cannot take the ground from under a later one.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from services.payments.clock import Entry, Outcome, in_order, standing
from shared.calendar import us_date

KIND_NAMES = {
    "paid": "payment",
    "denied": "denial",
    "contested": "contest",
    "information_received": "receipt of information",
    "payment_reversed": "reversal",
    "withdrawn": "withdrawal",
    "cancelled": "cancellation",
}


LINE_MAX = 10_000
WITHOUT_AMOUNT = ("contested", "information_received", "cancelled")


class Problem(Struct, frozen=True):
    """Why not. ``conflict``: the entry is well formed, but contradicts what is known of its claim."""

    field: str
    text: str
    conflict: bool = False


class Known(Struct, frozen=True):
    """What is known of a claim when an entry comes. ``charges``: cents by service line; ``None`` where they
    are not needed.
    """

    arrival_date: date
    entries: Sequence[Entry]
    fold: Callable[[Sequence[Entry]], Outcome]
    charges: Mapping[int, int] | None = None


def wrong_amounts(kind: str, amount_cents: int | None, interest_cents: int | None) -> dict[str, str]:
    """By field, what is wrong with the amounts that a plan sends with an event of this kind."""
    wrong = {}
    if kind in WITHOUT_AMOUNT:
        if amount_cents:
            wrong["amount_cents"] = f"An event of the kind {kind} has no amount."
        if interest_cents:
            wrong["interest_cents"] = f"An event of the kind {kind} has no interest."
    elif kind == "denied" and interest_cents:
        wrong["interest_cents"] = "A denial has no interest."
    elif amount_cents == 0 and not (kind == "paid" and interest_cents):
        wrong["amount_cents"] = "The amount is 0. Give the amount, or leave it out for the whole."
    return wrong


def shape_problem(entry: Entry, today: date) -> Problem | None:
    """What is wrong with an entry whatever its claim."""
    if entry.date > today:
        return Problem("date", f"The date is in the future. Today is {today} in California.")
    if entry.kind != "cancelled":
        return None
    if not entry.corrects:
        return Problem("corrects", "Name the payment event that is cancelled, by its payment_event_id.")
    for field in ("amount_cents", "interest_cents", "line"):
        if getattr(entry, field):
            return Problem(field, "A cancellation takes a whole event away. Leave this field out.")
    return None


def waiting_problem(entry: Entry, entries: Sequence[Entry]) -> Problem | None:
    """What is wrong with an entry for a claim that is not known here yet."""
    if entry.corrects:
        return _target_problem(entry, entries)
    if entry.line is not None and entry.amount_cents is None and entry.kind in ("paid", "denied"):
        return Problem("amount_cents", "The claim is not known here yet. Give the amount of the line.")
    return None


def problem_of(entry: Entry, known: Known) -> Problem | None:
    """Why this entry cannot be recorded for this claim, or ``None`` where it can."""
    if entry.date < known.arrival_date:
        return Problem(
            "date", f"The claim arrived on {us_date(known.arrival_date)}. The date cannot be before that."
        )
    if entry.line is not None and known.charges is not None and entry.line not in known.charges:
        lines = ", ".join(map(str, sorted(known.charges))) or "none"
        return Problem(
            "line", f"The claim has no service line {entry.line}. Its lines: {lines}.", conflict=False
        )
    if entry.corrects:
        return _correction_problem(entry, known)
    return _problem_here(entry, known, known.fold(known.entries), standing(known.entries))


def checked(entry: Entry, known: Known) -> tuple[Entry, Problem | None]:
    """The entry as it is to be recorded, with the amount it stands for, and why it cannot be, if so."""
    problem = problem_of(entry, known)
    if problem is not None:
        return entry, problem
    full = _with_amount(entry, known)
    if full is entry:
        return entry, None
    if full.amount_cents == 0 and known.fold(()).outstanding_cents:
        return entry, Problem("amount_cents", "Nothing is open that this could be for.", conflict=True)
    return full, problem_of(full, known) if entry.corrects else None


def unfit(known: Known, ids: Collection[str]) -> list[tuple[Entry, Problem]]:
    """Of the entries that count, those of ``ids`` that would have been refused, had they been recorded by date. What
    was refused is no ground for a later one.
    """
    kept: list[Entry] = []
    found = []
    for entry in in_order(known.entries):
        # It stands in the place of what it corrects.
        alone = replace(entry, corrects=None)
        problem = checked(alone, replace(known, entries=kept))[1] if entry.entry_id in ids else None
        if problem is None:
            kept.append(alone)
        else:
            found.append((entry, problem))
    return found


def _with_amount(entry: Entry, known: Known) -> Entry:
    """A payment or denial with the amount it stands for, so that the record never has to be guessed at later."""
    if entry.amount_cents is not None or entry.kind not in ("paid", "denied", "payment_reversed"):
        return entry
    others = known.entries
    if entry.corrects:
        others = [*others, Entry("cancelled", entry.date, corrects=entry.corrects)]
    before = known.fold(others)
    if entry.kind == "payment_reversed":
        return entry if entry.line is None else replace(entry, amount_cents=_paid_on(before, entry.line))
    still_open, payable = before.outstanding_cents, before.payable_cents
    if still_open is None or payable is None:
        return entry
    if entry.line is not None and known.charges is not None:
        still_open = min(still_open, _open_on(before, entry.line, known.charges))
        payable = min(payable, max(0, known.charges[entry.line] - _paid_on(before, entry.line)))
    return replace(entry, amount_cents=still_open if entry.kind == "denied" else still_open or payable)


def _problem_here(entry: Entry, known: Known, outcome: Outcome, entries: Sequence[Entry]) -> Problem | None:
    if entry.kind == "paid":
        return _payment_problem(entry, outcome, known.charges)
    if entry.kind == "denied":
        return _denial_problem(entry, outcome, known.charges)
    if entry.kind == "payment_reversed":
        return _reversal_problem(entry, outcome, entries)
    if entry.kind == "contested":
        return _contest_problem(entry, outcome)
    return _information_problem(entry, outcome) if entry.kind == "information_received" else None


def _payment_problem(entry: Entry, outcome: Outcome, charges: Mapping[int, int] | None) -> Problem | None:
    payable = outcome.payable_cents
    if entry.amount_cents == 0 and entry.interest_cents > 0:
        return None
    if payable == 0 and outcome.paid_cents:
        text = "The claim is already paid in full. Record a reversal first if that was wrong."
        return Problem("kind", text, conflict=True)
    if payable is not None and entry.line is not None and charges is not None:
        left = min(payable, charges[entry.line] - _paid_on(outcome, entry.line))
        return _too_much(entry, left, f"line {entry.line} of this claim")
    return None if payable is None else _too_much(entry, payable, "this claim")


def _denial_problem(entry: Entry, outcome: Outcome, charges: Mapping[int, int] | None) -> Problem | None:
    if outcome.settled_on is not None:
        paid = "The claim is already paid in full. Reverse the payment before denying it."
        return Problem(
            "kind",
            paid
            if outcome.paid_cents
            else "The claim is already settled. If what settled it was a mistake, correct that entry.",
            conflict=True,
        )
    left = outcome.outstanding_cents or 0
    if entry.line is not None and charges is not None:
        return _too_much(
            entry, min(left, _open_on(outcome, entry.line, charges)), f"line {entry.line} of this claim"
        )
    return _too_much(entry, left, "this claim")


def _reversal_problem(entry: Entry, outcome: Outcome, entries: Sequence[Entry]) -> Problem | None:
    if not outcome.paid_cents:
        text = "Nothing was paid on this claim, so nothing can be reversed."
        return Problem("kind", text, conflict=True)
    paid, where = outcome.paid_cents, "this claim"
    if entry.line is not None:
        # A payment of the whole claim names no line, and may have been for this one.
        paid, where = _paid_on(outcome, entry.line, None), f"line {entry.line} of this claim"
        if entry.amount_cents is None and not _paid_on(outcome, entry.line):
            return Problem("amount_cents", f"Nothing was paid on {where} by itself. Give the amount.")
    if entry.amount_cents is not None and entry.amount_cents > paid:
        return Problem("amount_cents", f"Only {paid} cents ({dollars(paid)}) were paid on {where}.")
    first_paid = min(each.date for each in entries if each.kind == "paid")
    if entry.date < first_paid:
        return Problem("date", f"The first payment was on {first_paid}. A reversal comes later.")
    return None


def _contest_problem(entry: Entry, outcome: Outcome) -> Problem | None:
    if outcome.settled_on is not None:
        return Problem("kind", "The claim is already settled, so it cannot be contested.", conflict=True)
    if outcome.status == "contested":
        text = "The claim is already contested and waits for information."
        return Problem("kind", text, conflict=True)
    if outcome.information_on and entry.date < outcome.information_on:
        return Problem(
            "date", f"Information arrived on {us_date(outcome.information_on)}; a new contest comes later."
        )
    return None


def _information_problem(entry: Entry, outcome: Outcome) -> Problem | None:
    if outcome.contested_on is None:
        text = "The claim was not contested, so no information is awaited."
        return Problem("kind", text, conflict=True)
    if outcome.settled_on is not None:
        return Problem(
            "kind",
            "The claim is already settled. If what settled it was a mistake, correct that entry.",
            conflict=True,
        )
    if entry.date < outcome.contested_on:
        return Problem(
            "date", f"The claim was contested on {us_date(outcome.contested_on)}. Use that day or later."
        )
    return None


def _too_much(entry: Entry, left: int, where: str) -> Problem | None:
    left = max(0, left)
    if left == 0 and entry.line is not None and entry.amount_cents is None:
        return Problem("line", f"Nothing is open on {where}.", conflict=True)
    if entry.amount_cents is None or entry.amount_cents <= left:
        return None
    return Problem("amount_cents", f"At most {left} cents ({dollars(left)}) are still open on {where}.")


def _target_problem(entry: Entry, entries: Sequence[Entry]) -> Problem | None:
    target = next((each for each in entries if each.entry_id == entry.corrects), None)
    if target is None:
        return Problem("corrects", "This claim has no payment event with that id.")
    if target.kind == "withdrawn":
        text = "The provider took the claim back or replaced it. Only the provider can change that."
        return Problem("corrects", text, conflict=True)
    if target.kind == "cancelled":
        text = "That event is a cancellation. Record the event that it cancelled anew instead."
        return Problem("corrects", text, conflict=True)
    if any(each.corrects == entry.corrects for each in entries):
        text = "That event was already corrected. Correct the event that stands in its place."
        return Problem("corrects", text, conflict=True)
    return None


def _correction_problem(entry: Entry, known: Known) -> Problem | None:
    wrong = _target_problem(entry, known.entries)
    if wrong is not None:
        return wrong
    before = _problems(standing(known.entries), known)
    for entry_id, (each, problem) in _problems(standing([*known.entries, entry]), known).items():
        if entry_id == entry.entry_id:
            return problem
        if entry_id not in before:
            text = (
                f"With this correction the {KIND_NAMES[each.kind]} of {us_date(each.date)} would no longer fit: "
                f"{problem.text} Correct that one first."
            )
            return Problem("corrects", text, conflict=True)
    return None


def _problems(entries: Sequence[Entry], known: Known) -> dict[str, tuple[Entry, Problem]]:
    """What would have been refused, had these been recorded in this order."""
    found = {}
    for place, entry in enumerate(entries):
        if entry.kind == "withdrawn":
            continue
        problem = _problem_here(entry, known, known.fold(entries[:place]), entries[:place])
        if problem is not None:
            found[entry.entry_id] = entry, problem
    return found


def _paid_on(outcome: Outcome, *lines: int | None) -> int:
    return sum(payment.cents for payment in outcome.payments if payment.line in lines)


def _denied_on(outcome: Outcome, line: int) -> int:
    return sum(portion.cents for portion in outcome.denied_portions if portion.line == line)


def _open_on(outcome: Outcome, line: int, charges: Mapping[int, int]) -> int:
    return max(0, charges[line] - _paid_on(outcome, line) - _denied_on(outcome, line))


def dollars(cents: int) -> str:
    """Cents as people write them: ``$1,234.56``."""
    whole, rest = divmod(cents, 100)
    return f"${whole:,}.{rest:02}"
