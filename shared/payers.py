"""What is agreed with each payer: its prompt-pay regime, filing limit, warning days and Community Supports.

Read once at start from a TOML file. A wrong file stops the start with everything that is wrong with it at
once. Floors of the filing limit: 28 CCR 1300.71(b), 90 days contracted and 180 days not contracted.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from msgspec import Struct

from shared.reference.codes import CodeSet

Regime = Literal["knox-keene", "hmo"]
NonWorkingDayRule = Literal["next_working_day", "same_day"]

FILING_FLOOR_CONTRACTED_DAYS = 90
FILING_FLOOR_NOT_CONTRACTED_DAYS = 180


class SupportOffer(Struct, frozen=True):
    """A Community Support that the payer offers, by service id; both dates are included."""

    service: str
    start: date | None = None
    end: date | None = None


class PayerTerms(Struct, frozen=True):
    """The terms of one payer. The defaults are those of a payer that is not in the file.

    ``near_days`` are the days of a 30-day period at which a deadline counts as near; ``near_days_90`` those
    of the 90-day period. ``supports`` empty: every Community Support is offered.
    """

    ids: tuple[str, ...] = ()
    name: str = ""
    regime: Regime = "knox-keene"
    receipt_on_non_working_day: NonWorkingDayRule = "next_working_day"
    filing_limit_days: int = 365
    contracted: bool = True
    near_days: tuple[int, ...] = (20, 27)
    near_days_90: tuple[int, ...] = (75, 87)
    supports: tuple[SupportOffer, ...] = ()

    def offers(self, service: str, on: date) -> bool:
        """Whether this payer offers the Community Support ``service`` on that date."""
        return not self.supports or any(
            offer.service == service
            and (offer.start is None or offer.start <= on)
            and (offer.end is None or on <= offer.end)
            for offer in self.supports
        )


DEFAULT_TERMS = PayerTerms()


class BadPayersFile(ValueError):
    """The payers file cannot be used. ``problems`` lists all that is wrong, each for people to read."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            "The payers file cannot be used:\n" + "\n".join(f"- {problem}" for problem in problems)
        )
        self.problems = problems


class Payers:
    """The payers by id. ``configured`` is false where there is no file: then every payer has the defaults."""

    def __init__(self, terms: tuple[PayerTerms, ...] = (), *, configured: bool = True) -> None:
        self.all = terms
        self.configured = configured
        self._by_id = {payer_id.upper(): payer for payer in terms for payer_id in payer.ids}

    @classmethod
    def load(cls, path: Path | str | None) -> "Payers":
        """The payers of a TOML file, or none at all for ``None``. Raises ``BadPayersFile``."""
        if path is None:
            return cls(configured=False)
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadPayersFile([f"{path} cannot be read: {error}"]) from error
        return cls.parse(text)

    @classmethod
    def parse(cls, text: str) -> "Payers":
        """The payers of a TOML text. Raises ``BadPayersFile``."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise BadPayersFile([f"It is not valid TOML: {error}."]) from error
        problems = [
            f"'{key}' is not known here; only [[payer]] tables are." for key in document if key != "payer"
        ]
        entries = document.get("payer", [])
        if not isinstance(entries, list):
            raise BadPayersFile([*problems, "Write [[payer]] with two brackets, once for each payer."])
        terms = []
        seen: dict[str, int] = {}
        for number, entry in enumerate(entries, start=1):
            payer = _Entry(number, entry).read(problems)
            for payer_id in payer.ids:
                if payer_id.upper() in seen:
                    problems.append(
                        f"payer {number}: the id '{payer_id}' already stands with payer {seen[payer_id.upper()]}."
                    )
                seen.setdefault(payer_id.upper(), number)
            terms.append(payer)
        if problems:
            raise BadPayersFile(problems)
        return cls(tuple(terms))

    def terms_of(self, payer_id: str | None) -> PayerTerms:
        """The payer's terms, or the defaults where it is unknown or ``None``."""
        return self._by_id.get((payer_id or "").upper(), DEFAULT_TERMS)

    def first_id(self, payer_id: str | None) -> str | None:
        """The payer under one name: the first of its ids in the file, or this id in capitals.

        An invoice is typed by hand, and a plan may have an id for each line of business: all are one payer.
        """
        if not payer_id:
            return None
        known = self._by_id.get(payer_id.upper())
        return known.ids[0].upper() if known else payer_id.upper()

    def ids_of(self, payer_ids: Sequence[str]) -> tuple[str, ...]:
        """Every id, in capitals, under which claims for these payers may have come."""
        known = (self._by_id.get(each.upper()) for each in payer_ids)
        every = {each.upper() for terms in known if terms is not None for each in terms.ids}
        return tuple(sorted(every.union(each.upper() for each in payer_ids)))

    def knows(self, payer_id: str | None) -> bool:
        """Whether the file names this payer."""
        return (payer_id or "").upper() in self._by_id


class _Entry:
    """One ``[[payer]]`` table while it is read."""

    def __init__(self, number: int, entry: Any) -> None:
        self._entry: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
        self._label = f"payer {number}"
        self._problems: list[str] = []

    def read(self, problems: list[str]) -> PayerTerms:
        known = PayerTerms.__struct_fields__
        for key in self._entry:
            if key not in known:
                self._say(f"'{key}' is not known. Known are {', '.join(known)}.")
        contracted = self._flag("contracted", True)
        terms = PayerTerms(
            ids=self._ids(),
            name=self._text("name"),
            regime=self._choice("regime", get_args(Regime)),
            receipt_on_non_working_day=self._choice(
                "receipt_on_non_working_day", get_args(NonWorkingDayRule)
            ),
            filing_limit_days=self._filing_limit(contracted),
            contracted=contracted,
            near_days=self._days("near_days", DEFAULT_TERMS.near_days, 30),
            near_days_90=self._days("near_days_90", DEFAULT_TERMS.near_days_90, 90),
            supports=tuple(self._supports()),
        )
        problems.extend(self._problems)
        return terms

    def _say(self, problem: str) -> None:
        self._problems.append(f"{self._label}: {problem}")

    def _ids(self) -> tuple[str, ...]:
        ids = self._entry.get("ids")
        if not isinstance(ids, list) or not ids or not all(isinstance(i, str) and i.strip() for i in ids):
            self._say('ids is needed: a list of texts such as ids = ["GSHP1"].')
            return ()
        return tuple(ids)

    def _text(self, key: str) -> str:
        value = self._entry.get(key)
        if isinstance(value, str) and value.strip():
            return value
        self._say(f"{key} is needed: a text.")
        return ""

    def _choice(self, key: str, choices: tuple[str, ...]) -> Any:
        value = self._entry.get(key, choices[0])
        if value not in choices:
            self._say(f"{key} is {value!r}; it must be one of {', '.join(choices)}.")
        return value

    def _flag(self, key: str, default: bool) -> bool:
        value = self._entry.get(key, default)
        if not isinstance(value, bool):
            self._say(f"{key} must be true or false.")
            return default
        return value

    def _filing_limit(self, contracted: bool) -> int:
        value = self._entry.get("filing_limit_days", DEFAULT_TERMS.filing_limit_days)
        floor = FILING_FLOOR_CONTRACTED_DAYS if contracted else FILING_FLOOR_NOT_CONTRACTED_DAYS
        if not _is_whole(value):
            self._say("filing_limit_days must be a whole number of days.")
            return DEFAULT_TERMS.filing_limit_days
        if value < floor:
            who = "a contracted" if contracted else "a not contracted"
            self._say(
                f"filing_limit_days is {value}; for {who} provider the law allows no less than {floor} days."
            )
        return int(value)

    def _days(self, key: str, default: tuple[int, ...], period: int) -> tuple[int, ...]:
        value = self._entry.get(key)
        if value is None:
            return default
        good = isinstance(value, list) and value and all(_is_whole(day) and 0 < day < period for day in value)
        if not good or sorted(set(value)) != value:
            self._say(
                f"{key} must be a rising list of whole days from 1 to {period - 1}, such as {list(default)}."
            )
            return default
        return tuple(value)

    def _supports(self) -> Iterator[SupportOffer]:
        value = self._entry.get("supports", [])
        if not isinstance(value, list):
            self._say("supports must be a list.")
            return
        for offer in value:
            service = offer.get("service") if isinstance(offer, dict) else offer
            if not isinstance(service, str) or not service:
                self._say(
                    'each of supports is a service id, or a table such as {service = "…", from = 2024-01-01}.'
                )
            elif service not in _supports():
                # Taken for granted, it would keep every claim for the support that was meant from being paid.
                known = ", ".join(_supports())
                self._say(f"supports: '{service}' is no Community Support. The ids are {known}.")
            elif isinstance(offer, dict):
                yield from self._dated(offer)
            else:
                yield SupportOffer(service)

    def _dated(self, offer: Mapping[str, Any]) -> Iterator[SupportOffer]:
        service = offer["service"]
        for key in offer:
            if key not in ("service", "from", "to"):
                self._say(f"supports, {service}: '{key}' is not known. Known are service, from, to.")
        start, end = offer.get("from"), offer.get("to")
        if any(day is not None and not _is_date(day) for day in (start, end)):
            self._say(f"supports, {service}: from and to are dates such as 2024-01-01, without quotes.")
        elif start is not None and end is not None and end < start:
            self._say(f"supports, {service}: to lies before from.")
        else:
            yield SupportOffer(service, start, end)


@cache
def _supports() -> tuple[str, ...]:
    return tuple(sorted(service.id for service in CodeSet.load().services if service.benefit == "CS"))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_date(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)
