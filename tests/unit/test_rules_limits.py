"""Limits of Community Supports: what takes a counter past them, what does not, and the data they stand in."""

from datetime import date, timedelta

import pytest
from builders import OTHER_CIN, OTHER_NPI, a_line, a_received_claim
from hypothesis import given
from hypothesis import strategies as st

from services.validator.rules import Context, History, judge_batch, prepare
from services.validator.rules.counters import counter_of
from services.validator.rules.history import days_to_compare, group_of
from shared.catalogue import rules
from shared.payers import Payers
from shared.reference.codes import CodeSet
from shared.reference.supports import days_to_count, limits_of, support_limits

CONTEXT = Context(CodeSet.load(), Payers.load(None))
LIMITS = {limit.id: limit for limit in support_limits()}

DEPOSIT = {"procedure_code": "H0044", "modifiers": ("U2",), "units": 1}
RECUPERATIVE = {"procedure_code": "T2033", "modifiers": ("U6",)}
POST_HOSPITAL = {"procedure_code": "H0043", "modifiers": ("U3",)}
RENT = {"procedure_code": "H0043", "modifiers": ("U2",)}
RESPITE = {"procedure_code": "S9125", "modifiers": ("U6",)}
MEALS = {"procedure_code": "S5170", "modifiers": ("U6",)}
NUTRITION = {"procedure_code": "S9470", "modifiers": ("U6",), "units": 1}
SOBERING = {"procedure_code": "H0014", "modifiers": ("U6",)}
HOME = {"procedure_code": "S5165", "modifiers": ("U6",), "units": 1}
ASTHMA = {"procedure_code": "S5165", "modifiers": ("U5",), "units": 1}
SET_UP = {"procedure_code": "H0044", "modifiers": ("U5",), "units": 1}
MOVE = {"procedure_code": "T2038", "modifiers": ("U5",), "units": 1}


def line(code, first, days=1, *, number=1, **overrides):
    """One unit a day from ``first``, unless ``code`` or ``overrides`` say otherwise."""
    values = {"service_start": first, "service_end": first + timedelta(days - 1), "units": days, **code}
    return a_line(number, **{**values, **overrides})


def claim(*lines, **overrides):
    numbered = [type(each)(**{**_fields(each), "number": place}) for place, each in enumerate(lines, 1)]
    arrival = max(each.service_end or each.service_start for each in lines)
    return a_received_claim(lines=numbered, **{"arrival": arrival, **overrides})


def _fields(each):
    return {name: getattr(each, name) for name in each.__struct_fields__}


def judged(*received, history=None):
    known = history if history is not None else History()
    return judge_batch([prepare(each, CONTEXT) for each in received], CONTEXT, known)


def limits_found(judgement):
    return [(found.rule, found.line) for found in judgement.findings if found.rule.startswith("limit.")]


def the_limit(judgement):
    (found,) = [found for found in judgement.findings if found.rule.startswith("limit.")]
    return found


# --- Housing deposits -------------------------------------------------------------------------------------


def test_a_second_housing_deposit_pends_and_shows_the_first():
    first, second = judged(
        claim(line(DEPOSIT, date(2023, 5, 1)), claim_number="PCN-1"), claim(line(DEPOSIT, date(2026, 5, 1)))
    )
    assert first.findings == ()
    found = the_limit(second)
    assert (second.verdict, found.rule, found.severity) == ("pended", "limit.housing_deposits_once", "pend")
    assert (
        "the limit is 1 time in a lifetime. Counted before this line: 1 time; with it: 2 times"
        in found.message
    )
    assert "exception on file" in found.message
    assert [each.billed.claim_number for each in second.evidence if each.rule == found.rule] == ["PCN-1"]


def test_all_that_one_provider_bills_for_the_day_of_the_move_is_one_time():
    lines = [line(DEPOSIT, date(2026, 5, 1)), line(DEPOSIT, date(2026, 5, 1), units=2)]
    assert limits_found(judged(claim(*lines))[0]) == []


def test_a_deposit_that_another_provider_bills_for_the_same_day_is_a_second_one():
    judgements = judged(
        claim(line(DEPOSIT, date(2026, 5, 1)), npi=OTHER_NPI), claim(line(DEPOSIT, date(2026, 5, 1)))
    )
    assert limits_found(judgements[1]) == [("limit.housing_deposits_once", 1)]
    assert OTHER_NPI not in the_limit(judgements[1]).message


@pytest.mark.parametrize("other", [{"cin": OTHER_CIN}, {"payer_id": "OTHER"}])
def test_another_member_or_another_plan_has_a_counter_of_its_own(other):
    judgements = judged(
        claim(line(DEPOSIT, date(2026, 5, 1)), **other), claim(line(DEPOSIT, date(2026, 6, 1)))
    )
    assert limits_found(judgements[1]) == []


@pytest.mark.parametrize("frequency", ["7", "8"])
def test_what_is_replaced_or_voided_is_not_counted(frequency):
    original = claim(line(DEPOSIT, date(2026, 5, 1)), claim_number="PCN-1")
    takes_back = claim(line(DEPOSIT, date(2026, 5, 2)), frequency=frequency, original_reference="PCN-1")
    anew = claim(line(DEPOSIT, date(2026, 6, 1)))
    found = [limits_found(each) for each in judged(original, takes_back, anew)]
    assert found == [[], [], [("limit.housing_deposits_once", 1)] if frequency == "7" else []]


def test_a_rejected_claim_is_not_counted():
    rejected = claim(line(DEPOSIT, date(2026, 5, 1)), diagnosis_codes=())
    first, second = judged(rejected, claim(line(DEPOSIT, date(2026, 6, 1))))
    assert (first.verdict, limits_found(second)) == ("rejected", [])


# --- Days in a row ----------------------------------------------------------------------------------------


def test_the_ninety_first_day_of_recuperative_care_in_a_row_pends():
    first = claim(line(RECUPERATIVE, date(2025, 3, 1), 90))
    within, past = line(RECUPERATIVE, date(2025, 5, 30), 0 + 1), line(RECUPERATIVE, date(2025, 7, 1))
    assert limits_found(judged(first)[0]) == []
    ninety_first = judged(first, claim(within))[1]
    assert limits_found(ninety_first) == [("limit.recuperative_care_days", 1)]
    assert (
        "Counted before this line from Mar 1, 2025 to May 30, 2025: 90 days"
        in the_limit(ninety_first).message
    )
    assert limits_found(judged(first, claim(past))[1]) == []


def test_a_line_that_joins_two_stays_is_counted_with_both():
    lines = [line(RECUPERATIVE, date(2025, 1, 1), 50), line(RECUPERATIVE, date(2025, 2, 20), 50)]
    before, after, between = (
        claim(lines[0]),
        claim(line(RECUPERATIVE, date(2025, 2, 21), 50)),
        claim(line(RECUPERATIVE, date(2025, 2, 20))),
    )
    assert [limits_found(each) for each in judged(before, after, between)] == [
        [],
        [],
        [("limit.recuperative_care_days", 1)],
    ]
    assert limits_found(judged(claim(*lines))[0]) == [("limit.recuperative_care_days", 2)]


def test_the_day_of_leaving_is_no_day():
    assert limits_found(judged(claim(line(RECUPERATIVE, date(2025, 3, 1), 91, units=90)))[0]) == []
    assert limits_found(judged(claim(line(RECUPERATIVE, date(2025, 3, 1), 91)))[0]) != []


def test_the_limit_of_ninety_days_ends_with_2025_and_counts_no_later_day():
    assert limits_found(judged(claim(line(RECUPERATIVE, date(2025, 11, 1), 120)))[0]) == []
    assert limits_found(judged(claim(line(RECUPERATIVE, date(2026, 1, 1), 120)))[0]) == []
    assert limits_found(judged(claim(line(RECUPERATIVE, date(2025, 10, 1), 120)))[0]) != []


def test_six_months_of_post_hospitalization_housing_are_at_most_184_nights():
    assert limits_found(judged(claim(line(POST_HOSPITAL, date(2026, 3, 1), 184)))[0]) == []
    past = judged(claim(line(POST_HOSPITAL, date(2026, 3, 1), 185)))[0]
    assert limits_found(past) == [("limit.post_hospitalization_days", 1)]
    assert past.evidence == ()


# --- Hours, weeks, stays, money ---------------------------------------------------------------------------


def test_respite_past_fourteen_days_in_the_calendar_year_pends():
    first = claim(line(RESPITE, date(2026, 3, 1), 13))
    at_the_limit, past = line(RESPITE, date(2026, 6, 1)), line(RESPITE, date(2026, 6, 2))
    assert limits_found(judged(first, claim(at_the_limit))[1]) == []
    found = the_limit(judged(first, claim(at_the_limit, past))[1])
    assert (found.rule, found.line) == ("limit.respite_hours", 2)
    assert "Counted before this line in 2026: 336 hours; with it: 360 hours" in found.message


def test_minutes_of_respite_count_as_hours_and_not_as_days():
    first = claim(line(RESPITE, date(2026, 3, 1), 13))
    day_in_minutes = line(RESPITE, date(2026, 6, 1), units=24 * 60, unit_basis="MJ")
    hour_more = line(RESPITE, date(2026, 6, 2), units=60, unit_basis="MJ")
    found = the_limit(judged(first, claim(day_in_minutes, hour_more))[1])
    assert found.line == 2
    assert "336 hours; with it: 337.0 hours" in found.message


def test_the_hours_of_another_year_are_not_counted_and_new_year_divides_a_line():
    december = claim(line(RESPITE, date(2025, 12, 1), 14))
    january = claim(line(RESPITE, date(2026, 1, 1), 14))
    across = claim(line(RESPITE, date(2025, 12, 31), 2))
    assert limits_found(judged(december, january)[1]) == []
    assert "in 2025: 336 hours; with it: 360 hours" in the_limit(judged(december, across)[1]).message


def test_the_thirteenth_week_of_meals_pends_and_nutrition_counselling_is_no_meal():
    mondays = [date(2026, 1, 5) + timedelta(7 * week) for week in range(13)]
    weeks = [claim(line(MEALS, monday, units=14)) for monday in mondays]
    judgements = judged(*weeks)
    assert [limits_found(each) for each in judgements] == [[]] * 12 + [[("limit.meals_weeks", 1)]]
    assert "the limit is 12 weeks in any 52 weeks" in the_limit(judgements[12]).message
    same_week = claim(line(MEALS, mondays[11] + timedelta(6), units=2))
    counselling = claim(line(NUTRITION, mondays[12]))
    next_year = claim(line(MEALS, mondays[0] + timedelta(7 * 52), units=2))
    for other in (same_week, counselling, next_year):
        assert limits_found(judged(*weeks[:12], other)[12]) == []


def test_weeks_billed_backwards_are_counted_as_well():
    mondays = [date(2026, 1, 5) + timedelta(7 * week) for week in range(13)]
    backwards = [
        claim(line(MEALS, monday, units=14), arrival=date(2026, 6, 1)) for monday in reversed(mondays)
    ]
    assert [limits_found(each) for each in judged(*backwards)][12] == [("limit.meals_weeks", 1)]


@pytest.mark.parametrize(("last_week", "past"), [(51, 1), (52, 0)])
def test_fifty_two_weeks_are_counted_from_the_first_to_the_last(last_week, past):
    monday = date(2025, 3, 3)
    weeks = [*range(last_week - 11, last_week + 1), 0]
    billed = [line(MEALS, monday + timedelta(7 * week), units=14) for week in weeks]
    judgements = judged(*(claim(each, arrival=date(2026, 3, 31)) for each in billed))
    assert len(limits_found(judgements[-1])) == past


@pytest.mark.parametrize(("days", "units", "past"), [(1, 1, 0), (2, 1, 0), (2, 2, 1), (1, 2, 1), (3, 1, 1)])
def test_a_sobering_stay_is_one_unit_over_two_dates_at_most(days, units, past):
    (judgement,) = judged(claim(line(SOBERING, date(2026, 5, 1), days, units=units)))
    assert len(limits_found(judgement)) == past


def test_two_sobering_stays_on_two_days_are_two_stays():
    lines = line(SOBERING, date(2026, 5, 1)), line(SOBERING, date(2026, 5, 2))
    assert limits_found(judged(claim(*lines))[0]) == []


@pytest.mark.parametrize(("code", "rule"), [(HOME, "home_modifications_cents"), (SET_UP, "set_up_cents")])
def test_money_past_the_lifetime_limit_pends(code, rule):
    first = claim(line(code, date(2026, 2, 1), charge_cents=700_000))
    to_the_cent = claim(line(code, date(2026, 3, 1), charge_cents=50_000))
    assert limits_found(judged(first, to_the_cent)[1]) == []
    found = the_limit(judged(first, claim(line(code, date(2026, 3, 1), charge_cents=50_001)))[1])
    assert (found.rule, found.field, found.value) == (f"limit.{rule}", "charge_cents", "500.01")
    assert "Counted before this line: $7,000.00; with it: $7,500.01" in found.message


@pytest.mark.parametrize(
    "lines",
    [
        [line(ASTHMA, date(2026, 2, 1), charge_cents=9_999_999)],
        [line(MOVE, date(2026, 2, 1), charge_cents=9_999_999)],
        [line(MEALS, date(2026, 2, 2), units=9)],
        [line(RENT, date(2026, 1, 1), 300)],
        [line(POST_HOSPITAL, date(2026, 1, 1)), line(POST_HOSPITAL, date(2026, 3, 1))],
    ],
)
def test_a_limit_that_is_not_confirmed_stays_silent(lines):
    assert limits_found(judged(claim(*lines))[0]) == []


def test_a_line_in_the_future_or_with_dates_in_the_wrong_order_is_not_counted():
    endless = line(POST_HOSPITAL, date(2026, 5, 1), service_end=date.max)
    backwards = line(RESPITE, date(2026, 5, 9), units=99, service_end=date(2026, 5, 1))
    received = a_received_claim(lines=[endless, backwards])
    assert limits_found(judged(received)[0]) == []
    in_time = line(POST_HOSPITAL, date(2026, 1, 1), service_end=date(2026, 10, 31))
    assert limits_found(judged(a_received_claim(lines=[in_time]))[0]) == [
        ("limit.post_hospitalization_days", 1)
    ]


def test_units_of_a_made_up_size_stop_nothing():
    units = type(a_line().units)
    for size in ("1E+999999", "1E-999999", "NaN", "-3"):
        judgements = judged(claim(line(RESPITE, date(2026, 5, 1), units=units(size))))
        assert len(limits_found(judgements[0])) == (size == "1E+999999")


# --- The limits that are switched off, counted all the same -------------------------------------------------


def stays_counted(limit, *lines):
    counter = counter_of(LIMITS[limit])
    counts = [counter.add(prepare(claim(each), CONTEXT).lines[0]) for each in lines]
    return [(int(count.before), int(count.after)) if count else None for count in counts]


def test_room_and_board_counts_three_supports_together_in_any_365_days():
    first = line(RECUPERATIVE, date(2026, 1, 1), 100)
    second = line(POST_HOSPITAL, date(2026, 5, 1), 82)
    third = line(RENT, date(2026, 12, 31))
    assert stays_counted("room_and_board_days", first, second, third) == [None, None, (182, 183)]
    year_later = line(RENT, date(2027, 1, 1))
    assert stays_counted("room_and_board_days", first, second, year_later) == [None, None, None]
    before_2026 = line(RECUPERATIVE, date(2025, 7, 1), 184)
    assert stays_counted("room_and_board_days", before_2026, first) == [None, None]


def test_a_second_stay_after_a_gap_and_a_third_meal_on_a_day_are_counted():
    stays = line(POST_HOSPITAL, date(2026, 1, 1), 5), line(POST_HOSPITAL, date(2026, 1, 6), 5)
    again = line(POST_HOSPITAL, date(2026, 2, 1), 5)
    assert stays_counted("post_hospitalization_once", *stays, again) == [None, None, (1, 2)]
    meals = line(MEALS, date(2026, 1, 5), 7, units=14), line(MEALS, date(2026, 1, 8), units=1)
    assert stays_counted("meals_a_day", *meals) == [None, (2, 3)]


# --- The data ---------------------------------------------------------------------------------------------


def test_each_limit_that_is_on_has_its_rule_with_the_same_dates_and_the_others_have_none_but_a_reason():
    catalogue = {id_: rule for id_, rule in rules().items() if id_.startswith("limit.")}
    assert set(catalogue) == {limit.rule for limit in support_limits() if limit.on}
    for limit in support_limits():
        if limit.on:
            rule = catalogue[limit.rule]
            dates = (rule.effective_from, rule.effective_to)
            assert (rule.severity, rule.authority, *dates) == (
                "pend",
                limit.authority,
                limit.effective_from,
                limit.effective_to,
            )
        else:
            assert limit.reason


def test_the_services_of_a_limit_are_of_one_group_and_listed_by_dhcs():
    listed = {row.service: row.hcpcs for row in CONTEXT.codes.rows}
    codes = {(row.service, row.hcpcs) for row in CONTEXT.codes.rows}
    for limit in support_limits():
        assert len({group_of(service, listed[service]) for service in limit.services}) == 1
        assert limit.codes <= {hcpcs for service, hcpcs in codes if service in limit.services}


@pytest.mark.parametrize(
    ("service", "day", "around"),
    [
        ("ecm", date(2026, 5, 1), (date(2026, 5, 1), date(2026, 5, 1))),
        ("housing_deposits", date(2026, 5, 1), (date.min, date.max)),
        ("respite", date(2026, 5, 1), (date(2026, 1, 1), date(2026, 12, 31))),
        ("medically_tailored_meals", date(2026, 5, 1), (date(2025, 5, 2), date(2027, 4, 30))),
        ("recuperative_care", date(2025, 5, 1), (date(2025, 1, 31), date(2025, 7, 30))),
        ("recuperative_care", date(2026, 5, 1), (date(2026, 5, 1), date(2026, 5, 1))),
        ("asthma_remediation", date(2026, 5, 1), (date(2026, 5, 1), date(2026, 5, 1))),
    ],
)
def test_no_more_days_are_looked_up_than_the_limit_counts_over(service, day, around):
    assert days_to_count(service, day, day) == around


@given(
    st.sampled_from(sorted({row.service for row in CONTEXT.codes.rows})),
    st.dates(),
    st.dates(),
)
def test_the_days_looked_up_always_hold_the_lines_own(service, one, other):
    first, last = days_to_count(service, min(one, other), max(one, other))
    assert first <= min(one, other)
    assert last >= max(one, other)


def test_an_ecm_line_asks_for_its_own_days_only():
    (mine,) = prepare(a_received_claim(), CONTEXT).lines
    assert limits_of("ecm") == ()
    assert days_to_compare(mine) == (mine.service_start, mine.service_end)
