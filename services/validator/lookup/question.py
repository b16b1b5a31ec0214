"""What else a member has: programs, authorizations and services, before ECM is billed and lost to another program.

A provider sees only members whom it serves, and of other providers no more than it needs to know that there is
one. Every look-up is logged with the key and the member's pseudonym (45 CFR 164.312(b), audit controls).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, select

from services.validator import facts
from services.validator.lookup.shapes import Advice, EcmMonth, Overlaps, Viewer, known_program
from services.validator.models import CARE_RECORDS
from services.validator.rules import Aliases, Context, EarlierLine, Span, prepare
from services.validator.rules.care import care_findings
from services.validator.rules.history import care_key, line_keys_of
from shared.among import among
from shared.calendar import us_date
from shared.care import Authorization, CareService, Enrollment
from shared.claim import Claim, Member, Payer, Provider, Receipt, ServiceLine, Submitter
from shared.events import ClaimReceived
from shared.findings import Finding
from shared.identifiers import cin_of_bic, cin_shape
from shared.parts import Parts
from shared.reference.codes import CodeSet, ListedCode
from shared.security import Principal

DAYS_BACK = 365

R = TypeVar("R", CareService, Enrollment, Authorization)
S = TypeVar("S", Enrollment, Authorization)


class NotServed(Exception):
    """No such member, or none whom the caller serves: which of the two is not for it to know."""


def cin_asked(text: str) -> str | None:
    """The CIN that somebody typed or read off a card; ``None`` where it is none."""
    written = "".join(text.split()).replace("-", "").upper()
    cin = cin_of_bic(written) or written
    return None if cin_shape(cin) == "wrong" else cin


def overlaps(connection: Connection, parts: Parts, principal: Principal, cin: str, on: date) -> Overlaps:
    """What else the member has, for the plan or for a provider who serves it, around the day ``on``.

    Raises ``NotServed`` for a provider who has neither billed for the member nor is named by an authorization.
    """
    aliases = facts.aliases_of(connection, [cin])
    cins = aliases.of(cin)
    since = on - timedelta(days=DAYS_BACK)
    authorizations = _records(connection, "authorizations", Authorization, cins)
    seen = Viewer(principal, parts, _own_payers(connection, principal, cins, authorizations))
    enrollments = _records(connection, "enrollments", Enrollment, cins, since)
    services = _records(connection, "services", CareService, cins, since)
    billed = _ecm_lines(connection, cins, since, CodeSet.load(), seen)
    payers = seen.payers
    if payers is None:
        payers = frozenset(
            payer
            for of_feed in (authorizations, enrollments, services)
            for record in of_feed
            for payer in record.payers
        )
    return Overlaps(
        on=on,
        since=since,
        programs=tuple(
            known_program(each, on) for each in _in_order(enrollments) if seen.may_see(each.payers)
        ),
        authorizations=tuple(
            seen.authorization(each) for each in _in_order(authorizations) if seen.may_see(each.payers)
        ),
        services=tuple(
            seen.service(each)
            for each in sorted(services, key=lambda each: (each.service_date, each.record_id), reverse=True)
            if seen.may_see(each.payers)
        ),
        ecm_history=_by_month(billed, seen),
        expected=tuple(_advice(connection, parts, seen, aliases, cin, on, payers, billed)),
    )


def _own_payers(
    connection: Connection, principal: Principal, cins: Sequence[str], authorizations: Iterable[Authorization]
) -> frozenset[str] | None:
    """The plans for whose member the provider works; ``None``: all. Raises ``NotServed`` where it does not."""
    if principal.role != "provider":
        return None
    # Standing ones only: a claim that was taken back or rejected was perhaps for somebody else.
    mine = [line for line in _lines(connection, cins) if line.billing_npi in principal.npis]
    named = [each for each in authorizations if each.provider_npi in principal.npis]
    if not mine and not named:
        raise NotServed
    if any(not each.payers for each in named):
        return None
    of_lines = {line.payer_id for line in mine if line.payer_id}
    return frozenset(of_lines | {payer for each in named for payer in each.payers})


def _lines(connection: Connection, cins: Sequence[str], since: date = date.min) -> list[EarlierLine]:
    spans = [Span(key, since, date.max, last_key) for key, last_key in map(line_keys_of, cins)]
    # Two members may share a key.
    return [line for line in facts.lines_for(connection, spans) if line.cin in cins]


def _records(
    connection: Connection, feed: str, kind: type[R], cins: Sequence[str], since: date = date.min
) -> list[R]:
    c = CARE_RECORDS.c
    documents = connection.execute(
        select(c.document)
        .where(
            among(connection, c.care_key, map(care_key, cins)),
            c.feed == feed,
            c.last_day >= since,
            ~c.withdrawn,
        )
        .order_by(c.first_day, c.scope, c.source, c.record_id)
    ).scalars()
    decode = msgspec.json.Decoder(kind).decode
    # Two members may share a key.
    return [record for document in documents if (record := decode(document)).cin in cins]


def _ecm_lines(
    connection: Connection, cins: Sequence[str], since: date, codes: CodeSet, seen: Viewer
) -> list[EarlierLine]:
    return [
        line
        for line in _lines(connection, cins, since)
        if seen.may_see((line.payer_id,) if line.payer_id else ()) and _is_ecm_service(codes, line)
    ]


def _is_ecm_service(codes: CodeSet, line: EarlierLine) -> bool:
    rows = codes.match(line.hcpcs, line.modifiers).rows
    return bool(rows) and rows[0].benefit == "ECM" and not rows[0].outreach


def _by_month(lines: Iterable[EarlierLine], seen: Viewer) -> tuple[EcmMonth, ...]:
    counted: dict[tuple[date, bool], int] = {}
    for line in lines:
        key = (line.service_start.replace(day=1), seen.is_own(line.billing_npi))
        counted[key] = counted.get(key, 0) + 1
    return tuple(
        EcmMonth(month, own, number) for (month, own), number in sorted(counted.items(), reverse=True)
    )


def _advice(
    connection: Connection,
    parts: Parts,
    seen: Viewer,
    aliases: Aliases,
    cin: str,
    on: date,
    payers: Iterable[str],
    billed: Sequence[EarlierLine],
) -> Iterator[Advice]:
    """What the rules would find if ECM were billed for this member and day."""
    code = next((row for row in CodeSet.load().on(on) if row.benefit == "ECM" and not row.outreach), None)
    if code is None:
        yield Advice("reject", f"There was no ECM on {us_date(on)}.")
        return
    context = Context(codes=CodeSet.load(), payers=parts.payers)
    records = facts.records_for(
        connection, {Span(care_key(each), on, on) for each in aliases.of(cin)}, aliases
    )
    findings: dict[str, Finding] = {}
    for npi in sorted(seen.npis) or (None,):
        for payer_id in sorted(payers) or (None,):
            prepared = prepare(_as_if_billed(code, cin, npi, payer_id, on), context)
            for finding, _ in care_findings(prepared, context, records):
                # A plan asks for no provider in particular: an authorization names another than nobody.
                if not seen.provider and finding.rule == "authorization.provider":
                    continue
                findings.setdefault(finding.message, finding)
    weight = {"reject": 0, "pend": 1, "note": 2}
    for each in sorted(findings.values(), key=lambda each: weight[each.severity]):
        yield Advice(each.severity, each.message)
    that_day = [line for line in billed if line.service_start <= on <= line.service_end]
    if that_day and not seen.provider:
        yield Advice("note", f"ECM was already billed for this member on {us_date(on)}.")
    if any(not seen.is_own(line.billing_npi) for line in that_day) and seen.provider:
        yield Advice("pend", f"Another provider has billed ECM for this member on {us_date(on)}.")
    if any(seen.is_own(line.billing_npi) for line in that_day):
        yield Advice(
            "note",
            f"You already billed ECM for this member on {us_date(on)}. "
            "The same service billed again would be a duplicate.",
        )
    if not findings and not that_day:
        yield Advice("note", f"Nothing that we know of speaks against an ECM service on {us_date(on)}.")


def _as_if_billed(
    code: ListedCode, cin: str, npi: str | None, payer_id: str | None, on: date
) -> ClaimReceived:
    line = ServiceLine(1, code.hcpcs, code.modifiers, on, on, Decimal(1), charge_cents=1)
    return ClaimReceived(
        claim_id="",
        submission_id="",
        claim=Claim(
            "json",
            payer=Payer(id=payer_id),
            billing_provider=Provider(npi=npi),
            member=Member(cin=cin),
            lines=(line,),
        ),
        receipt=Receipt("", on),
        submitter=Submitter(""),
    )


def _in_order(records: Iterable[S]) -> list[S]:
    """The latest first."""
    return sorted(records, key=lambda each: (each.start_date, each.record_id), reverse=True)
