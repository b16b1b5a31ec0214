"""What provider and plan read of a duplicate. The provider's claims are named; another's never, nor what is in them."""

from datetime import date

from services.validator.rules.history import EarlierLine
from services.validator.rules.spans import billed_days
from shared.calendar import us_date
from shared.events import ClaimReceived
from shared.reference.codes import CodeSet
from shared.reference.supports import LODGING

_LOOKS = "The plan will look at it; nothing has to be sent."


def exact_message(received: ClaimReceived, twin: EarlierLine, *, both: bool, outreach: bool) -> str:
    """The same service again. ``both``: once as a claim and once as an invoice."""
    advice = "Bill each service once. To correct an earlier claim, replace it (frequency 7)."
    if outreach:
        advice = "If it was a second attempt that day, put both on one line with 2 units."
    elif twin.claim_id == received.claim_id:
        advice = "Bill each service once. If it was given twice that day, add the units up on one line."
    other = _named(twin, twin.claim_id == received.claim_id)
    if not both:
        return f"This is an exact duplicate of {other}. {advice}"
    here, there = (
        ("an invoice", "a claim") if received.claim.channel == "invoice" else ("a claim", "an invoice")
    )
    return (
        f"This is an exact duplicate: the service was billed once as {there} and once as {here}. "
        f"It is the same as {other}. {advice}"
    )


def other_units_message(mine: EarlierLine, same: EarlierLine) -> str:
    """The same service in other units, or for another amount."""
    own = mine.claim_id == same.claim_id
    advice = (
        "If both were given, add the units up on one line."
        if own
        else "If one corrects the other, replace the first claim (frequency 7). "
        "If both were given, bill them as one line with all units."
    )
    what, there, here = "other units", _units(same), _units(mine)
    if same.units == mine.units:
        what, there, here = "another amount", _amount(same), _amount(mine)
    return (
        f"The same service for {_days(mine.service_start, mine.service_end)} was billed with {what}: "
        f"{there} on {_named(same, own)}, and {here} here. {advice} The plan will look at it."
    )


def other_provider_message(mine: EarlierLine, other: EarlierLine) -> str:
    """ECM of another provider on the same day."""
    first = max(mine.service_start, other.service_start)
    last = min(mine.service_end, other.service_end)
    return (
        f"Another provider has also billed ECM for this member for {_days(first, last)}. A member has one ECM "
        f"provider at a time. {_LOOKS}"
    )


def shared_days_message(mine: EarlierLine, other: EarlierLine) -> str:
    """Two lines that are not for one day."""
    (first, last), (others_first, others_last) = billed_days(mine), billed_days(other)
    days = _days(date.fromordinal(max(first, others_first)), date.fromordinal(min(last, others_last)))
    if mine.service in LODGING and mine.service != other.service:
        said = f"The member already has {_name(other)} for {days}: a night is paid in one place only."
    else:
        said = f"{_name(mine)} was already billed for {days}."
    known = mine.billing_npi == other.billing_npi and mine.billing_npi is not None
    own = mine.claim_id == other.claim_id
    if not known and not own:
        return f"{said} Another provider billed it. {_LOOKS}"
    return (
        f"{said} See {_named(other, own)}. Bill each day once; where the last date is the day of leaving, "
        "bill one unit fewer than there are dates. The plan will look at it."
    )


def _named(other: EarlierLine, own: bool) -> str:
    if own:
        return f"line {other.line} of this claim"
    claim = other.claim_number or other.claim_id
    return f"line {other.line} of claim {claim}, received on {us_date(other.arrival_date)}"


def _amount(line: EarlierLine) -> str:
    return f"${(line.charge_cents or 0) / 100:,.2f}"


def _units(line: EarlierLine) -> str:
    return line.units or "none"


def _days(first: date, last: date) -> str:
    return us_date(first) if first == last else f"{us_date(first)} to {us_date(last)}"


def _name(line: EarlierLine) -> str:
    names = {service.id: service.name for service in CodeSet.load().services}
    return names.get(line.service, line.hcpcs)
