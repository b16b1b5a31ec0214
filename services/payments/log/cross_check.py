"""Whether the tables say what the timeliness log says: who changes them past the database is found.

Every claim's row of ``clocks``, service lines, payment entries and deadline notices are compared with the entries that
told of them, and the clock with what the record makes of it: the figures are read from clocks. A range of claims at a
time, so the memory does not grow with the log. Not compared: ``clocks.sequence``, the number of the clock's newest
event; and remittances, whose payments are entries.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from services.payments.log.log_check import Broken
from services.payments.log.on_record import Claim, NotAnEntry, Of, Stored, differing, on_record
from services.payments.log.seals import details_fit, lines_seal, reference_seal
from services.payments.log.told import ToldEntry, of_payment


class Difference(NamedTuple):
    """``rank`` puts causes before what follows from them: a changed payment makes its clock differ, too."""

    rank: int
    sequence: int
    reason: str


def cross_check(
    connection: Connection, sets: Iterable[Of], entries: int, *, proven: bool = True
) -> Broken | None:
    """The first difference in these sets of claims, of a log of ``entries`` entries.

    ``proven``: the whole log was checked. Else the entries read here are checked by their own hash.
    """
    first: Difference | None = None
    for of in sets:
        try:
            for found in differences(on_record(connection, of, proven=proven), entries):
                first = min(first or found, found)
        except NotAnEntry as error:
            return Broken(error.sequence, str(error))
    return first and Broken(first.sequence, first.reason)


def differences(claims: Mapping[str, Claim], entries: int) -> Iterator[Difference]:
    """Everything that log and tables say otherwise of these claims."""
    for claim_id, claim in claims.items():
        yield from of_record(claim_id, claim, entries)
        yield from _of_clock(claim_id, claim, entries)


def of_record(claim_id: str, claim: Claim, entries: int) -> Iterator[Difference]:
    """What was changed, is gone or was added of that from which a clock is made: payments, notices, what is sealed."""
    yield from _of_payments(claim_id, claim, entries)
    yield from _of_notices(claim_id, claim, entries)
    if claim.told.received is not None and claim.row is not None:
        yield from _of_seals(claim_id, claim, claim.told.received, claim.row)


def _of_clock(claim_id: str, claim: Claim, entries: int) -> Iterator[Difference]:
    what, row, told = f"The clock of claim {claim_id}", claim.row, claim.told
    if told.received is None:
        if row is not None:
            yield _unknown(entries, what)
        return
    if row is None:
        yield _gone(told.received.sequence, what)
        return
    if told.has_clock != (row["status"] != "none"):
        yield _changed(told.clock_sequence(), what, "status")
        return
    period = told.of_period()
    for sequence, columns in (*told.of_clock(), *([period] if period else [])):
        different = differing(row, columns)
        if different:
            yield _changed(sequence, what, different[0])
    try:
        made = claim.outcome_made()
    except (ValueError, msgspec.DecodeError):
        yield Difference(0, told.received.sequence, f"{what} has terms of the payer that cannot be read.")
        return
    different = differing(row, made)
    if different:
        reason = f"{what} has another {_word(different[0])} than its payments make."
        yield Difference(2, told.received.sequence, reason)


def _of_seals(claim_id: str, claim: Claim, received: ToldEntry, row: Stored) -> Iterator[Difference]:
    data = received.data
    if "details_seal" not in data:
        return
    if lines_seal(row["salt"], claim.lines) != data["lines_seal"]:
        yield Difference(
            0,
            received.sequence,
            f"The service lines of claim {claim_id} are not those that entry {received.sequence} seals.",
        )
    elif not details_fit(row, data):
        reason = (
            f"The clock of claim {claim_id} has another claim number, organisation, provider, original reference, "
            f"payer or terms of the payer than entry {received.sequence} seals."
        )
        yield Difference(0, received.sequence, reason)


def _of_payments(claim_id: str, claim: Claim, entries: int) -> Iterator[Difference]:
    rows = {row["entry_id"]: row for row in claim.payments}
    for entry_id, entry in claim.told.payments.items():
        what, row = f"Payment entry {entry_id} of claim {claim_id}", rows.pop(entry_id, None)
        if row is None:
            yield _gone(entry.sequence, what)
            continue
        different = differing(row, of_payment(entry, claim_id))
        if different:
            yield _changed(entry.sequence, what, different[0])
        elif "reference_seal" in entry.data and reference_seal(row) != entry.data["reference_seal"]:
            reason = f"{what} has another reference, reason or natural key than entry {entry.sequence} seals."
            yield Difference(0, entry.sequence, reason)
    for entry_id in rows:
        yield _unknown(entries, f"Payment entry {entry_id} of claim {claim_id}")


def _of_notices(claim_id: str, claim: Claim, entries: int) -> Iterator[Difference]:
    rows = {(row["notice"], row["deadline"]): row for row in claim.notices}
    for key, entry in claim.told.notices.items():
        what, row = f"The notice {key[0]} of claim {claim_id}", rows.pop(key, None)
        if row is None:
            yield _gone(entry.sequence, what)
        elif "noticed_at" in entry.data and row["noticed_at"] != datetime.fromisoformat(
            entry.data["noticed_at"]
        ):
            yield _changed(entry.sequence, what, "noticed_at")
    for name, _ in rows:
        yield _unknown(entries, f"The notice {name} of claim {claim_id}")


def _gone(sequence: int, what: str) -> Difference:
    return Difference(0, sequence, f"{what} is gone, but entry {sequence} says that it was written.")


def _changed(sequence: int, what: str, column: str) -> Difference:
    return Difference(0, sequence, f"{what} has another {_word(column)} than entry {sequence} says.")


def _unknown(entries: int, what: str) -> Difference:
    reason = f"{what} has no entry in the log: it was added past the log's own writer."
    return Difference(1, entries + 1, reason)


def _word(column: str) -> str:
    return column.replace("_", " ")
