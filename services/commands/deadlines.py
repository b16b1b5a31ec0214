"""`promptclaim deadlines`: today is the only thing this adds to the payments service's own arithmetic."""

from datetime import date
from typing import Any

from services.payments.clock_document import deadlines_document
from shared.calendar import pacific_date
from shared.parts import utc_now


def document(*, received: str, as_of: date | None, **facts: Any) -> dict[str, Any]:
    """Every deadline, state and interest (cents) of one claim as of a day, by default today in California.

    Raises ``ValueError`` with words for the user where the facts contradict each other.
    """
    days = [day for day in facts.values() if isinstance(day, date)]
    return deadlines_document(received, as_of=as_of or max([pacific_date(utc_now()), *days]), **facts)
