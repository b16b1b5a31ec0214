"""The ``promptclaim`` command."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import click

from shared import __version__
from shared.care import FEEDS
from shared.settings import Settings, SettingsError

SERVICE_NAMES = ("intake", "validator", "payments")
P = ParamSpec("P")


class Day(click.ParamType[date]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date like 2026-03-02", param, ctx)


DAY = Day()
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def with_settings(**overrides: str) -> Settings:
    """Settings from the environment; options of the command stand above it. Bad settings end the command."""
    given = {name: value for name, value in overrides.items() if value}
    try:
        return Settings.from_environment({**os.environ, **given})
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def needs_settings(command: Callable[P, None]) -> Callable[P, None]:
    """Turns a settings error, or Kafka or a database being away, into one clear message."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except SettingsError as error:
            raise click.ClickException(str(error)) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            from services.commands.unreachable import explained

            message = explained(error, with_settings())
            if message is None:
                raise
            raise click.ClickException(message) from None

    return run


data_option = click.option(
    "--data",
    "data_dir",
    metavar="DIR",
    help="Data folder of the embedded parts (default: PROMPTCLAIM_DATA_DIR or ./var).",
)


def feed_option(feed: str, help_: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """An option that names a file of records of other care; may be given more than once."""
    return click.option(f"--{feed}", multiple=True, type=FILE, metavar="CSV", help=help_)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="promptclaim")
def main() -> None:
    """Claims intake, validation and prompt-pay clocks for Medi-Cal ECM and Community Supports."""


@main.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE…",
)
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--as-of", type=DAY, help="Show clocks as they stand on this day (default: today in California)."
)
@click.option("--received", type=DAY, help="Judge as received on this day (default: today in California).")
@click.option(
    "--payers", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Payers file (TOML)."
)
@click.option(
    "--conformity/--no-conformity",
    default=True,
    show_default=True,
    help="Check 837P against the implementation guide.",
)
@feed_option("services", "CHW, TCM, CCS and other services (CSV or JSON).")
@feed_option("enrollments", "Enrolments in other programs (CSV or JSON).")
@feed_option("authorizations", "Authorizations of ECM and Community Supports (CSV or JSON).")
@feed_option("aliases", "CINs that are one member's (CSV or JSON).")
@needs_settings
def check(files: tuple[Path, ...], **options: Any) -> None:
    """Judge files offline. Nothing is stored or sent.

    Exit status: 0 no claim rejected, 1 a claim rejected or unreadable or a row of a feed wrong, 2 a file or feed
    that cannot be read at all.
    """
    from services.commands.check import run

    feeds = [(feed, path) for feed in FEEDS for path in options.pop(feed)]
    sys.exit(run(files, feeds=feeds, **options))


@main.command()
@click.option("--received", required=True, help="Date, or instant with offset: 2026-03-02T23:30:00-08:00.")
@click.option("--regime", type=click.Choice(["knox-keene", "hmo"]), default="knox-keene", show_default=True)
@click.option("--contested", type=DAY)
@click.option("--information-received", type=DAY)
@click.option("--paid", type=DAY)
@click.option("--amount-cents", type=click.IntRange(min=0))
@click.option("--as-of", type=DAY, help="Default: today in California.")
def deadlines(**facts: Any) -> None:
    """Every deadline, state and interest of one claim, as JSON."""
    from services.commands.deadlines import document

    try:
        click.echo(json.dumps(document(**facts), indent=2))
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@main.command()
@click.option("--on", "day", type=DAY, help="Date of service (default: today in California).")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def codes(day: date | None, output: str) -> None:
    """The DHCS codes and modifiers for ECM and Community Supports in force on a date."""
    from services.commands.codes import listing

    click.echo(listing(day, output))


@main.command()
@click.argument("rule", required=False)
@click.option(
    "--format",
    "output",
    type=click.Choice(["table", "json", "markdown", "html"]),
    default="table",
    show_default=True,
)
def rules(rule: str | None, output: str) -> None:
    """Every rule with its severity, authority and dates; one RULE with its examples and their message."""
    from services.commands.rules import listing

    try:
        click.echo(listing(rule, output))
    except KeyError:
        raise click.UsageError(f"There is no rule {rule}. The list of all: promptclaim rules") from None


@main.command()
@click.option("--codes", type=FILE, help="A changed code set, as hcpcs_codes.csv.")
@click.option("--rules", type=FILE, help="A changed catalogue of rules, as rules.toml.")
@click.option("--programs", type=FILE, help="A changed table of other programs, as programs.csv.")
@click.option("--limits", type=FILE, help="Changed Community Supports limits, as support_limits.csv.")
@click.option("--payers", type=FILE, help="A changed payers file (TOML).")
@click.option("--from", "first", type=DAY, help="Report claims that arrived on this day or later.")
@click.option("--to", "last", type=DAY, help="Report claims that arrived on this day or before.")
@data_option
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@needs_settings
def replay(
    data_dir: str | None,
    payers: Path | None,
    first: date | None,
    last: date | None,
    output: str,
    **changed: Path | None,
) -> None:
    """Judge stored claims again by changed data, without storing anything, and say what would differ.

    Exit status: 0 nothing differs, 1 something does, 2 the data cannot be used.
    """
    from services.commands.replay import CannotReplay, run

    given = {name: path for name, path in changed.items() if path is not None}
    if not given and payers is None:
        raise click.UsageError("Name what is changed: --codes, --rules, --programs, --limits or --payers.")
    settings = with_settings(PROMPTCLAIM_DATA_DIR=data_dir or "")
    try:
        sys.exit(run(settings, given, payers=payers, first=first, last=last, output=output))
    except CannotReplay as problem:
        raise click.UsageError(str(problem)) from None


@main.command()
@click.option("--write", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
def contracts(folder: Path | None) -> None:
    """The AsyncAPI 3 document of all topics; with --write, that and the JSON Schemas as files below DIR."""
    from services.commands.contracts import as_text, asyncapi, write

    if folder is None:
        click.echo(as_text(asyncapi()), nl=False)
        return
    for path in write(folder):
        click.echo(path)


@main.command()
@data_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=int)
@click.option(
    "--apart", is_flag=True, help="Run the validator's and payments' workers in processes of their own."
)
@needs_settings
def up(data_dir: str | None, host: str, port: int, apart: bool) -> None:
    """The whole suite in one process, on embedded parts, until Ctrl-C."""
    from services.commands.apart import APART, workers_apart
    from services.suite import EmbeddedSuite

    quiet = (
        "" if "PROMPTCLAIM_LOG_LEVEL" in os.environ else "WARNING"
    )  # a line a request would hide the address
    settings = with_settings(PROMPTCLAIM_DATA_DIR=data_dir or "", PROMPTCLAIM_LOG_LEVEL=quiet)
    stop = _stop_on_signals()
    here = [name for name in SERVICE_NAMES if not (apart and name in APART)]
    with (
        EmbeddedSuite(settings, host=host, port=port, workers=here) as suite,
        workers_apart(settings, stop) if apart else nullcontext(),
    ):
        click.echo(
            f"promptclaim is up at {suite.url} (data in {settings.data_dir}). Ctrl-C stops it.", err=True
        )
        stop.wait()
        click.echo("Stopping.", err=True)


@main.command()
@click.argument("service", type=click.Choice(SERVICE_NAMES))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=int)
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option("--threads", default=16, show_default=True, type=click.IntRange(1, 64))
@needs_settings
def serve(service: str, host: str, port: int, processes: int, threads: int) -> None:
    """HTTP of one service under gunicorn."""
    from services.commands.production import serve as run

    run(with_settings(), service, host=host, port=port, processes=processes, threads=threads)


@main.command()
@click.argument("service", type=click.Choice(SERVICE_NAMES))
@click.option("--watch-host", default="127.0.0.1", show_default=True)
@click.option(
    "--watch-port",
    default=0,
    type=int,
    help="Where /healthz and /metrics of the worker are (default: nowhere).",
)
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input ends.")
@needs_settings
def work(service: str, watch_host: str, watch_port: int, with_parent: bool) -> None:
    """One service's consumers, outbox relay and other steps, until stopped."""
    from services.commands.production import work as run

    stop = _stop_on_signals()
    if with_parent:
        threading.Thread(target=_stop_with_parent, args=(stop,), name="parent", daemon=True).start()
    sys.exit(run(with_settings(), service, stop, host=watch_host, port=watch_port))


@main.group()
def keys() -> None:
    """API keys."""


@keys.command("create")
@click.option("--role", required=True, type=click.Choice(["provider", "claims", "auditor", "admin"]))
@click.option("--organisation", required=True)
@click.option("--npi", "npis", multiple=True, help="A billing NPI of the provider; may be repeated.")
@click.option("--payer", "payers", multiple=True, help="A payer id of the plan; may be repeated (none: all).")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@data_option
@needs_settings
def create_key(data_dir: str | None, output: str, **key: Any) -> None:
    """Make a key. Its secret is shown once and stored hashed."""
    from services.commands.keys import create, namesakes

    settings = with_settings(PROMPTCLAIM_DATA_DIR=data_dir or "")
    try:
        others = namesakes(settings, key["organisation"], key["npis"]) if key["role"] == "provider" else []
        made = create(settings, **key)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if others:
        click.echo(
            f"Note: {', '.join(others)} has the same organisation name and other NPIs. Keys of one name see each "
            "other's files: if this is another agency, revoke this key and give it a name of its own.",
            err=True,
        )
    if output == "json":
        click.echo(json.dumps(made))
    else:
        click.echo(
            f"Key {made['id']} for {made['organisation']} ({made['role']}). Keep the secret; it is not shown again:"
        )
        click.echo(made["secret"])
        if settings.embedded:
            click.echo(f"It opens the suite whose data is in {settings.data_dir}.", err=True)


@keys.command("list")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table")
@data_option
@needs_settings
def list_keys(data_dir: str | None, output: str) -> None:
    """All keys, without their secrets."""
    from services.commands.keys import listed
    from services.commands.tables import table

    found = listed(with_settings(PROMPTCLAIM_DATA_DIR=data_dir or ""))
    click.echo(json.dumps(found) if output == "json" else table(found))


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
@data_option
@needs_settings
def revoke_key(key_id: str, data_dir: str | None) -> None:
    """End a key at once."""
    from services.commands.keys import revoke

    if not revoke(with_settings(PROMPTCLAIM_DATA_DIR=data_dir or ""), key_id):
        raise click.ClickException(f"There is no key {key_id}.")
    click.echo(f"Key {key_id} is revoked.")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--url",
    required=True,
    envvar="PROMPTCLAIM_URL",
    help="Where the suite runs, e.g. https://claims.example.org",
)
def submit(file: Path, url: str) -> None:
    """Upload a file, wait, and print the verdicts (key from PROMPTCLAIM_API_KEY)."""
    from services.commands.submit import SubmitError
    from services.commands.submit import submit as run
    from services.commands.tables import submission_table

    key = os.environ.get("PROMPTCLAIM_API_KEY")
    if not key:
        raise click.UsageError("Set PROMPTCLAIM_API_KEY to your key.")
    with click.progressbar(
        length=max(file.stat().st_size, 1), label=f"Sending {file.name}", file=sys.stderr
    ) as bar:
        try:
            found = run(file, url, key, progress=lambda sent, _: bar.update(sent - bar.pos))
        except SubmitError as error:
            raise click.ClickException(str(error)) from None
    click.echo(submission_table(found))
    sys.exit(1 if found["counts"]["rejected"] or found["counts"]["unreadable"] else 0)


@main.group()
def log() -> None:
    """The timeliness log."""


@log.command("verify")
@click.argument("export", required=False, metavar="[FILE]", type=FILE)
@click.option("--url", help="A running suite; the auditor's key comes from PROMPTCLAIM_API_KEY.")
@click.option(
    "--public-key", type=FILE, help="Public keys that you kept: nobody else may have signed the log."
)
@click.option("--earlier", type=FILE, help="An export that you kept: its entries must be the first ones.")
@data_option
@needs_settings
def verify_log(
    export: Path | None, url: str | None, public_key: Path | None, earlier: Path | None, data_dir: str | None
) -> None:
    """Verify the timeliness log: of a running suite, of an export, or of the database set up here.

    FILE may also be an evidence pack. Exit status: 0 intact, 1 broken, with the first bad entry; 2 there is no log
    to read.
    """
    from services.commands import log_verification as command

    if (public_key or earlier) and not (export or url):
        raise click.UsageError("--public-key and --earlier go with a FILE or --url.")
    try:
        keys = command.public_keys_in(public_key) if public_key else None
        if export:
            said = command.check_file(export, keys, earlier)
        elif url:
            said = command.check_url(url, keys, earlier)
        else:
            said = command.check_database(with_settings(PROMPTCLAIM_DATA_DIR=data_dir or ""))
    except command.LogUnavailable as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    click.echo(said.text)
    if said.hint:
        click.echo(said.hint, err=True)
    sys.exit(said.status)


@log.command("checkpoint")
@data_option
@needs_settings
def sign_log(data_dir: str | None) -> None:
    """Sign the timeliness log of the database set up here as it stands now."""
    from services.commands.log_verification import LogUnavailable, sign_database

    try:
        made = sign_database(with_settings(PROMPTCLAIM_DATA_DIR=data_dir or ""))
    except LogUnavailable as error:
        raise click.ClickException(str(error)) from None
    if made is None:
        click.echo("The log has no entry yet.")
        return
    checkpoint = made.checkpoint
    words = "Signed" if made.new else "Nothing was written since the newest checkpoint"
    click.echo(f"{words}: entry {checkpoint.sequence}, hash {checkpoint.hash}, key {checkpoint.key_id}")


@log.command("rotate-key")
@data_option
@needs_settings
def rotate_key(data_dir: str | None) -> None:
    """Sign with a new key from now on. The public key of the old one is kept, to check what it signed."""
    from services.commands.log_verification import LogUnavailable
    from services.commands.log_verification import rotate_key as rotate

    try:
        old, new = rotate(with_settings(PROMPTCLAIM_DATA_DIR=data_dir or ""))
    except LogUnavailable as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Old public key: {old}\nNew public key: {new}")


@main.group("dead-letters")
def dead_letters() -> None:
    """Events that could not be processed."""


@dead_letters.command("list")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table")
@data_option
@needs_settings
def list_dead_letters(output: str, data_dir: str | None) -> None:
    """Where each came from, and why it could not be processed. Never its data."""
    from services.commands.production import dead_letters_of
    from services.commands.tables import table

    found = dead_letters_of(with_settings(PROMPTCLAIM_DATA_DIR=data_dir or ""))
    click.echo(json.dumps(found) if output == "json" else table(found))


@dead_letters.command("replay")
@click.argument("event_ids", nargs=-1, metavar="[EVENT_ID…]")
@data_option
@needs_settings
def replay_dead_letters(event_ids: tuple[str, ...], data_dir: str | None) -> None:
    """Send them (all, or those named) to their first topic again."""
    from services.commands.production import replay_dead_letters as run

    replayed, impossible = run(with_settings(PROMPTCLAIM_DATA_DIR=data_dir or ""), event_ids)
    click.echo(f"{replayed} sent again, {impossible} cannot be sent again and stay where they are")


@main.group()
def db() -> None:
    """Databases."""


@db.command("upgrade")
@data_option
@needs_settings
def upgrade_databases(data_dir: str | None) -> None:
    """Bring every service's database to this version's tables, and make the topics."""
    from services.commands.production import upgrade_all

    for line in upgrade_all(with_settings(PROMPTCLAIM_DATA_DIR=data_dir or "")):
        click.echo(line)


@db.command("refill-topics")
@data_option
@needs_settings
def refill_topics(data_dir: str | None) -> None:
    """After topics were lost: let every service send what it sent of late again.

    With all services stopped, and after db upgrade, which makes the topics anew. What a service has done already it
    does not do twice.
    """
    from services.commands.production import refill_topics as run

    for line in run(with_settings(PROMPTCLAIM_DATA_DIR=data_dir or "")):
        click.echo(line)


@db.command("rebuild-clocks")
@click.option("--apply", is_flag=True, help="Write what differs; without it, only say so.")
@data_option
@needs_settings
def rebuild_clocks(data_dir: str | None, apply: bool) -> None:
    """Compare every clock with what the log and the payment entries make of it.

    Exit status: 0 all clocks are right, 1 some are not, 2 the log itself was changed.
    """
    from services.commands.rebuild_clocks import Rebuilding
    from services.payments.log.on_record import NotAnEntry

    rebuilding = Rebuilding(with_settings(PROMPTCLAIM_DATA_DIR=data_dir or ""), apply=apply)
    try:
        for line in rebuilding.lines():
            click.echo(line)
    except NotAnEntry as error:
        click.echo(f"{error} Clocks are not made from such a log. See: promptclaim log verify", err=True)
        sys.exit(2)
    sys.exit(rebuilding.status)


def _stop_with_parent(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


if __name__ == "__main__":
    main()
