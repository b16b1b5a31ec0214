"""The page of rules: open to everybody, searchable without scripts, and where findings lead to."""

import re
from html import unescape
from typing import Any

import pytest
from validator_harness import Validator

from shared.catalogue import rules


@pytest.fixture
def validator(new_database: Any) -> Validator:
    return Validator(new_database("sqlite"))


def page(validator: Validator, query: str = "") -> str:
    found = validator.app().test_client().get(f"/validator/rules{query}")
    assert found.status_code == 200
    return unescape(found.text)


def test_nobody_has_to_sign_in_and_every_rule_is_an_anchor(validator: Validator) -> None:
    said = page(validator)
    anchors = re.findall(r' id="([^"]+)"', said)
    assert len(anchors) == len(set(anchors))
    assert set(rules()) <= set(anchors)


def test_a_rule_shows_its_authority_dates_and_both_examples(validator: Validator) -> None:
    said = page(validator)
    at = said.index('id="code.modifier_not_listed"')
    article = said[at : said.index("</article>", at)]
    assert "DHCS Action Plan, March 2024" in article
    assert "since Jan 1, 2022" in article
    assert "GQ is DHCS's modifier for telehealth." in article
    assert "95 is not listed, even if plan and provider agreed on it." in article
    assert "line: procedure_code G9012; modifiers U2 95" in article


def test_the_search_shows_what_fits_and_says_how_many(validator: Validator) -> None:
    said = page(validator, "?q=county+targeted")
    assert 'id="overlap.tcm_county"' in said
    assert 'id="code.not_listed"' not in said
    assert re.search(r"\d+ rules? found", said)


def test_a_number_is_searched_for_as_a_whole(validator: Validator) -> None:
    said = page(validator, "?q=CARC+18")
    assert 'id="duplicate.exact"' in said
    assert 'id="date.order"' not in said, "its claim status is A7:188"


def test_a_search_without_a_match_says_so(validator: Validator) -> None:
    said = page(validator, "?q=zebra")
    assert "0 rules found." in said
    assert "No rule holds all of these words." in said


def test_what_is_searched_for_is_shown_as_text_and_is_never_run(validator: Validator) -> None:
    found = validator.app().test_client().get("/validator/rules?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in found.text
    assert "&lt;script&gt;" in found.text


def test_who_is_signed_in_keeps_the_way_back_and_others_see_no_menu(validator: Validator) -> None:
    said = validator.browser().get("/validator/rules").text
    assert re.findall(r'aria-current="page">([^<]+)<', said) == ["Rules"]
    assert 'href="/validator/"' in said
    assert 'aria-label="Main"' not in page(validator)


def test_examples_are_told_without_words_of_ours(validator: Validator) -> None:
    said = page(validator)
    assert "the clean claim as it is" in said
    assert "the base" not in said
