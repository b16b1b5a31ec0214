"""Tampering with the payments database itself, by somebody who has dropped its triggers: found and named.

By the server, by the command on the database, and by the stand-alone verifier on an export.
"""

import dataclasses
import json
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from payments_harness import Payments
from sqlalchemy import Connection, delete, func, insert, select, text, update

from services.commands.log_verification import verify_file
from services.payments.log import standalone_verifier
from services.payments.log.checkpoint_step import CheckpointStep, LogIsBroken, checkpoint_now
from services.payments.log.checkpoints import CHECKPOINT_EVENT, Signer
from services.payments.log.log_check import GENESIS_HASH, Broken, Intact
from services.payments.log.merkle import Tree
from services.payments.log.signing import signer_of
from services.payments.log.verification import verify_all
from services.payments.models import CHECKPOINTS, CLOCKS, LOG_HEAD, PAYMENT_ENTRIES, TIMELINESS_LOG
from shared.database import Database
from shared.settings import Settings

LOG = TIMELINESS_LOG.c
FORGER = Signer(b"f" * 32)


@pytest.fixture
def payments(database: Database, tmp_path: Path) -> Payments:
    """Three claims: two paid and signed for (entries 1 to 8, checkpoint 9), one paid since (10 to 13)."""
    service = Payments(database, "2026-03-02")
    service.parts = dataclasses.replace(service.parts, settings=Settings(data_dir=tmp_path))
    service.judge(service.verdict("clm_1"))
    service.judge(service.verdict("clm_2"))
    service.today = "2026-03-03"
    service.pay("clm_1", "paid", "2026-03-03", 96_000)
    service.pay("clm_2", "denied", "2026-03-03", 96_000)
    sign(service)
    service.judge(service.verdict("clm_3"))
    service.pay("clm_3", "paid", "2026-03-03", 40_000)
    return service


def sign(service: Payments) -> None:
    made = checkpoint_now(service.parts, signer_of(service.parts.settings))
    assert made is not None and made.new


def drop_triggers(connection: Connection) -> None:
    for table in ("timeliness_log", "payment_entries", "checkpoints"):
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        else:
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER {table}_no_{verb}"))


def tamper(service: Payments, how: Callable[[Connection], Any]) -> None:
    with service.database.begin() as connection:
        drop_triggers(connection)
        how(connection)


def rechain(connection: Connection, signer: Signer | None = None) -> None:
    """Number, bind and hash the whole log anew, with its head; with ``signer``, its checkpoints too."""
    rows = [dict(row._mapping) for row in connection.execute(select(TIMELINESS_LOG).order_by(LOG.sequence))]
    checkpoints = list(connection.execute(select(CHECKPOINTS)))
    connection.execute(delete(TIMELINESS_LOG))
    previous, tree, first = GENESIS_HASH, Tree(), 1
    for sequence, row in enumerate(rows, start=1):
        data = json.loads(row["data"])
        if row["event"] == CHECKPOINT_EVENT:
            data |= {"first": first, "root": tree.root()}
        entry = {**row, "sequence": sequence, "previous_hash": previous, "data": data}
        entry.pop("hash")
        canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = sha256(canonical.encode()).hexdigest()
        connection.execute(
            insert(TIMELINESS_LOG).values({**entry, "data": json.dumps(data), "hash": previous})
        )
        if row["event"] == CHECKPOINT_EVENT:
            tree, first = Tree(), sequence
            if signer:
                connection.execute(delete(CHECKPOINTS))
                made = signer.sign(sequence, previous, checkpoints[0].made_at)
                connection.execute(
                    insert(CHECKPOINTS).values(
                        sequence=sequence,
                        hash=previous,
                        made_at=made.made_at,
                        key_id=made.key_id,
                        signature=made.signature,
                    )
                )
        tree.add(previous)
    connection.execute(update(LOG_HEAD).values(sequence=len(rows), hash=previous))


def count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(TIMELINESS_LOG)).scalar_one())


def cut_off(connection: Connection, after: int) -> None:
    connection.execute(delete(TIMELINESS_LOG).where(LOG.sequence > after))
    last = connection.execute(select(LOG.hash).where(LOG.sequence == after)).scalar_one()
    connection.execute(update(LOG_HEAD).values(sequence=after, hash=last))


def amount_changed(connection: Connection, sequence: int) -> None:
    connection.execute(
        update(TIMELINESS_LOG)
        .where(LOG.sequence == sequence)
        .values(data=func.replace(LOG.data, "96000", "16000"))
    )


def swapped(connection: Connection, a: int, b: int) -> None:
    for old, new in ((a, -1), (b, a), (-1, b)):
        connection.execute(update(TIMELINESS_LOG).where(LOG.sequence == old).values(sequence=new))


def dated_back(connection: Connection, sequence: int) -> None:
    connection.execute(
        update(TIMELINESS_LOG)
        .where(LOG.sequence == sequence)
        .values(recorded_at="2026-02-01T00:00:00.000000Z")
    )


def inserted(connection: Connection) -> None:
    row = connection.execute(select(TIMELINESS_LOG).where(LOG.sequence == 10)).one()._mapping
    connection.execute(insert(TIMELINESS_LOG).values({**row, "sequence": count(connection) + 1}))


def chained_anew(
    how: Callable[[Connection], Any], signer: Signer | None = None
) -> Callable[[Connection], Any]:
    def both(connection: Connection) -> None:
        how(connection)
        rechain(connection, signer)

    return both


def without_a_trace(connection: Connection) -> None:
    connection.execute(delete(CHECKPOINTS))
    connection.execute(delete(TIMELINESS_LOG).where(LOG.event == CHECKPOINT_EVENT))
    amount_changed(connection, 1)
    rechain(connection)


# What is done, the first bad entry that the server names, and whether an export alone shows it.
OF_THE_LOG: dict[str, tuple[Callable[[Connection], Any], int]] = {
    "update": (lambda connection: amount_changed(connection, 7), 7),
    "garbage": (
        lambda connection: connection.execute(
            update(TIMELINESS_LOG).where(LOG.sequence == 2).values(data="not JSON at all")
        ),
        2,
    ),
    "delete": (lambda connection: connection.execute(delete(TIMELINESS_LOG).where(LOG.sequence == 5)), 5),
    "reorder": (lambda connection: swapped(connection, 3, 4), 3),
    "date back": (lambda connection: dated_back(connection, 8), 8),
    "update and chain anew": (chained_anew(lambda connection: amount_changed(connection, 7)), 1),
    "delete and chain anew": (
        chained_anew(lambda connection: connection.execute(delete(TIMELINESS_LOG).where(LOG.sequence == 5))),
        1,
    ),
    "reorder and chain anew": (chained_anew(lambda connection: swapped(connection, 3, 4)), 1),
    "date back after the checkpoint and chain anew": (
        chained_anew(lambda connection: dated_back(connection, 12)),
        12,
    ),
    "cut off below the checkpoint, with the head": (lambda connection: cut_off(connection, 7), 8),
    "checkpoint removed": (lambda connection: connection.execute(delete(CHECKPOINTS)), 1),
    "checkpoint forged": (
        lambda connection: connection.execute(update(CHECKPOINTS).values(signature="0" * 128)),
        1,
    ),
}
BY_THE_SERVER: dict[str, tuple[Callable[[Connection], Any], int]] = {
    "insert": (inserted, 14),
    "cut off since the checkpoint": (
        lambda connection: connection.execute(delete(TIMELINESS_LOG).where(LOG.sequence > 12)),
        13,
    ),
    "cut off since the checkpoint, with the head": (lambda connection: cut_off(connection, 12), 13),
    "all signed with a key of one's own": (
        chained_anew(lambda connection: amount_changed(connection, 1), FORGER),
        1,
    ),
    "no trace of checkpoints left": (without_a_trace, 1),
    "an entry's amount": (
        lambda connection: connection.execute(
            update(PAYMENT_ENTRIES).where(PAYMENT_ENTRIES.c.claim_id == "clm_1").values(amount_cents=1)
        ),
        7,
    ),
    "an entry's date": (
        lambda connection: connection.execute(
            update(PAYMENT_ENTRIES).where(PAYMENT_ENTRIES.c.claim_id == "clm_3").values(date=date(2026, 3, 2))
        ),
        13,
    ),
    "an entry said to have been recorded earlier": (
        lambda connection: connection.execute(
            text(
                "UPDATE payment_entries SET recorded_at = '2026-03-02T20:00:00.000000Z' "
                "WHERE claim_id = 'clm_3'"
            )
        ),
        13,
    ),
    "a claim said to be of another provider": (
        lambda connection: connection.execute(
            text("UPDATE clocks SET provider_npi = '1245319599' WHERE claim_id = 'clm_2'")
        ),
        4,
    ),
    "an entry taken away": (
        lambda connection: connection.execute(
            delete(PAYMENT_ENTRIES).where(PAYMENT_ENTRIES.c.claim_id == "clm_2")
        ),
        8,
    ),
    "an entry added": (
        lambda connection: connection.execute(
            text(
                "INSERT INTO payment_entries "
                "(entry_id, claim_id, kind, date, interest_cents, recorded_at, recorded_by) "
                "SELECT 'invented', claim_id, kind, date, interest_cents, recorded_at, recorded_by "
                "FROM payment_entries WHERE claim_id = 'clm_1'"
            )
        ),
        14,
    ),
    "a claim said to have arrived later": (
        lambda connection: connection.execute(
            text("UPDATE clocks SET arrival_date = '2026-03-03' WHERE claim_id = 'clm_2'")
        ),
        4,
    ),
    "a claim said to have been paid earlier": (
        lambda connection: connection.execute(
            text("UPDATE clocks SET paid_on = '2026-03-02' WHERE claim_id = 'clm_3'")
        ),
        10,
    ),
    "a deadline put off": (
        lambda connection: connection.execute(
            text("UPDATE clocks SET deadline = '2026-04-30', running_deadline = '2026-04-30'")
        ),
        3,
    ),
    "a clock taken away": (
        lambda connection: (
            connection.execute(text("DELETE FROM claim_lines WHERE claim_id = 'clm_3'")),
            connection.execute(delete(CLOCKS).where(CLOCKS.c.claim_id == "clm_3")),
        ),
        10,
    ),
}


def export_of(service: Payments, folder: Path) -> Path:
    path = folder / "export.jsonl"
    path.write_bytes(service.call("GET", "timeliness-log/export.jsonl", role="auditor").data)
    return path


def test_untouched_it_is_intact_for_all_three(payments: Payments, tmp_path: Path) -> None:
    said = payments.get("timeliness-log/verification", role="auditor")
    export = export_of(payments, tmp_path)
    ours = verify_file(export)
    theirs = standalone_verifier.verify_lines(export.read_bytes().splitlines())

    assert said["intact"] is True
    assert isinstance(ours, Intact)
    assert (
        (said["entries"], said["head_hash"])
        == (ours.entries, ours.head_hash)
        == (theirs.sequence, theirs.hash)
    )
    assert said["entries"] == 13
    assert [checkpoint["sequence"] for checkpoint in said["checkpoints"]] == [9]


@pytest.mark.parametrize("name", OF_THE_LOG)
def test_tampering_with_the_log_is_named_by_server_command_and_stand_alone_verifier(
    payments: Payments, name: str, tmp_path: Path
) -> None:
    how, first_bad = OF_THE_LOG[name]
    tamper(payments, how)

    said = payments.get("timeliness-log/verification", role="auditor")
    export = export_of(payments, tmp_path)
    of_file = verify_file(export)

    assert (said["intact"], said["first_bad_sequence"]) == (False, first_bad), said
    assert isinstance(of_file, Broken)
    assert (of_file.first_bad_sequence, of_file.reason) == (first_bad, said["reason"])
    with pytest.raises(standalone_verifier.Broken) as raised:
        standalone_verifier.verify_lines(export.read_bytes().splitlines())
    assert (raised.value.first_bad, raised.value.reason) == (first_bad, said["reason"])


@pytest.mark.parametrize("name", BY_THE_SERVER)
def test_what_only_the_database_and_the_key_can_show_the_server_names(payments: Payments, name: str) -> None:
    how, first_bad = BY_THE_SERVER[name]
    tamper(payments, how)

    said = payments.get("timeliness-log/verification", role="auditor")
    with payments.database.read() as connection:
        by_command = verify_all(connection, payments.parts.settings)

    assert (said["intact"], said["first_bad_sequence"]) == (False, first_bad), said
    assert isinstance(by_command, Broken)
    assert by_command.reason == said["reason"]


def test_what_was_tampered_with_since_the_last_checkpoint_is_not_signed(
    payments: Payments, caplog: pytest.LogCaptureFixture
) -> None:
    tamper(payments, lambda connection: amount_changed(connection, 10))

    refused = payments.call("POST", "timeliness-log/checkpoints", role="auditor")
    payments.today = "2026-03-05"
    made = CheckpointStep(payments.parts).run_once()

    assert refused.status_code == 409
    assert "entry 10" in refused.json["detail"]
    assert made == 0
    assert "Entry 10 was changed after it was written." in caplog.text
    with pytest.raises(LogIsBroken):
        checkpoint_now(payments.parts, signer_of(payments.parts.settings))
