"""Loads the claims that claim payments may be for: a few queries for a thousand payments."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, select

from services.payments.models import CLAIM_LINES, CLOCKS, REMITTANCE_ITEMS
from services.payments.remittances.item import Item, named_claim
from services.payments.remittances.matching import Candidate, ClaimLine, Match, match
from shared.among import among
from shared.payers import Payers


class Owned(msgspec.Struct, frozen=True):
    """An item of a remittance, with the payers whose claims its sender may pay (``None``: all)."""

    item: Item
    payers: tuple[str, ...] | None = None


class _Control(msgspec.Struct, frozen=True):
    payer_control: str = ""


class _Paid(msgspec.Struct, frozen=True):
    payment: _Control


_decode_paid = msgspec.json.Decoder(_Paid).decode


def find_matches(connection: Connection, owned: Sequence[Owned], payers: Payers) -> list[Match]:
    """The match of each item, with the lines of the claims found."""
    rows = _by_id_and_number(connection, [each.item for each in owned])
    found = _matches(connection, owned, rows.values(), payers, {}, by_members=False)
    # Only what neither id nor number found is looked for by member: a member may have years of claims.
    missing = [place for place, each in enumerate(found) if each.claim is None and not each.candidates]
    by_member = [owned[place] for place in missing if owned[place].item.members]
    if by_member:
        more = _by_member(connection, [each.item for each in by_member])
        lines = lines_of(connection, [row.claim_id for row in more])
        again = iter(_matches(connection, by_member, more, payers, lines, by_members=True))
        for place in missing:
            if owned[place].item.members:
                found[place] = next(again)
    lines = lines_of(connection, [each.claim.claim_id for each in found if each.claim])
    return [_with_lines(each, lines) for each in found]


def lines_of(connection: Connection, claim_ids: Iterable[str]) -> dict[str, tuple[ClaimLine, ...]]:
    """The service lines of these claims."""
    c = CLAIM_LINES.c
    wanted = select(
        *(c.claim_id, c.line, c.service_date, c.service_end, c.hcpcs, c.modifiers),
        *(c.charge_cents, c.control_number),
    ).where(among(connection, c.claim_id, set(claim_ids)))
    found: dict[str, list[ClaimLine]] = defaultdict(list)
    for claim_id, *values in connection.execute(wanted.order_by(c.claim_id, c.line)):
        found[claim_id].append(ClaimLine(*values))
    return {claim_id: tuple(lines) for claim_id, lines in found.items()}


def _with_lines(found: Match, lines: Mapping[str, tuple[ClaimLine, ...]]) -> Match:
    if found.claim is None:
        return found
    claim = msgspec.structs.replace(found.claim, lines=lines.get(found.claim.claim_id, ()))
    return msgspec.structs.replace(found, claim=claim)


def candidate_of(
    row: Row[Any], payers: Payers, lines: tuple[ClaimLine, ...] = (), controls: frozenset[str] = frozenset()
) -> Candidate:
    """The candidate that a row of ``clocks`` is."""
    return Candidate(
        claim_id=row.claim_id,
        number=row.claim_number,
        payer=payers.first_id(row.payer_id) or "",
        provider_npi=row.provider_npi,
        member=row.member_key,
        amount_cents=row.amount_cents,
        status=row.status,
        outstanding_cents=row.outstanding_cents,
        paid_cents=row.paid_cents,
        lines=lines,
        controls=controls,
    )


def _by_id_and_number(connection: Connection, items: Sequence[Item]) -> dict[str, Row[Any]]:
    c = CLOCKS.c
    conditions: list[ColumnElement[bool]] = []
    if ids := {named for item in items if (named := named_claim(item))}:
        conditions.append(among(connection, c.claim_id, ids))
    with_npi = [item for item in items if item.payee_npis and item.payment.number]
    if with_npi:
        npis = {npi for item in with_npi for npi in item.payee_npis}
        numbers = {item.payment.number for item in with_npi}
        conditions.append(
            among(connection, c.provider_npi, npis) & among(connection, c.claim_number, numbers)
        )
    if bare := {item.payment.number for item in items if not item.payee_npis and item.payment.number}:
        conditions.append(among(connection, c.claim_number, bare))
    found = {}
    # One query a way, so that each can use its index.
    for condition in conditions:
        for row in connection.execute(select(CLOCKS).where(condition)):
            found[row.claim_id] = row
    return found


def _by_member(connection: Connection, items: Sequence[Item]) -> list[Row[Any]]:
    days = [day for item in items for day in _days(item)]
    if not days:
        return []
    c, line = CLOCKS.c, CLAIM_LINES.c
    members = {member for item in items for member in item.members}
    there = select(line.claim_id).where(
        line.claim_id == c.claim_id, line.service_date <= max(days), line.service_end >= min(days)
    )
    return list(
        connection.execute(
            select(CLOCKS).where(among(connection, c.member_key, members), there.exists())
        ).all()
    )


def _days(item: Item) -> list[date]:
    days = [line.service_date for line in item.payment.lines] + [item.payment.service_date]
    return [day for day in days if day is not None]


def _matches(
    connection: Connection,
    owned: Sequence[Owned],
    rows: Iterable[Row[Any]],
    payers: Payers,
    lines: Mapping[str, tuple[ClaimLine, ...]],
    *,
    by_members: bool,
) -> list[Match]:
    by_id: dict[str, Row[Any]] = {}
    by_number: dict[str, list[Row[Any]]] = defaultdict(list)
    by_member: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_id[row.claim_id] = row
        by_number[row.claim_number].append(row)
        by_member[row.member_key].append(row)
    several = {
        row.claim_id
        for item, _ in _pairs(owned)
        if len(alike := by_number[item.payment.number]) > 1
        for row in alike
    }
    controls = _controls(connection, several) if several else {}
    made: dict[str, Candidate] = {}
    found = []
    for item, whose in _pairs(owned):
        scope = None if whose is None else {payers.first_id(payer_id) for payer_id in whose}
        possible = (
            {row.claim_id: row for row in by_number[item.payment.number]} if item.payment.number else {}
        )
        if (named := named_claim(item)) in by_id:
            possible[named] = by_id[named]
        for member in item.members if by_members else ():
            possible |= {row.claim_id: row for row in by_member[member]}
        candidates = []
        for claim_id, row in sorted(possible.items()):
            if scope is not None and payers.first_id(row.payer_id) not in scope:
                continue
            if claim_id not in made:
                made[claim_id] = candidate_of(
                    row, payers, lines.get(claim_id, ()), controls.get(claim_id, frozenset())
                )
            candidates.append(made[claim_id])
        found.append(match(item, candidates, payers_of(item, payers)))
    return found


def _pairs(owned: Sequence[Owned]) -> Iterable[tuple[Item, tuple[str, ...] | None]]:
    return ((each.item, each.payers) for each in owned)


def _controls(connection: Connection, claim_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """The payer's control numbers under which these claims were paid before."""
    c = REMITTANCE_ITEMS.c
    statement = select(c.claim_id, c.document).where(
        c.status == "matched", among(connection, c.claim_id, claim_ids)
    )
    found: dict[str, set[str]] = defaultdict(set)
    for claim_id, document in connection.execute(statement):
        found[claim_id].add(_decode_paid(document).payment.payer_control)
    return {claim_id: frozenset(controls) for claim_id, controls in found.items()}


def payers_of(item: Item, payers: Payers) -> frozenset[str] | None:
    """The payers, by their first id, that the remittance names by id or by name; ``None``: none that is known."""
    ids = {payers.first_id(payer_id) or "" for payer_id in item.payer_ids if payers.knows(payer_id)}
    if not ids and item.payer_name:
        name = item.payer_name.casefold()
        ids = {terms.ids[0].upper() for terms in payers.all if terms.name.casefold() == name and terms.ids}
    return frozenset(ids) if ids else None
