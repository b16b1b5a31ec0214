"""Loading what the rules need to know, and keeping what they must know later: a batch a query."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, exists, select, update

from services.validator.models import CARE_RECORDS, CLAIMS, FEED_COVERAGE, MEMBER_CINS, SERVICE_LINES
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
from services.validator.rules.history import care_key, cins_of
from services.validator.rules.overlap_chw import MAY_BE_CHW
from shared.among import among
from shared.care import Authorization, CareService, Enrollment, Feed
from shared.database import insert_rows
from shared.spans import meeting

_MAY_BE_CHW = f"program IN ({', '.join(map(repr, MAY_BE_CHW))})"

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
    if wanted.originals:
        names = {name for _, name in wanted.originals}
        for searched in (CLAIMS.c.claim_id, CLAIMS.c.claim_number):
            rows = connection.execute(_claims_by(connection, searched, names)).all()
            history.add(claims=[OriginalClaim(*row) for row in rows])
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
        spans=spans,
        where="standing",
    )
    found = [_decode_line(document) for (document,) in rows]
    return sorted(found, key=lambda line: (line.claim_id, line.line))


def records_for(connection: Connection, members: Iterable[Span], aliases: Aliases) -> Records:
    """The records of other care of these members that bear on these days.

    Authorizations and enrolments are all loaded, whatever their days: what ended and what came first matters as
    well, and time in a plan that covers other days only. So are the CHW services of the whole time in which ECM
    was authorized around these days.
    """
    spans = frozenset(members)
    coverage = coverage_of_feeds(connection)
    if not spans:
        return Records(aliases=aliases, coverage=coverage)
    always = {Span(span.key, date.min, date.max) for span in spans}
    authorizations = [_decode_authorization(each) for each in _records(connection, "authorizations", always)]
    services = [
        *_records(connection, "services", spans),
        *_records(connection, "services", _ecm_periods(spans, authorizations, aliases), _MAY_BE_CHW),
    ]
    return Records(
        services=[_decode_service(each) for each in dict.fromkeys(services)],
        enrollments=[_decode_enrollment(each) for each in _records(connection, "enrollments", always)],
        authorizations=authorizations,
        aliases=aliases,
        coverage=coverage,
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
                "claim_number": (judgement.received.claim.claim_number or "")[:80] or None,
                "billing_npi": (judgement.received.claim.billing_provider.npi or "")[:20] or None,
                "verdict": judgement.verdict,
                "judgement": 1,
                "superseded": False,
                "supersedes": judgement.supersedes.claim_id if judgement.supersedes else None,
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
    """Let the lines of these claims count as billed, or no longer."""
    connection.execute(
        update(SERVICE_LINES)
        .where(among(connection, SERVICE_LINES.c.claim_id, claim_ids))
        .values(standing=stand)
    )


def _judge_one_after_another(connection: Connection, aliases: Aliases) -> None:
    """Members with several CINs: their claims meet in several partitions, so a lock takes the partition's place."""
    if connection.dialect.name == "postgresql":
        for member in sorted(care_key(group[0]) for group in aliases.groups()):
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (member,))


def _records(connection: Connection, feed: Feed, spans: Iterable[Span], where: str = "true") -> list[bytes]:
    records = CARE_RECORDS.c
    rows = meeting(
        connection,
        (records.document,),
        key=records.care_key,
        first=records.first_day,
        last=records.last_day,
        spans=spans,
        where=f"feed = '{feed}' AND NOT withdrawn AND {where}",
    )
    return [document for (document,) in rows]


def _ecm_periods(
    spans: frozenset[Span], authorizations: Iterable[Authorization], aliases: Aliases
) -> set[Span]:
    """The times of these members' ECM authorizations that meet the days asked for."""
    asked: dict[int, list[Span]] = {}
    for span in spans:
        asked.setdefault(span.key, []).append(span)
    periods = set()
    for authorization in authorizations:
        if authorization.benefit != "ECM":
            continue
        first, last = authorization.start_date, authorization.end_date or date.max
        for key in map(care_key, aliases.of(authorization.cin)):
            if any(span.first <= last and first <= span.last for span in asked.get(key, ())):
                periods.add(Span(key, first, last))
    return periods


def _claims_by(connection: Connection, searched: Column[Any], values: Iterable[str]) -> Any:
    # A rejected claim is nobody's original, and neither is a void: of those not rejected, it alone keeps no lines.
    c = CLAIMS.c
    has_lines = exists().where(SERVICE_LINES.c.claim_id == c.claim_id)
    return (
        select(c.claim_id, c.claim_number, c.billing_npi, c.superseded)
        .where(among(connection, searched, values), c.verdict != "rejected", has_lines)
        .order_by(c.claim_id)
    )
