"""Plain tables for terminals."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from textwrap import wrap
from typing import Any

_MESSAGE_WIDTH = 100


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """The rows under a header; ``columns`` (default: the first row's) in their order. Lists are joined by spaces."""
    if not rows:
        return "(none)"
    columns = columns or list(rows[0])
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    lines = chain([columns, ["-" * width for width in widths]], cells)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def findings_lines(findings: Iterable[Mapping[str, Any]], indent: str = "    ") -> list[str]:
    """What has to be done first; then the notes, which ask for nothing, a line each."""
    ordered = sorted(findings, key=lambda finding: finding["severity"] == "note")
    return list(chain.from_iterable(finding_lines(finding, indent) for finding in ordered))


def finding_lines(finding: Mapping[str, Any], indent: str = "    ") -> list[str]:
    """A finding as a person reads it: rule and place, then what is wrong, what would be right, and who says so."""
    place = f" ({finding['where']})" if finding.get("where") else ""
    if finding["severity"] == "note":
        first, *more = _wrapped(f"note: {finding['message']}{place}")
        return [indent + first, *(indent + "  " + line for line in more)]
    lines = [f"{finding['severity']}: {finding['rule']}{place}", *_wrapped(finding["message"])]
    if finding.get("expected"):
        lines += _wrapped(f"Right would be: {finding['expected']}")
    if finding.get("authority"):
        lines += _wrapped(f"Says: {finding['authority']}")
    return [indent + lines[0], *(indent + "  " + line for line in lines[1:])]


def claim_lines(claim: Mapping[str, Any]) -> list[str]:
    """A claim's verdict with its findings."""
    name = claim.get("claim") or "(no claim number)"
    due = (claim.get("clock") or {}).get("deadline")
    head = f"  {claim.get('verdict') or 'judging':<10} {name}" + (f"  payment due by {due}" if due else "")
    return [head, *findings_lines(claim.get("findings", ()))]


def submission_table(submission: Mapping[str, Any]) -> str:
    """A whole submission: every claim with its verdict, then the counts."""
    lines = list(chain.from_iterable(claim_lines(claim) for claim in submission["claims"]))
    counts = ", ".join(f"{number} {verdict}" for verdict, number in submission["counts"].items())
    return "\n".join([*lines, f"{submission['file_name']}: {counts}"])


def _wrapped(text: str) -> list[str]:
    return wrap(text, _MESSAGE_WIDTH) or [""]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value)
