"""Files that somebody damaged: segments dropped, doubled, swapped, cut, run together, or with other digits."""

import re
from collections.abc import Sequence

from hypothesis import strategies as st

KINDS = ("drop", "duplicate", "swap", "cut", "extend", "rename")

Changes = list[tuple[str, int, int]]


def segment_changes(
    segments: Sequence[str], kinds: Sequence[str] = KINDS, *, least: int = 1, most: int = 6
) -> st.SearchStrategy[Changes]:
    """Some changes to a file of these segments: what is done, and two places."""
    places = st.integers(0, len(segments) - 1)
    return st.lists(st.tuples(st.sampled_from(kinds), places, places), min_size=least, max_size=most)


def changed(segments: Sequence[str], changes: Changes) -> list[str]:
    """The segments with these changes."""
    found = list(segments)
    for change, first, second in changes:
        a, b = first % len(found), second % len(found)
        match change:
            case "drop":
                if len(found) > 1:
                    found.pop(a)
            case "duplicate":
                found.insert(b, found[a])
            case "swap":
                found[a], found[b] = found[b], found[a]
            case "cut":
                found[a] = found[a][: second % (len(found[a]) + 1)]
            case "extend":
                found[a] += "*" + found[b].replace("*", ":")
            case "rename":
                found[a] = found[b][:2] + found[a][2:]
            case "digits":
                found[a] = re.sub(r"[0-9]", str(second % 10), found[a], count=1 + second % 3)
            case _:
                raise ValueError(change)
    return found
