"""From verdicts and payment entries to the rows of ``clocks``, and back to an outcome. No I/O but ``entries_of``."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection, Row, select

from services.payments.clock import Entry, Outcome, Period, period_of, run
from services.payments.deadlines.notices import next_notice_on
from services.payments.models import PAYMENT_ENTRIES
from shared.among import among
from shared.claim import Channel, Receipt
from shared.events import Decision, JudgedService, ReviewKind
from shared.findings import Severity, Verdict
from shared.payers import PayerTerms

VOID = "8"
_UNITS_MAX = 10**9
_THOUSANDTH = Decimal("0.001")

_decode_terms = msgspec.json.Decoder(PayerTerms).decode
_encode = msgspec.json.Encoder().encode


class _Payer(Struct, frozen=True):
    id: str | None = None


class _Provider(Struct, frozen=True):
    npi: str | None = None


class _Line(Struct, frozen=True):
    number: int
    procedure_code: str | None = None
    modifiers: tuple[str, ...] = ()
    service_start: date | None = None
    service_end: date | None = None
    units: Decimal | None = None
    charge_cents: int | None = None
    control_number: str | None = None


class _ClaimFacts(Struct, frozen=True):
    channel: Channel
    claim_number: str | None = None
    payer: _Payer = _Payer()
    billing_provider: _Provider = _Provider()
    lines: tuple[_Line, ...] = ()
    frequency: str = "1"
    original_reference: str | None = None
    total_cents: int | None = None


class FindingFacts(Struct, frozen=True):
    """Which rule found something, and how severe. What it found may be PHI and is left out."""

    rule: str
    severity: Severity


class JudgedFacts(Struct, frozen=True):
    """What payments needs of a ``shared.events.ClaimJudged``: no member, nothing that is PHI."""

    claim_id: str
    submission_id: str
    judgement: int
    verdict: Verdict
    claim: _ClaimFacts
    receipt: Receipt
    organisation: str
    services: tuple[JudgedService, ...] = ()
    findings: tuple[FindingFacts, ...] = ()
    review: ReviewKind | None = None
    decision: Decision | None = None
    source_sha256: str = ""
    supersedes: str | UnsetType | None = UNSET

    @property
    def has_clock(self) -> bool:
        """Whether the claim has a clean-claim clock: not a rejected claim, and not a void, which asks nothing.

        A clean claim that the plan rejects after looking at it keeps its clock: that is a denial.
        """
        if self.claim.frequency == VOID:
            return False
        return self.verdict in ("accepted", "pended") or self.denial is not None

    @property
    def denial(self) -> Decision | None:
        """The decision by which the plan rejected a clean claim, where there is one."""
        decision = self.decision
        if decision and decision.decision == "reject" and decision.was in ("accepted", "pended"):
            return decision
        return None

    @property
    def superseded(self) -> str | None:
        """As ``clocks`` holds it: the claim in whose place this one stands, empty: of none, ``None``: not said."""
        return None if self.supersedes is UNSET else self.supersedes or ""

    @property
    def suspected(self) -> tuple[str, ...]:
        """The rules by which something came to light after the claim was accepted, while nobody has decided."""
        if self.review != "suspected":
            return ()
        return tuple(sorted({each.rule for each in self.findings if each.severity != "note"}))


def amount_of(claim: _ClaimFacts) -> int:
    """The claim's total charge in cents: as stated, or the sum of its lines."""
    if claim.total_cents is not None:
        return claim.total_cents
    return sum(line.charge_cents or 0 for line in claim.lines)


def _text(value: str | None, length: int) -> str:
    # A rejected claim may hold anything at all, and its rejection must still be written.
    return (value or "").replace("\x00", "")[:length]


def benefit_of(services: Iterable[JudgedService]) -> str:
    """``ECM``, ``CS``, ``ECM+CS``, or nothing where no line is listed."""
    return "+".join(sorted({service.benefit for service in services if service.benefit}, reverse=True))


def outreach_of(services: Sequence[JudgedService]) -> str:
    """``yes`` where every line is outreach, ``no`` where none is, else ``mixed``."""
    flags = {service.outreach for service in services}
    return "mixed" if len(flags) > 1 else "yes" if flags == {True} else "no"


def facts_row(facts: JudgedFacts, member_key: str, terms: PayerTerms, judged_at: datetime) -> dict[str, Any]:
    """The columns of a new clock that come from the claim; those of the outcome are
    :func:`outcome_columns`.
    """
    claim = facts.claim
    return {
        "claim_id": facts.claim_id,
        "submission_id": facts.submission_id,
        "claim_number": _text(claim.claim_number, 80),
        "member_key": member_key,
        "organisation": _text(facts.organisation, 200),
        "channel": claim.channel,
        "payer_id": _text(claim.payer.id, 80),
        "provider_npi": _text(claim.billing_provider.npi, 20),
        "benefit": benefit_of(facts.services),
        "outreach": outreach_of(facts.services),
        "frequency": _text(claim.frequency, 1),
        "original_reference": _text(claim.original_reference, 80) or None,
        "supersedes": facts.superseded,
        "received_at": datetime.fromisoformat(facts.receipt.received_at),
        "arrival_date": facts.receipt.arrival_date,
        "judgement": facts.judgement,
        "verdict": facts.verdict,
        "judged_at": judged_at,
        "terms": encoded_terms(terms),
        "suspected": " ".join(facts.suspected) or None,
        "amount_cents": amount_of(claim),
        "sequence": 1,
    }


def line_rows(facts: JudgedFacts) -> list[dict[str, Any]]:
    """The rows of ``claim_lines`` of a claim."""
    services = {service.line: service for service in facts.services}
    rows = []
    for line in facts.claim.lines:
        service = services.get(line.number)
        rows.append(
            {
                "claim_id": facts.claim_id,
                "line": line.number,
                "service_date": line.service_start,
                "service_end": line.service_end or line.service_start,
                "hcpcs": _text(line.procedure_code, 48),
                "modifiers": _text(" ".join(sorted(line.modifiers)), 80),
                "benefit": (service.benefit if service else None) or "",
                "service": (service.service if service else None) or "",
                "outreach": service is not None and service.outreach,
                "units": _units(line.units),
                "charge_cents": line.charge_cents or 0,
                "control_number": _text(line.control_number, 50) or None,
            }
        )
    return rows


def _units(units: Decimal | None) -> Decimal | None:
    if units is None or not units.is_finite() or abs(units) >= _UNITS_MAX:
        return None
    # As the column keeps it: the two databases would round by rules of their own, and have no -0.
    return units.quantize(_THOUSANDTH, ROUND_HALF_UP) + 0


@lru_cache(maxsize=1024)
def encoded_terms(terms: PayerTerms) -> bytes:
    """What of a payer's terms the clock depends on, to be kept with the clock: later terms do not
    change it.
    """
    return _encode(
        {
            "regime": terms.regime,
            "receipt_on_non_working_day": terms.receipt_on_non_working_day,
            "near_days": terms.near_days,
            "near_days_90": terms.near_days_90,
        }
    )


@lru_cache(maxsize=1024)
def decoded_terms(terms: bytes) -> PayerTerms:
    """The terms as kept with a clock."""
    return _decode_terms(terms)


def outcome_columns(outcome: Outcome | None) -> dict[str, Any]:
    """The columns of ``clocks`` that an outcome fills; ``None``: the claim has no clock."""
    if outcome is None:
        return dict(_NO_CLOCK)
    return {
        "status": outcome.status,
        "late": outcome.late,
        "receipt_date": outcome.period.receipt_date,
        "standard": outcome.period.standard,
        "deadline": outcome.period.deadline,
        "running_deadline": outcome.deadline,
        "near_on": outcome.near_on,
        "contract_from": outcome.contract_from,
        "contested_on": outcome.contested_on,
        "contest_in_time": outcome.contest_in_time,
        "information_on": outcome.information_on,
        "paid_on": outcome.paid_on,
        "denied_on": outcome.denied_on,
        "withdrawn_on": outcome.withdrawn_on,
        "settled_on": outcome.settled_on,
        "paid_cents": outcome.paid_cents,
        "denied_cents": outcome.denied_cents,
        "outstanding_cents": outcome.outstanding_cents or 0,
        "interest_cents": outcome.interest_cents,
        "interest_paid_cents": outcome.interest_paid_cents,
        "next_notice_on": next_notice_on(outcome),
    }


_NO_CLOCK: Mapping[str, Any] = {
    "status": "none",
    "late": False,
    **dict.fromkeys(
        (
            "receipt_date",
            "standard",
            "deadline",
            "running_deadline",
            "near_on",
            "contract_from",
            "contested_on",
            "contest_in_time",
            "information_on",
            "paid_on",
            "denied_on",
            "withdrawn_on",
            "settled_on",
            "next_notice_on",
        )
    ),
    **dict.fromkeys(
        ("paid_cents", "denied_cents", "outstanding_cents", "interest_cents", "interest_paid_cents"), 0
    ),
}


def fold(arrival_date: date, terms: PayerTerms, amount_cents: int, entries: Sequence[Entry]) -> Outcome:
    """The outcome of a clean claim."""
    if not entries:
        return _untouched(arrival_date, terms, amount_cents)
    return run(period_of(arrival_date, terms), terms, amount_cents, entries)


@lru_cache(maxsize=65_536)
def _untouched(arrival_date: date, terms: PayerTerms, amount_cents: int) -> Outcome:
    return run(period_of(arrival_date, terms), terms, amount_cents, ())


def period_of_row(row: Row[Any]) -> Period:
    """The period of a claim from its row of ``clocks``."""
    return period_of(row.arrival_date, decoded_terms(row.terms))


def fold_row(row: Row[Any], entries: Sequence[Entry]) -> Outcome:
    """The outcome of a claim from its row of ``clocks`` and its entries."""
    return fold(row.arrival_date, decoded_terms(row.terms), row.amount_cents, entries)


def entries_of(connection: Connection, claim_ids: Sequence[str]) -> dict[str, list[Entry]]:
    """The payment entries of these claims, each claim's in the order in which they were recorded."""
    table = PAYMENT_ENTRIES
    statement = (
        select(
            *(table.c.claim_id, table.c.kind, table.c.date, table.c.amount_cents, table.c.interest_cents),
            *(table.c.line, table.c.entry_id, table.c.corrects),
        )
        .where(among(connection, table.c.claim_id, claim_ids))
        .order_by(table.c.entry_id)
    )
    found: dict[str, list[Entry]] = {}
    for claim_id, *values in connection.execute(statement):
        found.setdefault(claim_id, []).append(Entry(*values))
    return found
