"""The intake service, ready to be composed."""

from collections.abc import Sequence

from flask import Flask

from services.intake import api, handlers, pages
from services.intake.conformity_step import ConformityStep
from services.intake.models import API_KEYS, IDEMPOTENCY, MESSAGING, METADATA
from shared.messaging.consumer import Subscription
from shared.migrate import is_current
from shared.parts import Parts
from shared.security import Keys
from shared.web.app import create_service_app
from shared.worker import Step

__all__ = ["API_KEYS", "IDEMPOTENCY", "MESSAGING", "METADATA", "create_app", "steps", "subscriptions"]


def create_app(parts: Parts) -> Flask:
    """The HTTP side: API and pages under ``/intake``."""
    return create_service_app(
        "intake",
        parts,
        Keys(parts.database, API_KEYS),
        blueprints=[api.blueprint],
        pages=[pages.blueprint],
        idempotency=IDEMPOTENCY,
        ready=lambda: {"migrations": is_current(parts.database, "services.intake")},
    )


def subscriptions(_: Parts) -> Sequence[Subscription]:
    """What intake listens to."""
    return handlers.subscriptions()


def steps(parts: Parts) -> Sequence[Step]:
    """What intake's worker does besides listening and publishing."""
    conformity = ConformityStep(parts)
    return [Step("conformity", conformity.run_once, idle_seconds=0.5, interrupt=conformity.interrupt)]
