"""What is on which topic, who sends it and who listens: the facts behind the published contracts."""

from datetime import date
from typing import Any, Literal, get_args

from msgspec import Struct

from services.payments.record import KINDS
from shared import events
from shared.care import AuthorizationStatus
from shared.events import ClaimJudged, ClaimReceived, ClockEvent, PaymentRecorded
from shared.prompt_pay import ClockState

Party = Literal["intake", "validator", "payments", "plan"]
"""``plan`` is everybody outside: the claims department's own systems, and counties."""


class CareServiceRecord(Struct, frozen=True, omit_defaults=True):
    """A service of another program: data of an event on ``care.services.v1``, the fields of the CSV feed.

    The same ``record_id`` of the same ``source`` again is a correction; with ``withdrawn`` the record is taken
    back, and nothing else is needed. Dates are California's; times are ``HH:MM`` there.
    """

    record_id: str | None = None
    cin: str | None = None
    service_date: date | None = None
    program: str | None = None
    procedure_code: str | None = None
    modifiers: tuple[str, ...] | str | None = None
    units: str | float | None = None
    provider_npi: str | None = None
    provider_tin: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    source: str | None = None
    withdrawn: bool = False


class EnrollmentRecord(Struct, frozen=True, omit_defaults=True):
    """A member's time in a program: data of an event on ``care.enrollments.v1``, the fields of the CSV feed.

    No ``end_date``: no end is known. Corrected and withdrawn by ``record_id``.
    """

    record_id: str | None = None
    cin: str | None = None
    program: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    care_manager_npi: str | None = None
    source: str | None = None
    withdrawn: bool = False


class AuthorizationRecord(Struct, frozen=True, omit_defaults=True):
    """What a plan authorized, or did not: data of an event on ``care.authorizations.v1``.

    ``service`` is a Community Support's id, empty for ECM. ``graduated`` and ``ended`` hold through ``end_date``.
    Corrected and withdrawn by ``record_id``.
    """

    record_id: str | None = None
    cin: str | None = None
    benefit: Literal["ECM", "CS"] | None = None
    service: str | None = None
    authorization_number: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    provider_npi: str | None = None
    status: AuthorizationStatus | None = None
    population_of_focus: str | None = None
    presumptive: bool = False
    source: str | None = None
    withdrawn: bool = False


class MemberAliasRecord(Struct, frozen=True, omit_defaults=True):
    """Two CINs of one member: data of an event on ``care.member-aliases.v1``. Withdrawn by ``record_id``."""

    record_id: str | None = None
    cin: str | None = None
    alias_cin: str | None = None
    source: str | None = None
    withdrawn: bool = False


class Topic(Struct, frozen=True):
    """One topic. ``data`` is the type of every event's data; ``types`` are the CloudEvents types with their use.

    ``any_type``: the sender names the type as it likes, and the one given is only proposed. ``needed``: fields
    that a record which is not withdrawn must have, though the type lets them be absent.
    """

    name: str
    title: str
    data: type[Struct]
    types: dict[str, str]
    senders: tuple[Party, ...]
    receivers: tuple[Party, ...]
    any_type: bool = False
    needed: tuple[str, ...] = ()


TOPICS: tuple[Topic, ...] = (
    Topic(
        events.CLAIMS_RECEIVED,
        "Claims as they were received, before they are judged",
        ClaimReceived,
        {
            "claim.received": "An original claim (frequency 1).",
            "claim.replaced": "A claim that replaces an earlier one (frequency 7).",
            "claim.voided": "A claim that takes an earlier one back (frequency 8).",
        },
        ("intake",),
        ("validator",),
    ),
    Topic(
        events.CLAIMS_VALIDATED,
        "Accepted claims",
        ClaimJudged,
        {"claim.validated": "The claim passed every rule, or the plan released it from review."},
        ("validator",),
        ("intake", "payments", "plan"),
    ),
    Topic(
        events.CLAIMS_PENDED,
        "Claims that the plan has to look at",
        ClaimJudged,
        {"claim.pended": "The claim waits in the plan's review queue. Its payment clock runs on."},
        ("validator",),
        ("intake", "payments", "plan"),
    ),
    Topic(
        events.CLAIMS_REJECTED,
        "Rejected claims",
        ClaimJudged,
        {"claim.rejected": "The claim cannot be paid as sent, or the plan rejected it in review."},
        ("validator",),
        ("intake", "payments", "plan"),
    ),
    Topic(
        events.CLAIMS_DUPLICATES_FOUND,
        "Accepted claims against which a later record speaks",
        ClaimJudged,
        {
            "claim.duplicates_found": "Something came to light after the claim was accepted. Its verdict stands."
        },
        ("validator",),
        ("intake", "payments", "plan"),
    ),
    Topic(
        events.CARE_SERVICES,
        "Services of other programs (CHW, TCM, ICC, CCS and others)",
        CareServiceRecord,
        {"care.service": "A service was given, corrected or taken back."},
        ("plan",),
        ("validator",),
        any_type=True,
        needed=("cin", "service_date", "program"),
    ),
    Topic(
        events.CARE_ENROLLMENTS,
        "Enrolments in other programs",
        EnrollmentRecord,
        {"care.enrollment": "An enrolment began, ended, was corrected or taken back."},
        ("plan",),
        ("validator",),
        any_type=True,
        needed=("cin", "program", "start_date"),
    ),
    Topic(
        events.CARE_AUTHORIZATIONS,
        "Authorizations of ECM and Community Supports",
        AuthorizationRecord,
        {"care.authorization": "An authorization was given, declined, ended, corrected or taken back."},
        ("plan",),
        ("validator",),
        any_type=True,
        needed=("cin", "benefit", "start_date"),
    ),
    Topic(
        events.CARE_MEMBER_ALIASES,
        "Members with more than one CIN",
        MemberAliasRecord,
        {"care.member_alias": "Two CINs are one member's, or no longer."},
        ("plan",),
        ("validator",),
        any_type=True,
        needed=("cin", "alias_cin"),
    ),
    Topic(
        events.PAYMENTS_RECORDED,
        "What the plan did with a claim: paid, denied, contested",
        PaymentRecorded,
        {"payment.recorded": "One payment event of one claim."},
        ("plan",),
        ("payments",),
        any_type=True,
    ),
    Topic(
        events.PAYMENTS_CLOCKS,
        "Payment clocks of clean claims",
        ClockEvent,
        {
            "clock.started": "A clock started, or started again.",
            "clock.stopped": "A clock stopped without payment or denial.",
            "clock.deadline_near": "A deadline is near.",
            "clock.deadline_missed": "A deadline passed without payment.",
            "claim.paid": "A payment was recorded.",
            "claim.denied": "A denial was recorded.",
            "claim.contested": "The plan asked for information in writing.",
            "interest.due": "Interest is due.",
        },
        ("payments",),
        ("intake", "validator", "plan"),
    ),
)

_TEXT: dict[str, Any] = {"type": "string"}
_DAY: dict[str, Any] = {"type": "string", "format": "date"}
_DAYS: dict[str, Any] = {"type": "array", "items": _DAY}
_CENTS: dict[str, Any] = {"type": "integer"}
_FLAG: dict[str, Any] = {"type": "boolean"}

CLOCK_SCHEMA: dict[str, Any] = {
    "title": "Clock",
    "description": "A clock as it stands. Keys that do not apply are absent. Money in cents, days in California.",
    "type": "object",
    "properties": {
        "state": {"enum": [*get_args(ClockState), "not_running"]},
        "received": _DAY,
        "arrival_date": _DAY,
        "receipt_date": {
            **_DAY,
            "description": "The working day from which Health and Safety Code 1371 counts.",
        },
        "standard": {"enum": ["clock.hsc1371_working", "clock.hsc1371_calendar"]},
        "deadline": {**_DAY, "description": "The deadline of Health and Safety Code 1371."},
        "cautious_deadline": {**_DAY, "description": "The same, counted from the arrival itself."},
        "near_dates": _DAYS,
        "near_from": _DAY,
        "contract_30": _DAY,
        "contract_90": _DAY,
        "contract_90_near_dates": _DAYS,
        "acknowledgement_due": _DAY,
        "authority": {"type": "array", "items": _TEXT},
        "contested": _DAY,
        "contest_in_time": _FLAG,
        "information_received": _DAY,
        "deadline_after_information": _DAY,
        "contract_30_after_information": _DAY,
        "contract_90_after_information": _DAY,
        "paid": _DAY,
        "partially_paid": _DAY,
        "denied": _DAY,
        "withdrawn": _DAY,
        "amount_cents": _CENTS,
        "paid_cents": _CENTS,
        "denied_cents": _CENTS,
        "days_late": {"type": "integer"},
        "interest_cents": _CENTS,
        "interest_paid_cents": _CENTS,
        "interest_per_day_cents": _CENTS,
        "interest_cent_days": {
            "type": "integer",
            "description": "While it runs: cents times days late so far, to be rounded together with those of the "
            "open rest.",
        },
        "interest_lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"line": {"type": "integer", "minimum": 1}, "interest_cents": _CENTS},
                "required": ["interest_cents"],
            },
        },
        "interest_payable_by": _DAY,
        "interest_may_wait_for_month": {**_TEXT, "pattern": "^\\d{4}-\\d{2}$"},
        "interest_fee_cents_if_not_automatic": _CENTS,
        "interest_fee_due_cents": _CENTS,
        "suspected_duplicate": {
            "type": "array",
            "items": _TEXT,
            "description": "The rules by which a later record speaks against the accepted claim.",
        },
    },
    "required": ["state"],
}

PAYMENT_KINDS = KINDS
