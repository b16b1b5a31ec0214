"""Rules decide and do nothing else: no clock, no files, no network, no database, no hidden state."""

import ast
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "services" / "validator" / "rules"
MODULES = sorted(RULES.glob("*.py"))
_MODULES = "asyncio flask http io kafka logging os pathlib random requests socket sqlalchemy sqlite3 sys time"
_CALLS = "now today utcnow open print read_text write_text uuid4 uuid7 exec eval"
FORBIDDEN_MODULES = frozenset(_MODULES.split())
FORBIDDEN_CALLS = frozenset(_CALLS.split())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_rules_module_imports_nothing_of_the_outside_and_reads_no_clock(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not {alias.name.partition(".")[0] for alias in node.names} & FORBIDDEN_MODULES
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in FORBIDDEN_MODULES
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert name not in FORBIDDEN_CALLS, f"{path.name}:{node.lineno}"


def test_there_are_rules_to_look_at():
    assert len(MODULES) >= 8
