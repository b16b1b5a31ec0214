"""The events between the services: CloudEvents 1.0 with typed data.

An event's key is the keyed hash of the member's CIN, so that everything about one member meets in one partition
and no PHI stands in a key. ``data`` is JSON, encoded once where the event is made and carried as bytes.
"""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType
from uuid_utils import uuid7

from shared.care import Evidence
from shared.claim import Channel, Claim, Receipt, Submitter
from shared.findings import Finding, Verdict

CLAIMS_RECEIVED = "claims.received.v1"
CLAIMS_VALIDATED = "claims.validated.v1"
CLAIMS_PENDED = "claims.pended.v1"
CLAIMS_REJECTED = "claims.rejected.v1"
CLAIMS_DUPLICATES_FOUND = "claims.duplicates-found.v1"
CARE_SERVICES = "care.services.v1"
CARE_ENROLLMENTS = "care.enrollments.v1"
CARE_AUTHORIZATIONS = "care.authorizations.v1"
CARE_MEMBER_ALIASES = "care.member-aliases.v1"
PAYMENTS_RECORDED = "payments.recorded.v1"
PAYMENTS_CLOCKS = "payments.clocks.v1"

TOPICS = (
    CLAIMS_RECEIVED,
    CLAIMS_VALIDATED,
    CLAIMS_PENDED,
    CLAIMS_REJECTED,
    CLAIMS_DUPLICATES_FOUND,
    CARE_SERVICES,
    CARE_ENROLLMENTS,
    CARE_AUTHORIZATIONS,
    CARE_MEMBER_ALIASES,
    PAYMENTS_RECORDED,
    PAYMENTS_CLOCKS,
)

VERDICTS = (CLAIMS_VALIDATED, CLAIMS_PENDED, CLAIMS_REJECTED)

ReviewKind = Literal["pended", "suspected", "reconsider"]


class Event(Struct, frozen=True):
    """A CloudEvent. ``id`` is unique and time-ordered; ``subject`` is the claim id; ``time`` is UTC, ISO 8601."""

    id: str
    topic: str
    type: str
    source: str
    subject: str
    time: str
    key: str
    data: bytes
    correlation_id: str = ""


class ClaimReceived(Struct, frozen=True, omit_defaults=True):
    """Data of ``claim.received``, ``claim.replaced`` (frequency 7) and ``claim.voided`` (8).

    ``findings`` are those of reading and conformity; the validator adds its own. ``source_sha256`` is the SHA-256
    (hex) of the bytes that the provider sent; empty in events from before there was one.
    """

    claim_id: str
    submission_id: str
    claim: Claim
    receipt: Receipt
    submitter: Submitter
    findings: tuple[Finding, ...] = ()
    source_sha256: str = ""


class ClaimJudged(Struct, frozen=True, omit_defaults=True):
    """Data of ``claim.validated``, ``claim.pended``, ``claim.rejected`` and ``claim.duplicates_found``.

    ``judgement`` counts a claim's judgements from 1: of two for the same claim, the higher number rules, in
    whatever order they arrive. ``findings`` are all that hold as of this judgement; ``verdict`` is their worst
    on the first, and afterwards moves only by a person's ``decision`` or when nothing keeps a pended claim
    pended. ``review`` says that the claim waits for a decision: ``pended``; ``suspected``, accepted and something
    came to light later; ``reconsider``, rejected for a record that has gone since. ``found`` is what is new in a
    later judgement; ``evidence`` what the findings rest on. ``file_notes`` are of the whole file, and may come with
    several of its claims. ``source_sha256`` is that of the bytes that the provider sent. ``supersedes`` is said of
    replacements and voids (frequency 7, 8): the claim in whose place this one stands while it is accepted or pended,
    null where there is none; events from before it was said leave it out.
    """

    claim_id: str
    submission_id: str
    judgement: int
    verdict: Verdict
    clean: bool
    claim: Claim
    receipt: Receipt
    organisation: str
    findings: tuple[Finding, ...]
    services: tuple["JudgedService", ...]
    versions: dict[str, str]
    review: ReviewKind | None = None
    found: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    decision: "Decision | None" = None
    file_notes: tuple[Finding, ...] = ()
    source_sha256: str = ""
    supersedes: str | UnsetType | None = UNSET


class Decision(Struct, frozen=True, omit_defaults=True):
    """What the claims department decided of a claim in review. ``decided_at`` is UTC, ``decided_by`` a key's id.

    ``was`` is the verdict until then: a claim that was clean had a clock, and its rejection is a denial.
    """

    decision: Literal["release", "reject"]
    was: Verdict
    reason: str
    decided_by: str
    decided_at: str


class JudgedService(Struct, frozen=True, omit_defaults=True):
    """What a line is in DHCS's terms: ``benefit`` ECM or CS, the service's name, outreach or not."""

    line: int
    benefit: str | None = None
    service: str | None = None
    outreach: bool = False


class ClockEvent(Struct, frozen=True, omit_defaults=True):
    """Data of every event on ``payments.clocks.v1``: the clock as it stands after the change.

    ``clock`` has the shape of the outside contract (``services.payments.clock``); ``payment`` is the entry that
    changed it, where one did; ``notice`` the deadline that the event tells of. ``sequence`` counts the changes of
    one claim's clock, and the notices.
    """

    claim_id: str
    sequence: int
    channel: Channel
    payer_id: str
    provider_npi: str
    clock: dict[str, Any]
    payment: dict[str, Any] | None = None
    notice: "DeadlineNotice | None" = None


class DeadlineNotice(Struct, frozen=True, omit_defaults=True):
    """Which deadline ``clock.deadline_near``, ``clock.deadline_missed`` and ``interest.due`` speak of.

    ``due_on`` is the day on which it was to be told (California); after downtime the event comes later than that.
    """

    notice: str
    deadline: date
    due_on: date
    authority: str


class PaymentRecorded(Struct, frozen=True, omit_defaults=True):
    """Data of a payment event, from HTTP or from ``payments.recorded.v1``. ``date`` is California's.

    ``line`` is the service line it is for. ``corrects`` is the ``payment_event_id`` of an earlier event of the
    claim that counts no more: this one stands in its place, or, ``cancelled``, nothing does.
    """

    kind: str
    date: date
    claim_id: str | None = None
    amount_cents: int | None = None
    interest_cents: int | None = None
    reference: str | None = None
    reason: str | None = None
    line: int | None = None
    corrects: str | None = None


encode = msgspec.json.Encoder().encode
"""Any struct as JSON bytes."""


def new_event(
    topic: str,
    type_: str,
    source: str,
    *,
    subject: str,
    key: str,
    data: Struct | bytes,
    now: datetime,
    correlation_id: str = "",
) -> Event:
    """An event of its own id at ``now`` (an aware instant). ``data`` is encoded unless it already is JSON bytes."""
    return Event(
        id=uuid7().hex,
        topic=topic,
        type=type_,
        source=source,
        subject=subject,
        time=utc_text(now),
        key=key,
        data=data if isinstance(data, bytes) else encode(data),
        correlation_id=correlation_id,
    )


@lru_cache(maxsize=256)
def utc_text(instant: datetime) -> str:
    """``instant`` (aware) in UTC as ISO 8601 with microseconds and a ``Z``: sortable as text."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def claim_id() -> str:
    """A new claim id: ``clm_`` and a time-ordered UUID."""
    return f"clm_{uuid7().hex}"


def submission_id() -> str:
    """A new submission id: ``sub_`` and a time-ordered UUID."""
    return f"sub_{uuid7().hex}"
