"""Settings: read once from the environment, checked together, and told apart from a typing mistake.

Every variable starts with ``PROMPTCLAIM_``. A name that is not known stops the start, because a misspelt
setting that is silently ignored is how a test system comes to write to the wrong database.
"""

import contextlib
import difflib
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from msgspec import Struct

PREFIX: Final = "PROMPTCLAIM_"
SERVICES: Final = ("intake", "validator", "payments")
SECRET_CHARACTERS_MIN: Final = 32

_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class SettingsError(Exception):
    """Settings that the suite must not start with. ``problems`` holds one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "The settings are not right:\n" + "\n".join(f"  - {problem}" for problem in problems)
        )


class _WrongError(ValueError):
    """What would be right, in words that follow "It must be"."""


class Settings(Struct, frozen=True, kw_only=True):
    """All settings of one process. ``timezone`` is for times shown to people; legal dates are always California's.

    ``kafka_options`` are keyword arguments of the Kafka client's producer, consumer and admin. ``embedded``
    means SQLite and the embedded log, for one machine; anything else is production and needs its secrets set.
    """

    data_dir: Path = Path("var")
    database_urls: dict[str, str] = {}
    kafka_bootstrap_servers: str | None = None
    kafka_options: dict[str, Any] = {}
    kafka_partitions: int = 12
    kafka_replication_factor: int = 1
    kafka_session_timeout_seconds: int = 10
    payers_file: Path | None = None
    member_key: str | None = None
    session_key: str | None = None
    # Ed25519, hex: what signs the timeliness log's checkpoints, and the public keys that did so before.
    signing_key: str | None = None
    signing_public_keys: tuple[str, ...] = ()
    log_level: str = "INFO"
    timezone: str = "America/Los_Angeles"
    x12_conformity: bool = True
    max_upload_bytes: int = 64 * 1024 * 1024
    max_feed_bytes: int = 512 * 1024 * 1024
    deadline_interval_seconds: int = 15
    secure_cookies: bool = False
    trusted_proxies: int = 0
    require_real_parts: bool = False
    failpoint: str | None = None
    api_key: str | None = None
    url: str | None = None

    @staticmethod
    def from_environment(environ: Mapping[str, str]) -> "Settings":
        """The settings that ``environ`` gives. Raises ``SettingsError`` with all problems at once."""
        return _read(environ)

    def database_url(self, service: str) -> str:
        """Where ``service`` keeps its data: its own URL, the common one, or a SQLite file of its own."""
        return (
            self.database_urls.get(service)
            or self.database_urls.get("")
            or f"sqlite:///{self.data_dir / f'{service}.db'}"
        )

    @property
    def events_path(self) -> Path:
        """The embedded event log."""
        return self.data_dir / "events.db"

    @property
    def embedded(self) -> bool:
        """Whether everything runs on embedded parts: no Kafka, no PostgreSQL."""
        return self.kafka_bootstrap_servers is None and not any(
            self.database_url(service).startswith("postgresql") for service in SERVICES
        )

    def member_secret(self) -> bytes:
        """What keys the hash of a CIN; on embedded parts it is made and kept in the data folder."""
        return self.member_key.encode() if self.member_key else embedded_secret(self.data_dir, "member.key")

    def session_secret(self) -> bytes:
        """What signs session cookies; on embedded parts it is made and kept in the data folder."""
        return (
            self.session_key.encode() if self.session_key else embedded_secret(self.data_dir, "session.key")
        )

    def __repr__(self) -> str:
        """Names the engines only: URLs and keys are secrets, and a settings object ends up in tracebacks."""
        return f"Settings(data_dir={str(self.data_dir)!r}, embedded={self.embedded})"


def embedded_secret(data_dir: Path, name: str) -> bytes:
    """The secret in ``data_dir / name``, made on first use: 32 random bytes as hex, for its owner only.

    Safe when several processes start at once: the file appears whole or not at all, and the first wins.
    """
    path = data_dir / name
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(32).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # unlike a rename, a link never replaces what another process has just made
    finally:
        draft.unlink()
    return path.read_bytes()


# Reading one value: each returns the value or raises _WrongError with what would be right.


def _on_off(text: str) -> bool:
    value = {
        "on": True,
        "true": True,
        "1": True,
        "yes": True,
        "off": False,
        "false": False,
        "0": False,
        "no": False,
    }
    if text.lower() not in value:
        raise _WrongError("on or off")
    return value[text.lower()]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text[:12]) <= high):
            raise _WrongError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.upper() not in choices:
            raise _WrongError("one of " + ", ".join(choices))
        return text.upper()

    return read


def _database_url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return text
    if scheme in ("postgresql", "postgresql+psycopg", "postgres") and rest:
        return f"postgresql+psycopg://{rest}"
    raise _WrongError(
        "a URL like postgresql://user:password@host:5432/promptclaim or sqlite:////path/to/file.db"
    )


def _servers(text: str) -> str:
    for server in text.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit():
            raise _WrongError("host:port, with commas between several, like kafka-1:9092,kafka-2:9092")
    return ",".join(server.strip() for server in text.split(","))


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise _WrongError("a time zone name like America/Los_Angeles") from None
    return text


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise _WrongError("the path of a file that exists")
    return path


def _secret(text: str) -> str:
    if len(text) < SECRET_CHARACTERS_MIN:
        raise _WrongError(
            f"at least {SECRET_CHARACTERS_MIN} characters, for example from: openssl rand -hex 32"
        )
    return text


def _signing_key(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", text.lower()):
        raise _WrongError("64 hexadecimal characters, for example from: openssl rand -hex 32")
    return text.lower()


def _signing_public_keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip().lower() for key in text.split(","))
    if not all(re.fullmatch("[0-9a-f]{64}", key) for key in keys):
        raise _WrongError("public keys of 64 hexadecimal characters, with commas between several")
    return keys


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise _WrongError("an address like https://claims.example.org")
    return text.rstrip("/")


def _megabytes(text: str) -> int:
    return _whole(1, 1024)(text) * 1024 * 1024


_READERS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "DATA_DIR": ("data_dir", Path),
    "KAFKA_BOOTSTRAP_SERVERS": ("kafka_bootstrap_servers", _servers),
    "KAFKA_PARTITIONS": ("kafka_partitions", _whole(1, 1000)),
    "KAFKA_REPLICATION_FACTOR": ("kafka_replication_factor", _whole(1, 9)),
    "KAFKA_SESSION_TIMEOUT_SECONDS": ("kafka_session_timeout_seconds", _whole(1, 300)),
    "PAYERS_FILE": ("payers_file", _file),
    "MEMBER_KEY": ("member_key", _secret),
    "SESSION_SECRET": ("session_key", _secret),
    "SIGNING_KEY": ("signing_key", _signing_key),
    "SIGNING_PUBLIC_KEYS": ("signing_public_keys", _signing_public_keys),
    "LOG_LEVEL": ("log_level", _one_of(*_LOG_LEVELS)),
    "TIMEZONE": ("timezone", _timezone),
    "X12_CONFORMITY": ("x12_conformity", _on_off),
    "MAX_UPLOAD_MB": ("max_upload_bytes", _megabytes),
    "MAX_FEED_MB": ("max_feed_bytes", _megabytes),
    # A worker's step that comes back less often than every two minutes counts as stuck.
    "DEADLINE_INTERVAL_SECONDS": ("deadline_interval_seconds", _whole(1, 60)),
    "SECURE_COOKIES": ("secure_cookies", _on_off),
    "TRUSTED_PROXIES": ("trusted_proxies", _whole(0, 5)),
    "REQUIRE_REAL_PARTS": ("require_real_parts", _on_off),
    "FAILPOINT": ("failpoint", str),
    "API_KEY": ("api_key", str),
    "URL": ("url", _http_url),
}

_KAFKA_OPTIONS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "KAFKA_SECURITY_PROTOCOL": ("security_protocol", _one_of(*_SECURITY_PROTOCOLS)),
    "KAFKA_SASL_MECHANISM": ("sasl_mechanism", _one_of(*_SASL_MECHANISMS)),
    "KAFKA_SASL_USERNAME": ("sasl_plain_username", str),
    "KAFKA_SASL_PASSWORD": ("sasl_plain_password", str),
    "KAFKA_CA_FILE": ("ssl_cafile", lambda text: str(_file(text))),
    "KAFKA_CERTIFICATE_FILE": ("ssl_certfile", lambda text: str(_file(text))),
    "KAFKA_KEY_FILE": ("ssl_keyfile", lambda text: str(_file(text))),
}

_DATABASES: Final = {"DATABASE_URL": "", **{f"{name.upper()}_DATABASE_URL": name for name in SERVICES}}

_SECRET_NAMES: Final = {
    "MEMBER_KEY",
    "SESSION_SECRET",
    "SIGNING_KEY",
    "KAFKA_SASL_PASSWORD",
    "API_KEY",
    *_DATABASES,
}

KNOWN: Final = tuple(PREFIX + name for name in (*_READERS, *_KAFKA_OPTIONS, *_DATABASES))


def _read(environ: Mapping[str, str]) -> Settings:
    values: dict[str, Any] = {"database_urls": {}, "kafka_options": {}}
    problems: list[str] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        short, text = name.removeprefix(PREFIX), environ[name].strip()
        try:
            if not text and (name in KNOWN):
                continue  # compose files and manifests leave unset variables empty
            if short in _READERS:
                field, read = _READERS[short]
                values[field] = read(text)
            elif short in _KAFKA_OPTIONS:
                option, read = _KAFKA_OPTIONS[short]
                values["kafka_options"][option] = read(text)
            elif short in _DATABASES:
                values["database_urls"][_DATABASES[short]] = _database_url(text)
            else:
                problems.append(_unknown(name))
        except _WrongError as wrong:
            shown = "has a value" if short in _SECRET_NAMES else f"is {text!r}"
            problems.append(f"{name} {shown} that cannot be used. It must be {wrong}.")
    problems += _missing_together(values)
    if problems:
        raise SettingsError(problems)
    settings = Settings(**values)
    problems = _missing_in_production(settings)
    if problems:
        raise SettingsError(problems)
    if "secure_cookies" not in values and not settings.embedded:
        values["secure_cookies"] = True
        settings = Settings(**values)
    return settings


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.6)
    advice = f"Did you mean {near[0]}?" if near else "Known names: " + ", ".join(KNOWN) + "."
    return f"{name} is not a setting. {advice}"


def _missing_together(values: Mapping[str, Any]) -> list[str]:
    options = values["kafka_options"]
    problems = []
    if options and not values.get("kafka_bootstrap_servers"):
        problems.append(
            "PROMPTCLAIM_KAFKA_BOOTSTRAP_SERVERS is not set, but other PROMPTCLAIM_KAFKA_ settings are. "
            "Set it, or remove them to use the embedded log."
        )
    if options.get("security_protocol", "").startswith("SASL"):
        for short, (option, _) in _KAFKA_OPTIONS.items():
            if option.startswith("sasl_") and option not in options:
                problems.append(f"{PREFIX}{short} is not set, but the security protocol uses SASL. Set it.")
    return problems


def _missing_in_production(settings: Settings) -> list[str]:
    if settings.embedded:
        return []
    # Each process would make up its own secret: one member would have several pseudonyms, and the duplicate
    # checks, which rely on a member's claims meeting in one partition, would miss duplicates.
    return [
        f"{PREFIX}{short} is not set. With Kafka or PostgreSQL every process needs the same one: set it to "
        f"at least {SECRET_CHARACTERS_MIN} characters, for example from: openssl rand -hex 32."
        for short, value in (("MEMBER_KEY", settings.member_key), ("SESSION_SECRET", settings.session_key))
        if not value
    ]
