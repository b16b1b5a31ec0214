"""How other programs stand to ECM and Community Supports: ``programs.csv`` and ``other_care_codes.csv``.

Each program has rows of data for periods of service, with what a recorded service or a mere enrolment means on
these days, the exceptions and the authority. Days are dates of service. After the table of the DHCS CalAIM ECM
Policy Guide, January 2026 (figure 2).
"""

from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Literal, cast

from msgspec import Struct

from shared.findings import Severity
from shared.reference.codes import Benefit
from shared.reference.tables import rows_of, version_of

Relation = Literal["both", "either", "excluded", "plan"]

SERVICE_PROGRAMS = (
    "CHW",
    "TCM_COUNTY",
    "TCM_SMHS",
    "ICC",
    "CCS",
    "CCS_WCM",
    "DMC_ODS",
    "HCPCFC",
    "DYADIC",
    "OTHER",
)
"""The programs that a record of a service may name; enrolments may name any."""

NOT_CARE_MANAGEMENT = "NOT_CARE_MANAGEMENT"

_WAITING = "_WAITLIST"
_WAITING_WORDS = ("WAITLIST", "WAITINGLIST", "WAITLISTED", "ONWAITINGLIST")
_BOTH_ENDS = (date.min, date.max)


class Exceptions(Struct, frozen=True, omit_defaults=True):
    """When a row's stricter rule gives way. Any one is enough, and only for services to ``until``.

    ``began_by``: the member's enrolment in the program began by that day. ``enrolled_in``: the member is enrolled in
    one of these programs on the day of service. ``authorized_on``: an ECM authorization was in force on that day.
    """

    began_by: date | None = None
    enrolled_in: frozenset[str] = frozenset()
    authorized_on: date | None = None
    until: date = date.max


class ProgramRule(Struct, frozen=True):
    """What a program means for lines of ``benefit`` with dates of service in these days, both included.

    The severities are those of a recorded service: of the claim's own provider with overlapping times
    (``own_overlapping``), without times (``own_untimed``), at other times (``own_apart``), of another provider on the
    date (``other_same_date``); and of enrolment alone (``enrolled``). ``None``: nothing is found. ``statement`` says
    the rule to people. ``confidence`` ``unverified`` never rejects.
    """

    program: str
    name: str
    category: str
    benefit: Benefit | None
    relation: Relation
    rule: str
    own_overlapping: Severity | None
    own_untimed: Severity | None
    own_apart: Severity | None
    other_same_date: Severity | None
    enrolled: Severity | None
    exceptions: Exceptions | None
    effective_from: date
    effective_to: date
    confidence: Literal["public", "unverified"]
    authority: str
    statement: str

    def in_force(self, first: date, last: date | None = None) -> bool:
        """Whether it holds on any day from ``first`` through ``last``."""
        return self.effective_from <= (last or first) and first <= self.effective_to


class Program(Struct, frozen=True):
    """A program. ``name`` stands in a sentence ("the member is in …"). ``waiting``: its waiting list only."""

    id: str
    name: str
    category: str
    rules: tuple[ProgramRule, ...]
    waiting: bool = False

    @property
    def title(self) -> str:
        """The name as it stands by itself: ``Full Service Partnership``."""
        name = self.name
        for article in ("the ", "a ", "an "):
            name = name.removeprefix(article)
        return name[:1].upper() + name[1:]

    def on(self, day: date, benefit: Benefit = "ECM") -> ProgramRule | None:
        """The rule for services of that day; ``None`` where the program says nothing of them."""
        return next((rule for rule in self.rules if rule.benefit == benefit and rule.in_force(day)), None)


class CodeOfCare(Struct, frozen=True):
    """Codes of another program's services. ``program`` may be ``NOT_CARE_MANAGEMENT``."""

    first: str
    last: str
    modifiers: frozenset[str]
    program: str
    effective_from: date
    effective_to: date
    confidence: Literal["public", "unverified"]
    authority: str

    def fits(self, code: str, modifiers: frozenset[str]) -> bool:
        """Whether it is this code with (at least) these modifiers."""
        return (
            len(code) == len(self.first) and self.first <= code <= self.last and self.modifiers <= modifiers
        )

    def in_force(self, day: date) -> bool:
        """Whether the code meant this on that day."""
        return self.effective_from <= day <= self.effective_to


class Programs:
    """All programs at once, found by id or by any other spelling that a county or plan may use."""

    def __init__(
        self,
        rules: Iterable[ProgramRule],
        aliases: Iterable[tuple[str, str]],
        codes: Iterable[CodeOfCare],
        version: str,
    ) -> None:
        by_id: dict[str, list[ProgramRule]] = {}
        for rule in rules:
            by_id.setdefault(rule.program, []).append(rule)
        self.all = tuple(
            Program(each, of[0].name, of[0].category, tuple(of)) for each, of in sorted(by_id.items())
        )
        self.version = version
        self.codes = tuple(sorted(codes, key=lambda code: -len(code.modifiers)))
        self._rows_of_code: dict[tuple[str, frozenset[str]], tuple[CodeOfCare, ...]] = {}
        self._known: dict[str, Program] = {}
        by_program = {program.id: program for program in self.all}
        for alias, owner in (*((each, each) for each in by_program), *aliases):
            name = _normal(alias)
            other = self._known.setdefault(name, by_program[owner])
            if other.id != owner:
                raise ValueError(f"{alias} is said of both {other.id} and {owner}")
        for name, program in list(self._known.items()):
            waiting = Program(f"{program.id}{_WAITING}", f"the waiting list of {program.name}", "", (), True)
            for word in _WAITING_WORDS:
                self._known.setdefault(name + word, waiting)
                self._known.setdefault(word + name, waiting)
        self._exact = {program.id: program for program in self._known.values()}

    @staticmethod
    @cache
    def load() -> "Programs":
        """The shipped programs. Raises ``ValueError`` or ``KeyError`` where a data file is wrong."""
        rows = rows_of("programs.csv")
        aliases = [(alias, row["id"]) for row in rows for alias in row["aliases"].split("|") if alias]
        codes = map(_code_of_care, rows_of("other_care_codes.csv"))
        return Programs(map(_rule, rows), aliases, codes, version_of("programs.csv"))

    def of(self, text: str) -> Program | None:
        """The program of this id or spelling, case and punctuation ignored."""
        return self._exact.get(text) or self._known.get(_normal(text))

    def of_code(self, code: str, modifiers: Iterable[str] = (), day: date | None = None) -> CodeOfCare | None:
        """What a code with these modifiers says of the program, the more particular row first."""
        key = (code, frozenset(modifiers))
        rows = self._rows_of_code.get(key)
        if rows is None:
            rows = self._rows_of_code[key] = tuple(row for row in self.codes if row.fits(*key))
        return next((row for row in rows if day is None or row.in_force(day)), None)


def program_of(text: str) -> Program | None:
    """The shipped program of this id or spelling (``PACE``, ``D-SNP``, ``1915(c) MSSP``); ``None``: not known."""
    return Programs.load().of(text)


def _normal(text: str) -> str:
    return "".join(letter for letter in text.upper() if letter.isalnum())


def _rule(row: dict[str, str]) -> ProgramRule:
    severities = {
        name: cast(Severity | None, row[name] or None)
        for name in ("own_overlapping", "own_untimed", "own_apart", "other_same_date", "enrolled")
    }
    if row["confidence"] != "public" and "reject" in severities.values():
        raise ValueError(f"{row['id']}: what is not verified must not reject")
    return ProgramRule(
        program=row["id"],
        name=row["name"],
        category=row["category"],
        benefit=cast(Benefit | None, row["benefit"] or None),
        relation=cast(Relation, row["relation"]),
        rule=row["rule"],
        **severities,
        exceptions=_exceptions(row["exceptions"]) if row["exceptions"] else None,
        effective_from=_day(row["effective_from"], 0),
        effective_to=_day(row["effective_to"], 1),
        confidence="public" if row["confidence"] == "public" else "unverified",
        authority=row["authority"],
        statement=row["statement"],
    )


def _exceptions(text: str) -> Exceptions:
    said = dict(part.split("=") for part in text.split())
    days = {
        name: date.fromisoformat(said.pop(name)) for name in ("began_by", "authorized_on") if name in said
    }
    until = date.fromisoformat(said.pop("until")) if "until" in said else date.max
    enrolled_in = frozenset(said.pop("enrolled_in").split("+")) if "enrolled_in" in said else frozenset[str]()
    if said:
        raise ValueError(f"unknown exceptions: {', '.join(said)}")
    return Exceptions(enrolled_in=enrolled_in, until=until, **days)


def _code_of_care(row: dict[str, str]) -> CodeOfCare:
    return CodeOfCare(
        first=row["first"],
        last=row["last"] or row["first"],
        modifiers=frozenset(row["modifiers"].split()),
        program=row["program"],
        effective_from=_day(row["effective_from"], 0),
        effective_to=_day(row["effective_to"], 1),
        confidence="public" if row["confidence"] == "public" else "unverified",
        authority=row["authority"],
    )


def _day(text: str, end: int) -> date:
    return date.fromisoformat(text) if text else _BOTH_ENDS[end]
