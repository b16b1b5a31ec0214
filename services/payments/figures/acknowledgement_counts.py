"""When the claims of a period were judged, counted in the database by the hour.

California's midnight is a full hour of UTC all year, so that an hour lies in one day of California's.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, case, func, select

from services.payments.figures.acknowledgements import Judged
from services.payments.figures.cohorts import Question, chosen, key_of
from services.payments.log.told import JUDGED
from services.payments.models import CLOCKS, TIMELINESS_LOG
from services.payments.queries import Scope
from shared.calendar import pacific_date


class _Judgement(msgspec.Struct, frozen=True):
    judgement: int
    verdict: str
    judged_at: datetime


_decode = msgspec.json.Decoder(_Judgement).decode


def judged(connection: Connection, scope: Scope, question: Question) -> Iterator[Judged]:
    """The first verdicts of the claims of the question, and their notices of rejection."""
    yield from _judged_once(connection, scope, question)
    yield from _judged_again(connection, scope, question)


def _judged_once(connection: Connection, scope: Scope, question: Question) -> Iterator[Judged]:
    claims = chosen(scope, question)
    rejected = case((CLOCKS.c.verdict == "rejected", 1), else_=0)
    columns: list[ColumnElement[Any]] = [
        CLOCKS.c.arrival_date,
        _hour(connection).label("hour"),
        rejected.label("rejected"),
    ]
    statement = (
        select(*columns, func.sum(claims.weight), *claims.keys)
        .select_from(claims.source)
        .where(*claims.conditions, CLOCKS.c.judgement == 1)
        .group_by(*columns, *claims.keys)
    )
    for arrival, hour, is_rejected, count, *key in connection.execute(statement):
        day = pacific_date(hour if isinstance(hour, datetime) else _of_text(hour))
        yield Judged(
            key=key_of(scope, question, arrival, key),
            arrival_date=arrival,
            judged_on=day,
            rejected_on=day if is_rejected else None,
            count=int(count),
        )


def _hour(connection: Connection) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql":
        return func.date_trunc("hour", CLOCKS.c.judged_at, "UTC")
    return func.substr(CLOCKS.c.judged_at, 1, 13)


def _of_text(hour: str) -> datetime:
    return datetime.fromisoformat(f"{hour}:00:00").replace(tzinfo=UTC)


_Place = tuple[str, tuple[str, ...]]
"""A claim, and the group that it is counted in."""


class _Days(NamedTuple):
    arrival: date
    key: tuple[str, ...]
    claims: int
    judgement: int
    judged_on: date


def _judged_again(connection: Connection, scope: Scope, question: Question) -> Iterator[Judged]:
    # The clock holds the latest judgement; the first one stands in the log.
    claims, log = chosen(scope, question), TIMELINESS_LOG
    statement = (
        select(
            log.c.claim_id, log.c.data, CLOCKS.c.arrival_date, CLOCKS.c.verdict, CLOCKS.c.status,
            claims.weight, *claims.keys,
        )
        .select_from(claims.source.join(log, log.c.claim_id == CLOCKS.c.claim_id))
        .where(*claims.conditions, CLOCKS.c.judgement > 1, log.c.event == JUDGED)
    )  # fmt: skip
    # By judgement: topics have no order between them, so that one may be logged after a newer one.
    first: dict[_Place, _Days] = {}
    noticed: dict[_Place, _Days] = {}
    for claim_id, data, arrival, verdict, status, count, *parts in connection.execute(statement):
        judgement, key = _decode(data), key_of(scope, question, arrival, parts)
        new = _Days(arrival, key, int(count), judgement.judgement, pacific_date(judgement.judged_at))
        place = claim_id, key
        _keep_earlier(first, place, new)
        # The rejection of a clean claim is a denial, and counted as such.
        if judgement.verdict == "rejected" == verdict and status == "none":
            _keep_earlier(noticed, place, new)
    for place, days in first.items():
        rejected = noticed.get(place)
        yield Judged(
            key=days.key,
            arrival_date=days.arrival,
            judged_on=days.judged_on,
            rejected_on=rejected.judged_on if rejected else None,
            count=days.claims,
        )


def _keep_earlier(found: dict[_Place, _Days], place: _Place, new: _Days) -> None:
    old = found.get(place)
    if old is None or new.judgement < old.judgement:
        found[place] = new
