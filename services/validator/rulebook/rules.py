"""The rules as people look them up: by subject, with what they say, since when, by whose authority, and by example."""

import re
from collections.abc import Iterable
from functools import cache

from msgspec import Struct

from shared.calendar import us_date
from shared.catalogue import Rule, rules
from shared.rule_examples import Example, described, examples

SUBJECTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Files and rows", ("file", "row", "repair")),
    ("Fields, provider and member", ("field", "provider", "member", "payer")),
    ("Dates, units and amounts", ("date", "line", "invoice", "diagnosis", "filing")),
    ("Codes and modifiers", ("code",)),
    ("Authorization", ("authorization",)),
    ("Billed before", ("duplicate",)),
    ("Limits of Community Supports", ("limit",)),
    ("Other programs", ("overlap",)),
    ("Review", ("review",)),
    ("Clocks and interest", ("clock",)),
)
"""Subjects in the order in which a claim meets them, each with the first words of its rules' ids."""


class ShownExample(Struct, frozen=True):
    """An example's sentence, and what it gives besides a clean ECM claim."""

    says: str
    gives: tuple[str, ...]


class ShownRule(Struct, frozen=True):
    """A rule with its examples. ``finds_severity`` is that of the example that is found."""

    rule: Rule
    subject: str
    passes: ShownExample | None
    finds: ShownExample | None
    finds_severity: str


class Subject(Struct, frozen=True):
    title: str
    rules: tuple[ShownRule, ...]

    @property
    def anchor(self) -> str:
        return self.title.lower().replace(" ", "-").replace(",", "")


@cache
def shown_rules() -> tuple[ShownRule, ...]:
    """Every rule of the catalogue, by subject and then in the catalogue's order."""
    places = {word: place for place, (_, words) in enumerate(SUBJECTS) for word in words}
    ordered = sorted(rules().values(), key=lambda rule: places.get(_subject_word(rule), len(SUBJECTS)))
    return tuple(map(_shown, ordered))


def by_subject(shown: Iterable[ShownRule]) -> list[Subject]:
    """The rules under their subjects; subjects without any are left out."""
    found: dict[str, list[ShownRule]] = {}
    for each in shown:
        found.setdefault(each.subject, []).append(each)
    return [Subject(title, tuple(of)) for title, of in found.items()]


def search(words: str) -> list[ShownRule]:
    """The rules in which every word stands, in id, title, statement, authority, codes or examples.

    Part of a word is enough, but not part of a number: 18 is not 188.
    """
    wanted = [re.compile(_found_by(word)) for word in words.casefold().split()]
    return [each for each in shown_rules() if all(word.search(_text_of(each)) for word in wanted)]


def _found_by(word: str) -> str:
    return rf"\b{word}\b" if word.isdecimal() else re.escape(word)


def in_force(rule: Rule) -> str:
    """``since Jul 1, 2023``, ``Jan 1, 2022 to Dec 31, 2025``."""
    return (
        f"{us_date(rule.effective_from)} to {us_date(rule.effective_to)}"
        if rule.effective_to
        else f"since {us_date(rule.effective_from)}"
    )


def codes_of(rule: Rule) -> str:
    """``CARC 16, RARC N257, claim status A7:562:85``, or nothing."""
    named = (("CARC", rule.carc), ("RARC", rule.rarc), ("claim status", rule.claim_status))
    return ", ".join(f"{name} {code}" for name, code in named if code)


def _subject_word(rule: Rule) -> str:
    return rule.id.partition(".")[0]


def _shown(rule: Rule) -> ShownRule:
    of_rule = examples().get(rule.id)
    word = _subject_word(rule)
    subject = next((title for title, words in SUBJECTS if word in words), "Other rules")
    return ShownRule(
        rule=rule,
        subject=subject,
        passes=_shown_example(of_rule.passes) if of_rule else None,
        finds=_shown_example(of_rule.finds) if of_rule else None,
        finds_severity=(of_rule.finds.severity if of_rule else None) or rule.severity,
    )


def _shown_example(example: Example) -> ShownExample:
    return ShownExample(example.says, tuple(described(example)))


@cache
def _text_of(shown: ShownRule) -> str:
    rule = shown.rule
    said = [each.says for each in (shown.passes, shown.finds) if each is not None]
    return " ".join(
        (rule.id, rule.title, rule.statement, rule.authority, rule.severity, codes_of(rule), *said)
    ).casefold()
