"""Loading what the rules need to know, and keeping what they must know later: a batch a query."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, select, update

from services.validator.models import (
    CARE_RECORDS,
    CLAIMS,
    DAYS_TO_COMPARE,
    FEED_COVERAGE,
    MEMBER_CINS,
    NPI_CHARACTERS,
    NUMBER_CHARACTERS,
    SERVICE_LINES,
)
from services.validator.rules import (
    Aliases,
    Coverage,
    EarlierLine,
    History,
    Judgement,
    Needs,
    OriginalClaim,
    Prepared,
    Records,
    Span,
    needs,
)
from services.validator.rules.history import care_key, cins_of, days_to_compare
from services.validator.rules.overlap_chw import DAYS_AROUND_CHW, MAY_BE_CHW
from shared.among import among
from shared.care import Authorization, CareService, Enrollment, Feed
from shared.database import insert_rows
from shared.spans import matching, meeting, month_of

_AROUND_CHW = timedelta(days=DAYS_AROUND_CHW)
_BEARING = f"""
    care_key = wanted.member AND NOT withdrawn AND (
        feed IN ('authorizations', 'enrollments')
        OR feed = 'services' AND last_day BETWEEN wanted.chw_first AND wanted.chw_last AND (
            last_day BETWEEN wanted.first_asked AND wanted.last_asked OR program IN ({", ".join(map(repr, MAY_BE_CHW))})
        )
    )
"""
"""Which records bear on claims of these members and days. A service's last day is its first."""

_encode = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(EarlierLine).decode
_decode_service = msgspec.json.Decoder(CareService).decode
_decode_enrollment = msgspec.json.Decoder(Enrollment).decode
_decode_authorization = msgspec.json.Decoder(Authorization).decode


def load(connection: Connection, batch: Sequence[Prepared]) -> tuple[History, Records]:
    """What stands that may bear on these claims: earlier lines and originals, and records of other care."""
    aliases = aliases_of(connection, cins_of(batch))
    _judge_one_after_another(connection, aliases)
    wanted = needs(batch, aliases)
    return history_for(connection, wanted, aliases), records_for(connection, wanted.members, aliases)


def history_for(connection: Connection, wanted: Needs, aliases: Aliases) -> History:
    """The earlier lines and claims that a batch asks for, oldest first."""
    history = History(lines_for(connection, wanted.lines), aliases=aliases)
    for searched in (CLAIMS.c.claim_id, CLAIMS.c.claim_number) if wanted.originals else ():
        history.add(claims=_claims_by(connection, searched, wanted.originals))
    return history


def lines_for(connection: Connection, spans: Iterable[Span]) -> list[EarlierLine]:
    """The standing lines of these keys and days, oldest first."""
    lines = SERVICE_LINES.c
    rows = meeting(
        connection,
        (lines.document,),
        key=lines.key,
        first=lines.first_day,
        last=lines.last_day,
        month=lines.month,
        spans=spans,
        where="standing",
    )
    found = [_decode_line(document) for (document,) in rows]
    return sorted(found, key=lambda line: (line.claim_id, line.line))


def records_for(connection: Connection, members: Iterable[Span], aliases: Aliases) -> Records:
    """The records of other care of these members that bear on these days.

    Authorizations and enrolments are all loaded, whatever their days: what ended and what came first matters as
    well, and time in a plan that covers other days only. Services are of the days from the first to the last that
    are asked of the member, and of CHWs around them.
    """
    days: dict[int, tuple[date, date]] = {}
    for span in members:
        first, last = days.get(span.key, (span.first, span.last))
        days[span.key] = min(first, span.first), max(last, span.last)
    wanted: dict[str, Sequence[Any]] = {
        "member": list(days),
        "first_asked": [first for first, _ in days.values()],
        "last_asked": [last for _, last in days.values()],
        "chw_first": [max(first, date.min + _AROUND_CHW) - _AROUND_CHW for first, _ in days.values()],
        "chw_last": [min(last, date.max - _AROUND_CHW) + _AROUND_CHW for _, last in days.values()],
    }
    records = CARE_RECORDS.c
    of_feed: dict[Feed, list[bytes]] = {"services": [], "enrollments": [], "authorizations": []}
    for feed, document in matching(connection, (records.feed, records.document), wanted, _BEARING):
        of_feed[feed].append(document)
    return Records(
        services=map(_decode_service, of_feed["services"]),
        enrollments=map(_decode_enrollment, of_feed["enrollments"]),
        authorizations=map(_decode_authorization, of_feed["authorizations"]),
        aliases=aliases,
        coverage=coverage_of_feeds(connection),
    )


def aliases_of(connection: Connection, cins: Iterable[str]) -> Aliases:
    """The groups of CINs to which these belong."""
    known, other = MEMBER_CINS.c, MEMBER_CINS.alias("other").c
    rows = connection.execute(
        select(known.member, other.cin)
        .join_from(MEMBER_CINS, other.cin.table, known.member == other.member)
        .where(among(connection, known.cin, cins))
    )
    groups: dict[str, set[str]] = {}
    for member, cin in rows:
        groups.setdefault(member, set()).add(cin)
    return Aliases(groups.values())


def coverage_of_feeds(connection: Connection) -> Coverage:
    """Which payers' feeds have ever brought something."""
    covered: dict[str, set[str]] = {"authorizations": set(), "enrollments": set()}
    for feed, payer_id in connection.execute(select(FEED_COVERAGE.c.feed, FEED_COVERAGE.c.payer_id)):
        if feed in covered:
            covered[feed].add(payer_id)
    return Coverage(frozenset(covered["authorizations"]), frozenset(covered["enrollments"]))


def already_judged(connection: Connection, claim_ids: Iterable[str]) -> set[str]:
    """Those of the claims that stand here already."""
    claims = CLAIMS.c
    return set(
        connection.execute(
            select(claims.claim_id).where(among(connection, claims.claim_id, claim_ids))
        ).scalars()
    )


def keep(connection: Connection, judgements: Sequence[Judgement]) -> None:
    """Make the claims history, and take out of history what they void or replace."""
    insert_rows(
        connection,
        CLAIMS,
        [
            {
                "claim_id": judgement.received.claim_id,
                "claim_number": (judgement.received.claim.claim_number or "")[:NUMBER_CHARACTERS] or None,
                "billing_npi": (judgement.received.claim.billing_provider.npi or "")[:NPI_CHARACTERS] or None,
                "verdict": judgement.verdict,
                "judgement": 1,
                "superseded": False,
                "supersedes": judgement.original.claim_id if judgement.original else None,
            }
            for judgement in judgements
        ],
    )
    insert_rows(
        connection,
        SERVICE_LINES,
        [
            {
                "claim_id": line.claim_id,
                "line": line.line,
                "key": line.key,
                "first_day": line.service_start,
                "last_day": line.service_end,
                "standing": judgement.clean,
                "document": _encode(line),
                "month": month_of(line.service_start, line.service_end),
            }
            for judgement in judgements
            for line in judgement.lines
        ],
    )
    superseded = [judgement.supersedes.claim_id for judgement in judgements if judgement.supersedes]
    if superseded:
        supersede(connection, superseded, superseded=True)


def supersede(connection: Connection, claim_ids: Sequence[str], *, superseded: bool) -> None:
    """Take these claims out of history, or, where what replaced them was rejected, back into it."""
    connection.execute(
        update(CLAIMS).where(among(connection, CLAIMS.c.claim_id, claim_ids)).values(superseded=superseded)
    )
    let_stand(connection, claim_ids, stand=not superseded)


def let_stand(connection: Connection, claim_ids: Sequence[str], *, stand: bool) -> None:
    """Let the lines of these claims count as billed, or no longer; the claims that they bear on are queued."""
    lines = SERVICE_LINES.c
    documents = connection.execute(
        update(SERVICE_LINES)
        .where(among(connection, lines.claim_id, claim_ids), lines.standing.is_not(stand))
        .values(standing=stand)
        .returning(lines.document)
    ).scalars()
    changed = map(_decode_line, documents)
    queue_days(connection, ((line.cin, *days_to_compare(line)) for line in changed if line.cin is not None))


def queue_days(connection: Connection, days: Iterable[tuple[str, date, date]]) -> None:
    """Have the claims of these members (CIN) and days, both included, compared with what stands and is known."""
    insert_rows(
        connection,
        DAYS_TO_COMPARE,
        [{"cin": cin, "first_day": first, "last_day": last} for cin, first, last in dict.fromkeys(days)],
    )


def _judge_one_after_another(connection: Connection, aliases: Aliases) -> None:
    """Members with several CINs: their claims meet in several partitions, so a lock takes the partition's place."""
    if connection.dialect.name == "postgresql":
        for member in sorted(care_key(group[0]) for group in aliases.groups()):
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (member,))


def _claims_by(
    connection: Connection, searched: Column[Any], named: Iterable[tuple[str, str]]
) -> list[OriginalClaim]:
    """The claims that may be originals by (billing NPI, name), oldest first; each is told by one of its lines."""
    # A rejected claim is nobody's original, and neither is a void: of those not rejected, it alone keeps no lines.
    c, line = CLAIMS.c, SERVICE_LINES.c
    of_claim = select(line.document).where(line.claim_id == c.claim_id).order_by(line.line).limit(1)
    npis, names = zip(*named, strict=True)
    rows = connection.execute(
        select(c.superseded, of_claim.scalar_subquery())
        .where(
            among(connection, searched, {name[:NUMBER_CHARACTERS] for name in names}),
            among(connection, c.billing_npi, {npi[:NPI_CHARACTERS] for npi in npis}),
            c.verdict != "rejected",
        )
        .order_by(c.claim_id)
    )
    told = ((superseded, _decode_line(document)) for superseded, document in rows if document is not None)
    return [
        OriginalClaim(line.claim_id, line.claim_number, line.billing_npi, line.cin, line.payer_id, superseded)
        for superseded, line in told
    ]
