"""The sample remittance (835): what the plan paid and denied of ``claims.837``. Used by ``build.py`` and the demo.

The denied claim is an outreach attempt, which the plan may not refuse for want of an authorization; the last claim is
of no file here, so that something is left to match by hand. Standard library only.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple


class Paid(NamedTuple):
    """One claim in whole cents; what is not paid is adjusted by ``reason`` (group and CARC). ``member`` ends NM1*QC."""

    number: str
    charge: int
    paid: int
    control: str
    reason: str = "CO*45"
    interest: int = 0
    member: str = ""
    shows: str = ""


CLAIMS = (
    Paid(
        *("X12-OK-1", 18_000, 18_000, "GS26000001"),
        member="RIVERA*ANA****MI*91234567A",
        shows="Paid in full",
    ),
    Paid(
        *("X12-OK-HOUSING", 8_000, 7_200, "GS26000002"),
        member="HADDAD*SAMIR****MI*94567890E",
        shows="Paid at the contract rate: the difference (CO-45) is recorded as denied, so the claim is settled",
    ),
    Paid(
        *("X12-OK-OUTREACH", 3_500, 0, "GS26000003", "CO*197"),
        member="OKAFOR*ADA****MI*93456789D",
        shows="Outreach denied for lack of authorization, which outreach does not need: the ledger flags it",
    ),
    Paid(
        *("X12-PENDED-CIN", 5_000, 5_000, "GS26000004"),
        member="SOTO*LUZ****MI*95678901B",
        interest=125,
        shows="Paid with interest, in AMT*I of the claim and PLB L6 of the whole, as for a late claim",
    ),
    Paid(
        *("X12-OF-ANOTHER-FILE", 4_000, 4_000, "GS26000005"),
        member="BELL*IRIS****MI*97654321F",
        shows="No such claim here: left to match by hand",
    ),
)
_NPI = "1234567893"
_ACCOUNTS = "01*121000358*DA*0001234*1941234567**01*122000247*DA*0009876"
_ISA = "ISA*00*          *00*          *ZZ*GSHP1          *ZZ*HARBORSTREET   "


def remittance(day: date, claims: Sequence[Paid] = CLAIMS, *, number: int = 1) -> str:
    """The file for a payment on ``day`` (BPR16), made the day after it."""
    made = day + timedelta(days=1)
    interest = sum(claim.interest for claim in claims)
    paid = sum(claim.paid for claim in claims)
    body = [
        f"BPR*I*{_dollars(paid + interest)}*C*ACH*CCP*{_ACCOUNTS}*{day:%Y%m%d}",
        f"TRN*1*GSHP{day:%y%m%d}{number:04}*1941234567",
        f"DTM*405*{made:%Y%m%d}",
        "N1*PR*GOLDEN STATE HEALTH PLAN*XV*GSHP1",
        "N3*100 PLAN WAY",
        "N4*SACRAMENTO*CA*958140000",
        "PER*BL*PROVIDER SERVICES*TE*9165550100",
        f"N1*PE*HARBOR STREET OUTREACH*XX*{_NPI}",
        "REF*TJ*954412345",
        "LX*1",
        *(segment for claim in claims for segment in _claim(claim)),
    ]
    if interest:
        body.append(f"PLB*{_NPI}*{day.year}1231*L6*{_dollars(-interest)}")
    control = f"{number:09}"
    segments = [
        f"{_ISA}*{made:%y%m%d}*0600*^*00501*{control}*0*T*:",
        f"GS*HP*GSHP1*HARBORSTREET*{made:%Y%m%d}*0600*{number}*X*005010X221A1",
        "ST*835*0001",
        *body,
        f"SE*{len(body) + 2}*0001",
        f"GE*1*{number}",
        f"IEA*1*{control}",
    ]
    return "".join(f"{segment}~\n" for segment in segments)


def _claim(claim: Paid) -> list[str]:
    status = "1" if claim.paid else "4"
    charge, paid = _dollars(claim.charge), _dollars(claim.paid)
    segments = [f"CLP*{claim.number}*{status}*{charge}*{paid}*0*MC*{claim.control}*12*1"]
    if claim.charge != claim.paid:
        segments.append(f"CAS*{claim.reason}*{_dollars(claim.charge - claim.paid)}")
    segments.append(f"NM1*QC*1*{claim.member}")
    if claim.interest:
        segments.append(f"AMT*I*{_dollars(claim.interest)}")
    return segments


def _dollars(cents: int) -> str:
    sign, cents = ("-" if cents < 0 else ""), abs(cents)
    return f"{sign}{cents // 100}.{cents % 100:02}".removesuffix(".00")
