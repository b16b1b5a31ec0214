"""Duplicates and limits by way of the database, batch after batch, against a judge who compares everything."""

from collections.abc import Sequence
from datetime import date
from random import Random

import pytest
from builders import a_line, a_received_claim
from naive_duplicates import Member, a_history, naive_findings, told
from sqlalchemy import func, insert, select

from services.validator import facts
from services.validator.models import MEMBER_CINS, SERVICE_LINES
from services.validator.rules import Context, judge_batch, needs, prepare
from services.validator.rules.aliases import NO_ALIASES
from shared.database import Database
from shared.events import ClaimReceived
from shared.identifiers import CIN_LETTERS
from shared.migrate import upgrade
from shared.payers import Payers
from shared.reference.codes import CodeSet

CONTEXT = Context(CodeSet.load(), Payers.load(None))
HISTORIES = 60
CLAIMS = 14


def members_of(number: int) -> tuple[Member, Member]:
    """Two members whom no other history has; the second one has three CINs."""
    one, *more = (f"9{number * 10 + place:07d}{CIN_LETTERS[place]}" for place in range(4))
    return Member((one,)), Member(tuple(more))


def judged_in_batches(
    database: Database,
    claims: list[ClaimReceived],
    random: Random,
    sizes: Sequence[int] = (1, 2, 3, 7, 40),
) -> dict[str, list[tuple]]:
    """Each batch in a transaction of its own: loaded, judged and kept as the worker does it."""
    found = {}
    while claims:
        size = random.choice(sizes)
        batch, claims = claims[:size], claims[size:]
        with database.begin() as connection:
            prepared = [prepare(each, CONTEXT) for each in batch]
            history, records = facts.load(connection, prepared)
            judgements = judge_batch(prepared, CONTEXT, history, records)
            facts.keep(connection, judgements)
        found |= {judgement.received.claim_id: told(judgement) for judgement in judgements}
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_batches_by_way_of_the_database_find_what_comparing_everything_finds(database: Database, seed: int):
    upgrade(database, "services.validator")
    random = Random(seed)
    expected: dict[str, list[tuple]] = {}
    histories, groups = [], []
    for number in range(HISTORIES):
        members = members_of(number)
        group = members[1].cins
        history = a_history(random, members, CLAIMS, prefix=f"H{number}-")
        expected |= naive_findings(history, [group])
        histories.append(history)
        groups.append(group)
    with database.begin() as connection:
        rows = [{"cin": cin, "member": min(group)} for group in groups for cin in group]
        connection.execute(insert(MEMBER_CINS), rows)
    # Histories meet in one batch, but the claims of each stay in their order.
    turns = [number for number in range(HISTORIES) for _ in range(CLAIMS)]
    random.shuffle(turns)
    places = [iter(history) for history in histories]
    mixed = [next(places[number]) for number in turns]
    found = judged_in_batches(database, mixed, random)
    different = {
        claim_id: (found[claim_id], sorted(each, key=str))
        for claim_id, each in expected.items()
        if found[claim_id] != sorted(each, key=str)
    }
    assert different == {}
    with database.read() as connection:
        standing = connection.execute(
            select(func.count()).select_from(SERVICE_LINES).where(SERVICE_LINES.c.standing)
        ).scalar_one()
    assert standing > HISTORIES


def test_a_void_is_nobodys_original_and_what_it_took_back_is_billed_anew(database: Database):
    upgrade(database, "services.validator")
    original = a_received_claim(claim_number="PCN-1")
    voids = [a_received_claim(claim_number="PCN-1", frequency="8") for _ in range(2)]
    replacement = a_received_claim(claim_number="PCN-1", frequency="7")
    anew = a_received_claim(claim_number="PCN-2")
    claims = [original, *voids, replacement, anew]
    found = judged_in_batches(database, claims, Random(0), sizes=(1,))
    unknown = [("duplicate.original_unknown", 0, "pend", None, None)]
    again = [("duplicate.exact", 1, "reject", replacement.claim_id, 1)]
    assert [found[each.claim_id] for each in claims] == [[], [], unknown, unknown, again]


def test_only_the_days_that_a_limit_counts_over_are_looked_up(database: Database):
    upgrade(database, "services.validator")
    respite = {"procedure_code": "S9125", "modifiers": ("U6",), "units": 1}
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 9, 1)]
    earlier = [a_received_claim(lines=[a_line(**respite, service_start=day)]) for day in days]
    judged_in_batches(database, earlier, Random(0), sizes=(3,))
    mine = prepare(a_received_claim(lines=[a_line(**respite)]), CONTEXT)
    with database.read() as connection:
        lines = facts.lines_for(connection, needs([mine], NO_ALIASES).lines)
    assert [line.service_start for line in lines] == days[1:]
