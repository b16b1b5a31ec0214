"""Offline judging of a 10,000-claim 837P through `promptclaim check`, beside pyx12's own validator."""

import subprocess
import sys
from pathlib import Path

from bench.files import write_837p
from bench.result import Result, rate_result, timed

CLAIMS = 10_000
BIN = Path(sys.executable).parent


def run(folder: Path) -> list[Result]:
    path = folder / "ten-thousand.837"
    write_837p(path, CLAIMS)
    theirs = CLAIMS / timed(lambda: x12valid(path), runs=1)
    without = CLAIMS / timed(lambda: check(path, "--no-conformity"))
    full = CLAIMS / timed(lambda: check(path))
    return [
        rate_result(
            "offline judging of 10,000 claims (837P), conformity off",
            without,
            "x12valid",
            theirs,
            at_least=10,
            aim=20,
        ),
        rate_result("the same, conformity on, both cores", full, "x12valid", theirs, at_least=1.5),
    ]


def check(path: Path, *options: str) -> None:
    """The whole command as a user runs it, start of the interpreter included; every claim must be accepted."""
    command = [BIN / "promptclaim", "check", path, "--format", "json", *options]
    summary = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    if f'"accepted":{CLAIMS}' not in summary.replace(" ", ""):
        raise RuntimeError(f"not every claim was accepted: {summary}")


def x12valid(path: Path) -> None:
    """pyx12's command; its exit status is 1 also where it says OK, so its word counts."""
    said = subprocess.run([BIN / "x12valid", path], capture_output=True, text=True, check=False)
    if "OK" not in said.stdout + said.stderr:
        raise RuntimeError(f"x12valid found fault with the file: {said.stdout[-500:]}")
