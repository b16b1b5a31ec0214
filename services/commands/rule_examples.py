"""Running the examples of rules through the services' own code: readers, rules, review, clocks and figures."""

import csv
import tempfile
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter
from msgspec import Struct, convert

from services.intake.payer_notes import unknown_payer_notes
from services.intake.readers import ClaimRead, FileRefused, UnreadableClaim
from services.intake.readers.recognise import open_claims_file
from services.intake.readers.x12_837p import X12ClaimsFile
from services.payments.clock import Entry, period_of
from services.payments.clock import run as run_clock
from services.payments.clock_document import clock_document
from services.payments.figures.timeliness import Cohort, figures
from services.validator.rules import Context, Coverage, History, Judgement, Records, judge_batch, prepare
from shared.care import Authorization, CareService, Enrollment
from shared.claim import Claim, Receipt, Submitter
from shared.events import ClaimReceived
from shared.findings import Finding, Verdict
from shared.payers import Payers, PayerTerms
from shared.reference.codes import CodeSet
from shared.rule_examples import ClaimExample, ClockExample, Example, FileExample, ShareExample, base, changed

_NOON_IN_CALIFORNIA = "T20:00:00.000000Z"
_ARRIVED = date(2026, 3, 2)


class Came(Struct, frozen=True):
    """What an example came to: findings and, of a claim, its verdict; or what a clock or figures show."""

    findings: tuple[Finding, ...] = ()
    verdict: Verdict | None = None
    shown: dict[str, Any] | None = None


def run(example: Example) -> Came:
    """What the services make of the example. Raises ``ValueError`` for one that gives nothing to judge."""
    if example.clock is not None:
        return Came(shown=_clock(example.clock))
    if example.share is not None:
        return Came(shown=_share(example.share))
    if example.file is not None:
        return Came(findings=tuple(_file(example.file, _payers(example))))
    if example.claim is not None:
        judgement = judged(example)[-1]
        return Came((*judgement.findings, *judgement.file_notes), judgement.verdict)
    raise ValueError(f"nothing to judge: {example.says}")


def judged(example: Example) -> list[Judgement]:
    """The judgements of the earlier claims and, last, of the claim itself."""
    context = Context(codes=CodeSet.load(), payers=_payers(example))
    batch = [prepare(each, context) for each in received(example)]
    return judge_batch(batch, context, History(), _records(example))


def received(example: Example) -> list[ClaimReceived]:
    """The earlier claims and, last, the claim itself, as the validator receives them."""
    claims = (*example.earlier, *((example.claim,) if example.claim is not None else ()))
    return [_received(each, number, example.key_npis) for number, each in enumerate(claims, start=1)]


def _received(example: ClaimExample, number: int, npis: tuple[str, ...] | None) -> ClaimReceived:
    document = changed("claim", example.claim, example.without)
    lines = example.lines or ({},)
    document["lines"] = [
        {
            **changed("line", {**example.line, **line}, example.without),
            "number": place,
        }
        for place, line in enumerate(lines, start=1)
    ]
    arrived = example.received or base()["received"]
    return ClaimReceived(
        claim_id=f"clm_{number:032x}",
        submission_id=f"sub_{number:032x}",
        claim=convert(document, Claim),
        receipt=Receipt(f"{arrived.isoformat()}{_NOON_IN_CALIFORNIA}", arrived),
        submitter=Submitter(document["billing_provider"].get("name", ""), npis or tuple(base()["key_npis"])),
    )


def _payers(example: Example) -> Payers:
    return Payers.parse(example.payers) if example.payers is not None else Payers(configured=False)


def _records(example: Example) -> Records:
    covered = example.covered or bool(example.authorizations)
    return Records(
        services=[convert(changed("service", each), CareService) for each in example.services],
        enrollments=[convert(changed("enrollment", each), Enrollment) for each in example.enrollments],
        authorizations=[
            convert(changed("authorization", each), Authorization) for each in example.authorizations
        ],
        coverage=Coverage(authorizations=frozenset({""}) if covered else frozenset()),
    )


def _file(example: FileExample, payers: Payers) -> Iterable[Finding]:
    with tempfile.TemporaryDirectory(prefix="promptclaim-") as folder:
        path = _written(example, Path(folder))
        try:
            claims_file = open_claims_file(path, path.name)
            if isinstance(claims_file, X12ClaimsFile):
                items = list(claims_file.checked_items(processes=0))
            else:
                items = list(claims_file.items())
        except FileRefused as refusal:
            return [refusal.finding]
    return [*claims_file.notes, *_of_items(items, payers)]


def _of_items(items: Iterable[ClaimRead | UnreadableClaim], payers: Payers) -> Iterable[Finding]:
    payer_ids = set()
    for item in items:
        yield from item.findings
        if isinstance(item, ClaimRead) and item.claim.payer.id:
            payer_ids.add(item.claim.payer.id)
    yield from unknown_payer_notes(payers, payer_ids)


def _written(example: FileExample, folder: Path) -> Path:
    if example.text is not None:
        path = folder / "claims.txt"
        path.write_text(example.text, encoding="utf-8")
        return path
    if not example.rows:
        text = base()["x12"].strip() + "\n"
        for before, after in example.x12:
            if before not in text:
                raise ValueError(f"{before} does not stand in the base file")
            text = text.replace(before, after)
        path = folder / "claims.837"
        path.write_text(text, encoding="ascii")
        return path
    rows = [row if row.get("only") else changed("row", row) for row in example.rows]
    header = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "only"]
    cells = [header, *([row.get(name, "") for name in header] for row in rows)]
    return _workbook(cells, example.hidden_rows, folder) if example.hidden_rows else _csv(cells, folder)


def _csv(cells: list[list[Any]], folder: Path) -> Path:
    path = folder / "invoice.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(cells)
    return path


def _workbook(cells: list[list[Any]], hidden: tuple[int, ...], folder: Path) -> Path:
    path = folder / "invoice.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet("Invoice")
        for number, row in enumerate(cells):
            sheet.write_row(number, 0, row)
        for row_number in hidden:
            sheet.set_row(row_number - 1, None, None, {"hidden": True})
    return path


def _clock(example: ClockExample) -> dict[str, Any]:
    terms = PayerTerms(regime=example.regime)
    entries = [
        Entry(each.kind, each.date, each.amount_cents, each.interest_cents) for each in example.happened
    ]
    outcome = run_clock(period_of(example.received, terms), terms, example.amount_cents, entries)
    return clock_document(outcome, example.as_of)


def _share(example: ShareExample) -> dict[str, Any]:
    cohorts = [
        Cohort(
            arrival_date=_ARRIVED,
            status="paid",
            paid_in_full_on=_ARRIVED + timedelta(days=int(days)),
            count=count,
        )
        for days, count in example.paid_after.items()
    ]
    if example.unpaid:
        cohorts.append(Cohort(arrival_date=_ARRIVED, status="running", count=example.unpaid))
    total = figures(cohorts, as_of=_ARRIVED + timedelta(days=365)).total
    share = total.within_30 if example.within == 30 else total.within_90
    return {"paid": share.paid, "matured": share.matured, "share": share.share, "met": share.met}
