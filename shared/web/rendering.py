"""What all templates share: the look of money, days and instants, the navigation, and the words."""

import hashlib
import re
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from flask import Flask, g, request, url_for
from markupsafe import Markup, escape

from shared.calendar import us_date
from shared.reference.remittance_codes import reasons_in, remittance_code
from shared.security import Role
from shared.web import words
from shared.web.context import web_context
from shared.web.sessions import FORM_FIELD, csrf_token

_ISO_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
STATIC: Final = Path(__file__).parent / "static"
TEMPLATES: Final = Path(__file__).parent / "templates"


class Link(NamedTuple):
    label: str
    path: str


_RULES = Link("Rules", "/validator/rules")
_OUTREACH = Link("Outreach", "/payments/outreach")
_AUDIT = Link("Audit", "/payments/audit")

NAVIGATION: Final[dict[Role, tuple[Link, ...]]] = {
    "provider": (Link("Your claims", "/intake/"), Link("Look up a member", "/validator/members"), _RULES),
    "claims": (
        Link("Claims to look at", "/validator/"),
        Link("Look up a member", "/validator/members"),
        Link("Payment clocks", "/payments/"),
        Link("Remittances", "/payments/remittances"),
        Link("Timeliness", "/payments/timeliness"),
        _OUTREACH,
        _RULES,
    ),
    "auditor": (Link("Timeliness", "/payments/timeliness"), _OUTREACH, _AUDIT, _RULES),
    "admin": (
        Link("Intake", "/intake/"),
        Link("Claims to look at", "/validator/"),
        Link("Look up a member", "/validator/members"),
        Link("Payment clocks", "/payments/"),
        Link("Timeliness", "/payments/timeliness"),
        _OUTREACH,
        _AUDIT,
        _RULES,
    ),
}

ROLE_NAMES: Final[dict[Role, str]] = {
    "provider": "Provider",
    "claims": "Claims department",
    "auditor": "Auditor",
    "admin": "Administrator",
}


def money(cents: int | None) -> str:
    """Cents as dollars: ``$1,234.56``, a dash where there is no amount."""
    if cents is None:
        return "–"
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def day(value: date | str | None) -> str:
    """A day as people read it, a dash where there is none. Takes a date or its ISO text."""
    if not value:
        return "–"
    return us_date(date.fromisoformat(value[:10]) if isinstance(value, str) else value)


def readable(value: str) -> str:
    """A value of a finding: an ISO date as a day, anything else as it is."""
    try:
        return us_date(date.fromisoformat(value)) if _ISO_DATE.fullmatch(value) else value
    except ValueError:
        return value


def instant(value: datetime | str | None, timezone: str = "America/Los_Angeles") -> str:
    """An instant on the wall clock of ``timezone``: ``Mar 2, 2026, 3:04 p.m. PST``."""
    if not value:
        return "–"
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    local = value.astimezone(ZoneInfo(timezone))
    half = "a.m." if local.hour < 12 else "p.m."
    return f"{day(local.date())}, {local.hour % 12 or 12}:{local:%M} {half} {local.tzname()}"


def install_rendering(app: Flask) -> None:
    environment = app.jinja_env
    environment.trim_blocks = environment.lstrip_blocks = True
    timezone = web_context(app).parts.settings.timezone
    environment.tests["in_reading"] = lambda rule: rule.startswith("repair.") or rule == "member.cin_from_bic"
    environment.filters.update(
        money=money, day=day, readable=readable, instant=lambda value: instant(value, timezone)
    )
    environment.globals.update(
        verdict_words=words.verdict_words,
        clock_words=words.clock_words,
        severity_words=words.severity_words,
        review_words=words.review_words,
        advice_words=words.EXPECTED,
        payment_event_names=words.PAYMENT_EVENTS,
        reasons_in=reasons_in,
        remittance_code=remittance_code,
        csrf_field=_csrf_field,
        csrf_token=csrf_token,
        asset=_asset,
    )
    app.context_processor(_frame)


def _frame() -> dict[str, Any]:
    principal = g.get("principal")
    links = NAVIGATION[principal.role] if principal is not None else ()
    reached = [link.path for link in links if request.path.startswith(link.path)]
    return {
        "principal": principal,
        "role_name": ROLE_NAMES[principal.role] if principal is not None else "",
        "navigation": links,
        "current_path": max(reached, key=len, default=""),
    }


def _csrf_field() -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, escape(csrf_token()))


def _asset(name: str) -> str:
    """The address of a static file, with its version, so that it can be cached and still change."""
    return url_for("static", filename=name, v=_version(name))


@lru_cache(maxsize=64)
def _version(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
