"""The payments service, ready to be composed."""

from collections.abc import Sequence

from flask import Flask

from services.payments import api, handlers, pages
from services.payments.audit import api as auditor_api
from services.payments.audit import pages as auditor_pages
from services.payments.callers import payer_name, provider_names
from services.payments.deadlines import small_interest_api
from services.payments.deadlines.step import TellOfDeadlines
from services.payments.figures import api as figures_api
from services.payments.figures import monthly_report_api
from services.payments.figures import pages as figures_pages
from services.payments.log import api as log_api
from services.payments.log.checkpoint_step import checkpoint_step
from services.payments.models import API_KEYS, IDEMPOTENCY, MESSAGING, METADATA
from services.payments.outreach import api as outreach_api
from services.payments.remittances import api as remittance_api
from services.payments.remittances import pages as remittance_pages
from services.payments.remittances.waiting import remittances_step
from shared.messaging.consumer import Subscription
from shared.migrate import is_current
from shared.parts import Parts
from shared.security import Keys
from shared.web.app import create_service_app
from shared.worker import Step

__all__ = ["API_KEYS", "IDEMPOTENCY", "MESSAGING", "METADATA", "create_app", "steps", "subscriptions"]


def create_app(parts: Parts) -> Flask:
    """The HTTP side: API and pages under ``/payments``."""
    app = create_service_app(
        "payments",
        parts,
        Keys(parts.database, API_KEYS),
        blueprints=[
            api.blueprint,
            log_api.blueprint,
            auditor_api.blueprint,
            figures_api.blueprint,
            outreach_api.blueprint,
            monthly_report_api.blueprint,
            remittance_api.blueprint,
            small_interest_api.blueprint,
        ],
        pages=[
            pages.blueprint,
            remittance_pages.blueprint,
            figures_pages.blueprint,
            auditor_pages.blueprint,
            small_interest_api.pages,
        ],
        idempotency=IDEMPOTENCY,
        ready=lambda: {"migrations": is_current(parts.database, "services.payments")},
    )
    app.jinja_env.globals.update(payer_name=payer_name, provider_names=provider_names)
    return app


def subscriptions(parts: Parts) -> Sequence[Subscription]:
    """What payments listens to."""
    return handlers.subscriptions(parts)


def steps(parts: Parts) -> Sequence[Step]:
    """Besides listening and publishing: telling of deadlines, which no state waits for, and signing checkpoints."""
    deadlines = TellOfDeadlines(parts)
    pause = float(parts.settings.deadline_interval_seconds)
    telling = Step("deadlines", deadlines.run_once, idle_seconds=pause)
    return (telling, checkpoint_step(parts), remittances_step(parts))
