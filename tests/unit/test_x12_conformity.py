"""The structure check: whom an error touches, what a 999 needs, and that it never fails on bad data."""

import io
import logging
import random
from functools import cache
from pathlib import Path

import pytest
import pyx12.map_if
import pyx12.params
import pyx12.segment
import pyx12.x12n_document
from x12_builder import (
    BILLING,
    HEAD,
    claim,
    good,
    good_body,
    interchange,
    recounted,
    subscriber,
    text,
    transaction_set,
    write,
)

from shared.catalogue import finding
from shared.x12 import conformity
from shared.x12.conformity import ConformityReport, TransactionSet, merge, report_on, transaction_sets
from shared.x12.elements import element_errors
from shared.x12.guide import COMPONENT, ELEMENT, TERMINATOR, LoopNode, SegmentNode, guide


def reports(tmp_path: Path, segments: list[str], *, separators: str = "*^:~") -> list[ConformityReport]:
    path = write(tmp_path / "a", segments, separators=separators)
    return [report_on(each) for each in transaction_sets(path)]


def only(tmp_path: Path, segments: list[str]) -> ConformityReport:
    [report] = reports(tmp_path, recounted(segments))
    return report


def replaced(segments: list[str], old: str, *new: str) -> list[str]:
    position = segments.index(old)
    return [*segments[:position], *new, *segments[position + 1 :]]


def three_providers() -> list[str]:
    body = [*HEAD, *BILLING, *subscriber(2), *claim("A"), *claim("B"), *subscriber(3), *claim("C")]
    body += ["HL*4**20*1", "NM1*85*2*OTHER HELP*****XX*1000000004", *BILLING[3:]]
    body += [*subscriber(5, parent=4), *claim("D")]
    return interchange(transaction_set(body))


def test_a_file_that_follows_the_guide_is_accepted(tmp_path: Path) -> None:
    report = only(tmp_path, three_providers())
    assert (report.accepted, report.by_claim, report.errors) == ("A", {}, ())


@pytest.mark.parametrize(
    ("broken", "replacement", "touched"),
    [
        ("BHT*0019*00*000001*20261102*1200*CH", "BHT*0019*00*000001*20261102*1200*ZZ", {0, 1, 2, 3}),
        ("NM1*40*2*GOLDEN STATE HEALTH PLAN*****46*GSHP1", None, {0, 1, 2, 3}),
        ("N4*FRESNO*CA*937210000", "N4*FRESNO*CAX*937210000", {0, 1, 2}),
        ("NM1*85*2*OTHER HELP*****XX*1000000004", "NM1*85*2*OTHER HELP*****QQ*1000000004", {3}),
        ("SBR*P*18*******MC", "SBR*P*18*******QQ", {0, 1}),
        ("DMG*D8*19800229*F", "DMG*D8*19800230*F", {0, 1}),
        ("HL*3*1*22*0", "HL*3*2*22*0", {2}),
        ("CLM*B*240***11:B:1*Y*A*Y*Y", "CLM*B*240***11:B:1*Y*A*Q*Y", {1}),
        ("REF*6R*A2", "REF*6R*", {0}),
    ],
)
def test_an_error_touches_the_claims_under_it_and_no_other(
    tmp_path: Path, broken: str, replacement: str | None, touched: set[int]
) -> None:
    report = only(tmp_path, replaced(three_providers(), broken, *([replacement] if replacement else [])))
    assert set(report.by_claim) == touched
    assert all(each.rule == "file.structure" for found in report.by_claim.values() for each in found)
    assert report.accepted == ("R" if len(touched) == 4 else "E")


def test_one_wrong_hl_number_is_one_error(tmp_path: Path) -> None:
    segments = good(20)
    report = only(tmp_path, replaced(segments, "HL*5*1*22*0", "HL*5*7*22*0"))
    assert set(report.by_claim) == {3}
    assert [error.code for error in report.errors] == ["HL"]


def test_segments_in_a_place_where_nothing_fits_are_named_once(tmp_path: Path) -> None:
    report = only(tmp_path, replaced(good(2), "LX*1", "QQQ*1", "QQQ*2", "QQQ*3", "LX*1"))
    assert [(error.segment, error.code) for error in report.errors] == [("QQQ", "1")]


def test_a_claim_without_a_subscriber_is_named_and_the_next_is_good(tmp_path: Path) -> None:
    body = [*HEAD, *BILLING, *claim("LOST"), *subscriber(2), *claim("GOOD")]
    report = only(tmp_path, interchange(transaction_set(body)))
    assert set(report.by_claim) == {0}


def test_facts_for_the_999_name_segment_loop_and_element(tmp_path: Path) -> None:
    report = only(
        tmp_path, replaced(good(1), "SV1*HC:G9012:U2*120*UN*4***1", "SV1*HC:G9012:U222*120*QQ*4***1")
    )
    [error] = report.errors
    assert (error.segment, error.loop, error.code) == ("SV1", "2400", "8")
    assert error.position == 24
    assert [(each.position, each.component, each.code) for each in error.elements] == [
        (1, 3, "5"),
        (3, None, "7"),
    ]


def test_a_wrong_trailer_is_a_fact_for_the_999_and_not_a_second_finding(tmp_path: Path) -> None:
    segments = good(1)
    segments[-3] = "SE*3*0009"
    [report] = reports(tmp_path, segments)
    assert (report.trailer_errors, report.by_claim, report.accepted) == (("4", "3"), {}, "R")


def test_other_separators_and_data_that_looks_like_ours_change_nothing(tmp_path: Path) -> None:
    [report] = reports(tmp_path, replaced(good(1), "N3*1 MAIN ST", "N3*1 MAIN ST"), separators="|!>'")
    assert report.accepted == "A"
    [report] = reports(tmp_path, good(1), separators="\x1c\x1f\x1d\x1e")
    assert report.accepted == "A"
    for mark in "\x1c\x1d\x1e\x1f":
        path = tmp_path / "b"
        path.write_text(text(good(1)).replace("1 MAIN ST", f"1 MAIN{mark}ST"))
        [strange] = [report_on(each) for each in transaction_sets(path)]
        assert [error.code for each in strange.errors for error in each.elements] == ["6"]


def test_attachment_of_durable_equipment_may_be_said_to_be_available(tmp_path: Path) -> None:
    # The map lists the PWK of durable equipment second; its PWK02 codes (AD among them) are its own.
    report = only(
        tmp_path,
        replaced(good(1), "SV1*HC:G9012:U2*120*UN*4***1", "SV1*HC:G9012:U2*120*UN*4***1", "PWK*CT*AD"),
    )
    assert report.accepted == "A"


def test_a_place_of_service_newer_than_the_map_is_not_refused(tmp_path: Path) -> None:
    report = only(
        tmp_path, replaced(good(1), "CLM*PCN-1*240***11:B:1*Y*A*Y*Y", "CLM*PCN-1*240***66:B:1*Y*A*Y*Y")
    )
    assert report.accepted == "A"


def test_findings_are_in_plain_words_with_place_and_remedy(tmp_path: Path) -> None:
    segments = replaced(good(2), "HI*ABK:Z5901*ABF:Z590", "HI*ABK:Z5901*QQQ:Z590")
    report = only(tmp_path, segments)
    for found in report.by_claim[0]:
        assert found.where
        assert found.where.startswith("ST 0001, ")
        assert found.expected
        assert found.message.endswith(".")


def test_an_engine_that_fails_makes_every_claim_unverified_and_loses_none(tmp_path: Path) -> None:
    def failing(transaction_set: TransactionSet) -> ConformityReport:
        raise IndexError(transaction_set.text)

    [transaction] = transaction_sets(write(tmp_path / "a", good(3)))
    report = report_on(transaction, failing)
    assert set(report.by_claim) == {0, 1, 2}
    assert all("could not be verified" in each.message for [each] in report.by_claim.values())
    assert report.accepted == "R"
    assert "GARCIA" not in str(report)


def test_nothing_of_the_file_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    only(tmp_path, replaced(good(1), "DMG*D8*19800229*F", "DMG*D8*19800230*F"))
    assert not caplog.records


def test_merging_names_an_element_once_and_never_changes_the_verdict() -> None:
    read = finding("field.format", "x", line=1, field="units", where="ST 0001, LX 1, SV104")
    note = finding("repair.cin_case", "x", severity="note", field="member.cin", where="ST 0001, 2010BA NM109")
    same = finding("file.structure", "y", line=1, where="ST 0001, LX 1, SV104")
    same_field = finding("file.structure", "y", line=1, field="units", where="elsewhere")
    noted = finding("file.structure", "z", field="member.cin", where="ST 0001, 2010BA NM109")
    assert merge((read, note), (same, same_field, noted)) == (read, note, noted)


def _segment_nodes() -> list[SegmentNode]:
    found, waiting = [], [guide()]
    while waiting:
        for child in waiting.pop().children:
            if isinstance(child, LoopNode):
                waiting.append(child)
            else:
                found.append(child)
    return found


def _random_value(chance: random.Random, node: object) -> str:
    """Something that often fits the element and sometimes almost does."""
    if node.is_composite():  # type: ignore[attr-defined]
        parts = chance.randrange(len(node.children) + 2)  # type: ignore[attr-defined]
        values = [_random_value(chance, child) for child in node.children[:parts]]  # type: ignore[attr-defined]
        return COMPONENT.join(values)
    if node.usage != "R" and chance.random() < (0.95 if node.usage == "N" else 0.5):  # type: ignore[attr-defined]
        return ""
    if chance.random() < 0.1:
        return chance.choice(
            [
                "",
                "A",
                "1.",
                "-3",
                ".5",
                " ",
                "ABC ",
                "X" * 100,
                "\t",
                "20260230",
                "20260431",
                "2400",
                "9" * 20,
            ]
        )
    if node.valid_codes:  # type: ignore[attr-defined]
        return str(chance.choice(node.valid_codes))  # type: ignore[attr-defined]
    kind = node._resolve_data_ele()  # type: ignore[attr-defined]
    length = min(kind["max_len"], kind["min_len"] + chance.randrange(3))
    if kind["data_type"] in {"AN", "ID"}:
        return "".join(chance.choice("ABC 19.") for _ in range(length))
    if kind["data_type"] == "DT":
        return chance.choice(["20260228", "20240229", "20260229", "20261131"])
    return "".join(chance.choice("0123456789") for _ in range(length))


@pytest.mark.parametrize("seed", range(3))
def test_the_fast_expressions_accept_nothing_that_the_element_check_refuses(seed: int) -> None:
    chance = random.Random(seed)
    nodes = _segment_nodes()
    accepted = refused = 0
    for _ in range(4_000):
        node = chance.choice(nodes)
        fields = node.source.children[
            : chance.choice([99, 99, chance.randrange(len(node.source.children) + 1)])
        ]
        values = [_random_value(chance, each) for each in fields]
        while values and not values[-1]:
            values.pop()
        segment = ELEMENT.join([node.id, *values])
        if element_errors(node, segment):
            refused += 1
            continue
        accepted += 1
        good_, _ = node.source.is_valid_errors(pyx12.segment.Segment(segment, TERMINATOR, ELEMENT, COMPONENT))
        assert good_, segment
    assert accepted > 400
    assert refused > 400


def test_the_walk_agrees_with_pyx12_on_files_with_segments_moved_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pyx12 loads its maps for every document, which would be most of the time of this test.
    monkeypatch.setattr(pyx12.map_if, "load_map_file", cache(pyx12.map_if.load_map_file))
    parameters = pyx12.params.ParamsBase()
    parameters.set("exclude_external_codes", "pos,remark_code,currency")
    chance = random.Random(7)
    base = good(2)
    verdicts = set()
    for _ in range(150):
        segments = list(base)
        taken = segments.pop(chance.randrange(3, len(segments) - 3))
        if chance.random() < 0.6:
            segments.insert(chance.randrange(3, len(segments) - 3), taken)
        segments = recounted(segments)
        [report] = reports(tmp_path, segments)
        theirs = pyx12.x12n_document.x12n_document(parameters, io.StringIO(text(segments)), None, None)
        assert (report.accepted == "A") == theirs, segments
        verdicts.add(theirs)
    assert verdicts == {True, False}


def test_a_claim_without_lines_is_refused_where_pyx12_accepts_it(tmp_path: Path) -> None:
    doubled = good_body(1)
    doubled.insert(doubled.index("CLM*PCN-1*240***11:B:1*Y*A*Y*Y"), "CLM*EMPTY*240***11:B:1*Y*A*Y*Y")
    report = only(tmp_path, interchange(transaction_set(doubled)))
    assert set(report.by_claim) == {0}
    assert [(error.segment, error.code) for error in report.errors] == [("HI", "3"), ("LX", "3")]


def test_findings_of_one_claim_are_bounded(tmp_path: Path) -> None:
    body = [*HEAD, *BILLING, *subscriber(2), *claim("A")[:4]]
    for number in range(1, 101):
        body += [f"LX*{number + 5}", "SV1*QQ:G9012*1*QQ*1", "DTP*472*D8*20260901"]
    report = only(tmp_path, interchange(transaction_set(body)))
    assert len(report.by_claim[0]) == conformity._FINDINGS_A_CLAIM


def test_a_missing_service_is_asked_for_with_the_qualifier_that_these_services_have(tmp_path: Path) -> None:
    segments = replaced(good(1), "SV1*HC:G9012:U2*120*UN*4***1")
    messages = [found.message for found in only(tmp_path, segments).by_claim[0]]
    assert any(message.startswith("Segment SV1*HC (the service) is missing") for message in messages)
