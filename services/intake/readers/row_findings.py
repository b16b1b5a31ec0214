"""Findings about rows of an invoice, in the terms of the sheet: its name, row numbers and column letters."""

from services.intake.readers.invoice_cells import Issue, shown
from shared.catalogue import finding
from shared.findings import Finding
from shared.places import INVOICE_FIELDS

_ROWS_NAMED = 20


class Places:
    """Places in one sheet, or in a CSV file, which has no sheet name."""

    def __init__(self, sheet: str | None, columns: dict[str, int]) -> None:
        self._sheet = [f'sheet "{sheet}"'] if sheet else []
        self._columns = columns

    def place(self, row: int | None, column: str | None) -> str:
        """``sheet "Invoice", row 17, column F (units)``."""
        parts = [*self._sheet, f"row {row}"]
        if column is not None:
            parts.append(f"column {letters(self._columns[column])} ({column})")
        return ", ".join(parts)

    def finding(self, issue: Issue, row: int | None, line: int | None) -> Finding:
        """What was repaired or is wrong in one cell, with its place."""
        details = {} if issue.severity is None else {"severity": issue.severity}
        return finding(
            issue.rule,
            issue.message,
            line=line,
            field=INVOICE_FIELDS[issue.column],
            value=shown(issue.cell),
            where=self.place(row, issue.column),
            expected=issue.expected,
            **details,
        )


def letters(index: int) -> str:
    """The column letters of a spreadsheet: 0 is A, 26 is AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name


def named_rows(rows: list[int]) -> str:
    """``row 5``, ``rows 5 and 6``, ``rows 5, 6 and 9``; long lists end with how many more there are."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) > _ROWS_NAMED:
        listed = ", ".join(map(str, rows[:_ROWS_NAMED]))
        return f"rows {listed} and {len(rows) - _ROWS_NAMED} more"
    return f"rows {', '.join(map(str, rows[:-1]))} and {rows[-1]}"


def stray_note(rows: list[int]) -> Finding:
    """Rows that hold something, but nothing of a claim: totals, remarks."""
    return finding(
        "file.empty_rows",
        f"We did not read {named_rows(rows)}: no invoice, control number, member, code or date there.",
        where=named_rows(rows),
    )


def ending_with(found: Finding, ending: str) -> Finding:
    """The same finding with something added to its message."""
    return finding(
        found.rule,
        found.message + ending,
        line=found.line,
        field=found.field,
        value=found.value,
        where=found.where,
        expected=found.expected,
    )


def filled(cell: object) -> bool:
    """Whether a cell shows anything."""
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None
