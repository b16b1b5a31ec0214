"""The payments service on a real database, with verdicts and payments fed as the consumer would feed them."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
from builders import BILLING_NPI, a_claim, a_line, a_receipt
from flask import Flask
from msgspec import UNSET, UnsetType
from service_parts import parts_of
from sqlalchemy import select

from services.payments.app import create_app
from services.payments.handlers import record_verdicts
from services.payments.models import API_KEYS, MESSAGING
from services.payments.payment_events import record_payments
from shared.database import Database
from shared.events import (
    CLAIMS_VALIDATED,
    PAYMENTS_RECORDED,
    ClaimJudged,
    ClockEvent,
    Event,
    JudgedService,
    PaymentRecorded,
    new_event,
)
from shared.migrate import upgrade
from shared.payers import Payers
from shared.security import Keys

MEMBER_KEY = "a" * 32
D = date.fromisoformat


class Payments:
    """The service at a settable moment."""

    def __init__(self, database: Database, today: str = "2026-03-02", payers: Payers | None = None) -> None:
        upgrade(database, "services.payments")
        self.database = database
        self.today = today
        self.parts = parts_of(database, self.now, payers)
        self._app: Flask | None = None
        self._keys: dict[Any, str] = {}

    def now(self) -> datetime:
        return datetime.fromisoformat(f"{self.today}T20:00:00").replace(tzinfo=UTC)

    def judge(self, *verdicts: Event) -> None:
        with self.database.begin() as connection:
            record_verdicts(connection, verdicts, self.parts)

    def verdict(
        self,
        claim_id: str = "clm_1",
        *,
        verdict: str = "accepted",
        judgement: int = 1,
        arrival: str = "2026-03-02",
        services: tuple[JudgedService, ...] = (JudgedService(1, "ECM"),),
        amount_cents: int = 96_000,
        charges: tuple[int, ...] = (),
        supersedes: str | UnsetType | None = UNSET,
        key: str = MEMBER_KEY,
        **claim: Any,
    ) -> Event:
        each = charges or (amount_cents,)
        lines = [a_line(number, charge_cents=cents) for number, cents in enumerate(each, start=1)]
        judged = ClaimJudged(
            claim_id=claim_id,
            submission_id="sub_1",
            judgement=judgement,
            verdict=verdict,  # type: ignore[arg-type]
            clean=verdict in ("accepted", "pended"),
            claim=a_claim(lines=lines, **claim),
            receipt=a_receipt(D(arrival)),
            organisation="Harbor Light Shelter",
            findings=(),
            services=services,
            versions={},
            supersedes=supersedes,
        )
        return new_event(
            CLAIMS_VALIDATED,
            "claim.validated",
            "/validator",
            subject=claim_id,
            key=key,
            data=judged,
            now=self.now(),
            correlation_id="upload-1",
        )

    def pay(self, claim_id: str, kind: str, day: str, amount: int | None = None, interest: int = 0) -> None:
        payment = PaymentRecorded(
            kind=kind, date=D(day), claim_id=claim_id, amount_cents=amount, interest_cents=interest
        )
        event = new_event(
            PAYMENTS_RECORDED,
            "payment",
            "/plan",
            subject=claim_id,
            key=MEMBER_KEY,
            data=payment,
            now=self.now(),
        )
        with self.database.begin() as connection:
            record_payments(connection, [event], self.parts)

    def published(self) -> list[tuple[str, ClockEvent]]:
        decode = msgspec.json.Decoder(ClockEvent).decode
        with self.database.read() as connection:
            outbox = MESSAGING.outbox
            rows = connection.execute(select(outbox.c.type, outbox.c.data).order_by(outbox.c.id))
            return [(row.type, decode(row.data)) for row in rows]

    def call(
        self,
        method: str,
        path: str,
        *,
        role: str = "claims",
        npis: tuple[str, ...] = (),
        payers: tuple[str, ...] = (),
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """The HTTP response to a caller with such a key."""
        if self._app is None:
            self._app = create_app(self.parts)
        who = (role, npis, payers)
        if who not in self._keys:
            keys = Keys(self.database, API_KEYS)
            if role == "provider" and not npis:
                npis = (BILLING_NPI,)
            key = keys.create(role, "Somebody", self.now(), npis=npis, payers=payers)
            self._keys[who] = key.secret
        sent = {"Authorization": f"Bearer {self._keys[who]}", **(headers or {})}
        return self._app.test_client().open(
            f"/payments/api/v1/{path}", method=method, headers=sent, **options
        )

    def get(self, path: str, **options: Any) -> Any:
        response = self.call("GET", path, **options)
        assert response.status_code == 200, response.text
        return response.json

    def post_event(self, claim_id: str, **event: Any) -> Any:
        return self.call("POST", f"claims/{claim_id}/payment-events", json=event)

    def clock(self, claim_id: str = "clm_1") -> Any:
        return self.get(f"claims/{claim_id}/clock")["clock"]
