"""The pages of the review queue, as people of the claims department see and use them."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from builders import CIN, OTHER_NPI, a_line, a_received_claim
from validator_harness import D, Validator

from shared.care import CareService, Enrollment

UNKNOWN_ORIGINAL = {"frequency": "7", "original_reference": "NO-SUCH-CLAIM"}


@pytest.fixture
def validator(new_database: Any) -> Validator:
    return Validator(new_database("sqlite"))


def pended(validator: Validator, **overrides: Any) -> str:
    received = a_received_claim(**{**UNKNOWN_ORIGINAL, **overrides})
    assert validator.judge(received)[0].verdict == "pended"
    return received.claim_id


class Controls(HTMLParser):
    """The form controls of a page and the labels they have."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.controls: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "label":
            self.labelled.add(str(given["for"]))
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden":
            self.controls.append(given)


def accessible(page: str) -> bool:
    """Every control has a label, every id is unique, and the page has one main heading."""
    found = Controls(page)
    assert all(control.get("id") in found.labelled for control in found.controls)
    assert len(found.ids) == len(set(found.ids))
    assert page.count("<h1") == 1
    assert page.count("<th ") == page.count('scope="')
    return True


def form(page: str, claim_id: str, **fields: str) -> dict[str, str]:
    token = re.search(
        rf'<form method="post" action="/validator/reviews/{claim_id}">.*?name="([^"]+)" value="([^"]+)"',
        page,
        re.S,
    )
    assert token
    return {token.group(1): token.group(2), **fields}


def test_the_queue_is_a_table_with_the_earliest_deadline_first(validator: Validator) -> None:
    pended(validator, claim_number="LATER", arrival=D("2026-11-05"))
    pended(validator, claim_number="FIRST", arrival=D("2026-11-03"))

    page = validator.browser().get("/validator/")

    assert page.status_code == 200
    assert accessible(page.text)
    assert page.text.index("FIRST") < page.text.index("LATER")
    assert "NO-SUCH-CLAIM" in page.text
    assert "7 days ago" in page.text
    assert "Dec 3, 2026" in page.text
    assert "23 days left" in page.text
    assert "$90.00" in page.text
    assert "Harbor Light Shelter" in page.text


@pytest.mark.parametrize(
    ("today", "said"),
    [
        ("2026-11-25", "Due soon"),
        ("2026-12-02", "today"),
        ("2026-12-04", "2 days over"),
        ("2026-12-04", "Overdue"),
    ],
)
def test_what_is_near_or_over_is_said_in_words(validator: Validator, today: str, said: str) -> None:
    pended(validator)
    validator.today = today
    assert said in validator.browser().get("/validator/").text


def test_filters_narrow_the_queue_and_stay_in_the_form(validator: Validator) -> None:
    pended(validator, claim_number="ONE")
    pended(validator, claim_number="TWO", payer_id="OTHER1")
    client = validator.browser()

    page = client.get("/validator/?payer=other1&kind=pended&due_before=2027-01-01").text
    assert "TWO" in page
    assert "ONE" not in page
    assert 'value="other1"' in page
    assert '<option value="pended" selected>' in page
    assert "No such claim is waiting" in client.get("/validator/?kind=suspected").text
    assert "such as 2026-03-02" in client.get("/validator/?due_before=March").text


def test_a_long_queue_has_pages(validator: Validator) -> None:
    for number in range(51):
        pended(validator, claim_number=f"N{number:02}-", cin=f"9{number:07}A")
    client = validator.browser()

    first = client.get("/validator/?kind=pended").text
    following = re.search(r'<a href="([^"]+)" rel="next">', first)
    assert following
    second = client.get(following.group(1).replace("&amp;", "&")).text

    assert first.count("/validator/reviews/") == 50
    assert second.count("/validator/reviews/") == 1
    assert "N50-" in second
    assert "Back to the first page" in second


def test_an_empty_queue_says_so(validator: Validator) -> None:
    page = validator.browser().get("/validator/").text
    assert "No claim is waiting." in page
    assert accessible(page)


def test_the_evidence_stands_side_by_side_and_a_match_is_said_in_words(validator: Validator) -> None:
    first = a_received_claim(claim_number="PCN-A")
    validator.judge(first)
    claim_id = pended(validator, claim_number="PCN-B", lines=[a_line(charge_cents=8_000)])

    page = validator.browser().get(f"/validator/reviews/{claim_id}").text

    assert accessible(page)
    assert f'href="/validator/reviews/{first.claim_id}"' in page
    rows = dict(
        re.findall(
            r'<th scope="row">([^<]+)</th>\s*<td>[^<]*</td>\s*<td>[^<]*</td>\s*<td>(?:<strong>)?([^<]+)<',
            page,
        )
    )
    assert rows["Procedure code"] == "✓ yes"
    assert rows["Charge"] == "no"
    assert "PCN-A" in page
    assert "$80.00" in page


def test_the_page_shows_whose_claim_it_is_and_each_finding_leads_to_its_rule(validator: Validator) -> None:
    page = validator.browser().get(f"/validator/reviews/{pended(validator)}").text

    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))
    assert facts["Member"] == "Rivera, Ana"
    assert facts["Member ID (CIN)"] == CIN
    assert facts["Birth date"] == "May 17, 1980"
    assert 'href="/validator/rules#duplicate.original_unknown"' in page
    assert 'aria-current="page">Claims to look at<' in page


def test_a_record_of_a_program_is_named_as_people_call_it(validator: Validator) -> None:
    validator.tell(CareService(record_id="S-1", cin=CIN, program="TCM_COUNTY", service_date=D("2026-10-12")))
    received = a_received_claim()
    validator.judge(received)

    page = validator.browser().get(f"/validator/reviews/{received.claim_id}").text

    assert "This claim beside: A service of county Targeted Case Management (TCM)" in page


def test_a_claim_is_released_through_the_form_and_the_page_confirms_it(validator: Validator) -> None:
    claim_id = pended(validator)
    client = validator.browser()
    address = f"/validator/reviews/{claim_id}"
    fields = form(client.get(address).text, claim_id, decision="release", reason="Seen the paper original.")

    done = client.post(address, data=fields)

    assert (done.status_code, done.headers["Location"]) == (303, address)
    page = client.get(address).text
    assert "Released" in page
    assert "Golden State Health Plan" in page
    assert "Seen the paper original." in page
    assert '<form method="post" action="/validator/reviews' not in page
    assert accessible(page)
    assert validator.queue() == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"decision": ""}, "Choose release or reject."),
        ({"decision": "approve"}, "Choose release or reject."),
        ({"reason": ""}, "Give the reason for the decision."),
        ({"reason": "  \r\n "}, "Give the reason for the decision."),
        ({"reason": "Kept words. " * 100}, "Use at most 1000 characters."),
    ],
)
def test_what_is_missing_is_said_beside_its_field_and_what_was_typed_stays(
    validator: Validator, wrong: dict[str, str], said: str
) -> None:
    claim_id = pended(validator)
    client = validator.browser()
    address = f"/validator/reviews/{claim_id}"
    given = {"decision": "reject", "reason": "Kept words.", **wrong}

    page = client.post(address, data=form(client.get(address).text, claim_id, **given))

    assert page.status_code == 422
    assert page.text.count(said) == 2
    assert accessible(page.text)
    assert ("Kept words." in page.text) == ("Kept" in given["reason"])
    assert (" checked>" in page.text) == (given["decision"] == "reject")
    assert validator.queue() == [claim_id]


def test_no_choice_is_made_before_the_reader_makes_it(validator: Validator) -> None:
    page = validator.browser().get(f"/validator/reviews/{pended(validator)}").text
    assert page.count('type="radio"') == 2
    assert "checked" not in page


def test_two_people_cannot_decide_twice_and_the_second_is_told_what_the_first_did(
    validator: Validator,
) -> None:
    claim_id = pended(validator)
    client = validator.browser()
    address = f"/validator/reviews/{claim_id}"
    fields = form(client.get(address).text, claim_id, decision="reject", reason="Mine.")
    validator.decide(claim_id, "release", "Theirs.")

    late = client.post(address, data=fields)

    assert late.status_code == 409
    assert "Theirs." in late.text
    assert validator.judgements(claim_id)[-1].verdict == "accepted"


def test_a_form_without_its_token_changes_nothing(validator: Validator) -> None:
    claim_id = pended(validator)
    answer = validator.browser().post(
        f"/validator/reviews/{claim_id}", data={"decision": "release", "reason": "Forged."}
    )
    assert answer.status_code == 400
    assert validator.queue() == [claim_id]


def test_a_late_record_and_one_taken_back_are_shown_with_their_history(validator: Validator) -> None:
    received = a_received_claim(claim_number="LATE-1")
    validator.judge(received)
    pace = Enrollment("E-1", CIN, "PACE", D("2026-01-01"), source="county")
    chw = CareService("S-1", CIN, D("2026-10-12"), "CHW", "98960", provider_npi=OTHER_NPI)
    validator.tell(pace, chw)
    client = validator.browser()

    page = client.get(f"/validator/reviews/{received.claim_id}").text
    assert "Suspected later" in page
    assert "PACE" in page
    assert "county E-1" in page
    assert OTHER_NPI in page
    assert "Judged again" in page
    assert accessible(page)
    assert "Suspected later" in client.get("/validator/").text

    validator.tell(pace, withdrawn=True)
    page = client.get(f"/validator/reviews/{received.claim_id}").text
    assert "No longer:" in page


def test_a_rejection_to_reconsider_shows_what_went_and_what_was_billed_since(validator: Validator) -> None:
    pace = Enrollment("E-1", CIN, "PACE", D("2026-01-01"))
    validator.tell(pace)
    received = a_received_claim()
    assert validator.judge(received)[0].verdict == "rejected"
    validator.tell(pace, withdrawn=True)
    validator.judge(a_received_claim(claim_number="PCN-AGAIN"))

    page = validator.browser().get(f"/validator/reviews/{received.claim_id}").text

    assert "To reconsider" in page
    assert "What no longer speaks against it" in page
    assert "Billed again meanwhile" in page
    assert "PCN-AGAIN" in page
    assert accessible(page)


def test_text_of_providers_and_people_cannot_become_markup(validator: Validator) -> None:
    claim_id = pended(validator, claim_number="<script>alert(1)</script>")
    validator.decide(claim_id, "reject", "<img src=x onerror=alert(2)>")
    client = validator.browser()
    for address in ("/validator/", f"/validator/reviews/{claim_id}"):
        page = client.get(address).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_pages_are_for_the_claims_department_and_its_own_plan(validator: Validator) -> None:
    claim_id = pended(validator)
    address = f"/validator/reviews/{claim_id}"
    for role, status in (("claims", 200), ("admin", 200), ("provider", 403), ("auditor", 403)):
        assert validator.browser(validator.key(role)).get("/validator/").status_code == status
        assert validator.browser(validator.key(role)).get(address).status_code == status
    other = validator.browser(validator.key("claims", payers=("OTHER1",)))
    assert other.get(address).status_code == 404
    assert "No claim is waiting." in other.get("/validator/").text
    assert "Record the decision" not in validator.browser(validator.key("admin")).get(address).text
    assert validator.browser().get("/validator/reviews/clm_unknown").status_code == 404
