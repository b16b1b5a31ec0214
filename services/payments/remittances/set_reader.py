"""Reads one transaction set of an 835: ST to SE, segment by segment.

What an 835 is made of comes in an order: BPR, TRN and the parties, then each claim payment (CLP) with what
belongs to it, its service lines (SVC), and at the end what concerns the provider alone (PLB). Segments that
say nothing of money, dates or who is meant are passed over. What cannot be understood becomes a problem of
the claim payment or of the set in which it stands; it is never guessed at and never left out.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from services.payments.remittances.model import (
    Adjustment,
    ClaimPayment,
    LinePayment,
    PaymentSet,
    ProviderAdjustment,
)
from shared.identifiers import cin_of_bic
from shared.x12.envelope import SetFacts, at
from shared.x12.values import cents, day, number, period

TRAILER = ("SE01", "SE02")
_GROUPS = frozenset({"CO", "OA", "PI", "PR", "CR"})
_LONGEST_NUMBER = 80
_CENTS_MAX = 10**13
"""A hundred billion dollars: no payment, and far below what the columns hold."""


class SetReader:
    """Takes the segments of one set in order. ``counted``: how many claim payments the file holds before it."""

    def __init__(self, control: str, position: int, counted: int) -> None:
        self._control = control
        self._first = position
        self._counted = counted
        self._position = position
        self._component = ":"
        self._set: dict[str, Any] = {"payer_ids": [], "payee_npis": []}
        self._party = ""
        self._claims: list[ClaimPayment] = []
        self._claim: dict[str, Any] | None = None
        self._line: dict[str, Any] | None = None
        self._adjustments: list[ProviderAdjustment] = []
        self._problems: list[str] = []

    def take(self, position: int, fields: list[str], component: str) -> None:
        self._position, self._component = position, component
        handler = _HANDLERS.get(fields[0])
        if handler is not None:
            handler(self, fields)

    def finish_claims(self) -> int:
        """Close the last claim payment; how many the file holds so far."""
        self._close_claim()
        return self._counted

    def result(self, facts: SetFacts) -> PaymentSet:
        problems = [
            f"{problem.message} ({problem.where})"
            for problem in facts.problems
            if problem.where.endswith(TRAILER)
        ]
        problems += self._problems
        known = self._set
        for name, segment in (("amount_cents", "BPR"), ("trace", "TRN")):
            if name not in known:
                problems.append(f"The set has no segment {segment} ({self._of_set(segment)}).")
        found: PaymentSet = _struct(
            PaymentSet,
            {
                "control": self._control,
                "where": f"segment {self._first}, ST {self._control or '(no number)'}",
                "claims": self._claims,
                "adjustments": self._adjustments,
                "problems": problems,
                **known,
            },
        )
        return found

    def _of_set(self, element: str) -> str:
        return f"ST {self._control or '(no number)'}, {element}"

    def _wrong(self, message: str, element: str) -> None:
        """Something that cannot be understood: of the claim payment that is open, or else of the set."""
        said = f"{message} (segment {self._position}, {element})"
        claim = self._claim
        (self._problems if claim is None else claim["problems"]).append(said)

    def _cents(self, fields: list[str], place: int, *, required: bool = True) -> int:
        text, element = at(fields, place), f"{fields[0]}{place:02}"
        if not text:
            if required:
                self._wrong("The amount is missing. Write dollars and cents, such as 120.50.", element)
            return 0
        amount = cents(text)
        if amount is None or abs(amount) > _CENTS_MAX:
            self._wrong("This is not an amount. Write dollars and cents, such as 120.50.", element)
            return 0
        return amount

    def _day(self, fields: list[str], place: int) -> date | None:
        text = at(fields, place)
        found = day(text)
        if text and found is None:
            self._wrong(
                "This is not a date. Write year, month and day, such as 20260302.",
                f"{fields[0]}{place:02}",
            )
        return found

    def _bpr(self, fields: list[str]) -> None:
        if "amount_cents" in self._set:
            self._wrong("A set has one segment BPR; this is another.", "BPR")
            return
        self._set["amount_cents"] = self._cents(fields, 2)
        self._set["method"] = at(fields, 4)[:10]
        self._set["paid_on"] = self._day(fields, 16)
        if not at(fields, 16):
            self._wrong("The payment date is missing. Clocks are stopped with it.", "BPR16")

    def _trn(self, fields: list[str]) -> None:
        if self._claim is None and "trace" not in self._set:
            self._set["trace"] = at(fields, 2)[:_LONGEST_NUMBER]
            self._set["payer_trace_id"] = at(fields, 3)[:_LONGEST_NUMBER]
            if not at(fields, 2):
                self._wrong("The number of the check or transfer is missing.", "TRN02")

    def _n1(self, fields: list[str]) -> None:
        self._party = at(fields, 1)
        if self._party == "PR":
            self._set["payer_name"] = at(fields, 2)[:_LONGEST_NUMBER]
            if at(fields, 4):
                self._set["payer_ids"].append(at(fields, 4)[:_LONGEST_NUMBER])
        elif self._party == "PE" and at(fields, 3) == "XX":
            self._set["payee_npis"].append(at(fields, 4)[:20])

    def _lx(self, _: list[str]) -> None:
        self._close_claim()
        self._party = "LX"

    def _ts3(self, fields: list[str]) -> None:
        # A payment to an organisation may be for several of its NPIs, one LX loop each.
        if len(at(fields, 1)) == 10 and at(fields, 1).isdigit():
            self._set["payee_npis"].append(at(fields, 1))

    def _clp(self, fields: list[str]) -> None:
        self._close_claim()
        self._party = "CLP"
        self._counted += 1
        # In place before its amounts are read, so that what is wrong with them is said of it.
        self._claim = {
            "ordinal": self._counted,
            "where": f"segment {self._position}, ST {self._control or '(no number)'}",
            "number": at(fields, 1)[:_LONGEST_NUMBER],
            "status": at(fields, 2)[:10],
            "payer_control": at(fields, 7)[:_LONGEST_NUMBER],
            "problems": [],
            "adjustments": [],
            "remarks": [],
            "lines": [],
            "cins": [],
        }
        self._claim["charge_cents"] = self._cents(fields, 3)
        self._claim["paid_cents"] = self._cents(fields, 4)
        self._claim["patient_cents"] = self._cents(fields, 5, required=False)
        if not at(fields, 2):
            self._wrong("The status of the claim is missing, such as 1 (paid) or 4 (denied).", "CLP02")

    def _close_line(self) -> None:
        if self._claim is not None and self._line is not None:
            self._claim["lines"].append(_struct(LinePayment, self._line))
        self._line = None

    def _close_claim(self) -> None:
        self._close_line()
        if self._claim is not None:
            self._claims.append(_struct(ClaimPayment, self._claim))
        self._claim = None

    def _cas(self, fields: list[str]) -> None:
        target = self._line or self._claim
        if target is None:
            self._wrong("A segment CAS stands outside a claim payment.", "CAS")
            return
        if at(fields, 1) not in _GROUPS:
            self._wrong("The group of the adjustment is not CO, OA, PI or PR.", "CAS01")
        for place in range(2, max(len(fields), 3), 3):
            if not at(fields, place) and not at(fields, place + 1) and place > 2:
                continue
            if not at(fields, place):
                self._wrong("The reason of the adjustment is missing.", f"CAS{place:02}")
            found = Adjustment(at(fields, 1)[:2], at(fields, place)[:5], self._cents(fields, place + 1))
            target["adjustments"].append(found)

    def _nm1(self, fields: list[str]) -> None:
        if self._claim is None or at(fields, 1) not in ("QC", "IL", "74"):
            return
        identifier = at(fields, 9).upper()
        if identifier and len(identifier) <= _LONGEST_NUMBER:
            self._claim["cins"].append(cin_of_bic(identifier) or identifier)

    def _ref(self, fields: list[str]) -> None:
        qualifier, value = at(fields, 1), at(fields, 2)
        if self._line is not None:
            if qualifier == "6R" and value:
                self._line["control_number"] = value[:50]
        elif self._claim is None and value:
            if self._party == "PR" and qualifier in ("2U", "EO", "HI", "NF"):
                self._set["payer_ids"].append(value[:_LONGEST_NUMBER])
            elif self._party == "PE" and qualifier == "HPI":
                self._set["payee_npis"].append(value[:20])

    def _dtm(self, fields: list[str]) -> None:
        qualifier = at(fields, 1)
        target = self._line or self._claim
        if target is None:
            if qualifier == "405":
                self._set["produced_on"] = self._day(fields, 2)
        elif qualifier in ("232", "472", "150"):
            target["service_date"] = self._day(fields, 2)
        elif qualifier in ("233", "151"):
            target["service_end"] = self._day(fields, 2)
        elif qualifier == "434" and (found := period(at(fields, 6))):
            target["service_date"], target["service_end"] = found[0], found[2]

    def _amt(self, fields: list[str]) -> None:
        if at(fields, 1) == "I" and self._claim is not None and self._line is None:
            self._claim["interest_cents"] = self._claim.get("interest_cents", 0) + self._cents(fields, 2)

    def _moa(self, fields: list[str]) -> None:
        places = (3, 4, 5, 6, 7) if fields[0] == "MOA" else (5, 20, 21, 22, 23)
        if self._claim is not None:
            self._claim["remarks"] += [code[:5] for place in places if (code := at(fields, place))]

    def _lq(self, fields: list[str]) -> None:
        if at(fields, 1) in ("HE", "RX") and at(fields, 2) and self._claim is not None:
            (self._line or self._claim).setdefault("remarks", []).append(at(fields, 2)[:5])

    def _svc(self, fields: list[str]) -> None:
        self._close_line()
        if self._claim is None:
            self._wrong("A segment SVC stands outside a claim payment.", "SVC")
            return
        billed = at(fields, 6) if _code_of(at(fields, 6), self._component)[0] else at(fields, 1)
        code, modifiers = _code_of(billed, self._component)
        if not code:
            self._wrong("The code of the service is missing, such as HC:G9012:U2.", "SVC01")
        self._line = {
            "code": code,
            "modifiers": modifiers,
            "where": f"segment {self._position}",
            "charge_cents": self._cents(fields, 2),
            "paid_cents": self._cents(fields, 3),
            # SVC07 is the count billed where it differs from the count paid; 1 where neither is said.
            "units": number(at(fields, 7) or at(fields, 5)),
            "adjustments": [],
            "remarks": [],
        }

    def _plb(self, fields: list[str]) -> None:
        self._close_claim()
        self._party = "PLB"
        for place in range(3, max(len(fields), 4), 2):
            if not at(fields, place) and not at(fields, place + 1) and place > 3:
                continue
            reason, _, reference = at(fields, place).partition(self._component)
            if not reason:
                self._wrong("The reason of the provider adjustment is missing, such as L6.", f"PLB{place:02}")
            self._adjustments.append(
                ProviderAdjustment(
                    reason[:2],
                    self._cents(fields, place + 1),
                    f"segment {self._position}",
                    reference[:_LONGEST_NUMBER],
                )
            )


def _code_of(composite: str, component: str) -> tuple[str, tuple[str, ...]]:
    """A code and its modifiers, sorted, from ``HC:G9012:U2:GQ``."""
    parts = composite.split(component)
    code = (parts[1] if len(parts) > 1 else "").strip().upper()[:48]
    return code, tuple(sorted(part.strip().upper()[:2] for part in parts[2:6] if part.strip()))


def _struct(kind: type[Any], values: dict[str, Any]) -> Any:
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return kind(**plain)


_HANDLERS: dict[str, Callable[[SetReader, list[str]], None]] = {
    "BPR": SetReader._bpr,
    "TRN": SetReader._trn,
    "N1": SetReader._n1,
    "LX": SetReader._lx,
    "TS3": SetReader._ts3,
    "CLP": SetReader._clp,
    "CAS": SetReader._cas,
    "NM1": SetReader._nm1,
    "REF": SetReader._ref,
    "DTM": SetReader._dtm,
    "AMT": SetReader._amt,
    "MIA": SetReader._moa,
    "MOA": SetReader._moa,
    "LQ": SetReader._lq,
    "SVC": SetReader._svc,
    "PLB": SetReader._plb,
}
