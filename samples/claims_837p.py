"""The sample 837P: two transaction sets of one provider, good claims and bad ones. Used by ``build.py``."""

from collections.abc import Iterator
from datetime import date, timedelta

CLAIMS: list[tuple[str, str]] = [
    ("X12-OK-1", "Two visits, in order"),
    ("X12-OK-OUTREACH", "An outreach attempt to somebody who never enrolled"),
    ("X12-OK-HOUSING", "Housing tenancy services, by phone"),
    ("X12-PENDED-CIN", "A member ID with a letter that is not known: the plan looks, the clock runs"),
    ("X12-BAD-CODE", "An office visit: a code of another benefit"),
    ("X12-BAD-MODIFIERS", "U1 with U8: listed modifiers, but not together"),
    ("X12-BAD-NPI-OWNER", "Billed under another organization's NPI"),
    ("X12-BAD-DIAGNOSIS", "No diagnosis, which the guide asks for"),
    ("X12-BAD-COUNT", "In a set whose trailer counts its segments wrongly"),
]

_HARBOR = ("HARBOR STREET OUTREACH", "1234567893", "954412345")
_OTHER = ("SOMEBODY ELSE", "1000000004", "954412346")


def segments(on: date) -> Iterator[str]:
    """All segments, without terminators; services lie in the weeks before ``on``."""
    yield (
        "ISA*00*          *00*          *ZZ*HARBORSTREET   *ZZ*GSHP1          "
        f"*{on:%y%m%d}*0900*^*00501*000000118*0*P*:"
    )
    yield f"GS*HC*HARBORSTREET*GSHP1*{on:%Y%m%d}*0900*118*X*005010X222A1"
    yield from _set(on, "0001", list(_first_set(on)))
    yield from _set(on, "0002", list(_second_set(on)), counted=99)
    yield "GE*2*118"
    yield "IEA*1*000000118"


def _first_set(on: date) -> Iterator[str]:
    yield from _billing(1, _HARBOR)
    yield from _subscriber(2, 1, "91234567A", "RIVERA", "ANA", "19880417")
    yield from _claim(
        "X12-OK-1",
        [("G9008:U1", "120", "4", on - timedelta(40)), ("G9008:U1", "60", "2", on - timedelta(33))],
    )
    yield from _subscriber(3, 1, "93456789D", "OKAFOR", "ADA", "20010130")
    yield from _claim("X12-OK-OUTREACH", [("G9012:U8", "35", "1", on - timedelta(39))], place="27")
    yield from _subscriber(4, 1, "94567890E", "HADDAD", "SAMIR", "19591211")
    yield from _claim("X12-OK-HOUSING", [("T2040:U6:GQ", "80", "4", on - timedelta(38))])
    yield from _subscriber(5, 1, "95678901B", "SOTO", "LUZ", "19650320")
    yield from _claim("X12-PENDED-CIN", [("G9012:U2", "50", "2", on - timedelta(37))])
    yield from _subscriber(6, 1, "92345678C", "NGUYEN", "MINH", "19710902")
    yield from _claim(
        "X12-BAD-CODE",
        [("99213", "90", "1", on - timedelta(36)), ("G9012:U2", "50", "2", on - timedelta(36))],
    )
    yield from _claim("X12-BAD-MODIFIERS", [("G9008:U1:U8", "50", "2", on - timedelta(35))])
    yield from _claim("X12-BAD-DIAGNOSIS", [("G9012:U2", "50", "2", on - timedelta(34))], diagnosis="")
    yield from _billing(7, _OTHER)
    yield from _subscriber(8, 7, "92345678C", "NGUYEN", "MINH", "19710902")
    yield from _claim("X12-BAD-NPI-OWNER", [("G9012:U2", "50", "2", on - timedelta(33))])


def _second_set(on: date) -> Iterator[str]:
    yield from _billing(1, _HARBOR)
    yield from _subscriber(2, 1, "94567890E", "HADDAD", "SAMIR", "19591211")
    yield from _claim("X12-BAD-COUNT", [("G9012:U2", "50", "2", on - timedelta(32))])


def _set(on: date, control: str, body: list[str], *, counted: int | None = None) -> Iterator[str]:
    head = [
        f"ST*837*{control}*005010X222A1",
        f"BHT*0019*00*{control}*{on:%Y%m%d}*0900*CH",
        "NM1*41*2*HARBOR STREET OUTREACH*****46*HARBORSTREET",
        "PER*IC*BILLING*TE*2135550142",
        "NM1*40*2*GOLDEN STATE HEALTH PLAN*****46*GSHP1",
    ]
    yield from head
    yield from body
    yield f"SE*{counted or len(head) + len(body) + 1}*{control}"


def _billing(hl: int, provider: tuple[str, str, str]) -> Iterator[str]:
    name, npi, tin = provider
    yield f"HL*{hl}**20*1"
    yield "PRV*BI*PXC*251B00000X"
    yield f"NM1*85*2*{name}*****XX*{npi}"
    yield "N3*410 HARBOR ST"
    yield "N4*LOS ANGELES*CA*900120001"
    yield f"REF*EI*{tin}"


def _subscriber(hl: int, parent: int, cin: str, last: str, first: str, born: str) -> Iterator[str]:
    yield f"HL*{hl}*{parent}*22*0"
    yield "SBR*P*18*******MC"
    yield f"NM1*IL*1*{last}*{first}****MI*{cin}"
    yield "N3*12 OAK AVE"
    yield "N4*LOS ANGELES*CA*90012"
    yield f"DMG*D8*{born}*U"
    yield "NM1*PR*2*GOLDEN STATE HEALTH PLAN*****PI*GSHP1"


def _claim(
    number: str, lines: list[tuple[str, str, str, date]], *, place: str = "11", diagnosis: str = "Z5901"
) -> Iterator[str]:
    yield f"CLM*{number}*{sum(int(charge) for _, charge, _, _ in lines)}***{place}:B:1*Y*A*Y*Y"
    if diagnosis:
        yield f"HI*ABK:{diagnosis}"
    for ordinal, (code, charge, units, day) in enumerate(lines, 1):
        yield f"LX*{ordinal}"
        yield f"SV1*HC:{code}*{charge}*UN*{units}***1"
        yield f"DTP*472*D8*{day:%Y%m%d}"
