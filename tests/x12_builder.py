"""Small 837 professional files for tests, made of segments that a test may change before they are written."""

from collections.abc import Iterable
from pathlib import Path

ISA = (
    "ISA*00*          *00*          *ZZ*GOODSHELTER    *ZZ*GOLDENSTATE    "
    "*261102*1200*^*00501*000000001*0*P*:"
)
GS = "GS*HC*GOODSHELTER*GOLDENSTATE*20261102*1200*1*X*005010X222A1"
HEAD = [
    "BHT*0019*00*000001*20261102*1200*CH",
    "NM1*41*2*GOOD SHELTER*****46*GOODSHELTER",
    "PER*IC*BILLING*TE*5595550100",
    "NM1*40*2*GOLDEN STATE HEALTH PLAN*****46*GSHP1",
]
BILLING = [
    "HL*1**20*1",
    "PRV*BI*PXC*251B00000X",
    "NM1*85*2*GOOD SHELTER*****XX*1234567893",
    "N3*100 HELP AVE",
    "N4*FRESNO*CA*937210000",
    "REF*EI*770000001",
]


def subscriber(hl: int, *, parent: int = 1, cin: str = "91234567A", children: int = 0) -> list[str]:
    return [
        f"HL*{hl}*{parent}*22*{children}",
        "SBR*P*18*******MC",
        f"NM1*IL*1*GARCIA*MARIA****MI*{cin}",
        "N3*1 MAIN ST",
        "N4*FRESNO*CA*937210000",
        "DMG*D8*19800229*F",
        "NM1*PR*2*GOLDEN STATE HEALTH PLAN*****PI*GSHP1",
    ]


def claim(number: str) -> list[str]:
    return [
        f"CLM*{number}*240***11:B:1*Y*A*Y*Y",
        "REF*G1*AUTH1",
        "HI*ABK:Z5901*ABF:Z590",
        "NM1*82*1*HELPER*ANA****XX*1000000004",
        "LX*1",
        "SV1*HC:G9012:U2*120*UN*4***1",
        "DTP*472*D8*20260901",
        "REF*6R*A1",
        "LX*2",
        "SV1*HC:G9012:U2:GQ*120*UN*4***1",
        "DTP*472*D8*20260902",
        "REF*6R*A2",
    ]


def transaction_set(body: Iterable[str], control: str = "0001", version: str = "005010X222A1") -> list[str]:
    segments = [f"ST*837*{control}*{version}", *body]
    return [*segments, f"SE*{len(segments) + 1}*{control}"]


def good_body(claims: int = 2, *, first: int = 1) -> list[str]:
    """One billing provider, one subscriber a claim, claims named PCN-1, PCN-2 and so on."""
    body = [*HEAD, *BILLING]
    for ordinal in range(claims):
        body += subscriber(ordinal + 2) + claim(f"PCN-{first + ordinal}")
    return body


def interchange(*sets: list[str], isa: str = ISA, gs: str = GS) -> list[str]:
    """ISA to IEA around the sets, with right counts and control numbers."""
    control = isa.split(isa[3])[13]
    group = gs.split("*")[6]
    body = [segment for each in sets for segment in each]
    return [isa, gs, *body, f"GE*{len(sets)}*{group}", f"IEA*1*{control}"]


def good(claims: int = 2) -> list[str]:
    """A whole file that follows the guide, segment by segment."""
    return interchange(transaction_set(good_body(claims)))


def text(segments: Iterable[str], *, separators: str = "*^:~", end: str = "\n") -> str:
    """The file's text; ``separators`` are element, repetition, component and terminator."""
    element, repetition, component, terminator = separators
    table = str.maketrans({"*": element, "^": repetition, ":": component})
    return "".join(segment.translate(table) + terminator + end for segment in segments)


def write(path: Path, segments: Iterable[str], *, separators: str = "*^:~", end: str = "\n") -> Path:
    path.write_bytes(text(segments, separators=separators, end=end).encode("utf-8"))
    return path


def changed(segments: list[str], **changes: str) -> list[str]:
    """The first segment of each given id replaced: ``changed(good(), CLM="CLM*…")``."""
    result = list(segments)
    for name, segment in changes.items():
        position = next(i for i, each in enumerate(result) if each.split("*", 1)[0] == name)
        result[position] = segment
    return result


def recounted(segments: list[str]) -> list[str]:
    """The segments with SE01 put right, after segments were added or taken away."""
    result = []
    opened = 0
    for position, segment in enumerate(segments):
        if segment.startswith("ST*"):
            opened = position
        if segment.startswith("SE*"):
            segment = f"SE*{position - opened + 1}*{segment.split('*')[2]}"
        result.append(segment)
    return result
