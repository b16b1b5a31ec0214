"""Pages of the figures: timeliness and the outreach ledger, for the claims department and auditors."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from services.payments.callers import scope_of_caller
from services.payments.figures.api import timeliness_response
from services.payments.figures.cohorts import GROUPS, Question
from services.payments.figures.day_counts import bucket_names
from services.payments.figures.report import figures_report
from services.payments.figures.words import DEFINITIONS, FORECAST
from services.payments.outreach.api import outreach_response
from services.payments.outreach.ledger import OUTREACH_GROUPS
from services.payments.outreach.lines import OutreachQuestion, outreach_report
from services.payments.outreach.words import OUTREACH_DEFINITIONS
from shared.web.auth import current_principal
from shared.web.context import parts, today
from shared.web.problems import Problem
from shared.web.sessions import page_requires

blueprint = Blueprint("figures_pages", __name__, template_folder="../templates")

GROUP_WORDS = {
    "payer": "Payer",
    "provider": "Provider",
    "channel": "Channel",
    "benefit": "Benefit",
    "service": "Service",
    "outreach": "Outreach",
    "month": "Month",
    "quarter": "Quarter",
    "member": "Member (keyed hash)",
    "success": "Success",
}
CHANNEL_WORDS = {"837P": "Claim (837P)", "invoice": "Invoice", "json": "Claim (JSON)"}
_DAYS = {"from": "From", "to": "To", "as_of": "As of"}


@blueprint.get("/timeliness")
@page_requires("claims", "auditor")
def timeliness() -> str:
    asked = _Asked(GROUPS, "payer")
    lines = request.args.get("lines") == "1"
    question = Question(asked.as_of, asked.first, asked.last, (asked.group,), lines)
    with parts().database.read() as connection:
        report = figures_report(connection, scope_of_caller(), question)
    return render_template(
        "payments/timeliness.html",
        **asked.shown("timeliness_file"),
        report=report.figures,
        pattern=report.pattern,
        lines=lines,
        ages=bucket_names(),
        channels=CHANNEL_WORDS,
        definitions=DEFINITIONS,
        auditor=current_principal().role in ("auditor", "admin"),
    )


@blueprint.get("/timeliness.<any(csv,json):format_>")
@page_requires("claims", "auditor")
def timeliness_file(format_: str) -> Response:
    asked = _Asked(GROUPS, "payer").or_refused()
    question = Question(
        asked.as_of, asked.first, asked.last, (asked.group,), request.args.get("lines") == "1"
    )
    return timeliness_response(scope_of_caller(), question, format_)


@blueprint.get("/outreach")
@page_requires("claims", "auditor")
def outreach() -> str:
    asked = _Asked(OUTREACH_GROUPS, "provider")
    question = OutreachQuestion(asked.as_of, asked.first, asked.last, (asked.group,))
    with parts().database.read() as connection:
        report = outreach_report(connection, scope_of_caller(), question)
    return render_template(
        "payments/outreach.html",
        **asked.shown("outreach_file"),
        report=report,
        definitions=OUTREACH_DEFINITIONS,
    )


@blueprint.get("/outreach.<any(csv,json):format_>")
@page_requires("claims", "auditor")
def outreach_file(format_: str) -> Response:
    asked = _Asked(OUTREACH_GROUPS, "provider").or_refused()
    question = OutreachQuestion(asked.as_of, asked.first, asked.last, (asked.group,))
    return outreach_response(scope_of_caller(), question, format_)


class _Asked:
    """What the address asks for. A part that is wrong is said, and left out of the figures."""

    def __init__(self, groups: tuple[str, ...], default: str) -> None:
        self.problems: list[tuple[str, str]] = []
        self.groups = groups
        self.first, self.last = self._day("from"), self._day("to")
        if self.first and self.last and self.last < self.first:
            self.problems.append(("to", "To: the last day lies before the first."))
            self.last = None
        self.as_of = self._day("as_of") or today()
        group = request.args.get("group_by", default)
        self.group = group if group in groups else default

    def _day(self, name: str) -> date | None:
        text = request.args.get(name, "")
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            problem = f"{_DAYS[name]}: write year, month and day, such as 2026-03-02."
            self.problems.append((name, problem))
            return None

    def or_refused(self) -> "_Asked":
        """This, where nothing is wrong with it. Raises ``Problem`` 422."""
        if self.problems:
            raise Problem(422, "Unprocessable Entity", self.problems[0][1])
        return self

    def shown(self, file_view: str) -> Mapping[str, Any]:
        """What both pages need for the form and the links."""
        days = {"from": self.first, "to": self.last, "as_of": self.as_of}
        args: dict[str, Any] = {name: day.isoformat() for name, day in days.items() if day}
        if request.args.get("lines") == "1":
            args["lines"] = "1"
        links = {
            format_: url_for(f".{file_view}", format_=format_, group_by=self.group, **args)
            for format_ in ("csv", "json")
        }
        return {
            "as_of": self.as_of,
            "forecast": FORECAST if self.as_of > today() else "",
            "group": self.group,
            "group_word": GROUP_WORDS[self.group],
            "groups": [(name, GROUP_WORDS[name]) for name in self.groups],
            "problems": self.problems,
            "wrong": dict(self.problems),
            "values": request.args,
            "links": links,
        }
