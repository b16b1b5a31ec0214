"""One side of a dry run: judges the stored claims once, in a process of its own, and writes what came out.

A process of its own, because reference tables are read once and kept: whatever a rule makes of them, it makes of the
tables that stand here. Arguments: one JSON object (:class:`Side`). Output: a line of JSON a batch, claim ids and
rules only.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from sqlalchemy import select

from shared.claim import Submitter
from shared.database import Database
from shared.events import ClaimJudged, ClaimReceived
from shared.payers import BadPayersFile, Payers
from shared.reference.tables import read_instead
from shared.settings import Settings

_BATCH = 500

Found = tuple[str, int | None, str]
"""Rule, line and severity of a finding."""


class Side(Struct, frozen=True):
    """``tables``: files in the place of shipped reference tables, by name. ``last``: the last claim id to judge."""

    tables: dict[str, str]
    last: str


class Outcome(Struct, frozen=True, array_like=True):
    """What became of one claim. ``stored`` is the verdict of its first judgement back then."""

    claim_id: str
    claim: str | None
    arrival_date: str
    stored: str
    verdict: str
    findings: tuple[Found, ...]


class Line(Struct, frozen=True, omit_defaults=True):
    """A line of output: some outcomes, or why there are none, or the versions that were judged by."""

    outcomes: tuple[Outcome, ...] = ()
    problem: str | None = None
    versions: dict[str, str] | None = None


def main() -> None:
    side = msgspec.json.decode(sys.argv[1], type=Side)
    write = sys.stdout.buffer.write
    encode = msgspec.json.Encoder().encode
    for line in lines(side):
        write(encode(line) + b"\n")
    sys.stdout.flush()


def lines(side: Side) -> Iterator[Line]:
    """The outcomes of every stored claim, in the order of receipt; one line with the problem where data is wrong."""
    read_instead({name: Path(path) for name, path in side.tables.items()})
    problem = _problem_of(side.tables)
    if problem:
        yield Line(problem=problem)
        return
    settings = Settings.from_environment(os.environ)
    try:
        payers = Payers.load(settings.payers_file)
    except BadPayersFile as error:
        yield Line(problem=str(error))
        return
    yield from _judged(settings, payers, side.last)


def _judged(settings: Settings, payers: Payers, last: str) -> Iterator[Line]:
    # Imported only now that the tables are in their places.
    from services.commands.scratch_history import scratch_history
    from services.validator import facts
    from services.validator.models import JUDGEMENTS
    from services.validator.rules import Context, judge_batch, needs, prepare
    from services.validator.rules.history import cins_of
    from shared.reference.codes import CodeSet

    decode = msgspec.json.Decoder(ClaimJudged).decode
    context = Context(codes=CodeSet.load(), payers=payers)
    c = JUDGEMENTS.c
    page = (
        select(c.claim_id, c.verdict, c.findings_of_reading, c.document)
        .where(c.judgement == 1, c.claim_id <= last)
        .order_by(c.claim_id)
        .limit(_BATCH)
    )
    versions: dict[str, str] = {}

    def received(document: bytes, of_reading: int) -> ClaimReceived:
        judged = decode(document)
        # Whose NPIs the sender's key held then is not kept; that it did not hold this one is.
        not_theirs = any(finding.rule == "provider.not_yours" for finding in judged.findings)
        return ClaimReceived(
            claim_id=judged.claim_id,
            submission_id=judged.submission_id,
            claim=judged.claim,
            receipt=judged.receipt,
            submitter=Submitter(judged.organisation, () if not_theirs else None),
            findings=judged.findings[:of_reading],
        )

    database = Database(settings.database_url("validator"), "validator")
    with scratch_history() as history, database.read() as stored:
        after = ""
        while rows := stored.execute(page.where(c.claim_id > after)).all():
            after = rows[-1].claim_id
            batch = [prepare(received(row.document, row.findings_of_reading), context) for row in rows]
            aliases = facts.aliases_of(stored, cins_of(batch))
            wanted = needs(batch, aliases)
            judgements = judge_batch(
                batch,
                context,
                facts.history_for(history, wanted, aliases),
                facts.records_for(stored, wanted.members, aliases),
            )
            facts.keep(history, judgements)
            if judgements:
                versions = judgements[0].versions
            yield Line(
                tuple(
                    Outcome(
                        claim_id=judgement.received.claim_id,
                        claim=judgement.received.claim.claim_number,
                        arrival_date=judgement.received.receipt.arrival_date.isoformat(),
                        stored=row.verdict,
                        verdict=judgement.verdict,
                        findings=tuple(
                            (finding.rule, finding.line, finding.severity) for finding in judgement.findings
                        ),
                    )
                    for row, judgement in zip(rows, judgements, strict=True)
                )
            )
    database.close()
    yield Line(versions=versions)


def _problem_of(tables: dict[str, str]) -> str | None:
    from shared.catalogue import rules
    from shared.reference.codes import CodeSet
    from shared.reference.programs import Programs
    from shared.reference.supports import support_limits
    from shared.reference.tables import version_of

    loaders = {
        "hcpcs_codes.csv": CodeSet.load,
        "rules.toml": rules,
        "programs.csv": Programs.load,
        "support_limits.csv": support_limits,
    }
    for name, path in tables.items():
        try:
            loaders[name]()
            if name.endswith(".csv"):
                version_of(name)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError) as error:
            said = f"there is no {error}" if isinstance(error, KeyError) else str(error)
            return f"{path} cannot be used: {said}"
    return None


if __name__ == "__main__":
    main()
