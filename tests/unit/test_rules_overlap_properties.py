"""What holds of any records: their order, outreach, one finding a line and rule, and a judge by the minute."""

from datetime import timedelta

from builders import BILLING_NPI, OTHER_NPI, a_line
from care_records import (
    DAY,
    NEXT_DAY,
    OUTREACH,
    RECUPERATIVE,
    THIRD_NPI,
    TIMED,
    TIN,
    a_service,
    ecm,
    enrolled,
    found,
    judged,
)
from hypothesis import given
from hypothesis import strategies as st

from services.validator.rules import Coverage
from shared.care import CareService
from shared.reference.programs import SERVICE_PROGRAMS, Programs

DAYS = st.integers(-3, 3).map(lambda days: DAY + timedelta(days=days))
TIMES = st.sampled_from(
    [(None, None), ("08:00", "09:30"), ("09:00", "10:00"), ("10:00", "11:00"), ("09:00", None)]
)
NPIS = st.sampled_from([None, BILLING_NPI, OTHER_NPI, THIRD_NPI])
TINS = st.sampled_from([None, TIN, "951111111"])


ANY_PROGRAM = st.sampled_from(SERVICE_PROGRAMS)


@st.composite
def services(draw, programs=ANY_PROGRAM):
    start, end = draw(TIMES)
    return a_service(
        draw(programs),
        record_id=draw(st.sampled_from("abcd")),
        service_date=draw(DAYS),
        procedure_code=draw(st.sampled_from([None, "98960", "T1017", "G0019", "H2015", "99213"])),
        modifiers=draw(st.sampled_from([(), ("U1",), ("U2",), ("HK",)])),
        provider_npi=draw(NPIS),
        provider_tin=draw(TINS),
        start_time=start,
        end_time=end,
        payers=draw(st.sampled_from([(), ("GSHP1",), ("OTHER",)])),
    )


@st.composite
def enrollments(draw):
    program = draw(st.sampled_from([each.id for each in Programs.load().all]))
    start = draw(DAYS)
    end = draw(st.one_of(st.none(), st.integers(0, 4).map(lambda days: start + timedelta(days=days))))
    waiting = draw(st.sampled_from(["", "_WAITLIST"]))
    return enrolled(
        program + waiting, start, end, record_id=draw(st.sampled_from("abcd")), care_manager_npi=draw(NPIS)
    )


@st.composite
def authorizations(draw):
    start = draw(DAYS)
    end = draw(st.one_of(st.none(), st.integers(0, 4).map(lambda days: start + timedelta(days=days))))
    return ecm(
        start,
        end,
        record_id=draw(st.sampled_from("abcd")),
        benefit=draw(st.sampled_from(["ECM", "CS"])),
        service=draw(st.sampled_from([None, "recuperative_care"])),
        status=draw(st.sampled_from(["authorized", "declined", "graduated", "ended"])),
        provider_npi=draw(NPIS),
        population_of_focus=draw(st.sampled_from([None, "CCS"])),
    )


RECORDS = st.lists(st.one_of(services(), enrollments(), authorizations()), max_size=8)
EVERYTHING = Coverage(frozenset({""}), frozenset({""}))


@given(RECORDS, st.randoms(use_true_random=False), st.sampled_from([Coverage(), EVERYTHING]))
def test_the_order_of_the_records_never_matters(records, random, coverage):
    shuffled = random.sample(records, len(records))
    claim = {"lines": [a_line(**TIMED), a_line(2, **RECUPERATIVE), a_line(3, service_start=NEXT_DAY)]}
    one, other = (
        judged(*each, coverage=coverage, claim_number="PCN-1", **claim) for each in (records, shuffled)
    )
    assert one.findings == other.findings
    assert one.evidence == other.evidence


@given(
    RECORDS,
    st.sampled_from(
        [OUTREACH, {"procedure_code": "G9008", **OUTREACH}, {"procedure_code": "T1016", **OUTREACH}]
    ),
)
def test_outreach_never_has_a_finding_of_records(records, line):
    assert found(*records, lines=[a_line(**line, units=1)], coverage=EVERYTHING) == []


@given(RECORDS)
def test_beside_a_line_a_finding_is_said_once_and_a_note_once_a_claim(records):
    told = found(*records, lines=[a_line(), a_line(2, units=1)], coverage=EVERYTHING)
    blocking = [(rule, line) for rule, severity, line in told if severity != "note"]
    notes = [rule for rule, severity, _ in told if severity == "note"]
    assert len(set(blocking)) == len(blocking)
    assert len(set(notes)) == len(notes)
    assert not {rule for rule, _ in blocking} & set(notes)


@given(RECORDS)
def test_no_message_names_another_provider_but_a_ccs_case_manager(records):
    for finding in judged(*records, lines=[a_line(**TIMED)], coverage=EVERYTHING).findings:
        if finding.rule in ("overlap.ccs", "overlap.ccs_wcm"):
            continue
        assert OTHER_NPI not in repr(finding)
        assert THIRD_NPI not in repr(finding)


_RUNGS = {
    # program: own at overlapping times, own untimed, own apart, another's
    "TCM_SMHS": ("reject", "pend", "note", "pend"),
    "ICC": ("reject", "pend", "note", "pend"),
    "TCM_COUNTY": ("reject", "pend", "pend", "pend"),
    "DMC_ODS": ("reject", "pend", "note", "note"),
    "HCPCFC": ("reject", "pend", "note", "note"),
    "CCS": ("reject", "pend", "note", "note"),
    "CCS_WCM": ("reject", "pend", "note", "note"),
    "CHW": ("reject", "reject", "reject", "pend"),
    "DYADIC": ("note", "note", "note", "note"),
}


def _minutes(text):
    hours, minutes = text.split(":")
    return set(range(int(hours) * 60 + int(minutes), 24 * 60))


def naive_ladder(line, records):
    """Minute by minute and record by record: the worst that each program's services say of a line."""
    worst = {}
    for record in records:
        if record.service_date != line.service_start or "OTHER" in record.payers:
            continue
        own = record.provider_npi == BILLING_NPI or record.provider_tin == TIN
        timed = all((line.start_time, line.end_time, record.start_time, record.end_time))
        if not own:
            rung = 3
        elif not timed:
            rung = 1
        else:
            mine = _minutes(line.start_time) - _minutes(line.end_time)
            theirs = _minutes(record.start_time) - _minutes(record.end_time)
            rung = 0 if mine & theirs else 2
        severity = _RUNGS[record.program][rung]
        order = ("note", "pend", "reject")
        worst[record.program] = max(worst.get(record.program, "note"), severity, key=order.index)
    return worst


@given(
    st.lists(services(st.sampled_from(sorted(_RUNGS))), max_size=8), st.lists(TIMES, min_size=1, max_size=3)
)
def test_the_ladder_is_that_of_a_judge_who_compares_minute_by_minute(records, times):
    records = [
        CareService(
            **{name: getattr(each, name) for name in each.__struct_fields__} | {"procedure_code": None}
        )
        for each in records
    ]
    lines = [
        a_line(number, units=number, start_time=start, end_time=end)
        for number, (start, end) in enumerate(times, start=1)
    ]
    expected, noted = set(), set()
    for line in lines:
        for program, severity in naive_ladder(line, records).items():
            rule = f"overlap.{program.lower()}"
            if severity == "note":
                noted.add(rule)
            else:
                expected.add((rule, severity, line.number))
    told = found(*records, lines=lines)
    assert {each for each in told if each[1] != "note"} == expected
    assert {rule for rule, severity, _ in told if severity == "note"} == noted - {
        rule for rule, _, _ in expected
    }
