"""Duplicates and limits against a judge who compares every line with every earlier one."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from naive_duplicates import Member, a_history, naive_findings

from services.validator.rules import Aliases, Context, History, Judgement, judge_batch, prepare
from shared.payers import Payers
from shared.reference.codes import CodeSet

CONTEXT = Context(CodeSet.load(), Payers.load(None))
MEMBERS = (Member(("91234567A",)), Member(("97654321C", "97654322D", "97654323E")))
GROUPS = [member.cins for member in MEMBERS if len(member.cins) > 1]


def told(judgement: Judgement) -> list[tuple[str, int, str, str | None, int | None]]:
    """What was found of duplicates and limits, as the naive judge says it."""
    claim_id = judgement.received.claim_id
    evidence = {(each.rule, each.line): each.billed for each in judgement.evidence}
    found = []
    for finding in judgement.findings:
        if not finding.rule.startswith(("duplicate.", "limit.")):
            continue
        billed = evidence.get((finding.rule, finding.line))
        if finding.rule.startswith("limit."):
            assert billed is None or (billed.claim_id, billed.line) != (claim_id, finding.line)
            billed = None
        found.append(
            (
                finding.rule,
                finding.line or 0,
                finding.severity,
                billed.claim_id if billed else None,
                billed.line if billed else None,
            )
        )
    return found


def sorted_each(findings: dict[str, list]) -> dict[str, list]:
    return {claim_id: sorted(each, key=str) for claim_id, each in findings.items()}


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 14), st.booleans())
def test_the_rules_find_what_a_judge_finds_who_compares_everything(random: Random, claims: int, joined: bool):
    groups = GROUPS if joined else []
    history = a_history(random, MEMBERS, claims)
    judgements = judge_batch(
        [prepare(each, CONTEXT) for each in history], CONTEXT, History(aliases=Aliases(groups))
    )
    found = {judgement.received.claim_id: told(judgement) for judgement in judgements}
    assert sorted_each(found) == sorted_each(naive_findings(history, groups))


def test_random_histories_hold_every_kind_of_finding():
    found = {
        rule
        for seed in range(120)
        for each in naive_findings(a_history(Random(seed), MEMBERS, 14), GROUPS).values()
        for rule, *_ in each
    }
    assert found >= {
        "duplicate.exact",
        "duplicate.both_channels",
        "duplicate.original_unknown",
        "duplicate.other_units",
        "duplicate.other_provider",
        "duplicate.overlapping_spans",
        "limit.housing_deposits_once",
        "limit.post_hospitalization_days",
        "limit.recuperative_care_days",
        "limit.respite_hours",
        "limit.meals_weeks",
        "limit.sobering_stay",
        "limit.home_modifications_cents",
    }
