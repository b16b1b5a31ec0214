"""What a service is built from. The composition root makes it; tests make it with fakes of the same shape."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.bus import Bus
from shared.database import Database
from shared.payers import Payers
from shared.settings import Settings


def utc_now() -> datetime:
    """The wall clock: the only place that reads it."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """``database`` is the service's own; ``now`` gives an aware UTC instant; ``member_secret`` keys the CIN's hash."""

    settings: Settings
    database: Database
    bus: Bus
    payers: Payers
    member_secret: bytes
    session_secret: bytes
    now: Callable[[], datetime] = utc_now
