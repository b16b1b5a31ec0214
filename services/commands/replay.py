"""`promptclaim replay`: what stored claims would come to under changed data, compared with the data of today.

A dry run: nothing is written. Every stored claim is judged twice, in the order of receipt, each time against a
history of its own and the stored records of other care: once by the shipped tables, once by the changed ones. Only
claim ids, claim numbers and rules are shown.
"""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from services.commands.replay_side import Found, Line, Outcome, Side
from services.commands.tables import table
from services.validator.models import JUDGEMENTS
from shared.database import Database
from shared.migrate import is_current
from shared.settings import PREFIX, Settings

NO_DIFFERENCE, DIFFERENCES = 0, 1

TABLES = {
    "codes": "hcpcs_codes.csv",
    "rules": "rules.toml",
    "programs": "programs.csv",
    "limits": "support_limits.csv",
}
"""The reference table that each option stands in for."""


class CannotReplay(Exception):
    """There is nothing to judge, or the changed data cannot be used; the message says why."""


class Difference(Struct, frozen=True):
    """A claim that would come out otherwise. ``new`` and ``gone`` are (rule, line, severity)."""

    claim_id: str
    claim: str | None
    before: str
    after: str
    new: tuple[Found, ...]
    gone: tuple[Found, ...]


class Summary:
    """What was compared, counted. ``drifted``: judged otherwise by the data of today than back then."""

    def __init__(self) -> None:
        self.claims = 0
        self.differing = 0
        self.drifted = 0
        self.verdicts: Counter[tuple[str, str]] = Counter()
        self.rules: dict[str, Counter[str]] = defaultdict(Counter)

    def count(self, before: Outcome, difference: Difference | None) -> None:
        self.claims += 1
        self.drifted += before.verdict != before.stored
        if difference is None:
            return
        self.differing += 1
        self.verdicts[difference.before, difference.after] += 1
        for kind, found in (("new", difference.new), ("gone", difference.gone)):
            for rule, _, _ in found:
                self.rules[rule][kind] += 1

    def as_json(self) -> dict[str, Any]:
        return {
            "claims": self.claims,
            "differing": self.differing,
            "judged_otherwise_today": self.drifted,
            "verdicts": [
                {"before": before, "after": after, "claims": number}
                for (before, after), number in sorted(self.verdicts.items())
            ],
            "rules": {
                rule: {kind: count[kind] for kind in ("new", "gone")}
                for rule, count in sorted(self.rules.items())
            },
        }


def run(
    settings: Settings,
    changed: Mapping[str, Path],
    *,
    payers: Path | None = None,
    first: date | None = None,
    last: date | None = None,
    output: str = "table",
) -> int:
    """Compare and print; 0 where nothing differs, 1 where something does.

    ``changed`` is by the names in ``TABLES``; ``payers`` is a payers file (TOML). ``first`` and ``last`` are dates of
    arrival and choose what is reported: every claim is judged, because it is the history of later ones. Raises
    ``CannotReplay``.
    """
    summary = Summary()
    show = _show_json if output == "json" else _show_line
    for difference in differences(settings, changed, summary, payers=payers, first=first, last=last):
        show(difference)
    if output == "json":
        _print(msgspec.json.encode({"summary": summary.as_json()}).decode())
    else:
        _print(_summary_text(summary))
    return DIFFERENCES if summary.differing else NO_DIFFERENCE


def differences(
    settings: Settings,
    changed: Mapping[str, Path],
    summary: Summary,
    *,
    payers: Path | None = None,
    first: date | None = None,
    last: date | None = None,
) -> Iterator[Difference]:
    """The claims that differ, as they are found; ``summary`` is filled on the way. As :func:`run`."""
    newest = _newest_claim(settings)
    tables = {TABLES[name]: str(path.resolve()) for name, path in changed.items()}
    environment = {**os.environ, f"{PREFIX}DATA_DIR": str(settings.data_dir)}
    other = {**environment, f"{PREFIX}PAYERS_FILE": str(payers.resolve())} if payers else environment
    with ExitStack() as stack:
        today = stack.enter_context(_outcomes(Side({}, newest), environment))
        then = stack.enter_context(_outcomes(Side(tables, newest), other))
        for before, after in zip(today, then, strict=True):
            if before.claim_id != after.claim_id:
                raise CannotReplay("The stored claims changed while they were read. Run it again.")
            if (first and before.arrival_date < first.isoformat()) or (
                last and before.arrival_date > last.isoformat()
            ):
                continue
            difference = _compared(before, after)
            summary.count(before, difference)
            if difference is not None:
                yield difference


def _compared(before: Outcome, after: Outcome) -> Difference | None:
    was, would_be = Counter(before.findings), Counter(after.findings)
    if was == would_be and before.verdict == after.verdict:
        return None
    return Difference(
        claim_id=before.claim_id,
        claim=before.claim,
        before=before.verdict,
        after=after.verdict,
        new=tuple((would_be - was).elements()),
        gone=tuple((was - would_be).elements()),
    )


def _newest_claim(settings: Settings) -> str:
    url = settings.database_url("validator")
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        raise CannotReplay(f"There is no validator database in {settings.data_dir}.")
    database = Database(url, "validator")
    try:
        if not is_current(database, "services.validator"):
            raise CannotReplay("The database has other tables than this version: run promptclaim db upgrade.")
        with database.read() as connection:
            newest = connection.execute(select(func.max(JUDGEMENTS.c.claim_id))).scalar_one()
    except OperationalError:
        raise CannotReplay("The validator's database cannot be reached.") from None
    finally:
        database.close()
    return str(newest or "")


@contextmanager
def _outcomes(side: Side, environment: Mapping[str, str]) -> Iterator[Iterator[Outcome]]:
    arguments = [sys.executable, "-m", "services.commands.replay_side", msgspec.json.encode(side).decode()]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE) as process:
        try:
            yield _read(process)
        finally:
            process.kill()


def _read(process: "subprocess.Popen[bytes]") -> Iterator[Outcome]:
    decode = msgspec.json.Decoder(Line).decode
    whole = False
    for text in process.stdout or ():
        line = decode(text)
        if line.problem is not None:
            raise CannotReplay(line.problem)
        whole = line.versions is not None
        yield from line.outcomes
    if not whole:
        raise CannotReplay("Judging broke off before the last claim; what is above says why.")


def _show_json(difference: Difference) -> None:
    def plain(found: tuple[Found, ...]) -> list[dict[str, Any]]:
        return [{"rule": rule, "line": line, "severity": severity} for rule, line, severity in found]

    shown = {
        "claim_id": difference.claim_id,
        "claim": difference.claim,
        "before": difference.before,
        "after": difference.after,
        "new": plain(difference.new),
        "gone": plain(difference.gone),
    }
    _print(msgspec.json.encode(shown).decode())


def _show_line(difference: Difference) -> None:
    verdict = difference.before
    if difference.after != difference.before:
        verdict += f" → {difference.after}"
    _print(f"{difference.claim_id}  {difference.claim or '(no claim number)'}  {verdict}")
    for sign, found in (("+", difference.new), ("-", difference.gone)):
        for rule, line, severity in found:
            place = f", line {line}" if line is not None else ""
            _print(f"    {sign} {rule} ({severity}{place})")


def _summary_text(summary: Summary) -> str:
    said = [f"\n{summary.claims} claims judged twice, {summary.differing} would come out otherwise."]
    if summary.drifted:
        said.append(
            f"{summary.drifted} come out otherwise today than when they came, whatever is changed: tables or "
            "records are others since, or the plan decided."
        )
    if summary.verdicts:
        rows = [
            {"before": before, "after": after, "claims": number}
            for (before, after), number in sorted(summary.verdicts.items())
        ]
        said += ["", table(rows)]
    if summary.rules:
        counted = [
            {"rule": rule, "new": count["new"], "gone": count["gone"]}
            for rule, count in sorted(summary.rules.items())
        ]
        said += ["", table(counted)]
    return "\n".join(said)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
