"""Other claims and further CINs that change what is found of a claim after it was judged, and what stays decided."""

from datetime import date

import pytest
from builders import CIN, OTHER_CIN, SERVICE_DAY, a_claim, a_line, a_received_claim
from validator_harness import Validator

from shared.care import CareService, MemberAlias
from shared.database import Database
from shared.events import ClaimJudged, ClaimReceived

ALIAS = MemberAlias("M-1", CIN, OTHER_CIN)
DEPOSIT = {"procedure_code": "H0044", "modifiers": ("U2",), "units": 1}
LIMIT = "limit.housing_deposits_once"


@pytest.fixture
def validator(database: Database) -> Validator:
    return Validator(database)


@pytest.fixture
def on_sqlite(new_database: object) -> Validator:
    return Validator(new_database("sqlite"))  # type: ignore[operator]


def a_deposit(day: date = SERVICE_DAY, **overrides: object) -> ClaimReceived:
    return a_received_claim(lines=[a_line(**DEPOSIT, service_start=day)], **overrides)


def rules(judged: ClaimJudged) -> list[str]:
    return [finding.rule for finding in judged.findings]


def last(validator: Validator, received: ClaimReceived) -> ClaimJudged:
    return validator.judgements(received.claim_id)[-1]


def test_a_limit_is_counted_over_both_cins_once_they_are_known_to_be_one_member(validator: Validator) -> None:
    first, second = a_deposit(), a_deposit(date(2026, 10, 1), cin=OTHER_CIN)
    assert [rules(each) for each in validator.judge(first, second)] == [[], []]
    validator.tell(ALIAS)
    after = last(validator, second)
    assert (rules(after), after.verdict, after.review) == ([LIMIT], "accepted", "suspected")
    assert [each.billed.claim_id for each in after.evidence if each.billed] == [first.claim_id]
    assert rules(last(validator, first)) == [], "it came first"
    assert validator.published()[-1] == ("claim.duplicates_found", after)


def test_an_alias_that_is_taken_back_closes_the_cases_that_it_opened(validator: Validator) -> None:
    claims = [a_received_claim(), a_received_claim(cin=OTHER_CIN, lines=[a_line(units=5)])]
    claims += [a_deposit(), a_deposit(cin=OTHER_CIN)]
    validator.judge(*claims)
    validator.tell(ALIAS)
    assert validator.queue() == [claims[1].claim_id, claims[3].claim_id]
    validator.tell(ALIAS, withdrawn=True)
    assert validator.queue() == []
    for each, rule in ((claims[1], "duplicate.other_units"), (claims[3], "duplicate.exact")):
        history = validator.judgements(each.claim_id)
        assert [rules(judged) for judged in history] == [[], [rule], []], "both stay in the history"
        assert history[-1].evidence == ()
    answer = validator.decide(claims[1].claim_id, "reject")
    assert answer.status_code == 409 and "no longer waits" in answer.json["detail"]


def test_a_duplicate_of_a_member_who_was_taken_for_another_is_put_before_a_person(
    validator: Validator,
) -> None:
    validator.tell(ALIAS)
    first, second = a_received_claim(), a_received_claim(cin=OTHER_CIN)
    assert [each.verdict for each in validator.judge(first, second)] == ["accepted", "rejected"]
    told = len(validator.published())
    validator.tell(ALIAS, withdrawn=True)
    after = last(validator, second)
    assert (rules(after), after.verdict, after.review) == ([], "rejected", "reconsider")
    assert len(validator.published()) == told, "nobody is told before a person has decided"
    assert validator.decide(second.claim_id, "release").json["verdict"] == "accepted"
    [again] = validator.judge(a_received_claim(cin=OTHER_CIN))
    assert rules(again) == ["duplicate.exact"]


@pytest.mark.parametrize("how", ["voided", "rejected"])
def test_what_is_no_longer_billed_is_no_longer_counted(validator: Validator, how: str) -> None:
    unknown = {"frequency": "7", "original_reference": "NOBODY'S"} if how == "rejected" else {}
    first, second = a_deposit(**unknown), a_deposit(date(2026, 10, 1))
    before = validator.judge(first, second)[1]
    assert (before.verdict, rules(before)) == ("pended", [LIMIT])
    if how == "voided":
        number = first.claim.claim_number
        validator.judge(a_received_claim(a_claim(frequency="8", original_reference=number)))
    else:
        validator.decide(first.claim_id, "reject", "Send it as a new claim.")
    validator.compare()
    after = last(validator, second)
    assert (after.judgement, after.verdict, after.review, rules(after)) == (2, "accepted", None, [])
    assert validator.published()[-1] == ("claim.validated", after)
    assert validator.queue() == []


def test_a_claim_released_after_all_counts_for_those_that_came_after_it(validator: Validator) -> None:
    """It was rejected as a duplicate of another member's claim, for an alias that was wrong."""
    validator.tell(ALIAS)
    original, first = a_deposit(), a_deposit(cin=OTHER_CIN)
    second = a_deposit(date(2026, 10, 1), cin=OTHER_CIN)
    validator.judge(original, first)
    validator.tell(ALIAS, withdrawn=True)
    assert rules(validator.judge(second)[0]) == []
    assert validator.decide(first.claim_id, "release").status_code == 200
    validator.compare()
    assert (rules(last(validator, second)), last(validator, second).review) == ([LIMIT], "suspected")


def test_what_somebody_released_knowing_of_a_finding_does_not_come_back_with_it(on_sqlite: Validator) -> None:
    first, second = a_deposit(), a_deposit(date(2026, 10, 1), cin=OTHER_CIN)
    on_sqlite.judge(first, second)
    on_sqlite.tell(ALIAS)
    on_sqlite.decide(second.claim_id, "release", "The exception is on file.")
    on_sqlite.tell(ALIAS, withdrawn=True)
    on_sqlite.tell(ALIAS)
    assert rules(last(on_sqlite, second)) == [LIMIT]
    assert on_sqlite.queue() == []
    assert on_sqlite.published()[-1][0] == "claim.validated"


def test_a_case_ends_when_all_that_nobody_has_weighed_is_gone(on_sqlite: Validator) -> None:
    tcm = CareService("T-1", CIN, SERVICE_DAY, "TCM_SMHS", "T1017")
    first, second = a_received_claim(), a_received_claim(lines=[a_line(units=5)])
    on_sqlite.judge(first, second)
    on_sqlite.decide(second.claim_id, "release", "Two visits.")
    on_sqlite.tell(tcm)
    assert on_sqlite.queue() == [first.claim_id, second.claim_id]
    on_sqlite.tell(tcm, withdrawn=True)
    assert on_sqlite.queue() == []
    assert rules(last(on_sqlite, second)) == ["duplicate.other_units"], "that was weighed, and holds"


def test_the_claim_judged_first_is_the_original_even_if_the_other_was_received_before(
    on_sqlite: Validator,
) -> None:
    """A file of 837P waits for its conformity check; an invoice that came after it is judged at once."""
    second = a_received_claim(lines=[a_line(units=5)])
    first = a_received_claim()
    on_sqlite.judge(first)
    on_sqlite.today = "2026-11-11"
    on_sqlite.judge(second)
    on_sqlite.tell(ALIAS)
    assert rules(last(on_sqlite, first)) == []
    assert rules(last(on_sqlite, second)) == ["duplicate.other_units"]


def test_records_that_came_while_a_claim_was_replaced_meet_it_when_it_stands_again(
    validator: Validator,
) -> None:
    earlier = a_received_claim(lines=[a_line(units=5)])
    original = a_received_claim(claim_number="PCN-A")
    replacement = a_received_claim(claim_number="PCN-B", frequency="7", original_reference="PCN-A")
    validator.judge(earlier, original)
    validator.judge(replacement)
    validator.tell(CareService("T-1", CIN, SERVICE_DAY, "TCM_SMHS", "T1017"))
    assert rules(last(validator, original)) == ["duplicate.other_units"], "it does not count any more"
    validator.decide(replacement.claim_id, "reject", "The first one was right.")
    validator.compare()
    assert sorted(rules(last(validator, original))) == ["duplicate.other_units", "overlap.tcm_smhs"]


def test_one_members_claims_are_left_alone_when_anothers_no_longer_count(on_sqlite: Validator) -> None:
    mine, another = a_deposit(), a_deposit(date(2026, 10, 1), cin=OTHER_CIN)
    on_sqlite.judge(mine, another)
    number = mine.claim.claim_number
    on_sqlite.judge(a_received_claim(a_claim(frequency="8", original_reference=number)))
    on_sqlite.compare()
    assert len(on_sqlite.judgements(another.claim_id)) == 1


def test_what_a_rejected_replacement_was_to_replace_stays_void_whatever_is_decided_of_it(
    on_sqlite: Validator,
) -> None:
    original = a_received_claim(claim_number="PCN-A", lines=[a_line(units=5)])
    first = a_received_claim(cin=OTHER_CIN)
    replacement = a_received_claim(claim_number="PCN-B", frequency="7", original_reference="PCN-A")
    void = a_received_claim(claim_number="PCN-C", frequency="8", original_reference="PCN-A")
    on_sqlite.tell(ALIAS)
    verdicts = [each.verdict for each in on_sqlite.judge(original, first, replacement, void)]
    assert verdicts == ["accepted", "pended", "rejected", "accepted"], (
        "the replacement repeats the other CIN's"
    )
    on_sqlite.tell(ALIAS, withdrawn=True)
    assert on_sqlite.decide(replacement.claim_id, "release").status_code == 200
    on_sqlite.tell(CareService("T-1", CIN, SERVICE_DAY, "TCM_SMHS", "T1017"))
    assert on_sqlite.decide(replacement.claim_id, "reject").status_code == 200
    [again] = on_sqlite.judge(a_received_claim(lines=[a_line(units=5)]))
    assert not [rule for rule in rules(again) if rule.startswith("duplicate.")]
