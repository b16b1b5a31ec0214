"""Everything that payments knows of one claim, with a proof for each log entry, as an auditor takes it away.

No PHI: the claim stands by its id and the member by the keyed hash; the provider's own claim number and the words of
notices are free text and stay away. A log entry is proven by a Merkle path to the root in a signed checkpoint, so
that no other claim's entry has to be shown.
"""

import io
import re
import zipfile
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from services.payments.claim_clock import claim_clock
from services.payments.log import audit_log
from services.payments.log.audit_log import decoded
from services.payments.log.checkpoints import Checkpoint, key_documents
from services.payments.log.log_check import LogEntry
from services.payments.log.merkle import path
from services.payments.log.signing import SigningKeys
from services.payments.log.told import JUDGED
from services.payments.models import CHECKPOINTS, CLAIM_LINES, CLOCKS, DEADLINE_NOTICES, TIMELINESS_LOG
from services.payments.queries import Scope
from shared.events import utc_text
from shared.identifiers import is_npi

_HCPCS = re.compile("[A-Z][0-9]{4}|[0-9]{5}")
_MODIFIERS = re.compile("([A-Z0-9]{2}( [A-Z0-9]{2})*)?")
_PRIVATE = ("claim", "provider_npi")
_ACKNOWLEDGED = ("acknowledgement_due", "acknowledged_in_time")

READ_ME = """Evidence for claim {claim_id}, taken at {made_at}.

evidence.json    receipt, acknowledgement, verdicts, notices, payments, clock, and every entry of the timeliness log
                 about this claim, each with its proof
log.jsonl        the same entries, a line each
public-keys.json the public keys of this installation; compare them with those that you kept
verify_log.py    checks this pack: python3 verify_log.py evidence.zip --public-key THE-KEYS-YOU-KEPT.json

A proof leads from an entry's hash over its path to the "root" in a log.checkpoint entry, whose hash is signed.
"source_sha256" in the receipt is the SHA-256 of the file as the provider sent it. Ask the provider for that file.
"checkpoint": null means that no checkpoint has been signed since that entry was written; ask again in a day.
"""


def evidence(
    connection: Connection, scope: Scope, claim_id: str, now: datetime, keys: SigningKeys
) -> dict[str, Any] | None:
    """The evidence pack's document at ``now`` (aware), or ``None`` where the caller sees no such claim."""
    found = claim_clock(connection, scope, claim_id, now)
    if found is None:
        return None
    entries = _entries(connection, claim_id)
    data = {
        event: [entry for entry in entries if entry.event == event] for event in {e.event for e in entries}
    }
    received = data.get("claim.received", [])
    # A judgement may have come after a newer one; the first one is the acknowledgement.
    judged = sorted(data.get(JUDGED, []), key=lambda entry: entry.data["judgement"])
    anchors = _anchors(connection, entries, keys.by_id())
    shown = {name: value for name, value in found.items() if name not in _PRIVATE}
    c = CLOCKS.c
    statement = select(c.member_key, c.payer_id, c.verdict, c.status).where(c.claim_id == claim_id)
    row = connection.execute(statement).one()
    return {
        **shown,
        "made_at": utc_text(now),
        "member": row.member_key,
        "payer_id": scope.payer_shown(row),
        "provider_npi": found["provider_npi"] if is_npi(found["provider_npi"]) else "",
        "payments": [_without_words(payment) for payment in found["payments"]],
        "receipt": dict(received[0].data) if received else {},
        "acknowledgement": {
            name: judged[0].data[name] for name in _ACKNOWLEDGED if judged and name in judged[0].data
        },
        "verdicts": [
            {
                **{name: entry.data[name] for name in entry.data if name not in _ACKNOWLEDGED},
                "sequence": entry.sequence,
            }
            for entry in judged
        ],
        "notices": _notices(connection, claim_id),
        "lines": _lines(connection, claim_id),
        **_proofs(connection, entries, anchors),
        "public_keys": key_documents(keys.public, keys.current),
    }


def _without_words(payment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payment.items() if name != "reason"}


def _entries(connection: Connection, claim_id: str) -> list[LogEntry]:
    log = TIMELINESS_LOG
    statement = select(log).where(log.c.claim_id == claim_id).order_by(log.c.sequence)
    return [
        LogEntry(
            row.sequence,
            row.recorded_at,
            row.event,
            row.claim_id,
            decoded(row.data),
            row.previous_hash,
            row.hash,
        )
        for row in connection.execute(statement)
    ]


def _anchors(
    connection: Connection, entries: Sequence[LogEntry], public_keys: Mapping[str, str]
) -> list[Checkpoint]:
    """The checkpoints after the claim's first entry, in order."""
    if not entries:
        return []
    c = CHECKPOINTS
    statement = select(c).where(c.c.sequence > entries[0].sequence).order_by(c.c.sequence)
    return [
        Checkpoint(
            row.sequence, row.hash, row.made_at, row.key_id, row.signature, public_keys.get(row.key_id, "")
        )
        for row in connection.execute(statement)
    ]


def _proofs(
    connection: Connection, entries: Sequence[LogEntry], checkpoints: Sequence[Checkpoint]
) -> dict[str, Any]:
    places = [checkpoint.sequence for checkpoint in checkpoints]
    wanted: dict[int, list[LogEntry]] = {}
    proofs: dict[int, dict[str, Any]] = {}
    for entry in entries:
        place = bisect_right(places, entry.sequence)
        if place < len(places):
            wanted.setdefault(place, []).append(entry)
        else:
            proofs[entry.sequence] = {"entry": entry, "checkpoint": None, "path": []}
    anchors = []
    for place, proven in wanted.items():
        checkpoint = checkpoints[place]
        [anchor] = audit_log.read(connection, checkpoint.sequence - 1, 1)
        anchors.append({"entry": anchor, "checkpoint": checkpoint})
        first = anchor.data["first"]
        hashes = _hashes(connection, first, checkpoint.sequence - 1)
        for entry in proven:
            steps = path(hashes, entry.sequence - first)
            proofs[entry.sequence] = {"entry": entry, "checkpoint": checkpoint.sequence, "path": steps}
    return {"log": [proofs[entry.sequence] for entry in entries], "checkpoints": anchors}


def _hashes(connection: Connection, first: int, last: int) -> list[str]:
    log = TIMELINESS_LOG.c
    statement = select(log.hash).where(log.sequence.between(first, last)).order_by(log.sequence)
    return list(connection.execute(statement).scalars())


def _notices(connection: Connection, claim_id: str) -> list[dict[str, Any]]:
    n = DEADLINE_NOTICES.c
    statement = (
        select(n.notice, n.deadline, n.noticed_at)
        .where(n.claim_id == claim_id)
        .order_by(n.noticed_at, n.notice)
    )
    return [
        {"notice": row.notice, "deadline": row.deadline, "noticed_at": utc_text(row.noticed_at)}
        for row in connection.execute(statement)
    ]


def _lines(connection: Connection, claim_id: str) -> list[dict[str, Any]]:
    c = CLAIM_LINES.c
    return [
        {
            "line": row.line,
            "service_date": row.service_date,
            "service_end": row.service_end,
            # A rejected claim may hold anything in these places, a person's name as well.
            "hcpcs": row.hcpcs if _HCPCS.fullmatch(row.hcpcs) else "",
            "modifiers": row.modifiers if _MODIFIERS.fullmatch(row.modifiers) else "",
            "benefit": row.benefit,
            "service": row.service,
            "outreach": bool(row.outreach),
            "units": row.units,
            "charge_cents": row.charge_cents,
        }
        for row in connection.execute(select(CLAIM_LINES).where(c.claim_id == claim_id).order_by(c.line))
    ]


def pack(document: Mapping[str, Any], verifier: bytes) -> bytes:
    """The evidence pack as a ZIP file, with the program that checks it."""
    encode = msgspec.json.Encoder(order="sorted").encode
    contents = {
        "README.txt": READ_ME.format(claim_id=document["claim_id"], made_at=document["made_at"]).encode(),
        "evidence.json": msgspec.json.format(encode(document), indent=2),
        "log.jsonl": b"".join(encode(each["entry"]) + b"\n" for each in document["log"]),
        "public-keys.json": msgspec.json.format(encode(document["public_keys"]), indent=2),
        "verify_log.py": verifier,
    }
    made = datetime.fromisoformat(document["made_at"]).timetuple()[:6]
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, made), content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()
