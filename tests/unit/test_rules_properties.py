"""What holds for every claim, however broken."""

from datetime import date
from decimal import Decimal

from builders import BILLING_NPI, CIN, a_receipt
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.validator.rules import Context, History, judge, judge_batch, prepare
from shared.catalogue import finding, rules
from shared.claim import Address, Claim, Member, Payer, Provider, ServiceLine, Submitter
from shared.events import ClaimReceived
from shared.findings import worst
from shared.payers import Payers
from shared.reference.codes import CodeSet

CODES = CodeSet.load()
CONTEXT = Context(CODES, Payers.load(None))
MODIFIERS = ["U1", "U2", "U3", "U4", "U5", "U6", "U7", "U8", "U9", "GQ", "93", "95", "HK", ""]

some_text = st.none() | st.text(max_size=16)
days = st.none() | st.dates() | st.dates(date(2021, 12, 1), date(2027, 1, 31))
hcpcs = st.sampled_from([*sorted({row.hcpcs for row in CODES.rows}), "98960", "T1017", "99213", "H2015"])

lines = st.builds(
    ServiceLine,
    number=st.integers(1, 60),
    procedure_code=hcpcs | some_text,
    modifiers=st.lists(st.sampled_from(MODIFIERS), max_size=4).map(tuple),
    service_start=days,
    service_end=days,
    units=st.none() | st.decimals() | st.integers(-2, 200).map(Decimal),
    unit_basis=st.sampled_from(["UN", "MJ", "??"]),
    charge_cents=st.none() | st.integers(-(10**12), 10**12),
    place_of_service=st.none() | st.sampled_from(["04", "11", "99", ""]),
    start_time=st.none() | st.just("09:00"),
    rendering_npi=some_text,
    description=some_text | st.sampled_from(["Recuperative Care", "ECM service", "rent"]),
    row=st.none() | st.integers(2, 9),
)
providers = st.builds(
    Provider,
    npi=some_text | st.just(BILLING_NPI),
    tin=some_text,
    address=st.none() | st.builds(Address, zip=some_text),
)
claims = st.builds(
    Claim,
    channel=st.sampled_from(["837P", "invoice", "json"]),
    claim_number=some_text,
    payer=st.builds(Payer, id=some_text),
    billing_provider=providers,
    rendering_provider=st.none() | providers,
    member=st.builds(Member, cin=some_text | st.just(CIN) | st.just(f"{CIN}12345"), birth_date=days),
    lines=st.lists(lines, max_size=4).map(tuple),
    frequency=st.sampled_from(["1", "7", "8", "", "2"]),
    original_reference=some_text,
    diagnosis_codes=st.lists(st.just("Z5901"), max_size=1).map(tuple),
    total_cents=st.none() | st.integers(-(10**9), 10**9),
    delay_reason=some_text,
)
read_findings = st.lists(
    st.builds(
        finding,
        st.sampled_from(["field.format", "repair.zip", "file.structure"]),
        st.just("…"),
        line=st.none() | st.integers(1, 4),
        field=st.none() | st.sampled_from(["units", "member.cin", "service_start"]),
    ),
    max_size=2,
).map(tuple)


@st.composite
def received_claims(draw):
    number = draw(st.integers(1, 5))
    return ClaimReceived(
        claim_id=f"clm_{number}",
        submission_id="sub_1",
        claim=draw(claims),
        receipt=a_receipt(draw(st.dates(date(2021, 1, 1), date(2028, 12, 31)))),
        submitter=Submitter("Harbor Light Shelter", draw(st.sampled_from([None, (), (BILLING_NPI,)]))),
        findings=draw(read_findings),
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(received_claims(), max_size=3))
def test_no_claim_makes_the_rules_raise_and_the_verdict_is_the_worst_finding(batch):
    for judgement in judge_batch([prepare(received, CONTEXT) for received in batch], CONTEXT, History()):
        assert judgement.verdict == worst(judgement.findings)
        assert judgement.clean == (judgement.verdict != "rejected")
        assert len(judgement.services) == len(judgement.received.claim.lines)
        for found in judgement.findings:
            assert found.rule in rules() or found.rule.startswith("repair.")
            assert found.authority
            assert found.message
        made = judgement.findings[len(judgement.received.findings) :]
        assert all(found.where and found.field for found in made)


@settings(max_examples=300, deadline=None)
@given(received_claims(), st.randoms(use_true_random=False))
def test_the_order_of_modifiers_never_changes_the_verdict(received, random):
    def shuffled(line):
        modifiers = list(line.modifiers)
        random.shuffle(modifiers)
        return replace(line, modifiers=tuple(modifiers))

    claim = replace(received.claim, lines=tuple(map(shuffled, received.claim.lines)))
    one, other = judge(received, CONTEXT), judge(replace(received, claim=claim), CONTEXT)
    assert one.verdict == other.verdict
    assert list(one.services) == list(other.services)


@settings(max_examples=200, deadline=None)
@given(received_claims())
def test_judging_twice_says_the_same_and_once_more_never_makes_a_claim_better(received):
    first = judge(received, CONTEXT)
    assert judge(received, CONTEXT) == first
    worse = replace(received, findings=(*received.findings, finding("field.format", "…")))
    assert judge(worse, CONTEXT).verdict == "rejected"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CODES.rows), st.sampled_from(MODIFIERS))
def test_only_a_listed_set_is_ever_free_of_code_rejections(row, extra):
    modifiers = (*row.modifiers, extra)
    listed = {(r.hcpcs, frozenset(r.modifiers)) for r in CODES.rows}
    wanted = (row.hcpcs, frozenset(modifiers))
    allowed = wanted in listed or (row.hcpcs, frozenset(modifiers) - {"GQ"}) in listed
    match = CODES.match(row.hcpcs, modifiers)
    assert bool(match.rows) == allowed
    if not allowed:
        assert match.unlisted or match.modifier_missing or match.wrong_combination
