"""Small remittances (835) for tests, made of segments that a test may change before they are written."""

from collections.abc import Sequence
from datetime import date
from typing import Any

ISA = (
    "ISA*00*          *00*          *ZZ*GOLDENSTATE    *ZZ*GOODSHELTER    "
    "*260402*1200*^*00501*000000001*0*P*:"
)
GS = "GS*HP*GOLDENSTATE*GOODSHELTER*20260402*1200*1*X*005010X221A1"
NPI = "1234567893"


def dollars(cents: int) -> str:
    """Cents as X12 writes them."""
    sign, cents = ("-" if cents < 0 else ""), abs(cents)
    return f"{sign}{cents // 100}.{cents % 100:02}".removesuffix(".00")


def line(
    charge: int,
    paid: int | None = None,
    *,
    code: str = "HC:G9012:U2",
    day: str = "20261012",
    control: str = "",
    reason: str = "CO*45",
    remark: str = "",
) -> list[str]:
    """Loop 2110 that balances: what is not paid is adjusted by ``reason``."""
    paid = charge if paid is None else paid
    segments = [f"SVC*{code}*{dollars(charge)}*{dollars(paid)}**1", f"DTM*472*{day}"]
    if charge != paid:
        segments.append(f"CAS*{reason}*{dollars(charge - paid)}")
    if control:
        segments.append(f"REF*6R*{control}")
    return [*segments, *([f"LQ*HE*{remark}"] if remark else [])]


def claim(
    number: str = "PCN-1",
    charge: int = 96_000,
    paid: int | None = None,
    *,
    status: str | None = None,
    control: str = "",
    reason: str = "CO*45",
    interest: int = 0,
    cin: str = "91234567A",
    lines: Sequence[Sequence[str]] = (),
) -> list[str]:
    """Loop 2100 that balances, with ``lines`` as :func:`line` makes them."""
    paid = charge if paid is None else paid
    status = status or ("1" if paid else "4")
    segments = [f"CLP*{number}*{status}*{dollars(charge)}*{dollars(paid)}*0*MC*{control}*11*1"]
    if charge != paid and not lines:
        segments.append(f"CAS*{reason}*{dollars(charge - paid)}")
    segments.append(f"NM1*QC*1*RIVERA*ANA****MI*{cin}")
    if interest:
        segments.append(f"AMT*I*{dollars(interest)}")
    return [*segments, *(segment for each in lines for segment in each)]


def body(
    *claims: Sequence[str],
    amount: int,
    day: str = "20260401",
    trace: str = "EFT-1",
    adjustments: Sequence[tuple[str, int]] = (),
    npi: str = NPI,
    payer_id: str = "GSHP1",
    method: str = "ACH",
) -> list[str]:
    """A set between ST and SE; ``adjustments`` are PLB reasons with cents."""
    segments = [
        f"BPR*I*{dollars(amount)}*C*{method}************{day}",
        f"TRN*1*{trace}*1941234567",
        "DTM*405*20260402",
        f"N1*PR*GOLDEN STATE HEALTH PLAN*XV*{payer_id}",
        "N3*1 PLAN ST",
        "N4*FRESNO*CA*93721",
        f"N1*PE*HARBOR LIGHT SHELTER*XX*{npi}" if npi else "N1*PE*HARBOR LIGHT SHELTER*FI*941234567",
        "LX*1",
        *(segment for each in claims for segment in each),
    ]
    if adjustments:
        pairs = "*".join(f"{reason}*{dollars(cents)}" for reason, cents in adjustments)
        segments.append(f"PLB*{npi or '941234567'}*20261231*{pairs}")
    return segments


def transaction_set(segments: Sequence[str], control: str = "0001") -> list[str]:
    """ST to SE with the right count."""
    return [f"ST*835*{control}", *segments, f"SE*{len(segments) + 2}*{control}"]


def interchange(*sets: Sequence[str], control: str = "000000001") -> list[str]:
    """One interchange with one group of ``sets`` (bodies, numbered here)."""
    isa = ISA.replace("000000001", control)
    inside = [
        segment for place, each in enumerate(sets, 1) for segment in transaction_set(each, f"{place:04}")
    ]
    return [isa, GS, *inside, f"GE*{len(sets)}*1", f"IEA*1*{control}"]


def text(segments: Sequence[str], terminator: str = "~", end: str = "") -> str:
    return "".join(f"{segment}{terminator}{end}" for segment in segments)


def an_835(*claims: Sequence[str], amount: int, **options: Any) -> bytes:
    """A whole file of one set."""
    return text(interchange(body(*claims, amount=amount, **options))).encode()


def x12_day(day: date) -> str:
    return f"{day:%Y%m%d}"
