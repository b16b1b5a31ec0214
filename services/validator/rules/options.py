"""What DHCS lists instead: the options that a message about a wrong code names."""

from collections.abc import Iterable, Sequence
from datetime import date

from shared.claim import ServiceLine
from shared.reference.codes import TELEHEALTH, CodeSet, ListedCode
from shared.reference.other_benefits import OtherBenefit

_MOST_OPTIONS = 8
_TELEHEALTH_MODIFIERS = frozenset({TELEHEALTH, "93", "95"})


def telehealth_set(line: ServiceLine) -> frozenset[str]:
    """GQ where the line says in any way (GQ, 93, 95) that it was by phone or video, else nothing."""
    return frozenset({TELEHEALTH}) if _TELEHEALTH_MODIFIERS & set(line.modifiers) else frozenset()


def nearest(line: ServiceLine, codes: CodeSet, other: OtherBenefit | None) -> tuple[ListedCode, ...]:
    """The rows that may have been meant by an unlisted code, nearest first; else ECM itself.

    In turn: the service that the provider named on the invoice; what the other benefit's code is mistaken
    for; codes that are one slip of the pen away.
    """
    named = _named_service(line.description, codes)
    if named:
        return codes.of_services(named)
    if other is not None:
        return tuple(row for service in other.instead for row in codes.of_services([service]))
    slips = tuple(row for row in codes.rows if _one_slip(line.procedure_code or "", row.hcpcs))
    return slips or codes.of_services(["ecm", "ecm_outreach"])


def options(rows: Iterable[ListedCode], day: date | None, *, telehealth: bool) -> tuple[ListedCode, ...]:
    """A handful of ``rows`` to name: in force on ``day``, by telehealth only where that was meant."""
    listed = tuple(dict.fromkeys(rows))
    in_force = tuple(row for row in listed if day is None or row.in_force(day)) or listed
    fitting = tuple(row for row in in_force if (TELEHEALTH in row.modifiers) == telehealth)
    return (fitting or in_force)[:_MOST_OPTIONS]


def sentence(rows: Sequence[ListedCode]) -> str:
    """``DHCS lists G9008 U1 or G9012 U2 (Enhanced Care Management).``; empty for no rows."""
    if not rows:
        return ""
    by_service: dict[str, list[str]] = {}
    for row in rows:
        by_service.setdefault(row.service_name, []).append(row.text)
    services = [f"{' or '.join(texts)} ({name})" for name, texts in by_service.items()]
    return f"DHCS lists {'; '.join(services)}."


def _named_service(description: str | None, codes: CodeSet) -> list[str]:
    if not description:
        return []
    said = description.casefold().strip()
    return (
        [
            service.id
            for service in codes.services
            if said in (service.id, service.id.replace("_", " "))
            or said in service.name.casefold()
            or (len(service.name) > 6 and service.name.casefold() in said)
        ]
        if len(said) > 4
        else []
    )


def _one_slip(written: str, listed: str) -> bool:
    """One character differs, or two neighbours are swapped."""
    if len(written) != len(listed):
        return False
    differ = [place for place, (a, b) in enumerate(zip(written, listed, strict=True)) if a != b]
    if len(differ) == 1:
        return True
    if len(differ) != 2 or differ[1] != differ[0] + 1:
        return False
    first, second = differ
    return written[first] == listed[second] and written[second] == listed[first]
