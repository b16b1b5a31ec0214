"""Reading the reference tables: CSV with comment lines before the header, shipped inside this package."""

import csv
from importlib.resources import files


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of ``shared/reference/<name>``; lines that start with ``#`` are comments."""
    return list(csv.DictReader(line for line in _text(name).splitlines() if not line.startswith("#")))


def version_of(name: str) -> str:
    """The version that the table's comments state (``# Version 2026-01: …``).

    Raises ``ValueError`` where they state none.
    """
    for line in _text(name).splitlines():
        if line.startswith("# Version "):
            return line.removeprefix("# Version ").partition(":")[0].strip()
    raise ValueError(f"{name} states no version")


def _text(name: str) -> str:
    return files("shared.reference").joinpath(name).read_text(encoding="utf-8")
