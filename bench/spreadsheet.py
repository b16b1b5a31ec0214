"""An XLSX invoice of 20,000 rows to typed claims, beside python-calamine reading the same file's cells."""

from pathlib import Path

from python_calamine import CalamineWorkbook

from bench.result import Result, rate_result, timed
from bench.sheets import write_xlsx
from services.intake.readers.recognise import open_claims_file

ROWS = 20_000


def run(folder: Path) -> list[Result]:
    path = folder / "invoice.xlsx"
    write_xlsx(path, ROWS)
    theirs = ROWS / timed(
        lambda: CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python(), runs=5
    )
    ours = ROWS / timed(lambda: sum(1 for _ in open_claims_file(path, path.name).items()), runs=5)
    return [
        rate_result(
            "XLSX invoice of 20,000 rows to typed claims",
            ours,
            "python-calamine alone",
            theirs,
            at_least=0.3,
            unit="rows/s",
        )
    ]
