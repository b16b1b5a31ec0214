"""What a payments database of an earlier version becomes, on both databases."""

from sqlalchemy import Connection, text

from shared.database import Database
from shared.migrate import upgrade

_CLOCK = (
    "INSERT INTO clocks (claim_id, submission_id, claim_number, member_key, organisation, channel, payer_id,"
    " provider_npi, benefit, outreach, frequency, received_at, arrival_date, judgement, verdict, judged_at, terms,"
    " amount_cents, sequence, status, late, paid_cents, denied_cents, outstanding_cents, interest_cents,"
    " interest_paid_cents) VALUES (:claim_id, 'sub_1', '1', 'm', 'O', 'json', 'P', '1', 'ECM', 'no', :frequency,"
    " '2026-03-02 20:00:00+00:00', '2026-03-02', 1, 'accepted', '2026-03-02 20:00:00+00:00', '{}', 1, 1, 'running',"
    " false, 0, 0, 1, 0, 0)"
)
_ENTRY = (
    "INSERT INTO payment_entries (entry_id, claim_id, kind, date, interest_cents, reference, recorded_at,"
    " recorded_by, corrects) VALUES (:entry_id, :claim_id, :kind, '2026-03-02', 0, :reference,"
    " '2026-03-02 20:00:00+00:00', 'provider', :corrects)"
)


def entry(
    connection: Connection,
    entry_id: str,
    claim_id: str,
    kind: str,
    reference: str,
    corrects: str | None = None,
) -> None:
    values = {
        "entry_id": entry_id,
        "claim_id": claim_id,
        "kind": kind,
        "reference": reference,
        "corrects": corrects,
    }
    connection.execute(text(_ENTRY), values)


def test_replacements_that_withdrew_a_claim_say_which_after_revision_0005(database: Database) -> None:
    upgrade(database, "services.payments", "0004")
    with database.begin() as connection:
        frequencies = {"clm_1": "1", "clm_2": "1", "clm_3": "7", "clm_4": "7", "clm_5": "8", "clm_6": "1"}
        for claim_id, frequency in frequencies.items():
            connection.execute(text(_CLOCK), {"claim_id": claim_id, "frequency": frequency})
        entry(connection, "e1", "clm_1", "withdrawn", "clm_3")
        entry(connection, "e2", "clm_2", "withdrawn", "clm_4")
        entry(connection, "e3", "clm_2", "cancelled", "clm_4", corrects="e2")
        entry(connection, "e4", "clm_6", "paid", "clm_5")

    upgrade(database, "services.payments", "0005")

    with database.read() as connection:
        rows = connection.execute(
            text("SELECT claim_id, supersedes FROM clocks WHERE supersedes IS NOT NULL")
        ).all()
    assert [tuple(row) for row in rows] == [("clm_3", "clm_1")]
