"""Realistic files for measuring: an 837 professional of any size, accepted by the implementation guide."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from shared.identifiers import CIN_LETTERS, is_npi

_FIRST = ("MARIA", "JOSE", "ANA", "LUIS", "ROSA", "JUAN", "CARMEN", "PEDRO", "ELENA", "MIGUEL")
_LAST = ("GARCIA", "LOPEZ", "NGUYEN", "SMITH", "JOHNSON", "MARTINEZ", "CHEN", "BROWN", "RAMIREZ", "LEE")


def npi(number: int) -> str:
    """The ``number``-th NPI with a valid check digit, from 0."""
    stem = f"1{number:08d}"
    return next(stem + digit for digit in "0123456789" if is_npi(stem + digit))


def cin(number: int) -> str:
    """The ``number``-th CIN of valid shape, from 0."""
    return f"9{number % 10_000_000:07d}{CIN_LETTERS[number % len(CIN_LETTERS)]}"


def claim_837p(number: int, hl: int, parent: int, first_service: date) -> list[str]:
    """The subscriber loop of one claim with two ECM lines: 17 segments."""
    service = (first_service + timedelta(days=number % 28)).strftime("%Y%m%d")
    birth = date(1950 + number % 60, 1 + number % 12, 1 + number % 28).strftime("%Y%m%d")
    return [
        f"HL*{hl}*{parent}*22*0",
        "SBR*P*18*******MC",
        f"NM1*IL*1*{_LAST[number % 10]}*{_FIRST[number // 10 % 10]}****MI*{cin(number)}",
        f"N3*{number % 9_000 + 1} MAIN ST",
        "N4*FRESNO*CA*937210000",
        f"DMG*D8*{birth}*{'FM'[number % 2]}",
        "NM1*PR*2*GOLDEN STATE HEALTH PLAN*****PI*GSHP1",
        f"CLM*PCN-{number:06d}*240***11:B:1*Y*A*Y*Y",
        f"REF*G1*AUTH{number:06d}",
        "HI*ABK:Z5901",
        f"NM1*82*1*HELPER*{_FIRST[number % 10]}****XX*{npi(5_000 + number % 50)}",
        "LX*1",
        "SV1*HC:G9012:U2*120*UN*4***1",
        f"DTP*472*D8*{service}",
        f"REF*6R*{number}A",
        "LX*2",
        "SV1*HC:G9012:U2:GQ*120*UN*4***1",
        f"DTP*472*D8*{(first_service + timedelta(days=number % 28 + 1)).strftime('%Y%m%d')}",
        f"REF*6R*{number}B",
    ]


def segments_837p(
    claims: int, *, claims_in_set: int = 500, first_service: date = date(2026, 9, 1), first_number: int = 0
) -> Iterator[str]:
    """All segments of one interchange with ``claims`` claims, without terminators."""
    yield (
        "ISA*00*          *00*          *ZZ*GOODSHELTER    *ZZ*GOLDENSTATE    "
        "*261102*1200*^*00501*000000001*0*P*:"
    )
    yield "GS*HC*GOODSHELTER*GOLDENSTATE*20261102*1200*1*X*005010X222A1"
    sets = 0
    for start in range(0, claims, claims_in_set):
        sets += 1
        body = [
            f"ST*837*{sets:04d}*005010X222A1",
            f"BHT*0019*00*{sets:06d}*20261102*1200*CH",
            "NM1*41*2*GOOD SHELTER*****46*GOODSHELTER",
            "PER*IC*BILLING*TE*5595550100",
            "NM1*40*2*GOLDEN STATE HEALTH PLAN*****46*GSHP1",
            "HL*1**20*1",
            "PRV*BI*PXC*251B00000X",
            f"NM1*85*2*GOOD SHELTER*****XX*{npi(sets)}",
            "N3*100 HELP AVE",
            "N4*FRESNO*CA*937210000",
            f"REF*EI*77{sets:07d}",
        ]
        for hl, number in enumerate(range(start, min(start + claims_in_set, claims)), 2):
            body += claim_837p(first_number + number, hl, 1, first_service)
        body.append(f"SE*{len(body) + 1}*{sets:04d}")
        yield from body
    yield f"GE*{sets}*1"
    yield "IEA*1*000000001"


def write_837p(
    path: Path,
    claims: int,
    *,
    claims_in_set: int = 500,
    first_service: date = date(2026, 9, 1),
    first_number: int = 0,
) -> Path:
    """Writes an 837 professional with ``claims`` claims of two lines, about 19 segments a claim. Returns
    ``path``.
    """
    segments = segments_837p(
        claims, claims_in_set=claims_in_set, first_service=first_service, first_number=first_number
    )
    with path.open("w", encoding="ascii") as file:
        for segment in segments:
            file.write(segment + "~\n")
    return path
