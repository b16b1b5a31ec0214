"""`promptclaim rules`: the catalogue for people and programs, with what each found example is told."""

import html
import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from services.commands.rule_examples import run
from services.commands.tables import table
from services.validator.rulebook.rules import (
    ShownExample,
    ShownRule,
    by_subject,
    codes_of,
    in_force,
    shown_rules,
)
from shared.catalogue import rules
from shared.rule_examples import examples

FORMATS = ("table", "json", "markdown", "html")

_TITLE = "What a claim is judged by"
_INTRODUCTION = (
    "Every rule with its severity, authority and the dates on which it speaks, and with two examples that are run as "
    "tests: one that passes and one that the rule finds. Examples change a clean ECM claim of one line; what is not "
    "named is as in that claim. Dates are dates of service; for clocks and the filing limit, dates of receipt."
)
_SEVERITIES = (
    "**reject**: the claim cannot be paid as sent. **pend**: the plan has to look; the payment clock runs on. "
    "**note**: never holds anything."
)


def listing(rule_id: str | None, output: str) -> str:
    """All rules, or one, as ``table``, ``json``, ``markdown`` or ``html``. Raises ``KeyError`` for an unknown id."""
    if rule_id is not None and rule_id not in rules():
        raise KeyError(rule_id)
    shown = [each for each in shown_rules() if rule_id in (None, each.rule.id)]
    if output == "json":
        return json.dumps([_document(each) for each in shown], indent=2, ensure_ascii=False)
    if output == "markdown":
        return markdown(shown)
    if output == "html":
        return _page(shown)
    if rule_id is not None:
        return "\n".join(_in_full(shown[0]))
    columns = [
        {
            "rule": each.rule.id,
            "severity": each.rule.severity,
            "in force": in_force(each.rule),
            "title": each.rule.title,
        }
        for each in shown
    ]
    return f"{len(shown)} rules, version {shown[0].rule.version}\n\n{table(columns)}"


def markdown(shown: Iterable[ShownRule]) -> str:
    """The rules as the document ``docs/rules.md``."""
    said = ["# " + _TITLE, "", "<!-- Made by: promptclaim rules --format markdown > docs/rules.md -->", ""]
    said += [_INTRODUCTION, "", _SEVERITIES, ""]
    subjects = by_subject(shown)
    said += [f"- [{subject.title}](#{subject.anchor})" for subject in subjects]
    for subject in subjects:
        said += ["", f"## {subject.title}"]
        for each in subject.rules:
            said += ["", *_markdown_of(each)]
    return "\n".join(said)


def _markdown_of(shown: ShownRule) -> Iterator[str]:
    rule = shown.rule
    yield f"### {rule.id}"
    yield ""
    yield f"**{_plain(rule.title)}** · {rule.severity} · {in_force(rule)}"
    yield ""
    yield _plain(rule.statement)
    yield ""
    yield f"- Says: {_plain(rule.authority)}"
    codes = codes_of(rule)
    if codes:
        yield f"- Codes: {codes}"
    for label, example in _labelled(shown):
        yield f"- {label}: {_plain(example.says)} {' '.join(f'`{line}`' for line in example.gives)}"
    told = message_of(rule.id)
    if told:
        yield f"- The message: “{_plain(told)}”"


def message_of(rule_id: str) -> str | None:
    """What the found example of the rule is told, as the services word it; ``None`` for clocks, which show dates."""
    of_rule = examples().get(rule_id)
    if of_rule is None:
        return None
    if of_rule.finds.decided is not None:
        return of_rule.finds.reason
    wanted = of_rule.finds.finds or rule_id
    return next((found.message for found in run(of_rule.finds).findings if found.rule == wanted), None)


def _document(shown: ShownRule) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(shown.rule)
    document["subject"] = shown.subject
    document["examples"] = {
        name: {"says": example.says, "gives": list(example.gives)}
        for name, example in (("passes", shown.passes), ("finds", shown.finds))
        if example is not None
    }
    if shown.finds is not None:
        document["examples"]["finds"] |= {
            "severity": shown.finds_severity,
            "message": message_of(shown.rule.id),
        }
    return document


def _in_full(shown: ShownRule) -> Iterator[str]:
    rule = shown.rule
    yield f"{rule.id} ({rule.severity}, {in_force(rule)})"
    yield rule.title
    yield ""
    yield rule.statement
    yield f"Says: {rule.authority}"
    if codes := codes_of(rule):
        yield f"Codes: {codes}"
    for label, example in _labelled(shown):
        yield ""
        yield f"{label}: {example.says}"
        yield from (f"    {line}" for line in example.gives)
    if told := message_of(rule.id):
        yield f"    The message: {told}"


def _labelled(shown: ShownRule) -> Iterator[tuple[str, ShownExample]]:
    if shown.passes is not None:
        yield "Passes", shown.passes
    if shown.finds is not None:
        other = f" ({shown.finds_severity})" if shown.finds_severity != shown.rule.severity else ""
        yield f"Is found{other}", shown.finds


def _page(shown: Iterable[ShownRule]) -> str:
    said = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{_TITLE}</title></head><body><h1>{_TITLE}</h1>',
        f"<p>{_INTRODUCTION}</p>",
    ]
    for subject in by_subject(shown):
        said.append(f'<h2 id="{subject.anchor}">{html.escape(subject.title)}</h2>')
        for each in subject.rules:
            said += _html_of(each)
    return "\n".join([*said, "</body></html>"])


def _html_of(shown: ShownRule) -> Iterator[str]:
    rule = shown.rule
    facts = [("Severity", rule.severity), ("In force", in_force(rule)), ("Says", rule.authority)]
    facts += [("Codes", codes_of(rule))] if codes_of(rule) else []
    facts += [(label, f"{example.says} ({'; '.join(example.gives)})") for label, example in _labelled(shown)]
    if told := message_of(rule.id):
        facts.append(("The message", told))
    yield f'<h3 id="{rule.id}">{rule.id}: {html.escape(rule.title)}</h3>'
    yield f"<p>{html.escape(rule.statement)}</p>"
    yield "<dl>"
    yield from (f"<dt>{label}</dt><dd>{html.escape(said)}</dd>" for label, said in facts)
    yield "</dl>"


def _plain(text: str) -> str:
    """Text in which Markdown sees no marks of its own."""
    return text.replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")
