"""What the timeliness log tells of one claim, entry by entry. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

RECEIPT = "claim.received"
JUDGED = "claim.judged"
SUSPECTED = "claim.duplicate_suspected"
SUPPOSED = "claim.original_supposed"
STARTED = "clock.started"
STOPPED = "clock.stopped"
REBUILT = "clock.rebuilt"
PAYMENT = "payment."
NOTICES = ("clock.deadline_near", "clock.deadline_missed", "interest.due")
VERDICT_EVENTS = (RECEIPT, JUDGED, SUSPECTED, STARTED, STOPPED)


class ToldEntry(NamedTuple):
    """An entry of the log, as far as it bears on the claim. ``recorded_at`` is UTC."""

    sequence: int
    recorded_at: str
    event: str
    data: Mapping[str, Any]


class Said(NamedTuple):
    """What entry ``sequence`` says of the claim's row of ``clocks``, by column."""

    sequence: int
    columns: dict[str, Any]


class Told:
    """The claim as the entries taken so far tell of it, in their order.

    Methods raise ``KeyError``, ``TypeError`` or ``ValueError`` where an entry does not hold what its kind holds.
    """

    def __init__(self) -> None:
        self.received: ToldEntry | None = None
        self.judged: ToldEntry | None = None
        self.payments: dict[str, ToldEntry] = {}
        self.notices: dict[tuple[str, date], ToldEntry] = {}
        self._suspicions: dict[int, tuple[str, ...]] = {}
        self._first_judged: ToldEntry | None = None
        self._superseding: ToldEntry | None = None
        self._clock: ToldEntry | None = None
        self._period: ToldEntry | None = None

    def take(self, entry: ToldEntry) -> None:
        """The next entry of the claim."""
        event, data = entry.event, entry.data
        if event == RECEIPT:
            self.received = entry
        elif event == JUDGED:
            # Topics have no order between them: a judgement may be told after a newer one.
            if self.judged is None or data["judgement"] > self.judged.data["judgement"]:
                self.judged = entry
                if "supersedes" in data:
                    self._superseding = entry
            self._first_judged = self._first_judged or entry
        elif event == SUPPOSED:
            self._superseding = entry
        elif event == SUSPECTED:
            self._suspicions[data["judgement"]] = tuple(data["rules"])
        elif event in (STARTED, STOPPED):
            self._clock = entry
            self._period = entry if event == STARTED else None
        elif event == REBUILT and "deadline" in data:
            self._period = entry
        elif event in NOTICES:
            self.notices[data["notice"], date.fromisoformat(data["deadline"])] = entry
        elif event.startswith(PAYMENT) and "entry_id" in data:
            self.payments[str(data["entry_id"])] = entry

    @property
    def has_clock(self) -> bool:
        """Whether the claim's clock was started and not taken away since."""
        return self._clock is not None and self._clock.event == STARTED

    @property
    def suspected(self) -> tuple[str, ...]:
        """The rules by which the claim is suspected since its newest judgement."""
        return self._suspicions.get(self.judged.data["judgement"], ()) if self.judged else ()

    def of_clock(self) -> Iterator[Said]:
        """What is said of receipt and verdict."""
        if self.received is not None:
            yield Said(self.received.sequence, _receipt(self.received.data))
        if self.judged is not None:
            yield Said(self.judged.sequence, self._verdict(self.judged.data))

    def of_period(self) -> Said | None:
        """The period as it was counted when the clock was started, or made again."""
        if self._period is None:
            return None
        data = self._period.data
        days = {name: date.fromisoformat(data[name]) for name in ("receipt_date", "deadline")}
        return Said(self._period.sequence, {"standard": data["standard"], **days})

    def _verdict(self, data: Mapping[str, Any]) -> dict[str, Any]:
        said = {
            "judgement": data["judgement"],
            "verdict": data["verdict"],
            "judged_at": datetime.fromisoformat(data["judged_at"]),
        }
        sealed = self.received is not None and "details_seal" in self.received.data
        # Before there were seals, no verdict said it, and withdrawals told of it afterwards.
        if sealed or self._superseding is not None:
            said["supersedes"] = self._superseding.data["supersedes"] if self._superseding else None
        # Nor did anybody log that a claim was suspected when it was first heard of.
        if sealed or data["judgement"] == 1 or self.judged is not self._first_judged:
            said["suspected"] = " ".join(self.suspected) or None
        return said

    def clock_sequence(self) -> int:
        """The entry that says whether there is a clock."""
        told = self._clock or self.judged or self.received
        return told.sequence if told else 0


def of_payment(entry: ToldEntry, claim_id: str) -> dict[str, Any]:
    """What an entry says of its row of ``payment_entries``, by column."""
    data = entry.data
    return {
        "claim_id": claim_id,
        "kind": entry.event.removeprefix(PAYMENT),
        "date": date.fromisoformat(data["date"]),
        # What is left out means all that was open, no interest, the whole claim, and no correction.
        "amount_cents": data.get("amount_cents"),
        "interest_cents": data.get("interest_cents", 0),
        "line": data.get("line"),
        "corrects": data.get("corrects"),
        "recorded_by": data["by"],
        "recorded_at": datetime.fromisoformat(entry.recorded_at),
    }


def _receipt(data: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "submission_id": data["submission_id"],
        "received_at": datetime.fromisoformat(data["received_at"]),
        "arrival_date": date.fromisoformat(data["arrival_date"]),
        "channel": data["channel"],
        "payer_id": data["payer_id"],
        # Empty where the claim's is no NPI.
        "provider_npi": data["provider_npi"],
        "member_key": data["member"],
        "amount_cents": data["amount_cents"],
    }
    if "details_seal" in data and data["payer_id"] == "":
        # It was no payer's id and stayed out of the log; the seal speaks of it.
        del said["payer_id"]
    said.update((name, data[name]) for name in ("benefit", "outreach", "frequency") if name in data)
    return said
