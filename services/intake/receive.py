"""Receiving a provider's file: stamp it, read it, store all of it, and hand its claims on – in one transaction.

What this function has accepted survives any crash: the source bytes, every claim, the outgoing events and the
counts commit together. The same bytes from the same organisation are one submission, however often and from
however many clients they come.
"""

import hashlib
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from services.intake.models import (
    CLAIMS,
    CONFORMITY_JOBS,
    MESSAGING,
    SOURCE_PARTS,
    SUBMISSIONS,
    UNREADABLE_CLAIMS,
)
from services.intake.payer_notes import unknown_payer_notes
from services.intake.readers import Census, ClaimRead, ClaimsFile, UnreadableClaim
from services.intake.readers.recognise import open_claims_file
from services.intake.receipt_day import receipt_date_of_file
from shared.calendar import pacific_date
from shared.claim import Receipt, Submitter
from shared.database import insert_rows
from shared.events import (
    CLAIMS_RECEIVED,
    ClaimReceived,
    Event,
    claim_id,
    encode,
    new_event,
    submission_id,
    utc_text,
)
from shared.failpoints import failpoint
from shared.identifiers import member_key
from shared.messaging.outbox import enqueue
from shared.parts import Parts

BATCH = 500
READ_AHEAD = 4_000
"""Claims read before the transaction begins; the rest of a larger file is read as it is stored, in bounded memory."""
_PART_BYTES = 1 << 20
_TYPES = {"7": "claim.replaced", "8": "claim.voided"}

SOURCE = "/intake"


class TotalsDoNotMeet(Exception):
    """A reader gave more or fewer claims than the census counted. The file is refused rather than half taken."""


def receive(
    parts: Parts,
    submitter: Submitter,
    path: Path,
    file_name: str,
    *,
    correlation_id: str = "",
    open_file: Callable[[Path, str], ClaimsFile] = open_claims_file,
) -> tuple[str, bool]:
    """Take the file in; return its submission id and whether it is new.

    Raises ``FileRefused`` where the file cannot be used at all; then nothing is stored.
    """
    received_at = parts.now()
    sha256 = _sha256(path)
    if known := _known(parts, submitter.organisation, sha256):
        return known, False
    claims_file = open_file(path, file_name)
    arrival = Arrival(
        submission_id=submission_id(),
        submitter=submitter,
        receipt=Receipt(received_at=utc_text(received_at), arrival_date=pacific_date(received_at)),
        received_at=received_at,
        correlation_id=correlation_id,
        sha256=sha256,
    )
    hand_on = not _needs_conformity(parts, claims_file)
    batches = _read(parts, arrival, claims_file.items(), hand_on=hand_on)
    # Most files are read whole before they hold up anybody else who writes.
    first = list(itertools.islice(batches, READ_AHEAD // BATCH))
    try:
        with parts.database.begin() as connection:
            _store(connection, parts, arrival, claims_file, itertools.chain(first, batches), path, file_name)
            failpoint("receive_before_commit")
    except IntegrityError:
        # Another client sent the same bytes at the same moment and was first.
        if known := _known(parts, submitter.organisation, sha256):
            return known, False
        raise
    return arrival.submission_id, True


class Arrival(Struct, frozen=True):
    """What all claims of one submission share."""

    submission_id: str
    submitter: Submitter
    receipt: Receipt
    received_at: datetime
    correlation_id: str
    sha256: str


def received_event(
    parts: Parts, received: ClaimReceived, document: bytes, now: datetime, correlation_id: str
) -> Event:
    """The event that hands a claim to the validator. Without a usable CIN the claim's own id keys it."""
    claim = received.claim
    return new_event(
        CLAIMS_RECEIVED,
        _TYPES.get(claim.frequency, "claim.received"),
        SOURCE,
        subject=received.claim_id,
        key=member_key(parts.member_secret, claim.member.cin or received.claim_id),
        data=document,
        now=now,
        correlation_id=correlation_id,
    )


class _Batch(NamedTuple):
    """What a batch of claims becomes: rows of two tables, events, and the payers that the claims name."""

    claims: list[dict[str, object]]
    unreadable: list[dict[str, object]]
    events: list[Event]
    payer_ids: set[str]


def _read(
    parts: Parts, arrival: Arrival, items: Iterable[ClaimRead | UnreadableClaim], *, hand_on: bool
) -> Iterator[_Batch]:
    numbered = enumerate(items)
    while some := list(itertools.islice(numbered, BATCH)):
        batch = _Batch([], [], [], set())
        for ordinal, item in some:
            if isinstance(item, UnreadableClaim):
                batch.unreadable.append(_unreadable_row(arrival, ordinal, item))
                continue
            received = ClaimReceived(
                claim_id=claim_id(),
                submission_id=arrival.submission_id,
                claim=item.claim,
                receipt=arrival.receipt,
                submitter=arrival.submitter,
                findings=item.findings,
                source_sha256=arrival.sha256,
            )
            document = encode(received)
            batch.claims.append(_claim_row(arrival, ordinal, received, document))
            if item.claim.payer.id:
                batch.payer_ids.add(item.claim.payer.id)
            if hand_on:
                event = received_event(parts, received, document, arrival.received_at, arrival.correlation_id)
                batch.events.append(event)
        yield batch


def _needs_conformity(parts: Parts, claims_file: ClaimsFile) -> bool:
    return claims_file.channel == "837P" and parts.settings.x12_conformity


def _store(
    connection: Connection,
    parts: Parts,
    arrival: Arrival,
    claims_file: ClaimsFile,
    batches: Iterable[_Batch],
    path: Path,
    file_name: str,
) -> None:
    census = claims_file.census
    needs_conformity = _needs_conformity(parts, claims_file)
    connection.execute(
        insert(SUBMISSIONS).values(
            submission_id=arrival.submission_id,
            organisation=arrival.submitter.organisation,
            file_name=file_name,
            sha256=arrival.sha256,
            size_bytes=path.stat().st_size,
            channel=claims_file.channel,
            received_at=arrival.received_at,
            arrival_date=arrival.receipt.arrival_date,
            # Of which payers the claims are is known at the end.
            receipt_date=arrival.receipt.arrival_date,
            status="judging",
            claims=census.claims,
            census=encode(census),
            notes=b"[]",
            correlation_id=arrival.correlation_id,
        )
    )
    insert_rows(connection, SOURCE_PARTS, list(_compressed_parts(arrival.submission_id, path)))
    unreadable, payer_ids = _store_claims(connection, batches, census)
    notes = [*claims_file.notes, *unknown_payer_notes(parts.payers, payer_ids)]
    connection.execute(
        update(SUBMISSIONS)
        .where(SUBMISSIONS.c.submission_id == arrival.submission_id)
        .values(
            unreadable=unreadable,
            receipt_date=receipt_date_of_file(arrival.receipt.arrival_date, payer_ids, parts.payers),
            notes=encode(notes),
            status="complete" if unreadable == census.claims else "judging",
        )
    )
    if needs_conformity and unreadable < census.claims:
        connection.execute(insert(CONFORMITY_JOBS).values(submission_id=arrival.submission_id))


def _store_claims(connection: Connection, batches: Iterable[_Batch], census: Census) -> tuple[int, set[str]]:
    unreadable = claims = 0
    payer_ids: set[str] = set()
    for batch in batches:
        insert_rows(connection, CLAIMS, batch.claims)
        insert_rows(connection, UNREADABLE_CLAIMS, batch.unreadable)
        enqueue(connection, MESSAGING, batch.events)
        claims += len(batch.claims) + len(batch.unreadable)
        unreadable += len(batch.unreadable)
        payer_ids |= batch.payer_ids
    if claims != census.claims:
        raise TotalsDoNotMeet(f"the census counted {census.claims} claims, the reader gave {claims}")
    return unreadable, payer_ids


def _claim_row(arrival: Arrival, ordinal: int, received: ClaimReceived, document: bytes) -> dict[str, object]:
    claim = received.claim
    return {
        "claim_id": received.claim_id,
        "submission_id": arrival.submission_id,
        "ordinal": ordinal,
        "set_ordinal": claim.source.set_ordinal,
        "claim_ordinal": claim.source.claim_ordinal,
        "organisation": arrival.submitter.organisation,
        "claim_number": _fit(claim.claim_number, 80),
        "payer_id": _fit(claim.payer.id, 80),
        "billing_npi": _fit(claim.billing_provider.npi, 20),
        "received": document,
    }


def _unreadable_row(arrival: Arrival, ordinal: int, item: UnreadableClaim) -> dict[str, object]:
    return {
        "submission_id": arrival.submission_id,
        "ordinal": ordinal,
        "claim_number": _fit(item.claim_number, 80),
        "place": _fit(item.where, 255),
        "rows": encode(item.rows),
        "findings": encode(item.findings),
    }


def _fit(text: str | None, length: int) -> str | None:
    """Columns to search by are bounded; the whole value stands in the document."""
    return text[:length] if text else text


def _known(parts: Parts, organisation: str, sha256: str) -> str | None:
    with parts.database.read() as connection:
        found: str | None = connection.execute(
            select(SUBMISSIONS.c.submission_id).where(
                SUBMISSIONS.c.organisation == organisation, SUBMISSIONS.c.sha256 == sha256
            )
        ).scalar_one_or_none()
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _compressed_parts(submission: str, path: Path) -> Iterator[dict[str, object]]:
    with path.open("rb") as file:
        for part in itertools.count():
            if not (content := file.read(_PART_BYTES)):
                return
            yield {"submission_id": submission, "part": part, "compressed": zlib.compress(content, 1)}


def restore_source(connection: Connection, submission: str, path: Path) -> None:
    """Write the submission's source bytes, exactly as they arrived, to ``path``."""
    parts = connection.execute(
        select(SOURCE_PARTS.c.compressed)
        .where(SOURCE_PARTS.c.submission_id == submission)
        .order_by(SOURCE_PARTS.c.part)
        .execution_options(yield_per=1)
    )
    with path.open("wb") as file:
        for (compressed,) in parts:
            file.write(zlib.decompress(compressed))
