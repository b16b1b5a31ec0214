"""`promptclaim log verify`: checks the chain here, from the entries themselves, wherever they come from."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
import requests

from services.payments.audit_log import Broken, Intact, LogEntry, import_lines, read, read_head, verify
from services.suite import open_database
from shared.settings import Settings


class LogUnavailable(Exception):
    """The log cannot be had; the message says why."""


def verify_file(path: Path) -> Intact | Broken:
    """Verify an export (JSON Lines). By itself a file cannot show whether entries were cut off at its end."""
    with path.open("rb") as lines:
        return _verify_lines(lines)


def verify_url(url: str) -> Intact | Broken:
    """Verify a running suite's log from its export, which must hold the head that the suite named just before.

    The key comes from ``PROMPTCLAIM_API_KEY``. Raises ``LogUnavailable``.
    """
    key = os.environ.get("PROMPTCLAIM_API_KEY")
    if not key:
        raise LogUnavailable("Set PROMPTCLAIM_API_KEY to an auditor's key.")
    base = f"{url.rstrip('/')}/payments/api/v1/timeliness-log"
    headers = {"Authorization": f"Bearer {key}"}
    try:
        said = requests.get(f"{base}/verification", headers=headers, timeout=600)
        said.raise_for_status()
        with requests.get(f"{base}/export.jsonl", headers=headers, timeout=600, stream=True) as export:
            export.raise_for_status()
            found = _verify_lines(export.iter_lines())
    except requests.RequestException as error:
        status = error.response.status_code if error.response is not None else "no answer"
        raise LogUnavailable(f"{url} does not give its log: {status}.") from error
    entries = said.json().get("entries", 0)
    if isinstance(found, Intact) and found.entries < entries:
        return Broken(
            found.entries + 1, f"The suite names {entries} entries; its export has {found.entries}."
        )
    return found


def verify_database(settings: Settings) -> Intact | Broken:
    """Verify the log in the payments service's own database. Raises ``LogUnavailable`` where there is none."""
    url = settings.database_url("payments")
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        raise LogUnavailable(
            f"There is no timeliness log in {settings.data_dir}. Say with --data where it is."
        )
    database = open_database(settings, "payments")
    try:
        with database.read() as connection:
            return verify(read(connection), read_head(connection))
    finally:
        database.close()


def _verify_lines(lines: Iterable[bytes]) -> Intact | Broken:
    read_so_far = 0

    def counted() -> Iterable[LogEntry]:
        nonlocal read_so_far
        for entry in import_lines(lines):
            read_so_far += 1
            yield entry

    try:
        return verify(counted())
    except msgspec.DecodeError:
        return Broken(read_so_far + 1, f"Line {read_so_far + 1} is not an entry of a timeliness log.")
