"""A file that is being read holds up nobody else who writes to intake's database."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from sqlalchemy import func, select

from services.intake import receive as receiving
from services.intake.models import CLAIMS
from services.intake.readers import Census, ClaimRead, ClaimsFile, UnreadableClaim
from services.intake.readers.recognise import open_claims_file
from services.intake.receive import receive
from shared.bus import Bus
from shared.claim import Submitter
from shared.database import Database
from shared.migrate import upgrade
from shared.parts import Parts
from shared.payers import Payers
from shared.settings import Settings

SAMPLE = Path(__file__).parents[2] / "samples" / "invoice.csv"
SUBMITTER = Submitter(organisation="Harbor Street Outreach", npis=("1234567893",))


class _Watched:
    """A file that notes, while its claims are read, whether somebody else can write."""

    def __init__(self, file: ClaimsFile, database: Database, repeats: int) -> None:
        claims = [item for item in file.items() if isinstance(item, ClaimRead)] * repeats
        self.channel, self.notes, self.census = file.channel, file.notes, Census(claims=len(claims))
        self._claims, self._database = claims, database
        self.others_wrote: list[bool] = []
        self._others: list[threading.Thread] = []

    def items(self) -> Iterator[ClaimRead | UnreadableClaim]:
        for claim in self._claims:
            other = threading.Thread(target=self._write, daemon=True)
            other.start()
            self._others.append(other)
            other.join(0.2)
            self.others_wrote.append(not other.is_alive())
            yield claim

    def wait_for_others(self) -> None:
        for other in self._others:
            other.join(10)

    def _write(self) -> None:
        with self._database.begin() as connection:
            connection.execute(CLAIMS.delete().where(CLAIMS.c.claim_id == "nobody's"))


def _received(database: Database, repeats: int) -> tuple[_Watched, int]:
    upgrade(database, "services.intake")
    parts = Parts(
        settings=Settings(data_dir=Path(), x12_conformity=False),
        database=database,
        bus=cast(Bus, None),
        payers=Payers.load(None),
        member_secret=b"m" * 32,
        session_secret=b"s" * 32,
        now=lambda: datetime(2026, 11, 18, 20, tzinfo=UTC),
    )
    file = _Watched(open_claims_file(SAMPLE, SAMPLE.name), database, repeats)
    receive(parts, SUBMITTER, SAMPLE, SAMPLE.name, open_file=lambda _path, _name: cast(ClaimsFile, file))
    file.wait_for_others()
    with database.read() as connection:
        return file, connection.execute(select(func.count()).select_from(CLAIMS)).scalar_one()


def test_others_write_while_a_file_is_read(database: Database) -> None:
    file, stored = _received(database, repeats=1)
    assert all(file.others_wrote)
    assert stored == file.census.claims


def test_a_larger_file_is_stored_whole_though_it_is_read_in_parts(database: Database, monkeypatch) -> None:
    monkeypatch.setattr(receiving, "BATCH", 2)
    monkeypatch.setattr(receiving, "READ_AHEAD", 4)
    file, stored = _received(database, repeats=3)
    assert all(file.others_wrote[:4])
    assert stored == file.census.claims > 4
