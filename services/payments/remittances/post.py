"""Takes remittances in: stores each once, posts what matches, and keeps the rest until it does."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, select
from uuid_utils import uuid7

from services.payments.log import audit_log
from services.payments.models import REMITTANCE_ITEMS, REMITTANCE_NAMES, REMITTANCES
from services.payments.remittances.balance import Imbalance, imbalances, interest_by_claim
from services.payments.remittances.item import Item, items_of, named_claim, reason_of
from services.payments.remittances.model import PaymentSet, Remittance
from services.payments.remittances.reader835 import read_835
from services.payments.remittances.settle import Pending, Settled, settle
from shared.database import insert_rows
from shared.events import utc_text
from shared.parts import Parts

STATUSES = ("matched", "waiting", "repeated", "unmatched", "ambiguous", "refused", "closed")
OPEN_STATUSES = ("unmatched", "ambiguous", "refused")
"""What a person has to look at: to match by hand, or to close."""
MATCHABLE = (*OPEN_STATUSES, "closed")

_SCOPE_MAX = 200
HASHED = "#"

encode = msgspec.json.Encoder().encode


def post_file(
    parts: Parts,
    path: Path,
    file_name: str,
    *,
    recorded_by: str,
    payers: tuple[str, ...] | None,
    correlation_id: str = "",
) -> tuple[bytes, bool]:
    """Post the 835 in ``path``: the answer as JSON, and whether the file is new.

    ``payers``: whose claims the sender may pay; ``None``: all. The same bytes from senders of the same payers are
    answered as the first time. Without a ``file_name`` it is named by its check and payment date. Raises
    ``NoRemittance`` where nothing of the file can be posted.
    """
    scope = scope_text(payers)
    sha256 = _sha256(path)
    identity = hashlib.sha256(f"{sha256}|{scope}".encode()).hexdigest() if scope else sha256
    with parts.database.read() as connection:
        known = _summary_of(connection, identity)
    if known is not None:
        return known, False
    remittance = read_835(path)
    file_name = file_name or _name_of(remittance)
    items = [item for each in remittance.sets for item in items_of(each, parts.member_secret)]
    with parts.database.begin() as connection:
        audit_log.lock(connection)
        known = _summary_of(connection, identity)
        if known is not None:
            return known, False
        now, remittance_id = parts.now(), f"rem_{uuid7().hex}"
        pending = [Pending(remittance_id, item, recorded_by, payers, None, correlation_id) for item in items]
        settled = settle(connection, pending, parts.payers, now)
        differences = [found for each in remittance.sets for found in imbalances(each)]
        unread = any(each.problems or any(c.problems for c in each.claims) for each in remittance.sets)
        balanced = not differences and not unread
        summary = encode(
            {
                "remittance_id": remittance_id,
                "file_name": file_name,
                "sha256": sha256,
                "recorded_at": utc_text(now),
                **_counts(settled),
                "balanced": balanced,
                **_details(remittance, differences),
                "payers": payers,
            }
        )
        row = {
            "remittance_id": remittance_id,
            "sha256": identity,
            "file_name": file_name,
            "recorded_at": now,
            "recorded_by": recorded_by,
            "scope": scope,
            "balanced": balanced,
            "summary": summary,
        }
        insert_rows(connection, REMITTANCES, [row])
        rows = [{"remittance_id": remittance_id, **item_row(each, now)} for each in settled]
        insert_rows(connection, REMITTANCE_ITEMS, rows)
        unmatched = (each.item for each in settled if each.status == "unmatched")
        insert_rows(
            connection, REMITTANCE_NAMES, [row for item in unmatched for row in _names(remittance_id, item)]
        )
    return summary, True


def _names(remittance_id: str, item: Item) -> Iterator[dict[str, Any]]:
    for name in {item.payment.number, named_claim(item), *item.members} - {""}:
        yield {"name": name, "remittance_id": remittance_id, "ordinal": item.ordinal}


def scope_text(payers: tuple[str, ...] | None) -> str:
    """The payers of a key as the column holds them: their ids, or their hash where they are many."""
    if payers is None:
        return ""
    text = "\n".join(sorted(payers))
    return text if len(text) <= _SCOPE_MAX else HASHED + hashlib.sha256(text.encode()).hexdigest()


def _name_of(remittance: Remittance) -> str:
    first, *others = [each for each in remittance.sets if not each.problems]
    more = f" and {len(others)} more" if others else ""
    return f"{first.trace[:100]} of {first.paid_on or first.produced_on or 'no date'}{more}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _summary_of(connection: Connection, identity: str) -> bytes | None:
    statement = select(REMITTANCES.c.summary).where(REMITTANCES.c.sha256 == identity)
    return connection.execute(statement).scalar_one_or_none()


def _counts(settled: Sequence[Settled]) -> dict[str, Any]:
    kinds = [each.item.kind for each in settled]
    states = [each.status for each in settled]
    return {
        "payments": kinds.count("payment"),
        "denials": kinds.count("denial"),
        "reversals": kinds.count("reversal"),
        "matched": states.count("matched") + states.count("waiting"),
        "waiting": states.count("waiting"),
        "repeated": states.count("repeated"),
        "unmatched": [entry_of(each) for each in settled if each.status in ("unmatched", "ambiguous")],
        "refused": [entry_of(each) for each in settled if each.status == "refused"],
        "will_be_refused": [
            entry_of(each) for each in settled if each.status == "waiting" and each.item.notes
        ],
    }


def entry_of(settled: Settled) -> dict[str, Any]:
    """A claim payment as the API lists it."""
    item, payment = settled.item, settled.item.payment
    entry: dict[str, Any] = {
        "ordinal": item.ordinal,
        "status": settled.status,
        "kind": item.kind,
        "claim": payment.number,
        "payer_control_number": payment.payer_control,
        "claim_id": settled.claim_id,
        "matched_by": settled.by,
        "date": item.paid_on,
        "charge_cents": payment.charge_cents,
        "paid_cents": payment.paid_cents,
        "interest_cents": item.interest_cents,
        "reference": item.trace,
        "where": payment.where,
        "can_match": settled.status in MATCHABLE and not (item.only_anew or item.problem),
    }
    optional = {
        "reason": item.said,
        "codes": reason_of(item),
        "candidates": item.candidates,
        "notes": item.notes,
    }
    return entry | {name: value for name, value in optional.items() if value}


def _details(remittance: Remittance, differences: Sequence[Imbalance]) -> dict[str, Any]:
    sets = remittance.sets
    return {
        "imbalances": differences,
        "paid_cents": sum(each.amount_cents for each in sets if not each.problems),
        "interest_cents": sum(sum(interest_by_claim(each)[0].values()) for each in sets if not each.problems),
        "interest_not_allocated": [
            {"where": each.where, "cents": left} for each in sets if (left := interest_by_claim(each)[1])
        ],
        "sets": [_set_entry(each) for each in sets],
        "notes": remittance.notes,
    }


def _set_entry(each: PaymentSet) -> dict[str, Any]:
    return {
        "control": each.control,
        "where": each.where,
        "reference": each.trace,
        "date": each.paid_on,
        "amount_cents": each.amount_cents,
        "method": each.method,
        "payer": each.payer_name,
        "payee_npis": each.payee_npis,
        "claims": len(each.claims),
        "provider_adjustments": each.adjustments,
        "posted": not each.problems,
        "problems": each.problems,
    }


def item_row(settled: Settled, now: datetime) -> dict[str, Any]:
    item = settled.item
    matched = settled.status in ("matched", "waiting")
    return {
        "ordinal": item.ordinal,
        "status": settled.status,
        "claim_id": settled.claim_id or named_claim(item) or None,
        "matched_by": settled.by,
        "matched_at": now if matched else None,
        "claim_number": item.payment.number or None,
        "provider_npi": item.payee_npis[0] if item.payee_npis else None,
        "document": encode(item),
    }


def remittance_id_of(answer: bytes) -> str:
    """The remittance that an answer of :func:`post_file` is about."""
    return _decode_id(answer).remittance_id


class _Answer(msgspec.Struct):
    remittance_id: str


_decode_id = msgspec.json.Decoder(_Answer).decode
