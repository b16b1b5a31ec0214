"""`make bench`: run every benchmark, print the table, and keep it in docs/benchmarks.md.

``python -m bench NAME…`` runs only some of them and keeps nothing.
"""

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import history, judging, memory, payments, pipeline, spreadsheet
from bench.result import Result, print_table, write_page

BENCHMARKS: dict[str, Callable[[Path], list[Result]]] = {
    "judging": judging.run,
    "memory": memory.run,
    "spreadsheet": spreadsheet.run,
    "history_sqlite": history.run_sqlite,
    "history_postgres": history.run_postgres,
    "payments_sqlite": payments.run_sqlite,
    "payments_postgres": payments.run_postgres,
    "pipeline_embedded": pipeline.run_embedded,
    "pipeline_real": pipeline.run_real,
}


def main() -> None:
    chosen = sys.argv[1:] or list(BENCHMARKS)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="promptclaim-bench-") as folder:
        for name in chosen:
            results += BENCHMARKS[name](Path(folder))
            print_table(results)
    if len(sys.argv) == 1:
        machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
        write_page(Path("docs/benchmarks.md"), results, machine, datetime.now(UTC).date())


if __name__ == "__main__":
    main()
