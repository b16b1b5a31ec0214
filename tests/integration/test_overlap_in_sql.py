"""What the database gives the rules is enough: the same findings as from all the records that there are."""

from datetime import timedelta

import pytest
import random_records
from builders import CIN, OTHER_CIN, a_claim, a_line, a_received_claim
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_records import DAYS
from sqlalchemy import delete
from validator_harness import Validator

from services.validator.models import METADATA
from services.validator.rules import Aliases, Context, Coverage, Records, judge
from shared.care import Authorization, CareService, Enrollment, Record
from shared.database import Database
from shared.events import ClaimReceived
from shared.payers import Payers
from shared.reference.codes import CodeSet

CONTEXT = Context(CodeSet.load(), Payers(configured=False))
EVERYWHERE = Coverage(frozenset({""}), frozenset({""}))


def claims() -> list[ClaimReceived]:
    """ECM on one and on several days, a Community Support, outreach, for two members."""
    lines = [
        [a_line(1, service_start=DAYS[0]), a_line(2, service_start=DAYS[2])],
        [a_line(1, service_start=DAYS[0] - timedelta(days=20), service_end=DAYS[1])],
        [a_line(1, procedure_code="T2033", modifiers=("U6",), service_start=DAYS[1], units=1)],
        [a_line(1, modifiers=("U8",), service_start=DAYS[1], units=1)],
    ]
    return [a_received_claim(a_claim(cin=cin, lines=each)) for cin in (CIN, OTHER_CIN) for each in lines]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def validator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Validator:
    if request.param == "sqlite":
        return Validator(Database(f"sqlite:///{tmp_path_factory.mktemp('overlap')}/v.db", "validator"))
    return Validator(Database(request.getfixturevalue("postgres_url"), "overlap_in_sql"))


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(given_records=st.lists(random_records.records(), max_size=9), together=st.booleans())
def test_findings_by_way_of_the_database_are_those_of_all_records(
    validator: Validator, given_records: list[Record], together: bool
) -> None:
    with validator.database.begin() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(delete(table))
    for feed in ("authorizations", "enrollments"):
        validator.cover(feed)
    if together:
        validator.join(CIN, OTHER_CIN)
    validator.load(*given_records)

    judged = validator.judge(*(received := claims()))

    standing = {(type(record), record.record_id): record for record in given_records}.values()
    everything = Records(
        services=[each for each in standing if isinstance(each, CareService)],
        enrollments=[each for each in standing if isinstance(each, Enrollment)],
        authorizations=[each for each in standing if isinstance(each, Authorization)],
        aliases=Aliases([(CIN, OTHER_CIN)] if together else ()),
        coverage=EVERYWHERE,
    )
    for claim, through_the_database in zip(received, judged, strict=True):
        naive = judge(claim, CONTEXT, records=everything)
        of_records = {"overlap", "authorization", "member"}
        expected = [each for each in naive.findings if each.rule.split(".")[0] in of_records]
        found = [each for each in through_the_database.findings if each.rule.split(".")[0] in of_records]
        assert found == expected
