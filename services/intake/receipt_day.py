"""The day of receipt that is told with a file, before its claims are judged."""

from collections.abc import Iterable
from datetime import date

from shared.calendar import OutsideCalendar
from shared.payers import Payers
from shared.prompt_pay import receipt_date_of


def receipt_date_of_file(arrival_date: date, payer_ids: Iterable[str], payers: Payers) -> date:
    """The day from which the period of Health and Safety Code 1371 runs; of several payers' days the earliest.

    The arrival itself where federal holidays are not known so far ahead: a file is taken in whatever the year.
    """
    every_terms = {payers.terms_of(payer_id) for payer_id in payer_ids} or {payers.terms_of(None)}
    try:
        return min(receipt_date_of(arrival_date, terms) for terms in every_terms)
    except OutsideCalendar:
        return arrival_date
