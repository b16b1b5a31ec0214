"""The envelopes of X12: interchange (ISA to IEA), functional group (GS to GE), transaction set (ST to SE).

Source: ASC X12 005010X222A1 appendix B and C. A broken envelope stops everything (:class:`EnvelopeError`); a
wrong count or control number does not: it becomes a problem of every transaction set it speaks for.
"""

from collections.abc import Callable
from typing import NamedTuple, NoReturn

from msgspec import Struct

from shared.x12.segments import EnvelopeError

_KINDS = {
    "270": "an eligibility question (270)",
    "271": "an eligibility answer (271)",
    "276": "a claim status question (276)",
    "277": "a claim status answer or claim acknowledgement (277)",
    "278": "a service authorization (278)",
    "820": "a premium payment (820)",
    "834": "an enrollment file (834)",
    "835": "a remittance advice (835)",
    "997": "an acknowledgement (997)",
    "999": "an acknowledgement (999)",
}
_OTHER_837 = {"X223": "an institutional claim (837I)", "X224": "a dental claim (837D)"}
_WANTED = "An 837 professional: ST01 is 837 and ST03 is 005010X222A1."


class StructureProblem(Struct, frozen=True):
    """What is wrong with an envelope that is otherwise whole, with its place and what would be right."""

    message: str
    where: str
    expected: str | None = None
    value: str | None = None


class SetFacts(Struct):
    """One transaction set (ST to SE). ``problems`` are those of its trailer and of the envelopes around it.

    ``ordinal`` counts from 0; ``first_segment`` is the number of its ST in the file, from 1.
    ``trailer_errors`` are IK502 codes for the 999: 3 control number, 4 segment count.
    """

    ordinal: int
    control: str
    version: str
    first_segment: int
    claims: int = 0
    problems: list[StructureProblem] = []
    trailer_errors: tuple[str, ...] = ()


class _Level(Struct):
    name: str
    control: str
    count: int = 0
    sets: list[SetFacts] = []
    version: str = ""
    code: str = ""
    controls: set[str] = set()


class Wanted(NamedTuple):
    """What a file should hold. ``refuse`` is given ST01, the version and the number of the segment, and raises
    :class:`EnvelopeError` for anything else; ``group`` is what GS01 then says, and ``things`` the word for it.
    """

    refuse: Callable[[str, str, int], None]
    group: str
    things: str


class Envelope:
    """Follows the envelope segments of a file in order. Segments are given as their elements, id first.

    ``wanted`` absent: a file of 837 professional claims.
    """

    def __init__(self, wanted: Wanted | None = None) -> None:
        self._wanted = wanted or CLAIMS_837P
        self.in_set = False
        self.claims_in_set = 0
        self.interchanges = 0
        self.groups = 0
        self.stray_trailers: list[int] = []
        self._sets: list[SetFacts] = []
        self._interchange: _Level | None = None
        self._group: _Level | None = None
        self._set: SetFacts | None = None
        self._interchange_controls: set[str] = set()

    def take(self, number: int, fields: list[str]) -> None:
        """Takes an envelope segment (ISA, GS, ST, SE, GE, IEA, TA1). Raises :class:`EnvelopeError`."""
        name = fields[0]
        if name == "TA1":
            if self._interchange is None or self._group is not None:
                self.outside(number, name)
        elif name == "ISA":
            self._open_interchange(number, fields)
        elif name == "GS":
            self._open_group(number, fields)
        elif name == "ST":
            self._open_set(number, fields)
        elif name == "SE":
            self._close_set(number, fields)
        elif name == "GE":
            self._close_group(number, fields)
        elif name == "IEA":
            self._close_interchange(number, fields)
        elif not self.in_set:
            self.outside(number, name)

    def outside(self, number: int, name: str) -> NoReturn:
        """A segment that stands in no transaction set. Always raises :class:`EnvelopeError`."""
        shown = name if len(name) <= 3 and name.isalnum() else "with an unknown name"
        raise EnvelopeError(
            f"Segment {shown} stands outside a transaction set.",
            expected="Between ISA and IEA come GS, ST, the claims, SE, GE; nothing follows the last IEA.",
            where=f"segment {number}" + (f", after ST {self._sets[-1].control}" if self._sets else ""),
        )

    def finish(self, segments: int) -> tuple[SetFacts, ...]:
        """The transaction sets, when the file has ended. Raises :class:`EnvelopeError` where it was cut
        off.
        """
        self._missing_trailer(segments, ("SE", "GE", "IEA"), at_end=True)
        return tuple(self._sets)

    def _missing_trailer(self, number: int, trailers: tuple[str, ...], *, at_end: bool = False) -> None:
        for trailer, level in (("SE", self._set), ("GE", self._group), ("IEA", self._interchange)):
            if level is not None and trailer in trailers:
                header = {"SE": "ST", "GE": "GS", "IEA": "ISA"}[trailer]
                cut = "The file is cut off: it ends" if at_end else "Another envelope begins or ends"
                raise EnvelopeError(
                    f"{cut} before segment {trailer}, which closes {header} {level.control}.",
                    expected=f"Every {header} is closed by {trailer}. Send the whole file again.",
                    where=f"segment {number}"
                    + (f", after ST {self._sets[-1].control}" if self._sets else ""),
                )

    def _open_interchange(self, number: int, fields: list[str]) -> None:
        self._missing_trailer(number, ("SE", "GE", "IEA"))
        self._interchange = _Level("ISA", at(fields, 13).strip())
        if self._interchange.control in self._interchange_controls:
            self._interchange.code = "repeated"
        self._interchange_controls.add(self._interchange.control)
        self.interchanges += 1

    def _open_group(self, number: int, fields: list[str]) -> None:
        if self._interchange is None:
            self.outside(number, "GS")
        self._missing_trailer(number, ("SE", "GE"))
        self._group = _Level("GS", at(fields, 6), version=at(fields, 8).strip(), code=at(fields, 1))
        self.groups += 1

    def _open_set(self, number: int, fields: list[str]) -> None:
        if self._group is None:
            self.outside(number, "ST")
        self._missing_trailer(number, ("SE",))
        control = at(fields, 2).strip()
        version = at(fields, 3).strip() or self._group.version
        self._wanted.refuse(at(fields, 1), version, number)
        self._set = SetFacts(len(self._sets), control, version, number)
        where = f"ST {control or '(no number)'}"
        if at(fields, 3).strip() and self._group.version and version != self._group.version:
            self._problem(
                "The version in ST03 is not that of the group.",
                f"{where}, ST03",
                self._group.version,
                version,
            )
        if control in self._group.controls:
            self._problem(
                "The control number of the set is used twice in its group.",
                f"{where}, ST02",
                "Another number for each set.",
                control,
            )
        self._group.controls.add(control)
        self._sets.append(self._set)
        self.in_set = True
        self.claims_in_set = 0

    def _problem(self, message: str, where: str, expected: str | None, value: str | None) -> None:
        if self._set is not None:
            self._set.problems.append(StructureProblem(message, where, expected, value))

    def _close_set(self, number: int, fields: list[str]) -> None:
        if self._set is None or self._group is None:
            self.stray_trailers.append(number)
            return
        facts = self._set
        where = f"ST {facts.control or '(no number)'}"
        counted = str(number - facts.first_segment + 1)
        errors = []
        if at(fields, 1).lstrip("0") != counted:
            self._problem(
                f"SE01 says {at(fields, 1)[:10] or 'nothing'}, but the set has {counted} segments.",
                f"{where}, SE01",
                counted,
                at(fields, 1),
            )
            errors.append("4")
        if at(fields, 2).strip() != facts.control:
            self._problem(
                "SE02 is not the control number of ST02.", f"{where}, SE02", facts.control, at(fields, 2)
            )
            errors.append("3")
        facts.trailer_errors = tuple(errors)
        facts.claims = self.claims_in_set
        self._group.count += 1
        self._group.sets.append(facts)
        self._set = None
        self.in_set = False

    def _close_group(self, number: int, fields: list[str]) -> None:
        if self._group is None or self._interchange is None:
            self.stray_trailers.append(number)
            return
        self._missing_trailer(number, ("SE",))
        group, self._group = self._group, None
        where = f"GS {group.control}"
        problems = _trailer_problems("GE", fields, where, group, "transaction sets")
        wanted = self._wanted
        if group.code != wanted.group:
            problems.append(
                StructureProblem(
                    f"GS01 does not say that the group holds {wanted.things}.",
                    f"{where}, GS01",
                    wanted.group,
                    group.code,
                )
            )
        for facts in group.sets:
            facts.problems.extend(problems)
        self._interchange.count += 1
        self._interchange.sets.extend(group.sets)

    def _close_interchange(self, number: int, fields: list[str]) -> None:
        if self._interchange is None:
            # A repeated IEA after a closed interchange closes nothing and harms nothing.
            self.stray_trailers.append(number)
            return
        self._missing_trailer(number, ("SE", "GE"))
        interchange, self._interchange = self._interchange, None
        where = f"ISA {interchange.control}"
        problems = _trailer_problems("IEA", fields, where, interchange, "groups")
        if interchange.code:
            problems.append(
                StructureProblem(
                    "The control number of the interchange is used twice.",
                    f"{where}, ISA13",
                    "Another number for each interchange.",
                )
            )
        for facts in interchange.sets:
            facts.problems.extend(problems)


def at(fields: list[str], position: int) -> str:
    """Element ``position`` of a segment, from 1; empty where the segment is shorter."""
    return fields[position] if position < len(fields) else ""


def _trailer_problems(
    trailer: str, fields: list[str], where: str, level: _Level, things: str
) -> list[StructureProblem]:
    problems = []
    if at(fields, 1).strip().lstrip("0") != str(level.count).lstrip("0"):
        problems.append(
            StructureProblem(
                f"{trailer}01 does not say how many {things} there are: {level.count}.",
                f"{where}, {trailer}01",
                str(level.count),
                at(fields, 1),
            )
        )
    if at(fields, 2).strip() != level.control:
        problems.append(
            StructureProblem(
                f"{trailer}02 is not the control number of {level.name}.",
                f"{where}, {trailer}02",
                level.control,
                at(fields, 2),
            )
        )
    return problems


def _only_837_professional(kind: str, version: str, number: int) -> None:
    if kind == "837" and "X222" in version:
        return
    name = kind_of_transaction(kind)
    if kind == "837":
        name = next((text for code, text in _OTHER_837.items() if code in version), None) or (
            f"an 837 of version {version[:12]!r}" if version else "an 837 without a version"
        )
    raise EnvelopeError(
        f"The file holds {name}, not professional claims.", expected=_WANTED, where=f"segment {number}"
    )


def kind_of_transaction(kind: str) -> str:
    """What ST01 says a transaction set is, in words."""
    return _KINDS.get(kind) or f"a transaction of kind {kind[:6]!r}"


CLAIMS_837P = Wanted(_only_837_professional, "HC", "claims")
