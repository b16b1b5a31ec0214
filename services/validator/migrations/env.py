"""Alembic's entry: the validator service's own history."""

from services.validator.models import METADATA
from shared.migrate import run_env

run_env(METADATA)
