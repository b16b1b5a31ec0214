"""Records into the database: new ones, corrections and withdrawals, a batch at a time.

What a batch changes is queued in the same transaction for ``services.validator.late``, so that a record is never
stored without the claims it touches being looked at again. Sending the same rows again changes and queues nothing.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Boolean, Connection, bindparam, column, select, text, update

from services.validator.facts import queue_days
from services.validator.feeds.members import join_members
from services.validator.feeds.rows import FeedRow
from services.validator.models import CARE_RECORDS, FEED_COVERAGE
from services.validator.rules.history import care_key
from services.validator.rules.overlap_chw import DAYS_AROUND_CHW, MAY_BE_CHW
from shared.among import array_text
from shared.care import RECORD_TYPES, CareService, Enrollment, Feed, MemberAlias, Record
from shared.database import Json, insert_rows, update_rows
from shared.payers import Payers

Change = Literal["new", "corrected", "withdrawn", "unchanged", "unknown"]
"""What became of a row. ``unknown``: it takes back a record that is not here."""

_SCOPE_CHARACTERS = 200
_KEY = ("feed", "scope", "source", "record_id")
_encode = msgspec.json.Encoder().encode
_decoders = {feed: msgspec.json.Decoder(type_).decode for feed, type_ in RECORD_TYPES.items()}

_KNOWN_ON_SQLITE = """
    SELECT known.source, known.record_id, known.withdrawn, known.document
    FROM json_each(:wanted) AS wanted CROSS JOIN care_records AS known
    WHERE known.feed = :feed AND known.scope = :scope
      AND known.source = json_extract(wanted.value, '$[0]')
      AND known.record_id = json_extract(wanted.value, '$[1]')
"""
# Lateral, with a limit: a plain join is planned by the size that the table had before a first large load.
_KNOWN_ON_POSTGRESQL = """
    SELECT known.source, known.record_id, known.withdrawn, known.document
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS wanted(source, record_id)
    CROSS JOIN LATERAL (
        SELECT source, record_id, withdrawn, document FROM care_records
        WHERE feed = :feed AND scope = :scope AND source = wanted.source AND record_id = wanted.record_id
        LIMIT 1
    ) AS known
"""


class Sender(Struct, frozen=True):
    """Who sends a feed. ``payers`` (first ids, sorted) are the plans of which it speaks; none: all.

    ``scope`` keeps the records of different senders apart.
    """

    payers: tuple[str, ...] = ()

    @property
    def scope(self) -> str:
        """The payers in one text of at most 200 characters."""
        joined = " ".join(self.payers)
        if len(joined) <= _SCOPE_CHARACTERS:
            return joined
        return f"#{blake2b(joined.encode(), digest_size=16).hexdigest()}"


EVERY_PLAN = Sender()


def sender_of(payer_ids: Sequence[str], payers: Payers) -> Sender:
    """The sender whose key names these payers, under their first ids."""
    return Sender(tuple(sorted({first for each in payer_ids if (first := payers.first_id(each))})))


def store(
    connection: Connection, feed: Feed, sender: Sender, rows: Sequence[FeedRow], now: datetime
) -> list[Change]:
    """Store a batch of right rows in order, at ``now`` (aware); what became of each.

    In the caller's transaction. Of two rows for one record the later one stands.
    """
    if not rows:
        return []
    _one_at_a_time(connection, feed)
    known = _known(connection, feed, sender.scope, rows)
    batch = _Batch(dict(known))
    changes = [batch.take(row) for row in rows]
    changed = {key: state for key, state in batch.states.items() if state != known.get(key)}
    _write(connection, feed, sender.scope, {k: v for k, v in changed.items() if k not in known}, insert_rows)
    _write(connection, feed, sender.scope, {k: v for k, v in changed.items() if k in known}, _update)
    touched = [
        state.record for key in changed for state in (known.get(key), changed[key]) if state is not None
    ]
    queue_days(connection, (days for record in touched for days in days_touched(record)))
    if feed == "aliases":
        join_members(connection, [record for record in touched if isinstance(record, MemberAlias)])
    if any(change in ("new", "corrected", "unchanged") for change in changes):
        _cover(connection, feed, sender.payers or ("",), now)
    return changes


class _State(Struct, frozen=True):
    record: Record
    withdrawn: bool


_Id = tuple[str, str]


class _Batch:
    """The records of a batch as its rows change them, one row after the other."""

    def __init__(self, states: dict[_Id, _State]) -> None:
        self.states = states

    def take(self, row: FeedRow) -> Change:
        key = (row.source, row.record_id)
        before = self.states.get(key)
        if row.withdrawn:
            if before is None:
                return "unknown"
            if before.withdrawn:
                return "unchanged"
            self.states[key] = _State(before.record, withdrawn=True)
            return "withdrawn"
        if row.record is None:
            raise ValueError("a row without a record can only withdraw")
        after = _State(row.record, withdrawn=False)
        if before == after:
            return "unchanged"
        self.states[key] = after
        return "new" if before is None else "corrected"


def days_touched(record: Record) -> list[tuple[str, date, date]]:
    """The members (CIN) and days whose claims a record may change, both ends included."""
    match record:
        case CareService(program=program) if program in MAY_BE_CHW:
            day, around = record.service_date, timedelta(days=DAYS_AROUND_CHW)
            return [(record.cin, day - around, day + around)]
        case CareService():
            return [(record.cin, record.service_date, record.service_date)]
        case Enrollment(program=program) if program != "MANAGED_CARE":
            return [(record.cin, record.start_date, record.end_date or date.max)]
        case MemberAlias():
            return [(cin, date.min, date.max) for cin in (record.cin, record.alias_cin)]
        case _:
            # Authorizations, and time in a plan, which says of every other day that it was not.
            return [(record.cin, date.min, date.max)]


def _one_at_a_time(connection: Connection, feed: Feed) -> None:
    """Until the transaction ends nobody else stores records of this feed. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/feed/' || :feed, 0))"),
            {"feed": feed},
        )


def _known(connection: Connection, feed: Feed, scope: str, rows: Sequence[FeedRow]) -> dict[_Id, _State]:
    wanted = list(dict.fromkeys((row.source, row.record_id) for row in rows))
    named: dict[str, Any] = {"feed": feed, "scope": scope}
    if connection.dialect.name == "postgresql":
        statement = text(_KNOWN_ON_POSTGRESQL)
        sources, ids = zip(*wanted, strict=True)
        named |= {"sources": array_text(sources), "ids": array_text(ids)}
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    else:
        statement = text(_KNOWN_ON_SQLITE)
        named["wanted"] = msgspec.json.encode(wanted).decode()
    typed = statement.columns(
        column("source"), column("record_id"), column("withdrawn", Boolean), column("document", Json)
    )
    found = connection.execute(typed, named).all()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = DEFAULT")
    decode = _decoders[feed]
    return {
        (source, record_id): _State(decode(document), bool(withdrawn))
        for source, record_id, withdrawn, document in found
    }


def _write(connection: Connection, feed: Feed, scope: str, states: dict[_Id, _State], write: Any) -> None:
    rows = []
    for (source, record_id), state in states.items():
        first, last = _days_of(state.record)
        rows.append(
            {
                "feed": feed,
                "scope": scope,
                "source": source,
                "record_id": record_id,
                "care_key": care_key(state.record.cin),
                "cin": state.record.cin,
                "program": state.record.program if isinstance(state.record, CareService) else None,
                "first_day": first,
                "last_day": last,
                "withdrawn": state.withdrawn,
                "document": _encode(state.record),
            }
        )
    write(connection, CARE_RECORDS, rows)


def _update(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    update_rows(connection, table, _KEY, rows)


def _days_of(record: Record) -> tuple[date, date]:
    match record:
        case CareService():
            return record.service_date, record.service_date
        case MemberAlias():
            return date.min, date.max
        case _:
            return record.start_date, record.end_date or date.max


def _cover(connection: Connection, feed: Feed, payer_ids: Sequence[str], now: datetime) -> None:
    coverage = FEED_COVERAGE.c
    of_feed = coverage.feed == feed
    known = set(connection.execute(select(coverage.payer_id).where(of_feed)).scalars())
    shortened = [each[:80] for each in payer_ids]
    fresh = [each for each in shortened if each not in known]
    insert_rows(
        connection,
        FEED_COVERAGE,
        [{"feed": feed, "payer_id": each, "first_at": now, "last_at": now} for each in fresh],
    )
    if len(fresh) < len(shortened):
        again = coverage.payer_id.in_(bindparam("payer_ids", expanding=True))
        connection.execute(
            update(FEED_COVERAGE).where(of_feed, again).values(last_at=now), {"payer_ids": shortened}
        )
