"""What every service's web application does: authentication, problems, idempotency, health, headers."""

# flask-smorest has no types.
# mypy: disable-error-code="untyped-decorator"

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import marshmallow as ma
import pytest
from flask import Blueprint, Flask, Response, request
from flask.testing import FlaskClient
from flask.views import MethodView
from sqlalchemy import MetaData, Table, select

from shared.access_tables import idempotency_table, key_table
from shared.bus import Bus
from shared.database import Database
from shared.parts import Parts
from shared.payers import Payers
from shared.security import Keys
from shared.settings import Settings
from shared.web.app import combine, create_service_app
from shared.web.auth import current_principal, requires
from shared.web.bodies import Blueprint as ApiBlueprint
from shared.web.bodies import Schema
from shared.web.front_door import front_door_app
from shared.web.idempotency import purge_idempotency_keys
from shared.web.pagination import decode_cursor, encode_cursor, position
from shared.web.problems import Problem
from shared.web.responses import json_response

NPI = "1003000126"
START = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)


class LineSchema(Schema):
    units = ma.fields.Integer(required=True)


class ClaimSchema(Schema):
    control_number = ma.fields.String(required=True)
    lines = ma.fields.List(ma.fields.Nested(LineSchema), required=True)


class World:
    """A service with a few routes that count how often they ran."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.now = START
        self.ran: list[Any] = []
        self.barrier: threading.Event | None = None
        self.fine = True
        metadata = MetaData()
        key_rows, self.idempotency = key_table(metadata), idempotency_table(metadata)
        self.database = database
        metadata.create_all(self.database.engine)
        self.keys = Keys(self.database, key_rows)
        self.parts = Parts(
            settings=Settings(data_dir=folder, max_upload_bytes=1024 * 1024),
            database=self.database,
            bus=cast(Bus, None),
            payers=Payers.load(None),
            member_secret=b"m" * 32,
            session_secret=b"s" * 32,
            now=lambda: self.now,
        )
        self.app = self.build([self._api()])

    def build(self, blueprints: list[ApiBlueprint], pages: list[Blueprint] | None = None) -> Flask:
        return create_service_app(
            "intake",
            self.parts,
            self.keys,
            blueprints=blueprints,
            pages=pages or [],
            idempotency=cast(Table, self.idempotency),
            ready=lambda: {"bus": self.fine},
        )

    def headers(self, role: str = "provider", **more: str) -> dict[str, str]:
        key = self.keys.create(role, f"A {role}", START, npis=[NPI])
        return {"Authorization": f"Bearer {key.secret}", **more}

    def _api(self) -> ApiBlueprint:
        api = ApiBlueprint("things", __name__, description="Things")
        world = self

        @api.route("/claims")
        class Claims(MethodView):
            @requires("provider", "claims")
            @api.response(200)
            def get(self) -> Response:
                """List."""
                return json_response({"after": position(request.args.get("cursor"), "after", int)})

            @requires("provider")
            @api.arguments(ClaimSchema)
            @api.response(202)
            def post(self, claim: dict[str, Any]) -> Response:
                """Send one."""
                world.ran.append(claim)
                if world.barrier is not None:
                    world.barrier.wait(10)
                headers = {"Location": "/intake/api/v1/claims/1"}
                return json_response({"ran": len(world.ran)}, 202, headers=headers)

        @api.post("/submissions")
        @requires("provider")
        @api.response(202)
        def submit() -> Response:
            multipart = request.mimetype == "multipart/form-data"
            body = request.files["file"].read() if multipart else request.get_data()
            world.ran.append(body)
            return json_response({"ran": len(world.ran), "bytes": len(body)}, 202)

        @api.post("/lookups")
        @requires("claims", reading=True)
        @api.response(200)
        def look_up() -> Response:
            return json_response({"role": current_principal().role})

        @api.post("/broken")
        @requires("provider")
        @api.response(200)
        def broken() -> Response:
            world.ran.append("broken")
            raise RuntimeError("Rosa Villalobos 91234567A")

        @api.get("/refused")
        @requires("provider")
        @api.response(200)
        def refused() -> Response:
            raise Problem(409, "Already decided", "This review was decided by someone else.")

        return api


@pytest.fixture
def world(tmp_path: Path, database: Database) -> World:
    """Once on SQLite and once on PostgreSQL."""
    return World(tmp_path, database)


@pytest.fixture
def client(world: World) -> FlaskClient:
    return world.app.test_client()


CLAIM = {"control_number": "A1", "lines": [{"units": 1}]}


# Who may call


def test_without_a_key_a_call_is_refused_and_told_how_to_send_one(client: FlaskClient) -> None:
    answer = client.get("/intake/api/v1/claims")
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="promptclaim"'
    body = answer.get_json()
    assert body["status"] == 401
    assert "Bearer" in body["detail"]


@pytest.mark.parametrize("header", ["Bearer pck_unknown", "Bearer", "Basic abc", "pck_x"])
def test_an_unknown_key_is_refused(client: FlaskClient, header: str) -> None:
    answer = client.get("/intake/api/v1/claims", headers={"Authorization": header})
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


def test_a_new_key_works_and_a_revoked_one_stops_with_the_next_call(
    world: World, client: FlaskClient
) -> None:
    key = world.keys.create("claims", "Plan", START)
    headers = {"Authorization": f"Bearer {key.secret}"}
    assert client.get("/intake/api/v1/claims", headers=headers).status_code == 200
    world.keys.revoke(key.record.id, START)
    assert client.get("/intake/api/v1/claims", headers=headers).status_code == 401


def test_the_wrong_role_is_told_which_role_is_needed(world: World, client: FlaskClient) -> None:
    answer = client.get("/intake/api/v1/claims", headers=world.headers("auditor"))
    assert answer.status_code == 403
    assert "provider or claims" in answer.get_json()["detail"]


def test_an_admin_may_read_everything_and_change_only_what_names_the_role(
    world: World, client: FlaskClient
) -> None:
    headers = world.headers("admin")
    assert client.get("/intake/api/v1/claims", headers=headers).status_code == 200
    assert client.post("/intake/api/v1/lookups", headers=headers).get_json() == {"role": "admin"}
    assert client.post("/intake/api/v1/claims", headers=headers, json=CLAIM).status_code == 403
    assert world.ran == []


def test_a_wrong_caller_is_refused_before_the_body_is_looked_at(world: World, client: FlaskClient) -> None:
    answer = client.post("/intake/api/v1/claims", headers=world.headers("auditor"), json={})
    assert answer.status_code == 403


def test_a_route_that_does_not_say_who_may_use_it_stops_the_start(world: World) -> None:
    api = ApiBlueprint("open", __name__)
    api.route("/open")(lambda: "x")
    with pytest.raises(RuntimeError, match="GET /intake/api/v1/open"):
        world.build([api])
    pages = Blueprint("page", __name__)
    pages.get("/page")(lambda: "x")
    with pytest.raises(RuntimeError, match="GET /intake/page"):
        world.build([], [pages])


# Problems


def test_every_wrong_field_is_named_at_once_with_its_pointer(world: World, client: FlaskClient) -> None:
    answer = client.post(
        "/intake/api/v1/claims", headers=world.headers(), json={"lines": [{"units": "x"}, {}]}
    )
    assert answer.status_code == 422
    errors = {error["field"]: error for error in answer.get_json()["errors"]}
    assert set(errors) == {"control_number", "lines.0.units", "lines.1.units"}
    assert errors["lines.0.units"]["pointer"] == "/lines/0/units"
    assert errors["lines.1.units"]["message"] == "This field is missing. Send it."


def test_errors_of_every_kind_are_problem_details(world: World, client: FlaskClient) -> None:
    headers = world.headers()
    cases = [
        (client.get("/intake/api/v1/nothing", headers=headers), 404),
        (client.delete("/intake/api/v1/claims", headers=headers), 405),
        (
            client.post("/intake/api/v1/claims", headers=headers, data=b"{", content_type="application/json"),
            400,
        ),
        (client.post("/intake/api/v1/submissions", headers=headers, data=b"x" * (3 * 1024 * 1024)), 413),
        (client.get("/intake/api/v1/refused", headers=headers), 409),
        (client.get("/intake/api/v1/claims?cursor=!!", headers=headers), 422),
    ]
    for answer, status in cases:
        assert answer.status_code == status
        assert answer.content_type == "application/problem+json"
        body = answer.get_json()
        assert body["status"] == status
        assert body["title"]
        assert body["detail"]
        assert body["request_id"] == answer.headers["X-Request-Id"]
    assert "GET" in cases[1][0].headers["Allow"]


def test_an_unexpected_error_says_nothing_of_its_cause(
    world: World, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    headers = world.headers(**{"X-Request-Id": "trace-0001"})
    answer = client.post("/intake/api/v1/broken", headers=headers)
    assert answer.status_code == 500
    assert answer.get_json()["request_id"] == "trace-0001"
    assert "RuntimeError" not in answer.text
    assert "Villalobos" not in answer.text
    logged = [message for message in caplog.messages if "request_failed" in message]
    assert len(logged) == 1
    assert "RuntimeError" in logged[0]
    assert "91234567A" not in logged[0]


def test_a_page_that_is_not_there_is_a_page_in_plain_english(client: FlaskClient) -> None:
    answer = client.get("/intake/nowhere")
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "<h1>Page not found</h1>" in answer.text


# Idempotency


def test_the_same_post_again_is_answered_again_and_not_carried_out_again(
    world: World, client: FlaskClient
) -> None:
    headers = world.headers(**{"Idempotency-Key": "k-1"})
    first = client.post("/intake/api/v1/claims", headers=headers, json=CLAIM)
    again = client.post("/intake/api/v1/claims", headers=headers, json=CLAIM)
    assert (first.status_code, first.get_json()) == (202, {"ran": 1})
    assert (again.status_code, again.data, again.content_type) == (202, first.data, first.content_type)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert len(world.ran) == 1


def test_another_body_under_the_same_key_is_refused(world: World, client: FlaskClient) -> None:
    headers = world.headers(**{"Idempotency-Key": "k-1"})
    client.post("/intake/api/v1/claims", headers=headers, json=CLAIM)
    other = client.post("/intake/api/v1/claims", headers=headers, json=CLAIM | {"control_number": "A2"})
    assert other.status_code == 422
    assert other.get_json()["errors"][0]["field"] == "Idempotency-Key"
    elsewhere = client.post("/intake/api/v1/submissions", headers=headers, json=CLAIM)
    assert elsewhere.status_code == 422
    assert len(world.ran) == 1


def test_a_key_belongs_to_its_caller(world: World, client: FlaskClient) -> None:
    for _ in range(2):
        client.post("/intake/api/v1/claims", headers=world.headers(**{"Idempotency-Key": "k"}), json=CLAIM)
    assert len(world.ran) == 2


def test_of_ten_at_once_one_runs_and_the_others_are_told_to_wait(world: World) -> None:
    headers = world.headers(**{"Idempotency-Key": "k-10"})
    world.barrier = threading.Event()
    answers: list[Any] = []
    done = threading.Semaphore(0)

    def send() -> None:
        answers.append(world.app.test_client().post("/intake/api/v1/claims", headers=headers, json=CLAIM))
        done.release()

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for _ in range(9):
        assert done.acquire(timeout=30)
    world.barrier.set()
    for thread in threads:
        thread.join(30)
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 9
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status_code == 409)
    assert len(world.ran) == 1
    world.barrier = None
    replayed = world.app.test_client().post("/intake/api/v1/claims", headers=headers, json=CLAIM)
    assert (replayed.status_code, len(world.ran)) == (202, 1)


def test_an_upload_is_the_same_whatever_boundary_the_client_draws(world: World, client: FlaskClient) -> None:
    headers = world.headers(**{"Idempotency-Key": "k-file"})
    content = b"ISA*00*" + b"x" * 700_000
    head = 'Content-Disposition: form-data; name="file"; filename="a.837"'
    bodies = [
        f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
        for boundary in ("aaaa", "bbbb")
    ]
    answers = [
        client.post(
            "/intake/api/v1/submissions",
            headers=headers,
            data=body,
            content_type=f"multipart/form-data; boundary={boundary}",
        )
        for body, boundary in zip(bodies, ("aaaa", "bbbb"), strict=True)
    ]
    assert [answer.get_json() for answer in answers] == [{"ran": 1, "bytes": len(content)}] * 2
    assert world.ran == [content]


def test_a_raw_upload_reaches_the_view_whole_and_once(world: World, client: FlaskClient) -> None:
    headers = world.headers(**{"Idempotency-Key": "k-raw"})
    content = bytes(range(256)) * 3000
    for _ in range(2):
        answer = client.post("/intake/api/v1/submissions", headers=headers, data=content)
        assert answer.get_json() == {"ran": 1, "bytes": len(content)}
    assert world.ran == [content]


def test_a_failed_run_lets_go_of_its_key(world: World, client: FlaskClient) -> None:
    headers = world.headers(**{"Idempotency-Key": "k-b"})
    for _ in range(2):
        assert client.post("/intake/api/v1/broken", headers=headers).status_code == 500
    assert world.ran == ["broken", "broken"]


def test_a_refusal_is_replayed_like_any_other_answer(world: World, client: FlaskClient) -> None:
    headers = world.headers(**{"Idempotency-Key": "k-422"})
    first = client.post("/intake/api/v1/claims", headers=headers, json={})
    again = client.post("/intake/api/v1/claims", headers=headers, json={})
    assert first.status_code == again.status_code == 422
    assert again.data == first.data
    assert again.content_type == "application/problem+json"


def test_a_key_whose_process_died_is_free_after_five_minutes(world: World, client: FlaskClient) -> None:
    headers = world.headers(**{"Idempotency-Key": "k-dead"})
    client.post("/intake/api/v1/claims", headers=headers, json=CLAIM)
    with world.database.begin() as connection:  # as if the process had died before it could store its answer
        connection.execute(world.idempotency.update().values(status=None, body=None))
    world.now = START + timedelta(minutes=4)
    assert client.post("/intake/api/v1/claims", headers=headers, json=CLAIM).status_code == 409
    world.now = START + timedelta(minutes=6)
    assert client.post("/intake/api/v1/claims", headers=headers, json=CLAIM).status_code == 202
    assert len(world.ran) == 2


def test_keys_are_forgotten_after_a_day(world: World, client: FlaskClient) -> None:
    headers = world.headers(**{"Idempotency-Key": "k-old"})
    client.post("/intake/api/v1/claims", headers=headers, json=CLAIM)
    assert purge_idempotency_keys(world.database, world.idempotency, START + timedelta(hours=23)) == 0
    assert purge_idempotency_keys(world.database, world.idempotency, START + timedelta(hours=25)) == 1
    with world.database.read() as connection:
        assert connection.execute(select(world.idempotency)).first() is None


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\xe9"])
def test_a_key_that_cannot_be_kept_is_refused(world: World, client: FlaskClient, key: str) -> None:
    answer = client.post(
        "/intake/api/v1/claims", headers=world.headers(**{"Idempotency-Key": key}), json=CLAIM
    )
    assert answer.status_code == 422
    assert world.ran == []


# Pages of a list


@pytest.mark.parametrize(
    "made",
    [{"after_claim": "x"}, {}, {"ordinal": "5"}, {"ordinal": True}, {"ordinal": 2.5}, {"ordinal": 10**30}],
)
def test_a_cursor_that_is_not_of_this_list_of_numbers_is_refused(made: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        position(encode_cursor(made), "ordinal", int)
    assert [error["field"] for error in refused.value.errors] == ["cursor"]


@pytest.mark.parametrize("made", [{"claim": 5}, {"claim": None}, {"claim": "a\0b"}, {"other": "clm_1"}])
def test_a_cursor_that_is_not_of_this_list_of_names_is_refused(made: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        position(encode_cursor(made), "claim", str)
    assert refused.value.status == 422


def test_no_cursor_and_an_empty_one_are_the_first_page() -> None:
    assert position(None, "claim", str) is None
    assert position("", "claim", str) is None
    assert position(encode_cursor({"claim": "clm_1"}), "claim", str) == "clm_1"


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_a_body_that_says_it_is_not_json_is_an_unsupported_media_type(
    world: World, client: FlaskClient, media_type: str
) -> None:
    body = json.dumps(CLAIM)
    answer = client.post("/intake/api/v1/claims", headers=world.headers(), data=body, content_type=media_type)
    assert answer.status_code == 415
    assert [error["field"] for error in answer.get_json()["errors"]] == ["Content-Type"]
    assert world.ran == []


@pytest.mark.parametrize(
    "media_type", [None, "application/json; charset=utf-8", "application/vnd.claim+json"]
)
def test_json_under_any_of_its_names_is_read(
    world: World, client: FlaskClient, media_type: str | None
) -> None:
    answer = client.post(
        "/intake/api/v1/claims", headers=world.headers(), data=json.dumps(CLAIM), content_type=media_type
    )
    assert answer.status_code == 202


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'"\xff"', b'{"a": "\\ud800"}', b"NaN"])
def test_a_body_that_is_not_json_is_a_bad_request_and_no_failure(
    world: World, client: FlaskClient, body: bytes
) -> None:
    answer = client.post(
        "/intake/api/v1/claims", headers=world.headers(), data=body, content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["field"] == "body"


def test_a_raw_body_under_the_type_that_curl_sends_arrives_whole_with_an_idempotency_key(
    world: World, client: FlaskClient
) -> None:
    headers = {**world.headers(), "Idempotency-Key": "raw"}
    answer = client.post(
        "/intake/api/v1/submissions",
        headers=headers,
        data=b"ISA*00*file=1&x=2",
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.get_json()["bytes"] == 17


def test_a_cursor_comes_back_as_it_was_given(world: World, client: FlaskClient) -> None:
    last = {"due": "2026-04-01", "after": 7}
    cursor = encode_cursor(last)
    assert decode_cursor(cursor) == last
    answer = client.get(f"/intake/api/v1/claims?cursor={cursor}", headers=world.headers())
    assert answer.get_json() == {"after": 7}


# Health, metrics, headers, description


def test_health_and_readiness_tell_apart_living_and_able(world: World, client: FlaskClient) -> None:
    assert client.get("/intake/healthz").get_json() == {"status": "ok"}
    assert client.get("/intake/readyz").get_json() == {
        "status": "ready",
        "checks": {"database": True, "bus": True},
    }
    world.fine = False
    answer = client.get("/intake/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"database": True, "bus": False}


def test_metrics_count_by_route_template_and_hold_no_ids(world: World, client: FlaskClient) -> None:
    client.get("/intake/api/v1/claims?limit=3", headers=world.headers())
    client.get("/intake/api/v1/claims/0192-secret-id")
    text = client.get("/intake/metrics").text
    assert 'route="/intake/api/v1/claims",service="intake",status="200"' in text
    assert 'route="unmatched"' in text
    assert "0192-secret-id" not in text


def test_a_request_id_in_good_shape_is_kept_and_any_other_is_replaced(client: FlaskClient) -> None:
    def sent(value: str) -> str:
        return client.get("/intake/healthz", headers={"X-Request-Id": value}).headers["X-Request-Id"]

    for good in ("7", "req-1", "a" * 64, "00-4bf92f35:1.2_x", "Root=1-67891233/abc+9"):
        assert sent(good) == good
    for bad in ("", "x" * 65, "with space 123", "<script>1234", "-leading", "a\x7fb"):
        assert sent(bad) != bad
        assert len(sent(bad)) == 36


def test_every_answer_carries_the_headers_that_protect(world: World, client: FlaskClient) -> None:
    for path in ("/intake/healthz", "/intake/nowhere", "/intake/api/v1/claims", "/intake/docs"):
        headers = client.get(path).headers
        assert "'unsafe-inline'" not in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


def test_the_api_describes_itself_in_openapi_3_1_with_roles_problems_and_the_idempotency_header(
    client: FlaskClient,
) -> None:
    document = json.loads(client.get("/intake/api/v1/openapi.json").data)
    assert document["openapi"] == "3.1.0"
    operation = document["paths"]["/intake/api/v1/claims"]["post"]
    assert operation["x-roles"] == ["provider"]
    assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]
    problem = document["components"]["responses"]["UNPROCESSABLE_ENTITY"]["content"]
    assert list(problem) == ["application/problem+json"]
    assert "Idempotency-Key" not in str(document["paths"]["/intake/api/v1/claims"]["get"])


def test_the_description_can_be_read_on_a_page_without_any_other_host(client: FlaskClient) -> None:
    text = client.get("/intake/docs").text
    assert "/intake/api/v1/claims" in text
    assert "http://" not in text
    assert "https://" not in text
    assert "style=" not in text


class Seen(NamedTuple):
    status: int
    text: str


def test_combined_applications_answer_under_their_own_paths(world: World) -> None:
    application = combine(front_door_app(world.parts, world.keys), {"/intake": world.app})
    caller = Flask("caller")
    caller.wsgi_app = application  # type: ignore[method-assign,assignment]
    client = caller.test_client()

    def get(path: str) -> Seen:
        answer = client.get(path)
        return Seen(answer.status_code, answer.text)

    assert get("/intake/healthz").status == 200
    assert "Sign in" in get("/").text
    assert get("/static/app.css").status == get("/intake/static/app.css").status == 200
    assert "Page not found" in get("/intakes").text
    assert get("/other/healthz").status == 404
