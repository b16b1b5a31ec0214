"""`promptclaim db rebuild-clocks`: the clocks made again from the record."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from services.payments.rebuild import Repair, rebuild
from services.suite import open_database
from shared.settings import Settings

SHOWN = 20


class Rebuilding:
    """What was found, once :meth:`lines` has been read to its end."""

    def __init__(self, settings: Settings, *, apply: bool) -> None:
        self._settings, self._apply = settings, apply
        self._claims = self._changed = self._impossible = 0

    @property
    def status(self) -> int:
        """The exit status: 0 where every clock is right now, else 1."""
        return 1 if self._impossible or (self._changed and not self._apply) else 0

    def lines(self) -> Iterator[str]:
        """What to print, while it is being found."""
        database = open_database(self._settings, "payments")
        try:
            for looked in rebuild(database, datetime.now(UTC), apply=self._apply):
                self._claims += looked.claims
                for repair in looked.repairs:
                    if self._changed + self._impossible < SHOWN:
                        yield _line(repair)
                    if repair.columns:
                        self._changed += 1
                    else:
                        self._impossible += 1
        finally:
            database.close()
        yield from self._summary()

    def _summary(self) -> Iterator[str]:
        if self._changed + self._impossible > SHOWN:
            yield f"and {self._changed + self._impossible - SHOWN:,} more"
        done = "were made again" if self._apply else "differ from the record"
        if self._changed and not self._apply:
            done += "; --apply makes them again"
        yield f"{self._claims:,} claims looked at, {self._changed:,} clocks {done}"
        if self._impossible:
            yield f"{self._impossible:,} clocks cannot be made again"


def _line(repair: Repair) -> str:
    if not repair.columns:
        return f"{repair.claim_id}: {repair.reason}"
    told = (
        f"{name.replace('_', ' ')} {_value(stored)} should be {_value(right)}"
        for name, (stored, right) in repair.columns.items()
    )
    return f"{repair.claim_id}: {'; '.join(told)}"


def _value(value: Any) -> str:
    if value is None:
        return "(empty)"
    return value.isoformat() if isinstance(value, date) else str(value)
