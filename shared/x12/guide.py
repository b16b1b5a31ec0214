"""The 837P implementation guide as tables, made from the map that the pyx12 package carries (005010X222A1).

The map says which segments and elements there are, how often, of which type and with which codes. From each
of its segments comes one regular expression that accepts only what the guide accepts, built to be sound, not
complete: what it does not accept goes to pyx12's own element check, which decides and explains. So a good
file is checked at the speed of the expressions.

Corrections to the map, each a wrong rejection otherwise:

* places of service are not checked here: the map's list has an age, and the validator judges places by date;
* remark codes and currencies likewise;
* letters outside ASCII are letters (names such as José); the guide leaves the character set to trading
  partners.
"""

import logging
import re
from functools import cache
from threading import Lock
from typing import Any

import pyx12.map_if
import pyx12.params
from msgspec import Struct

ELEMENT, REPETITION, COMPONENT, TERMINATOR = "\x1d", "\x1e", "\x1f", "\x1c"

_MAP = "837.5010.X222.A1.xml"
_LISTS_NOT_CHECKED = "pos,remark_code,currency"
_TEXT = r"[A-Za-z0-9!\"&'()*+,\-./:;?= ~%@\[\]_{}\\|<>^`#$\xa1-\U0010ffff]"
_TEXT_END = _TEXT.replace("?= ~", "?=~")
_MONTH_DAY = "(?:(?:0[1-9]|1[0-2])(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])(?:29|30)|(?:0[13578]|1[02])31)"
_DATE = f"(?:1[89]|20)[0-9]{{2}}{_MONTH_DAY}"
_TIME = "(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?"
_FORMATS = {
    "D8": _DATE,
    "RD8": f"{_DATE}-{_DATE}",
    "DT": f"{_DATE}(?:[01][0-9]|2[0-3])[0-5][0-9]",
    "TM": _TIME,
}
_NEVER = r"(?!)"
_LOADING = Lock()

# The pyx12 package prints what it refuses, and with it names and birth dates, through these loggers.
for _name in ("pyx12", "pyx12.error_handler", "pyx12.walk_tree", "pyx12.params"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class SegmentNode(Struct, eq=False):
    """A segment at its place in the guide. ``most`` is how often it may stand there."""

    id: str
    name: str
    position: int
    required: bool
    used: bool
    most: int
    qualifiers: frozenset[str] | None
    syntax: tuple[tuple[str, tuple[int, ...]], ...]
    components: tuple[int, ...]
    source: Any
    loop: str
    compiled: re.Pattern[str] | None = None

    @property
    def pattern(self) -> re.Pattern[str]:
        """Accepts a segment (with our own separators) only if its elements are right. Compiled at first
        use.
        """
        if self.compiled is None:
            self.compiled = re.compile(_segment_pattern(self.source))
        return self.compiled


class LoopNode(Struct, eq=False):
    """A loop of the guide. A wrapper (HEADER, DETAIL) has no segment of its own that opens it."""

    id: str
    position: int
    required: bool
    most: int
    children: "list[SegmentNode | LoopNode]"
    must_have: "tuple[SegmentNode | LoopNode, ...]" = ()

    @property
    def opener(self) -> SegmentNode | None:
        first = self.children[0]
        return first if isinstance(first, SegmentNode) else None


def guide() -> LoopNode:
    """The transaction set (ST to SE). Takes a quarter of a second, once a process."""
    # Nodes are known by identity: two threads must not each get a guide of their own.
    with _LOADING:
        return _load()


@cache
def _load() -> LoopNode:
    parameters = pyx12.params.ParamsBase()
    parameters.set("exclude_external_codes", _LISTS_NOT_CHECKED)
    root = pyx12.map_if.load_map_file(_MAP, parameters)
    return _loop(root.getnodebypath("/ISA_LOOP/GS_LOOP/ST_LOOP"))


def _loop(source: Any) -> LoopNode:
    children: list[SegmentNode | LoopNode] = []
    for child in source.childIterator():
        if child.usage == "N" and child.is_loop():
            continue
        children.append(_loop(child) if child.is_loop() else _segment(child, source.id))
    # The wrappers hold the whole body: a set without a billing provider is found through them.
    return LoopNode(
        id=source.id,
        position=source.pos,
        required=source.usage == "R" or source.id == "DETAIL",
        most=source.get_max_repeat(),
        children=children,
        must_have=tuple(child for child in children if child.required),
    )


def _segment(source: Any, loop: str) -> SegmentNode:
    key = source._resolve_unique_key_field(source.id, with_qual=False)
    return SegmentNode(
        id=source.id,
        name=source.name or source.id,
        position=source.pos,
        required=source.usage == "R",
        used=source.usage != "N",
        most=source.get_max_repeat(),
        qualifiers=frozenset(key[0].valid_codes) if key else None,
        syntax=tuple((rule[0], tuple(map(int, rule[1:]))) for rule in source.syntax),
        components=tuple(len(child.children) if child.is_composite() else 1 for child in source.children),
        source=source,
        loop=loop,
    )


def _segment_pattern(source: Any) -> str:
    fields = list(source.children)
    return f"{source.id}{_sequence(fields, ELEMENT, opens=True) if fields else ''}"


def _sequence(nodes: list[Any], mark: str, *, opens: bool = False) -> str:
    """Fields one after the other, of which an empty tail may be left away."""
    parts: list[str] = []
    position = 0
    while position < len(nodes):
        node = nodes[position]
        following = nodes[position + 1] if position + 1 < len(nodes) else None
        if _is_format(node) and following is not None and following.data_ele == "1251":
            parts.append(_format_and_value(node, following, mark))
            position += 2
        else:
            parts.append(_composite(node) if node.is_composite() else _element(node))
            position += 1
    pattern = ""
    # From the last field to the first: whatever may be empty takes its mark with it.
    may_end = True
    for index in range(len(parts) - 1, -1, -1):
        lead = mark if opens or index else ""
        pattern = f"(?:{lead}{parts[index]}{pattern})" + (
            "?" if may_end and _may_be_empty(parts[index]) else ""
        )
        may_end = may_end and _may_be_empty(parts[index])
    return pattern


def _may_be_empty(pattern: str) -> bool:
    return re.fullmatch(pattern, "") is not None


def _is_format(node: Any) -> bool:
    return not node.is_composite() and node.data_ele == "1250" and node.usage != "N"


def _format_and_value(kind: Any, value: Any, mark: str) -> str:
    choices = [f"{code}{mark}{_FORMATS[code]}" for code in kind.valid_codes if code in _FORMATS]
    if not choices or value.res:
        return _NEVER
    both = f"(?:{'|'.join(choices)})"
    return both if kind.usage == "R" and value.usage == "R" else f"(?:{both}|{mark})"


def _composite(node: Any) -> str:
    if node.usage == "N":
        return ""
    pattern = _sequence(list(node.children), COMPONENT)
    if node.usage == "R" and _may_be_empty(pattern):
        return _NEVER
    return pattern if node.usage == "R" else f"(?:{pattern})?"


def _element(node: Any) -> str:
    if node.usage == "N":
        return ""
    pattern = _value(node)
    return pattern if node.usage == "R" else f"(?:{pattern})?"


def _value(node: Any) -> str:
    kind = node._resolve_data_ele()
    least, most, name = kind["min_len"], kind["max_len"], kind["data_type"]
    if node.res:
        return _NEVER if not re.fullmatch(r"\[0-9\]\{9\}", node.res) else "[0-9]{9}"
    codes = [
        code for code in node.valid_codes if code and least <= len(code) <= most and code == code.strip()
    ]
    external = node.external_codes
    if external and external not in _LISTS_NOT_CHECKED.split(","):
        codes += [code for code in node.root.ext_codes.codes[external]["codes"] if code]
    if codes:
        return f"(?:{'|'.join(sorted(map(re.escape, codes), key=len, reverse=True))})"
    if name in {"AN", "ID"}:
        return f"(?:{_TEXT}{{{least - 1},{most - 1}}}{_TEXT_END})"
    if name == "R":
        return rf"(?:-?[0-9]{{{least},{max(most - 2, least)}}}(?:\.[0-9]{{1,2}})?)" if most > 3 else _NEVER
    if name.startswith("N"):
        return f"(?:[0-9]{{{least},{most}}})"
    if name == "DT":
        return _DATE if most >= 8 else _NEVER
    if name == "TM":
        return _TIME
    return _NEVER
