"""Whether the payments and clocks say what the log says: who changes them past the database is found.

Every payment entry has its log entry with the same claim, kind, day, amounts and instant of recording, and every clock
its receipt; and there are as many of the one as of the other. Every clock stands as its payment entries make it: the
figures are read from clocks. The log is read once, in batches;
so are the tables, by their keys.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from services.payments.clock import Entry
from services.payments.log.audit_log import decoded
from services.payments.log.log_check import Broken, LogEntry, LogItem
from services.payments.models import CLOCKS, PAYMENT_ENTRIES, TIMELINESS_LOG
from services.payments.projection import entries_of, fold_row, outcome_columns
from shared.among import among
from shared.events import utc_text
from shared.identifiers import is_npi

RECEIPT = "claim.received"
PAYMENT = "payment."
_CHUNK = 2000


class CrossCheck:
    """Watches the entries of the log go by. ``found`` is the first that the tables do not say alike."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._receipts: list[LogEntry] = []
        self._payments: list[LogEntry] = []
        self._receipts_seen = self._payments_seen = 0
        self.found: Broken | None = None
        # Named last: a changed payment entry makes its clock differ, too.
        self._not_as_made: Broken | None = None

    def watch(self, items: Iterable[LogItem]) -> Iterator[LogItem]:
        """The same items."""
        for item in items:
            if isinstance(item, LogEntry) and self.found is None:
                self._see(item)
            yield item

    def _see(self, entry: LogEntry) -> None:
        if entry.event == RECEIPT:
            self._receipts.append(entry)
        elif is_payment(entry):
            self._payments.append(entry)
        else:
            return
        if len(self._receipts) + len(self._payments) >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        wrong = [*self._wrong_receipts(), *self._wrong_payments()]
        self._receipts_seen += len(self._receipts)
        self._payments_seen += len(self._payments)
        self._receipts, self._payments = [], []
        if wrong:
            self.found = min(wrong, key=lambda broken: broken.first_bad_sequence)

    def _wrong_receipts(self) -> Iterator[Broken]:
        ids = [entry.claim_id for entry in self._receipts]
        rows = {
            row.claim_id: row
            for row in self._connection.execute(
                select(CLOCKS).where(among(self._connection, CLOCKS.c.claim_id, ids))
            )
        }
        recorded = entries_of(self._connection, ids)
        for entry in self._receipts:
            row = rows.get(entry.claim_id)
            if row is None:
                yield _gone(entry, f"The clock of claim {entry.claim_id}")
            elif different := _differing(entry.data, _receipt_of(row)):
                yield _changed(entry, f"The clock of claim {entry.claim_id}", different)
            elif self._not_as_made is None:
                made = _made_of(row, recorded.get(entry.claim_id, ()))
                if different := _differing(made, dict(row._mapping)):
                    text = (
                        f"The clock of claim {entry.claim_id} has another {different} than its payments make."
                    )
                    self._not_as_made = Broken(entry.sequence, text)

    def _wrong_payments(self) -> Iterator[Broken]:
        ids = [str(entry.data["entry_id"]) for entry in self._payments]
        table = PAYMENT_ENTRIES
        rows = {
            row.entry_id: row
            for row in self._connection.execute(
                select(table).where(among(self._connection, table.c.entry_id, ids))
            )
        }
        for entry in self._payments:
            row = rows.get(str(entry.data["entry_id"]))
            if row is None:
                yield _gone(entry, f"Payment entry {entry.data['entry_id']}")
                continue
            said = {
                "claim": entry.claim_id,
                "kind": entry.event.removeprefix(PAYMENT),
                "recorded_at": entry.recorded_at,
                **_payment_said(entry),
            }
            if different := _differing(said, _payment_of(row)):
                yield _changed(entry, f"Payment entry {row.entry_id}", different)

    def end(self, entries: int) -> Broken | None:
        """After the last of ``entries``: the first difference, or rows of which the log knows nothing."""
        if self.found is None:
            self._flush()
        return (
            self.found
            or self._unknown_payments(entries)
            or self._unknown_clocks(entries)
            or self._not_as_made
        )

    def _unknown_payments(self, entries: int) -> Broken | None:
        if self._count(PAYMENT_ENTRIES) == self._payments_seen:
            return None
        table, after = PAYMENT_ENTRIES.c, ("", "")
        while True:
            rows = self._connection.execute(
                select(table.claim_id, table.entry_id)
                .where(
                    (table.claim_id > after[0]) | ((table.claim_id == after[0]) & (table.entry_id > after[1]))
                )
                .order_by(table.claim_id, table.entry_id)
                .limit(_CHUNK)
            ).all()
            logged = self._logged({row.claim_id for row in rows})
            for row in rows:
                if row.entry_id not in logged:
                    return _unknown(entries, f"Payment entry {row.entry_id} of claim {row.claim_id}")
            if len(rows) < _CHUNK:
                return _unknown(entries, "A payment entry")
            after = (rows[-1].claim_id, rows[-1].entry_id)

    def _logged(self, claim_ids: set[str]) -> set[str]:
        log = TIMELINESS_LOG.c
        rows = self._connection.execute(
            select(log.data).where(
                among(self._connection, log.claim_id, claim_ids), log.event.startswith(PAYMENT)
            )
        )
        return {str(decoded(row.data).get("entry_id")) for row in rows}

    def _unknown_clocks(self, entries: int) -> Broken | None:
        if self._count(CLOCKS) == self._receipts_seen:
            return None
        log = TIMELINESS_LOG.c
        logged = select(log.claim_id).where(log.claim_id == CLOCKS.c.claim_id, log.event == RECEIPT)
        extra = self._connection.execute(
            select(CLOCKS.c.claim_id).where(~logged.exists()).order_by(CLOCKS.c.claim_id).limit(1)
        ).scalar_one_or_none()
        return _unknown(entries, f"The clock of claim {extra}" if extra else "A clock")

    def _count(self, table: Any) -> int:
        return int(self._connection.execute(select(func.count()).select_from(table)).scalar_one())


def is_payment(entry: LogEntry) -> bool:
    """Whether this entry tells of a payment entry."""
    return entry.event.startswith(PAYMENT) and "entry_id" in entry.data


def _gone(entry: LogEntry, what: str) -> Broken:
    return Broken(entry.sequence, f"{what} is gone, but entry {entry.sequence} says that it was written.")


def _changed(entry: LogEntry, what: str, different: str) -> Broken:
    return Broken(entry.sequence, f"{what} has another {different} than entry {entry.sequence} says.")


def _unknown(entries: int, what: str) -> Broken:
    return Broken(entries + 1, f"{what} has no entry in the log: it was added past the log's own writer.")


def _differing(said: Mapping[str, Any], stored: Mapping[str, Any]) -> str | None:
    """The first thing that the log says and the row says otherwise, in words."""
    return next(
        (name.replace("_", " ") for name, value in said.items() if name in stored and stored[name] != value),
        None,
    )


def _receipt_of(row: Any) -> dict[str, Any]:
    return {
        "submission_id": row.submission_id,
        "received_at": utc_text(row.received_at),
        "arrival_date": row.arrival_date.isoformat(),
        "channel": row.channel,
        "payer_id": row.payer_id,
        "provider_npi": row.provider_npi if is_npi(row.provider_npi) else "",
        "member": row.member_key,
        "amount_cents": row.amount_cents,
    }


def _made_of(row: Any, entries: Sequence[Entry]) -> dict[str, Any]:
    made = outcome_columns(None if row.status == "none" else fold_row(row, entries))
    # The day of the next notice moves on as notices go out.
    del made["next_notice_on"]
    return made


def _payment_said(entry: LogEntry) -> dict[str, Any]:
    # What is left out in the log means none, or no interest.
    return {"amount_cents": None, "interest_cents": 0, "line": None, "corrects": None, **entry.data}


def _payment_of(row: Any) -> dict[str, Any]:
    return {
        "claim": row.claim_id,
        "kind": row.kind,
        "date": row.date.isoformat(),
        "amount_cents": row.amount_cents,
        "interest_cents": row.interest_cents,
        "line": row.line,
        "corrects": row.corrects,
        "by": row.recorded_by,
        "recorded_at": utc_text(row.recorded_at),
    }
