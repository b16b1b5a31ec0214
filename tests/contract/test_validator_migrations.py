"""What a database of an earlier version becomes, on both databases, whatever the rules of today are."""

import ast
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.database import Database
from shared.migrate import upgrade

SERVICES = Path(__file__).parents[2] / "services"
REVISIONS = sorted(SERVICES.glob("*/migrations/versions/0*.py"))


@pytest.mark.parametrize(
    ("hcpcs", "modifiers", "cin", "service", "key"),
    [
        ("T2033", ["U6"], "91234567A", "recuperative_care", 4161147086106481159),
        ("G9012", ["GQ", "U2"], "91234567A", "ecm", 4161147086106511722),
        ("99213", [], None, "", -1970711489451823856),
    ],
)
def test_lines_of_the_first_tables_get_the_service_and_key_that_revision_0002_gave_them(
    database: Database, hcpcs: str, modifiers: list[str], cin: str | None, service: str, key: int
) -> None:
    upgrade(database, "services.validator", "0001")
    days = {"service_start": "2026-10-12", "service_end": "2026-10-14"}
    line = {"hcpcs": hcpcs, "modifiers": modifiers, "cin": cin, "key": 1, **days}
    with database.begin() as connection:
        connection.execute(
            text("INSERT INTO claims (claim_id, verdict, superseded) VALUES ('clm_1', 'accepted', false)")
        )
        connection.execute(
            text(
                "INSERT INTO service_lines (claim_id, line, key, standing, document) "
                "VALUES ('clm_1', 1, 1, true, :document)"
            ),
            {"document": json.dumps(line)},
        )

    upgrade(database, "services.validator", "0002")

    with database.read() as connection:
        row = connection.execute(text("SELECT key, standing, document FROM service_lines")).one()
    document = row.document if isinstance(row.document, dict) else json.loads(row.document)
    assert (row.key, bool(row.standing)) == (key, True)
    assert document == {**line, "service": service, "key": key}


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda path: f"{path.parents[2].name} {path.stem}")
def test_a_migration_asks_nothing_of_the_rules_of_today(revision: Path) -> None:
    imported = {
        node.module
        for node in ast.walk(ast.parse(revision.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    of_services = {module for module in imported if module.startswith("services.")}
    assert all(module.split(".")[2] == "migrations" for module in of_services)
    assert not {module for module in imported if module.startswith("shared.reference")}
