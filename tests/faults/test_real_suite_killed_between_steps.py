"""The same on Apache Kafka and PostgreSQL, where each service's worker is a process that can be killed alone."""

from collections.abc import Iterator

import pytest
from killing import CONFORMITY, CONSUMER, RELAY, Uploads
from running import Client, RealSuite, file_837p, until

STEPS = {
    "intake": (*CONFORMITY, "conformity_before_commit:3", *RELAY, *CONSUMER),
    "validator": (*RELAY, *CONSUMER),
    "payments": (*RELAY, *CONSUMER),
}
FIRST_NUMBERS = {"intake": 0, "validator": 10_000, "payments": 20_000}


@pytest.fixture(scope="module")
def provider(real_suite: RealSuite) -> Client:
    return real_suite.client("provider")


@pytest.fixture(scope="module")
def auditor(real_suite: RealSuite) -> Client:
    return real_suite.client("auditor", "Auditor")


@pytest.mark.parametrize("service", STEPS)
def test_a_worker_killed_between_any_two_steps_loses_and_doubles_nothing(
    real_suite: RealSuite, provider: Client, auditor: Client, service: str
) -> None:
    uploads = Uploads(provider, FIRST_NUMBERS[service])
    real_suite.workers[service].kill()

    for failpoint in STEPS[service]:
        real_suite.work(service, failpoint)
        uploads.send_until_killed(real_suite.workers[service], failpoint)

    real_suite.work(service)
    uploads.expect_each_claim_once(real_suite, auditor)


@pytest.fixture
def failing_server(real_suite: RealSuite) -> Iterator[None]:
    """Intake's HTTP process dies at each second file."""
    real_suite.serve("intake", PROMPTCLAIM_FAILPOINT="receive_before_commit:2")
    real_suite.wait_until_served("intake")
    yield
    real_suite.serve("intake")
    real_suite.wait_until_served("intake")


@pytest.mark.usefixtures("failing_server")
def test_a_server_killed_while_it_stores_a_file_comes_back_and_takes_the_file_again(
    real_suite: RealSuite, provider: Client, auditor: Client
) -> None:
    uploads = Uploads(provider, 30_000)

    uploads.send()
    uploads.send()

    assert uploads.unanswered == 1
    uploads.expect_each_claim_once(real_suite, auditor)


def test_validators_that_come_and_go_in_the_middle_of_a_file_judge_each_claim_once(
    real_suite: RealSuite, provider: Client
) -> None:
    claims = 1_500
    content = file_837p(claims, first_number=40_000, claims_in_set=50)

    def judged() -> int:
        return sum(
            real_suite.counts("validator", "SELECT claim_id, count(*) FROM judgements GROUP BY 1").values()
        )

    before = judged()
    submission_id = provider.submit("long.837", content).json()["submission_id"]
    first = real_suite.workers["validator"]
    real_suite.work("validator")
    for part in (0.2, 0.5):
        until("some verdicts", judged, lambda count: count - before >= claims * part)  # noqa: B023
        first.kill()
        first = real_suite.workers["validator"]
        real_suite.work("validator")

    found = provider.judged(submission_id)
    assert found["counts"] == {"accepted": claims, "pended": 0, "rejected": 0, "unreadable": 0}
    assert judged() - before == claims
