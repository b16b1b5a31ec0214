"""A finding's place leads to where its field stands, whichever line it was found with."""

import pytest

from shared.claim import Claim, Payer, ServiceLine, Source
from shared.places import where

LINES = (ServiceLine(1, row=2), ServiceLine(2, row=5))
JSON = Claim(channel="json", lines=LINES, source=Source(pointer="/claims/3"))
INVOICE = Claim(channel="invoice", payer=Payer(), lines=LINES, source=Source(sheet="Invoice"))


@pytest.mark.parametrize(
    ("line", "field", "pointer"),
    [
        (2, "units", "/claims/3/lines/1/units"),
        (2, "charge_cents", "/claims/3/lines/1/amount_cents"),
        (2, "place_of_service", "/claims/3/lines/1/place_of_service"),
        (2, "member.birth_date", "/claims/3/member/birth_date"),
        (1, "original_reference", "/claims/3/original_reference"),
        (None, "claim_number", "/claims/3/control_number"),
        (None, "cin", "/claims/3/member/cin"),
    ],
)
def test_a_json_pointer_names_a_line_only_for_what_a_line_holds(
    line: int | None, field: str, pointer: str
) -> None:
    assert where(JSON, line, field) == pointer


def test_an_invoice_names_the_row_that_was_judged() -> None:
    assert where(INVOICE, 2, "member.birth_date") == 'sheet "Invoice", row 5, column member_birth_date'
