"""Records of other care that come as events: one event, one record, the same fields as the CSV."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from services.validator.feeds.load import nothing_to_take_back
from services.validator.feeds.rows import FeedRow, RowProblem, read_row
from services.validator.feeds.store import EVERY_PLAN, store
from shared.care import Feed
from shared.events import CARE_AUTHORIZATIONS, CARE_ENROLLMENTS, CARE_MEMBER_ALIASES, CARE_SERVICES, Event
from shared.messaging.consumer import OTHERS_WRITE, InvalidEvent, Subscription
from shared.parts import Parts

FEED_OF_TOPIC: dict[str, Feed] = {
    CARE_SERVICES: "services",
    CARE_ENROLLMENTS: "enrollments",
    CARE_AUTHORIZATIONS: "authorizations",
    CARE_MEMBER_ALIASES: "aliases",
}

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class TakeRecords:
    """The handler of the ``care.*`` topics. What comes as an event speaks of every plan's claims."""

    def __init__(self, parts: Parts) -> None:
        self._now = parts.now

    def __call__(self, connection: Connection, events: Sequence[Event]) -> None:
        """Store the records in order. Raises ``InvalidEvent`` naming field and reason, never the value."""
        of_feed: dict[Feed, list[FeedRow]] = {feed: [] for feed in FEED_OF_TOPIC.values()}
        for event in events:
            feed = FEED_OF_TOPIC[event.topic]
            of_feed[feed].append(_row_of(feed, event))
        for feed, rows in of_feed.items():
            changes = store(connection, feed, EVERY_PLAN, rows, self._now())
            for row, change in zip(rows, changes, strict=True):
                if change == "unknown":
                    raise _invalid([nothing_to_take_back(row)])


def subscriptions(parts: Parts) -> list[Subscription]:
    """One consumer for all feeds: what joins two CINs and what speaks of them keep their order per key."""
    return [Subscription(tuple(FEED_OF_TOPIC), TakeRecords(parts), OTHERS_WRITE)]


def _row_of(feed: Feed, event: Event) -> FeedRow:
    try:
        row = read_row(feed, _decode(event.data))
    except msgspec.DecodeError as error:
        raise InvalidEvent("the data is not an object with the fields of a record") from error
    if isinstance(row, FeedRow):
        return row
    raise _invalid(row)


def _invalid(problems: Sequence[RowProblem]) -> InvalidEvent:
    return InvalidEvent("; ".join(f"{problem.field}: {problem.reason}" for problem in problems))
