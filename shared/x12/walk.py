"""Walks a transaction set along the implementation guide and says where it departs from it.

The way is found by position, as the guide orders it. An error is contained: a segment out of place is named
once and the walk goes on at the next one that fits; a wrong HL number is the error of that HL only; what is
missing from a loop is the error of that loop.
"""

from msgspec import Struct

from shared.x12.elements import ElementError, element_errors
from shared.x12.guide import ELEMENT, TERMINATOR, LoopNode, SegmentNode, guide
from shared.x12.guide_search import first_segment, fitting, fitting_by_name, known_names, qualifier_of

_CLAIM_LOOPS = frozenset({"2000A", "2000B", "2000C", "2300", "2400"})


class Scope(Struct, frozen=True):
    """Whose segment it is: counts from 0 within the set; ``None`` above that level."""

    billing: int | None = None
    subscriber: int | None = None
    patient: int | None = None
    claim: int | None = None
    line: int | None = None


class SegmentError(Struct, frozen=True):
    """A departure from the guide. ``code`` is IK304 of the 999; ``position`` counts from 1 at ST.

    Codes: 1 unknown segment, 2 unexpected, 3 missing, 4 loop too often, 5 segment too often, 7 out of
    sequence, 8 errors in its elements, and for numbering ``HL`` and ``LX`` (8 in a 999).
    """

    segment: str
    position: int
    loop: str
    code: str
    scope: Scope
    qualifier: str = ""
    elements: tuple[ElementError, ...] = ()


class Walked(Struct):
    """``claims`` holds the scope of every claim, by its ordinal in the set."""

    errors: list[SegmentError]
    claims: list[Scope]
    trailer_errors: list[str]


class _Frame(Struct):
    loop: LoopNode
    position: int
    scope: Scope
    counts: dict[int, int]


def walk(text: str) -> Walked:
    """Walks the set in ``text``: segments of ``shared.x12.guide``'s separators, from ST to SE."""
    return _Walk().run(text.split(TERMINATOR))


class _Walk:
    def __init__(self) -> None:
        root = guide()
        self.errors: list[SegmentError] = []
        self.claims: list[Scope] = []
        self.scope = Scope()
        self.frames = [_Frame(root, root.children[0].position, self.scope, {id(root.children[0]): 1})]
        self.position = 0
        self.lost = False
        self.line = 0
        self.last_level = 0
        self.levels: dict[str, str] = {}

    def run(self, segments: list[str]) -> Walked:
        for self.position, segment in enumerate(segments, 1):
            fields = segment.split(ELEMENT)
            name = fields[0]
            if name == "HL":
                self._new_level(fields)
            elif name == "CLM":
                self._new_claim()
            elif name == "LX":
                self._new_line(fields)
            elif name == "SE":
                self.scope = Scope()
            if self.position == 1:
                self._check(first_segment(guide()), segment, fields)
            else:
                self._step(name, segment, fields)
        while self.frames:
            self._leave()
        return Walked(self.errors, self.claims, _trailer_errors(segments))

    def _step(self, name: str, segment: str, fields: list[str]) -> None:
        qualifier = qualifier_of(name, fields)
        for finder in (fitting, fitting_by_name):
            for depth in range(len(self.frames) - 1, -1, -1):
                frame = self.frames[depth]
                found = finder(id(frame.loop), frame.position, name, qualifier)
                if found:
                    self.lost = False
                    while len(self.frames) > depth + 1:
                        self._leave()
                    self._enter(found, segment, fields)
                    return
        if not self._out_of_sequence(name, qualifier, segment, fields):
            if not self.lost:
                self._error("2" if name in known_names() else "1", name, self.frames[-1].loop.id, qualifier)
            self.lost = True

    def _enter(self, found: "tuple[SegmentNode | LoopNode, ...]", segment: str, fields: list[str]) -> None:
        frame = self.frames[-1]
        node = found[0]
        while isinstance(node, LoopNode):
            frame.position = node.position
            count = frame.counts[id(node)] = frame.counts.get(id(node), 0) + 1
            if count > node.most:
                self._error("4", fields[0], node.id, qualifier_of(fields[0], fields))
            opener = node.opener
            frame = _Frame(node, opener.position if opener else 0, self.scope, {})
            self.frames.append(frame)
            if opener is not None:
                frame.counts[id(opener)] = 1
                self._check(opener, segment, fields)
                return
            inner = fitting(id(node), 0, fields[0], qualifier_of(fields[0], fields))
            node, found = inner[0], inner
        self._take(frame, found, segment, fields)
        frame.position = node.position

    def _take(
        self, frame: _Frame, found: "tuple[SegmentNode | LoopNode, ...]", segment: str, fields: list[str]
    ) -> None:
        # Several segments of one name may stand at one position (PWK, CRC, DTP): the one that accepts it is
        # meant.
        nodes = [node for node in found if isinstance(node, SegmentNode)]
        node = nodes[0]
        if len(nodes) > 1:
            node = next((each for each in nodes if each.pattern.fullmatch(segment)), node)
        count = frame.counts[id(node)] = frame.counts.get(id(node), 0) + 1
        if not node.used:
            self._error("2", node.id, node.loop, qualifier_of(node.id, fields))
        elif count > node.most:
            self._error("5", node.id, node.loop, qualifier_of(node.id, fields))
        self._check(node, segment, fields)

    def _out_of_sequence(self, name: str, qualifier: str, segment: str, fields: list[str]) -> bool:
        for frame in reversed(self.frames):
            found = tuple(
                node for node in fitting(id(frame.loop), 0, name, qualifier) if isinstance(node, SegmentNode)
            )
            if found:
                self._error("7", name, frame.loop.id, qualifier)
                self._take(frame, found, segment, fields)
                return True
            if frame.loop.id in _CLAIM_LOOPS:
                return False
        return False

    def _check(self, node: SegmentNode, segment: str, fields: list[str]) -> None:
        elements = element_errors(node, segment)
        if elements:
            self.errors.append(
                SegmentError(
                    node.id,
                    self.position,
                    node.loop,
                    "8",
                    self.scope,
                    qualifier_of(node.id, fields),
                    elements,
                )
            )

    def _leave(self) -> None:
        frame = self.frames.pop()
        for node in frame.loop.must_have:
            if id(node) not in frame.counts:
                opener = node if isinstance(node, SegmentNode) else first_segment(node)
                # Of the procedure code's qualifiers only HC can be meant here: all services have HCPCS codes.
                qualifier = min(opener.qualifiers or ("",), key=lambda code: (code != "HC", code))
                loop = frame.loop.id if isinstance(node, SegmentNode) else opener.loop
                self.errors.append(SegmentError(opener.id, self.position, loop, "3", frame.scope, qualifier))

    def _error(self, code: str, segment: str, loop: str, qualifier: str) -> None:
        self.errors.append(SegmentError(segment, self.position, loop, code, self.scope, qualifier))

    def _new_level(self, fields: list[str]) -> None:
        number, parent, code = (*fields[1:4], "", "", "")[:3]
        before = self.scope
        if code == "20":
            self.scope = Scope((before.billing if before.billing is not None else -1) + 1)
            self.levels = {"20": number}
        elif code == "22":
            subscriber = -1 if before.subscriber is None else before.subscriber
            self.scope = Scope(before.billing, subscriber + 1)
            self.levels = {"20": self.levels.get("20", ""), "22": number}
        elif code == "23":
            self.scope = Scope(
                before.billing, before.subscriber, (-1 if before.patient is None else before.patient) + 1
            )
        above = {"20": "", "22": self.levels.get("20"), "23": self.levels.get("22")}.get(code, parent)
        # Each HL is held against the one before it, so that one wrong number is one error.
        if number != str(self.last_level + 1) or (above is not None and parent != above):
            self._error("HL", "HL", {"20": "2000A", "22": "2000B", "23": "2000C"}.get(code, ""), code)
        self.last_level = (
            int(number)
            if number.isascii() and number.isdigit() and len(number) < 13
            else (self.last_level + 1)
        )

    def _new_claim(self) -> None:
        scope = Scope(self.scope.billing, self.scope.subscriber, self.scope.patient, len(self.claims))
        self.scope = scope
        self.claims.append(scope)
        self.line = 0

    def _new_line(self, fields: list[str]) -> None:
        if self.scope.claim is None:
            return
        self.line += 1
        before = self.scope
        self.scope = Scope(before.billing, before.subscriber, before.patient, before.claim, self.line)
        if len(fields) < 2 or fields[1] != str(self.line):
            self._error("LX", "LX", "2400", "")


def _trailer_errors(segments: list[str]) -> list[str]:
    first, last = segments[0].split(ELEMENT), segments[-1].split(ELEMENT)
    errors = []
    if last[0] != "SE":
        return ["2"]
    if len(last) < 2 or last[1].lstrip("0") != str(len(segments)):
        errors.append("4")
    if len(last) < 3 or len(first) < 3 or last[2].strip() != first[2].strip():
        errors.append("3")
    return errors
