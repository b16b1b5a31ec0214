"""Remittances (835) in many shapes, valid and broken: what is read, and what is said of what cannot be."""

from pathlib import Path

import pytest
from x12_835_builder import body, claim, interchange, line, text

from services.payments.remittances.balance import imbalances
from services.payments.remittances.model import Adjustment, ClaimPayment, Remittance, kind_of
from services.payments.remittances.reader835 import NoRemittance, read_835

FILES = sorted((Path(__file__).parents[1] / "files" / "835").glob("*.835"))


def read(tmp_path: Path, content: str | bytes) -> Remittance:
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_835(path)


def refused(tmp_path: Path, content: str | bytes) -> str:
    with pytest.raises(NoRemittance) as caught:
        read(tmp_path, content)
    return " ".join(caught.value.problems)


def one_set(*segments: str) -> str:
    """A file of one set of these segments after BPR, TRN and the parties."""
    return text(interchange([*body(amount=96_000), *segments]))


def only_claim(remittance: Remittance) -> ClaimPayment:
    [found] = remittance.sets[0].claims
    return found


def test_the_files_are_there() -> None:
    assert len(FILES) >= 25


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_example_files_are_what_their_names_say(path: Path) -> None:
    if path.stem.startswith("refused_"):
        with pytest.raises(NoRemittance) as caught:
            read_835(path)
        assert all(problem[0].isupper() for problem in caught.value.problems)
        return
    remittance = read_835(path)
    differences = [found for each in remittance.sets for found in imbalances(each)]
    broken = [each for each in remittance.sets if each.problems]
    odd = [found for each in remittance.sets for found in each.claims if found.problems]
    kinds = {"unbalanced": bool(differences), "partly": bool(broken), "odd": bool(odd)}
    assert {name for name, there in kinds.items() if there} == (
        set() if path.stem.startswith("good_") else {path.stem.partition("_")[0]}
    )


def test_a_whole_claim_payment_is_read(tmp_path: Path) -> None:
    lines = [
        line(60_000, 50_000, control="L1", remark="N130"),
        line(36_000, 0, code="HC:G9008:U2:GQ", day="20261013"),
    ]
    content = text(
        interchange(body(claim("PCN-1", 96_000, 50_000, control="ICN9", lines=lines), amount=50_000))
    )

    payment = read(tmp_path, content).sets[0]

    assert (payment.amount_cents, payment.trace, payment.payer_ids) == (50_000, "EFT-1", ("GSHP1",))
    assert (str(payment.paid_on), str(payment.produced_on)) == ("2026-04-01", "2026-04-02")
    assert payment.payee_npis == ("1234567893",)
    found = payment.claims[0]
    assert (found.number, found.status, found.payer_control) == ("PCN-1", "1", "ICN9")
    assert (found.charge_cents, found.paid_cents, found.cins) == (96_000, 50_000, ("91234567A",))
    first, second = found.lines
    assert (first.code, first.modifiers, first.control_number) == ("G9012", ("U2",), "L1")
    assert (first.adjustments, first.remarks) == ((Adjustment("CO", "45", 10_000),), ("N130",))
    assert (second.modifiers, str(second.service_date)) == (("GQ", "U2"), "2026-10-13")
    assert imbalances(payment) == ()


def test_a_cas_segment_holds_up_to_six_reasons(tmp_path: Path) -> None:
    content = one_set("CLP*A*1*100*10*0*MC", "CAS*CO*45*20**97*30*1*16*15", "CAS*OA*23*25")

    found = only_claim(read(tmp_path, content))

    assert [(each.group, each.reason, each.cents) for each in found.adjustments] == [
        ("CO", "45", 2_000),
        ("CO", "97", 3_000),
        ("CO", "16", 1_500),
        ("OA", "23", 2_500),
    ]


def test_the_code_billed_is_taken_where_another_was_paid(tmp_path: Path) -> None:
    content = one_set("CLP*A*1*100*100*0*MC", "SVC*HC:G9008:U2*100*100**1*HC:G9012:U2:GQ*2")

    [found] = only_claim(read(tmp_path, content)).lines

    assert (found.code, found.modifiers, found.units) == ("G9012", ("GQ", "U2"), 2)


def test_a_card_number_in_place_of_the_cin_is_read_as_the_cin(tmp_path: Path) -> None:
    content = one_set("CLP*A*1*960*960*0*MC", "NM1*QC*1*RIVERA*ANA****MI*91234567A12345")

    assert only_claim(read(tmp_path, content)).cins == ("91234567A",)


def test_the_payee_may_be_told_by_ts3(tmp_path: Path) -> None:
    segments = [*body(amount=0, npi=""), "TS3*1000000004*11*20261231*1*960"]

    assert read(tmp_path, text(interchange(segments))).sets[0].payee_npis == ("1000000004",)


def test_several_adjustments_stand_in_one_plb(tmp_path: Path) -> None:
    segments = body(amount=100, adjustments=[("L6:PCN-1", -355), ("WO:OLD", 255)])

    found = read(tmp_path, text(interchange(segments))).sets[0].adjustments

    assert [(each.reason, each.reference, each.cents) for each in found] == [
        ("L6", "PCN-1", -355),
        ("WO", "OLD", 255),
    ]


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        (["CLP*A*1*abc*10*0*MC"], "CLP03"),
        (["CLP*A*1*100**0*MC"], "CLP04"),
        (["CLP*A**100*10*0*MC"], "CLP02"),
        (["CLP*A*1*100*10.005*0*MC"], "CLP04"),
        (["CLP*A*1*99999999999999999999*10*0*MC"], "CLP03"),
        (["CLP*A*1*100*10*0*MC", "CAS*XX*45*90"], "CAS01"),
        (["CLP*A*1*100*10*0*MC", "CAS*CO**90"], "CAS02"),
        (["CLP*A*1*100*10*0*MC", "CAS*CO*45*much"], "CAS03"),
        (["CLP*A*1*100*10*0*MC", "AMT*I*x"], "AMT02"),
        (["CLP*A*1*100*10*0*MC", "SVC*HC*100*10"], "SVC01"),
        (["CLP*A*1*100*10*0*MC", "SVC*HC:G9012*1O0*10"], "SVC02"),
        (["CLP*A*1*100*10*0*MC", "SVC*HC:G9012*100*10", "DTM*472*20260231"], "DTM02"),
    ],
)
def test_what_cannot_be_understood_is_said_of_the_claim_payment(
    tmp_path: Path, segments: list[str], told: str
) -> None:
    remittance = read(tmp_path, one_set(*segments, "CLP*B*1*100*100*0*MC"))

    wrong, right = remittance.sets[0].claims
    assert told in " ".join(wrong.problems)
    assert "segment" in wrong.problems[0]
    assert (right.number, right.problems) == ("B", ())


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        (["SVC*HC:G9012*100*10"], "SVC"),
        (["CAS*CO*45*10"], "CAS"),
        (["PLB*1234567893*20261231*L6*x"], "PLB04"),
        (["PLB*1234567893*20261231**-1"], "PLB03"),
        (["BPR*I*1*C*ACH************20260401"], "one segment BPR"),
    ],
)
def test_what_speaks_for_the_whole_set_stops_the_whole_set(
    tmp_path: Path, segments: list[str], told: str
) -> None:
    assert told in refused(tmp_path, one_set(*segments))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("BPR*I*960*C*ACH************20260401~", "", "no segment BPR"),
        ("TRN*1*EFT-1*1941234567~", "", "no segment TRN"),
        ("TRN*1*EFT-1", "TRN*1*", "TRN02"),
        ("BPR*I*960", "BPR*I*lots", "BPR02"),
        ("************20260401", "", "BPR16"),
        ("*1941234567~", "*1941234567~ISA~", "ISA"),
        ("SE*12*0001~", "", "before segment SE"),
        ("SE*12*0001~", "SE*12*0002~", "SE02"),
        ("SE*12*0001~", "SE*11*0001~", "SE01 says 11, but the set has 12 segments"),
        ("IEA*1*000000001~", "", "before segment IEA"),
        ("ST*835", "ST*277", "(277)"),
        ("~GE*", "~CLP*A~GE*", "outside"),
        ("IEA*1*000000001~", "IEA*1*000000001", "middle of a segment"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    content = text(interchange(body(claim("A"), amount=96_000)))
    assert old in content

    assert told in refused(tmp_path, content.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [("GE*1*1", "GE*2*1"), ("IEA*1*", "IEA*3*"), ("GS*HP", "GS*HC"), ("GE*1*1", "GE*1*9")],
)
def test_a_wrong_count_around_a_whole_set_is_noted_and_puts_it_in_no_doubt(
    tmp_path: Path, old: str, new: str
) -> None:
    content = text(interchange(body(claim("A"), amount=96_000))).replace(old, new)

    remittance = read(tmp_path, content)

    assert len(remittance.notes) == 1
    assert remittance.sets[0].problems == ()


@pytest.mark.parametrize(
    ("status", "charge", "paid", "reason", "kind"),
    [
        ("1", 100, 100, "45", "payment"),
        ("1", 100, 0, "45", "denial"),
        ("1", 100, 0, "24", "payment"),
        ("2", 100, 0, "23", "payment"),
        ("4", 100, 0, "24", "denial"),
        ("4", 100, 0, "197", "denial"),
        ("4", 100, 50, "197", "payment"),
        ("1", 0, 0, "", "payment"),
        ("22", -100, -100, "45", "reversal"),
        ("22", -100, 0, "45", "reversal"),
    ],
)
def test_what_a_claim_payment_is(status: str, charge: int, paid: int, reason: str, kind: str) -> None:
    adjustments = (Adjustment("CO", reason, charge - paid),) if reason else ()

    found = ClaimPayment(1, "", "A", status, charge, paid, adjustments=adjustments)

    assert kind_of(found) == kind
