"""Processes killed with SIGKILL and brokers frozen or killed:

every effect happens exactly once all the same.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from parts import messaging_process
from parts.messaging_process import effects, metadata, tables
from parts.real_kafka import Broker
from sqlalchemy import select

from shared.bus.kafka import KafkaBus
from shared.database import Database
from shared.events import Event
from shared.messaging.outbox import enqueue

EVENTS = 100


class Scene:
    def __init__(self, database: Database, place: str, topic: str) -> None:
        metadata.create_all(database.engine)
        self.database, self.place, self.topic = database, place, topic

    def send(self, numbers: Iterable[int]) -> None:
        events = [
            Event(
                id=f"e{number:05}",
                topic=self.topic,
                type="thing.happened",
                source="/tests",
                subject=f"thing-{number}",
                time="2026-11-02T10:00:00.000000Z",
                key=f"key-{number % 5}",
                data=b"{}",
            )
            for number in numbers
        ]
        with self.database.begin() as connection:
            enqueue(connection, tables, events)

    def process(self, wanted: int, failpoint: str = "") -> subprocess.Popen[bytes]:
        url = self.database.engine.url.render_as_string(hide_password=False)
        arguments = (url, self.database.schema, self.place, self.topic, str(wanted))
        environment = {**os.environ, "PROMPTCLAIM_FAILPOINT": failpoint, "PYTHONPATH": str(Path.cwd())}
        return subprocess.Popen([sys.executable, messaging_process.__file__, *arguments], env=environment)

    def expect_each_effect_once_in_order(self, count: int) -> None:
        with self.database.read() as connection:
            done = list(connection.scalars(select(effects.c.event_id).order_by(effects.c.id)))
        wanted = [f"e{number:05}" for number in range(count)]
        assert Counter(done) == Counter(wanted)
        for key in range(5):
            assert [each for each in done if int(each[1:]) % 5 == key] == wanted[key::5]


@pytest.fixture
def scene(database: Database, tmp_path: Path, topic: str) -> Scene:
    return Scene(database, str(tmp_path / "events.db"), topic)


@pytest.mark.parametrize(
    "failpoint",
    [
        "relay_before_publish",
        "relay_after_publish_before_mark:2",
        "relay_after_mark:2",
        "before_handler:2",
        "after_handler_before_commit",
        "after_handler_before_commit:3",
        "after_commit:2",
    ],
)
def test_a_process_killed_at_a_step_is_made_good_by_the_next(scene: Scene, failpoint: str) -> None:
    scene.send(range(EVENTS))
    assert scene.process(EVENTS, failpoint).wait(60) == -signal.SIGKILL
    assert scene.process(EVENTS).wait(90) == 0
    scene.expect_each_effect_once_in_order(EVENTS)


def test_processes_killed_at_any_moment_are_made_good_by_the_last(scene: Scene) -> None:
    seed = random.randrange(2**32)
    print(f"seed={seed}")
    moments = random.Random(seed)
    for start in range(0, 3000, 500):
        scene.send(range(start, start + 500))
        both = [scene.process(3000), scene.process(3000)]
        time.sleep(moments.uniform(0.5, 1.2))
        for process in both:
            process.kill()
            process.wait()
    assert scene.process(3000).wait(90) == 0
    scene.expect_each_effect_once_in_order(3000)


@pytest.fixture
def kafka_scene(
    new_database: Callable[[str], Database], kafka_broker: Broker, kafka_bus: KafkaBus, topic: str
) -> Scene:
    kafka_bus.create_topics([topic])
    return Scene(new_database("postgresql"), kafka_broker.bootstrap_servers, topic)


def test_a_process_killed_between_publishing_and_marking_publishes_again_to_kafka(
    kafka_scene: Scene,
) -> None:
    kafka_scene.send(range(EVENTS))
    assert kafka_scene.process(EVENTS, "relay_after_publish_before_mark").wait(60) == -signal.SIGKILL
    assert kafka_scene.process(EVENTS, "after_commit:2").wait(60) == -signal.SIGKILL
    assert kafka_scene.process(EVENTS).wait(90) == 0
    kafka_scene.expect_each_effect_once_in_order(EVENTS)


def test_a_broker_that_freezes_delays_but_loses_nothing(kafka_scene: Scene, kafka_broker: Broker) -> None:
    kafka_scene.send(range(EVENTS))
    process = kafka_scene.process(2 * EVENTS)
    time.sleep(1.0)
    kafka_broker.freeze()
    thaw = threading.Timer(5.0, kafka_broker.thaw)
    thaw.start()
    kafka_scene.send(range(EVENTS, 2 * EVENTS))
    assert process.wait(90) == 0
    thaw.join()
    kafka_scene.expect_each_effect_once_in_order(2 * EVENTS)


def test_a_broker_that_is_killed_and_comes_back_loses_nothing(
    kafka_scene: Scene, kafka_broker: Broker
) -> None:
    kafka_scene.send(range(EVENTS))
    process = kafka_scene.process(2 * EVENTS)
    time.sleep(1.5)
    kafka_broker.kill()
    kafka_scene.send(range(EVENTS, 2 * EVENTS))
    kafka_broker.start()
    assert process.wait(90) == 0
    kafka_scene.expect_each_effect_once_in_order(2 * EVENTS)
