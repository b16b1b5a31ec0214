"""One claim of very many lines must not stop the others: it is told apart before it becomes an event."""

import json
from pathlib import Path

import pytest
from builders import a_line, a_received_claim
from invoice_rows import a_csv, a_row
from x12_builder import BILLING, HEAD, claim, interchange, recounted, subscriber, transaction_set, write

from services.intake.readers import ClaimRead, UnreadableClaim
from services.intake.readers.long_claims import LINES_MAX
from services.intake.readers.recognise import open_claims_file
from services.validator.judgements import on_receipt
from services.validator.rules import Context, judge
from shared.bus.kafka import MAX_EVENT_BYTES
from shared.catalogue import finding
from shared.events import encode
from shared.payers import Payers
from shared.reference.codes import CodeSet


def an_invoice(folder: Path, lines: int) -> Path:
    return a_csv(folder, *(a_row(control_number="LONG") for _ in range(lines)), a_row(control_number="SHORT"))


def json_claims(folder: Path, lines: int) -> Path:
    claims = [
        {"control_number": "LONG", "lines": [{"units": 1}] * lines},
        {"control_number": "SHORT", "lines": [{"units": 1}]},
    ]
    path = folder / "claims.json"
    path.write_text(json.dumps(claims))
    return path


def an_837p(folder: Path, lines: int) -> Path:
    long = claim("LONG")
    first, last = (place for place, segment in enumerate(long) if segment.startswith("LX*"))
    long = long[:first] + long[last:] * lines
    body = [*HEAD, *BILLING, *subscriber(2), *long, *subscriber(3), *claim("SHORT")]
    return write(folder / "claims.837", recounted(interchange(transaction_set(body))))


@pytest.mark.parametrize("file", [an_invoice, json_claims, an_837p])
def test_a_claim_of_too_many_lines_cannot_be_read_and_the_next_one_can(tmp_path: Path, file) -> None:
    taken = list(open_claims_file(file(tmp_path, LINES_MAX), "claims").items())
    assert [type(each) for each in taken] == [ClaimRead, ClaimRead]
    assert len(taken[0].claim.lines) == LINES_MAX

    long, short = open_claims_file(file(tmp_path, LINES_MAX + 1), "claims").items()
    assert isinstance(long, UnreadableClaim)
    assert isinstance(short, ClaimRead)
    assert (long.claim_number, short.claim.claim_number) == ("LONG", "SHORT")
    (found,) = [each for each in long.findings if each.rule == "row.unreadable"]
    assert "The claim has 1,001 lines, and we can take 1,000" in found.message
    assert found.where


def test_the_longest_claim_with_all_that_can_be_wrong_with_it_fits_into_an_event() -> None:
    repaired = [
        finding(
            "repair.code_punctuation", "We read it otherwise than it was written." * 3, line=number, value="x"
        )
        for number in range(1, LINES_MAX + 1)
        for _ in range(12)
    ]
    wrong = [
        a_line(
            number,
            modifiers=("95", "XX"),
            units=0,
            charge_cents=None,
            rendering_npi="1",
            description="x" * 80,
        )
        for number in range(1, LINES_MAX + 1)
    ]
    received = a_received_claim(lines=wrong, findings=tuple(repaired))
    judged = on_receipt(judge(received, Context(CodeSet.load(), Payers.load(None))), "key", "").judged
    assert len(judged.findings) > 15 * LINES_MAX
    assert len(encode(judged)) < MAX_EVENT_BYTES
