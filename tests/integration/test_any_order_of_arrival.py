"""The same history ends in the same findings, in whatever order claims, further CINs, records and decisions come.

What the order may change is which claims stand: a claim that was rejected, on arrival or by a person, is nobody's
original, and nothing rejects a claim that was accepted but a person. Given which claims stand, what is found of
each follows from the claims received before it and the records in force, and from nothing else.
"""

from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

import pytest
import random_records
from builders import CIN, OTHER_CIN, OTHER_NPI, a_claim, a_line, a_received_claim
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from naive_duplicates import ARRIVAL, Finding, Member, a_history, findings_beside, told
from random_records import DAYS
from sqlalchemy import delete, select
from validator_harness import Validator

from services.validator.feeds.members import groups_of
from services.validator.models import CLAIMS, DECISIONS, METADATA
from shared.care import CareService, Enrollment, MemberAlias, Record
from shared.database import Database
from shared.events import ClaimJudged, ClaimReceived

MEMBERS = (Member(("91234567A",)), Member(("97654321C", "97654322D", "97654323E")))
ALIASES = (
    MemberAlias("M-1", "97654321C", "97654322D"),
    MemberAlias("M-2", "97654322D", "97654323E"),
    MemberAlias("M-3", "91234567A", "97654321C"),
)
PACE = tuple(
    Enrollment(f"E-{number}", cin, "PACE", ARRIVAL.replace(year=2022))
    for number, cin in enumerate(("91234567A", "97654321C"))
)


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Validator:
    return Validator(Database(f"sqlite:///{tmp_path_factory.mktemp('order')}/validator.db", "validator"))


def emptied(validator: Validator) -> Validator:
    """Without claims and records."""
    with validator.database.begin() as connection:
        for table in reversed(METADATA.sorted_tables):
            if table.name != "api_keys":
                connection.execute(delete(table))
    return validator


# --- Whatever happens, in whatever order


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10**9), claims=st.integers(2, 14), late=st.integers(4, 16))
def test_what_is_found_follows_from_what_stands_and_is_known_at_the_end(
    on_sqlite: Validator, seed: int, claims: int, late: int
) -> None:
    validator, random = emptied(on_sqlite), Random(seed)
    history = _repeating(a_history(random, MEMBERS, claims), random)
    in_force: dict[str, Record] = {}
    steps: list[ClaimReceived | None] = list(history)
    for _ in range(late):
        steps.insert(random.randint(0, len(steps)), None)
    for step in steps:
        if step is not None:
            validator.judge(step)
        else:
            _something_else(validator, random, in_force)
        if random.random() < 0.5:
            validator.compare()
    validator.compare()

    ended = _Ending(validator, history)
    groups = groups_of(
        (each.cin, each.alias_cin) for each in in_force.values() if isinstance(each, MemberAlias)
    )
    assert ended.found() == ended.expected(groups)
    assert set(validator.queue("reviews?limit=100")) & ended.found().keys() == ended.to_be_decided()


def _repeating(history: list[ClaimReceived], random: Random) -> list[ClaimReceived]:
    """The history with more claims in it that bill the same again."""
    for place in range(1, len(history)):
        if random.random() < 0.5:
            received, other = history[place], random.choice(history[:place])
            claim = replace(
                received.claim, lines=other.claim.lines, billing_provider=other.claim.billing_provider
            )
            history[place] = replace(received, claim=claim)
    return history


def _something_else(validator: Validator, random: Random, in_force: dict[str, Record]) -> None:
    """A record comes or is taken back, or somebody decides of a claim in review."""
    waiting = validator.queue()
    if waiting and random.random() < 0.3:
        answer = validator.decide(random.choice(waiting), random.choice(("release", "reject")))
        assert answer.status_code in (200, 409), answer.text
        return
    record: Record = random.choice((*ALIASES * 3, *PACE))
    gone = record.record_id in in_force and random.random() < 0.8
    validator.load(record, withdrawn=gone)
    if gone:
        del in_force[record.record_id]
    else:
        in_force[record.record_id] = record


class _Ending:
    """What stands in the database once all has come."""

    def __init__(self, validator: Validator, history: Sequence[ClaimReceived]) -> None:
        self._history = history
        self._judged = {each.claim_id: validator.judgements(each.claim_id) for each in history}
        with validator.database.read() as connection:
            self._claims = {row.claim_id: row for row in connection.execute(select(CLAIMS))}
            self._decided = {
                row.claim_id: row.judgement
                for row in connection.execute(select(DECISIONS).order_by(DECISIONS.c.judgement))
            }

    def _now(self) -> list[tuple[ClaimReceived, ClaimJudged]]:
        """The claims of which something can still be found: no voids, none voided, none rejected for themselves."""
        return [
            (each, self._judged[each.claim_id][-1])
            for each in self._history
            if each.claim.frequency != "8"
            and each.claim.diagnosis_codes
            and not self._claims[each.claim_id].superseded
        ]

    def found(self) -> dict[str, list[Finding]]:
        return {
            each.claim_id: [one for one in told(judged) if one[0] != "duplicate.original_unknown"]
            for each, judged in self._now()
        }

    def expected(self, groups: Sequence[set[str]]) -> dict[str, list[Finding]]:
        """Each claim beside those received before it that stand now."""
        expected = {}
        standing: list[ClaimReceived] = []
        for received, judged in self._now():
            beside = findings_beside(received, standing, self._original(received), groups)
            expected[received.claim_id] = sorted(beside, key=str)
            if judged.verdict != "rejected":
                standing.append(received)
        return expected

    def _original(self, received: ClaimReceived) -> ClaimReceived | None:
        """What a replacement replaces, or, where it was rejected, was to replace."""
        named = self._claims[received.claim_id].supersedes
        return next((each for each in self._history if each.claim_id == named), None)

    def to_be_decided(self) -> set[str]:
        """Claims of which something is to be decided, and nobody has: what was decided on stays decided."""
        waiting = set()
        for received, judged in self._now():
            known: set[tuple[str, int | None, str | None]] = set()
            if received.claim_id in self._decided:
                weighed = self._judged[received.claim_id][self._decided[received.claim_id] - 1]
                known = {(each.rule, each.line, each.value) for each in weighed.findings}
            blocking = [each for each in judged.findings if each.severity != "note"]
            if judged.verdict == "rejected":
                if all(each.severity != "reject" for each in blocking):
                    waiting.add(received.claim_id)
            elif any((each.rule, each.line, each.value) not in known for each in blocking):
                waiting.add(received.claim_id)
        return waiting


# --- Where nothing is rejected, nothing at all depends on the order of the feeds

_DEPOSIT = {"procedure_code": "H0044", "modifiers": ("U2",), "units": 1}
_NIGHTS = {"procedure_code": "T2033", "modifiers": ("U6",), "units": 2, "service_end": DAYS[2]}
_HOUSING = {**_NIGHTS, "procedure_code": "H0043", "modifiers": ("U3",)}
_CLAIMS = (
    a_claim(claim_number="N0", lines=[a_line(**_DEPOSIT, service_start=DAYS[0])]),
    a_claim(claim_number="N1", cin=OTHER_CIN, lines=[a_line(**_DEPOSIT, service_start=DAYS[1])]),
    a_claim(claim_number="N2", lines=[a_line(**_NIGHTS, service_start=DAYS[0])]),
    a_claim(claim_number="N3", cin=OTHER_CIN, lines=[a_line(**_HOUSING, service_start=DAYS[1])]),
    a_claim(
        claim_number="N4",
        cin=OTHER_CIN,
        lines=[a_line(**_NIGHTS, service_start=DAYS[0], charge_cents=8_000)],
    ),
    a_claim(claim_number="N5", lines=[a_line(1, service_start=DAYS[0]), a_line(2, service_start=DAYS[2])]),
    a_claim(claim_number="N6", cin=OTHER_CIN, npi=OTHER_NPI, lines=[a_line(1, service_start=DAYS[2])]),
    a_claim(claim_number="N7", frequency="8", original_reference="N2", lines=[a_line(**_NIGHTS)]),
    a_claim(claim_number="N8", cin=OTHER_CIN, lines=[a_line(**_DEPOSIT, service_start=DAYS[2])]),
)
_numbers = count(1)


def _rejects_nothing(record: Record) -> bool:
    match record:
        case CareService(program=program):
            return program not in ("CHW", "OTHER")
        case Enrollment(program=program):
            return program not in ("PACE", "MANAGED_CARE")
    return True


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    records=st.lists(st.tuples(random_records.records().filter(_rejects_nothing), st.booleans()), max_size=5),
    taken_back=st.lists(st.booleans(), max_size=3),
    random=st.randoms(use_true_random=False),
)
def test_feeds_in_any_order_end_in_the_same_findings_and_the_same_queue(
    on_sqlite: Validator,
    records: list[tuple[Record, bool]],
    taken_back: list[bool],
    random: Random,
) -> None:
    """Of one record the last version stands, and the claims keep their order; all else may come when it will."""
    told_of: dict[str, list[tuple[Record, bool]]] = {}
    for record, gone in [*records, *((MemberAlias("M-1", CIN, OTHER_CIN), gone) for gone in taken_back)]:
        told_of.setdefault(record.record_id, []).append((record, gone))
    feeds = [step for steps in told_of.values() for step in steps]
    first, last = [*feeds, *_CLAIMS], [*_CLAIMS, *feeds]
    between = _interleaved(random, [*told_of.values(), list(_CLAIMS)])
    endings = [_ending(emptied(on_sqlite), order, random) for order in (first, last, between)]
    assert endings[0] == endings[1] == endings[2]


def _interleaved(random: Random, sequences: list[list[Any]]) -> list[Any]:
    queues = [list(each) for each in sequences]
    merged = []
    while queues := [queue for queue in queues if queue]:
        merged.append(random.choice(queues).pop(0))
    return merged


def _ending(validator: Validator, steps: list[Any], random: Random) -> list[tuple[list[Any], bool]]:
    """Every claim's findings, and whether it waits for a decision, once all has come."""
    validator.cover("authorizations")
    run, claim_ids = next(_numbers), {}
    for step in steps:
        if isinstance(step, tuple):
            record, gone = step
            validator.load(record, withdrawn=gone)
        else:
            claim_id = claim_ids[step.claim_number] = f"clm_{run:06}_{step.claim_number}"
            validator.judge(a_received_claim(step, claim_id=claim_id))
        if random.random() < 0.7:
            validator.compare()
    validator.compare()
    waiting = validator.queue("reviews?limit=100")
    return [
        (
            sorted(
                (f.rule, f.severity, f.line or 0, f.message)
                for f in validator.judgements(claim_id)[-1].findings
            )
            # What was voided is history, as it was when it was voided.
            if number != "N2"
            else [],
            claim_id in waiting,
        )
        for number, claim_id in sorted(claim_ids.items())
    ]
