"""Records that come after the claim: the claims that they touch are judged again, and nothing decided is rewritten.

Loading a record queues its member and days. A step of the worker takes them from the queue and compares the claims
of those days with what is known now. Only findings that rest on records are made again; what the claim itself and
earlier claims say stays, but for duplicates that show only once two CINs are known to be one member.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, and_, delete, select

from services.validator import facts
from services.validator.judgements import (
    DUPLICATES_FOUND,
    OF_VERDICT,
    Message,
    Written,
    write,
)
from services.validator.models import CLAIMS, DAYS_TO_COMPARE, JUDGEMENTS, SERVICE_LINES
from services.validator.rules import Aliases, Context, History, Prepared, Records, Span, needs, prepare
from services.validator.rules.care import care_findings, is_from_records
from services.validator.rules.context import Evidenced
from services.validator.rules.duplicates import duplicate_findings
from services.validator.rules.history import care_key, cin_of, days_of_care, line_keys_of
from services.validator.rules.judgement import with_good_lines
from shared.among import among
from shared.care import Evidence
from shared.claim import Submitter
from shared.database import Database
from shared.events import ClaimJudged, ClaimReceived, ReviewKind
from shared.findings import Finding, Verdict, worst
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
        batch = [prepare(_received(claim), self._context) for claim, _ in judged]
        aliases = facts.aliases_of(connection, _cins(batch))
        records = facts.records_for(connection, _members(batch, aliases), aliases)
        across = self._duplicates_across_cins(connection, batch, aliases)
        written = []
        for (before, of_reading), prepared in zip(judged, batch, strict=True):
            again = self._again(before, prepared, records, across.get(before.claim_id, ()))
            if again is None:
                continue
            after, message = again
            cin = before.claim.member.cin or before.claim_id
            written.append(
                Written(
                    judged=after,
                    cause="record",
                    findings_of_reading=of_reading,
                    message=message,
                    key=member_key(self._member_secret, cin),
                )
            )
        write(connection, written, self._payers, self._now())

    def _again(
        self,
        before: ClaimJudged,
        prepared: Prepared,
        records: Records,
        across: Sequence[Evidenced],
    ) -> tuple[ClaimJudged, Message | None] | None:
        """The next judgement of a claim and whom to tell; ``None`` where nothing changed.

        Where only the evidence is another, which the plan alone sees, nobody is told.
        """
        care = list(care_findings(prepared, self._context, records))
        old = {_identity(finding): finding for finding in before.findings}
        now = {_identity(finding) for finding, _ in care}
        gone = any(is_from_records(each) and _identity(each) not in now for each in before.findings)
        kept = [finding for finding in before.findings if not is_from_records(finding)]
        fresh = [finding for finding, _ in across if _identity(finding) not in old]
        fresh += [finding for finding, _ in care]
        fresh = with_good_lines(before.claim, [*kept, *fresh])[len(kept) :]
        new = [finding for finding in fresh if _identity(finding) not in old]
        # A corrected record may give the same finding with another date or NPI in its words, or only other evidence.
        reworded = any(old.get(_identity(finding), finding).message != finding.message for finding in fresh)
        told = bool(new) or gone or reworded
        evidence = _evidence(before, across, care)
        if not told and evidence == before.evidence:
            return None
        findings = (*kept, *fresh)
        blocking = any(finding.severity != "note" for finding in new)
        verdict, message, review = _moved(
            before.verdict, worst(findings), blocking=blocking, in_review=before.review is not None
        )
        after = replace(
            before,
            judgement=before.judgement + 1,
            verdict=verdict,
            clean=verdict != "rejected",
            findings=findings,
            review=review,
            found=tuple(new),
            evidence=evidence,
            decision=None,
            file_notes=(),
        )
        return after, message if told else None

    def _duplicates_across_cins(
        self, connection: Connection, batch: Sequence[Prepared], aliases: Aliases
    ) -> dict[str, list[Evidenced]]:
        """Duplicates of earlier claims, for members with several CINs; by claim id."""
        joined = [prepared for prepared in batch if len(aliases.of(cin_of(prepared.received.claim))) > 1]
        if not joined:
            return {}
        wanted = needs(joined, aliases)
        lines = facts.lines_for(connection, wanted.lines)
        found = {}
        for prepared in joined:
            claim_id = prepared.received.claim_id
            earlier = History((line for line in lines if line.claim_id < claim_id), aliases=aliases)
            found[claim_id] = list(duplicate_findings(prepared, earlier, None))
        return found


def _moved(
    verdict: Verdict, worst_now: Verdict, *, blocking: bool, in_review: bool
) -> tuple[Verdict, Message | None, ReviewKind | None]:
    """What a change of findings makes of a verdict: the verdict, whom to tell, and what waits for a decision."""
    if verdict == "rejected":
        # The provider has been told; only a person can say that the rejection was the plan's mistake.
        return verdict, None, "reconsider" if worst_now != "rejected" else None
    if worst_now == "accepted":
        return "accepted", OF_VERDICT["accepted"], None
    review: ReviewKind = "pended" if verdict == "pended" else "suspected"
    if blocking:
        return verdict, DUPLICATES_FOUND, review
    return verdict, OF_VERDICT[verdict], review if in_review else None


def _identity(finding: Finding) -> tuple[object, ...]:
    return finding.rule, finding.severity, finding.line, finding.value, finding.expected


def _evidence(
    before: ClaimJudged, across: Sequence[Evidenced], care: Sequence[Evidenced]
) -> tuple[Evidence, ...]:
    of_claims = [each for each in before.evidence if each.billed is not None]
    known = {(each.rule, each.line) for each in of_claims}
    more = [each for _, each in across if each is not None and (each.rule, each.line) not in known]
    return (*of_claims, *more, *(each for _, each in care if each is not None))


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
        spans=spans,
        where="true",
    )
    return sorted({claim_id for (claim_id,) in rows})


def _latest(connection: Connection, claim_ids: Sequence[str]) -> list[tuple[ClaimJudged, int]]:
    """Each claim's last judgement, and how many of its findings are the reader's.

    The claims are locked, in one order, against a decision at the same moment; voided and replaced ones are left out.
    """
    standing = connection.execute(
        select(CLAIMS.c.claim_id)
        .where(among(connection, CLAIMS.c.claim_id, claim_ids), ~CLAIMS.c.superseded)
        .order_by(CLAIMS.c.claim_id)
        .with_for_update()
    ).scalars()
    last = and_(JUDGEMENTS.c.claim_id == CLAIMS.c.claim_id, JUDGEMENTS.c.judgement == CLAIMS.c.judgement)
    rows = connection.execute(
        select(JUDGEMENTS.c.document, JUDGEMENTS.c.findings_of_reading)
        .join_from(CLAIMS, JUDGEMENTS, last)
        .where(among(connection, CLAIMS.c.claim_id, list(standing)))
        .order_by(CLAIMS.c.claim_id)
    )
    return [(_decode(document), of_reading) for document, of_reading in rows]


def _received(judged: ClaimJudged) -> ClaimReceived:
    return ClaimReceived(
        claim_id=judged.claim_id,
        submission_id=judged.submission_id,
        claim=judged.claim,
        receipt=judged.receipt,
        submitter=Submitter(organisation=judged.organisation),
    )


def _cins(batch: Iterable[Prepared]) -> set[str]:
    return {cin for prepared in batch if (cin := cin_of(prepared.received.claim))}


def _members(batch: Iterable[Prepared], aliases: Aliases) -> set[Span]:
    return {
        Span(care_key(cin), *days)
        for prepared in batch
        if (days := days_of_care(prepared))
        for cin in aliases.of(cin_of(prepared.received.claim))
    }
