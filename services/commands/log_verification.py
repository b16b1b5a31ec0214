"""`promptclaim log`: verifies the timeliness log wherever it comes from, and has it signed."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import requests

from services.payments.log import standalone_verifier as alone
from services.payments.log.audit_log import import_lines
from services.payments.log.checkpoint_step import LogIsBroken, Made, checkpoint_now
from services.payments.log.checkpoints import read_key_documents
from services.payments.log.log_check import Broken, Expected, Intact, LogEntry, LogItem, verify
from services.payments.log.signing import NoSigningKey, rotate, signer_of
from services.payments.log.verification import verify_all
from services.suite import open_bus, open_database, open_parts
from shared.settings import Settings


class LogUnavailable(Exception):
    """The log cannot be had or read; the message says why."""


class NotALine(Exception):
    """A line of a log is neither an entry nor a checkpoint."""


class Said(NamedTuple):
    """What to tell of a log. ``status``: 0 intact, 1 broken. ``hint``: what the check leaves open."""

    status: int
    text: str
    hint: str = ""


def check_file(path: Path, public_keys: frozenset[str] | None = None, earlier: Path | None = None) -> Said:
    """Check an export or an evidence pack; says what the stand-alone verifier says. Raises ``LogUnavailable``."""
    try:
        if alone.evidence_in(str(path)) is not None:
            return Said(0, *alone.check(str(path), public_keys, str(earlier) if earlier else None))
    except alone.Broken as broken:
        return said_of(Broken(broken.first_bad, broken.reason))
    except alone.NotReadable as error:
        raise LogUnavailable(str(error)) from None
    found = verify_file(path, public_keys, earlier)
    if isinstance(found, Broken):
        return said_of(found)
    place = found.checkpoints[-1].sequence if found.checkpoints else 0
    text = alone.say_log(
        found.entries, found.head_hash, found.signed, place, found.key_ids, compared=earlier is not None
    )
    return Said(0, text, "" if public_keys or earlier or not found.signed else alone.HINT)


def check_url(url: str, public_keys: frozenset[str] | None = None, earlier: Path | None = None) -> Said:
    """Check a running suite's log. Raises ``LogUnavailable``."""
    said = said_of(verify_url(url, public_keys, earlier))
    return said if said.status or public_keys or earlier else said._replace(hint=alone.HINT)


def check_database(settings: Settings) -> Said:
    """Check the log in the payments service's own database. Raises ``LogUnavailable``."""
    return said_of(verify_database(settings))


def said_of(found: Intact | Broken) -> Said:
    """What to tell of a log whose end is known."""
    if isinstance(found, Broken):
        return Said(1, f"Broken at entry {found.first_bad_sequence}: {found.reason}")
    text = f"Intact: {alone.number_of(found.entries, 'entry', 'entries')}, head {found.head_hash}"
    if found.checkpoints:
        place = found.checkpoints[-1].sequence
        text += f"\n{alone.say_signed(found.entries, found.signed, place, found.key_ids)}"
    return Said(0, text)


def verify_file(
    path: Path, public_keys: frozenset[str] | None = None, earlier: Path | None = None
) -> Intact | Broken:
    """Verify an export (JSON Lines). With ``public_keys`` (hex) nobody else may have signed it, and somebody must.

    Raises ``LogUnavailable`` where the file is no export.
    """
    try:
        with path.open("rb") as lines:
            return _verify_lines(alone.log_lines(str(path), lines), public_keys, earlier)
    except alone.NotReadable as error:
        raise LogUnavailable(str(error)) from None
    except OSError as error:
        raise LogUnavailable(f"{error.filename or path} cannot be read: {error.strerror}") from None


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
        said: dict[str, Any] = answer.json()
        if not isinstance(said, dict) or "intact" not in said:
            raise LogUnavailable(f"{url} is no promptclaim: it says nothing of a timeliness log.")
        with requests.get(f"{base}/export.jsonl", headers=headers, timeout=600, stream=True) as export:
            export.raise_for_status()
            found = _verify_lines(export.iter_lines(), public_keys, earlier)
    except requests.RequestException as error:
        raise LogUnavailable(_why_not(url, error)) from error
    if isinstance(found, Broken):
        return found
    if not said["intact"]:
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
        keys = read_key_documents(path.read_text(encoding="utf-8"))
    except ValueError:
        raise LogUnavailable(f"{path} is no file of public keys.") from None
    return frozenset(key.lower() for key in keys)


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


def _why_not(url: str, error: requests.RequestException) -> str:
    status = error.response.status_code if error.response is not None else None
    if status == requests.codes.unauthorized:
        return "The key in PROMPTCLAIM_API_KEY is not valid here, or not any more (401)."
    if status == requests.codes.forbidden:
        return "The key in PROMPTCLAIM_API_KEY may not read the log: it needs the role auditor (403)."
    if isinstance(error, requests.JSONDecodeError):
        return f"{url} is no promptclaim: it says nothing of a timeliness log."
    return f"{url} does not give its log: {status or 'no answer'}."


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
        for item in _items(lines):
            last = item.sequence if isinstance(item, LogEntry) else last
            yield item

    known = public_keys is not None
    expected = Expected(public_keys=public_keys, signed=known, proven=known)
    with ExitStack() as opened:
        kept = _kept(opened.enter_context(earlier.open("rb")), earlier) if earlier else iter(())
        try:
            return verify(counted(), expected=expected, earlier=kept)
        except NotALine:
            return Broken(last + 1, f"The line after entry {last} is not one of a timeliness log.")


def _items(lines: Iterable[bytes]) -> Iterator[LogItem]:
    items = import_lines(lines)
    while True:
        try:
            item = next(items, None)
        except (ValueError, RecursionError):
            raise NotALine from None
        if item is None:
            return
        yield item


def _kept(lines: Iterable[bytes], path: Path) -> Iterator[LogItem]:
    count = 0
    try:
        for item in _items(lines):
            count += isinstance(item, LogEntry)
            yield item
    except NotALine:
        raise LogUnavailable(f"{path} is no export of a timeliness log.") from None
    if not count:
        raise LogUnavailable(f"{path} has no entry to compare with.")
