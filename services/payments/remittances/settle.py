"""Matches items and records what they say, a batch at a time, in the caller's transaction.

Used when a remittance comes, when a claim comes after its payment, when a payment's day comes, and when a person
says which claim is meant: always under the log's lock, so that no payment is recorded twice.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, select

from services.payments.clock import Entry
from services.payments.log import audit_log
from services.payments.models import CLOCKS
from services.payments.projection import entries_of, fold_row
from services.payments.record import NO_CLOCK, Recording, Refused, record
from services.payments.refusals import Known, problem_of
from services.payments.remittances.ahead import foretold
from services.payments.remittances.candidates import Owned, candidate_of, find_matches, lines_of
from services.payments.remittances.item import Item
from services.payments.remittances.matching import Match, match_lines
from services.payments.remittances.plan import (
    NO_DATE,
    NOT_BY_LINE,
    entries_for,
    is_by_line,
    notes_for,
    undated,
)
from services.payments.remittances.posted import natural_key, posted_before, references_of
from shared.among import among
from shared.calendar import pacific_date, us_date
from shared.payers import Payers

CHUNK = 1000
BY_HAND = "a person"


class Pending(Struct, frozen=True):
    """An item to settle. ``payers`` as in :class:`Owned`; ``claim_id``: the claim that a person chose."""

    remittance_id: str
    item: Item
    recorded_by: str
    payers: tuple[str, ...] | None = None
    claim_id: str | None = None
    correlation_id: str = ""


class Settled(Struct, frozen=True):
    """What became of an item. ``status``: matched (and posted), waiting (for the day of its payment), repeated
    (posted before), unmatched, ambiguous, refused. ``item.said`` says why.
    """

    item: Item
    status: str
    claim_id: str | None = None
    by: str | None = None


def settle(
    connection: Connection, pending: Sequence[Pending], payers: Payers, now: datetime
) -> list[Settled]:
    """Settle the items in turn, the reversals of a payment before what replaces them; answers in their order."""
    audit_log.lock(connection)
    found: dict[int, Settled] = {}
    turn = _turn(pending)
    ahead: dict[str, list[Entry]] = {}
    for start in range(0, len(turn), CHUNK):
        places = turn[start : start + CHUNK]
        settled = _Chunk(connection, [pending[place] for place in places], payers, now, ahead).run()
        found.update(zip(places, settled, strict=True))
    return [found[place] for place in range(len(pending))]


def _turn(pending: Sequence[Pending]) -> list[int]:
    """Set after set, as they came; within one, what is taken back comes before what is paid anew."""
    sets: dict[tuple[str, str, str, date | None], int] = {}
    ranks = []
    for each in pending:
        item = each.item
        key = (each.remittance_id, item.control, item.trace, item.paid_on)
        ranks.append((sets.setdefault(key, len(sets)), item.kind != "reversal"))
    return sorted(range(len(pending)), key=ranks.__getitem__)


class _Chunk:
    """``ahead``: what payments dated ahead are going to record, by claim; those of this chunk are added to it."""

    def __init__(
        self,
        connection: Connection,
        pending: Sequence[Pending],
        payers: Payers,
        now: datetime,
        ahead: dict[str, list[Entry]],
    ) -> None:
        self._connection, self._pending, self._payers = connection, pending, payers
        self._now, self._today = now, pacific_date(now)
        self._refused_claims: dict[str, str] = {}
        self._ahead = ahead
        self._coming: dict[str, list[Entry]] = {}
        self._references: dict[str, str | None] = {}

    def run(self) -> list[Settled]:
        before = posted_before(self._connection, [each.item for each in self._pending])
        matches = self._matches(before)
        ids = {each.claim.claim_id for each in matches if each.claim}
        rows = {
            row.claim_id: row
            for row in self._connection.execute(
                select(CLOCKS).where(among(self._connection, CLOCKS.c.claim_id, ids))
            )
        }
        stored = entries_of(self._connection, list(ids))
        self._references = references_of(self._connection, self._claims_ahead(matches))
        while True:
            settled, recordings = self._decide(matches, rows, stored, dict(before))
            try:
                record(self._connection, recordings, self._now)
            except Refused as refused:
                # Whatever the record refuses beyond what was foreseen: that claim's items wait for a person.
                self._refused_claims[refused.claim_id] = refused.problem
            else:
                for claim_id, coming in self._coming.items():
                    self._ahead[claim_id] = [*self._ahead.get(claim_id, ()), *coming]
                return settled

    def _claims_ahead(self, matches: Sequence[Match]) -> set[str]:
        return {
            found.claim.claim_id
            for pending, found in zip(self._pending, matches, strict=True)
            if found.claim and pending.item.paid_on and pending.item.paid_on > self._today
        }

    def _matches(self, before: Mapping[str, str]) -> list[Match]:
        open_ = [
            place
            for place, each in enumerate(self._pending)
            if not each.item.problem and each.claim_id is None and each.item.key not in before
        ]
        owned = [Owned(self._pending[place].item, self._pending[place].payers) for place in open_]
        found = dict(zip(open_, find_matches(self._connection, owned, self._payers), strict=True))
        chosen = {each.claim_id for each in self._pending if each.claim_id}
        by_hand = self._by_hand(chosen) if chosen else {}
        return [
            by_hand.get(each.claim_id, Match()) if each.claim_id else found.get(place, Match())
            for place, each in enumerate(self._pending)
        ]

    def _by_hand(self, chosen: set[str]) -> dict[str, Match]:
        lines = lines_of(self._connection, chosen)
        rows = self._connection.execute(
            select(CLOCKS).where(among(self._connection, CLOCKS.c.claim_id, chosen))
        )
        return {
            row.claim_id: Match(candidate_of(row, self._payers, lines.get(row.claim_id, ())), BY_HAND)
            for row in rows
        }

    def _decide(
        self,
        matches: Sequence[Match],
        rows: Mapping[str, Any],
        stored: Mapping[str, Sequence[Entry]],
        posted: dict[str, str],
    ) -> tuple[list[Settled], list[Recording]]:
        entries: dict[str, list[Entry]] = defaultdict(list)
        for claim_id, listed in stored.items():
            entries[claim_id] = list(listed)
        self._coming = defaultdict(list)
        recordings: list[Recording] = []
        settled = []
        for pending, found in zip(self._pending, matches, strict=True):
            answer, new = self._one(pending, found, rows, entries, posted)
            settled.append(answer)
            recordings += new
        return settled, recordings

    def _one(
        self,
        pending: Pending,
        found: Match,
        rows: Mapping[str, Any],
        entries: dict[str, list[Entry]],
        posted: dict[str, str],
    ) -> tuple[Settled, list[Recording]]:
        item = replace(pending.item, said="", candidates=(), notes=(), only_anew=False)
        if item.problem:
            return Settled(replace(item, said=item.problem, only_anew=True), "refused"), []
        if item.key in posted:
            said = "The same payment was posted before, from this or another file. Nothing was changed."
            return Settled(replace(item, said=said), "repeated", posted[item.key]), []
        if found.claim is None:
            return _unmatched(item, found), []
        claim, row = found.claim, rows[found.claim.claim_id]
        claim_id = claim.claim_id
        said = undated(item, row.arrival_date)
        if said:
            return Settled(replace(item, said=said, only_anew=True), "refused", claim_id, found.by), []
        coming = self._wait(item, found, row, entries[claim_id])
        if coming is not None:
            return coming, []
        new, notes, problem = self._plan(item, found, row, entries[claim_id])
        if problem:
            return Settled(replace(item, said=problem), "refused", claim_id, found.by), []
        entries[claim_id] += [entry for entry, _ in new]
        posted[item.key] = claim_id
        recordings = list(_recordings(pending, item, claim_id, new))
        return Settled(replace(item, notes=notes), "matched", claim_id, found.by), recordings

    def _wait(self, item: Item, found: Match, row: Any, entries: Sequence[Entry]) -> Settled | None:
        """What a payment dated ahead is told; ``None``: its day has come."""
        if item.paid_on is None or item.paid_on <= self._today or found.claim is None:
            return None
        claim_id = found.claim.claim_id
        by_then = [*entries, *self._ahead.get(claim_id, ()), *self._coming.get(claim_id, ())]
        new, _, problem = self._plan(item, found, row, by_then)
        notes: tuple[str, ...] = ()
        if problem:
            outcome = fold_row(row, by_then) if row.status != "none" else None
            notes = (foretold(item, problem, outcome, by_then, self._references, self._today),)
        self._coming[claim_id] += [entry for entry, _ in new]
        said = f"The payment is dated {us_date(item.paid_on)}. It is recorded on that day."
        return Settled(replace(item, said=said, notes=notes), "waiting", claim_id, found.by)

    def _plan(
        self, item: Item, found: Match, row: Any, entries: Sequence[Entry]
    ) -> tuple[list[tuple[Entry, str | None]], tuple[str, ...], str]:
        """The entries to record and what to note of them, or what speaks against it."""
        problem = self._refused_claims.get(row.claim_id) or (NO_CLOCK if row.status == "none" else "")
        if problem or found.claim is None:
            return [], (), problem
        claim = found.claim
        lines = match_lines(item, claim.lines)
        notes = notes_for(item, claim.amount_cents, lines, claim.lines)
        new, problem = self._entries(item, row, entries, lines, found)
        if problem and is_by_line(item, lines, claim.lines):
            # What was recorded for the whole claim before cannot always be gone on with line by line.
            new, again = self._entries(item, row, entries, (), found)
            problem = problem if again else ""
            notes = tuple(dict.fromkeys([*notes, NOT_BY_LINE]))
        return new, notes, problem

    def _entries(
        self,
        item: Item,
        row: Any,
        entries: Sequence[Entry],
        lines: Sequence[int | None],
        found: Match,
    ) -> tuple[list[tuple[Entry, str | None]], str]:
        """The entries to record, or what speaks against the first that cannot be."""
        if item.paid_on is None:
            return [], NO_DATE
        claimed = found.claim.lines if found.claim else ()
        charges = {line.line: line.charge_cents for line in claimed}
        planned = entries_for(item, item.paid_on, fold_row(row, entries), lines, claimed)
        so_far = list(entries)
        for entry, _ in planned:
            known = Known(row.arrival_date, so_far, partial(fold_row, row), charges)
            problem = problem_of(entry, known)
            if problem is not None:
                return [], problem.text
            so_far.append(entry)
        return planned, ""


def _unmatched(item: Item, found: Match) -> Settled:
    if found.candidates:
        said = "Several claims fit. Choose the one that was paid."
        return Settled(replace(item, said=said, candidates=found.candidates), "ambiguous")
    said = "No claim with this number, member, provider, date and code is known here. It is posted when it comes."
    return Settled(replace(item, said=said), "unmatched")


def _recordings(
    pending: Pending, item: Item, claim_id: str, new: Sequence[tuple[Entry, str | None]]
) -> Iterator[Recording]:
    for place, (entry, reason) in enumerate(new):
        yield Recording(
            claim_id=claim_id,
            entry=entry,
            recorded_by=pending.recorded_by,
            reference=item.trace or None,
            reason=reason,
            correlation_id=pending.correlation_id,
            natural_key=natural_key(item, place),
        )
