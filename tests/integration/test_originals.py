"""Which claim a replacement or void stands for: found in the database, said in the event, kept when decided."""

from datetime import date

import msgspec
import pytest
from builders import OTHER_CIN, OTHER_NPI, a_line, a_received_claim
from sqlalchemy import select, update
from validator_harness import Validator

from services.validator import facts
from services.validator.models import CLAIMS, JUDGEMENTS
from services.validator.rules import EarlierLine
from shared.database import Database
from shared.events import ClaimJudged

LONG = "HARBOR-LIGHT-" * 7


@pytest.fixture
def validator(database: Database) -> Validator:
    return Validator(database)


def superseded(validator: Validator) -> list[str]:
    with validator.database.read() as connection:
        return list(connection.execute(select(CLAIMS.c.claim_id).where(CLAIMS.c.superseded)).scalars())


@pytest.mark.parametrize("number", ["1", LONG + "1"])
@pytest.mark.parametrize("frequency", ["7", "8"])
def test_the_claim_of_that_number_for_the_same_member_and_provider_is_the_original(
    validator: Validator, number: str, frequency: str
) -> None:
    mine = a_received_claim(claim_number=number)
    others = [
        a_received_claim(claim_number=number, cin=OTHER_CIN),
        a_received_claim(
            claim_number=number, npi=OTHER_NPI, lines=[a_line(procedure_code="H0044", modifiers=("U2",))]
        ),
        a_received_claim(claim_number=LONG + "2", lines=[a_line(service_start=date(2026, 9, 1))]),
    ]
    validator.judge(mine, *others)

    [judged] = validator.judge(a_received_claim(claim_number=number, frequency=frequency))

    assert (judged.findings, judged.verdict, judged.supersedes) == ((), "accepted", mine.claim_id)
    assert superseded(validator) == [mine.claim_id]
    assert validator.published()[-1] == ("claim.validated", judged)


def test_a_replacement_for_another_member_takes_nothing_away_and_tells_what_to_do(
    validator: Validator,
) -> None:
    theirs = a_received_claim(cin=OTHER_CIN)
    validator.judge(theirs)

    [judged] = validator.judge(a_received_claim(frequency="7", original_reference=theirs.claim_id))

    [finding] = judged.findings
    assert (finding.rule, judged.verdict, judged.supersedes) == ("duplicate.original_unknown", "pended", None)
    assert "for this member and plan" in finding.message and "void it as it was" in finding.message
    assert superseded(validator) == []
    assert validator.decide(judged.claim_id, "release").status_code == 200
    assert validator.judgements(judged.claim_id)[-1].supersedes is None
    assert superseded(validator) == []


def test_claims_of_other_providers_with_a_common_number_are_not_read(
    validator: Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = a_received_claim(claim_number="1")
    validator.judge(mine, *(a_received_claim(claim_number="1", npi=f"19999999{n}") for n in range(10, 30)))
    read: list[EarlierLine] = []
    decode = msgspec.json.Decoder(EarlierLine).decode
    monkeypatch.setattr(facts, "_decode_line", lambda document: read.append(decode(document)) or read[-1])

    [judged] = validator.judge(a_received_claim(claim_number="1", frequency="8"))

    assert judged.supersedes == mine.claim_id
    # Once to find it, once as the line that no longer stands.
    assert [line.claim_id for line in read] == [mine.claim_id, mine.claim_id]


def test_a_replacement_says_what_it_stands_for_through_rejection_and_release(validator: Validator) -> None:
    original = a_received_claim(claim_number="PCN-A")
    validator.judge(original)
    twin = a_received_claim(claim_number="PCN-T", lines=[a_line(units=7)])
    validator.judge(twin)
    replacement = a_received_claim(claim_number="PCN-B", frequency="7", original_reference="PCN-A")
    [pended] = validator.judge(replacement)
    assert (pended.verdict, pended.supersedes) == ("pended", original.claim_id)

    validator.decide(replacement.claim_id, "reject", "The twin is right.")

    rejected = validator.judgements(replacement.claim_id)[-1]
    assert (rejected.verdict, rejected.supersedes) == ("rejected", original.claim_id)
    assert superseded(validator) == []


def test_a_decision_of_a_claim_judged_before_verdicts_said_it_says_what_it_stands_for(
    validator: Validator,
) -> None:
    original = a_received_claim(claim_number="PCN-A")
    validator.judge(original, a_received_claim(claim_number="PCN-T", lines=[a_line(units=7)]))
    replacement = a_received_claim(claim_number="PCN-B", frequency="7", original_reference="PCN-A")
    [pended] = validator.judge(replacement)
    before = msgspec.json.encode({k: v for k, v in msgspec.to_builtins(pended).items() if k != "supersedes"})
    assert msgspec.json.decode(before, type=ClaimJudged).supersedes is msgspec.UNSET
    with validator.database.begin() as connection:
        ours = JUDGEMENTS.c.claim_id == replacement.claim_id
        connection.execute(update(JUDGEMENTS).where(ours).values(document=before))

    validator.decide(replacement.claim_id, "release")

    assert validator.published()[-1][1].supersedes == original.claim_id


def test_a_claim_that_replaces_nothing_says_nothing_of_it(validator: Validator) -> None:
    [judged] = validator.judge(a_received_claim())

    assert judged.supersedes is msgspec.UNSET
