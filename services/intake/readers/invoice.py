"""Invoice rows, from XLSX or CSV, become claims.

Rows with the same invoice number and control number form one claim, wherever they stand. A first pass over
the rows counts claims and lines; the second gives each claim out as soon as its last row has been seen and
all claims that began before it are out, so memory holds no more than the claims still open.
"""

from collections import Counter, deque
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Protocol

from msgspec import Struct

from services.intake.readers import Census, ClaimRead, UnreadableClaim
from services.intake.readers.headers import refused
from services.intake.readers.helpful import HELPFUL_FIELDS
from services.intake.readers.invoice_cells import (
    BILLING_CELLS,
    CLAIM_COLUMNS,
    LINE_COLUMNS,
    MEMBER_CELLS,
    OTHER_CELLS,
    PAYER_CELLS,
    RENDERING_CELLS,
    InvoiceCells,
    Issue,
    shown,
)
from services.intake.readers.long_claims import of_bearable_length
from services.intake.readers.row_findings import Places, ending_with, filled, named_rows, stray_note
from services.intake.readers.values import MisreadError, plain
from shared.catalogue import finding
from shared.claim import Channel, Claim, Provider, ServiceLine, Source
from shared.findings import Finding
from shared.places import INVOICE_FIELDS

Row = tuple[int, list[Any], str | None]
Key = tuple[str | None, str] | int


class Table(Protocol):
    """The rows of an invoice under their header. ``columns`` says at which index each known column stands."""

    sheet: str | None
    columns: dict[str, int]
    notes: tuple[Finding, ...]

    def rows(self) -> Iterator[Row]:
        """Row number as a person sees it, its cells and, where the row is out of shape, what is wrong.

        Starts anew at each call. Every row has at least as many cells as the header.
        """


class _OpenClaim:
    __slots__ = ("cells", "differing", "lines", "rows_to_come", "shapeless")

    def __init__(self, cells: tuple[object, ...], rows_to_come: int) -> None:
        self.cells = cells
        self.rows_to_come = rows_to_come
        self.lines: list[tuple[int, tuple[object, ...]]] = []
        self.differing: list[tuple[int, tuple[object, ...]]] = []
        self.shapeless: list[tuple[int, str]] = []


class _Line(Struct):
    line: ServiceLine
    authorization_number: str | None
    rendering: Provider | None
    diagnosis_codes: tuple[str, ...]
    issues: tuple[Issue, ...]


class InvoiceFile:
    """An invoice as a ``ClaimsFile``."""

    channel: Channel = "invoice"

    def __init__(self, table: Table) -> None:
        self._table = table
        self._places = Places(table.sheet, table.columns)
        self._claim_cells = _picker(CLAIM_COLUMNS, table.columns)
        self._line_cells = _picker(LINE_COLUMNS, table.columns)
        self._key_cells = _picker(("invoice_number", "control_number"), table.columns)
        self._telling_cells = _picker(
            ("invoice_number", "control_number", "member_cin", "procedure_code", "service_start"),
            table.columns,
        )
        self._rows_of_claim: Counter[Key] = Counter()
        strays: list[int] = []
        lines = 0
        for number, row, _ in table.rows():
            key = self._key(number, row)
            if key is None:
                if any(filled(cell) for cell in row):
                    strays.append(number)
                continue
            self._rows_of_claim[key] += 1
            lines += 1
        if not lines:
            raise refused(
                "The invoice has headers but no rows that we can see below them.",
                expected="At least one row with a service",
            )
        self.census = Census(claims=len(self._rows_of_claim), lines=lines)
        self.notes = (*table.notes, *([stray_note(strays)] if strays else []))

    def items(self) -> Iterator[ClaimRead | UnreadableClaim]:
        """Every claim once, by first row. Raises ``RuntimeError`` if that is not as many as were counted."""
        cells = InvoiceCells()
        open_claims: dict[Key, _OpenClaim] = {}
        in_order: deque[_OpenClaim] = deque()
        given = 0
        for number, row, problem in self._table.rows():
            key = self._key(number, row)
            if key is None:
                continue
            claim_cells = self._claim_cells(row)
            claim = open_claims.get(key)
            if claim is None:
                claim = open_claims[key] = _OpenClaim(claim_cells, self._rows_of_claim[key])
                in_order.append(claim)
            elif claim_cells != claim.cells and problem is None:
                claim.differing.append((number, claim_cells))
            claim.lines.append((number, self._line_cells(row)))
            if problem is not None:
                claim.shapeless.append((number, problem))
            claim.rows_to_come -= 1
            if claim.rows_to_come == 0:
                del open_claims[key]
                while in_order and in_order[0].rows_to_come == 0:
                    yield self._claim(in_order.popleft(), cells, given)
                    given += 1
        if given != self.census.claims:
            raise RuntimeError(f"{self.census.claims} claims counted, {given} read")

    def _key(self, number: int, row: list[Any]) -> Key | None:
        """What ties a row to its claim: a row without a control number stands alone. ``None``: none."""
        invoice_number, control_number = self._key_cells(row)
        if type(control_number) is str and type(invoice_number) is str:
            control = control_number.strip()
            if control and "  " not in control:
                return invoice_number.strip(), control
        elif control_number is not None:
            try:
                control_text = plain(control_number)
                if control_text:
                    return plain(invoice_number) or "", control_text
            except MisreadError:
                return number
        if type(control_number) is str and (control_text := plain(control_number)):
            try:
                return plain(invoice_number) or "", control_text
            except MisreadError:
                return "", control_text
        return number if any(filled(cell) for cell in self._telling_cells(row)) else None

    def _claim(self, claim: _OpenClaim, cells: InvoiceCells, ordinal: int) -> ClaimRead | UnreadableClaim:
        first_row = claim.lines[0][0]
        cells.issues.clear()
        payer, payer_issues = cells.payers[claim.cells[PAYER_CELLS]]
        billing, billing_issues = cells.billing_providers[claim.cells[BILLING_CELLS]]
        member, member_issues = cells.members[claim.cells[MEMBER_CELLS]]
        invoice_number, control_number, invoice_date, total, frequency, original, delay = cells.others(
            claim.cells[OTHER_CELLS]
        )
        issues = [*cells.issues, *payer_issues, *billing_issues, *member_issues]
        findings = [self._places.finding(issue, first_row, None) for issue in issues]
        if claim.differing:
            findings += self._differences(claim, cells)
        lines = [self._line(n, row, line, cells) for n, (row, line) in enumerate(claim.lines, start=1)]
        for entry in lines:
            if entry.issues:
                findings += [
                    self._places.finding(issue, entry.line.row, entry.line.number) for issue in entry.issues
                ]
        if claim.shapeless or any(found.rule == "row.unreadable" for found in findings):
            return self._unreadable(claim, control_number, findings)
        first = lines[0]
        rendering, authorization = first.rendering, first.authorization_number
        if len(lines) > 1:
            rendering, authorization = _shared_by_all(lines)
        charges = [entry.line.charge_cents for entry in lines]
        if total is None and None not in charges:
            total = sum(charge for charge in charges if charge is not None)
        read = ClaimRead(
            Claim(
                channel="invoice",
                claim_number=control_number,
                payer=payer,
                billing_provider=billing,
                rendering_provider=rendering,
                member=member,
                lines=tuple([entry.line for entry in lines]),
                frequency=frequency,
                original_reference=original,
                authorization_number=authorization,
                place_of_service=first.line.place_of_service,
                diagnosis_codes=_all_diagnoses(lines),
                total_cents=total,
                delay_reason=delay,
                invoice_number=invoice_number,
                invoice_date=invoice_date,
                source=Source(claim_ordinal=ordinal, sheet=self._table.sheet),
            ),
            tuple(findings),
        )
        return of_bearable_length(read, self._places.place(first_row, None))

    def _line(self, number: int, row: int, line_cells: tuple[object, ...], cells: InvoiceCells) -> _Line:
        issues = cells.issues
        issues.clear()
        line, authorization_number, diagnosis_codes = cells.line(number, row, line_cells)
        rendering, rendering_issues = cells.rendering_providers[line_cells[RENDERING_CELLS]]
        found = (*issues, *rendering_issues) if issues or rendering_issues else ()
        return _Line(line, authorization_number, rendering, diagnosis_codes, found)

    def _differences(self, claim: _OpenClaim, cells: InvoiceCells) -> Iterator[Finding]:
        """Cells of the claim that a later row fills otherwise. An empty cell there says nothing else."""
        first_row = claim.lines[0][0]
        for position, column in enumerate(CLAIM_COLUMNS):
            if column in ("invoice_number", "control_number"):
                continue
            meaning = cells.columns[column]
            first = meaning[claim.cells[position]]
            other = [
                (row, others[position])
                for row, others in claim.differing
                if filled(others[position]) and meaning[others[position]] != first
            ]
            if other:
                rows = [row for row, _ in other]
                said = f"Row {first_row} and {named_rows(rows)} differ in {column}."
                helps = INVOICE_FIELDS[column] in HELPFUL_FIELDS
                yield finding(
                    "field.format",
                    f"{said} We use that of row {first_row}."
                    if helps
                    else f"Rows of one claim must say the same about the claim. {said}",
                    severity="note" if helps else "reject",
                    field=INVOICE_FIELDS[column],
                    value=shown(other[0][1]),
                    where=self._places.place(rows[0], column),
                    expected=f"The same {column} in every row of the claim, or another control number",
                )
        cells.issues.clear()

    def _unreadable(
        self, claim: _OpenClaim, control_number: str | None, findings: list[Finding]
    ) -> UnreadableClaim:
        places = [(row, self._places.place(row, None), problem) for row, problem in claim.shapeless]
        bad_rows = {row for row, _, _ in places}
        by_line = {n: row for n, (row, _) in enumerate(claim.lines, start=1)}
        bad_rows |= {by_line[f.line] for f in findings if f.rule == "row.unreadable" and f.line is not None}
        shapeless = [
            finding("row.unreadable", problem, where=place, expected="As many cells as the header has")
            for _, place, problem in places
        ]
        # In a row out of shape every cell may stand in another's column: what it seems to say is no finding.
        of_row = {None: claim.lines[0][0]} | by_line
        out_of_shape = {row for row, _ in claim.shapeless}
        kept = [found for found in findings if of_row[found.line] not in out_of_shape]
        fine = [row for row, _ in claim.lines if row not in bad_rows]
        ending = ""
        if fine:
            verb = "was" if len(fine) == 1 else "were"
            ending = (
                f" {named_rows(fine).capitalize()} of the same claim {verb} fine. Send all its rows again."
            )
        return UnreadableClaim(
            findings=tuple(
                ending_with(found, ending) if found.rule == "row.unreadable" else found
                for found in [*shapeless, *kept]
            ),
            claim_number=control_number,
            rows=tuple(row for row, _ in claim.lines),
        )


def _picker(names: tuple[str, ...], columns: dict[str, int]) -> Any:
    """Cells in the order of ``names``. A column that is not there reads the empty cell at the row's end."""
    return itemgetter(*(columns.get(name, -1) for name in names))


def _shared_by_all(lines: list[_Line]) -> tuple[Provider | None, str | None]:
    """What all lines say alike stands on the claim; where they differ each line keeps its own."""
    rendering, authorization = lines[0].rendering, lines[0].authorization_number
    if any(entry.rendering != rendering for entry in lines):
        rendering = None
        for entry in lines:
            entry.line = _with(entry.line, rendering_npi=entry.rendering.npi if entry.rendering else None)
    if any(entry.authorization_number != authorization for entry in lines):
        authorization = None
        for entry in lines:
            entry.line = _with(entry.line, authorization_number=entry.authorization_number)
    return rendering, authorization


def _with(line: ServiceLine, **changes: Any) -> ServiceLine:
    kept = {name: getattr(line, name) for name in line.__struct_fields__}
    return ServiceLine(**{**kept, **changes})


def _all_diagnoses(lines: list[_Line]) -> tuple[str, ...]:
    first = lines[0].diagnosis_codes
    if all(entry.diagnosis_codes == first for entry in lines):
        return first
    return tuple(dict.fromkeys(code for entry in lines for code in entry.diagnosis_codes))
