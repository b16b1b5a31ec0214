"""The payers file: what it says is used, and everything wrong with it is said at once."""

from datetime import date
from pathlib import Path

import pytest

from shared.payers import BadPayersFile, Payers

GOOD = '[[payer]]\nids = ["A1"]\nname = "Plan A"\n'
EXAMPLE = Path(__file__).parents[2] / "deploy" / "payers.example.toml"


def problems_of(text: str) -> list[str]:
    with pytest.raises(BadPayersFile) as refused:
        Payers.parse(text)
    return refused.value.problems


def test_the_example_file_is_good() -> None:
    payers = Payers.load(EXAMPLE)

    assert payers.configured
    assert payers.terms_of("GSHP2").name == "Golden State Health Plan"
    assert payers.terms_of("CVHP7").regime == "hmo"


def test_a_payer_that_is_not_in_the_file_has_the_defaults() -> None:
    terms = Payers.parse(GOOD).terms_of("B2")

    assert (terms.regime, terms.filing_limit_days, terms.contracted) == ("knox-keene", 365, True)
    assert (terms.receipt_on_non_working_day, terms.near_days) == ("next_working_day", (20, 27))
    assert Payers.parse(GOOD).knows("A1")
    assert not Payers.parse(GOOD).knows("B2")
    assert not Payers.parse(GOOD).knows(None)


def test_without_a_file_nothing_is_configured() -> None:
    payers = Payers.load(None)

    assert not payers.configured
    assert payers.terms_of(None).filing_limit_days == 365


def test_supports_are_offered_by_id_and_date() -> None:
    terms = Payers.parse(
        GOOD
        + 'supports = ["respite", { service = "day_habilitation", from = 2024-01-01, to = 2024-12-31 }]\n'
    ).terms_of("A1")

    assert terms.offers("respite", date(2030, 1, 1))
    days = [date(2023, 12, 31), date(2024, 1, 1), date(2024, 12, 31), date(2025, 1, 1)]
    assert [terms.offers("day_habilitation", day) for day in days] == [False, True, True, False]
    assert not terms.offers("recuperative_care", date(2024, 6, 1))
    assert Payers.parse(GOOD).terms_of("A1").offers("respite", date(2024, 6, 1))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("filing_limit_days = 89", "no less than 90 days"),
        ("filing_limit_days = 179\ncontracted = false", "no less than 180 days"),
        ("filing_limit_days = true", "whole number"),
        ('regime = "ppo"', "knox-keene, hmo"),
        ('receipt_on_non_working_day = "later"', "next_working_day, same_day"),
        ("near_days = [27, 20]", "rising list"),
        ("near_days = [20, 30]", "from 1 to 29"),
        ("near_days = []", "rising list"),
        ("near_days_90 = [90]", "from 1 to 89"),
        ('contracted = "yes"', "true or false"),
        ("filing_limit = 90", "'filing_limit' is not known"),
        ('supports = [{ service = "respite", since = 2024-01-01 }]', "'since' is not known"),
        ('supports = [{ service = "respite", from = "2024-01-01" }]', "without quotes"),
        ('supports = [{ service = "respite", from = 2024-02-01, to = 2024-01-01 }]', "before from"),
        ("supports = [7]", "service id"),
        ("supports = [{ from = 2024-01-01 }]", "service id"),
        ('supports = ["respit"]', "'respit' is no Community Support. The ids are"),
        ('supports = ["respit"]', ", respite,"),
        ('supports = [{ service = "ecm", from = 2024-01-01 }]', "'ecm' is no Community Support"),
        ('supports = "meals"', "must be a list"),
    ],
)
def test_a_wrong_setting_is_refused_in_plain_words(line: str, said: str) -> None:
    [problem] = problems_of(GOOD + line + "\n")

    assert said in problem
    assert problem.startswith("payer 1: ")


@pytest.mark.parametrize("limit", ["90", "180\ncontracted = false"])
def test_a_limit_at_the_floor_is_lawful(limit: str) -> None:
    assert Payers.parse(f"{GOOD}filing_limit_days = {limit}\n").configured


def test_everything_that_is_wrong_is_said_at_once() -> None:
    problems = problems_of(f'{GOOD}regime = "x"\nnear_days = 3\n[[payer]]\nids = ["A1"]\n[other]\n')

    assert len(problems) == 5
    assert any("'other' is not known" in problem for problem in problems)
    assert any("payer 2: the id 'A1' already stands with payer 1" in problem for problem in problems)
    assert any("payer 2: name is needed" in problem for problem in problems)


@pytest.mark.parametrize("text", ["[[payer]\n", "payer = 3\n", "[payer]\nname = 'x'\n"])
def test_a_file_that_is_no_list_of_payers_is_refused(text: str) -> None:
    assert problems_of(text)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPayersFile, match="cannot be read"):
        Payers.load(tmp_path / "payers.toml")
