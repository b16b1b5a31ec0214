"""The validator on a real database, with claims and records of other care fed as its worker would feed them."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
from builders import BILLING_NPI
from flask import Flask
from flask.testing import FlaskClient
from service_parts import parts_of
from sqlalchemy import insert, select

from services.validator.app import create_app
from services.validator.feeds.rows import FeedRow
from services.validator.feeds.store import Sender, store
from services.validator.handlers import JudgeReceived
from services.validator.late import CompareWithRecords
from services.validator.models import (
    API_KEYS,
    FEED_COVERAGE,
    JUDGEMENTS,
    MEMBER_CINS,
    MESSAGING,
)
from shared.care import RECORD_TYPES, Authorization, CareService, Enrollment, Feed, MemberAlias, Record
from shared.database import Database
from shared.events import CLAIMS_RECEIVED, ClaimJudged, ClaimReceived, new_event
from shared.identifiers import member_key
from shared.migrate import upgrade
from shared.payers import Payers
from shared.security import Keys

D = date.fromisoformat
FEEDS: dict[type[Record], Feed] = {type_: feed for feed, type_ in RECORD_TYPES.items()}


class Validator:
    """The service at a settable moment."""

    def __init__(self, database: Database, today: str = "2026-11-10", payers: Payers | None = None) -> None:
        upgrade(database, "services.validator")
        self.database = database
        self.today = today
        self.parts = parts_of(database, self.now, payers)
        self._app: Flask | None = None
        self._keys: dict[Any, Any] = {}

    def now(self) -> datetime:
        return datetime.fromisoformat(f"{self.today}T20:00:00").replace(tzinfo=UTC)

    def judge(self, *received: ClaimReceived) -> list[ClaimJudged]:
        """Judge claims as one batch of the consumer; their judgements, in order."""
        events = [
            new_event(
                CLAIMS_RECEIVED,
                "claim.received",
                "/intake",
                subject=one.claim_id,
                key=member_key(self.parts.member_secret, one.claim.member.cin or one.claim_id),
                data=one,
                now=self.now(),
            )
            for one in received
        ]
        with self.database.begin() as connection:
            JudgeReceived(self.parts)(connection, events)
        return [self.judgements(one.claim_id)[-1] for one in received]

    def judgements(self, claim_id: str) -> list[ClaimJudged]:
        with self.database.read() as connection:
            documents = connection.execute(
                select(JUDGEMENTS.c.document)
                .where(JUDGEMENTS.c.claim_id == claim_id)
                .order_by(JUDGEMENTS.c.judgement)
            ).scalars()
            return [msgspec.json.decode(document, type=ClaimJudged) for document in documents]

    def tell(self, *records: CareService | Enrollment | Authorization, withdrawn: bool = False) -> None:
        """Records of other care come, are corrected or taken back, and the claims of their members are compared."""
        self.load(*records, withdrawn=withdrawn)
        self.compare()

    def load(self, *records: Record, withdrawn: bool = False) -> None:
        """Records come, are corrected or taken back; no claim is compared yet."""
        with self.database.begin() as connection:
            for record in records:
                payers = () if isinstance(record, MemberAlias) else record.payers
                row = FeedRow(record.source, record.record_id, record, withdrawn=withdrawn)
                store(connection, FEEDS[type(record)], Sender(payers), [row], self.now())

    def compare(self) -> None:
        """Let the worker's step compare the claims of all days in its queue."""
        step = CompareWithRecords(self.parts)
        while step.run_once():
            continue

    def cover(self, feed: str, payer_id: str = "") -> None:
        """A feed has brought something of this payer's members."""
        with self.database.begin() as connection:
            connection.execute(
                insert(FEED_COVERAGE).values(
                    feed=feed, payer_id=payer_id, first_at=self.now(), last_at=self.now()
                )
            )

    def join(self, *cins: str) -> None:
        """These CINs are one member."""
        with self.database.begin() as connection:
            connection.execute(insert(MEMBER_CINS), [{"cin": cin, "member": min(cins)} for cin in cins])

    def key(self, role: str = "claims", npis: tuple[str, ...] = (), payers: tuple[str, ...] = ()) -> Any:
        """A key of this kind, always the same one."""
        who = (role, npis, payers)
        if who not in self._keys:
            organisation = {"claims": "Golden State Health Plan"}.get(role, "Somebody")
            self._keys[who] = Keys(self.database, API_KEYS).create(
                role,
                organisation,
                self.now(),
                npis=npis or ((BILLING_NPI,) if role == "provider" else ()),
                payers=payers,
            )
        return self._keys[who]

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        key: Any = None,
        **options: Any,
    ) -> Any:
        """The HTTP answer to the holder of ``key`` (a claims department's by default)."""
        sent = {"Authorization": f"Bearer {(key or self.key()).secret}", **(headers or {})}
        return (
            self.app().test_client().open(f"/validator/api/v1/{path}", method=method, headers=sent, **options)
        )

    def get(self, path: str, **options: Any) -> Any:
        answer = self.call("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json

    def queue(self, path: str = "reviews", **options: Any) -> list[str]:
        """The ids of the claims in review, in order."""
        return [item["claim_id"] for item in self.get(path, **options)["items"]]

    def decide(self, claim_id: str, decision: str, reason: str = "Looked at.", **options: Any) -> Any:
        return self.call(
            "POST", f"reviews/{claim_id}", json={"decision": decision, "reason": reason}, **options
        )

    def browser(self, key: Any = None) -> FlaskClient:
        """Somebody signed in with ``key``."""
        client = self.app().test_client()
        with client.session_transaction() as session:
            session["key"] = (key or self.key()).record.id
            session["since"] = int(self.now().timestamp())
        return client

    def published(self) -> list[tuple[str, ClaimJudged]]:
        """What the outbox holds, oldest first: type and data."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(MESSAGING.outbox.c.type, MESSAGING.outbox.c.data).order_by(MESSAGING.outbox.c.id)
            )
            return [(type_, msgspec.json.decode(data, type=ClaimJudged)) for type_, data in rows]

    def app(self) -> Flask:
        if self._app is None:
            self._app = create_app(self.parts)
        return self._app
