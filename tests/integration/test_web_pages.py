"""Signing in with a key, staying signed in, and what every page owes its reader."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Blueprint, Flask, render_template_string, request
from flask.testing import FlaskClient
from sqlalchemy import MetaData

from shared.access_tables import idempotency_table, key_table
from shared.bus import Bus
from shared.database import Database
from shared.findings import Finding
from shared.parts import Parts
from shared.payers import Payers
from shared.security import Keys, NewKey
from shared.settings import Settings
from shared.web import words
from shared.web.app import combine, create_service_app
from shared.web.front_door import front_door_app
from shared.web.rendering import day, instant, money
from shared.web.sessions import page_requires

NPI = "1003000126"
START = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)

PAGE = """{% extends "base.html" %}{% import "macros.html" as ui with context %}
{% block title %}Your claims{% endblock %}
{% block main %}{{ ui.error_summary([("file", "Choose a file.")]) }}
<h1>Your claims</h1>
{{ ui.upload("/intake/upload", "Send a file", hint="837P, Excel, CSV or JSON.", error="Choose a file.") }}
{% call ui.notice("good", "Received") %}<p>It is being checked.</p>{% endcall %}
{{ ui.figures([("Accepted", 9)]) }}{{ ui.facts([("Received", when | instant), ("Gone", none)]) }}
{% call ui.table("Claims", ["Claim", ("Amount", "number")]) %}
<tr><th scope="row">A1</th><td class="number">{{ 45000 | money }}</td></tr>{% endcall %}
{{ ui.findings(findings) }}
{{ ui.choice("state", "State", [("open", "Open")]) }}{{ ui.pager(next="?cursor=x") }}
{% endblock %}{% block scripts %}{{ ui.upload_script() }}{% endblock %}"""


class World:
    """The front door and one service with two pages, under one host."""

    def __init__(self, folder: Path, *, secure: bool = False) -> None:
        self.now = START
        self.posted: list[dict[str, str]] = []
        metadata = MetaData()
        table, idempotency = key_table(metadata), idempotency_table(metadata)
        self.database = Database(f"sqlite:///{folder / 'intake.db'}", "intake")
        metadata.create_all(self.database.engine)
        self.keys = Keys(self.database, table)
        parts = Parts(
            settings=Settings(data_dir=folder, secure_cookies=secure),
            database=self.database,
            bus=cast(Bus, None),
            payers=Payers.load(None),
            member_secret=b"m" * 32,
            session_secret=b"s" * 32,
            now=lambda: self.now,
        )
        service = create_service_app(
            "intake", parts, self.keys, blueprints=[], pages=[self._pages()], idempotency=idempotency
        )
        host = Flask("host")
        host.wsgi_app = combine(front_door_app(parts, self.keys), {"/intake": service})  # type: ignore[assignment,method-assign]
        self.host = host

    def _pages(self) -> Blueprint:
        pages = Blueprint("pages", __name__)

        @pages.get("/")
        @page_requires("provider")
        def home() -> str:
            findings = [
                Finding("member.cin", "reject", "The member ID has 14 characters.", line=1, value="<b>9</b>"),
                Finding("repair.units", "note", "Units were read as 2.", authority="DHCS"),
            ]
            return render_template_string(PAGE, when=self.now, findings=findings)

        @pages.post("/upload")
        @page_requires("provider")
        def upload() -> str:
            self.posted.append(dict(request.form))
            return "taken"

        @pages.get("/broken")
        @page_requires("provider")
        def broken() -> str:
            raise RuntimeError("Rosa Villalobos 91234567A")

        return pages

    def key(self, role: str = "provider") -> NewKey:
        return self.keys.create(role, "Open Door Shelter", START, npis=[NPI])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.database.close()


@pytest.fixture
def client(world: World) -> FlaskClient:
    return world.host.test_client()


def token(client: FlaskClient, path: str = "/") -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found
    return found.group(1)


def sign_in(client: FlaskClient, secret: str, **more: str) -> Any:
    return client.post("/sign-in", data={"csrf_token": token(client), "key": secret, **more})


@pytest.mark.parametrize(
    ("role", "path"),
    [("provider", "/intake/"), ("claims", "/validator/"), ("auditor", "/payments/timeliness")],
)
def test_signing_in_leads_to_the_place_of_the_role(
    world: World, client: FlaskClient, role: str, path: str
) -> None:
    answer = sign_in(client, f"  {world.key(role).secret}\n")
    assert answer.status_code == 303
    assert answer.headers["Location"] == path


def test_one_sign_in_is_good_for_every_service_and_holds_no_secret(world: World, client: FlaskClient) -> None:
    key = world.key()
    answer = sign_in(client, key.secret)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert key.secret[4:] not in cookie
    page = client.get("/intake/")
    assert page.status_code == 200
    assert "Open Door Shelter" in page.text
    assert "You are signed in" in client.get("/").text


def test_in_production_the_cookie_travels_only_over_https(tmp_path: Path) -> None:
    world = World(tmp_path, secure=True)
    answer = world.host.test_client().get("/", base_url="https://claims.example.org")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    world.database.close()


def test_a_page_asks_to_sign_in_and_then_goes_on_to_where_the_visitor_was_going(
    world: World, client: FlaskClient
) -> None:
    asked = client.get("/intake/?page=2")
    assert asked.status_code == 303
    assert asked.headers["Location"] == "/?next=/intake/%3Fpage%3D2"
    assert 'value="/intake/?page=2"' in client.get(asked.headers["Location"]).text
    answer = sign_in(client, world.key().secret, next="/intake/?page=2")
    assert answer.headers["Location"] == "/intake/?page=2"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "/\tx", "/sign-out"],
)
def test_nobody_is_led_to_another_host(world: World, client: FlaskClient, elsewhere: str) -> None:
    answer = sign_in(client, world.key().secret, next=elsewhere)
    assert answer.headers["Location"] == "/intake/"


@pytest.mark.parametrize("secret", ["", "   ", "pck_unknown", "hello"])
def test_a_wrong_key_is_told_in_plain_words_beside_the_field(client: FlaskClient, secret: str) -> None:
    answer = sign_in(client, secret)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "<title>Error: Sign in" in answer.text
    assert "key" in answer.text
    assert "pck_unknown" not in answer.text


def test_after_ten_wrong_keys_one_has_to_wait(world: World, client: FlaskClient) -> None:
    for _ in range(10):
        assert sign_in(client, "pck_wrong").status_code == 422
    answer = sign_in(client, world.key().secret)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 301


def test_a_revoked_key_is_signed_out_with_the_next_click(world: World, client: FlaskClient) -> None:
    key = world.key()
    sign_in(client, key.secret)
    world.keys.revoke(key.record.id, START)
    assert client.get("/intake/").status_code == 303


def test_a_session_ends_after_twelve_hours(world: World, client: FlaskClient) -> None:
    sign_in(client, world.key().secret)
    world.now = START + timedelta(hours=11)
    assert client.get("/intake/").status_code == 200
    world.now = START + timedelta(hours=13)
    assert client.get("/intake/").status_code == 303


def test_signing_out_ends_it(world: World, client: FlaskClient) -> None:
    sign_in(client, world.key().secret)
    answer = client.post("/sign-out", data={"csrf_token": token(client, "/intake/")})
    assert answer.headers["Location"] == "/"
    assert client.get("/intake/").status_code == 303


def test_a_key_for_something_else_is_told_so(world: World, client: FlaskClient) -> None:
    sign_in(client, world.key("auditor").secret)
    answer = client.get("/intake/")
    assert answer.status_code == 403
    assert "does not allow" in answer.text


def test_an_admin_may_look_at_a_page_but_not_send_what_is_another_roles(
    world: World, client: FlaskClient
) -> None:
    sign_in(client, world.key("admin").secret)
    form = {"csrf_token": token(client, "/intake/")}
    assert client.post("/intake/upload", data=form).status_code == 403
    assert world.posted == []


@pytest.mark.parametrize("form", [{}, {"csrf_token": ""}, {"csrf_token": "x" * 32}, {"csrf_token": "é"}])
def test_a_form_without_its_token_changes_nothing(
    world: World, client: FlaskClient, form: dict[str, str]
) -> None:
    sign_in(client, world.key().secret)
    answer = client.post("/intake/upload", data=form)
    assert answer.status_code == 400
    assert "This form has expired" in answer.text
    assert world.posted == []


def test_a_form_with_its_token_is_taken_also_from_a_script(world: World, client: FlaskClient) -> None:
    sign_in(client, world.key().secret)
    given = token(client, "/intake/")
    assert client.post("/intake/upload", data={"csrf_token": given}).text == "taken"
    assert client.post("/intake/upload", headers={"X-CSRF-Token": given}).text == "taken"


def test_the_token_of_before_signing_in_is_worth_nothing_after(world: World, client: FlaskClient) -> None:
    before = token(client)
    client.post("/sign-in", data={"csrf_token": before, "key": world.key().secret})
    assert client.post("/intake/upload", data={"csrf_token": before}).status_code == 400


def test_a_session_does_not_open_the_api(world: World, client: FlaskClient) -> None:
    sign_in(client, world.key().secret)
    assert client.get("/intake/api/v1/anything").status_code == 404
    tampered = world.host.test_client()
    tampered.set_cookie("promptclaim", "eyJrZXkiOiJrZXlfMSJ9.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert tampered.get("/intake/").status_code == 303


def test_an_unexpected_error_is_a_page_without_its_cause(world: World, client: FlaskClient) -> None:
    sign_in(client, world.key().secret)
    answer = client.get("/intake/broken")
    assert answer.status_code == 500
    assert "Villalobos" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


class _Outline(HTMLParser):
    """What a screen reader would go by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("path", ["/", "/intake/", "/intake/nowhere", "/intake/docs", "/nowhere"])
def test_every_page_can_be_read_by_everyone(world: World, client: FlaskClient, path: str) -> None:
    sign_in(client, world.key().secret)
    text = client.get(path).text
    page = _Outline(text)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    assert next(attributes for attributes in page.all("a"))["href"] == "#main"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = {attributes.get("for") for attributes in page.all("label")}
    for tag in ("input", "select"):
        for attributes in page.all(tag):
            assert attributes.get("type") == "hidden" or attributes["id"] in labels
            for described in (attributes.get("aria-describedby") or "").split():
                assert described in ids
    assert all("scope" in attributes for attributes in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    after_first = levels[levels.index(1) :]
    assert all(later - earlier <= 1 for earlier, later in pairwise(after_first))
    # The content security policy forbids inline script and style, and nothing comes from another host.
    assert not any("style" in attributes or "onclick" in attributes for _, attributes in page.tags)
    assert all("src" in attributes for attributes in page.all("script"))
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text)


def test_what_a_provider_sent_is_shown_as_text_never_as_markup(world: World, client: FlaskClient) -> None:
    sign_in(client, world.key().secret)
    text = client.get("/intake/").text
    assert "&lt;b&gt;9&lt;/b&gt;" in text
    assert "<b>9</b>" not in text


def test_static_files_carry_their_version_and_may_be_cached(client: FlaskClient) -> None:
    found = re.search(r'href="(/static/app\.css\?v=[0-9a-f]{10})"', client.get("/").text)
    assert found
    assert "max-age=86400" in client.get(found.group(1)).headers["Cache-Control"]


def test_money_days_and_instants_are_written_as_people_in_california_write_them() -> None:
    assert [money(cents) for cents in (0, 5, 123456789, -150, None)] == [
        "$0.00",
        "$0.05",
        "$1,234,567.89",
        "-$1.50",
        "–",
    ]
    assert day("2026-03-02") == "Mar 2, 2026"
    assert instant(datetime(2026, 3, 3, 7, 30, tzinfo=UTC)) == "Mar 2, 2026, 11:30 p.m. PST"
    assert instant("2026-07-01T19:05:00Z") == "Jul 1, 2026, 12:05 p.m. PDT"


def test_every_verdict_and_clock_state_has_its_words_and_an_unknown_one_is_not_hidden() -> None:
    for verdict in ("accepted", "pended", "rejected", "unreadable"):
        assert words.verdict_words(verdict).meaning
    states = "open near overdue contested paid_on_time paid_late denied_on_time denied_late"
    for state in states.split():
        assert words.clock_words(state).meaning
    assert "clock keeps running" in words.verdict_words("pended").meaning
    assert words.clock_words("something_new").label == "Something new"
