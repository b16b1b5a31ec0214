"""What a claim's timeline says to the provider when records made the validator judge it again."""

from datetime import UTC, datetime

import pytest

from services.intake.handlers import JudgedFacts, SentClaim, _judged_words
from shared.events import CLAIMS_PENDED, CLAIMS_VALIDATED, ReviewKind, new_event
from shared.findings import Verdict


@pytest.mark.parametrize(
    ("judgement", "verdict", "review", "words"),
    [
        (1, "accepted", None, "The claim passed every check."),
        (2, "accepted", None, "The claim was checked again. Nothing holds it up."),
        (
            2,
            "accepted",
            "suspected",
            "The claim was checked again. The plan is still looking at it.",
        ),
        (2, "pended", "pended", "The plan has to look at the claim. Its payment clock runs on."),
    ],
    ids=["on arrival", "nothing left", "one of two suspicions left", "still pended"],
)
def test_a_claim_is_said_to_be_free_only_when_nobody_looks_at_it_any_more(
    judgement: int, verdict: Verdict, review: ReviewKind | None, words: str
) -> None:
    told = JudgedFacts(
        claim_id="clm_1",
        submission_id="sub_1",
        judgement=judgement,
        verdict=verdict,
        clean=True,
        findings=(),
        review=review,
    )
    event = new_event(
        CLAIMS_PENDED if verdict == "pended" else CLAIMS_VALIDATED,
        "claim.validated",
        "/validator",
        subject="clm_1",
        key="k",
        data=told,
        now=datetime(2026, 11, 20, tzinfo=UTC),
    )
    assert _judged_words(event, told) == words


def test_a_void_that_waits_for_the_plan_has_no_payment_clock() -> None:
    told = JudgedFacts("clm_1", "sub_1", 1, "pended", True, (), review="pended", claim=SentClaim("8"))
    event = new_event(
        CLAIMS_PENDED,
        "claim.pended",
        "/validator",
        subject="clm_1",
        key="k",
        data=told,
        now=datetime.now(UTC),
    )
    assert "no payment clock runs" in _judged_words(event, told)
