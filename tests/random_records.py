"""Random records of other care around the days of the builders' claims, for properties over them."""

from datetime import date, timedelta

from builders import BILLING_NPI, CIN, OTHER_CIN, OTHER_NPI, SERVICE_DAY
from hypothesis import strategies as st

from shared.care import Authorization, CareService, Enrollment, Record

DAYS = [SERVICE_DAY + timedelta(days=days) for days in range(3)]
_NPIS = (BILLING_NPI, OTHER_NPI)


def services() -> st.SearchStrategy[Record]:
    return st.builds(
        CareService,
        record_id=st.sampled_from(["S1", "S2", "S3"]),
        cin=st.sampled_from([CIN, OTHER_CIN]),
        service_date=st.sampled_from(DAYS),
        program=st.sampled_from(["CHW", "TCM_COUNTY", "TCM_SMHS", "ICC", "CCS", "DMC_ODS", "OTHER"]),
        procedure_code=st.sampled_from([None, "98960", "T1017", "G0019"]),
        provider_npi=st.sampled_from([None, *_NPIS]),
    )


def enrollments() -> st.SearchStrategy[Record]:
    return st.builds(
        Enrollment,
        record_id=st.sampled_from(["E1", "E2"]),
        cin=st.sampled_from([CIN, OTHER_CIN]),
        program=st.sampled_from(["PACE", "MSSP", "CCS", "TCM_COUNTY", "FSP", "MANAGED_CARE"]),
        start_date=st.sampled_from([date(2026, 1, 1), *DAYS]),
        end_date=st.sampled_from([None, *DAYS, date(2027, 1, 1)]),
    )


def authorizations() -> st.SearchStrategy[Record]:
    return st.builds(
        Authorization,
        record_id=st.sampled_from(["A1", "A2"]),
        cin=st.sampled_from([CIN, OTHER_CIN]),
        benefit=st.just("ECM"),
        start_date=st.sampled_from([date(2026, 1, 1), *DAYS]),
        end_date=st.sampled_from([None, DAYS[1], date(2026, 12, 31)]),
        provider_npi=st.sampled_from([None, *_NPIS]),
        status=st.sampled_from(["authorized", "authorized", "declined"]),
    )


def records() -> st.SearchStrategy[Record]:
    """A record of any feed but aliases, for one of two members, under one of a few ids."""
    return st.one_of(services(), enrollments(), authorizations())
