"""The pipeline, first submission accepted to last clock started, beside a bare produce–consume–insert loop.

The bare loop moves the same payloads through the same bus and the same database in batches of 500: produce,
consume, insert claim and lines, produce, consume, insert. It judges nothing.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests
from sqlalchemy import BigInteger, Column, MetaData, String, Table, create_mock_engine, func, select

from bench.files import write_837p
from bench.result import Result, rate_result
from services.intake.readers import ClaimRead
from services.intake.readers.recognise import open_claims_file
from services.payments.models import CLOCKS
from shared.bus import Bus
from shared.claim import Receipt, Submitter
from shared.database import Database, Json, insert_rows
from shared.events import ClaimReceived, Event, claim_id, encode, new_event, utc_text
from shared.identifiers import member_key
from shared.parts import utc_now
from shared.settings import Settings

FILES = 20
CLAIMS_A_FILE = 1_000
CLAIMS = FILES * CLAIMS_A_FILE
BATCH = 500
NPIS = ("1234567893", "1999999984", "1000000004")
METADATA = MetaData()
BARE_CLAIMS = Table(
    "bare_claims", METADATA, Column("id", String(40), primary_key=True), Column("document", Json)
)
BARE_LINES = Table(
    "bare_lines", METADATA, Column("key", BigInteger), Column("claim", String(40)), Column("code", String(5))
)
BARE_CLOCKS = Table(
    "bare_clocks", METADATA, Column("id", String(40), primary_key=True), Column("member", String(40))
)


def run_embedded(folder: Path) -> list[Result]:
    """The suite in one process on embedded parts, beside the bare loop in one process on the same parts."""
    from shared.bus.embedded import EmbeddedBus

    bare_folder = folder / "bare"
    bare_folder.mkdir()
    database = Database(f"sqlite:///{bare_folder / 'bare.db'}", "bare")
    bus = EmbeddedBus(bare_folder / "events.db")
    with database.begin() as connection:
        METADATA.create_all(connection)
    theirs = CLAIMS / _bare_loop_in_one_process(bus, database, payloads(folder))
    ours = CLAIMS / _embedded_suite(folder / "suite")
    return [rate_result("pipeline, embedded", ours, "bare loop, embedded", theirs, at_least=0.25, aim=0.5)]


def run_real(folder: Path) -> list[Result]:
    """Serve and workers as processes on Apache Kafka and PostgreSQL, beside a bare loop of three processes."""
    from bench.real_parts import real_parts

    with real_parts(folder) as (bootstrap, url):
        theirs = CLAIMS / _bare_loop_in_three_processes(bootstrap, url, payloads(folder))
        ours = CLAIMS / _real_suite(folder / "real", bootstrap, url)
    return [
        rate_result(
            "pipeline, Apache Kafka and PostgreSQL",
            ours,
            "bare loop over the same",
            theirs,
            at_least=0.25,
            aim=0.5,
        )
    ]
