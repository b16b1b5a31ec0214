"""The shapes of the compliance figures over HTTP, as OpenAPI shows them."""

from collections.abc import Collection
from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import OneOf

from services.payments.figures.cohorts import GROUPS
from shared.web.bodies import Schema

FORECAST_FIELD = {"description": "True: the day has not come yet, and definitions say what is shown"}


class GroupList(fields.String):
    """Names separated by commas, each at most once."""

    def __init__(self, groups: Collection[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._groups = groups

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        names = [name.strip() for name in super()._deserialize(value, attr, data, **kwargs).split(",")]
        names = [name for name in names if name]
        if set(names) - set(self._groups) or len(set(names)) < len(names):
            raise ValidationError(
                f"Use names from {', '.join(self._groups)}, separated by commas, each once."
            )
        return tuple(names)


class PeriodQuery(Schema):
    """A period, and the day of which the report speaks."""

    first = fields.Date(data_key="from", metadata={"description": "First day of the period"})
    last = fields.Date(data_key="to", metadata={"description": "Last day of the period"})
    as_of = fields.Date(metadata={"description": "Default: today in California"})
    format = fields.String(load_default="json", validate=OneOf(["json", "csv"]))

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("first") and data.get("last") and data["last"] < data["first"]:
            raise ValidationError({"to": ["The last day lies before the first."]})


class TimelinessQuery(PeriodQuery):
    group_by = GroupList(GROUPS, load_default=(), metadata={"example": "payer,month"})
    lines = fields.Boolean(
        load_default=False, metadata={"description": "1: count service lines instead of claims"}
    )


class Share(Schema):
    paid = fields.Integer(required=True)
    matured = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True)
    met = fields.Boolean(required=True, allow_none=True)


class Acknowledgement(Schema):
    in_time = fields.Integer(required=True)
    matured = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True)
    median_days = fields.Float(required=True, allow_none=True)


class RejectionNotice(Schema):
    noticed = fields.Integer(required=True)
    in_2_working_days = fields.Integer(required=True)
    median_days = fields.Float(required=True, allow_none=True)
    longest_days = fields.Integer(required=True, allow_none=True)


class Figures(Schema):
    key = fields.Dict(required=True)
    received = fields.Integer(required=True)
    accepted = fields.Integer(required=True)
    pended = fields.Integer(required=True)
    rejected = fields.Integer(required=True)
    clean = fields.Integer(required=True)
    not_clean = fields.Integer(required=True)
    within_30 = fields.Nested(Share, required=True)
    within_90 = fields.Nested(Share, required=True)
    late_30 = fields.Integer(required=True)
    running_30 = fields.Integer(required=True)
    late_90 = fields.Integer(required=True)
    running_90 = fields.Integer(required=True)
    overdue = fields.Integer(required=True)
    running = fields.Integer(required=True)
    contested = fields.Integer(required=True)
    paid = fields.Integer(required=True)
    paid_late = fields.Integer(required=True)
    denied = fields.Integer(required=True)
    denied_late = fields.Integer(required=True)
    withdrawn = fields.Integer(required=True)
    denied_or_withdrawn = fields.Integer(required=True)
    median_days = fields.Float(required=True, allow_none=True)
    days_to_payment = fields.Dict(required=True)
    days_unpaid = fields.Dict(required=True)
    open_cents = fields.Integer(required=True)
    interest_due_cents = fields.Integer(required=True)
    interest_paid_cents = fields.Integer(required=True)
    interest_running_cents = fields.Integer(required=True)
    acknowledgement = fields.Nested(Acknowledgement, required=True)
    rejection_notice = fields.Nested(RejectionNotice, required=True)


class Window(Schema):
    payer = fields.String(required=True, allow_none=True)
    first = fields.Date(data_key="from", required=True)
    last = fields.Date(data_key="to", required=True)
    months = fields.Integer(required=True)
    measured = fields.Integer(required=True)
    on_time = fields.Integer(required=True)
    late_with_interest = fields.Integer(required=True)
    wrong = fields.Integer(required=True)
    running = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True)
    met = fields.Boolean(required=True, allow_none=True)


class Pattern(Schema):
    percent = fields.Integer(required=True)
    met = fields.Boolean(required=True, allow_none=True)
    windows = fields.List(fields.Nested(Window), required=True)


class Timeliness(Schema):
    as_of = fields.Date(required=True)
    forecast = fields.Boolean(required=True, metadata=FORECAST_FIELD)
    first = fields.Date(data_key="from", required=True, allow_none=True)
    last = fields.Date(data_key="to", required=True, allow_none=True)
    group_by = fields.List(fields.String(), required=True)
    counted = fields.String(required=True, validate=OneOf(["claims", "lines"]))
    groups = fields.List(fields.Nested(Figures), required=True)
    total = fields.Nested(Figures, required=True)
    pattern = fields.Nested(Pattern, required=True)
    definitions = fields.Dict(required=True)
