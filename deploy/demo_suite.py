"""What the demo drives: the suite in a process of its own, and calls to it as from outside."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
COMMAND = Path(sys.executable).with_name("promptclaim")
WAIT_SECONDS = 120


class Client:
    """Calls with the key of a role. Ends the demo where an answer is not what it should be."""

    def __init__(self, url: str, keys: dict[str, str]) -> None:
        self.url = url
        self.keys = keys

    def call(self, role: str, method: str, path: str, **details: Any) -> Any:
        """The answer's JSON."""
        return self._answer(role, method, path, **details).json()

    def download(self, role: str, path: str) -> bytes:
        """A file."""
        return self._answer(role, "GET", path).content

    def _answer(self, role: str, method: str, path: str, **details: Any) -> requests.Response:
        answer = requests.request(
            method,
            self.url + path,
            headers={"Authorization": f"Bearer {self.keys[role]}"},
            timeout=60,
            **details,
        )
        if not answer.ok:
            sys.exit(f"{method} {path} answered {answer.status_code}: {answer.text}")
        return answer

    def send(self, role: str, path: str, file: Path) -> Any:
        """Upload a file."""
        with file.open("rb") as content:
            return self.call(role, "POST", path, files={"file": (file.name, content)})

    def until(self, what: str, look: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
        """What ``look`` finds once it is ``done``."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not done(found := look()):
            if time.monotonic() > deadline:
                sys.exit(f"Waited {WAIT_SECONDS} seconds for {what}; last seen: {json.dumps(found)[:2000]}")
            time.sleep(0.1)
        return found


@contextmanager
def running_suite(data: Path) -> Iterator[str]:
    """The suite on a free port; its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTCLAIM_")}
    environment["PROMPTCLAIM_PAYERS_FILE"] = str(ROOT / "deploy" / "payers.example.toml")
    with (data / "suite.log").open("wb") as log:
        suite = subprocess.Popen(
            [COMMAND, "up", "--data", data, "--port", str(port)], env=environment, stdout=log, stderr=log
        )
        try:
            wait_until_ready(suite, url, data / "suite.log")
            yield url
        finally:
            stop(suite)


def stop(suite: "subprocess.Popen[bytes]") -> None:
    """End the suite as Ctrl-C does; what has not ended after half a minute is killed."""
    suite.send_signal(signal.SIGINT)
    try:
        suite.wait(30)
    except subprocess.TimeoutExpired:
        suite.kill()
        suite.wait()


def wait_until_ready(suite: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if suite.poll() is not None:
            break
        try:
            if all(
                requests.get(f"{url}/{name}/readyz", timeout=5).ok
                for name in ("intake", "validator", "payments")
            ):
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    sys.exit(f"The suite did not start:\n{log.read_text()[-4000:]}")


def make_key(data: Path, role: str, organisation: str, *options: str) -> str:
    made = subprocess.run(
        [
            COMMAND,
            "keys",
            "create",
            "--role",
            role,
            "--organisation",
            organisation,
            "--format",
            "json",
            "--data",
            data,
            *options,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    secret: str = json.loads(made.stdout)["secret"]
    return secret


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for_ctrl_c() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        sys.stdout.write("\n")
