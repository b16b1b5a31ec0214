"""Settings: what stops the start, and how it is said."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.settings import Settings, SettingsError, embedded_secret

KEY = "k" * 64
PRODUCTION = {
    "PROMPTCLAIM_DATABASE_URL": "postgresql://claims:hunter2@db:5432/promptclaim",
    "PROMPTCLAIM_KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092, kafka-2:9092",
    "PROMPTCLAIM_MEMBER_KEY": KEY,
    "PROMPTCLAIM_SESSION_SECRET": KEY,
}


def problems_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment(environ)
    return raised.value.problems


def test_an_empty_environment_is_one_machine_on_embedded_parts() -> None:
    settings = Settings.from_environment({"HOME": "/home/someone"})
    assert settings.embedded
    assert settings.database_url("intake") == "sqlite:///var/intake.db"
    assert settings.timezone == "America/Los_Angeles"
    assert settings.x12_conformity is True
    assert settings.max_upload_bytes == 64 * 1024 * 1024
    assert settings.secure_cookies is False


def test_a_misspelt_name_stops_the_start_and_suggests_the_nearest() -> None:
    (problem,) = problems_of({"PROMPTCLAIM_DATABSE_URL": "sqlite:////tmp/a.db"})
    assert problem == "PROMPTCLAIM_DATABSE_URL is not a setting. Did you mean PROMPTCLAIM_DATABASE_URL?"


def test_every_problem_is_named_at_once_with_its_value_and_what_would_be_right() -> None:
    problems = problems_of(
        {
            "PROMPTCLAIM_LOG_LEVEL": "loud",
            "PROMPTCLAIM_TIMEZONE": "Mars/Olympus",
            "PROMPTCLAIM_MAX_UPLOAD_MB": "many",
            "PROMPTCLAIM_X12_CONFORMITY": "maybe",
            "PROMPTCLAIM_PAYERS_FILE": "/nowhere/payers.toml",
            "PROMPTCLAIM_KAFKA_BOOTSTRAP_SERVERS": "kafka",
            "PROMPTCLAIM_NONSENSE": "1",
        }
    )
    assert len(problems) == 7
    text = " ".join(problems)
    assert "PROMPTCLAIM_LOG_LEVEL is 'loud'" in text
    assert "America/Los_Angeles" in text
    assert "a whole number from 1 to 1024" in text
    assert "on or off" in text
    assert "a file that exists" in text
    assert "kafka-1:9092" in text


@pytest.mark.parametrize(
    "name",
    ["PROMPTCLAIM_DATABASE_URL", "PROMPTCLAIM_MEMBER_KEY", "PROMPTCLAIM_SESSION_SECRET"],
)
def test_a_bad_secret_is_named_but_never_shown(name: str) -> None:
    (problem,) = problems_of({name: "mysql://u:hunter2@h/x"})
    assert name in problem
    assert "hunter2" not in problem


def test_production_without_its_secrets_does_not_start() -> None:
    environ = {k: v for k, v in PRODUCTION.items() if "DATABASE" in k}
    problems = problems_of(environ)
    assert [problem.split()[0] for problem in problems] == [
        "PROMPTCLAIM_MEMBER_KEY",
        "PROMPTCLAIM_SESSION_SECRET",
    ]
    assert "openssl rand -hex 32" in problems[0]


def test_production_uses_the_driver_and_secure_cookies_and_its_own_secrets() -> None:
    settings = Settings.from_environment(PRODUCTION)
    assert not settings.embedded
    assert settings.database_url("payments") == "postgresql+psycopg://claims:hunter2@db:5432/promptclaim"
    assert settings.kafka_bootstrap_servers == "kafka-1:9092,kafka-2:9092"
    assert settings.secure_cookies is True
    assert settings.member_secret() == KEY.encode()
    assert "hunter2" not in repr(settings)
    assert KEY not in str(settings)


def test_a_services_own_database_wins_over_the_common_one() -> None:
    settings = Settings.from_environment(
        PRODUCTION | {"PROMPTCLAIM_PAYMENTS_DATABASE_URL": "postgresql://p@other/pay"}
    )
    assert settings.database_url("payments") == "postgresql+psycopg://p@other/pay"
    assert settings.database_url("intake").endswith("/promptclaim")


def test_kafka_options_are_the_clients_own_and_sasl_needs_all_of_its_parts() -> None:
    sasl = PRODUCTION | {
        "PROMPTCLAIM_KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
        "PROMPTCLAIM_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "PROMPTCLAIM_KAFKA_SASL_USERNAME": "claims",
    }
    (problem,) = problems_of(sasl)
    assert "PROMPTCLAIM_KAFKA_SASL_PASSWORD" in problem
    settings = Settings.from_environment(sasl | {"PROMPTCLAIM_KAFKA_SASL_PASSWORD": "x"})
    assert settings.kafka_options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "claims",
        "sasl_plain_password": "x",
    }


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environment({"PROMPTCLAIM_PAYERS_FILE": ""}).payers_file is None


def test_an_embedded_secret_is_made_once_for_its_owner_only_however_many_start(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda _: embedded_secret(folder, "member.key"), range(64)))
    assert len(made) == 1
    assert len(made.pop()) == 64
    assert stat.S_IMODE((folder / "member.key").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["member.key"]
