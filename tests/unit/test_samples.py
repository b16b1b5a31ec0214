"""The samples are what their build script makes and show what they say."""

import runpy
from pathlib import Path

import pytest

from services.intake.readers import ClaimRead, UnreadableClaim
from services.intake.readers.recognise import open_claims_file
from services.payments.remittances.balance import imbalances
from services.payments.remittances.model import kind_of
from services.payments.remittances.reader835 import read_835
from services.validator.feeds.files import open_feed
from services.validator.feeds.rows import FeedRow, RowProblem, column_names, read_row
from shared.care import Authorization, Feed

SAMPLES = Path(__file__).parents[2] / "samples"
FILES = ("invoice.xlsx", "invoice.csv", "claims.json", "other-care.csv")
TEXTS = ("claims.837", "invoice.csv", "claims.json", "other-care.csv", "remittance.835", "README.md")
FEED_FILES: dict[str, Feed] = {
    "care_services.csv": "services",
    "care_services_late.csv": "services",
    "enrollments.csv": "enrollments",
    "authorizations.csv": "authorizations",
    "member_aliases.csv": "aliases",
}


def items_of(path: Path) -> list[ClaimRead | UnreadableClaim]:
    return list(open_claims_file(path, path.name).items())


def rows_of(name: str) -> list[FeedRow | tuple[RowProblem, ...] | RowProblem]:
    feed = FEED_FILES[name]
    return [
        row if isinstance(row, RowProblem) else read_row(feed, row)
        for _, row in open_feed(SAMPLES / name, feed).rows()
    ]


def test_the_samples_are_what_their_script_makes(tmp_path: Path) -> None:
    runpy.run_path(str(SAMPLES / "build.py"))["build"](tmp_path)

    for name in (*TEXTS, *FEED_FILES):
        assert (tmp_path / name).read_text() == (SAMPLES / name).read_text()
    assert items_of(tmp_path / "invoice.xlsx") == items_of(SAMPLES / "invoice.xlsx")


@pytest.mark.parametrize("name", FILES)
def test_only_what_says_so_is_unreadable_and_the_readme_names_every_claim(name: str) -> None:
    told = (SAMPLES / "README.md").read_text()

    for item in items_of(SAMPLES / name):
        number = item.claim.claim_number if isinstance(item, ClaimRead) else item.claim_number
        assert number is not None
        assert f"| {number} |" in told
        assert isinstance(item, UnreadableClaim) == ("UNREADABLE" in number)
        if "-OK" in number:
            assert {found.severity for found in item.findings} <= {"note"}


@pytest.mark.parametrize("name", FEED_FILES)
def test_a_feed_has_the_columns_of_the_contract_and_the_readme_names_it(name: str) -> None:
    header = (SAMPLES / name).read_text().splitlines()[0].split(",")

    # An authorization's source may be left out, and an alias's; ``withdrawn`` is for corrections.
    assert [column for column in column_names(FEED_FILES[name]) if column in header] == header
    assert f"| {name} |" in (SAMPLES / "README.md").read_text()


def test_one_row_of_the_feeds_is_wrong_and_it_is_the_one_that_the_readme_names() -> None:
    wrong = [
        (name, problem.field)
        for name in FEED_FILES
        for row in rows_of(name)
        if not isinstance(row, FeedRow)
        for problem in (row if isinstance(row, tuple) else (row,))
    ]

    assert wrong == [("care_services.csv", "provider_npi")]
    assert "CHW-1004" in (SAMPLES / "README.md").read_text()


def test_every_member_whose_claim_is_in_order_has_an_authorization_unless_it_is_for_outreach() -> None:
    authorized = {
        row.record.cin
        for row in rows_of("authorizations.csv")
        if isinstance(row, FeedRow) and isinstance(row.record, Authorization)
    }

    for name in FILES:
        for item in items_of(SAMPLES / name):
            if isinstance(item, ClaimRead) and "-OK" in (item.claim.claim_number or ""):
                outreach = all("U8" in line.modifiers for line in item.claim.lines)
                assert outreach or item.claim.member.cin in authorized


def test_the_remittance_balances_and_the_readme_names_every_claim_that_it_pays() -> None:
    told = (SAMPLES / "README.md").read_text()

    [payment] = read_835(SAMPLES / "remittance.835").sets

    assert imbalances(payment) == ()
    assert all(f"| {claim.number} |" in told for claim in payment.claims)
    assert {kind_of(claim) for claim in payment.claims} == {"payment", "denial"}
    assert [claim.number for claim in payment.claims if claim.interest_cents] == ["X12-PENDED-CIN"]
