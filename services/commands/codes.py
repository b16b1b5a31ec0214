"""`promptclaim codes`: the code set on a date, for a terminal or a program."""

import json
from datetime import date

from services.commands.tables import table
from services.validator.rulebook.codes import codes_on
from shared.calendar import pacific_date
from shared.parts import utc_now

_COLUMNS = ("benefit", "hcpcs", "modifiers", "unit", "service_name")


def listing(day: date | None, output: str) -> str:
    """The codes in force on ``day`` (default: today in California) as ``json`` or ``table``."""
    found = codes_on(day or pacific_date(utc_now()))
    if output == "json":
        return json.dumps(found, indent=2)
    return f"DHCS codes in force on {found['on']} (version {found['version']})\n\n{table(found['items'], _COLUMNS)}"
