"""Pages of the payments service: clocks and payments for the claims department, figures for auditors."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from flask import Blueprint, abort, g, make_response, redirect, render_template, request, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from services.payments import queries
from services.payments.api import clock_cursor, clock_position
from services.payments.api_schemas import PaymentEvent
from services.payments.callers import REASON_NEEDED, record_event, scope_of_caller
from services.payments.claim_clock import NotYetKnown, claim_clock, moment
from services.payments.clock_document import BadRequest
from services.payments.queries import STATES, ClockFilter
from services.payments.record import KINDS
from shared.calendar import us_date
from shared.web.auth import current_principal
from shared.web.context import parts, today
from shared.web.problems import Problem
from shared.web.sessions import page_requires
from shared.web.words import PAYMENT_EVENTS

blueprint = Blueprint("pages", __name__, template_folder="templates")

PAGE_LIMIT = 50
_LINE = re.compile(r"[0-9]{1,4}")
_DOLLARS = re.compile(r"[0-9]{1,7}(\.[0-9]{1,2})?")


@blueprint.get("/")
@page_requires("claims")
def clocks() -> str:
    state = request.args.get("state", "")
    wanted = ClockFilter(state=state if state in STATES else None)
    try:
        after = clock_position(request.args.get("cursor"))
    except Problem:
        abort(404)
    with parts().database.read() as connection:
        counts = queries.counts_by_state(connection, scope_of_caller(), today())
        found = queries.clocks(
            connection, scope_of_caller(), wanted, today(), after=after, limit=PAGE_LIMIT + 1
        )
    cursor = clock_cursor(found, PAGE_LIMIT)
    return render_template(
        "payments/clocks.html",
        counts=counts,
        clocks=found[:PAGE_LIMIT],
        state=wanted.state or "",
        next=f"?state={wanted.state or ''}&cursor={cursor}" if cursor else "",
        first=f"?state={wanted.state or ''}" if after else "",
    )


@blueprint.get("/claims/<claim_id>")
@page_requires("claims")
def claim(claim_id: str) -> str:
    return _claim_page(claim_id, {"date": today().isoformat()}, [], request.args.get("at") or None)


@blueprint.post("/claims/<claim_id>")
@page_requires("claims")
def record_payment(claim_id: str) -> BaseResponse:
    try:
        event = PaymentEvent().load(_event_of_form(request.form))
        answer, again = record_event(current_principal(), claim_id, event, str(g.get("request_id", "")))
    except ValidationError as error:
        messages = error.normalized_messages()  # type: ignore[no-untyped-call]
        errors = [(_FIELD.get(field, field), " ".join(found)) for field, found in messages.items()]
    except Problem as problem:
        if problem.status == 404:
            abort(404)
        fields = [str(entry["field"]) for entry in problem.errors] or ["kind"]
        errors = [(_FIELD.get(fields[0], fields[0]), problem.detail)]
    else:
        entry = answer["payment_event_id"]
        return redirect(
            url_for(".claim", claim_id=claim_id, recorded=entry, again="1" if again else None), 303
        )
    return make_response(_claim_page(claim_id, request.form, errors), 422)


_FIELD = {"amount_cents": "amount", "interest_cents": "interest"}


def _claim_page(
    claim_id: str, values: Mapping[str, str], errors: list[tuple[str, str]], at: str | None = None
) -> str:
    now = parts().now()
    with parts().database.read() as connection:
        found = claim_clock(connection, scope_of_caller(), claim_id, now)
        if found is None:
            abort(404)
        if at:
            try:
                found = claim_clock(connection, scope_of_caller(), claim_id, now, moment(at, now)) or found
            except BadRequest as wrong:
                errors = [*errors, ("at", str(wrong))]
            except NotYetKnown:
                errors = [*errors, ("at", "Nothing was known of this claim at that moment.")]
    made = _made(found["payments"])
    return render_template(
        "payments/claim.html",
        found=found,
        clock=found["clock"],
        made=made,
        again="again" in request.args,
        reason_needed=REASON_NEEDED.get(made["kind"]) if made and not made.get("reason") else None,
        kinds=[(kind, PAYMENT_EVENTS[kind]) for kind in KINDS],
        correctable=[
            (
                each["payment_event_id"],
                f"{PAYMENT_EVENTS[each['kind']]}, {us_date(date.fromisoformat(each['date']))}",
            )
            for each in found["payments"]
            if each["counts"] and each["kind"] != "withdrawn"
        ],
        values=values,
        errors=errors,
        wrong=dict(errors),
        at=at or "",
    )


def _made(payments: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The entry that the form has just made: the address names it."""
    wanted = request.args.get("recorded")
    return next((each for each in payments if each["payment_event_id"] == wanted), None)


def _event_of_form(form: Mapping[str, str]) -> dict[str, Any]:
    """The form's fields as the API takes them, dollars as cents. Raises ``ValidationError``."""
    event: dict[str, Any] = {
        name: form[name] for name in ("kind", "date", "reference", "reason", "corrects") if form.get(name)
    }
    line = form.get("line", "").strip()
    if line:
        if not _LINE.fullmatch(line):
            raise ValidationError({"line": ["Write the number of the line, such as 2."]})
        event["line"] = int(line)
    for name in ("amount", "interest"):
        text = form.get(name, "").replace("$", "").replace(",", "").strip()
        if text:
            event[f"{name}_cents"] = _cents(name, text)
    return event


def _cents(name: str, text: str) -> int:
    if not _DOLLARS.fullmatch(text):
        raise ValidationError({f"{name}_cents": ["Write dollars and cents, such as 1,250.00."]})
    return int(Decimal(text) * 100)
