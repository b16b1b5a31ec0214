"""What else a member has: for the plan all of it, for a provider no more than it needs."""

import json
import re
from typing import Any

import pytest
from builders import BILLING_NPI, CIN, OTHER_CIN, OTHER_NPI, a_line, a_received_claim
from validator_harness import D, Validator

from shared.care import Authorization, CareService, Enrollment

PATH = "members/overlaps"


@pytest.fixture
def validator(database: Any) -> Validator:
    return Validator(database)


@pytest.fixture
def on_sqlite(new_database: Any) -> Validator:
    return Validator(new_database("sqlite"))


def ask(validator: Validator, key: Any = None, cin: str = CIN, **more: str) -> Any:
    return validator.call("POST", PATH, key=key, json={"cin": cin, **more})


def answer(validator: Validator, key: Any = None, cin: str = CIN, **more: str) -> Any:
    found = ask(validator, key, cin, **more)
    assert found.status_code == 200, found.text
    return found.json


def chw(record_id: str = "S-1", day: str = "2026-10-12", **overrides: Any) -> CareService:
    values: dict[str, Any] = {
        "cin": CIN,
        "program": "CHW",
        "procedure_code": "98960",
        "provider_npi": OTHER_NPI,
    }
    return CareService(record_id=record_id, service_date=D(day), **{**values, **overrides})


def authorized(record_id: str = "A-1", npi: str | None = BILLING_NPI, **overrides: Any) -> Authorization:
    values: dict[str, Any] = {
        "cin": CIN,
        "benefit": "ECM",
        "start_date": D("2026-01-01"),
        "end_date": D("2026-12-31"),
        "authorization_number": f"AUTH-{record_id}",
    }
    return Authorization(record_id=record_id, provider_npi=npi, **{**values, **overrides})


def enrolled(program: str, record_id: str = "E-1", start: str = "2026-01-01", **overrides: Any) -> Enrollment:
    values: dict[str, Any] = {"cin": CIN, "start_date": D(start)}
    return Enrollment(record_id=record_id, program=program, **{**values, **overrides})


def test_the_plan_sees_programs_authorizations_services_and_what_they_mean(validator: Validator) -> None:
    validator.tell(
        enrolled("PACE"),
        enrolled("CCS", "E-2", care_manager_npi="1999999984"),
        authorized(npi=OTHER_NPI, population_of_focus="adults_homelessness"),
        chw(),
    )

    found = answer(validator)

    programs = {each["program"]: each for each in found["programs"]}
    assert programs["PACE"]["rule"] == "excluded"
    assert programs["CCS"]["rule"] == "both"
    assert programs["CCS"]["care_manager_npi"] == "1999999984"
    assert all(each["what_it_means"].endswith(".") and each["current"] for each in programs.values())
    (authorization,) = found["authorizations"]
    assert (authorization["provider_npi"], authorization["authorization_number"]) == (OTHER_NPI, "AUTH-A-1")
    (service,) = found["services"]
    assert (service["program"], service["service_date"], service["own"]) == ("CHW", "2026-10-12", False)
    assert service["provider_npi"] == OTHER_NPI
    assert any(sentence.startswith("A claim would be rejected.") for sentence in found["advice"])


def test_a_provider_sees_its_own_in_full_and_of_others_only_that_they_are(validator: Validator) -> None:
    validator.tell(
        authorized("A-1"),
        authorized("A-2", npi=OTHER_NPI, benefit="CS", service="respite"),
        chw("S-1"),
        chw("S-2", day="2026-10-13", provider_npi=BILLING_NPI),
    )

    text = ask(validator, validator.key("provider")).text

    found = json.loads(text)
    own = next(each for each in found["authorizations"] if each["benefit"] == "ECM")
    other = next(each for each in found["authorizations"] if each["benefit"] == "CS")
    assert (own["provider"], own["authorization_number"]) == ("yours", "AUTH-A-1")
    assert (other["provider"], other["service"], other["status"]) == (
        "another provider",
        "respite",
        "authorized",
    )
    assert [(each["service_date"], each["own"]) for each in found["services"]] == [
        ("2026-10-13", True),
        ("2026-10-12", False),
    ]
    assert OTHER_NPI not in text
    assert "AUTH-A-2" not in text


def test_a_provider_looks_up_only_members_whom_it_serves(validator: Validator) -> None:
    provider = validator.key("provider")
    validator.tell(enrolled("PACE"), authorized(npi=OTHER_NPI))
    assert validator.judge(a_received_claim(cin=OTHER_CIN))[0].clean

    refused = ask(validator, provider)
    unknown = ask(validator, provider, "95555555A")

    assert (refused.status_code, unknown.status_code) == (404, 404)
    same = [{k: v for k, v in each.json.items() if k != "request_id"} for each in (refused, unknown)]
    assert same[0] == same[1]
    assert answer(validator, provider, OTHER_CIN)["programs"] == []


def test_a_claim_of_another_provider_or_one_taken_back_does_not_open_the_look_up(
    validator: Validator,
) -> None:
    provider = validator.key("provider")
    validator.judge(a_received_claim(npi=OTHER_NPI))
    assert ask(validator, provider).status_code == 404
    validator.judge(a_received_claim(claim_number="OWN-1", lines=[a_line(service_start=D("2026-10-01"))]))
    assert ask(validator, provider).status_code == 200

    validator.judge(a_received_claim(frequency="8", original_reference="OWN-1"))

    assert ask(validator, provider).status_code == 404


def test_an_authorization_that_was_taken_back_opens_nothing(validator: Validator) -> None:
    provider = validator.key("provider")
    validator.tell(authorized())
    assert ask(validator, provider).status_code == 200

    validator.tell(authorized(), withdrawn=True)

    assert ask(validator, provider).status_code == 404


def test_what_is_known_under_another_cin_of_the_member_is_known_of_the_member(validator: Validator) -> None:
    validator.join(CIN, OTHER_CIN)
    validator.judge(a_received_claim())
    validator.tell(enrolled("PACE", cin=OTHER_CIN), chw(cin=OTHER_CIN))

    for cin in (CIN, OTHER_CIN):
        found = answer(validator, validator.key("provider"), cin)
        assert [each["program"] for each in found["programs"]] == ["PACE"]
        assert len(found["services"]) == 1


def test_services_of_the_last_twelve_months_are_told(validator: Validator) -> None:
    validator.tell(chw("S-1", "2025-11-10"), chw("S-2", "2025-11-09"), chw("S-3", "2026-11-10"))

    assert [each["service_date"] for each in answer(validator)["services"]] == ["2026-11-10", "2025-11-10"]
    assert [each["service_date"] for each in answer(validator, on="2025-11-09")["services"]][
        -1
    ] == "2025-11-09"


def test_what_one_plan_told_is_not_shown_to_another_plan_or_its_providers(validator: Validator) -> None:
    validator.judge(a_received_claim())
    validator.tell(enrolled("PACE", payers=("OTHER1",)), enrolled("CCS", "E-2", payers=("GSHP1",)))

    def programs(key: Any) -> list[str]:
        return [each["program"] for each in answer(validator, key)["programs"]]

    assert programs(validator.key("provider")) == ["CCS"]
    assert programs(validator.key("claims", payers=("gshp1",))) == ["CCS"]
    assert programs(validator.key("claims", payers=("OTHER1",))) == ["PACE"]
    assert sorted(programs(validator.key("claims"))) == ["CCS", "PACE"]


def test_ecm_billed_before_is_told_by_month_without_saying_by_which_other_provider(
    validator: Validator,
) -> None:
    validator.judge(
        a_received_claim(lines=[a_line(1), a_line(2, service_start=D("2026-10-14"))]),
        a_received_claim(npi=OTHER_NPI, lines=[a_line(service_start=D("2026-09-01"))]),
        a_received_claim(npi=OTHER_NPI, lines=[a_line(modifiers=("U8",), service_start=D("2026-09-02"))]),
    )

    found = answer(validator, validator.key("provider"))

    assert found["ecm_history"] == [
        {"month": "2026-10-01", "own": True, "services": 2},
        {"month": "2026-09-01", "own": False, "services": 1},
    ]
    other = answer(validator, validator.key("provider"), on="2026-09-01")
    assert "Another provider has billed ECM for this member on Sep 1, 2026." in " ".join(other["advice"])


def test_the_advice_is_what_the_rules_would_say_of_a_claim(validator: Validator) -> None:
    provider = validator.key("provider")
    validator.judge(a_received_claim())
    assert answer(validator, provider)["advice"] == [
        "For your information: Nothing that we know of speaks against an ECM service on Nov 10, 2026."
    ]
    validator.tell(chw(day="2026-11-09", provider_npi=BILLING_NPI))

    (sentence,) = [each for each in answer(validator, provider, on="2026-11-09")["advice"] if "CHW" in each]

    (claim,) = validator.judge(
        a_received_claim(arrival=D("2026-11-10"), lines=[a_line(service_start=D("2026-11-09"))])
    )
    (said,) = [finding for finding in claim.findings if finding.rule == "overlap.chw"]
    assert claim.verdict == "rejected"
    assert sentence == f"A claim would be rejected. {said.message}"


def test_a_plan_is_not_told_that_an_authorization_names_another_provider_for_it_names_none(
    validator: Validator,
) -> None:
    validator.tell(authorized())

    assert answer(validator)["advice"] == [
        "For your information: Nothing that we know of speaks against an ECM service on Nov 10, 2026."
    ]
    validator.judge(a_received_claim(npi=OTHER_NPI))
    (to_the_other,) = answer(validator, validator.key("provider", npis=(OTHER_NPI,)))["advice"]
    assert "names another provider" in to_the_other


def test_what_the_caller_itself_billed_on_the_day_is_said(validator: Validator) -> None:
    validator.judge(a_received_claim())

    assert answer(validator, validator.key("provider"), on="2026-10-12")["advice"] == [
        "For your information: You already billed ECM for this member on Oct 12, 2026. "
        "The same service billed again would be a duplicate."
    ]
    assert answer(validator, on="2026-10-12")["advice"] == [
        "For your information: ECM was already billed for this member on Oct 12, 2026."
    ]


def test_a_card_number_and_blanks_are_understood(on_sqlite: Validator) -> None:
    on_sqlite.tell(enrolled("PACE"))
    for typed in (f"{CIN}12345", f" {CIN.lower()} ", "9123 4567A"):
        assert len(answer(on_sqlite, cin=typed)["programs"]) == 1


@pytest.mark.parametrize("cin", ["", "not a CIN", "81234567A", "912345678", "91234567A1"])
def test_what_is_no_cin_is_said_without_repeating_it(on_sqlite: Validator, cin: str) -> None:
    refused = ask(on_sqlite, cin=cin)

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json["errors"]] == ["cin"]
    assert not cin or cin not in refused.text


@pytest.mark.parametrize("on", ["1026-01-01", "2099-01-01", "soon"])
def test_a_day_out_of_all_bounds_is_refused(on_sqlite: Validator, on: str) -> None:
    refused = ask(on_sqlite, on=on)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json["errors"]] == ["on"]


def test_a_cin_in_an_address_is_refused_and_post_is_named(on_sqlite: Validator) -> None:
    refused = on_sqlite.call("GET", f"{PATH}?cin={CIN}")

    assert refused.status_code == 405
    assert refused.headers["Allow"] == "POST"
    assert "POST" in refused.json["detail"]
    assert refused.headers["Content-Type"].startswith("application/problem+json")


def test_look_ups_are_logged_with_the_key_and_never_with_the_cin(
    on_sqlite: Validator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    provider = on_sqlite.key("provider")
    ask(on_sqlite, provider)
    on_sqlite.judge(a_received_claim())
    ask(on_sqlite, provider)

    # As JSON, in colours or as a dictionary, whatever another test has set.
    lines = (re.sub(r"\x1b\[[0-9;]*m", "", message) for message in caplog.messages)
    looked = [line for line in lines if "member_looked_up" in line]
    assert [bool(re.search(r"(?i)answered\W+true", line)) for line in looked] == [False, True]
    assert all(provider.record.id in line for line in looked)
    assert CIN not in caplog.text


@pytest.mark.parametrize("role", ["auditor"])
def test_the_look_up_is_for_providers_and_plans(on_sqlite: Validator, role: str) -> None:
    assert ask(on_sqlite, on_sqlite.key(role)).status_code == 403
    assert on_sqlite.call("GET", PATH, key=on_sqlite.key(role)).status_code == 403


# --- The page


def form_token(page: str) -> dict[str, str]:
    found = re.search(
        r'action="/validator/members">\s*<input type="hidden" name="([^"]+)" value="([^"]+)"', page
    )
    assert found
    return {found.group(1): found.group(2)}


def test_a_provider_looks_up_a_member_on_the_page(on_sqlite: Validator) -> None:
    on_sqlite.tell(authorized(), enrolled("PACE"), chw())
    client = on_sqlite.browser(on_sqlite.key("provider"))
    empty = client.get("/validator/members")

    page = client.post("/validator/members", data={**form_token(empty.text), "cin": CIN, "on": "2026-11-10"})

    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert page.request.query_string == b""
    assert "Would be rejected" in page.text
    assert "AUTH-A-1" in page.text
    assert "Another provider" in page.text
    assert OTHER_NPI not in page.text
    assert page.text.count("<h1>") == 1


def test_the_page_says_what_is_wrong_beside_the_field(on_sqlite: Validator) -> None:
    client = on_sqlite.browser(on_sqlite.key("provider"))
    token = form_token(client.get("/validator/members").text)

    wrong = client.post("/validator/members", data={**token, "cin": "9123", "on": "2026-11-10"})
    unknown = client.post("/validator/members", data={**token, "cin": CIN, "on": ""})
    empty = client.post("/validator/members", data={**token, "cin": ""})
    without_token = client.post("/validator/members", data={"cin": CIN})

    assert (wrong.status_code, unknown.status_code, empty.status_code) == (422, 404, 422)
    assert "the digit 9, seven more digits and a letter" in wrong.text
    assert 'value="9123"' in wrong.text
    assert "No member with this CIN is known here as yours" in unknown.text
    assert "Enter the member" in empty.text
    assert without_token.status_code == 400


def test_the_page_is_for_providers_plans_and_administrators(on_sqlite: Validator) -> None:
    for role, status in (("provider", 200), ("claims", 200), ("admin", 200), ("auditor", 403)):
        assert on_sqlite.browser(on_sqlite.key(role)).get("/validator/members").status_code == status
    admin = on_sqlite.browser(on_sqlite.key("admin"))
    token = form_token(admin.get("/validator/members").text)
    assert admin.post("/validator/members", data={**token, "cin": CIN}).status_code == 200
