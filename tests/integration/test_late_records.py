"""Records that come, change or go after the claim: what is judged again, who is told, and what stays as it was."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

import pytest
import random_records
from builders import BILLING_NPI, CIN, OTHER_CIN, OTHER_NPI, SERVICE_DAY, a_claim, a_line, a_received_claim
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from random_records import DAYS
from sqlalchemy import delete
from validator_harness import Validator

from services.validator.handlers import JudgeReceived
from services.validator.late import CompareWithRecords
from services.validator.models import METADATA
from shared.care import Authorization, CareService, Enrollment, MemberAlias, Record
from shared.database import Database
from shared.events import CLAIMS_RECEIVED, ClaimJudged, new_event

TCM = CareService("T-1", CIN, SERVICE_DAY, "TCM_SMHS", "T1017", provider_npi=OTHER_NPI)
OWN_CHW = CareService("C-1", CIN, SERVICE_DAY, "CHW", "98960", ("U2",), provider_npi=BILLING_NPI)
CCS = Enrollment("E-1", CIN, "CCS", date(2026, 1, 1))
ECM = Authorization("A-1", CIN, "ECM", date(2026, 1, 1), end_date=date(2026, 12, 31))


@pytest.fixture
def validator(database: Database) -> Validator:
    return Validator(database)


def rules(judged: ClaimJudged) -> list[str]:
    return [finding.rule for finding in judged.findings]


def test_a_record_that_comes_later_makes_an_accepted_claim_a_suspected_duplicate(
    validator: Validator,
) -> None:
    [first] = validator.judge(a_received_claim())
    validator.tell(TCM)
    before, after = validator.judgements(first.claim_id)
    assert before == first and first.verdict == "accepted"
    assert (after.judgement, after.verdict, after.clean, after.review) == (2, "accepted", True, "suspected")
    assert [finding.rule for finding in after.found] == ["overlap.tcm_smhs"] == rules(after)
    assert [each.service for each in after.evidence] == [TCM]
    assert validator.published()[-1] == ("claim.duplicates_found", after)
    assert validator.queue() == [first.claim_id]


def test_when_the_record_is_taken_back_the_suspicion_ends_and_both_stay_in_the_history(
    validator: Validator,
) -> None:
    [first] = validator.judge(a_received_claim())
    validator.tell(TCM)
    validator.tell(TCM, withdrawn=True)
    history = validator.judgements(first.claim_id)
    assert [rules(each) for each in history] == [[], ["overlap.tcm_smhs"], []]
    assert [each.review for each in history] == [None, "suspected", None]
    assert validator.published()[-1][0] == "claim.validated"
    assert validator.queue() == []


def test_a_corrected_record_that_no_longer_touches_the_claim_counts_as_gone(validator: Validator) -> None:
    [first] = validator.judge(a_received_claim())
    validator.tell(TCM)
    validator.tell(replace(TCM, service_date=SERVICE_DAY + timedelta(days=1)))
    assert rules(validator.judgements(first.claim_id)[-1]) == []


def test_a_claim_pended_for_want_of_an_authorization_is_accepted_when_it_comes(validator: Validator) -> None:
    validator.cover("authorizations")
    [first] = validator.judge(a_received_claim())
    assert (first.verdict, rules(first)) == ("pended", ["authorization.missing"])
    validator.tell(ECM)
    after = validator.judgements(first.claim_id)[-1]
    assert (after.verdict, after.review, rules(after)) == ("accepted", None, [])
    assert validator.published()[-1] == ("claim.validated", after)
    assert validator.queue() == []


def test_a_claim_rejected_for_a_record_that_is_taken_back_is_put_before_a_person(
    validator: Validator,
) -> None:
    validator.tell(OWN_CHW)
    [first] = validator.judge(a_received_claim())
    assert (first.verdict, rules(first)) == ("rejected", ["overlap.chw"])
    validator.tell(OWN_CHW, withdrawn=True)
    after = validator.judgements(first.claim_id)[-1]
    assert (after.verdict, after.review, rules(after)) == ("rejected", "reconsider", [])
    assert len(validator.published()) == 1, "nobody is told before a person has decided"
    answer = validator.decide(first.claim_id, "release", "The CHW record was a mistake.")
    assert answer.json["verdict"] == "accepted"
    assert validator.judgements(first.claim_id)[-1].clean


def test_a_reject_that_shows_late_rejects_nothing_by_itself(validator: Validator) -> None:
    [first] = validator.judge(a_received_claim())
    validator.tell(OWN_CHW)
    after = validator.judgements(first.claim_id)[-1]
    assert (after.verdict, after.review) == ("accepted", "suspected")
    assert [(finding.rule, finding.severity) for finding in after.found] == [("overlap.chw", "reject")]


def test_a_note_is_added_without_bothering_anybody(validator: Validator) -> None:
    [first] = validator.judge(a_received_claim())
    validator.tell(CCS)
    after = validator.judgements(first.claim_id)[-1]
    assert (after.verdict, after.review, rules(after)) == ("accepted", None, ["overlap.ccs"])
    assert validator.published()[-1][0] == "claim.validated"
    assert validator.queue() == []


@pytest.mark.parametrize(
    "record",
    [
        replace(TCM, cin=OTHER_CIN),
        replace(TCM, service_date=SERVICE_DAY - timedelta(days=1)),
        replace(TCM, payers=("ANOTHER",)),
        Enrollment("E-2", CIN, "PACE", date(2027, 1, 1)),
    ],
    ids=["another member", "another day", "another plan", "a later time"],
)
def test_what_does_not_touch_a_claim_leaves_it_alone(validator: Validator, record: Record) -> None:
    [first] = validator.judge(a_received_claim())
    validator.tell(record)
    assert validator.judgements(first.claim_id) == [first]


def test_the_same_record_again_changes_nothing(validator: Validator) -> None:
    [first] = validator.judge(a_received_claim())
    for _ in range(3):
        validator.tell(TCM)
    assert len(validator.judgements(first.claim_id)) == 2


def test_a_suspicion_that_was_dismissed_comes_back_only_with_something_new(validator: Validator) -> None:
    [first] = validator.judge(a_received_claim())
    validator.tell(TCM)
    validator.decide(first.claim_id, "release", "Another service.")
    validator.tell(replace(TCM, units="3"))
    assert validator.queue() == []
    validator.tell(CCS)
    assert validator.queue() == [], "a note is no reason"
    validator.tell(replace(TCM, record_id="T-2", program="ICC", modifiers=("HK",)))
    assert validator.queue() == [first.claim_id]


def test_a_claim_that_was_voided_is_not_judged_again(validator: Validator) -> None:
    original = a_received_claim()
    void = a_received_claim(a_claim(frequency="8", original_reference=original.claim.claim_number))
    [first, _] = validator.judge(original, void)
    validator.tell(TCM)
    assert validator.judgements(first.claim_id) == [first]


def test_once_two_cins_are_known_to_be_one_member_records_and_claims_of_both_meet(
    validator: Validator,
) -> None:
    validator.tell(replace(TCM, cin=OTHER_CIN))
    [first] = validator.judge(a_received_claim())
    [second] = validator.judge(a_received_claim(a_claim(cin=OTHER_CIN, lines=[a_line(units=5)])))
    [third] = validator.judge(a_received_claim())
    assert (rules(first), rules(second), rules(third)) == ([], ["overlap.tcm_smhs"], ["duplicate.exact"])
    validator.tell(MemberAlias("M-1", CIN, OTHER_CIN))
    assert rules(validator.judgements(first.claim_id)[-1]) == ["overlap.tcm_smhs"]
    after = validator.judgements(second.claim_id)[-1]
    assert sorted(rules(after)) == ["duplicate.other_units", "overlap.tcm_smhs"]
    assert {each.billed.claim_id for each in after.evidence if each.billed} == {first.claim_id}
    [fourth] = validator.judge(a_received_claim(a_claim(cin=OTHER_CIN)))
    assert "duplicate.exact" in rules(fourth)


def test_a_record_stored_while_a_claim_is_being_judged_still_meets_it(
    new_database: Callable[[str], Database],
) -> None:
    """The judge has read the records, then one is stored and compared, then the judge commits."""
    validator = Validator(new_database("postgresql"))
    claim = a_received_claim()
    event = new_event(
        CLAIMS_RECEIVED,
        "claim.received",
        "/intake",
        subject=claim.claim_id,
        key="k",
        data=claim,
        now=validator.now(),
    )
    with validator.database.begin() as connection:
        JudgeReceived(validator.parts)(connection, [event])
        validator.load(TCM)
        comparing = threading.Thread(target=CompareWithRecords(validator.parts).run_once)
        comparing.start()
        comparing.join(0.5)
        assert comparing.is_alive(), "it has to wait for the judge"
    comparing.join(20)
    assert [rules(each) for each in validator.judgements(claim.claim_id)] == [[], ["overlap.tcm_smhs"]]


# --- Any order of arrival ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Something that arrives: a claim of the history, or a record, perhaps to be taken back."""

    order: int
    record: Record | None = None
    withdrawn: bool = False
    claim: int | None = field(default=None)


_CLAIMS = [
    (CIN, (a_line(1, service_start=DAYS[0]), a_line(2, service_start=DAYS[1]))),
    (OTHER_CIN, (a_line(1, service_start=DAYS[2]),)),
    (CIN, (a_line(1, procedure_code="T2033", modifiers=("U6",), service_start=DAYS[1], units=1),)),
]


@pytest.fixture(scope="module")
def one_database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return Database(f"sqlite:///{tmp_path_factory.mktemp('order')}/validator.db", "validator")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    # What comes of one record id keeps its order: the last version stands, in whatever order others come.
    records=st.lists(st.tuples(random_records.records(), st.booleans()), max_size=7),
    together=st.booleans(),
    shuffles=st.randoms(use_true_random=False),
)
def test_the_same_history_in_any_order_of_arrival_ends_in_the_same_findings(
    one_database: Database, records: list[tuple[Record, bool]], together: bool, shuffles: object
) -> None:
    steps = [Step(0, record=record, withdrawn=gone) for record, gone in records]
    if together:
        steps.append(Step(0, record=MemberAlias("M1", CIN, OTHER_CIN)))
    claims = [Step(0, claim=number) for number in range(len(_CLAIMS))]
    endings = [
        _ending(one_database, order)
        for order in ([*steps, *claims], [*claims, *steps], _interleaved(steps, claims, shuffles))
    ]
    assert endings[0] == endings[1] == endings[2]


def _interleaved(steps: list[Step], claims: list[Step], shuffles: object) -> list[Step]:
    """Records in another order, each id's own versions in theirs, with the claims in between."""
    versions: dict[str, list[Step]] = {}
    for step in steps:
        assert step.record is not None
        versions.setdefault(step.record.record_id, []).append(step)
    queues = [*versions.values(), list(claims)]
    merged = []
    while queues := [queue for queue in queues if queue]:
        merged.append(shuffles.choice(queues).pop(0))  # type: ignore[attr-defined]
    return merged


_numbers = count(1)


def _ending(database: Database, steps: list[Step]) -> list[list[tuple[str, str, int | None]]]:
    """Every claim's findings once all has arrived; coverage stands from the beginning."""
    validator = Validator(database)
    with database.begin() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(delete(table))
    validator.cover("authorizations")
    run = next(_numbers)
    for step in steps:
        if step.record is not None:
            validator.tell(step.record, withdrawn=step.withdrawn)
        elif step.claim is not None:
            cin, lines = _CLAIMS[step.claim]
            received = a_received_claim(a_claim(cin=cin, lines=lines, claim_number=f"N{step.claim}"))
            validator.judge(replace(received, claim_id=f"clm_{run:06}_{step.claim}"))
    return [
        sorted(
            (finding.rule, finding.severity, finding.line)
            for finding in validator.judgements(f"clm_{run:06}_{number}")[-1].findings
        )
        for number in range(len(_CLAIMS))
    ]
