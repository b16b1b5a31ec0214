"""The mapping of an 837 professional to claims, field by field."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from x12_builder import (
    BILLING,
    GS,
    HEAD,
    changed,
    claim,
    good,
    good_body,
    interchange,
    recounted,
    subscriber,
    transaction_set,
    write,
)

from services.intake.readers import ClaimRead, FileRefused, UnreadableClaim, x12_837p
from services.intake.readers.x12_837p import X12ClaimsFile
from shared.claim import Address, Claim, Member, Payer, Provider, ServiceLine, Source


def claims(path: Path) -> list[Claim]:
    return [item.claim for item in X12ClaimsFile(path).items() if isinstance(item, ClaimRead)]


def test_a_claim_is_read_whole(tmp_path: Path) -> None:
    [read] = claims(write(tmp_path / "a", good(1)))
    assert read == Claim(
        channel="837P",
        claim_number="PCN-1",
        payer=Payer(id="GSHP1", name="GOLDEN STATE HEALTH PLAN"),
        billing_provider=Provider(
            npi="1234567893",
            tin="770000001",
            name="GOOD SHELTER",
            taxonomy="251B00000X",
            address=Address("100 HELP AVE", "FRESNO", "CA", "937210000"),
        ),
        rendering_provider=Provider(npi="1000000004", name="HELPER", first_name="ANA"),
        member=Member(
            cin="91234567A",
            last_name="GARCIA",
            first_name="MARIA",
            birth_date=date(1980, 2, 29),
            gender="F",
            address=Address("1 MAIN ST", "FRESNO", "CA", "937210000"),
        ),
        lines=(
            ServiceLine(
                number=1,
                procedure_code="G9012",
                modifiers=("U2",),
                service_start=date(2026, 9, 1),
                service_end=date(2026, 9, 1),
                units=Decimal(4),
                charge_cents=12000,
                control_number="A1",
            ),
            ServiceLine(
                number=2,
                procedure_code="G9012",
                modifiers=("U2", "GQ"),
                service_start=date(2026, 9, 2),
                service_end=date(2026, 9, 2),
                units=Decimal(4),
                charge_cents=12000,
                control_number="A2",
            ),
        ),
        authorization_number="AUTH1",
        place_of_service="11",
        diagnosis_codes=("Z5901", "Z590"),
        total_cents=24000,
        source=Source(set_control="0001"),
    )


def test_a_line_may_have_its_own_place_provider_authorization_times_and_note(tmp_path: Path) -> None:
    segments = changed(
        good(1),
        SV1="SV1*HC:G9012:U2:GQ:::STREET OUTREACH*120.5*MJ*1.5*27**1",
        DTP="DTP*472*RD8*20260901-20260903",
    )
    position = segments.index("REF*6R*A1")
    segments[position:position] = [
        "REF*G1*LINEAUTH",
        "REF*G1*OTHERS**2U:OTH1",
        "NM1*82*1*LINE*ANA****XX*1234567893",
    ]
    [read] = claims(write(tmp_path / "a", recounted(segments)))
    line = read.lines[0]
    assert (line.unit_basis, line.units, line.place_of_service) == ("MJ", Decimal("1.5"), "27")
    assert (line.service_start, line.service_end) == (date(2026, 9, 1), date(2026, 9, 3))
    assert (line.rendering_npi, line.authorization_number) == ("1234567893", "LINEAUTH")
    assert (line.charge_cents, line.description) == (12050, "STREET OUTREACH")
    assert read.lines[1].rendering_npi is None


def test_times_of_a_service_are_read(tmp_path: Path) -> None:
    [read] = claims(write(tmp_path / "a", changed(good(1), DTP="DTP*472*RD8*202609010930-202609011045")))
    assert (read.lines[0].start_time, read.lines[0].end_time) == ("09:30", "10:45")


def test_frequency_original_reference_and_delay_reason_are_read(tmp_path: Path) -> None:
    segments = changed(good(1), CLM="CLM*PCN-1*240.00***04:B:7*Y*A*Y*Y***********7")
    segments.insert(segments.index("REF*G1*AUTH1"), "REF*F8*OLD-9")
    segments.insert(segments.index("REF*G1*AUTH1"), "REF*D9*CLEARINGHOUSE")
    [read] = claims(write(tmp_path / "a", recounted(segments)))
    assert (read.frequency, read.original_reference, read.delay_reason) == ("7", "OLD-9", "7")
    assert (read.place_of_service, read.total_cents) == ("04", 24000)


def test_each_claim_has_its_own_parties_and_ordinals(tmp_path: Path) -> None:
    body = [*HEAD, *BILLING, *subscriber(2), *claim("A"), *claim("B")]
    body += ["HL*3**20*1", "NM1*85*2*OTHER HELP*****XX*1000000004", *BILLING[3:5], "REF*EI*77-0000002"]
    body += [*subscriber(4, parent=3, cin="92345678C"), *claim("C")]
    segments = interchange(transaction_set(body), transaction_set(good_body(1, first=9), "0002"))
    read = claims(write(tmp_path / "a", segments))
    assert [each.claim_number for each in read] == ["A", "B", "C", "PCN-9"]
    assert [each.billing_provider.npi for each in read] == [*["1234567893"] * 2, "1000000004", "1234567893"]
    assert [each.billing_provider.tin for each in read[2:]] == ["770000002", "770000001"]
    assert read[2].billing_provider.taxonomy is None
    assert [each.member.cin for each in read] == ["91234567A", "91234567A", "92345678C", "91234567A"]
    assert [(each.source.set_ordinal, each.source.claim_ordinal) for each in read] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
    ]


def test_a_patient_has_the_subscribers_member_id_and_a_note_says_so(tmp_path: Path) -> None:
    body = [*HEAD, *BILLING, *subscriber(2, children=1), "HL*3*2*23*0", "PAT*19"]
    body += ["NM1*QC*1*GARCIA*LUZ", "N3*1 MAIN ST", "N4*FRESNO*CA*93721", "DMG*D8*20260801*F", *claim("A")]
    body += [*subscriber(4, cin="92345678C"), *claim("B")]
    items = list(X12ClaimsFile(write(tmp_path / "a", interchange(transaction_set(body)))).items())
    newborn, other = items
    assert isinstance(newborn, ClaimRead)
    assert isinstance(other, ClaimRead)
    assert newborn.claim.member.cin == "91234567A"
    assert (newborn.claim.member.first_name, newborn.claim.member.birth_date) == ("LUZ", date(2026, 8, 1))
    assert [finding.severity for finding in newborn.findings] == ["note"]
    assert (other.claim.member.cin, other.claim.member.first_name) == ("92345678C", "MARIA")
    assert not other.findings


def test_what_is_wrong_with_one_party_is_said_of_its_claims_alone(tmp_path: Path) -> None:
    long = "X" * 600

    def patient(hl: int, name: str) -> list[str]:
        return [f"HL*{hl}*2*23*0", "PAT*19", f"NM1*QC*1*GARCIA*{name}", "DMG*D8*20260801*F"]

    body = [*HEAD, *BILLING[:3], f"N3*{long}", *BILLING[4:]]
    body += [*subscriber(2, children=1)[:3], f"N3*{long}", *subscriber(2)[4:]]
    body += [*patient(3, "LUZ"), f"N3*{long}", *claim("A"), *patient(4, "SOL"), *claim("B")]
    body += [*subscriber(5, cin="92345678C"), *claim("C")]
    items = X12ClaimsFile(write(tmp_path / "a", interchange(transaction_set(body)))).items()

    too_long = [
        [each.where for each in item.findings if each.rule == "field.format" and each.where] for item in items
    ]
    loops = [[where.split()[-2] for where in wheres] for wheres in too_long]
    assert loops == [["2010AA", "2010BA", "2010CA"], ["2010AA", "2010BA"], ["2010AA"]]


def test_what_another_payer_says_is_not_taken_for_the_claims_own(tmp_path: Path) -> None:
    segments = good(1)
    position = segments.index("LX*1")
    segments[position:position] = [
        "SBR*S*18*******CI",
        "NM1*IL*1*OTHER*NAME****MI*X1",
        "NM1*PR*2*OTHER PAYER*****PI*OTH1",
        "REF*F8*THEIRS",
        "NM1*82*1*THEIRS*X****XX*1234567893",
    ]
    [read] = claims(write(tmp_path / "a", recounted(segments)))
    assert (read.payer.id, read.member.cin) == ("GSHP1", "91234567A")
    assert read.original_reference is None
    assert read.rendering_provider is not None
    assert read.rendering_provider.npi == "1000000004"


def test_pay_to_and_submitter_addresses_are_not_the_billing_providers(tmp_path: Path) -> None:
    segments = good(1)
    position = segments.index("REF*EI*770000001") + 1
    segments[position:position] = ["NM1*87*2", "N3*PO BOX 1", "N4*RENO*NV*89501"]
    [read] = claims(write(tmp_path / "a", recounted(segments)))
    assert read.billing_provider.address == Address("100 HELP AVE", "FRESNO", "CA", "937210000")


def test_an_identifier_that_is_no_npi_is_not_taken_for_one(tmp_path: Path) -> None:
    segments = changed(good(1), PRV="PRV*BI*PXC*251B00000X")
    segments[segments.index("NM1*85*2*GOOD SHELTER*****XX*1234567893")] = (
        "NM1*85*2*GOOD SHELTER*****24*770000001"
    )
    [read] = claims(write(tmp_path / "a", segments))
    assert read.billing_provider.npi is None


def test_a_negative_charge_is_not_an_amount(tmp_path: Path) -> None:
    [item] = X12ClaimsFile(write(tmp_path / "a", changed(good(1), CLM="CLM*P*-240***11:B:1*Y*A*Y*Y"))).items()
    assert isinstance(item, ClaimRead)
    assert item.claim.total_cents is None
    assert [(finding.rule, finding.field) for finding in item.findings] == [("field.format", "total_cents")]


def test_missing_values_stay_empty_for_the_rules_to_name(tmp_path: Path) -> None:
    [item] = X12ClaimsFile(
        write(tmp_path / "a", changed(good(1), CLM="CLM", SV1="SV1", DTP="DTP", NM1="NM1"))
    ).items()
    assert isinstance(item, ClaimRead)
    assert (item.claim.claim_number, item.claim.total_cents, item.claim.place_of_service) == (
        None,
        None,
        None,
    )
    line = item.claim.lines[0]
    assert (line.procedure_code, line.charge_cents, line.units, line.service_start) == (
        None,
        None,
        None,
        None,
    )
    assert not item.findings


def test_findings_of_the_envelope_reach_every_claim_of_their_set_only(tmp_path: Path) -> None:
    bad, right = transaction_set(good_body(2)), transaction_set(good_body(1, first=3), "0002")
    bad[-1] = "SE*7*0001"
    items = list(X12ClaimsFile(write(tmp_path / "a", interchange(bad, right))).items())
    assert [[finding.rule for finding in item.findings] for item in items] == [
        ["file.structure"],
        ["file.structure"],
        [],
    ]


def test_a_version_that_differs_from_the_groups_is_named(tmp_path: Path) -> None:
    segments = interchange(transaction_set(good_body(1), version="005010X222A2"))
    [item] = X12ClaimsFile(write(tmp_path / "a", segments)).items()
    assert [finding.where for finding in item.findings] == ["ST 0001, ST03"]


def test_control_numbers_used_twice_are_named(tmp_path: Path) -> None:
    twice = [*interchange(transaction_set(good_body(1)), transaction_set(good_body(1)))]
    path = write(tmp_path / "a", [*twice, *twice])
    items = list(X12ClaimsFile(path).items())
    assert [[finding.where for finding in item.findings] for item in items] == [
        [],
        ["ST 0001, ST02"],
        ["ISA 000000001, ISA13"],
        ["ST 0001, ST02", "ISA 000000001, ISA13"],
    ]


def test_a_claim_that_cannot_be_mapped_is_unreadable_and_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = x12_837p.map_claim

    def fails_on_the_second(segments: x12_837p.ClaimSegments) -> ClaimRead:
        if segments.clm[1] == "PCN-2":
            raise RuntimeError("a fault of ours")
        return real(segments)

    monkeypatch.setattr(x12_837p, "map_claim", fails_on_the_second)
    items = list(X12ClaimsFile(write(tmp_path / "a", good(3))).checked_items(processes=0))
    assert [type(item) for item in items] == [ClaimRead, UnreadableClaim, ClaimRead]
    unreadable = items[1]
    assert isinstance(unreadable, UnreadableClaim)
    assert unreadable.claim_number == "PCN-2"
    assert "a fault of ours" not in str(unreadable.findings)


def test_a_file_that_changes_between_census_and_mapping_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a", good(3))
    file = X12ClaimsFile(path)
    write(path, good(2))
    with pytest.raises(x12_837p.MissingClaimsError):
        list(file.items())


def test_items_may_be_read_again(tmp_path: Path) -> None:
    file = X12ClaimsFile(write(tmp_path / "a", good(2)))
    assert list(file.items()) == list(file.items())


@pytest.mark.parametrize(
    ("old", "new", "where", "touched"),
    [
        ("N3*100 HELP AVE", "N3*LONG", "ST 0001, 2010AA N301", [0, 1, 2]),
        ("NM1*IL*1*GARCIA*MARIA****MI*91234567A", "NM1*IL*1*LONG", "ST 0001, 2010BA NM103", [0]),
        ("CLM*PCN-2*240***11:B:1*Y*A*Y*Y", "CLM*LONG*240***11:B:1*Y*A*Y*Y", "ST 0001, CLM01", [1]),
        ("REF*6R*A2", "REF*6R*LONG", "ST 0001, LX 2, REF02", [0]),
    ],
)
def test_an_element_of_absurd_length_is_not_read_and_named_where_it_stands(
    tmp_path: Path, old: str, new: str, where: str, touched: list[int]
) -> None:
    segments = good(3)
    segments[segments.index(old)] = new.replace("LONG", "X" * 200_000)
    items = list(X12ClaimsFile(write(tmp_path / "a", segments)).items())
    assert [position for position, item in enumerate(items) if item.findings] == touched
    for position in touched:
        [found] = items[position].findings
        assert (found.rule, found.where) == ("field.format", where)
    assert all(len(str(item)) < 5_000 for item in items)


def test_the_census_counts_what_the_file_holds(tmp_path: Path) -> None:
    segments = interchange(transaction_set(good_body(3)), transaction_set(good_body(1, first=4), "0002"))
    census = X12ClaimsFile(write(tmp_path / "a", segments)).census
    assert (census.claims, census.lines, census.transaction_sets) == (4, 8, 2)
    assert (census.interchanges, census.groups, census.segments) == (1, 1, len(segments))


def test_a_file_of_old_version_is_refused_by_name(tmp_path: Path) -> None:
    segments = interchange(
        transaction_set(good_body(1), version="004010X098A1"), gs=GS.replace("005010X222A1", "004010X098A1")
    )
    with pytest.raises(FileRefused) as refused:
        X12ClaimsFile(write(tmp_path / "a", segments))
    assert "004010X098A1" in refused.value.finding.message
