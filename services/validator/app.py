"""The validator service, ready to be composed."""

from collections.abc import Sequence

from flask import Flask

from services.validator import api, handlers
from services.validator.feeds import api as feed_api
from services.validator.late import CompareWithRecords
from services.validator.lookup import api as lookup_api
from services.validator.lookup import pages as lookup_pages
from services.validator.models import API_KEYS, IDEMPOTENCY, MESSAGING, METADATA
from services.validator.review import api as review_api
from services.validator.review import pages as review_pages
from services.validator.rulebook import pages as rule_pages
from shared.messaging.consumer import Subscription
from shared.migrate import is_current
from shared.parts import Parts
from shared.security import Keys
from shared.web.app import create_service_app
from shared.worker import Step

__all__ = ["API_KEYS", "IDEMPOTENCY", "MESSAGING", "METADATA", "create_app", "steps", "subscriptions"]

_IDLE_SECONDS = 1.0


def create_app(parts: Parts) -> Flask:
    """The HTTP side, under ``/validator``."""
    return create_service_app(
        "validator",
        parts,
        Keys(parts.database, API_KEYS),
        blueprints=[api.blueprint, feed_api.blueprint, review_api.blueprint, lookup_api.blueprint],
        pages=[review_pages.blueprint, lookup_pages.blueprint, rule_pages.blueprint],
        idempotency=IDEMPOTENCY,
        ready=lambda: {"migrations": is_current(parts.database, "services.validator")},
    )


def subscriptions(parts: Parts) -> Sequence[Subscription]:
    """What the validator listens to."""
    return handlers.subscriptions(parts)


def steps(parts: Parts) -> Sequence[Step]:
    """Besides listening and publishing: claims are compared with what came, changed or went later."""
    compare = CompareWithRecords(parts)
    return (Step("late records", compare.run_once, idle_seconds=_IDLE_SECONDS),)
