"""`promptclaim check`: the services' own readers, rules and clocks on local files, in one pass and flat memory.

The files of one run are one history, so a repeat in a later file is a duplicate. That history stands in a temporary
SQLite file which is gone when the command ends.
"""

import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TextIO

import click
import msgspec
from msgspec import Raw, Struct
from sqlalchemy import Connection

from services.commands.check_feeds import FeedPath, feed_printer, load_feeds
from services.commands.read_ahead import Item, batches, batches_read_ahead
from services.commands.scratch_history import scratch_history
from services.commands.tables import claim_lines, finding_lines
from services.intake.payer_notes import unknown_payer_notes
from services.intake.readers import ClaimRead, ClaimsFile, FileRefused, UnreadableClaim
from services.intake.readers.recognise import open_claims_file
from services.intake.readers.x12_837p import X12ClaimsFile
from services.payments.clock_document import clock_of_receipt
from services.validator import facts
from services.validator.rules import Context, Judgement, judge_batch, prepare
from shared.calendar import pacific_date
from shared.claim import Receipt, Submitter
from shared.collection import collect_seldom
from shared.events import ClaimReceived, claim_id, encode
from shared.findings import Finding
from shared.parts import utc_now
from shared.payers import BadPayersFile, Payers
from shared.reference.codes import CodeSet
from shared.x12.conformity_pool import processes_for

_BATCH = 500
_READ_AHEAD_CLAIMS = 2_000
"""From here on a second process is worth its start."""

_YOU = Submitter(organisation="offline check")

_UNREADABLE_FILE = 2
_REJECTED = 1


def run(
    files: Iterable[Path],
    *,
    output: str,
    as_of: date | None,
    received: date | None,
    payers: Path | None,
    conformity: bool,
    feeds: Sequence[FeedPath] = (),
) -> int:
    """Judge the files in order, print what was found, and return the exit status: 0, 1 or 2.

    ``feeds`` of other care are loaded first; where one cannot be read, no claim is judged. Raises
    ``click.UsageError`` for a payers file that is not right.
    """
    # Libraries that read claims like to print what they read.
    logging.disable(logging.CRITICAL)
    collect_seldom()
    today = pacific_date(utc_now())
    received = received or today
    try:
        terms = Payers.load(payers)
    except BadPayersFile as error:
        raise click.UsageError(str(error)) from None
    printer: Printer = JsonPrinter(sys.stdout) if output == "json" else TablePrinter(sys.stdout)
    with scratch_history() as connection:
        status = load_feeds(connection, feeds, feed_printer(output, sys.stdout))
        if status == _UNREADABLE_FILE:
            return status
        checker = Checker(connection, terms, received, as_of or max(today, received), conformity=conformity)
        return max(status, *(checker.check(path, printer) for path in files))


class Checked(Struct, frozen=True):
    """One claim's outcome, judged or unreadable. ``clock`` is JSON."""

    claim: str | None
    channel: str
    verdict: str
    clean: bool
    findings: tuple[Finding, ...]
    clock: bytes | None = None
    rows: tuple[int, ...] = ()


class Checker:
    """Judges files one after the other against what it has judged before."""

    def __init__(
        self, connection: Connection, payers: Payers, received: date, as_of: date, *, conformity: bool
    ) -> None:
        self._connection = connection
        self._payers = payers
        self._context = Context(codes=CodeSet.load(), payers=payers)
        self._receipt = Receipt(received_at=f"{received.isoformat()}T20:00:00.000000Z", arrival_date=received)
        self._conformity = conformity
        self._file_notes: list[Finding] = []
        self._clock_json = lru_cache(maxsize=1024)(
            lambda terms: encode(clock_of_receipt(received, terms, as_of))
        )

    def check(self, path: Path, printer: "Printer") -> int:
        """Judge one file and print it; its exit status."""
        try:
            claims_file = open_claims_file(path, path.name)
        except FileRefused as refusal:
            printer.refused(path.name, refusal.finding)
            return _UNREADABLE_FILE
        counts: Counter[str] = Counter()
        payer_ids: set[str] = set()
        for batch in self._batches(claims_file):
            payer_ids.update(
                item.claim.payer.id for item in batch if isinstance(item, ClaimRead) and item.claim.payer.id
            )
            checked = self._judged(batch)
            counts.update(each.verdict for each in checked)
            printer.claims(path.name, checked)
        of_judgements = dict.fromkeys(self._file_notes)
        notes = [*claims_file.notes, *of_judgements, *unknown_payer_notes(self._payers, payer_ids)]
        self._file_notes.clear()
        printer.summary(path.name, claims_file.census.claims, counts, notes)
        return _REJECTED if counts["rejected"] or counts["unreadable"] else 0

    def _judged(self, items: list[Item]) -> list[Checked]:
        batch = [
            prepare(self._as_received(item), self._context) for item in items if isinstance(item, ClaimRead)
        ]
        history, records = facts.load(self._connection, batch)
        judgements = judge_batch(batch, self._context, history, records)
        facts.keep(self._connection, judgements)
        self._file_notes.extend(note for judgement in judgements for note in judgement.file_notes)
        in_order = iter(judgements)
        return [
            _unreadable(item) if isinstance(item, UnreadableClaim) else self._outcome(next(in_order))
            for item in items
        ]

    def _as_received(self, item: ClaimRead) -> ClaimReceived:
        return ClaimReceived(
            claim_id=claim_id(),
            submission_id="",
            claim=item.claim,
            receipt=self._receipt,
            submitter=_YOU,
            findings=item.findings,
        )

    def _outcome(self, judgement: Judgement) -> Checked:
        claim = judgement.received.claim
        has_clock = judgement.clean and claim.frequency != "8"
        return Checked(
            claim=claim.claim_number,
            channel=claim.channel,
            verdict=judgement.verdict,
            clean=judgement.clean,
            findings=judgement.findings,
            clock=self._clock_json(self._context.terms_of(claim)) if has_clock else None,
        )

    def _batches(self, claims_file: ClaimsFile) -> Iterator[list[Item]]:
        if claims_file.census.claims < _READ_AHEAD_CLAIMS:
            return batches(self._items(claims_file), _BATCH)
        return batches_read_ahead(lambda: self._items(claims_file), _BATCH)

    def _items(self, claims_file: ClaimsFile) -> Iterator[Item]:
        if not (self._conformity and isinstance(claims_file, X12ClaimsFile)):
            return claims_file.items()
        return claims_file.checked_items(processes=processes_for(claims_file.census.claims))


class Printer(Protocol):
    """Where outcomes go."""

    def claims(self, file: str, checked: list[Checked]) -> None:
        """Some claims of ``file``, in order."""

    def summary(self, file: str, claims: int, counts: Counter[str], notes: list[Finding]) -> None:
        """After the last claim of ``file``."""

    def refused(self, file: str, finding: Finding) -> None:
        """``file`` cannot be used at all."""


class JsonPrinter:
    """One JSON object a line, in file order."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def claims(self, file: str, checked: list[Checked]) -> None:
        self._write(self._line(file, each) for each in checked)

    def summary(self, file: str, claims: int, counts: Counter[str], notes: list[Finding]) -> None:
        verdicts = {name: counts[name] for name in ("accepted", "pended", "rejected", "unreadable")}
        line: dict[str, Any] = {"file": file, "summary": {"claims": claims, **verdicts}}
        if notes:
            line["notes"] = notes
        self._write([encode(line)])

    def refused(self, file: str, finding: Finding) -> None:
        self._write([encode({"file": file, "verdict": "unreadable", "findings": [finding]})])

    def _line(self, file: str, checked: Checked) -> bytes:
        line: dict[str, Any] = {"file": file}
        if checked.rows:
            line["row"] = checked.rows[0]
            line["rows"] = checked.rows
        line |= {
            "claim": checked.claim,
            "channel": checked.channel,
            "verdict": checked.verdict,
            "clean": checked.clean,
            "findings": checked.findings,
        }
        if checked.clock:
            line["clock"] = Raw(checked.clock)
        return encode(line)

    def _write(self, lines: Iterable[bytes]) -> None:
        self._stream.write(b"\n".join([*lines, b""]).decode())


class TablePrinter:
    """For people."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def claims(self, file: str, checked: list[Checked]) -> None:
        for each in checked:
            clock = msgspec.json.decode(each.clock) if each.clock else None
            view = {
                "claim": each.claim,
                "verdict": each.verdict,
                "clock": clock,
                "findings": _plain(each.findings),
            }
            self._stream.write("\n".join(claim_lines(view)) + "\n")

    def summary(self, file: str, claims: int, counts: Counter[str], notes: list[Finding]) -> None:
        for note in _plain(notes):
            self._stream.write("\n".join(finding_lines(note, indent="  ")) + "\n")
        verdicts = ", ".join(
            f"{counts[name]} {name}" for name in ("accepted", "pended", "rejected", "unreadable")
        )
        self._stream.write(f"{file}: {claims} claims, {verdicts}\n")

    def refused(self, file: str, finding: Finding) -> None:
        self._stream.write(f"{file}: cannot be read\n")
        self._stream.write("\n".join(finding_lines(msgspec.to_builtins(finding), indent="  ")) + "\n")


def _plain(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(finding) for finding in findings]


def _unreadable(item: UnreadableClaim) -> Checked:
    return Checked(
        claim=item.claim_number,
        channel="invoice" if item.rows else "837P",
        verdict="unreadable",
        clean=False,
        findings=item.findings,
        rows=item.rows,
    )
