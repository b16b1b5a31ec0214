"""The outreach ledger: how often providers tried to reach members, with what success, and whether they were paid.

Facts in, figures out. An outreach line of several units is as many attempts. Authority: DHCS CalAIM ECM Policy
Guide; Health and Safety Code 1371 for the payment.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from services.payments.clock import Outcome
from services.payments.outreach.wrong_denials import AUTHORITY, WrongDenial

OUTREACH_GROUPS = ("payer", "provider", "member", "month", "service", "success")
SUCCESS_DAYS = 90
WRONG_DENIALS_LISTED = 500

Success = Literal["successful", "unsuccessful", "open"]
LineState = Literal["paid", "denied", "unpaid", "overdue", "contested", "withdrawn", "rejected"]
SUCCESSES: tuple[Success, ...] = ("successful", "unsuccessful", "open")


class LinePayment(Struct, frozen=True):
    """How one service line of a claim stands. ``late``: paid, denied or still open after the deadline."""

    state: LineState
    late: bool = False
    paid_cents: int = 0


class OutreachLine(Struct, frozen=True, kw_only=True):
    """One outreach line. ``housing``: outreach for a Community Support, which need not be paid."""

    key: tuple[str, ...]
    claim_id: str
    line: int
    payer_id: str
    provider_npi: str
    member_key: str
    housing: bool
    attempts: int
    billed_cents: int
    success: Success
    payment: LinePayment
    wrong_denial: WrongDenial | None = None
    denied_on: date | None = None


class Counts(Struct, frozen=True):
    """Attempts by what became of their lines; money in cents.

    ``attempts`` is paid, denied, unpaid, contested and withdrawn together; ``overdue`` are those of the unpaid
    past their deadline.
    """

    lines: int
    attempts: int
    members: int
    paid: int
    denied: int
    unpaid: int
    overdue: int
    contested: int
    withdrawn: int
    late: int
    wrong_denials: int
    billed_cents: int
    paid_cents: int


class OutreachFigures(Struct, frozen=True):
    """The ledger of one group. ``rejected`` attempts are in no other count; ``housing`` ones need not be paid."""

    key: dict[str, str]
    total: Counts
    successful: Counts
    unsuccessful: Counts
    open: Counts
    rejected: int
    housing: int


class FlaggedDenial(Struct, frozen=True):
    """A denial of ECM outreach for lack of authorization, enrolment or eligibility."""

    claim_id: str
    line: int
    payer_id: str
    provider_npi: str
    denied_on: date | None
    billed_cents: int
    ground: str
    code: str | None
    certain: bool
    authority: str


class Ledger(Struct, frozen=True):
    """``wrong_denials`` lists at most :data:`WRONG_DENIALS_LISTED`; the counts hold all."""

    groups: tuple[OutreachFigures, ...]
    total: OutreachFigures
    wrong_denials: tuple[FlaggedDenial, ...]


def success_of(attempted_on: date, services: Sequence[date], as_of: date) -> Success:
    """Whether a service of the kind that outreach aims at followed within 90 days. ``open``: it still may."""
    last = attempted_on + timedelta(days=SUCCESS_DAYS)
    if any(attempted_on <= day <= min(last, as_of) for day in services):
        return "successful"
    return "unsuccessful" if as_of > last else "open"


def line_payment(outcome: Outcome, line: int, charge_cents: int, as_of: date) -> LinePayment:
    """How a line stands, from what was recorded for it, and else from its claim.

    What was paid on the claim without naming a line is shared out by charge.
    """
    own = [payment for payment in outcome.payments if payment.line == line]
    other = [payment for payment in outcome.payments if payment.line is None]
    denied = [portion for portion in outcome.denied_portions if portion.line == line]
    own_denied = sum(portion.cents for portion in denied)
    own_paid = sum(payment.cents for payment in own)
    shared = sum(payment.cents for payment in other) * charge_cents // (outcome.amount_cents or 1)
    paid_cents = own_paid + min(shared, max(0, charge_cents - own_paid - own_denied))
    late_payment = any(payment.days_late > 0 for payment in own or other)
    settled_alone = charge_cents > 0 and own_paid + own_denied >= charge_cents
    if outcome.status in ("paid", "denied") or settled_alone:
        if own_paid or (not own_denied and (own or other)):
            return LinePayment("paid", late_payment, paid_cents)
        whole = [portion for portion in outcome.denied_portions if portion.line is None]
        # A line of no charge has no cents that were denied: it stands as its claim.
        late = [portion.denied_late for portion in denied or whole] or [outcome.late]
        return LinePayment("denied", any(late))
    if outcome.status == "withdrawn":
        return LinePayment("withdrawn", False, paid_cents)
    if outcome.status == "contested":
        return LinePayment("contested", False, paid_cents)
    if as_of > outcome.deadline:
        return LinePayment("overdue", True, paid_cents)
    return LinePayment("unpaid", False, paid_cents)


def ledger(lines: Iterable[OutreachLine], group_by: Sequence[str] = ()) -> Ledger:
    """The ledger by group, in the order of their keys, and over all."""
    tallies: dict[tuple[str, ...], _Group] = {}
    total, flagged = _Group(), list[FlaggedDenial]()
    for line in lines:
        tallies.setdefault(line.key, _Group()).add(line)
        total.add(line)
        if line.wrong_denial is not None:
            flagged.append(_flagged(line, line.wrong_denial))
    groups = tuple(tallies[key].figures(dict(zip(group_by, key, strict=True))) for key in sorted(tallies))
    flagged.sort(key=lambda denial: (denial.claim_id, denial.line))
    return Ledger(groups, total.figures({}), tuple(flagged[:WRONG_DENIALS_LISTED]))


def _flagged(line: OutreachLine, denial: WrongDenial) -> FlaggedDenial:
    return FlaggedDenial(
        claim_id=line.claim_id,
        line=line.line,
        payer_id=line.payer_id,
        provider_npi=line.provider_npi,
        denied_on=line.denied_on,
        billed_cents=line.billed_cents,
        ground=denial.ground,
        code=denial.code,
        certain=denial.certain,
        authority=AUTHORITY,
    )


class _Tally:
    def __init__(self) -> None:
        self.by_state = dict.fromkeys(("paid", "denied", "unpaid", "overdue", "contested", "withdrawn"), 0)
        self.lines = self.late = self.wrong = self.billed = self.paid_cents = 0
        self.members: set[str] = set()

    def add(self, line: OutreachLine) -> None:
        self.lines += 1
        self.members.add(line.member_key)
        self.by_state[line.payment.state] += line.attempts
        self.late += line.attempts if line.payment.late else 0
        self.wrong += line.attempts if line.wrong_denial else 0
        self.billed += line.billed_cents
        self.paid_cents += line.payment.paid_cents

    def counts(self) -> Counts:
        state = self.by_state
        return Counts(
            lines=self.lines,
            attempts=sum(state.values()),
            members=len(self.members),
            paid=state["paid"],
            denied=state["denied"],
            unpaid=state["unpaid"] + state["overdue"],
            overdue=state["overdue"],
            contested=state["contested"],
            withdrawn=state["withdrawn"],
            late=self.late,
            wrong_denials=self.wrong,
            billed_cents=self.billed,
            paid_cents=self.paid_cents,
        )


class _Group:
    def __init__(self) -> None:
        self.total = _Tally()
        self.by_success = {success: _Tally() for success in SUCCESSES}
        self.rejected = self.housing = 0

    def add(self, line: OutreachLine) -> None:
        if line.payment.state == "rejected":
            self.rejected += line.attempts
            return
        self.total.add(line)
        self.by_success[line.success].add(line)
        self.housing += line.attempts if line.housing else 0

    def figures(self, key: dict[str, str]) -> OutreachFigures:
        return OutreachFigures(
            key=key,
            total=self.total.counts(),
            **{success: tally.counts() for success, tally in self.by_success.items()},
            rejected=self.rejected,
            housing=self.housing,
        )
