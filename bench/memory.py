"""Peak memory of `promptclaim check`, which streams: it must not grow with the file."""

import subprocess
import sys
from pathlib import Path

from bench.files import write_837p
from bench.result import Result

LIMIT_MB = 300
BIN = Path(sys.executable).parent

# The kernel's own peak figure of the finished child, its workers included one by one.
_MEASURE = (
    "import resource, subprocess, sys;"
    "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
)


def run(folder: Path) -> list[Result]:
    peaks = {}
    for claims in (10_000, 100_000):
        path = folder / f"{claims}.837"
        write_837p(path, claims)
        for option in ("--no-conformity", "--conformity"):
            command = [BIN / "promptclaim", "check", path, "--format", "json", option]
            measured = subprocess.run(
                [sys.executable, "-c", _MEASURE, *command], check=True, capture_output=True, text=True
            )
            peaks[claims, option] = int(measured.stdout)
    results = [
        Result(
            f"peak memory of check, {claims:,} claims, {option[2:]}",
            f"{peak} MB",
            "–",
            None,
            f"under {LIMIT_MB} MB",
            peak < LIMIT_MB,
        )
        for (claims, option), peak in peaks.items()
    ]
    growth = max(
        peaks[100_000, option] / peaks[10_000, option] for option in ("--no-conformity", "--conformity")
    )
    return [
        *results,
        Result(
            "growth of peak memory from 10,000 to 100,000 claims",
            f"{growth:.2f} times",
            "–",
            None,
            "flat (under 1.25)",
            growth < 1.25,
        ),
    ]
