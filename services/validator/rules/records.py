"""What is known of a member's other care: the records of the feeds, as far as a batch needs them."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import TypeVar

from msgspec import Struct

from services.validator.rules.aliases import NO_ALIASES, Aliases
from shared.care import Authorization, CareService, Enrollment

EVERY_PAYER = ""

R = TypeVar("R", CareService, Enrollment, Authorization)
_Order = tuple[date, str, str]


class Coverage(Struct, frozen=True):
    """The payers whose authorizations (or enrolments) some feed brings; ``EVERY_PAYER`` stands for all."""

    authorizations: frozenset[str] = frozenset()
    enrollments: frozenset[str] = frozenset()

    def has_authorizations(self, payer_id: str | None) -> bool:
        """Whether a feed of authorizations covers this payer (its first id)."""
        return EVERY_PAYER in self.authorizations or payer_id in self.authorizations


NO_COVERAGE = Coverage()


class Records:
    """The records of a batch's members. Reading is by any CIN of a member; withdrawn records are not here."""

    def __init__(
        self,
        services: Iterable[CareService] = (),
        enrollments: Iterable[Enrollment] = (),
        authorizations: Iterable[Authorization] = (),
        *,
        aliases: Aliases = NO_ALIASES,
        coverage: Coverage = NO_COVERAGE,
    ) -> None:
        self.coverage = coverage
        self._aliases = aliases
        self._services = _by_cin(services)
        self._enrollments = _by_cin(enrollments)
        self._authorizations = _by_cin(authorizations)

    def speak_of(self, cin: str | None) -> bool:
        """Whether there is any record of the member."""
        for each in self._aliases.of(cin):
            if each in self._services or each in self._enrollments or each in self._authorizations:
                return True
        return False

    def services(self, cin: str | None, payer_id: str | None) -> list[CareService]:
        """The member's services in other programs, by date and record id."""
        return self._of(self._services, cin, payer_id, _by_date)

    def enrollments(self, cin: str | None, payer_id: str | None) -> list[Enrollment]:
        """The member's enrolments, by start and record id."""
        return self._of(self._enrollments, cin, payer_id, _by_start)

    def authorizations(self, cin: str | None, payer_id: str | None) -> list[Authorization]:
        """All of the member's authorizations, of whatever dates and status, by start and record id."""
        return self._of(self._authorizations, cin, payer_id, _by_start)

    def _of(
        self, known: dict[str, list[R]], cin: str | None, payer_id: str | None, order: Callable[[R], _Order]
    ) -> list[R]:
        found = [
            record
            for each in self._aliases.of(cin)
            for record in known.get(each, ())
            if not record.payers or payer_id in record.payers
        ]
        # Most members have one record of a kind, or none.
        return sorted(found, key=order) if len(found) > 1 else found


def _by_cin(records: Iterable[R]) -> dict[str, list[R]]:
    by_cin: dict[str, list[R]] = {}
    for record in records:
        by_cin.setdefault(record.cin, []).append(record)
    return by_cin


def _by_date(service: CareService) -> _Order:
    return service.service_date, service.source, service.record_id


def _by_start(record: Enrollment | Authorization) -> _Order:
    return record.start_date, record.source, record.record_id


NO_RECORDS = Records()
