"""Places in the words of an EDI analyst."""

import pytest

from shared.claim import Claim, Source
from shared.x12.places import element_place, field_at, where_in_837p

CLAIM = Claim(channel="837P", source=Source(set_control="0001"))


@pytest.mark.parametrize(
    ("line", "field", "where"),
    [
        (1, "procedure_code", "ST 0001, LX 1, SV101-2"),
        (2, "units", "ST 0001, LX 2, SV104"),
        (2, "place_of_service", "ST 0001, LX 2, SV105"),
        (None, "place_of_service", "ST 0001, CLM05-1"),
        (None, "cin", "ST 0001, 2010BA NM109"),
        (None, "member.cin", "ST 0001, 2010BA NM109"),
        (None, "npi", "ST 0001, 2010AA NM109"),
        (3, "rendering_npi", "ST 0001, LX 3, 2420A NM109"),
        (2, "member.birth_date", "ST 0001, 2010BA DMG02"),
        (None, "something_new", "ST 0001, something_new"),
    ],
)
def test_a_field_has_its_element(line: int | None, field: str, where: str) -> None:
    assert where_in_837p(CLAIM, line, field) == where


def test_a_place_and_its_field_lead_to_each_other() -> None:
    assert field_at(element_place("charge_cents", of_line=True), of_line=True) == "charge_cents"
    assert field_at("SV101-4", of_line=True) == "modifiers"
    assert field_at("HI03-2") == "diagnosis_codes"
    assert field_at("K301") is None
