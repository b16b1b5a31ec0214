"""What every request of an application can reach: the parts it was built from."""

from dataclasses import dataclass
from datetime import date
from typing import cast

from flask import Flask, current_app
from sqlalchemy import Table

from shared.calendar import pacific_date
from shared.parts import Parts
from shared.security import Keys

_EXTENSION = "promptclaim"
FRONT_DOOR = "front_door"


@dataclass(frozen=True)
class WebContext:
    """``name`` is the service, or ``front_door``; ``idempotency`` is absent where there is no API."""

    name: str
    parts: Parts
    keys: Keys
    idempotency: Table | None = None

    @property
    def prefix(self) -> str:
        """What all paths of this application start with: ``/intake``, or nothing at the front door."""
        return "" if self.name == FRONT_DOOR else f"/{self.name}"

    def under(self, base: str, url_prefix: str | None) -> str:
        """Where a blueprint is mounted: below ``base``, or exactly where it says if it names the service
        itself.
        """
        own = url_prefix or ""
        if own == self.prefix or own.startswith(f"{self.prefix}/"):
            return own.rstrip("/")
        return f"{self.prefix}{base}{own}".rstrip("/")

    def is_api(self, path: str) -> bool:
        """Whether ``path`` belongs to programs, not to people: its errors are problem details."""
        prefix = self.prefix
        return path.startswith(f"{prefix}/api/") or path in (
            f"{prefix}/healthz",
            f"{prefix}/readyz",
            f"{prefix}/metrics",
        )


def install_context(app: Flask, context: WebContext) -> None:
    app.extensions[_EXTENSION] = context


def web_context(app: Flask | None = None) -> WebContext:
    """The context of ``app``, or of the application that handles the current request."""
    return cast(WebContext, (app or current_app).extensions[_EXTENSION])


def parts() -> Parts:
    """What the service that handles the current request is built from."""
    return web_context().parts


def today() -> date:
    """The date in California."""
    return pacific_date(parts().now())
