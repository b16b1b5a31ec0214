"""The record is added to, never changed: the database itself refuses UPDATE, DELETE and TRUNCATE."""

from typing import Any


def refuse_changes(op: Any, table: str) -> None:
    """Give ``table`` the triggers that refuse every change. On PostgreSQL ``refuse_change()`` is there."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed'); END"
        )
