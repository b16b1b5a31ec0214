"""`make demo`: the main job as a provider, a claims department and an auditor live it, on embedded parts.

Everything goes through the suite's own command and HTTP, as it would from outside.
"""

import argparse
import runpy
import tempfile
from datetime import date
from pathlib import Path
from textwrap import shorten
from typing import Any

import demo_payments
from demo_suite import ROOT, Client, make_key, running_suite, wait_for_ctrl_c

from services.commands.tables import claim_lines, table
from shared.calendar import pacific_date
from shared.parts import utc_now

FEEDS = {
    "care_services.csv": "care-services",
    "enrollments.csv": "enrollments",
    "authorizations.csv": "authorizations",
    "member_aliases.csv": "member-aliases",
}
SAMPLES = ("claims.837", "invoice.xlsx", "invoice.csv", "claims.json", "other-care.csv")
PROVIDER = "Harbor Street Outreach"
PROVIDER_NPI = "1234567893"
DECISIONS = {
    "CARE-PENDED-DEPOSIT": ("release", "The exception is on file: the first home was lost in a fire."),
    "CARE-PENDED-BED": (
        "reject",
        "That night was already paid as recuperative care. Bill from the next night.",
    ),
}
LATE_CLAIM = "CARE-OK-UNTIL-LATE"
LOOKED_UP = "96000007H"
VALIDATOR = "/validator/api/v1"


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--keep", action="store_true", help="stay up until Ctrl-C")
    keep = arguments.parse_args().keep
    with (
        tempfile.TemporaryDirectory(prefix="promptclaim-demo-") as folder,
        running_suite(Path(folder)) as url,
    ):
        print(f"promptclaim is up at {url}")
        demo = Demo(url, Path(folder))
        demo.run()
        if keep:
            demo.show_keys()
            print("\nThe suite stays up until Ctrl-C.")
            wait_for_ctrl_c()


class Demo:
    """The steps, one after another. Each prints what it shows."""

    def __init__(self, url: str, data: Path) -> None:
        self.samples = data / "samples"
        self.samples.mkdir()
        runpy.run_path(str(ROOT / "samples" / "build.py"))["build"](self.samples, california_today())
        keys = {
            "provider": make_key(data, "provider", PROVIDER, f"--npi={PROVIDER_NPI}"),
            "claims": make_key(data, "claims", "Golden State Health Plan"),
            "auditor": make_key(data, "auditor", "State auditor"),
        }
        self.client = Client(url, keys)
        self.call = self.client.call
        self.until = self.client.until
        self.ids: dict[str, str] = {}

    def run(self) -> None:
        self.load_feeds()
        submissions = self.submit_files()
        submissions = self.show_verdicts(submissions)
        claims = [claim for each in submissions for claim in each["claims"]]
        self.ids = {claim["claim"]: claim["claim_id"] for claim in claims if claim["claim"]}
        self.show_clocks(sum(claim["clean"] for claim in claims))
        self.late_record()
        self.decide()
        self.look_up()
        self.pay()
        self.audit()
        self.show_pages()

    def load_feeds(self) -> None:
        say("1. The plan loads what it and the counties know of members' other care")
        answers = [
            self.client.send("claims", f"{VALIDATOR}/{path}", self.samples / name)
            for name, path in FEEDS.items()
        ]
        files = zip(FEEDS, answers, strict=True)
        columns = ("rows", "taken", "wrong_rows")
        print(table([{"file": name} | {key: each[key] for key in columns} for name, each in files]))
        for name, each in zip(FEEDS, answers, strict=True):
            for wrong in each["wrong"]:
                print(
                    f"\n{name}, row {wrong['row']}, {wrong['field']} {wrong['value']}: {wrong['reason']}"
                    f" Right would be: {wrong['expected']}"
                )

    def submit_files(self) -> list[dict[str, Any]]:
        say("2. The provider sends its files")
        path = "/intake/api/v1/submissions"
        submissions = [self.client.send("provider", path, self.samples / name) for name in SAMPLES]
        columns = ("file_name", "channel", "received_at", "receipt_date", "claims", "unreadable")
        print(table(submissions, columns))
        return submissions

    def show_verdicts(self, submissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        say("3. Every claim has its verdict")
        judged = [self.judged(each["submission_id"]) for each in submissions]
        print(table([{"file": each["file_name"], **each["counts"]} for each in judged]))
        for each in judged:
            print(f"\n{each['file_name']}")
            for note in each["notes"]:
                print(f"  note: {note['message']}")
            for claim in each["claims"]:
                print("\n".join(claim_lines(claim)))
        return judged

    def show_clocks(self, clean: int) -> None:
        say("4. Every clean claim has a clock")
        clocks: list[dict[str, Any]] = self.until("every clock", self.clocks, lambda all_: len(all_) == clean)
        days = ("received_at", "deadline", "contract_30", "contract_90")
        print(table(clocks, ("claim_id", "payer_id", *days, "state", "amount_cents")))

    def late_record(self) -> None:
        say("5. The county tells of a service later: an accepted claim is a suspected duplicate")
        claim_id = self.ids[LATE_CLAIM]
        file = self.samples / "care_services_late.csv"
        taken = self.client.send("claims", f"{VALIDATOR}/care-services", file)
        print(f"{file.name}: {taken['taken']} row taken")
        suspected = self.until(
            f"the suspected duplicate {LATE_CLAIM}",
            lambda: self.claim(claim_id),
            lambda claim: claim.get("review") == "suspected",
        )
        print("\n".join(claim_lines(suspected)))
        print("\n" + timeline(suspected))

    def decide(self) -> None:
        say("6. The claims department has one queue, and decides")
        reviews = self.call("claims", "GET", f"{VALIDATOR}/reviews")["items"]
        print(table([review_row(each) for each in reviews]))
        compared = next(iter(DECISIONS))
        print(f"\n{compared} beside what it rests on")
        evidence = self.call("claims", "GET", f"{VALIDATOR}/reviews/{self.ids[compared]}")["evidence"]
        print(table(evidence[0]["rows"], ("label", "this", "other", "same")))
        for name, (decision, reason) in DECISIONS.items():
            path = f"{VALIDATOR}/reviews/{self.ids[name]}"
            self.call("claims", "POST", path, json={"decision": decision, "reason": reason})
        decided = [self.decided(name) for name in DECISIONS]
        for claim in decided:
            print(f"\n{claim['claim']}: {claim['verdict']}\n" + timeline(claim))

    def look_up(self) -> None:
        say("7. A provider looks a member up before a service is lost")
        found = self.call("provider", "POST", f"{VALIDATOR}/members/overlaps", json={"cin": LOOKED_UP})
        print(table(found["programs"], ("name", "start_date", "end_date", "rule")))
        authorized = ("benefit", "start_date", "end_date", "status", "provider")
        print("\n" + table(found["authorizations"], authorized))
        print("\n" + "\n".join(found["advice"]))

    def pay(self) -> None:
        today = california_today()
        say("8. The plan pays and denies by remittance (835)")
        demo_payments.remittance(self.client, self.ids, self.samples, today)
        say("9. The plan tells of a payment, a mistake, a denial and a contest one by one")
        demo_payments.payment_events(self.client, self.ids, today)
        paid = self.until(
            "the payment on the claim page",
            lambda: self.claim(self.ids[demo_payments.PAID_BY_LINE]),
            lambda claim: len(claim["payments"]) == 2,
        )
        print("\n" + timeline(paid))
        say("10. A clock explains itself")
        demo_payments.explanation(self.client, self.ids)

    def audit(self) -> None:
        say("11. The auditor asks for figures, outreach and the month")
        demo_payments.figures(self.client, california_today())
        say("12. The log proves itself, also without the suite")
        demo_payments.proof(self.client, self.ids, self.samples)

    def show_pages(self) -> None:
        say("Pages (KEEP=1 make demo leaves them up)")
        for who, path in (
            ("sign in", "/"),
            ("provider", "/intake/"),
            ("review queue", "/validator/"),
            ("clocks", "/payments/"),
            ("remittances", "/payments/remittances"),
            ("figures", "/payments/timeliness"),
            ("outreach", "/payments/outreach"),
            ("auditor's tools", "/payments/audit"),
        ):
            print(f"  {who:<18} {self.client.url}{path}")

    def show_keys(self) -> None:
        print("\nKeys to sign in with:")
        for role, key in self.client.keys.items():
            print(f"  {role:<10} {key}")

    def judged(self, submission_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.until(
            f"the verdicts of {submission_id}",
            lambda: self.call("provider", "GET", f"/intake/api/v1/submissions/{submission_id}"),
            lambda submission: submission["status"] == "complete",
        )
        return found

    def decided(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.until(
            f"the decision on {name}",
            lambda: self.claim(self.ids[name]),
            lambda claim: claim["verdict"] != "pended",
        )
        return found

    def clocks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call(
            "claims", "GET", "/payments/api/v1/clocks", params={"limit": 500}
        )["items"]
        return found

    def claim(self, claim_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("provider", "GET", f"/intake/api/v1/claims/{claim_id}")
        return found


def review_row(review: dict[str, Any]) -> dict[str, Any]:
    first = review["reasons"][0]
    return {
        "claim": review["claim"],
        "waits as": review["kind"],
        "rule": first["rule"],
        "why": shorten(first["message"], 70, placeholder=" …"),
        "amount": f"${review['amount_cents'] / 100:,.2f}",
        "days left": review["days_left"],
    }


def timeline(claim: dict[str, Any]) -> str:
    told = [each | {"detail": shorten(each["detail"], 120, placeholder=" …")} for each in claim["timeline"]]
    return table(told)


def california_today() -> date:
    return pacific_date(utc_now())


def say(title: str) -> None:
    print(f"\n{title}\n{'=' * len(title)}")


if __name__ == "__main__":
    main()
