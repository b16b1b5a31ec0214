"""A service's parts for tests that drive its handlers and its HTTP side without a worker."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from shared.database import Database
from shared.events import Event
from shared.parts import Parts
from shared.payers import Payers
from shared.settings import Settings


class NoBus:
    """Handlers never publish themselves: what they publish stands in the outbox."""

    def publish(self, events: Sequence[Event], headers: Any = None) -> None:
        raise AssertionError("a handler went past the outbox")

    def consumer(self, *_: Any) -> Any:
        raise AssertionError("not used")

    def create_topics(self, topics: Sequence[str]) -> None:
        raise AssertionError("not used")

    def close(self) -> None:
        return


def parts_of(database: Database, now: Callable[[], datetime], payers: Payers | None = None) -> Parts:
    """Parts with fixed secrets, no bus, and the defaults for every payer unless ``payers`` are given."""
    return Parts(
        settings=Settings(data_dir=Path()),
        database=database,
        bus=NoBus(),
        payers=payers or Payers(configured=False),
        member_secret=b"m" * 32,
        session_secret=b"s" * 32,
        now=now,
    )
