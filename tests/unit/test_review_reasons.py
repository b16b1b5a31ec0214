"""What a person is asked to decide on: not again on what somebody has weighed already."""

from msgspec.structs import replace

from services.validator.review.queue import Reason, reasons
from shared.findings import Finding

BILLED_TWICE = Finding("duplicate.exact", "pend", "Billed twice.", 1, value="G9012 U2", expected="once")
IN_ONE_WAIVER = Finding(
    "overlap.either_or",
    "pend",
    "In the Assisted Living Waiver.",
    1,
    value="G9012 U2",
    expected="no date of service while the member is in the Assisted Living Waiver",
)
IN_ANOTHER = replace(
    IN_ONE_WAIVER, message="In hospice.", expected="no date of service while the member is in hospice"
)


def asked(now: list[Finding], weighed: list[Finding]) -> list[str]:
    return [each.message for each in reasons("suspected", now, weighed)]


def test_another_program_under_the_same_rule_is_new_and_what_was_weighed_is_not_asked_again() -> None:
    assert asked([BILLED_TWICE, IN_ANOTHER], [BILLED_TWICE, IN_ONE_WAIVER]) == ["In hospice."]


def test_the_same_finding_in_other_words_is_not_new() -> None:
    reworded = replace(IN_ONE_WAIVER, message="The waiver runs.")
    assert asked([BILLED_TWICE, reworded], [IN_ONE_WAIVER]) == ["Billed twice."]


def test_a_rejection_to_reconsider_shows_first_what_no_longer_holds() -> None:
    rejected = replace(IN_ONE_WAIVER, severity="reject")
    gone, still = reasons("reconsider", [BILLED_TWICE], [rejected])
    assert gone == Reason("overlap.either_or", "reject", "In the Assisted Living Waiver.", 1, holds=False)
    assert (still.rule, still.holds) == ("duplicate.exact", True)
