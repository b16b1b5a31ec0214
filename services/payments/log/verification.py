"""Verifying the log where it lies: its chain, its head, its signed checkpoints, and the tables beside it."""

from sqlalchemy import Connection

from services.payments.log import audit_log
from services.payments.log.cross_check import CrossCheck
from services.payments.log.log_check import Broken, Expected, Intact, verify
from services.payments.log.signing import signing_keys
from shared.settings import Settings


def verify_all(connection: Connection, settings: Settings) -> Intact | Broken:
    """Verify everything that ``connection`` (one consistent view) shows. Reads the whole log, one batch at a time.

    Checkpoints count only under the keys of ``settings``: what stands in the database proves nothing of itself.
    """
    keys = signing_keys(settings)
    cross = CrossCheck(connection)
    items = cross.watch(audit_log.read_items(connection, keys.by_id()))
    expected = Expected(
        head=audit_log.read_head(connection),
        public_keys=frozenset(keys.public),
        signed=keys.current is not None,
    )
    found = verify(items, expected=expected)
    if isinstance(found, Broken):
        return found
    return cross.end(found.entries) or found
