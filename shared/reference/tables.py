"""Reading the reference tables: CSV with comment lines before the header, shipped inside this package."""

import csv
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

_instead: dict[str, Path] = {}


def read_instead(tables: Mapping[str, Path]) -> None:
    """From now on this process reads these files in the place of the shipped ones of these names.

    For dry runs, in a process of their own: call it before anything has read a table.
    """
    _instead.update(tables)


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of ``shared/reference/<name>``; lines that start with ``#`` are comments."""
    return list(csv.DictReader(line for line in text_of(name).splitlines() if not line.startswith("#")))


def version_of(name: str) -> str:
    """The version that the table's comments state (``# Version 2026-01: …``).

    Raises ``ValueError`` where they state none.
    """
    for line in text_of(name).splitlines():
        if line.startswith("# Version "):
            return line.removeprefix("# Version ").partition(":")[0].strip()
    raise ValueError(f"{name} states no version")


def text_of(name: str) -> str:
    """The whole of ``shared/reference/<name>``. Raises ``OSError`` or ``UnicodeDecodeError``."""
    if name in _instead:
        return _instead[name].read_text(encoding="utf-8-sig")
    return files("shared.reference").joinpath(name).read_text(encoding="utf-8")
