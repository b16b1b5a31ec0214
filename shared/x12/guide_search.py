"""Finds the place of a segment in the implementation guide, from a loop and a position in it onwards."""

from functools import cache

from shared.x12.guide import COMPONENT, LoopNode, SegmentNode, guide

_MOST_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 12


def qualifier_of(name: str, fields: list[str]) -> str:
    """What tells segments of one name apart: the first part of element 1, of an HL its level (element 3)."""
    position = 3 if name == "HL" else 1
    return fields[position].split(COMPONENT, 1)[0] if len(fields) > position else ""


def _matches(node: SegmentNode, name: str, qualifier: str) -> bool:
    return node.id == name and (node.qualifiers is None or qualifier in node.qualifiers)


def _opened_by(node: LoopNode, name: str, qualifier: str) -> bool:
    opener = node.opener
    if opener is not None:
        return _matches(opener, name, qualifier)
    return any(isinstance(child, LoopNode) and _opened_by(child, name, qualifier) for child in node.children)


def first_segment(node: LoopNode) -> SegmentNode:
    """The segment that opens the loop, or the first loop inside a wrapper."""
    first = node.children[0]
    return first if isinstance(first, SegmentNode) else first_segment(first)


@cache
def _loops() -> dict[int, LoopNode]:
    loops: dict[int, LoopNode] = {}
    waiting = [guide()]
    while waiting:
        loop = waiting.pop()
        loops[id(loop)] = loop
        waiting.extend(child for child in loop.children if isinstance(child, LoopNode))
    return loops


@cache
def known_names() -> frozenset[str]:
    """Every segment id that the guide knows."""
    return frozenset(
        child.id for loop in _loops().values() for child in loop.children if isinstance(child, SegmentNode)
    )


_found: dict[tuple[int, int, str, str], "tuple[SegmentNode | LoopNode, ...]"] = {}


def fitting(loop: int, position: int, name: str, qualifier: str) -> "tuple[SegmentNode | LoopNode, ...]":
    """Children of the loop, from the position on, that the segment may be: all at the first such position."""
    key = (loop, position, name, qualifier)
    found = _found.get(key)
    if found is None:
        found = _search(_loops()[loop], position, name, qualifier)
        # Names and qualifiers come from the file: a hostile one must not fill the memory.
        if len(name) + len(qualifier) <= _LONGEST_REMEMBERED:
            if len(_found) >= _MOST_REMEMBERED:
                _found.clear()
            _found[key] = found
    return found


def _search(loop: LoopNode, position: int, name: str, qualifier: str) -> "tuple[SegmentNode | LoopNode, ...]":
    nodes: list[SegmentNode | LoopNode] = []
    for node in loop.children:
        if node.position < position or node is loop.opener:
            continue
        if nodes and node.position != nodes[0].position:
            break
        if isinstance(node, SegmentNode):
            if _matches(node, name, qualifier):
                nodes.append(node)
        elif _opened_by(node, name, qualifier):
            nodes.append(node)
            break
    return tuple(nodes)


def fitting_by_name(
    loop: int, position: int, name: str, qualifier: str
) -> "tuple[SegmentNode | LoopNode, ...]":
    """The one segment of that name in the loop, whatever its qualifier, which then is what is wrong."""
    if name == "HL" or name not in known_names():
        return ()
    node = _only_of_name(loop, name)
    return (node,) if node is not None and node.position >= position else ()


@cache
def _only_of_name(loop: int, name: str) -> SegmentNode | None:
    children = _loops()[loop].children
    same = [
        child
        for child in children
        if (child.id if isinstance(child, SegmentNode) else first_segment(child).id) == name
    ]
    only = same[0] if len(same) == 1 else None
    return only if isinstance(only, SegmentNode) and only is not _loops()[loop].opener else None
