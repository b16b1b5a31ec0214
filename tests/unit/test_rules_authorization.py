"""Authorization: covered or not, whose it is, the length that DHCS sets, and silence where no feed covers the plan."""

from datetime import date, timedelta

import pytest
from builders import BILLING_NPI, CIN, OTHER_CIN, OTHER_NPI, RENDERING_NPI, a_claim, a_line, a_received_claim
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.validator.rules import Aliases, Context, Coverage, History, Records, judge, judge_batch, prepare
from services.validator.rules.care import is_from_records
from services.validator.rules.records import NO_COVERAGE
from shared.care import Authorization
from shared.claim import Provider, Source
from shared.payers import Payers, PayerTerms
from shared.reference.codes import CodeSet

CONTEXT = Context(CodeSet.load(), Payers.load(None))
DAY = date(2026, 10, 12)
COVERED = Coverage(authorizations=frozenset({"GSHP1"}))
RECUPERATIVE = {"procedure_code": "T2033", "modifiers": ("U6",)}


def an_authorization(start=date(2026, 1, 1), end=date(2026, 12, 31), **overrides):
    return Authorization(
        **{"record_id": "A1", "cin": CIN, "benefit": "ECM", "start_date": start, "end_date": end, **overrides}
    )


def support(service, **overrides):
    return an_authorization(benefit="CS", service=service, **overrides)


def judged(*authorizations, coverage=COVERED, lines=None, aliases=None, **claim):
    records = Records(authorizations=authorizations, coverage=coverage, aliases=aliases or Aliases())
    return judge(a_received_claim(lines=lines or [a_line()], **claim), CONTEXT, records=records)


def found(*authorizations, **claim):
    """(rule, severity, line) of every finding that rests on records."""
    findings = judged(*authorizations, **claim).findings
    return [(each.rule, each.severity, each.line) for each in findings if is_from_records(each)]


MISSING = [("authorization.missing", "pend", 1)]


@pytest.mark.parametrize("line", [{}, {"procedure_code": "G9008", "modifiers": ("U1",)}, RECUPERATIVE])
def test_a_service_without_any_authorization_pends(line):
    assert found(lines=[a_line(**line)]) == MISSING


@pytest.mark.parametrize(
    "line",
    [
        {"modifiers": ("U8",)},
        {"procedure_code": "G9008", "modifiers": ("U8",)},
        {"procedure_code": "T1016", "modifiers": ("U8",)},
    ],
)
def test_outreach_needs_no_authorization(line):
    assert found(lines=[a_line(units=1, **line)]) == []


@pytest.mark.parametrize(
    ("authorization", "covered"),
    [
        (an_authorization(), True),
        (an_authorization(presumptive=True), True),
        (an_authorization(end=None), True),
        (an_authorization(status="graduated"), True),
        (an_authorization(status="ended"), True),
        (an_authorization(status="ended", end=None), False),
        (an_authorization(status="declined"), False),
        (an_authorization(status="declined", presumptive=True), True),
        (an_authorization(status="declined", presumptive=True, end=None), False),
        (support("recuperative_care"), False),
    ],
)
def test_what_counts_as_an_authorization_of_ecm(authorization, covered):
    assert ("authorization.missing" in [rule for rule, _, _ in found(authorization)]) is not covered


@pytest.mark.parametrize("status", ["authorized", "graduated", "ended", "declined"])
def test_an_authorization_holds_from_its_first_through_its_last_day(status):
    for start, end, expected in (
        (DAY, DAY, []),
        (DAY + timedelta(days=1), DAY + timedelta(days=9), MISSING),
        (DAY - timedelta(days=9), DAY - timedelta(days=1), MISSING),
    ):
        authorization = an_authorization(start, end, status=status, presumptive=True)
        assert found(authorization) == expected


@pytest.mark.parametrize("status", ["authorized", "ended", "declined"])
def test_a_presumptive_authorization_without_an_end_holds_for_thirty_days(status):
    missing = {
        back: bool(found(an_authorization(DAY - timedelta(days=back), None, status=status, presumptive=True)))
        for back in (0, 29, 30, 31)
    }
    holds = status == "authorized"
    assert missing == {0: not holds, 29: not holds, 30: True, 31: True}


def test_the_message_names_the_last_day_of_a_presumptive_authorization():
    earlier = an_authorization(DAY - timedelta(days=30), None, presumptive=True)
    [finding] = judged(earlier).findings
    assert "The nearest runs from Sep 12, 2026 to Oct 11, 2026." in finding.message


def test_a_presumptive_authorization_of_a_community_support_has_no_thirty_days():
    long_ago = support("recuperative_care", start=DAY - timedelta(days=60), end=None, presumptive=True)
    assert found(long_ago, lines=[a_line(**RECUPERATIVE)]) == []


def test_several_authorizations_cover_a_line_of_many_days_together():
    lines = [a_line(**RECUPERATIVE, service_end=DAY + timedelta(days=9), units=10)]
    first = support("recuperative_care", start=DAY, end=DAY + timedelta(days=4))
    rest = support("recuperative_care", start=DAY + timedelta(days=5), end=None, record_id="A2")
    late = support("recuperative_care", start=DAY + timedelta(days=6), end=None, record_id="A2")
    assert found(first, rest, lines=lines) == []
    assert found(first, late, lines=lines) == MISSING
    assert found(first, lines=lines) == MISSING


def test_a_community_support_needs_an_authorization_of_that_very_service():
    lines = [a_line(**RECUPERATIVE)]
    assert found(support("recuperative_care"), lines=lines) == []
    assert found(support("respite"), lines=lines) == MISSING
    assert found(an_authorization(), lines=lines) == MISSING


def test_an_authorization_of_another_member_or_payer_is_none():
    other = an_authorization(cin=OTHER_CIN)
    assert found(other) == MISSING
    assert found(other, aliases=Aliases([(CIN, OTHER_CIN)])) == []
    assert found(an_authorization(payers=("OTHER",))) == MISSING
    assert found(an_authorization(payers=("GSHP1", "OTHER"))) == []


@pytest.mark.parametrize("coverage", [Coverage(), Coverage(authorizations=frozenset({"OTHER"}))])
def test_where_no_feed_covers_the_plan_nothing_is_missing(coverage):
    assert found(coverage=coverage) == []
    assert found(an_authorization(provider_npi=OTHER_NPI), coverage=coverage) == []


def test_a_declined_request_is_named_in_the_message():
    (finding,) = judged(an_authorization(status="declined", provider_npi=OTHER_NPI)).findings
    assert "Jan 1, 2026 was declined" in finding.message
    assert OTHER_NPI not in repr(finding)


# --- Whose it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("npis", "claim", "ours"),
    [
        ([OTHER_NPI], {}, False),
        ([BILLING_NPI], {}, True),
        ([None], {}, True),
        ([OTHER_NPI, None], {}, True),
        ([OTHER_NPI, BILLING_NPI], {}, True),
        ([RENDERING_NPI], {"rendering_provider": Provider(npi=RENDERING_NPI)}, True),
        ([RENDERING_NPI], {"lines": [a_line(rendering_npi=RENDERING_NPI)]}, True),
        ([RENDERING_NPI], {}, False),
    ],
)
def test_an_authorization_of_another_provider_pends(npis, claim, ours):
    records = [an_authorization(record_id=f"A{n}", provider_npi=npi) for n, npi in enumerate(npis)]
    assert found(*records, **claim) == ([] if ours else [("authorization.provider", "pend", 1)])


def test_the_other_provider_stands_in_the_evidence_and_not_in_the_message():
    judgement = judged(an_authorization(provider_npi=OTHER_NPI))
    (finding,) = judgement.findings
    assert OTHER_NPI not in repr(finding)
    assert judgement.evidence[0].authorization.provider_npi == OTHER_NPI


def test_what_covers_nothing_is_missing_and_not_also_anothers():
    assert found(an_authorization(end=DAY - timedelta(days=1), provider_npi=OTHER_NPI)) == MISSING


# --- Its length -----------------------------------------------------------------------------------------------

PERIOD = [("authorization.period", "note", 1)]


@pytest.mark.parametrize(
    ("start", "end", "right"),
    [
        (date(2026, 1, 1), date(2026, 12, 31), True),
        (date(2026, 1, 1), date(2027, 1, 1), True),
        (date(2026, 1, 1), date(2027, 1, 2), False),
        (date(2026, 1, 1), date(2026, 12, 30), False),
        (date(2026, 5, 1), date(2026, 10, 31), False),
        (date(2024, 2, 29), date(2025, 2, 28), True),
        (date(2024, 2, 29), date(2025, 2, 27), True),
        (date(2023, 7, 1), date(2024, 6, 30), True),
        (date(2023, 7, 1), date(2023, 12, 31), False),
        (date(2023, 6, 30), date(2023, 12, 31), True),
        (date(2026, 1, 1), None, True),
    ],
)
def test_the_first_ecm_authorization_is_for_twelve_months_since_july_2023(start, end, right):
    assert found(an_authorization(start, end), lines=[a_line(service_start=start)]) == (
        [] if right else PERIOD
    )


@pytest.mark.parametrize(
    ("end", "right"),
    [
        (date(2026, 12, 31), True),
        (date(2027, 1, 1), True),
        (date(2026, 12, 30), False),
        (date(2027, 6, 30), False),
    ],
)
def test_each_later_one_is_for_six_months(end, right):
    first = an_authorization(date(2025, 7, 1), date(2026, 6, 30), record_id="A0")
    assert found(first, an_authorization(date(2026, 7, 1), end)) == ([] if right else PERIOD)


@pytest.mark.parametrize(
    "earlier",
    [
        {"presumptive": True},
        {"status": "declined"},
        {"benefit": "CS", "service": "respite"},
    ],
)
def test_what_came_before_but_was_no_ecm_authorization_leaves_the_first_the_first(earlier):
    before = an_authorization(date(2026, 1, 1), date(2026, 1, 30), **{"record_id": "A0", **earlier})
    assert found(before, an_authorization(date(2026, 2, 1), date(2027, 1, 31))) == []


@pytest.mark.parametrize(
    "other",
    [{"status": "graduated"}, {"status": "ended"}, {"presumptive": True}],
)
def test_ended_graduated_and_presumptive_ones_are_not_judged_for_length(other):
    assert found(an_authorization(end=date(2026, 10, 20), **other)) == []


def test_a_wrong_length_is_said_once_a_claim_and_holds_nothing():
    judgement = judged(an_authorization(end=date(2026, 10, 20)), lines=[a_line(), a_line(2, units=1)])
    (finding,) = (each for each in judgement.findings if is_from_records(each))
    assert (finding.rule, finding.severity) == ("authorization.period", "note")
    assert "12 months" in finding.message
    assert "the plan's to put right" in finding.message
    assert "does not hold the payment" in finding.message


def test_a_community_support_has_no_length_to_keep():
    assert found(support("recuperative_care", end=DAY), lines=[a_line(**RECUPERATIVE)]) == []


# --- Once a file ----------------------------------------------------------------------------------------------


def file_notes(*claims, coverage=NO_COVERAGE, context=CONTEXT):
    """What a batch of claims of one file says of the file, by claim."""
    batch = [prepare(a_received_claim(claim), context) for claim in claims]
    judgements = judge_batch(batch, context, History(), Records(coverage=coverage))
    return [[each.message.partition(",")[0] for each in judgement.file_notes] for judgement in judgements]


UNKNOWN = "We have no authorization records of GSHP1"


@pytest.mark.parametrize("others", [(), ("OTHER",)])
def test_a_file_says_once_that_authorization_was_not_checked(others):
    coverage = Coverage(authorizations=frozenset(others))
    assert file_notes(a_claim(), a_claim(), coverage=coverage) == [[UNKNOWN], []]


@pytest.mark.parametrize("payers", ["GSHP1", ""])
def test_nothing_is_said_where_a_feed_covers_the_payer(payers):
    assert file_notes(a_claim(), coverage=Coverage(authorizations=frozenset({payers}))) == [[]]


def test_a_void_needs_no_authorization_and_the_first_claim_after_it_speaks_for_the_file():
    assert file_notes(a_claim(frequency="8"), a_claim()) == [[], [UNKNOWN]]


def test_it_is_said_of_every_plan_in_the_file_by_name_and_under_whatever_id():
    plan = PayerTerms(ids=("GSHP1", "GSHP2"), name="Golden State")
    context = replace(CONTEXT, payers=Payers((plan,)))
    claims = (a_claim(), a_claim(payer_id="HPSJ"), a_claim(payer_id="gshp2"))
    said = file_notes(*claims, context=context)
    named = ["Golden State", "HPSJ"]
    assert said == [*([f"We have no authorization records of {name}"] for name in named), []]


def test_claims_of_one_plan_in_several_batches_say_the_same():
    first, later = (
        judge(a_received_claim(a_claim(source=Source(claim_ordinal=ordinal))), CONTEXT).file_notes
        for ordinal in (0, 700)
    )
    assert first == later != ()


# --- Against a judge who counts days ----------------------------------------------------------------------------

AROUND = st.integers(-4, 4).map(lambda days: DAY + timedelta(days=days))


@st.composite
def several(draw):
    made = []
    for number in range(draw(st.integers(0, 5))):
        start = draw(AROUND)
        end = draw(
            st.one_of(
                st.none(), st.integers(0, 4).map(lambda days, start=start: start + timedelta(days=days))
            )
        )
        made.append(
            an_authorization(
                start,
                end,
                record_id=f"A{number}",
                status=draw(st.sampled_from(["authorized", "declined", "graduated", "ended"])),
                provider_npi=draw(st.sampled_from([None, BILLING_NPI, OTHER_NPI])),
                presumptive=draw(st.booleans()),
            )
        )
    return made


def naive(records, days):
    """Day by day: is there one at all, and is there one for this provider?"""

    def holds(record, day):
        if (record.status == "declined" and not record.presumptive) or record.start_date > day:
            return False
        return record.status == "authorized" if record.end_date is None else day <= record.end_date

    for day in days:
        if not any(holds(each, day) for each in records):
            return "authorization.missing"
    for day in days:
        if not any(holds(each, day) and each.provider_npi in (None, BILLING_NPI) for each in records):
            return "authorization.provider"
    return None


@given(several(), st.integers(0, 3))
def test_missing_and_provider_are_those_of_a_judge_who_counts_days(records, length):
    days = [DAY + timedelta(days=each) for each in range(length + 1)]
    told = [
        rule
        for rule, severity, _ in found(*records, lines=[a_line(service_end=days[-1])])
        if severity == "pend"
    ]
    expected = naive(records, days)
    assert told == ([expected] if expected else [])
