"""Rules explain themselves: every rule has an example that passes and one that it finds, and both are run."""

from types import SimpleNamespace

import msgspec
import pytest

from services.commands.rule_examples import Came, judged, received, run
from services.validator.handlers import JudgeReceived
from services.validator.models import JUDGEMENTS, METADATA
from services.validator.review.decisions import decide
from shared.catalogue import rules
from shared.database import Database
from shared.events import CLAIMS_RECEIVED, ClaimJudged, new_event
from shared.parts import utc_now
from shared.payers import Payers
from shared.reference.supports import support_limits
from shared.rule_examples import ClaimExample, Example, base, changed, described, examples
from shared.security import Principal

FOUND = [each for each in examples().values() if each.finds.clock is None and each.finds.share is None]
SHOWN = [each for each in examples().values() if each.finds.clock is not None or each.finds.share is not None]


def came(example):
    return run(example) if example.decided is None else decided(example)


def decided(example):
    """The claim judged and decided on by the validator's own code, on a database of its own."""
    database = Database("sqlite://", "validator")
    with database.begin() as connection:
        METADATA.create_all(connection)
    parts = SimpleNamespace(
        now=utc_now, payers=Payers(configured=False), database=database, member_secret=b"m" * 32
    )
    (claim,) = received(example)
    event = new_event(
        CLAIMS_RECEIVED,
        "claim.received",
        "/intake",
        subject=claim.claim_id,
        key="k",
        data=claim,
        now=utc_now(),
    )
    with database.begin() as connection:
        JudgeReceived(parts)(connection, [event])
    principal = Principal(key_id="key_1", role="claims", organisation="Golden State", npis=(), payers=())
    decide(parts, principal, claim.claim_id, example.decided, example.reason, "")
    with database.read() as connection:
        last = connection.execute(JUDGEMENTS.select().order_by(JUDGEMENTS.c.judgement.desc()).limit(1)).one()
    database.close()
    after = msgspec.json.decode(last.document, type=ClaimJudged)
    return Came(after.findings, after.verdict)


def rule_ids(findings):
    return {finding.rule for finding in findings}


def is_of(rule_id, finding):
    return finding.rule.startswith("repair.") if rule_id == "repair.*" else finding.rule == rule_id


def test_every_rule_of_the_catalogue_has_its_two_examples_and_no_other_has():
    assert set(examples()) == set(rules())


def test_every_rule_says_since_when_and_by_whose_authority():
    for rule in rules().values():
        assert rule.effective_from, rule.id
        assert rule.effective_to is None or rule.effective_from < rule.effective_to, rule.id
        assert rule.authority, rule.id


@pytest.mark.parametrize("rule", FOUND, ids=lambda rule: rule.id)
def test_the_passing_example_is_not_found(rule):
    outcome = came(rule.passes)
    assert not [finding for finding in outcome.findings if is_of(rule.id, finding)], outcome.findings


@pytest.mark.parametrize("rule", FOUND, ids=lambda rule: rule.id)
def test_the_other_example_is_found_with_the_stated_severity(rule):
    outcome = came(rule.finds)
    found = [finding for finding in outcome.findings if is_of(rule.id, finding)]
    assert found, outcome.findings
    assert found[0].severity == (rule.finds.severity or rules()[rule.id].severity)
    assert found[0].authority
    assert found[0].message
    if rule.finds.finds:
        assert found[0].rule == rule.finds.finds


@pytest.mark.parametrize("rule", FOUND, ids=lambda rule: rule.id)
def test_nothing_else_in_the_found_example_is_as_severe(rule):
    """An example shows one thing: what else is found is only what follows from it."""
    outcome = came(rule.finds)
    severities = {"reject": 2, "pend": 1, "note": 0}
    of_rule = max(severities[f.severity] for f in outcome.findings if is_of(rule.id, f))
    others = [f.rule for f in outcome.findings if not is_of(rule.id, f) and severities[f.severity] > of_rule]
    assert others == []


@pytest.mark.parametrize("rule", SHOWN, ids=lambda rule: rule.id)
@pytest.mark.parametrize("which", ["passes", "finds"])
def test_a_clock_shows_what_its_example_says(rule, which):
    example = getattr(rule, which)
    shown = came(example).shown
    wanted = (example.clock or example.share).shows
    assert wanted
    assert {name: shown.get(name) for name in wanted} == wanted
    assert not set(example.clock.absent if example.clock else ()) & set(shown)


@pytest.mark.parametrize("rule", SHOWN, ids=lambda rule: rule.id)
def test_the_two_clock_examples_differ_in_what_they_show(rule):
    assert came(rule.passes).shown != came(rule.finds).shown


def test_what_an_example_finds_is_within_the_effective_dates_of_its_rule():
    for rule_id, rule in examples().items():
        law = rules()[rule_id]
        found = rule.finds
        if found.clock is not None:
            day = found.clock.received
        elif found.claim is not None and rule_id not in ("date.before_benefit", "filing.late"):
            day = judged(found)[-1].received.claim.lines[0].service_start
        else:
            continue
        assert law.effective_from <= day <= (law.effective_to or day), rule_id


def test_a_limit_has_the_same_dates_in_the_catalogue_and_in_its_table():
    switched_on = [limit for limit in support_limits() if limit.on]
    assert switched_on
    for limit in switched_on:
        rule = rules()[limit.rule]
        assert (rule.effective_from, rule.effective_to) == (limit.effective_from, limit.effective_to), rule.id
        assert (rule.authority, rule.severity) == (limit.authority, "pend"), rule.id


@pytest.mark.parametrize("rule", examples().values(), ids=lambda rule: rule.id)
def test_what_is_other_in_the_two_examples_is_said_to_people(rule):
    assert rule.passes.says.endswith(".")
    assert rule.finds.says.endswith(".")
    assert list(described(rule.passes)) != list(described(rule.finds))


def test_the_base_of_all_examples_is_a_clean_claim():
    outcome = run(Example(says="The base.", claim=ClaimExample()))
    assert (outcome.verdict, rule_ids(outcome.findings)) == ("accepted", {"authorization.not_checked"})


def test_a_change_goes_into_the_depth_and_leaves_the_base_as_it_is():
    made = changed("claim", {"member": {"cin": "97654321C"}}, ("claim.diagnosis_codes",))
    assert made["member"]["cin"] == "97654321C"
    assert made["member"]["last_name"] == base()["claim"]["member"]["last_name"]
    assert "diagnosis_codes" not in made
    assert base()["claim"]["member"]["cin"] == "91234567A"
    assert "diagnosis_codes" in base()["claim"]
