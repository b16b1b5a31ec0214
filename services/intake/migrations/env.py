"""Alembic's entry: the intake service's own history."""

from services.intake.models import METADATA
from shared.migrate import run_env

run_env(METADATA)
