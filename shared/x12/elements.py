"""Are the elements of one segment right? The guide's expression may say yes; only pyx12's check says no."""

import pyx12.segment
from msgspec import Struct

from shared.x12.guide import COMPONENT, ELEMENT, REPETITION, TERMINATOR, SegmentNode

_NOT_USED = "I10"
_LONGEST_VALUE = 80


class ElementError(Struct, frozen=True):
    """``code`` is IK403 of the 999: 1 missing, 2 missing because of another, 3 too many elements, 4 too
    short, 5 too long, 6 invalid character, 7 not a code of the list, 8 no date, 9 no time, 10 excluded by
    another, 13 too many components, I10 not used in this guide.
    """

    position: int
    component: int | None
    code: str
    value: str | None = None


def element_errors(node: SegmentNode, segment: str) -> tuple[ElementError, ...]:
    """Everything wrong with the segment's elements, at most 20 of them."""
    if node.pattern.fullmatch(segment) and (not node.syntax or _follows_syntax(node, segment)):
        return ()
    return _explained(node, segment)


def _follows_syntax(node: SegmentNode, segment: str) -> bool:
    fields = segment.split(ELEMENT)
    size = len(fields)
    for rule, positions in node.syntax:
        there = [position < size and fields[position] != "" for position in positions]
        if rule == "P":
            good = all(there) or not any(there)
        elif rule == "R":
            good = any(there)
        elif rule == "E":
            good = sum(there) <= 1
        elif rule == "C":
            good = not there[0] or all(there[1:])
        else:
            good = not there[0] or any(there[1:])
        if not good:
            return False
    return True


def _explained(node: SegmentNode, segment: str) -> tuple[ElementError, ...]:
    errors: list[ElementError] = []
    fields = segment.split(ELEMENT)
    if len(fields) - 1 > len(node.components):
        errors.append(ElementError(len(node.components) + 1, None, "3"))
        del fields[len(node.components) + 1 :]
    for position, most in enumerate(node.components[: len(fields) - 1], 1):
        parts = fields[position].split(COMPONENT)
        if len(parts) > most:
            # pyx12 4.0 fails with an IndexError on a composite that is too long.
            errors.append(ElementError(position, most + 1, "13"))
            fields[position] = COMPONENT.join(parts[:most])
    plain = ELEMENT.join(fields).replace(REPETITION, "^")
    if not plain.isascii():
        plain = "".join(character if character.isascii() else "X" for character in plain)
    errors += _pyx12_errors(node, plain)
    return tuple(
        sorted(set(errors), key=lambda error: (error.position, error.component or 0, error.code))[:20]
    )


def _pyx12_errors(node: SegmentNode, segment: str) -> list[ElementError]:
    data = pyx12.segment.Segment(segment, TERMINATOR, ELEMENT, COMPONENT)
    _, found = node.source.is_valid_errors(data)
    errors = []
    for error in found:
        if error.map_node is None:
            digits = str(error.refdes or "")[-2:]
            position, component = (int(digits) if digits.isdigit() else 1), None
            code = _NOT_USED if error.err_cde == "5" else error.err_cde
        else:
            position, component = _position(error.map_node)
            code = _NOT_USED if error.err_cde == "10" else error.err_cde
        value = (
            error.err_val[:_LONGEST_VALUE]
            if error.err_val and code in {"4", "5", "6", "7", "8", "9"}
            else None
        )
        errors.append(ElementError(position, component, code, value))
    return errors


def _position(node: object) -> tuple[int, int | None]:
    seq, parent = node.seq, node.parent  # type: ignore[attr-defined]
    return (parent.seq, seq) if parent.is_composite() else (seq, None)
