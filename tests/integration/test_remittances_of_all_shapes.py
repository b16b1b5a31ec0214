"""Whatever file comes over HTTP, it is refused with a reason or every claim payment in it is accounted for."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from payments_harness import Payments
from segment_changes import Changes, changed, segment_changes
from sqlalchemy import select
from x12_835_builder import body, claim, interchange, line, text

from services.payments.models import CLOCKS

FILES = sorted((Path(__file__).parents[1] / "files" / "835").glob("*.835"))
BASE = interchange(
    body(
        claim("PCN-1", 96_000, 50_000, lines=[line(96_000, 50_000)], interest=355),
        claim("A", 96_000, 0),
        amount=50_355,
        adjustments=[("L6", -355)],
    ),
    body(claim("PCN-1", -96_000, -50_000, status="22"), claim("B"), amount=46_000, trace="EFT-2"),
)


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> Payments:
    from shared.database import Database

    service = Payments(Database(f"sqlite:///{tmp_path_factory.mktemp('835')}/payments.db", "payments"))
    numbers = ("PCN-1", "A", "B", "PCN-2")
    service.judge(*(service.verdict(f"clm_{n}", claim_number=n, arrival="2026-03-02") for n in numbers))
    service.today = "2026-04-10"
    return service


def is_accounted_for(payments: Payments, content: bytes) -> Any:
    """The answer; every CLP of the file is in it, and no claim was paid and denied more than it is for."""
    response = payments.call("POST", "remittances", data=content, content_type="application/edi-x12")
    assert response.status_code in (200, 201, 422), response.text
    if response.status_code == 422:
        assert response.json["errors"]
        return None
    answer = response.json
    there = answer["payments"] + answer["denials"] + answer["reversals"]
    parts = answer["matched"] + answer["repeated"] + len(answer["unmatched"]) + len(answer["refused"])
    assert there == parts == sum(each["claims"] for each in answer["sets"])
    with payments.database.read() as connection:
        for row in connection.execute(select(CLOCKS)):
            assert row.paid_cents + row.denied_cents + row.outstanding_cents == row.amount_cents
    return answer


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_example_file_is_posted_or_refused(payments: Payments, path: Path) -> None:
    content = path.read_bytes()

    answer = is_accounted_for(payments, content)

    kind = path.stem.partition("_")[0]
    assert (answer is None) == (kind == "refused")
    if answer:
        assert answer["balanced"] == (kind == "good")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=segment_changes(BASE, ("drop", "duplicate", "swap", "digits"), least=0, most=4))
def test_a_file_that_was_changed_anywhere_is_accounted_for(payments: Payments, changes: Changes) -> None:
    segments = changed(BASE, changes)
    # The counts are made right again, so that what was changed reaches the claims.
    starts = [place for place, segment in enumerate(segments) if segment.startswith("ST*")]
    for start in starts:
        for place in range(start, len(segments)):
            if segments[place].startswith("SE*"):
                segments[place] = f"SE*{place - start + 1}*{segments[start].split('*')[-1]}"
                break

    is_accounted_for(payments, text(segments).encode())
