"""`promptclaim log`: verifies the timeliness log wherever it comes from, and has it signed."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import requests

from services.payments.audit_log import import_lines
from services.payments.checkpoint_step import LogIsBroken, Made, checkpoint_now
from services.payments.checkpoints import read_key_documents
from services.payments.log_check import Broken, Expected, Intact, LogEntry, LogItem, verify
from services.payments.signing import NoSigningKey, rotate, signer_of
from services.payments.verification import verify_all
from services.suite import open_bus, open_database, open_parts
from shared.settings import Settings


class LogUnavailable(Exception):
    """The log cannot be had; the message says why."""


def verify_file(
    path: Path, public_keys: frozenset[str] | None = None, earlier: Path | None = None
) -> Intact | Broken:
    """Verify an export (JSON Lines). With ``public_keys`` (hex) nobody else may have signed it, and somebody must."""
    with path.open("rb") as lines:
        return _verify_lines(lines, public_keys, earlier)


def verify_url(
    url: str, public_keys: frozenset[str] | None = None, earlier: Path | None = None
) -> Intact | Broken:
    """Verify a running suite's log from its export, which must hold the head that the suite named just before.

    What the suite finds wrong itself, in the tables beside the log as well, counts too. The key comes from
    ``PROMPTCLAIM_API_KEY``. Raises ``LogUnavailable``.
    """
    key = os.environ.get("PROMPTCLAIM_API_KEY")
    if not key:
        raise LogUnavailable("Set PROMPTCLAIM_API_KEY to an auditor's key.")
    base = f"{url.rstrip('/')}/payments/api/v1/timeliness-log"
    headers = {"Authorization": f"Bearer {key}"}
    try:
        answer = requests.get(f"{base}/verification", headers=headers, timeout=600)
        answer.raise_for_status()
        with requests.get(f"{base}/export.jsonl", headers=headers, timeout=600, stream=True) as export:
            export.raise_for_status()
            found = _verify_lines(export.iter_lines(), public_keys, earlier)
    except requests.RequestException as error:
        status = error.response.status_code if error.response is not None else "no answer"
        raise LogUnavailable(f"{url} does not give its log: {status}.") from error
    if isinstance(found, Broken):
        return found
    said: dict[str, Any] = answer.json()
    if not said.get("intact"):
        return Broken(int(said["first_bad_sequence"]), str(said["reason"]))
    if found.entries < said["entries"]:
        return Broken(
            found.entries + 1, f"The suite names {said['entries']} entries; its export has {found.entries}."
        )
    return found


def verify_database(settings: Settings) -> Intact | Broken:
    """Verify the log in the payments service's own database. Raises ``LogUnavailable`` where there is none."""
    _is_there(settings)
    database = open_database(settings, "payments")
    try:
        with database.read() as connection:
            return verify_all(connection, settings)
    finally:
        database.close()


def public_keys_in(path: Path) -> frozenset[str]:
    """The public keys in a file. Raises ``LogUnavailable``."""
    try:
        return read_key_documents(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LogUnavailable(f"{path}: {error}") from None


def sign_database(settings: Settings) -> Made | None:
    """Sign the log in the payments service's own database; ``None``: it has no entry. Raises ``LogUnavailable``."""
    _is_there(settings)
    bus = open_bus(settings)
    try:
        parts = open_parts(settings, "payments", bus)
        try:
            return checkpoint_now(parts, signer_of(settings))
        finally:
            parts.database.close()
    except NoSigningKey as error:
        raise LogUnavailable(str(error)) from None
    except LogIsBroken as error:
        broken = error.broken
        raise LogUnavailable(
            f"The log is not intact from entry {broken.first_bad_sequence} on, so it is not signed. {broken.reason}"
        ) from None
    finally:
        bus.close()


def rotate_key(settings: Settings) -> tuple[str, str]:
    """Give the embedded suite a new signing key; the old and the new public key. Raises ``LogUnavailable``."""
    try:
        return rotate(settings)
    except NoSigningKey:
        raise LogUnavailable(
            "Here the signing key comes from the environment. Add the public key of today to "
            "PROMPTCLAIM_SIGNING_PUBLIC_KEYS, set PROMPTCLAIM_SIGNING_KEY to a new one (openssl rand -hex 32), and "
            "restart the payments service and its worker."
        ) from None


def _is_there(settings: Settings) -> None:
    url = settings.database_url("payments")
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        raise LogUnavailable(
            f"There is no timeliness log in {settings.data_dir}. Say with --data where it is."
        )


def _verify_lines(
    lines: Iterable[bytes], public_keys: frozenset[str] | None, earlier: Path | None
) -> Intact | Broken:
    last = 0

    def counted() -> Iterator[LogItem]:
        nonlocal last
        for item in import_lines(lines):
            last = item.sequence if isinstance(item, LogEntry) else last
            yield item

    known = public_keys is not None
    expected = Expected(public_keys=public_keys, signed=known, proven=known)
    with ExitStack() as opened:
        kept = import_lines(opened.enter_context(earlier.open("rb"))) if earlier else iter(())
        try:
            return verify(counted(), expected=expected, earlier=_readable(kept, earlier))
        except msgspec.DecodeError:
            return Broken(last + 1, f"The line after entry {last} is not one of a timeliness log.")


def _readable(items: Iterator[LogItem], path: Path | None) -> Iterator[LogItem]:
    try:
        yield from items
    except msgspec.DecodeError:
        raise LogUnavailable(f"{path} is no export of a timeliness log.") from None
