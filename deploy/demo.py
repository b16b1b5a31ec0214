"""`make demo`: the main job as a provider, a claims department and an auditor live it, on embedded parts.

Everything goes through the suite's own command and HTTP, as it would from outside.
"""

import argparse
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import requests

from services.commands.tables import claim_lines, table
from shared.calendar import pacific_date
from shared.parts import utc_now

ROOT = Path(__file__).resolve().parent.parent
COMMAND = Path(sys.executable).with_name("promptclaim")
SAMPLES = ("claims.837", "invoice.xlsx", "invoice.csv", "claims.json")
PROVIDER = "Harbor Street Outreach"
PROVIDER_NPI = "1234567893"
WAIT_SECONDS = 120


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--keep", action="store_true", help="stay up until Ctrl-C")
    keep = arguments.parse_args().keep
    with (
        tempfile.TemporaryDirectory(prefix="promptclaim-demo-") as folder,
        running_suite(Path(folder)) as url,
    ):
        demo = Demo(url, Path(folder))
        demo.run()
        if keep:
            demo.show_keys()
            print("\nThe suite stays up until Ctrl-C.")
            wait_for_ctrl_c()


class Demo:
    def __init__(self, url: str, data: Path) -> None:
        self.url = url
        self.samples = data / "samples"
        self.samples.mkdir()
        runpy.run_path(str(ROOT / "samples" / "build.py"))["build"](self.samples, california_today())
        self.keys = {
            "provider": make_key(data, "provider", PROVIDER, f"--npi={PROVIDER_NPI}"),
            "claims": make_key(data, "claims", "Golden State Health Plan"),
            "auditor": make_key(data, "auditor", "State auditor"),
        }

    def run(self) -> None:
        say("1. The provider sends its files")
        submissions = [self.submit(self.samples / name) for name in SAMPLES]
        print(
            table(
                [
                    {
                        key: each[key]
                        for key in (
                            "file_name",
                            "channel",
                            "received_at",
                            "receipt_date",
                            "claims",
                            "unreadable",
                        )
                    }
                    for each in submissions
                ]
            )
        )

        say("2. Every claim has its verdict")
        submissions = [self.judged(each["submission_id"]) for each in submissions]
        print(table([{"file": each["file_name"], **each["counts"]} for each in submissions]))
        for each in submissions:
            print(f"\n{each['file_name']}")
            for note in each["notes"]:
                print(f"  note: {note['message']}")
            for claim in each["claims"]:
                print("\n".join(claim_lines(claim)))

        clean = [claim for each in submissions for claim in each["claims"] if claim["clean"]]
        say("3. Every clean claim has a clock")
        clocks = self.until("every clock", self.clocks, lambda found: len(found) == len(clean))
        print(
            table(
                clocks,
                (
                    "claim_id",
                    "payer_id",
                    "received_at",
                    "deadline",
                    "contract_30",
                    "contract_90",
                    "state",
                    "amount_cents",
                ),
            )
        )

        say("4. The plan pays, denies and asks")
        for clock, (kind, details) in zip(clocks, payments(clocks), strict=False):
            self.call(
                "claims",
                "POST",
                f"/payments/api/v1/claims/{clock['claim_id']}/payment-events",
                json={"kind": kind, "date": california_today().isoformat(), **details},
            )
        paid = self.until(
            "the payments on the claim page",
            lambda: self.claim(clocks[0]["claim_id"]),
            lambda claim: bool(claim["payments"]),
        )
        print(table(paid["timeline"]))
        states = Counter(clock["state"] for clock in self.clocks())
        print("\n" + table([{"state": state, "clocks": number} for state, number in sorted(states.items())]))

        say("5. The auditor asks for the figures and the log")
        figures = self.call(
            "auditor",
            "GET",
            "/payments/api/v1/timeliness",
            params={
                "from": (california_today() - timedelta(31)).isoformat(),
                "to": california_today().isoformat(),
                "group_by": "payer,channel",
            },
        )
        print(
            table(
                [
                    figure_row(each)
                    for each in [*figures["groups"], {**figures["total"], "key": {"payer": "all"}}]
                ]
            )
        )
        verification = self.call("auditor", "GET", "/payments/api/v1/timeliness-log/verification")
        print(
            "\nTimeliness log:",
            json.dumps(
                {key: verification[key] for key in ("intact", "entries", "head_hash") if key in verification}
            ),
        )
        if not verification["intact"]:
            sys.exit("The timeliness log is broken.")

        say("Pages (KEEP=1 make demo leaves them up)")
        for who, path in (
            ("sign in", "/"),
            ("provider", "/intake/"),
            ("claims department", "/payments/"),
            ("auditor", "/payments/timeliness"),
        ):
            print(f"  {who:<18} {self.url}{path}")

    def show_keys(self) -> None:
        print("\nKeys to sign in with:")
        for role, key in self.keys.items():
            print(f"  {role:<10} {key}")

    def submit(self, path: Path) -> dict[str, Any]:
        with path.open("rb") as file:
            found: dict[str, Any] = self.call(
                "provider", "POST", "/intake/api/v1/submissions", files={"file": (path.name, file)}
            )
        return found

    def judged(self, submission_id: str) -> dict[str, Any]:
        return self.until(
            f"the verdicts of {submission_id}",
            lambda: self.call("provider", "GET", f"/intake/api/v1/submissions/{submission_id}"),
            lambda found: found["status"] == "complete",
        )

    def clocks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call(
            "claims", "GET", "/payments/api/v1/clocks", params={"limit": 500}
        )["items"]
        return found

    def claim(self, claim_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("provider", "GET", f"/intake/api/v1/claims/{claim_id}")
        return found

    def call(self, role: str, method: str, path: str, **details: Any) -> Any:
        answer = requests.request(
            method,
            self.url + path,
            headers={"Authorization": f"Bearer {self.keys[role]}"},
            timeout=60,
            **details,
        )
        if not answer.ok:
            sys.exit(f"{method} {path} answered {answer.status_code}: {answer.text}")
        return answer.json()

    def until(self, what: str, look: Callable[[], Any], done: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + WAIT_SECONDS
        while not done(found := look()):
            if time.monotonic() > deadline:
                sys.exit(f"Waited {WAIT_SECONDS} seconds for {what}; last seen: {json.dumps(found)[:2000]}")
            time.sleep(0.1)
        return found


def payments(clocks: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """One event of each kind for the first clocks, the rest stays open."""
    first = clocks[0]["amount_cents"]
    return [
        ("paid", {"amount_cents": first, "reference": "EFT-1001"}),
        ("paid", {"amount_cents": clocks[1]["amount_cents"], "reference": "EFT-1001"}),
        ("denied", {"reason": "Member was not in the plan on the date of service", "reference": "DEN-7"}),
        (
            "contested",
            {"reason": "Please send the name of the rendering staff member", "reference": "LTR-12"},
        ),
    ]


def figure_row(group: dict[str, Any]) -> dict[str, Any]:
    share = {days: group[f"within_{days}"] for days in (30, 90)}
    return {
        **group["key"],
        "received": group["received"],
        "clean": group["clean"],
        "paid in 30": f"{share[30]['paid']}/{share[30]['matured']}",
        "paid in 90": f"{share[90]['paid']}/{share[90]['matured']}",
        "overdue": group["overdue"],
        "running": group["running"],
    }


@contextmanager
def running_suite(data: Path) -> Iterator[str]:
    """The suite in a process of its own, on a free port."""
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
            print(f"promptclaim is up at {url}")
            yield url
        finally:
            suite.send_signal(signal.SIGINT)
            suite.wait(30)


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
        print()


def california_today() -> date:
    return pacific_date(utc_now())


def say(title: str) -> None:
    print(f"\n{title}\n{'=' * len(title)}")


if __name__ == "__main__":
    main()
