"""The payments service, ready to be composed."""

from collections.abc import Sequence

from flask import Flask

from services.payments import api, handlers, pages
from services.payments.models import API_KEYS, IDEMPOTENCY, MESSAGING, METADATA
from shared.messaging.consumer import Subscription
from shared.migrate import is_current
from shared.parts import Parts
from shared.security import Keys
from shared.web.app import create_service_app
from shared.worker import Step

__all__ = ["API_KEYS", "IDEMPOTENCY", "MESSAGING", "METADATA", "create_app", "steps", "subscriptions"]


def create_app(parts: Parts) -> Flask:
    """The HTTP side: API and pages under ``/payments``."""
    return create_service_app(
        "payments",
        parts,
        Keys(parts.database, API_KEYS),
        blueprints=[api.blueprint],
        pages=[pages.blueprint],
        idempotency=IDEMPOTENCY,
        ready=lambda: {"migrations": is_current(parts.database, "services.payments")},
    )


def subscriptions(parts: Parts) -> Sequence[Subscription]:
    """What payments listens to."""
    return handlers.subscriptions(parts)


def steps(_: Parts) -> Sequence[Step]:
    """What the worker does besides listening and publishing: nothing, since no state waits for a tick."""
    return ()
