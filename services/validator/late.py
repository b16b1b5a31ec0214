"""What comes after the claim: the claims that it touches are judged again, and nothing decided is rewritten.

A record that comes, changes or goes queues its member and days, and so do the lines of a claim that is voided,
replaced, rejected or released. A step of the worker takes them from the queue and compares the claims of those days
with what stands and is known now. Only findings that rest on other claims and records are made again; what the claim
itself says stays.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, and_, delete, func, select

from services.validator import facts
from services.validator.judged_again import judge_again
from services.validator.judgements import Written, supersedes_of, write
from services.validator.models import CLAIMS, DAYS_TO_COMPARE, DECISIONS, JUDGEMENTS, SERVICE_LINES
from services.validator.rules import Context, History, OriginalClaim, Span, needs, prepare
from services.validator.rules.history import cins_of, line_keys_of
from services.validator.rules.judgement import findings_from_others
from shared.among import among
from shared.claim import Submitter
from shared.database import Database
from shared.events import ClaimJudged, ClaimReceived
from shared.findings import Identity, identity
from shared.identifiers import member_key
from shared.parts import Parts
from shared.reference.codes import CodeSet
from shared.spans import meeting

_DAYS_AT_ONCE = 2000
_CLAIMS_AT_ONCE = 500
_JUDGING = "hashtextextended(current_schema() || '/judging', 0)"

_decode = msgspec.json.Decoder(ClaimJudged).decode


def judge_beside_others(connection: Connection) -> None:
    """Say that this transaction judges claims; to be called before it reads what it judges by."""
    # SQLite has one writer at a time: there nobody judges while a record is written.
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({_JUDGING})")


def judge_alone(connection: Connection) -> None:
    """Say that this transaction decides of claims that others may be judging by; before it reads anything."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_JUDGING})")


def wait_for_judging(database: Database) -> None:
    """Return once every transaction that was judging is over.

    A claim judged at the moment when a record was stored has not seen it, and is not to be seen itself before it
    is committed. Whoever judges from here on sees the record.
    """
    if database.dialect == "postgresql":
        with database.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_JUDGING})")


class CompareWithRecords:
    """The worker's step: a bounded part of the queue at a time. One worker compares, whoever comes first."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.database
        self._payers = parts.payers
        self._member_secret = parts.member_secret
        self._now = parts.now
        self._context = Context(codes=CodeSet.load(), payers=parts.payers)

    def run_once(self) -> int:
        """Compare the claims of some queued days; how many days those were."""
        with self._database.try_lock("late-records") as mine:
            if not mine:
                return 0
            with self._database.read() as connection:
                queued = connection.execute(
                    select(DAYS_TO_COMPARE).order_by(DAYS_TO_COMPARE.c.id).limit(_DAYS_AT_ONCE)
                ).all()
            if not queued:
                return 0
            wait_for_judging(self._database)
            with self._database.begin() as connection:
                claim_ids = _claims_of_days(connection, queued)
                for start in range(0, len(claim_ids), _CLAIMS_AT_ONCE):
                    self._compare(connection, claim_ids[start : start + _CLAIMS_AT_ONCE])
                done = [row.id for row in queued]
                connection.execute(
                    delete(DAYS_TO_COMPARE).where(among(connection, DAYS_TO_COMPARE.c.id, done))
                )
            return len(queued)

    def _compare(self, connection: Connection, claim_ids: Sequence[str]) -> None:
        judged = _latest(connection, claim_ids)
        batch = [prepare(_received(each.judged), self._context) for each in judged]
        aliases = facts.aliases_of(connection, cins_of(batch))
        wanted = needs(batch, aliases)
        records = facts.records_for(connection, wanted.members, aliases)
        lines = facts.lines_for(connection, wanted.lines)
        place = _places(connection, {*claim_ids, *(line.claim_id for line in lines)})
        lines.sort(key=lambda line: place[line.claim_id])
        history, known = History(aliases=aliases), 0
        written = []
        for each, prepared in sorted(
            zip(judged, batch, strict=True), key=lambda pair: place[pair[0].judged.claim_id]
        ):
            before = each.judged
            # A claim is judged beside those that came before it: of two that do not go together the later one waits.
            until = bisect_left(lines, place[before.claim_id], known, key=lambda line: place[line.claim_id])
            history.add(lines[known:until])
            known = until
            from_others = findings_from_others(prepared, self._context, history, each.original, records)
            again = judge_again(before, from_others, each.weighed)
            if again is None:
                continue
            after, message = again
            written.append(
                Written(
                    judged=after,
                    cause="record",
                    findings_of_reading=each.findings_of_reading,
                    message=message,
                    key=member_key(self._member_secret, before.claim.member.cin or before.claim_id),
                )
            )
        write(connection, written, self._payers, self._now())


class _Judged(Struct, frozen=True):
    """A claim's last judgement. ``original`` is what it replaces; ``weighed`` what was found of it when somebody last
    decided of it.
    """

    judged: ClaimJudged
    findings_of_reading: int
    original: OriginalClaim | None
    weighed: frozenset[Identity]


def _claims_of_days(connection: Connection, queued: Sequence[Any]) -> list[str]:
    aliases = facts.aliases_of(connection, {row.cin for row in queued})
    lines = SERVICE_LINES.c
    spans = set()
    for row in queued:
        for cin in aliases.of(row.cin):
            key, last_key = line_keys_of(cin)
            spans.add(Span(key, row.first_day, row.last_day, last_key))
    rows = meeting(
        connection,
        (lines.claim_id,),
        key=lines.key,
        first=lines.first_day,
        last=lines.last_day,
        month=lines.month,
        spans=spans,
        where="true",
    )
    return sorted({claim_id for (claim_id,) in rows})


def _latest(connection: Connection, claim_ids: Sequence[str]) -> list[_Judged]:
    """How each claim stands, by claim id; voided and replaced ones are left out.

    The claims are locked, in one order, against a decision at the same moment.
    """
    standing = connection.execute(
        select(CLAIMS.c.claim_id)
        .where(among(connection, CLAIMS.c.claim_id, claim_ids), ~CLAIMS.c.superseded)
        .order_by(CLAIMS.c.claim_id)
        .with_for_update()
    ).scalars()
    last, decided = JUDGEMENTS.alias("last"), JUDGEMENTS.alias("decided")
    decision = (
        select(func.max(DECISIONS.c.judgement))
        .where(DECISIONS.c.claim_id == CLAIMS.c.claim_id)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(last.c.document, last.c.findings_of_reading, CLAIMS.c.supersedes, decided.c.document)
        .join(last, and_(last.c.claim_id == CLAIMS.c.claim_id, last.c.judgement == CLAIMS.c.judgement))
        .outerjoin(decided, and_(decided.c.claim_id == CLAIMS.c.claim_id, decided.c.judgement == decision))
        .where(among(connection, CLAIMS.c.claim_id, list(standing)))
        .order_by(CLAIMS.c.claim_id)
    )
    return [
        _Judged(
            _superseding(_decode(document), original),
            of_reading,
            OriginalClaim(original) if original is not None else None,
            frozenset(map(identity, _decode(weighed).findings if weighed is not None else ())),
        )
        for document, of_reading, original, weighed in rows
    ]


def _superseding(judged: ClaimJudged, original: str | None) -> ClaimJudged:
    # Judgements from before they said what they supersede: the next one says it.
    return replace(judged, supersedes=supersedes_of(judged.claim, original))


def _places(connection: Connection, claim_ids: Collection[str]) -> dict[str, tuple[datetime, str]]:
    """The order in which these claims were judged first.

    It is not always that of their ids: a file of 837P is checked for conformity before its claims are judged.
    """
    rows = connection.execute(
        select(JUDGEMENTS.c.claim_id, JUDGEMENTS.c.judged_at).where(
            among(connection, JUDGEMENTS.c.claim_id, claim_ids), JUDGEMENTS.c.judgement == 1
        )
    )
    return {claim_id: (judged_at, claim_id) for claim_id, judged_at in rows}


def _received(judged: ClaimJudged) -> ClaimReceived:
    return ClaimReceived(
        claim_id=judged.claim_id,
        submission_id=judged.submission_id,
        claim=judged.claim,
        receipt=judged.receipt,
        submitter=Submitter(organisation=judged.organisation),
    )
