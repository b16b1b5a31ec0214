"""A real Apache Kafka broker (KRaft, one node) on free ports of 127.0.0.1, in a folder that goes with it.

Its jars are fetched once with Maven into ``.test-parts`` of the checkout. Run as a script it starts a broker,
prints its address and waits for Enter.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

HERE = Path(__file__).parent
LIBRARIES = HERE.parents[1] / ".test-parts" / "kafka-libs"
START_SECONDS = 60


class PartMissing(Exception):
    """The part cannot be had on this machine; the message says what is missing."""


class Broker:
    """Raises ``PartMissing`` without Java or Maven and ``RuntimeError`` where the broker does not start."""

    def __init__(self) -> None:
        classpath = f"{_libraries()}/*"
        self._folder = Path(tempfile.mkdtemp(prefix="kafka-"))
        port, controller_port = _free_ports(2)
        self.bootstrap_servers = f"127.0.0.1:{port}"
        properties = self._folder / "server.properties"
        properties.write_text(_properties(self._folder / "logs", port, controller_port))
        java = [
            "java",
            "-Xmx384m",
            "-Xms128m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            classpath,
        ]
        format_ = [*java, "kafka.tools.StorageTool", "format", "-t", uuid4().hex[:22], "-c", str(properties)]
        done = subprocess.run(format_, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        if done.returncode:
            raise RuntimeError(f"Kafka's storage could not be formatted: {done.stdout}{done.stderr}")
        self._log = (self._folder / "broker.log").open("wb")
        self._start = [*java, "kafka.Kafka", str(properties)]
        self.start()

    def start(self) -> None:
        """Start it (again), with what it had kept."""
        self.process = subprocess.Popen(self._start, stdout=self._log, stderr=subprocess.STDOUT)
        host, port = self.bootstrap_servers.split(":")
        until = time.monotonic() + START_SECONDS
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"Kafka ended: {(self._folder / 'broker.log').read_text()[-4000:]}")
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
            except OSError:
                if time.monotonic() > until:
                    self.stop()
                    raise RuntimeError(f"Kafka did not listen within {START_SECONDS} s") from None
                time.sleep(0.05)
            else:
                return

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As if the power had gone."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.thaw()
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _libraries() -> Path:
    fetched = (LIBRARIES / ".complete").exists()
    for command in ("java",) if fetched else ("java", "mvn"):
        if shutil.which(command) is None:
            raise PartMissing(f"{command} is not installed: it is needed for a real Apache Kafka")
    LIBRARIES.parent.mkdir(exist_ok=True)
    with (LIBRARIES.parent / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (LIBRARIES / ".complete").exists():
            fetch = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={LIBRARIES}"]
            done = subprocess.run(
                fetch, cwd=HERE / "kafka", capture_output=True, text=True, timeout=300, check=False
            )
            if done.returncode:
                raise PartMissing(
                    f"Maven could not fetch Apache Kafka: {(done.stdout + done.stderr)[-1000:]}"
                )
            (LIBRARIES / ".complete").touch()
    return LIBRARIES


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _properties(logs: Path, port: int, controller_port: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": logs,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


if __name__ == "__main__":
    broker = Broker()
    try:
        sys.stdout.write(f"{broker.bootstrap_servers} (pid {broker.process.pid} of {os.getpid()})\n")
        sys.stdin.readline()
    finally:
        broker.stop()
