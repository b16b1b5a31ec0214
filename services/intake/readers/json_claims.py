"""Claims in JSON: one claim, ``{"claims": [...]}`` or a bare list. Places are JSON pointers (RFC 6901)."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from services.intake.readers import (
    Census,
    ClaimRead,
    ClaimsFile,
    UnreadableClaim,
    quantities,
    values,
)
from services.intake.readers.helpful import HELPFUL_FIELDS
from services.intake.readers.json_shape import SHAPE, claims_in, unknown_fields, validate_claims_json
from services.intake.readers.long_claims import of_bearable_length
from services.intake.readers.values import MisreadError, Parser
from shared.catalogue import finding
from shared.claim import Address, Channel, Claim, Member, Payer, Provider, ServiceLine, Source
from shared.findings import Finding

_MAX_TEXT = 1_000

__all__ = ["JsonClaims", "read_claims_json", "validate_claims_json"]


def read_claims_json(document: bytes, name: str) -> ClaimsFile:
    """Opens a JSON document. Raises ``FileRefused`` where it is no JSON or holds no claims."""
    del name  # a JSON document names its own places
    return JsonClaims(claims_in(document))


class JsonClaims:
    """Claims in JSON as a ``ClaimsFile``."""

    channel: Channel = "json"

    def __init__(self, claims: list[tuple[str, Any]]) -> None:
        self._claims = claims
        lines = (claim.get("lines") for _, claim in claims if isinstance(claim, dict))
        self.census = Census(
            claims=len(claims), lines=sum(len(entry) for entry in lines if isinstance(entry, list))
        )
        self.notes: tuple[Finding, ...] = tuple(unknown_fields(claims))

    def items(self) -> Iterator[ClaimRead | UnreadableClaim]:
        """Every claim once, in order."""
        for ordinal, (pointer, claim) in enumerate(self._claims):
            if isinstance(claim, dict):
                yield of_bearable_length(_ClaimReader(pointer).read(claim, ordinal), pointer)
            else:
                problem = finding(
                    "row.unreadable", "A claim must be an object.", where=pointer, expected=SHAPE
                )
                yield UnreadableClaim(findings=(problem,), where=pointer)


class _ClaimReader:
    """Reads one claim. What is wrong goes to ``findings`` and leaves a gap."""

    def __init__(self, pointer: str) -> None:
        self._pointer = pointer
        self._findings: list[Finding] = []

    def read(self, claim: dict[str, Any], ordinal: int) -> ClaimRead:
        get = self._getter(claim, self._pointer, "")
        payer = self._getter(
            self._object(claim, "payer", self._pointer, "payer"), f"{self._pointer}/payer", "payer."
        )
        place_of_service = get("place_of_service", values.place_of_service, "place_of_service")
        lines = tuple(self._lines(claim, place_of_service))
        charges = [line.charge_cents for line in lines]
        total = self._cents(claim, "total_cents", self._pointer, "total_cents", None)
        if total is None and None not in charges:
            total = sum(charge for charge in charges if charge is not None)
        return ClaimRead(
            Claim(
                channel="json",
                claim_number=get("control_number", values.text, "claim_number"),
                payer=Payer(id=payer("id", values.text, "id"), name=payer("name", values.text, "name")),
                billing_provider=self._provider(claim, "billing_provider") or Provider(),
                rendering_provider=self._provider(claim, "rendering_provider"),
                member=self._member(claim),
                lines=lines,
                frequency=get("frequency", values.frequency, "frequency", numbers=True) or "1",
                original_reference=get("original_reference", values.text, "original_reference"),
                authorization_number=get("authorization_number", values.text, "authorization_number"),
                place_of_service=place_of_service or (lines[0].place_of_service if lines else None),
                diagnosis_codes=self._codes(claim, "diagnosis_codes", self._pointer, values.diagnoses, None),
                total_cents=total,
                delay_reason=get("delay_reason", values.text, "delay_reason", numbers=True),
                invoice_number=get("invoice_number", values.text, "invoice_number"),
                invoice_date=get("invoice_date", quantities.day, "invoice_date"),
                source=Source(claim_ordinal=ordinal, pointer=self._pointer),
            ),
            tuple(self._findings),
        )

    def _lines(self, claim: dict[str, Any], place_of_service: str | None) -> Iterator[ServiceLine]:
        lines = claim.get("lines")
        base = f"{self._pointer}/lines"
        if not isinstance(lines, list):
            if lines is not None:
                self._wrong("lines", lines, base, "The lines must be a list.", "A list of lines", None)
            return
        for number, line in enumerate(lines, start=1):
            pointer = f"{base}/{number - 1}"
            if not isinstance(line, dict):
                self._wrong("lines", line, pointer, "A line must be an object.", "An object", number)
                line = {}
            get = self._getter(line, pointer, "", number)
            start = get("service_start", quantities.day, "service_start")
            end = get("service_end", quantities.day, "service_end")
            yield ServiceLine(
                number=number,
                procedure_code=get("procedure_code", values.code, "procedure_code"),
                modifiers=self._codes(line, "modifiers", pointer, values.modifiers, number),
                service_start=start,
                service_end=start if end is None and line.get("service_end") in (None, "") else end,
                units=get("units", quantities.units, "units", numbers=True),
                charge_cents=self._cents(line, "amount_cents", pointer, "charge_cents", number),
                place_of_service=get("place_of_service", values.place_of_service, "place_of_service")
                or place_of_service,
                start_time=get("start_time", quantities.clock_time, "start_time"),
                end_time=get("end_time", quantities.clock_time, "end_time"),
                rendering_npi=get("rendering_npi", values.npi, "rendering_npi"),
                authorization_number=get("authorization_number", values.text, "authorization_number"),
                description=get("service_name", values.text, "description"),
            )

    def _provider(self, claim: dict[str, Any], key: str) -> Provider | None:
        provider = self._object(claim, key, self._pointer, key)
        if not provider:
            return None
        pointer = f"{self._pointer}/{key}"
        get = self._getter(provider, pointer, f"{key}.")
        return Provider(
            npi=get("npi", values.npi, "npi"),
            tin=get("tin", values.tin, "tin"),
            name=get("name", values.text, "name") or get("last_name", values.text, "name"),
            first_name=get("first_name", values.text, "first_name"),
            phone=get("phone", values.phone, "phone"),
            taxonomy=get("taxonomy", values.code, "taxonomy"),
            address=self._address(provider, pointer, f"{key}.address"),
        )

    def _member(self, claim: dict[str, Any]) -> Member:
        member = self._object(claim, "member", self._pointer, "member")
        pointer = f"{self._pointer}/member"
        get = self._getter(member, pointer, "member.")
        homeless = member.get("homeless")
        if homeless is not None and not isinstance(homeless, bool):
            self._wrong(
                "member.homeless",
                homeless,
                f"{pointer}/homeless",
                "This must be true or false.",
                "true",
                None,
            )
            homeless = None
        return Member(
            cin=get("cin", values.cin, "cin"),
            last_name=get("last_name", values.text, "last_name"),
            first_name=get("first_name", values.text, "first_name"),
            birth_date=get("birth_date", quantities.day, "birth_date"),
            gender=get("gender", values.gender, "gender"),
            address=self._address(member, pointer, "member.address"),
            homeless=homeless,
            medical_record_number=get("medical_record_number", values.text, "medical_record_number"),
        )

    def _address(self, owner: dict[str, Any], pointer: str, field: str) -> Address | None:
        address = self._object(owner, "address", pointer, field)
        if not address:
            return None
        get = self._getter(address, f"{pointer}/address", f"{field}.")
        return Address(
            # The invoice's column is called address: that name is taken for the street as well.
            street=get("street", values.text, "street") or get("address", values.text, "street"),
            city=get("city", values.text, "city"),
            state=get("state", values.state, "state"),
            zip=get("zip", values.zip_code, "zip"),
        )

    def _object(self, owner: dict[str, Any], key: str, pointer: str, field: str) -> dict[str, Any]:
        found = owner.get(key)
        if isinstance(found, dict):
            return found
        if found is not None:
            self._wrong(field, found, f"{pointer}/{key}", "This must be an object.", "An object", None)
        return {}

    def _getter(
        self, owner: dict[str, Any], pointer: str, prefix: str, line: int | None = None
    ) -> Callable[..., Any]:
        def get(key: str, parse: Parser, field: str, *, numbers: bool = False) -> Any:
            value = owner.get(key)
            if value is None and key != "frequency":
                return None
            return self._parsed(value, parse, f"{pointer}/{key}", prefix + field, line, numbers)

        return get

    def _parsed(
        self, value: Any, parse: Parser, pointer: str, field: str, line: int | None, numbers: bool
    ) -> Any:
        is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
        if not (value is None or isinstance(value, str) or (numbers and is_number)):
            kind = "a number" if numbers else "text in double quotes"
            self._wrong(field, value, pointer, f"This must be {kind}.", kind.capitalize(), line)
            return None
        if isinstance(value, str) and len(value) > _MAX_TEXT:
            expected = f"At most {_MAX_TEXT} characters"
            self._wrong(field, value[:60], pointer, f"The text has {len(value)} characters.", expected, line)
            return None
        if isinstance(value, str) and "\0" in value:
            message = "The text holds a character that nobody can see."
            self._wrong(field, value, pointer, message, "The value, typed again", line)
            return None
        try:
            reading = parse(str(value) if isinstance(value, (int, Decimal)) else value)
        except MisreadError as misread:
            self._wrong(field, value, pointer, misread.message, misread.expected, line)
            return None
        if reading.rule == "field.format" and field in HELPFUL_FIELDS:
            self._wrong(field, value, pointer, reading.message, reading.expected or "", line)
            return None
        if reading.rule is not None:
            details = {} if reading.severity is None else {"severity": reading.severity}
            self._findings.append(
                finding(
                    reading.rule,
                    reading.message,
                    line=line,
                    field=field,
                    value=str(value),
                    where=pointer,
                    expected=reading.expected,
                    **details,
                )
            )
        return reading.value

    def _codes(
        self, owner: dict[str, Any], key: str, pointer: str, parse: Parser, line: int | None
    ) -> tuple[str, ...]:
        found = owner.get(key)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(code, str) for code in found):
            message = "This must be a list of texts in double quotes."
            self._wrong(key, found, f"{pointer}/{key}", message, '["U2", "GQ"]', line)
            return ()
        codes: tuple[str, ...] = (
            self._parsed(" ".join(found), parse, f"{pointer}/{key}", key, line, False) or ()
        )
        return codes

    def _cents(
        self, owner: dict[str, Any], key: str, pointer: str, field: str, line: int | None
    ) -> int | None:
        value = owner.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**10:
            message = "The amount must be a whole number of cents, not below zero."
            self._wrong(field, value, f"{pointer}/{key}", message, "10000 for $100.00", line)
            return None
        return value

    def _wrong(
        self, field: str, value: object, pointer: str, message: str, expected: str, line: int | None
    ) -> None:
        shown = None if isinstance(value, (dict, list)) else str(value)
        details = {}
        if field in HELPFUL_FIELDS:
            message, details = f"{message} We left it out.", {"severity": "note"}
        self._findings.append(
            finding(
                "field.format",
                message,
                line=line,
                field=field,
                value=shown,
                where=pointer,
                expected=expected,
                **details,
            )
        )
