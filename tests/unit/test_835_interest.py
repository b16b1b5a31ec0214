"""To which claim of a remittance interest belongs, paid and taken back; the rest is listed, never dropped."""

from services.payments.remittances.balance import INTEREST, interest_by_claim
from services.payments.remittances.model import ClaimPayment, PaymentSet, ProviderAdjustment


def a_claim(ordinal: int, paid: int, interest: int = 0, number: str = "PCN-1") -> ClaimPayment:
    status = "22" if paid < 0 else "1"
    return ClaimPayment(ordinal, "", number, status, paid, paid, interest_cents=interest)


def a_set(*claims: ClaimPayment, plb: tuple[tuple[int, str], ...] = ()) -> PaymentSet:
    adjustments = tuple(ProviderAdjustment(INTEREST, cents, "", reference) for cents, reference in plb)
    return PaymentSet("0001", "", claims=claims, adjustments=adjustments)


def test_interest_of_the_provider_level_belongs_to_the_only_claim_that_was_paid() -> None:
    assert interest_by_claim(a_set(a_claim(1, 9_000), plb=((-500, ""),))) == ({1: 500}, 0)


def test_interest_that_is_taken_back_belongs_to_the_reversal_and_not_to_the_new_payment() -> None:
    sent = a_set(a_claim(1, -9_000), a_claim(2, 8_000), plb=((500, "PCN-1"), (-30, "PCN-1")))

    assert interest_by_claim(sent) == ({1: -500, 2: 30}, 0)


def test_interest_taken_back_without_a_reversal_is_listed_as_not_allocated() -> None:
    assert interest_by_claim(a_set(a_claim(1, 9_000), plb=((500, "PCN-1"),))) == ({}, -500)
    assert interest_by_claim(a_set(a_claim(1, 9_000, -500), plb=((500, ""),))) == ({}, -500)
    assert interest_by_claim(a_set(a_claim(1, 9_000, -500))) == ({}, -500)


def test_interest_of_two_claims_without_a_reference_is_nobodys() -> None:
    assert interest_by_claim(a_set(a_claim(1, 9_000), a_claim(2, 8_000), plb=((-500, ""),))) == ({}, 500)


def test_what_is_said_of_claims_comes_before_the_sum_and_the_difference_is_listed() -> None:
    assert interest_by_claim(a_set(a_claim(1, 9_000, 500), plb=((-700, ""),))) == ({1: 500}, 200)
    assert interest_by_claim(a_set(a_claim(1, 9_000, 500))) == ({1: 500}, 0)
    assert interest_by_claim(a_set(a_claim(1, -9_000, -500), plb=((500, ""),))) == ({1: -500}, 0)
