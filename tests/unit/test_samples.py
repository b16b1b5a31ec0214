"""The samples are what their build script makes and show what they say."""

import runpy
from pathlib import Path

import pytest

from services.intake.readers import ClaimRead, UnreadableClaim
from services.intake.readers.recognise import open_claims_file

SAMPLES = Path(__file__).parents[2] / "samples"
FILES = ("invoice.xlsx", "invoice.csv", "claims.json")


def items_of(path: Path) -> list[ClaimRead | UnreadableClaim]:
    return list(open_claims_file(path, path.name).items())


def test_the_samples_are_what_their_script_makes(tmp_path: Path) -> None:
    runpy.run_path(str(SAMPLES / "build.py"))["build"](tmp_path)

    for name in ("invoice.csv", "claims.json", "README.md"):
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
