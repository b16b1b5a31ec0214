"""Every claim that intake took in stands in the compliance figures, under the verdict that intake shows."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import EmbeddedSuite, embedded_suite, file_837p, until

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
FILES = ("claims.837", "invoice.xlsx", "invoice.csv", "claims.json")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSuite]:
    with embedded_suite(tmp_path_factory.mktemp("suite")) as running:
        yield running


def test_the_figures_and_intake_agree_to_the_last_claim(suite: EmbeddedSuite) -> None:
    provider, auditor = suite.client("provider"), suite.client("auditor", "DHCS")
    files = {name: (SAMPLES / name).read_bytes() for name in FILES} | {
        "more.837": file_837p(25, first_number=700)
    }
    counts: Counter[str] = Counter()
    for name, content in files.items():
        judged = provider.judged(provider.submit(name, content).json()["submission_id"])
        counts.update(judged["counts"])
    # A row that could not be read is no claim yet: it was never received.
    unreadable = counts.pop("unreadable")
    assert counts["accepted"] > 25
    assert counts["rejected"] > 0
    assert unreadable >= 0

    report = until(
        "every verdict in the figures",
        lambda: auditor.get("/payments/api/v1/timeliness?group_by=channel,service"),
        lambda seen: seen["total"]["received"] >= sum(counts.values()),
    )

    total = report["total"]
    assert {name: total[name] for name in ("accepted", "pended", "rejected")} == {
        name: counts[name] for name in ("accepted", "pended", "rejected")
    }
    assert total["received"] == total["clean"] + total["not_clean"] == sum(counts.values())
    assert total["acknowledgement"]["in_time"] == total["received"]
    by_channel = auditor.get("/payments/api/v1/timeliness?group_by=channel")["groups"]
    assert sum(group["received"] for group in by_channel) == total["received"]
    month = report["as_of"][:7]
    monthly = auditor.get(f"/payments/api/v1/monthly-report.json?month={month}")
    assert monthly["receipts"]["received"] == total["received"]
    assert monthly["log"]["intact"] is True
    ledger = auditor.get("/payments/api/v1/outreach")["total"]
    assert ledger["total"]["attempts"] > 0
