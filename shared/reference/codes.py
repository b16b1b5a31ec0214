"""The DHCS code set: which HCPCS codes with which modifiers are ECM or Community Supports, and when.

The HCPCS code together with its *set* of modifiers names a service; the code alone never does, and the order
of the modifiers means nothing. Source: ``hcpcs_codes.csv``, after the DHCS ECM and Community Supports HCPCS
Coding Guidance. Days are dates of service.
"""

from collections.abc import Iterable
from datetime import date
from functools import cache, lru_cache
from typing import Literal

from msgspec import Struct

from shared.reference.tables import rows_of, version_of

TELEHEALTH = "GQ"

Benefit = Literal["ECM", "CS"]


class ListedCode(Struct, frozen=True):
    """One row of the code set. ``modifiers`` stand in the order in which DHCS prints them.

    ``unit`` is ``15 minutes``, ``per diem``, ``per month``, ``per attempt``, ``per meal``, ``per visit``,
    ``per session`` or ``per service``. Where ``start_confirmed`` is false, a service before
    ``effective_from`` may have been right.
    """

    benefit: Benefit
    service: str
    service_name: str
    hcpcs: str
    modifiers: tuple[str, ...]
    description: str
    unit: str
    outreach: bool
    effective_from: date
    effective_to: date | None
    start_confirmed: bool
    needs_billed_amount: bool
    confidence: Literal["public", "unverified"]
    authority: str
    notes: str

    def in_force(self, first: date, last: date | None = None) -> bool:
        """Whether DHCS lists it on every day from ``first`` through ``last``."""
        return self.effective_from <= first and (
            self.effective_to is None or (last or first) <= self.effective_to
        )

    @property
    def text(self) -> str:
        """``G9008 U1 GQ``."""
        return " ".join((self.hcpcs, *self.modifiers))


class Service(Struct, frozen=True):
    """One service of DHCS's list. ``id`` is what the payers file and the authorization feed call it."""

    id: str
    name: str
    benefit: Benefit
    outreach: bool


class Match(Struct, frozen=True):
    """What DHCS's list says to a code and its modifiers, whatever the date.

    ``rows`` are the listed rows of exactly that set, one for each period in force; empty: not listed so. Then
    the flags say why, and more than one may hold: ``known`` is false for a code that is in no row at all;
    ``unlisted`` are modifiers listed for none of the services of this code; ``modifier_missing``: what is
    left names no service; ``wrong_combination``: what is left is not listed together.

    ``general_telehealth``: listed without GQ only; GQ is DHCS's general note for Community Supports.
    ``normal_modifiers`` is the set in DHCS's order.
    """

    known: bool = True
    rows: tuple[ListedCode, ...] = ()
    unlisted: tuple[str, ...] = ()
    modifier_missing: bool = False
    wrong_combination: bool = False
    general_telehealth: bool = False
    normal_modifiers: tuple[str, ...] = ()
    reordered: bool = False
    repeated: tuple[str, ...] = ()

    def row_on(self, first: date | None, last: date | None = None) -> ListedCode | None:
        """The row in force on those days (any row where ``first`` is unknown), or ``None``."""
        for row in self.rows:
            if first is None or row.in_force(first, last):
                return row
        return None


class CodeSet:
    """All versions of the list at once; each question names its day."""

    def __init__(self, rows: Iterable[ListedCode], version: str) -> None:
        self.rows = tuple(rows)
        self.version = version
        self._sets: dict[tuple[str, frozenset[str]], tuple[ListedCode, ...]] = {}
        self._codes: dict[str, tuple[ListedCode, ...]] = {}
        for row in self.rows:
            key = (row.hcpcs, frozenset(row.modifiers))
            self._sets[key] = (*self._sets.get(key, ()), row)
            self._codes[row.hcpcs] = (*self._codes.get(row.hcpcs, ()), row)
        self._vocabulary = {hcpcs: self._modifiers_near(hcpcs) for hcpcs in self._codes}
        self.services = tuple(
            {
                row.service: Service(row.service, row.service_name, row.benefit, row.outreach)
                for row in self.rows
            }.values()
        )
        # Claims repeat a few hundred combinations for ever; the bound only guards against made-up ones.
        self.match = lru_cache(maxsize=8_192)(self._match)

    @staticmethod
    @cache
    def load() -> "CodeSet":
        """The shipped code set. Raises ``ValueError`` or ``KeyError`` where the data file is wrong."""
        return CodeSet(map(_listed_code, rows_of("hcpcs_codes.csv")), version_of("hcpcs_codes.csv"))

    def on(self, day: date) -> tuple[ListedCode, ...]:
        """The rows in force on ``day``, in DHCS's order."""
        return tuple(row for row in self.rows if row.in_force(day))

    def of_code(self, hcpcs: str) -> tuple[ListedCode, ...]:
        """Every row of a HCPCS code, whatever its date."""
        return self._codes.get(hcpcs, ())

    def of_services(self, services: Iterable[str]) -> tuple[ListedCode, ...]:
        """Every row of these services (by id), whatever its date."""
        wanted = set(services)
        return tuple(row for row in self.rows if row.service in wanted)

    def _modifiers_near(self, hcpcs: str) -> frozenset[str]:
        """Every modifier that DHCS lists for a service which this code can bill, GQ among them."""
        # ECM and its outreach stand on both care codes, so that U1, U2 and U8 are near either of them.
        services = {row.service for row in self._codes[hcpcs]}
        near = (row for row in self.rows if row.service in services)
        return frozenset(modifier for row in near for modifier in row.modifiers) | {TELEHEALTH}

    def _match(self, hcpcs: str, modifiers: tuple[str, ...]) -> Match:
        """What the list says to this code with this set of modifiers. Cached as ``match``."""
        if hcpcs not in self._codes:
            return Match(known=False)
        written = tuple(dict.fromkeys(modifiers))
        repeated = tuple(modifier for modifier in written if modifiers.count(modifier) > 1)
        rows, general_telehealth = self._listed(hcpcs, frozenset(written))
        if rows:
            normal = rows[0].modifiers + ((TELEHEALTH,) if general_telehealth else ())
            return Match(
                rows=rows,
                general_telehealth=general_telehealth,
                normal_modifiers=normal,
                reordered=written != normal,
                repeated=repeated,
            )
        known = self._vocabulary[hcpcs]
        unlisted = tuple(modifier for modifier in written if modifier not in known)
        rest = frozenset(written) - set(unlisted)
        names_something = bool(rest - {TELEHEALTH})
        # A wrong U modifier stands in the right one's place; any other (95, HK) is an addition to nothing.
        replaced = any(modifier.startswith("U") for modifier in unlisted)
        return Match(
            unlisted=unlisted,
            modifier_missing=not names_something and not replaced,
            wrong_combination=names_something and not self._listed(hcpcs, rest)[0],
            repeated=repeated,
        )

    def _listed(self, hcpcs: str, modifiers: frozenset[str]) -> tuple[tuple[ListedCode, ...], bool]:
        rows = self._sets.get((hcpcs, modifiers), ())
        if rows or TELEHEALTH not in modifiers:
            return rows, False
        rows = self._sets.get((hcpcs, modifiers - {TELEHEALTH}), ())
        return rows, bool(rows)


def _listed_code(row: dict[str, str]) -> ListedCode:
    return ListedCode(
        benefit="ECM" if row["benefit"] == "ECM" else "CS",
        service=row["service"],
        service_name=row["service_name"],
        hcpcs=row["hcpcs"],
        modifiers=tuple(row["modifiers"].split()),
        description=row["description"],
        unit=row["unit"],
        outreach=row["outreach"] == "1",
        effective_from=date.fromisoformat(row["effective_from"]),
        effective_to=date.fromisoformat(row["effective_to"]) if row["effective_to"] else None,
        start_confirmed=row["start_confirmed"] == "1",
        needs_billed_amount=row["needs_billed_amount"] == "1",
        confidence="public" if row["confidence"] == "public" else "unverified",
        authority=row["authority"],
        notes=row["notes"],
    )
