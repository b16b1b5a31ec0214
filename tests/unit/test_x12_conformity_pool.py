"""Checking on several processes: same reports, same order, and a process that dies costs one set only."""

import os
from pathlib import Path

from x12_builder import good_body, interchange, transaction_set, write

from services.intake.readers.x12_837p import X12ClaimsFile
from shared.x12.conformity import ConformityReport, TransactionSet, check, transaction_sets
from shared.x12.conformity_pool import check_sets


def dies_on_the_third_set(transaction_set: TransactionSet) -> ConformityReport:
    if transaction_set.ordinal == 2:
        os._exit(9)
    return check(transaction_set)


def file_of_sets(path: Path, sets: int) -> Path:
    return write(
        path,
        interchange(
            *(transaction_set(good_body(2, first=10 * ordinal), f"{ordinal:04d}") for ordinal in range(sets))
        ),
    )


def test_several_processes_report_as_one_does_and_in_order(tmp_path: Path) -> None:
    path = file_of_sets(tmp_path / "a", 9)
    alone = list(check_sets(transaction_sets(path), processes=0))
    together = list(check_sets(transaction_sets(path), processes=2))
    assert [report.ordinal for report in together] == list(range(9))
    assert together == alone


def test_a_process_that_dies_costs_its_set_the_verification_and_nothing_else(tmp_path: Path) -> None:
    path = file_of_sets(tmp_path / "a", 7)
    reports = list(check_sets(transaction_sets(path), processes=2, engine=dies_on_the_third_set))
    assert [report.ordinal for report in reports] == list(range(7))
    assert "".join(report.accepted for report in reports) == "AARAAAA"
    assert set(reports[2].by_claim) == {0, 1}
    assert not any(report.by_claim for report in reports if report.ordinal != 2)


def test_stopping_early_stops_the_processes(tmp_path: Path) -> None:
    reports = check_sets(transaction_sets(file_of_sets(tmp_path / "a", 9)), processes=1)
    assert next(reports).ordinal == 0
    reports.close()


def test_claims_and_reports_meet_across_sets(tmp_path: Path) -> None:
    segments = interchange(
        transaction_set(good_body(2), "0001"),
        transaction_set([each.replace("*MC", "*QQ") for each in good_body(1, first=3)], "0002"),
        transaction_set(good_body(1, first=4), "0003"),
    )
    kept: list[ConformityReport] = []
    file = X12ClaimsFile(write(tmp_path / "a", segments))
    items = list(file.checked_items(processes=1, keep=kept.append))
    assert [len(item.findings) for item in items] == [0, 0, 1, 0]
    assert [report.accepted for report in kept] == ["A", "R", "A"]
