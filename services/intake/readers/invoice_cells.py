"""From the cells of invoice rows to the parts of a claim.

Cells repeat all over an invoice, so each column remembers what its clean cells mean: a remembered cell costs
one dictionary look-up. Cells that were repaired or make no sense are read anew each time and reported.
"""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, Generic, NamedTuple, TypeVar

from services.intake.readers import quantities, values
from services.intake.readers.helpful import HELPFUL_FIELDS
from services.intake.readers.values import BrokenCell, MisreadError, Parser
from shared.claim import Address, Member, Payer, Provider, ServiceLine
from shared.places import INVOICE_FIELDS

MAX_CELL_LENGTH = 1_000
_REMEMBERED = 20_000

PARSERS: dict[str, Parser] = {
    "invoice_number": values.text,
    "invoice_date": quantities.day,
    "control_number": values.text,
    "payer_name": values.text,
    "payer_id": values.text,
    "billing_npi": values.npi,
    "billing_tin": values.tin,
    "billing_name": values.text,
    "billing_phone": values.phone,
    "billing_address": values.text,
    "billing_city": values.text,
    "billing_state": values.state,
    "billing_zip": values.zip_code,
    "rendering_npi": values.npi,
    "rendering_last_name": values.text,
    "rendering_first_name": values.text,
    "member_cin": values.cin,
    "member_last_name": values.text,
    "member_first_name": values.text,
    "member_birth_date": quantities.day,
    "member_gender": values.gender,
    "homeless": values.yes_no,
    "member_address": values.text,
    "member_city": values.text,
    "member_state": values.state,
    "member_zip": values.zip_code,
    "medical_record_number": values.text,
    "service_name": values.text,
    "procedure_code": values.code,
    "modifiers": values.modifiers,
    "place_of_service": values.place_of_service,
    "diagnosis_codes": values.diagnoses,
    "service_start": quantities.day,
    "service_end": quantities.day,
    "start_time": quantities.clock_time,
    "end_time": quantities.clock_time,
    "units": quantities.units,
    "unit_cost": quantities.amount,
    "amount": quantities.amount,
    "invoice_total": quantities.amount,
    "authorization_number": values.text,
    "frequency": values.frequency,
    "original_reference": values.text,
    "delay_reason": values.text,
}
LINE_COLUMNS = (
    "service_name",
    "procedure_code",
    "modifiers",
    "place_of_service",
    "service_start",
    "service_end",
    "start_time",
    "end_time",
    "units",
    "unit_cost",
    "amount",
    "authorization_number",
    "diagnosis_codes",
    "rendering_npi",
    "rendering_last_name",
    "rendering_first_name",
)
_PAYER = ("payer_name", "payer_id")
_BILLING = (
    "billing_npi",
    "billing_tin",
    "billing_name",
    "billing_phone",
    "billing_address",
    "billing_city",
    "billing_state",
    "billing_zip",
)
_MEMBER = (
    "member_cin",
    "member_last_name",
    "member_first_name",
    "member_birth_date",
    "member_gender",
    "homeless",
    "member_address",
    "member_city",
    "member_state",
    "member_zip",
    "medical_record_number",
)
_OTHER = (
    "invoice_number",
    "control_number",
    "invoice_date",
    "invoice_total",
    "frequency",
    "original_reference",
    "delay_reason",
)
CLAIM_COLUMNS = _PAYER + _BILLING + _MEMBER + _OTHER
_RENDERING = ("rendering_npi", "rendering_last_name", "rendering_first_name")
PAYER_CELLS = slice(0, 2)
BILLING_CELLS = slice(2, 10)
MEMBER_CELLS = slice(10, 21)
OTHER_CELLS = slice(21, 28)
RENDERING_CELLS = slice(13, 16)

# Without these a line cannot be judged: a cell of them that makes no sense makes its row unreadable.
_ESSENTIAL = frozenset({"service_start", "service_end", "units", "amount"})


class Issue(NamedTuple):
    """What was repaired or wrong in one cell. ``rule`` is ``row.unreadable`` where the row cannot be used."""

    column: str
    cell: object
    rule: str
    message: str
    expected: str | None
    severity: str | None


def shown(cell: object) -> str:
    """A cell as the provider sees it, near enough to find it."""
    if isinstance(cell, float):
        return f"{cell:.15g}"
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell)[:MAX_CELL_LENGTH]


class ColumnReader(dict[object, Any]):
    """``reader[cell]`` is what the cell means. Whatever is to be said about it is added to ``issues``."""

    __slots__ = ("_helps", "_issues", "_name", "_parse")

    def __init__(self, name: str, issues: list[Issue]) -> None:
        super().__init__()
        self._name = name
        self._helps = INVOICE_FIELDS[name] in HELPFUL_FIELDS
        self._parse = PARSERS[name]
        self._issues = issues

    def __missing__(self, cell: object) -> Any:
        try:
            if isinstance(cell, BrokenCell):
                raise MisreadError(cell.message, "The value itself, typed into the cell")
            if isinstance(cell, str) and len(cell) > MAX_CELL_LENGTH:
                raise MisreadError(
                    f"The cell holds {len(cell)} characters.", f"At most {MAX_CELL_LENGTH} characters"
                )
            if isinstance(cell, str) and "\0" in cell:
                raise MisreadError(
                    "The cell holds a character that nobody can see.", "The value, typed again"
                )
            reading = self._parse(cell)
        except MisreadError as misread:
            rule = "row.unreadable" if self._name in _ESSENTIAL else "field.format"
            message = f"{misread.message} We left it out." if self._helps else misread.message
            severity = "note" if self._helps else None
            self._issues.append(Issue(self._name, cell, rule, message, misread.expected, severity))
            return None
        if reading.rule == "field.format" and self._helps and reading.value is not None:
            message = f"{reading.message} We left it out."
            self._issues.append(Issue(self._name, cell, reading.rule, message, reading.expected, "note"))
            return None
        if reading.rule is not None:
            issue = Issue(self._name, cell, reading.rule, reading.message, reading.expected, reading.severity)
            self._issues.append(issue)
            return reading.value
        if len(self) >= _REMEMBERED:
            self.clear()
        self[cell] = reading.value
        return reading.value


Part = TypeVar("Part")


class PartReader(dict[tuple[object, ...], tuple[Part, tuple[Issue, ...]]], Generic[Part]):
    """``reader[cells]`` is a whole part of a claim, such as its billing provider, and the issues in it."""

    def __init__(self, build: Callable[[tuple[object, ...]], Part], issues: list[Issue]) -> None:
        super().__init__()
        self._build = build
        self._issues = issues

    def __missing__(self, cells: tuple[object, ...]) -> tuple[Part, tuple[Issue, ...]]:
        before = len(self._issues)
        part = self._build(cells)
        found = (part, tuple(self._issues[before:]))
        del self._issues[before:]
        if len(self) >= _REMEMBERED:
            self.clear()
        self[cells] = found
        return found


class InvoiceCells:
    """Reads the parts of one file's claims. ``issues`` collects what the parts without an own memory find."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.columns = {name: ColumnReader(name, self.issues) for name in PARSERS}
        self.payers = PartReader(self._payer, self.issues)
        self.billing_providers = PartReader(self._billing, self.issues)
        self.members = PartReader(self._member, self.issues)
        self.rendering_providers = PartReader(self._rendering, self.issues)
        self._others = tuple(self.columns[name] for name in _OTHER)
        self._lines = tuple(self.columns[name] for name in LINE_COLUMNS[:13])

    def others(self, cells: tuple[object, ...]) -> list[Any]:
        """The claim's own cells, in the order of ``_OTHER``."""
        return [column[cell] for column, cell in zip(self._others, cells, strict=True)]

    def line(
        self, number: int, row: int, cells: tuple[object, ...]
    ) -> tuple[ServiceLine, str | None, tuple[str, ...]]:
        """One service line, its authorization number and its diagnosis codes."""
        (
            description,
            procedure_code,
            modifiers,
            place_of_service,
            start,
            end,
            start_time,
            end_time,
            units,
            unit_cost,
            amount,
            authorization_number,
            diagnosis_codes,
        ) = [column[cell] for column, cell in zip(self._lines, cells, strict=False)]
        if unit_cost is not None and units is not None and amount is not None and units * unit_cost != amount:
            self._unit_cost_differs(units, unit_cost, amount, cells[10])
        line = ServiceLine(
            number,
            procedure_code,
            modifiers,
            start,
            start if end is None else end,
            units,
            "UN",
            amount,
            place_of_service,
            start_time,
            end_time,
            description=description,
            row=row,
        )
        return line, authorization_number, diagnosis_codes

    def _unit_cost_differs(self, units: Any, unit_cost: int, amount: int, cell: object) -> None:
        product = units * unit_cost / 100
        message = (
            f"{units} units at ${unit_cost / 100:.2f} are ${product:.2f}, but the amount is"
            f" ${amount / 100:.2f}. We use the amount."
        )
        self.issues.append(Issue("amount", cell, "invoice.total", message, f"{product:.2f}", "note"))

    def _read(self, names: tuple[str, ...], cells: tuple[object, ...]) -> list[Any]:
        return [self.columns[name][cell] for name, cell in zip(names, cells, strict=True)]

    def _payer(self, cells: tuple[object, ...]) -> Payer:
        name, payer_id = self._read(_PAYER, cells)
        return Payer(id=payer_id, name=name)

    def _billing(self, cells: tuple[object, ...]) -> Provider:
        npi, tin, name, phone, *address = self._read(_BILLING, cells)
        return Provider(npi=npi, tin=tin, name=name, phone=phone, address=_address(address))

    def _rendering(self, cells: tuple[object, ...]) -> Provider | None:
        npi, last_name, first_name = self._read(_RENDERING, cells)
        if npi is None and last_name is None and first_name is None:
            return None
        return Provider(npi=npi, name=last_name, first_name=first_name)

    def _member(self, cells: tuple[object, ...]) -> Member:
        cin, last, first, birth_date, gender, homeless, street, city, state, zip_code, record = self._read(
            _MEMBER, cells
        )
        return Member(
            cin=cin,
            last_name=last,
            first_name=first,
            birth_date=birth_date,
            gender=gender,
            address=_address([street, city, state, zip_code]),
            homeless=homeless,
            medical_record_number=record,
        )


def _address(cells: list[Any]) -> Address | None:
    street, city, state, zip_code = cells
    return Address(street, city, state, zip_code) if any(cells) else None
