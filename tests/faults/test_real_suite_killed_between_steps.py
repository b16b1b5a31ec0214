"""The same on Apache Kafka and PostgreSQL, where each service's worker is a process that can be killed alone."""

import signal
import time
from collections.abc import Callable, Iterator

import pytest
from killing import CONFORMITY, CONSUMER, RELAY, Uploads
from running import SESSION_SECONDS, Client, RealSuite

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


def test_validators_that_come_hang_and_go_while_files_arrive_judge_each_claim_once(
    real_suite: RealSuite, provider: Client, auditor: Client
) -> None:
    uploads = Uploads(provider, 40_000)
    first = real_suite.workers["validator"]
    second = real_suite.work("validator")
    changes: list[Callable[[], object]] = [
        lambda: None,  # the second joins
        lambda: first.send_signal(
            signal.SIGSTOP
        ),  # its partitions go to the second, in the middle of a batch
        lambda: first.send_signal(signal.SIGCONT),  # it goes on with work that is no longer its own
        second.kill,
        lambda: real_suite.work("validator"),
        first.terminate,
    ]

    for change in changes:
        change()
        for _ in range(5):
            uploads.send()
            time.sleep((SESSION_SECONDS + 0.5) / 5)

    uploads.expect_each_claim_once(real_suite, auditor)
    assert first.wait(10) == 0
