"""The demo's steps of money and proof: remittance, payment events, a clock told in words, figures, the log."""

import json
import runpy
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from demo_suite import ROOT, Client

from services.commands.tables import table

API = "/payments/api/v1"
NAMED_BY_ID = "X12-OK-1"
PAID_BY_LINE = "INV-OK-1"
DENIED = "CSV-OK-1"
CONTESTED = "INV-OK-DEPOSIT"
SEED = "2026-11"


def remittance(client: Client, ids: dict[str, str], folder: Path, today: date) -> None:
    """The plan's 835: one claim named by our claim id, the others by the provider's number."""
    sample = runpy.run_path(str(ROOT / "samples" / "remittance_835.py"))
    claims = [
        paid._replace(control=ids[paid.number]) if paid.number == NAMED_BY_ID else paid
        for paid in sample["CLAIMS"]
    ]
    file = folder / "remittance.835"
    file.write_text(sample["remittance"](today, claims), encoding="ascii", newline="")
    posted = client.send("claims", f"{API}/remittances", file)
    counted = ("payments", "denials", "reversals", "matched", "balanced")
    print(table([{"file": file.name} | {name: posted[name] for name in counted}]))
    whole = client.call("claims", "GET", f"{API}/remittances/{posted['remittance_id']}")
    print("\n" + table([_item_row(each) for each in whole["items"]]))
    for each in whole["items"]:
        for said in (each.get("reason"), *each.get("notes", ())):
            if said:
                print(f"  {each['claim']}: {said}")
    again = client.send("claims", f"{API}/remittances", file)
    same = "the same answer" if again == posted else sys.exit("The same remittance was posted twice.")
    print(f"\nThe same file again: {same}, nothing changed.")


def _item_row(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "claim": item["claim"],
        "kind": item["kind"],
        "charge": _dollars(item["charge_cents"]),
        "paid": _dollars(item["paid_cents"]),
        "interest": _dollars(item["interest_cents"]),
        "became": item["status"],
        "matched by": item["matched_by"] or "",
    }


def payment_events(client: Client, ids: dict[str, str], today: date) -> None:
    """The same by payment events: one line paid, a mistake put right, a denial, a contest."""
    before = datetime.now(UTC)

    def tell(name: str, kind: str, **details: Any) -> dict[str, Any]:
        event = {"kind": kind, "date": today.isoformat(), **details}
        told: dict[str, Any] = client.call(
            "claims", "POST", f"{API}/claims/{ids[name]}/payment-events", json=event
        )
        return told

    mistaken = tell(PAID_BY_LINE, "paid", line=1, amount_cents=100, reference="EFT-1001")
    tell(PAID_BY_LINE, "paid", line=1, reference="EFT-1001", corrects=mistaken["payment_event_id"])
    tell(DENIED, "denied", reason="Member was not in the plan on the date of service", reference="DEN-7")
    tell(CONTESTED, "contested", reason="Please send the name of the staff member", reference="LTR-12")
    listed = client.call("claims", "GET", f"{API}/claims/{ids[PAID_BY_LINE]}/payment-events")["items"]
    columns = ("kind", "date", "line", "amount_cents", "reference", "counts")
    rows = [{name: each.get(name, "") for name in columns} for each in listed]
    print(f"{PAID_BY_LINE}: line 1 was recorded with a wrong amount, and put right\n{table(rows)}")
    for at in (before.isoformat(), None):
        clock = client.call(
            "claims", "GET", f"{API}/claims/{ids[PAID_BY_LINE]}/clock", params={"at": at} if at else {}
        )
        when = "before the payment" if at else "now"
        print(f"  as known {when}: {clock['clock']['state']}, {_dollars(clock['clock']['paid_cents'])} paid")
    states = Counter(clock["state"] for clock in _clocks(client))
    print("\n" + table([{"state": state, "clocks": number} for state, number in sorted(states.items())]))


def explanation(client: Client, ids: dict[str, str]) -> None:
    """Why one clock stands as it does."""
    found = client.call("claims", "GET", f"{API}/claims/{ids[CONTESTED]}/clock")
    print(f"{CONTESTED}: {found['clock']['state']}")
    for title in ("explanation", "what_would_change_it"):
        print(f"\n{title.replace('_', ' ').capitalize()}")
        for sentence in found[title]:
            print(f"  - {sentence['text']}\n      {sentence['authority']}")


def figures(client: Client, today: date) -> None:
    """Timeliness with the measure of an unfair payment pattern, outreach, small interest, and the month."""
    days = {"from": (today - timedelta(31)).isoformat(), "to": today.isoformat()}
    found = client.call("auditor", "GET", f"{API}/timeliness", params={**days, "group_by": "payer,channel"})
    print(
        table([_figure_row(each) for each in [*found["groups"], found["total"] | {"key": {"payer": "all"}}]])
    )
    windows = [each for each in found["pattern"]["windows"] if each["payer"] is None]
    columns = ("from", "to", "measured", "on_time", "late_with_interest", "wrong", "running", "share", "met")
    print("\nUnfair payment pattern (95 percent paid correctly over any three months)")
    print(table(windows, columns))
    ledger = client.call("auditor", "GET", f"{API}/outreach", params={"group_by": "provider"})
    print("\nOutreach ledger\n" + table([_outreach_row(each) for each in ledger["groups"]]))
    for each in ledger["wrong_denials"]:
        print(
            f"  Wrongly denied: {each['claim_id']} line {each['line']}, code {each['code']}\n"
            f"      {each['authority']}"
        )
    small = client.call("auditor", "GET", f"{API}/small-interest", params={"month": f"{today:%Y-%m}"})
    print(
        f"\nInterest under 2 dollars of {small['month']}: {len(small['items'])} claims, "
        f"{_dollars(small['total']['interest_due_cents'])} due by {small['payable_by']}"
    )
    report = client.call("auditor", "GET", f"{API}/monthly-report.json", params={"month": f"{today:%Y-%m}"})
    headline = {
        "month": report["month"],
        "received": report["receipts"]["received"],
        **report["verdicts"],
        "pattern met": report["pattern"]["met"],
        "outreach attempts of the month": report["outreach"]["total"]["total"]["attempts"],
        "log intact": report["log"]["intact"],
    }
    print("\nMonthly report\n" + table([headline]))


def _figure_row(group: dict[str, Any]) -> dict[str, Any]:
    share = {days: group[f"within_{days}"] for days in (30, 90)}
    return {
        **group["key"],
        "received": group["received"],
        "clean": group["clean"],
        "paid in 30": f"{share[30]['paid']}/{share[30]['matured']}",
        "paid in 90": f"{share[90]['paid']}/{share[90]['matured']}",
        "late": group["late_30"],
        "overdue": group["overdue"],
        "running": group["running"],
    }


def _outreach_row(group: dict[str, Any]) -> dict[str, Any]:
    total = group["total"]
    counted = ("attempts", "members", "paid", "denied", "unpaid", "late", "wrong_denials")
    by_success = {name: group[name]["attempts"] for name in ("successful", "unsuccessful", "open")}
    return {**group["key"], **{name: total[name] for name in counted}, **by_success}


def proof(client: Client, ids: dict[str, str], folder: Path) -> None:
    """A signed checkpoint, an export and an evidence pack, checked by the program that needs no suite."""
    log = f"{API}/timeliness-log"
    signed = client.call("auditor", "POST", f"{log}/checkpoints")
    print(f"Signed: entry {signed['sequence']}, hash {signed['hash']}, key {signed['key_id']}")
    verification = client.call("auditor", "GET", f"{log}/verification")
    shown = {name: verification[name] for name in ("intact", "entries", "head_hash") if name in verification}
    print("Verification by the suite:", json.dumps(shown))
    if not verification["intact"]:
        sys.exit("The timeliness log is broken.")
    drawn = client.call(
        "auditor", "GET", f"{API}/audit/sample", params={"universe": "denials", "size": 2, "seed": SEED}
    )
    names = {claim_id: name for name, claim_id in ids.items()}
    print(
        f"Sample of {len(drawn['items'])} of the {drawn['universe_count']} denials, seed {drawn['seed']}: "
        + ", ".join(names.get(each["claim_id"], each["claim_id"]) for each in drawn["items"])
    )
    taken = {
        "verify_log.py": f"{log}/verify_log.py",
        "keys.json": f"{log}/public-key",
        "timeliness-log.jsonl": f"{log}/export.jsonl",
        "evidence.zip": f"{API}/claims/{drawn['items'][0]['claim_id']}/evidence.zip",
    }
    for name, path in taken.items():
        (folder / name).write_bytes(client.download("auditor", path))
    for name in ("timeliness-log.jsonl", "evidence.zip"):
        print(f"\n$ python3 verify_log.py {name} --public-key keys.json")
        checked = subprocess.run(
            [
                sys.executable,
                "-I",
                folder / "verify_log.py",
                folder / name,
                "--public-key",
                folder / "keys.json",
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        print(checked.stdout.strip())
        if checked.returncode:
            sys.exit(f"The stand-alone verifier does not say intact. {checked.stderr}")


def _clocks(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.call("claims", "GET", f"{API}/clocks", params={"limit": 500})[
        "items"
    ]
    return found


def _dollars(cents: int) -> str:
    return f"${cents / 100:,.2f}"
