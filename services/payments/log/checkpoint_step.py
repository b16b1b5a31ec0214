"""Making checkpoints: daily, when the log has grown much, and when somebody asks."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import Gauge
from sqlalchemy import Connection, insert, select

from services.payments.log import audit_log
from services.payments.log.audit_log import Happening
from services.payments.log.checkpoints import CHECKPOINT_EVENT, Checkpoint, Signer
from services.payments.log.log_check import Broken, Head, LogCheck
from services.payments.log.signing import NoSigningKey, signer_of
from services.payments.models import CHECKPOINTS
from shared.parts import Parts
from shared.worker import Step

DAILY = timedelta(hours=24)
GROWN = 50_000
"""Entries after which a checkpoint is made before the day is over: signing holds the writers' lock for about a second,
and a proof of one entry is found among so many.
"""
LOOKS_EVERY_SECONDS = 60.0

log = logging.getLogger(__name__)
broken_since = Gauge(
    "promptclaim_log_broken_since", "First bad entry that signing the timeliness log came upon; 0: none"
)


class LogIsBroken(Exception):
    """The entries since the last checkpoint are not what was written, so nobody signs them."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(broken.reason)
        self.broken = broken


class Made(Struct, frozen=True):
    """``new`` is False where nothing was written since the newest checkpoint, which then is the one given."""

    checkpoint: Checkpoint
    new: bool


def make_checkpoint(connection: Connection, signer: Signer, now: datetime) -> Made | None:
    """Sign the log as it stands at ``now`` (aware), in the caller's transaction; ``None``: it has no entry yet.

    Raises ``LogIsBroken``: what was tampered with is not signed.
    """
    head = audit_log.lock(connection)
    last = newest(connection)
    if head.sequence == 0:
        return None
    if last is not None and last.sequence == head.sequence and last.hash == head.hash:
        return Made(last, new=False)
    check = _check_since(connection, last, head)
    data = {"first": check.first_in_tree, "root": check.tree.root(), "key_id": signer.key_id}
    (sequence, digest), made_at = audit_log.append_at(
        connection, [Happening(CHECKPOINT_EVENT, "", data)], now
    )
    checkpoint = signer.sign(sequence, digest, made_at)
    connection.execute(
        insert(CHECKPOINTS).values(
            sequence=sequence,
            hash=digest,
            made_at=made_at,
            key_id=checkpoint.key_id,
            signature=checkpoint.signature,
        )
    )
    return Made(checkpoint, new=True)


def _check_since(connection: Connection, last: Checkpoint | None, head: Head) -> LogCheck:
    start = Head(last.sequence, last.hash) if last else None
    check = LogCheck(start=start, at=last.made_at if last else "")
    for entry in audit_log.read(connection, start.sequence if start else 0):
        broken = check.take(entry)
        if broken:
            raise LogIsBroken(broken)
    found = check.end(head)
    if isinstance(found, Broken):
        raise LogIsBroken(found)
    return check


def newest(connection: Connection) -> Checkpoint | None:
    """The newest checkpoint, without its public key."""
    return next(iter(newest_first(connection, 1, {})), None)


def newest_first(connection: Connection, limit: int, public_keys: Mapping[str, str]) -> list[Checkpoint]:
    """The newest checkpoints, newest first; ``public_keys`` are the known ones by their id."""
    table = CHECKPOINTS
    return [
        Checkpoint(
            row.sequence, row.hash, row.made_at, row.key_id, row.signature, public_keys.get(row.key_id, "")
        )
        for row in connection.execute(select(table).order_by(table.c.sequence.desc()).limit(limit))
    ]


def is_due(last: Checkpoint | None, head: Head, now: datetime, key_id: str) -> bool:
    """Whether the worker makes a checkpoint: the log has grown, and a day has passed, much was written, or the key
    is another one since.
    """
    if head.sequence == 0 or (last is not None and last.sequence == head.sequence):
        return False
    if last is None or last.key_id != key_id or head.sequence - last.sequence >= GROWN:
        return True
    return now - datetime.fromisoformat(last.made_at) >= DAILY


def checkpoint_now(parts: Parts, signer: Signer) -> Made | None:
    """Make a checkpoint in a transaction of its own. Raises ``LogIsBroken``.

    Its hash goes to the process's log too: who rewrites the database does not reach what is collected there.
    """
    with parts.database.begin() as connection:
        made = make_checkpoint(connection, signer, parts.now())
    if made is not None and made.new:
        checkpoint = made.checkpoint
        log.info("checkpoint of entry %d: %s", checkpoint.sequence, checkpoint.hash)
    return made and replace(made, checkpoint=replace(made.checkpoint, public_key=signer.public_key))


class CheckpointStep:
    """The worker's step. Any number of workers may have it: the log's lock lets one after the other look."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._warned = False

    def run_once(self) -> int:
        """Make a checkpoint if one is due; how many were made. A broken log is not signed, and said so each time:
        claims go on being processed.
        """
        with self._parts.database.read() as connection:
            head, last = audit_log.read_head(connection), newest(connection)
        if head.sequence == 0 or (last is not None and last.sequence == head.sequence):
            return 0
        try:
            signer = signer_of(self._parts.settings)
        except NoSigningKey as error:
            if not self._warned:
                log.warning("no checkpoints of the timeliness log are made. %s", error)
            self._warned = True
            return 0
        if not is_due(last, head, self._parts.now(), signer.key_id):
            return 0
        try:
            made = checkpoint_now(self._parts, signer)
        except LogIsBroken as error:
            broken_since.set(error.broken.first_bad_sequence)
            log.critical("the timeliness log is broken, so it is not signed. %s", error)
            return 0
        broken_since.set(0)
        return 1 if made is not None and made.new else 0


def checkpoint_step(parts: Parts) -> Step:
    """The step for the payments worker."""
    return Step("checkpoints", CheckpointStep(parts).run_once, idle_seconds=LOOKS_EVERY_SECONDS)
