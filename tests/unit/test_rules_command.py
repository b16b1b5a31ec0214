"""`promptclaim rules` and what it is made into: the document, the page's search, JSON for programs."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.cli import main
from services.commands.rules import listing, markdown, message_of
from services.validator.rulebook.rules import SUBJECTS, by_subject, search, shown_rules
from shared.catalogue import rules
from shared.rule_examples import examples

ROOT = Path(__file__).parents[2]


def test_the_published_document_is_the_one_that_the_command_makes():
    stored = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
    made = f"{markdown(shown_rules())}\n"
    assert stored == made, "run: promptclaim rules --format markdown > docs/rules.md"


def test_every_rule_stands_under_a_subject_of_its_own_once():
    subjects = by_subject(shown_rules())
    assert [subject.title for subject in subjects] == [title for title, _ in SUBJECTS]
    listed = [each.rule.id for subject in subjects for each in subject.rules]
    assert sorted(listed) == sorted(rules())
    assert len({subject.anchor for subject in subjects}) == len(subjects)


@pytest.mark.parametrize("output", ["table", "json", "markdown", "html"])
def test_every_form_names_every_rule(output):
    said = listing(None, output)
    assert [rule_id for rule_id in rules() if rule_id not in said] == []


def test_json_has_what_a_program_needs():
    (found,) = json.loads(listing("code.modifier_not_listed", "json"))
    assert found["severity"] == "reject"
    assert found["effective_from"] == "2022-01-01"
    assert found["subject"] == "Codes and modifiers"
    assert found["examples"]["passes"]["gives"] == ["line: procedure_code G9012; modifiers U2 GQ"]
    assert found["examples"]["finds"]["severity"] == "reject"
    assert "95" in found["examples"]["finds"]["message"]


def test_the_message_of_an_example_is_the_one_that_the_provider_reads():
    assert "GQ" in message_of("code.modifier_not_listed")
    assert message_of("review.rejected") == examples()["review.rejected"].finds.reason
    assert message_of("clock.interest") is None
    assert all(message_of(rule_id) for rule_id in rules() if not rule_id.startswith("clock."))


def test_one_rule_in_full_shows_both_examples():
    found = CliRunner().invoke(main, ["rules", "overlap.excluded"])
    assert found.exit_code == 0
    assert "Passes: Hospice began the day after the service." in found.output
    assert "Is found (reject): The member was in hospice before and after" in found.output
    assert "The message: " in found.output


def test_an_unknown_rule_is_a_wrong_usage_and_says_where_the_list_is():
    found = CliRunner().invoke(main, ["rules", "code.made_up"])
    assert found.exit_code == 2
    assert "There is no rule code.made_up" in found.output
    assert "promptclaim rules" in found.output


def test_the_search_wants_every_word_in_any_place():
    assert {each.rule.id for each in search("CARC 18")} >= {"duplicate.exact", "duplicate.other_units"}
    assert [each.rule.id for each in search("outreach GSHP")] == []
    assert "overlap.chw" in {each.rule.id for each in search("community health WORKER")}
    assert len(search("")) == len(rules())


def test_the_html_is_well_formed_and_every_rule_is_an_anchor():
    parser = _Tags()
    parser.feed(listing(None, "html"))
    parser.close()
    assert parser.open == []
    assert set(rules()) <= parser.ids


class _Tags(HTMLParser):
    """Which tags are open, and which ids there are."""

    def __init__(self):
        super().__init__()
        self.open, self.ids = [], set()

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)
        self.ids |= {value for name, value in attrs if name == "id"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
