"""Keys of service lines as revision 0002 made them, from services as DHCS listed them then.

A copy: databases of that revision stay what they were when the rules make their keys in another way.
"""

from collections.abc import Iterable
from hashlib import blake2b

_CODES = {
    "ecm": "G9008 U1, G9012 U2",
    "ecm_outreach": "G9008 U8, G9012 U8",
    "housing_transition_navigation": "H0043 U6, H2016 U6",
    "housing_deposits": "H0044 U2",
    "housing_tenancy_sustaining": "T2040 U6, T2041 U6, T2050 U6, T2051 U6",
    "housing_outreach": "T1016 U8",
    "post_hospitalization_housing": "H0043 U3, H0044 U3",
    "recuperative_care": "T2033 U6",
    "transitional_rent": "H0040 U1, H0040 U2, H0043 U2, H0044 U6",
    "respite": "H0045 U6, S5151 U6, S9125 U6",
    "day_habilitation": "T2012 U6, T2014 U6, T2018 U6, T2020 U6, H2014 U6, H2024 U6, H2026 U6, H2038 U6",
    "assisted_living_transitions": "T2038 U4, H2022 U5",
    "community_home_transitions": "T2038 U5, H0044 U5",
    "personal_care_homemaker": "S5130 U6, T1019 U6",
    "home_modifications": "S5165 U6",
    "asthma_remediation": "S5165 U5",
    "medically_tailored_meals": "S5170 U6, S9452 U5, S9452 U6, S9470 U6, S9977 U4, S9977 U5, S9977 U6, S9977 U7, "
    "S9977 U8, S9977 U9",
    "sobering_centers": "H0014 U6",
}
_SERVICES = {
    (code[:5], frozenset(code[6:].split())): service
    for service, codes in _CODES.items()
    for code in codes.split(", ")
}
_TELEHEALTH = {"GQ"}
_LODGING = {"post_hospitalization_housing", "recuperative_care", "transitional_rent"}
_GROUP = (1 << 20) - 1


def service_of(hcpcs: str, modifiers: Iterable[str]) -> str:
    """The id of the service that the code and its modifiers name; empty where they name none."""
    return _SERVICES.get((hcpcs, frozenset(modifiers) - _TELEHEALTH), "")


def key_of(cin: str | None, service: str, hcpcs: str) -> int:
    """The member (the upper 44 bits) and the services that are compared with each other, as a signed number."""
    group = "lodging" if service in _LODGING else service or hcpcs
    return (_hashed(cin or "") & ~_GROUP) | (_hashed(group) & _GROUP)


def _hashed(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
