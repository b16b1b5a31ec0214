"""A benchmark's outcome: what was measured, beside what, and what is asked."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Result:
    """``ratio`` is ours over the yardstick (more is better), or ``None`` where an absolute figure is asked."""

    work: str
    ours: str
    beside: str
    ratio: float | None
    asked: str
    met: bool | None


def timed(work: Callable[[], object], runs: int = 3) -> float:
    """Median seconds of several runs."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def rate_result(
    work: str,
    ours: float,
    yardstick: str,
    theirs: float,
    *,
    at_least: float,
    aim: float | None = None,
    unit: str = "claims/s",
) -> Result:
    ratio = ours / theirs
    return Result(
        work=work,
        ours=f"{ours:,.0f} {unit}",
        beside=f"{yardstick}: {theirs:,.0f} {unit}",
        ratio=ratio,
        asked=f"{at_least:g}" + (f", aim {aim:g}" if aim else ""),
        met=ratio >= at_least,
    )


def print_table(results: list[Result]) -> None:
    print("\n" + "\n".join(_lines(results)), flush=True)


def write_page(path: Path, results: list[Result], machine: str, day: date) -> None:
    path.write_text(
        "# Benchmarks\n\n"
        f"Last run on {day}, {machine}. Each row compares two things done in the same run on the same machine, so\n"
        "trust the ratios, not the absolute figures. Repeat with `make bench`; one row alone with\n"
        "`.venv/bin/python -m bench judging` (or any other name in `bench/__main__.py`).\n\n"
        + "\n".join(_lines(results))
        + "\n",
        encoding="utf-8",
    )


def _lines(results: list[Result]) -> list[str]:
    rows = [("work", "ours", "beside", "ratio", "asked at least", "met")]
    rows.append(tuple("---" for _ in rows[0]))
    rows += [
        (
            r.work,
            r.ours,
            r.beside,
            f"{r.ratio:.2f}" if r.ratio is not None else "–",
            r.asked,
            {True: "yes", False: "**no**", None: "–"}[r.met],
        )
        for r in results
    ]
    return ["| " + " | ".join(row) + " |" for row in rows]
