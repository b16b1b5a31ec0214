"""All that the timeliness log and the tables hold of some claims, and what the record makes of their clocks.

The record is the log (receipt, verdicts, notices), the payment entries, and what a claim's row and lines hold of it.
The rest of ``clocks`` is made from that: ``services.payments.log.cross_check`` compares it, and
``services.payments.rebuild`` makes it again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, and_, select

from services.payments.clock import Entry, Outcome
from services.payments.deadlines.notices import notices
from services.payments.log.audit_log import decoded
from services.payments.log.log_check import entry_hash
from services.payments.log.told import Told, ToldEntry
from services.payments.models import CLAIM_LINES, CLOCKS, DEADLINE_NOTICES, PAYMENT_ENTRIES, TIMELINESS_LOG
from services.payments.projection import decoded_terms, fold, outcome_columns
from shared.among import among
from shared.identifiers import is_npi

RANGE = 8_000
"""Entries of the log in a range of claims: some 2,000 claims, a few megabytes."""

Of = Callable[[Any], Any]
"""The condition that a column of claim ids is of the claims that are meant."""


Stored = dict[str, Any]
"""A row of a table, by column."""

_of_entry = itemgetter("kind", "date", "amount_cents", "interest_cents", "line", "entry_id", "corrects")


class NotAnEntry(ValueError):
    """Entry ``sequence`` of the log does not hold what it was written with."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"Entry {sequence} was changed after it was written.")
        self.sequence = sequence


class Claim:
    """One claim: its story in the log, and its rows."""

    __slots__ = ("lines", "notices", "payments", "row", "told")

    def __init__(self) -> None:
        self.told = Told()
        self.row: Stored | None = None
        self.payments: list[Stored] = []
        self.lines: list[Stored] = []
        self.notices: list[Stored] = []

    def outcome(self) -> Outcome | None:
        """What the receipt and the payment entries make of the claim; ``None``: it has no clock."""
        received, row = self.told.received, self.row
        if received is None or row is None or not self.told.has_clock:
            return None
        entries = [Entry(*_of_entry(each)) for each in self.payments]
        arrival = date.fromisoformat(received.data["arrival_date"])
        return fold(arrival, decoded_terms(row["terms"]), received.data["amount_cents"], entries)

    def outcome_made(self) -> dict[str, Any]:
        """The columns of ``clocks`` that :meth:`outcome` fills. The day of the next notice stands as it is stored,
        unless a notice would then be left out.
        """
        outcome, row = self.outcome(), self.row
        made = outcome_columns(outcome)
        if outcome is None or row is None:
            return made
        made["next_notice_on"] = row["next_notice_on"]
        # Days of the clocks paid late before there were notices are empty: their interest was never told.
        if outcome.status == "running":
            sent = {(each["notice"], each["deadline"]) for each in self.notices}
            untold = (
                notice.due_on
                for notice in notices(outcome, decoded_terms(row["terms"]))
                if (notice.notice, notice.deadline) not in sent
            )
            first = min(untold, default=None)
            if first is not None and (row["next_notice_on"] is None or row["next_notice_on"] > first):
                made["next_notice_on"] = first
        return made


def on_record(connection: Connection, of: Of, *, proven: bool = True) -> dict[str, Claim]:
    """The claims that ``of`` means, by id: everything that anybody says of one.

    ``proven``: the log has been checked, so that its entries are what was written. Else raises ``NotAnEntry`` for one
    that does not fit its own hash.
    """
    found: defaultdict[str, Claim] = defaultdict(Claim)
    log = TIMELINESS_LOG
    wanted = (
        log.columns
        if not proven
        else (log.c.claim_id, log.c.sequence, log.c.recorded_at, log.c.event, log.c.data)
    )
    statement = (
        select(*wanted)
        .where(of(log.c.claim_id), log.c.claim_id != "")
        .order_by(log.c.claim_id, log.c.sequence)
    )
    for row in connection.execute(statement):
        data = decoded(row.data)
        if not proven and row.hash != entry_hash(
            row.sequence, row.recorded_at, row.event, row.claim_id, data, row.previous_hash
        ):
            raise NotAnEntry(row.sequence)
        try:
            found[row.claim_id].told.take(ToldEntry(row.sequence, row.recorded_at, row.event, data))
        except (KeyError, TypeError, ValueError):
            raise NotAnEntry(row.sequence) from None
    for stored in _stored(connection, CLOCKS, of):
        found[stored["claim_id"]].row = stored
    for stored in _stored(connection, PAYMENT_ENTRIES, of):
        found[stored["claim_id"]].payments.append(stored)
    for stored in _stored(connection, CLAIM_LINES, of):
        found[stored["claim_id"]].lines.append(stored)
    for stored in _stored(connection, DEADLINE_NOTICES, of):
        found[stored["claim_id"]].notices.append(stored)
    return found


def _stored(connection: Connection, table: Table, of: Of) -> Iterator[Stored]:
    # By claim, so that an index serves; then payment entries count in the order in which they were recorded.
    statement = (
        select(table).where(of(table.c.claim_id)).order_by(table.c.claim_id, *table.primary_key.columns)
    )
    names = table.columns.keys()
    # Rows as dictionaries: their columns are read many times each.
    return (dict(zip(names, row, strict=True)) for row in connection.execute(statement))


def differing(stored: Stored, right: Stored) -> list[str]:
    """The columns of ``right`` that are stored otherwise."""
    if right.items() <= stored.items():
        return []
    return [
        name
        for name, value in right.items()
        if stored[name] != value
        # A provider's number that is none is not told.
        and not (name == "provider_npi" and value == "" and not is_npi(stored[name]))
    ]


def ranges(connection: Connection) -> Iterator[Of]:
    """All claims, a range of ids at a time: those that only a table knows, too."""
    after: str | None = ""
    while after is not None:
        of, after = range_after(connection, after)
        yield of


def range_after(connection: Connection, after: str) -> tuple[Of, str | None]:
    """The range of claims after the one that ended with ``after`` (the first: empty), and where it ends.

    ``None`` as the end: it is the last one.
    """
    log = TIMELINESS_LOG.c
    statement = select(log.claim_id).where(log.claim_id > after).order_by(log.claim_id).offset(RANGE).limit(1)
    last: str | None = connection.execute(statement).scalar_one_or_none()
    # The first range has no lower end, the last no upper one: nothing may hide there.

    def of(column: Any) -> Any:
        above = column > after if after else column >= ""
        return above if last is None else and_(above, column <= last)

    return of, last


def of_ids(connection: Connection, claim_ids: Sequence[str]) -> Of:
    """These claims."""
    return lambda column: among(connection, column, claim_ids)
