"""Every rule by example: one that passes and one that the rule finds, as data that is run as tests.

An example is a small change to a base (``shared/reference/examples/base.toml``), so that what is written is what
matters. What kind it is follows from what it gives: a claim with what the service knew when it came, a file, a clock
with what happened to the claim, or the payments of many claims.
"""

import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from msgspec import Struct, convert

from shared.findings import Severity

FILES = ("files", "claims", "codes", "authorization", "duplicates", "limits", "overlap", "clocks")

Change = dict[str, Any]


class ClaimExample(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A claim: changes to the base claim and its one line. ``lines``, where given, are changes to that line, one each.

    ``without`` names what is taken away (``claim.diagnosis_codes``, ``line.units``).
    """

    claim: Change = {}
    line: Change = {}
    lines: tuple[Change, ...] = ()
    without: tuple[str, ...] = ()
    received: date | None = None


class FileExample(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file: ``text`` as it is; or ``rows``, changes to the base row, of an invoice (``only``: nothing but these);
    or ``x12``, pairs of what stands in the base file and what stands there instead. ``hidden_rows`` makes the invoice
    an Excel workbook in which these rows are hidden.
    """

    text: str | None = None
    rows: tuple[Change, ...] = ()
    hidden_rows: tuple[int, ...] = ()
    x12: tuple[tuple[str, str], ...] = ()


class Happened(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What happened to a claim. ``amount_cents`` absent: all that was open."""

    kind: Literal["paid", "denied", "contested", "information_received", "payment_reversed"]
    date: date
    amount_cents: int | None = None
    interest_cents: int = 0


class ClockExample(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A clock: ``shows`` is what its document says on ``as_of``, ``absent`` what it does not speak of."""

    received: date
    as_of: date
    shows: Change
    absent: tuple[str, ...] = ()
    amount_cents: int | None = None
    regime: Literal["knox-keene", "hmo"] = "knox-keene"
    happened: tuple[Happened, ...] = ()


class ShareExample(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Many claims: ``paid_after`` maps days to how many claims were paid then; ``unpaid`` are those never paid."""

    within: Literal[30, 90]
    paid_after: dict[str, int]
    shows: Change
    unpaid: int = 0


class Example(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One example. ``says`` is its sentence; ``severity`` and ``finds`` where they are not those of the rule.

    ``earlier`` are claims judged before. ``services``, ``enrollments`` and ``authorizations`` are changes to the base
    records; ``covered``: a feed of authorizations covers the plan (it does where there is a record). ``payers`` is a
    payers file. ``key_npis``: the NPIs of the sender's key. ``decided``: what the plan decided of it in review.
    """

    says: str
    severity: Severity | None = None
    finds: str | None = None
    claim: ClaimExample | None = None
    file: FileExample | None = None
    clock: ClockExample | None = None
    share: ShareExample | None = None
    earlier: tuple[ClaimExample, ...] = ()
    services: tuple[Change, ...] = ()
    enrollments: tuple[Change, ...] = ()
    authorizations: tuple[Change, ...] = ()
    covered: bool = False
    payers: str | None = None
    key_npis: tuple[str, ...] | None = None
    decided: Literal["release", "reject"] | None = None
    reason: str | None = None


class RuleExamples(Struct, frozen=True, forbid_unknown_fields=True):
    """A rule's two examples."""

    id: str
    passes: Example
    finds: Example


@cache
def examples() -> dict[str, RuleExamples]:
    """The examples by rule id. Raises ``msgspec.ValidationError`` where the data is wrong, ``ValueError`` for a
    rule that has two.
    """
    found: dict[str, RuleExamples] = {}
    for name in FILES:
        for row in _read(name).get("rule", ()):
            rule = convert(row, RuleExamples)
            if rule.id in found:
                raise ValueError(f"{rule.id} has its examples twice")
            found[rule.id] = rule
    return found


@cache
def base() -> Mapping[str, Any]:
    """What examples start from. Do not change it."""
    return _read("base")


def changed(kind: str, change: Change, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The base ``kind`` (claim, line, row, service …) with the change, tables within tables merged."""
    made = _merged(base()[kind], change)
    for path in without:
        first, *steps, last = path.split(".")
        if first == kind:
            at = made
            for step in steps:
                at = at[step]
            del at[last]
    return made


def described(example: Example) -> Iterator[str]:
    """What the example gives besides the base, a line each, for people: ``line: modifiers U2 95``."""
    said = list(_changes(example))
    yield from said or ["the clean claim as it is"]


def _changes(example: Example) -> Iterator[str]:
    if example.claim is not None:
        yield from _claim_said(example.claim, "")
    for number, earlier in enumerate(example.earlier, start=1):
        said = list(_claim_said(earlier, f"earlier claim {number}, "))
        yield from said or [f"earlier claim {number}: as in the clean claim"]
    for kind, records in (
        ("service on record", example.services),
        ("enrollment on record", example.enrollments),
        ("authorization on record", example.authorizations),
    ):
        for record in records:
            yield f"{kind}: {_said(record) or 'of this member'}"
    if example.covered and not example.authorizations:
        yield "the plan sends its authorizations"
    if example.key_npis is not None:
        yield f"NPIs of the sender's key: {' '.join(example.key_npis)}"
    if example.payers is not None:
        yield f"payers file: {' '.join(example.payers.split())}"
    if example.decided is not None:
        yield f"the plan decided: {example.decided}, “{example.reason}”"
    if example.file is not None:
        yield from _file_said(example.file)
    if example.clock is not None:
        yield from _clock_said(example.clock)
    if example.share is not None:
        share = example.share
        paid = ", ".join(f"{count} after {days} days" for days, count in share.paid_after.items())
        yield f"clean claims paid: {paid}; never: {share.unpaid}"
        yield f"then: {_said(share.shows)}"


def _claim_said(claim: ClaimExample, who: str) -> Iterator[str]:
    if claim.received is not None:
        yield f"{who}received {claim.received}"
    if claim.claim:
        yield f"{who}claim: {_said(claim.claim)}"
    if claim.line:
        yield f"{who}line: {_said(claim.line)}"
    for number, line in enumerate(claim.lines, start=1):
        yield f"{who}line {number}: {_said(line) or 'as in the clean claim'}"
    if claim.without:
        yield f"{who}without {', '.join(claim.without)}"


def _file_said(file: FileExample) -> Iterator[str]:
    if file.text is not None:
        yield f"the file says: {file.text.strip()[:80]}"
    for number, row in enumerate(file.rows, start=2):
        if row.get("only"):
            yield f"row {number}: nothing but {_said({name: cell for name, cell in row.items() if name != 'only'})}"
        else:
            yield f"row {number}: {_said(row) or 'as in the clean claim'}"
    if file.hidden_rows:
        yield f"hidden in Excel: row {', '.join(map(str, file.hidden_rows))}"
    for before, after in file.x12:
        yield f"{before or '(nothing)'} → {after or '(taken away)'}"


def _clock_said(clock: ClockExample) -> Iterator[str]:
    amount = f", {clock.amount_cents} cents" if clock.amount_cents is not None else ""
    regime = ", HMO" if clock.regime == "hmo" else ""
    yield f"received {clock.received}{amount}{regime}; seen on {clock.as_of}"
    for each in clock.happened:
        cents = f", {each.amount_cents} cents" if each.amount_cents is not None else ""
        interest = f", interest {each.interest_cents} cents" if each.interest_cents else ""
        yield f"{each.kind.replace('_', ' ')} {each.date}{cents}{interest}"
    yield f"then: {_said(clock.shows)}"


def _said(change: Change) -> str:
    return "; ".join(f"{name} {_value(value)}".rstrip() for name, value in change.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(each)}" for name, each in value.items())
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    if value is True:
        return "yes"
    return "no" if value is False else str(value) or "(empty)"


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    made = deepcopy(dict(first))
    for name, value in second.items():
        inner = made.get(name)
        made[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return made


def _read(name: str) -> dict[str, Any]:
    text = files("shared.reference.examples").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
