"""What plans and counties tell of members' other care, and an invoice that meets it. Used by ``build.py``.

Every claim has a member of its own, so that each shows one thing. The authorizations cover the members of the other
samples too. Days are counted back from the day on which the samples are made.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

Row = dict[str, Any]

_HARBOR, _PROMOTORAS, _COUNTY, _CCS_MANAGER, _OTHER_ECM = (
    "1234567893",
    "1666000025",
    "1555000011",
    "1777000039",
    "1888000043",
)
_WRONG_NPI = "1666000020"
_LATER_CIN = "96000018M"


class Sample(NamedTuple):
    """A claim of the invoice: its member (CIN, names, birth date), day of service in days before, and what it shows."""

    control: str
    member: tuple[str, str, str, date]
    days_before: int
    units: object
    amount: str
    shows: str
    cells: Row | None = None


def _adult(cin: str, last: str, first: str) -> tuple[str, str, str, date]:
    return cin, last, first, date(1984, 5, 9)


def _code(code: str, modifiers: str, name: str, place: str = "12") -> Row:
    return {"procedure_code": code, "modifiers": modifiers, "service_name": name, "place_of_service": place}


_DEPOSIT = _code("H0044", "U2", "Housing deposit")
_RECUPERATIVE = _code("T2033", "U6", "Recuperative care", "99")
_POST_HOSPITALIZATION = _code("H0043", "U3", "Short-term post-hospitalization housing", "99")
_OUTREACH = _code("G9012", "U8", "ECM outreach, in person", "27")
_VEGA = _adult("96000010N", "Vega", "Rosa")
_BROWN = _adult("96000011T", "Brown", "Leroy")
_LEE = _adult("96000012U", "Lee", "Grace")

CLAIMS: tuple[Sample, ...] = (
    Sample(
        "CARE-BAD-OWN-CHW",
        _adult("96000001A", "Torres", "Elena"),
        30,
        2,
        "50.00",
        "The same organization billed the CHW benefit that day",
    ),
    Sample(
        "CARE-PENDED-CHW",
        _adult("96000002C", "Ramos", "Julio"),
        30,
        2,
        "50.00",
        "Another provider gave a CHW service that day",
    ),
    Sample(
        "CARE-PENDED-COUNTY-TCM",
        _adult("96000003D", "Park", "Soo"),
        29,
        4,
        "100.00",
        "The county gave targeted case management that day",
    ),
    Sample(
        "CARE-OK-CCS",
        ("96000004E", "Diaz", "Mateo", date(2016, 3, 2)),
        29,
        4,
        "100.00",
        "A child in CCS: allowed, with a note that names the CCS case manager's NPI",
    ),
    Sample(
        "CARE-BAD-PACE",
        ("96000005F", "Cohen", "Ruth", date(1948, 1, 15)),
        28,
        2,
        "50.00",
        "A member of PACE, which gives all care itself",
    ),
    Sample(
        "CARE-OK-OUTREACH",
        ("96000006G", "Silva", "Joao", date(1950, 7, 21)),
        28,
        1,
        "35.00",
        "Outreach to a member of PACE, without authorization: always billable",
        _OUTREACH,
    ),
    Sample(
        "CARE-PENDED-WAIVER",
        ("96000007H", "Novak", "Irene", date(1951, 10, 3)),
        27,
        2,
        "50.00",
        "A member of a waiver that brings its own care management: one or the other",
    ),
    Sample(
        "CARE-PENDED-NO-AUTHORIZATION",
        _adult("96000008M", "Adams", "Paul"),
        27,
        2,
        "50.00",
        "No authorization covers the day",
    ),
    Sample(
        "CARE-PENDED-OTHER-AUTHORIZATION",
        _adult("96000009N", "Khan", "Aisha"),
        26,
        2,
        "50.00",
        "ECM is authorized to another provider",
    ),
    Sample(
        "CARE-OK-GRADUATED",
        _adult("96000013V", "Wong", "May"),
        40,
        2,
        "50.00",
        "The member graduated a week later; the CHW service after that is no duplicate",
    ),
    Sample(
        "CARE-OK-PRESUMPTIVE",
        _adult("96000014W", "Flores", "Ivan"),
        24,
        4,
        "100.00",
        "A presumptive authorization counts like any other",
    ),
    Sample("CARE-OK-UNITS", _VEGA, 25, 2, "50.00", "In order"),
    Sample("CARE-PENDED-UNITS", _VEGA, 25, 3, "75.00", "The service of CARE-OK-UNITS with other units"),
    Sample(
        "CARE-OK-BED",
        _BROWN,
        24,
        5,
        "1000.00",
        "Five nights of recuperative care; the last date is the check-out",
        {**_RECUPERATIVE, "nights": 5},
    ),
    Sample(
        "CARE-PENDED-BED",
        _BROWN,
        20,
        3,
        "450.00",
        "Post-hospitalization housing from the last of these nights: two beds on one night",
        {**_POST_HOSPITALIZATION, "nights": 3},
    ),
    Sample("CARE-OK-DEPOSIT", _LEE, 26, 1, "1400.00", "A housing deposit", _DEPOSIT),
    Sample(
        "CARE-PENDED-DEPOSIT",
        _LEE,
        19,
        1,
        "900.00",
        "A second deposit; the limit is one in a lifetime",
        _DEPOSIT,
    ),
    Sample(
        "CARE-PENDED-NOT-IN-PLAN",
        _adult("96000015X", "Hill", "Dana"),
        23,
        2,
        "50.00",
        "The plan's records show the member in the plan only from a later day",
    ),
    Sample(
        "CARE-OK-TWO-CINS",
        _adult("96000016Y", "Mendez", "Omar"),
        22,
        2,
        "50.00",
        "Specialty mental health is on record under the member's other CIN: a note, if the aliases are loaded",
    ),
    Sample(
        "CARE-OK-UNTIL-LATE",
        _adult("96000017Z", "Reyes", "Nora"),
        21,
        4,
        "100.00",
        "In order until care_services_late.csv comes, which tells of county TCM that day",
    ),
)

SERVICE_COLUMNS = (
    "cin",
    "service_date",
    "program",
    "procedure_code",
    "modifiers",
    "units",
    "provider_npi",
    "provider_tin",
    "start_time",
    "end_time",
    "source",
    "record_id",
)
ENROLLMENT_COLUMNS = (
    "cin",
    "program",
    "start_date",
    "end_date",
    "care_manager_npi",
    "source",
    "record_id",
)
AUTHORIZATION_COLUMNS = (
    "cin",
    "benefit",
    "service",
    "authorization_number",
    "start_date",
    "end_date",
    "provider_npi",
    "status",
    "population_of_focus",
    "presumptive",
    "record_id",
)
ALIAS_COLUMNS = ("cin", "alias_cin", "record_id")


def claim_cells(sample: Sample, made_on: date) -> tuple[Row, date, Row]:
    """A claim as the invoice has it: its member's cells, its day, and the cells that are its own."""
    cin, last, first, born = sample.member
    member = {
        "member_cin": cin,
        "member_last_name": last,
        "member_first_name": first,
        "member_birth_date": born,
    }
    day = made_on - timedelta(sample.days_before)
    cells = dict(sample.cells or {})
    nights = cells.pop("nights", None)
    if nights is not None:
        cells["service_end"] = day + timedelta(nights)
    return member, day, cells


def services(on: date) -> Iterator[Row]:
    """``care_services.csv``: of the plan's own CHW claims and of the county."""
    chw = {"program": "CHW", "procedure_code": "98960", "units": "2", "source": "GSHP CHW claims"}
    yield _service("96000001A", on - timedelta(30), "CHW-1001", provider_npi=_HARBOR, **chw)
    yield _service("96000002C", on - timedelta(30), "CHW-1002", provider_npi=_PROMOTORAS, **chw)
    yield _service("96000013V", on - timedelta(25), "CHW-1003", provider_npi=_HARBOR, **chw)
    # Its check digit is wrong: the row is not taken.
    yield _service("92345678C", on - timedelta(31), "CHW-1004", provider_npi=_WRONG_NPI, **chw)
    yield _county_tcm("96000003D", on - timedelta(29), "TCM-501", start_time="09:00", end_time="10:00")


def late_services(on: date) -> Iterator[Row]:
    """``care_services_late.csv``: what the county tells after the claims were judged."""
    yield _county_tcm("96000017Z", on - timedelta(21), "TCM-502")


def enrollments(on: date) -> Iterator[Row]:
    """``enrollments.csv``."""
    yield _enrollment("96000004E", "CCS", on - timedelta(300), "CCS-21", care_manager_npi=_CCS_MANAGER)
    yield _enrollment("96000005F", "PACE", on - timedelta(400), "PACE-7")
    yield _enrollment("96000006G", "PACE", on - timedelta(500), "PACE-8")
    yield _enrollment("96000007H", "MSSP", on - timedelta(200), "MSSP-3")
    yield _enrollment("96000015X", "MANAGED_CARE", on - timedelta(15), "PLAN-90015")
    yield _enrollment(_LATER_CIN, "TCM_SMHS", on - timedelta(120), "MH-44")


def authorizations(on: date) -> Iterator[Row]:
    """``authorizations.csv``: ECM for a year unless said otherwise, and the Community Supports that are billed."""
    others = ("91234567A", "92345678C", "93456789D", "94567890E", "95678901B")
    without = ("96000006G", "96000008M", "96000010N", "96000011T", "96000012U")
    particular = ("92345678C", "96000009N", "96000013V", "96000014W")
    cins = dict.fromkeys((*others, *(each.member[0] for each in CLAIMS)))
    for cin in cins:
        if cin not in (*without, *particular):
            yield _ecm(cin, on - timedelta(180))
    yield _ecm("92345678C", on - timedelta(180), provider_npi="")  # to any provider
    yield _ecm("96000010N", on - timedelta(90), population_of_focus="Homelessness")
    yield _ecm("96000009N", on - timedelta(90), provider_npi=_OTHER_ECM)
    yield _ecm("96000013V", on - timedelta(300), status="graduated", end_date=on - timedelta(33))
    yield _ecm("96000014W", on - timedelta(30), presumptive="yes", end_date=on - timedelta(1))
    yield _support("94567890E", "housing_tenancy_sustaining", on - timedelta(90))
    yield _support("94567890E", "housing_deposits", on - timedelta(90))
    yield _support("96000011T", "recuperative_care", on - timedelta(40))
    yield _support("96000011T", "post_hospitalization_housing", on - timedelta(40))
    yield _support("96000012U", "housing_deposits", on - timedelta(90))


def aliases() -> Iterator[Row]:
    """``member_aliases.csv``."""
    yield {"cin": "96000016Y", "alias_cin": _LATER_CIN, "record_id": "MERGE-12"}


def _service(cin: str, day: date, record_id: str, **cells: str) -> Row:
    return {"cin": cin, "service_date": day, "record_id": record_id, **cells}


def _county_tcm(cin: str, day: date, record_id: str, **cells: str) -> Row:
    return _service(
        cin,
        day,
        record_id,
        program="TCM_COUNTY",
        procedure_code="T1017",
        units="4",
        provider_npi=_COUNTY,
        source="County TCM",
        **cells,
    )


def _enrollment(cin: str, program: str, start: date, record_id: str, **cells: object) -> Row:
    return {
        "cin": cin,
        "program": program,
        "start_date": start,
        "record_id": record_id,
        "source": "GSHP",
        **cells,
    }


def _ecm(cin: str, start: date, **cells: object) -> Row:
    return {
        "cin": cin,
        "benefit": "ECM",
        "authorization_number": f"ECM-{cin[-4:]}",
        "start_date": start,
        "end_date": _a_year_from(start),
        "provider_npi": _HARBOR,
        "status": "authorized",
        "record_id": f"ECM-{cin}",
        **cells,
    }


def _support(cin: str, service: str, start: date) -> Row:
    return {
        "cin": cin,
        "benefit": "CS",
        "service": service,
        "authorization_number": f"CS-{cin[-4:]}",
        "start_date": start,
        "end_date": start + timedelta(179),
        "provider_npi": _HARBOR,
        "status": "authorized",
        "record_id": f"CS-{cin}-{service}",
    }


def _a_year_from(start: date) -> date:
    """The last day of twelve months."""
    year = start.year + 1
    same_day = date(year, start.month, min(start.day, monthrange(year, start.month)[1]))
    return same_day - timedelta(1)
