"""Alembic's entry: the payments service's own history."""

from services.payments.models import METADATA
from shared.migrate import run_env

run_env(METADATA)
