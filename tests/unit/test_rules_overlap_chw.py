"""CHW services beside ECM and Community Supports: on the day, on other days, after ECM has ended."""

from datetime import date, timedelta

import pytest
from builders import BILLING_NPI, OTHER_NPI, a_line
from care_records import DAY, NEXT_DAY, RECUPERATIVE, TIMED, a_service, ecm, found, severities


@pytest.mark.parametrize(
    "code",
    [
        {},
        {"procedure_code": "98960"},
        {"procedure_code": "98961", "modifiers": ("U2",)},
        {"procedure_code": "98962", "modifiers": ("U3",)},
        {"procedure_code": "T1028"},
        {"procedure_code": "G0019"},
        {"procedure_code": "G0022"},
    ],
)
def test_the_ecm_providers_own_chw_service_the_same_day_rejects_whatever_the_times(code):
    apart = {"start_time": "15:00", "end_time": "16:00"}
    for times in ({}, TIMED, apart):
        service = a_service(provider_npi=BILLING_NPI, **code, **times)
        assert severities(service, lines=[a_line(**TIMED)]) == {"overlap.chw": "reject"}
    assert severities(a_service(provider_npi=OTHER_NPI, **code)) == {"overlap.chw": "pend"}


@pytest.mark.parametrize("code", ["98960", "98961", "98962"])
def test_with_u1_it_is_a_dyadic_service_and_a_note_at_most(code):
    service = a_service(provider_npi=BILLING_NPI, procedure_code=code, modifiers=("U1",))
    assert severities(service) == {"overlap.dyadic": "note"}


def test_another_code_recorded_as_chw_is_no_chw_service():
    assert found(a_service(provider_npi=BILLING_NPI, procedure_code="99213")) == []


@pytest.mark.parametrize(
    ("authorization", "severity"),
    [
        (ecm(), "reject"),
        (ecm(presumptive=True), "reject"),
        (ecm(status="graduated", end=DAY), "reject"),
        (ecm(status="graduated", end=DAY - timedelta(days=1)), None),
        (ecm(status="ended", end=DAY - timedelta(days=1)), None),
        (ecm(status="declined"), None),
        (ecm(start=NEXT_DAY), None),
        (ecm(benefit="CS", service="respite", end=DAY - timedelta(days=9)), "reject"),
    ],
)
def test_chw_is_something_only_while_ecm_runs(authorization, severity):
    service = a_service(provider_npi=BILLING_NPI)
    assert severities(service, authorization).get("overlap.chw") == severity


def test_chw_on_other_days_of_the_ecm_period_is_noted_once_a_claim():
    services = [a_service(record_id=f"S{n}", service_date=DAY - timedelta(days=n)) for n in (1, 2, 30)]
    lines = [a_line(), a_line(2, service_start=NEXT_DAY)]
    assert found(*services, ecm(), lines=lines) == [("overlap.chw", "note", 1)]


@pytest.mark.parametrize(
    "authorizations",
    [
        [],
        [ecm(start=DAY)],
        [ecm(status="declined")],
        [ecm(status="graduated", end=DAY - timedelta(days=1))],
        [ecm(end=DAY - timedelta(days=1)), ecm(record_id="A2", start=DAY, end=None)],
    ],
)
def test_chw_on_other_days_is_nothing_outside_of_the_period_that_covers_the_line(authorizations):
    assert found(a_service(service_date=DAY - timedelta(days=1)), *authorizations) == []


def test_chw_more_than_a_year_away_is_not_noted_even_in_an_open_period():
    open_period = ecm(start=date(2023, 1, 1), end=None)
    assert found(a_service(service_date=DAY - timedelta(days=366)), open_period) == [
        ("overlap.chw", "note", 1)
    ]
    assert found(a_service(service_date=DAY - timedelta(days=367)), open_period) == []


def test_chw_on_the_day_says_it_all_and_the_note_of_other_days_is_left_out():
    services = [a_service(provider_npi=OTHER_NPI), a_service(record_id="S2", service_date=NEXT_DAY)]
    assert found(*services, ecm()) == [("overlap.chw", "pend", 1)]


def test_chw_before_the_benefit_began_is_nothing():
    early = date(2022, 6, 30)
    service = a_service(provider_npi=BILLING_NPI, service_date=early)
    assert found(service, lines=[a_line(service_start=early)]) == []


def test_chw_beside_community_supports_is_a_note_because_sources_conflict():
    service = a_service(provider_npi=BILLING_NPI)
    assert found(service, lines=[a_line(**RECUPERATIVE)]) == [("overlap.chw", "note", 1)]
