"""The stand-alone verifier: it needs nothing, and says what the suite's own verification says."""

import ast
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from log_tampering import (
    FORGER,
    FORGERIES,
    SEGMENTS,
    SIGNER,
    TAMPERINGS,
    Lines,
    as_bytes,
    as_lines,
    signed_log,
)

from services.cli import main
from services.commands.log_verification import verify_file
from services.payments.log import standalone_verifier as alone
from services.payments.log.log_check import Broken, Intact

SOURCE = Path(alone.__file__)
OURS = frozenset({SIGNER.public_key})
LOG = as_lines(signed_log(SEGMENTS))


def written(folder: Path, lines: Lines, name: str = "log.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"\n".join(as_bytes(lines)) + b"\n")
    return path


def run(*arguments: object) -> tuple[int, str]:
    """The program as an auditor runs it: another process, nothing of the suite to import."""
    command = [sys.executable, "-I", "-S", "-W", "error", str(SOURCE), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    return done.returncode, done.stdout + done.stderr


def both(*arguments: object) -> tuple[int, str]:
    """What the stand-alone verifier and ``promptclaim log verify`` say alike."""
    suite = CliRunner().invoke(main, ["log", "verify", *map(str, arguments)])
    status, said = run(*arguments)
    assert (suite.exit_code, suite.output) == (status, said)
    return status, said


def said_by_suite(path: Path, keys: frozenset[str] | None = None, earlier: Path | None = None) -> str:
    found = verify_file(path, keys, earlier)
    if isinstance(found, Intact):
        return f"Intact: {found.entries} entries, head {found.head_hash}"
    return f"Broken at entry {found.first_bad_sequence}: {found.reason}"


def test_it_imports_nothing_but_the_standard_library_and_is_python_3_9() -> None:
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 9))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert modules <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


def test_an_intact_log_is_called_intact(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"algorithm": "Ed25519", "keys": [{"public_key": SIGNER.public_key}]}))
    log = written(tmp_path, LOG)

    status, said = both(log, "--public-key", keys, "--earlier", written(tmp_path, LOG[:8], "earlier.jsonl"))

    assert status == 0
    assert said.splitlines() == [
        said_by_suite(log),
        "2 signed checkpoints. Signed up to entry 9; entries 10 to 11 are not signed yet",
        f"Signed with key {SIGNER.key_id}",
    ]


@pytest.mark.parametrize(
    ("segments", "signed"),
    [
        ([4, 0], "1 signed checkpoint. Signed up to entry 5"),
        ([4, 1], "1 signed checkpoint. Signed up to entry 5; entry 6 is not signed yet"),
        ([1] * 121, "120 signed checkpoints. Signed up to entry 240; entry 241 is not signed yet"),
    ],
)
def test_it_is_said_how_far_a_log_is_signed(segments: list[int], signed: str, tmp_path: Path) -> None:
    status, said = both(written(tmp_path, as_lines(signed_log(segments, step=timedelta(minutes=1)))))

    assert (status, said.splitlines()[1]) == (0, signed)


def test_without_a_key_or_a_copy_it_is_said_what_stays_open(tmp_path: Path) -> None:
    log = written(tmp_path, LOG)

    assert both(log)[1].splitlines()[-1] == (
        "Whoever controls the database could have written the whole log anew and signed it with another key. To rule "
        "that out, compare with what you kept: --public-key KEYS or --earlier EXPORT."
    )
    assert "Whoever" not in both(log, "--earlier", log)[1]


def test_of_a_log_that_nobody_signed_it_is_said_what_would_not_be_seen(tmp_path: Path) -> None:
    log = written(tmp_path, as_lines(signed_log([30])))
    keys = tmp_path / "keys.txt"
    keys.write_text(SIGNER.public_key.upper())

    status, said = both(log)

    assert status == 0
    assert said.splitlines()[0] == (
        "Intact: 30 entries. No signed checkpoint is in this file, so entries cut off its end, or a log written anew, "
        "would not be seen."
    )
    assert "after those of the earlier copy" in both(log, "--earlier", log)[1]
    assert both(log, "--public-key", keys)[0] == 1


@pytest.mark.parametrize("name", TAMPERINGS)
def test_it_names_the_same_first_bad_entry_for_the_same_reason(name: str, tmp_path: Path) -> None:
    tamper, first_bad = TAMPERINGS[name]
    log = written(tmp_path, tamper(LOG))

    with pytest.raises(alone.Broken) as raised:
        alone.verify_lines(log.read_bytes().splitlines())

    assert raised.value.first_bad == first_bad
    assert f"Broken at entry {first_bad}: {raised.value.reason}" == said_by_suite(log)


@pytest.mark.parametrize("name", FORGERIES)
def test_with_a_key_or_an_earlier_copy_it_finds_what_was_written_anew(name: str, tmp_path: Path) -> None:
    log = written(tmp_path, FORGERIES[name][0](LOG))
    kept = written(tmp_path, LOG, "kept.jsonl")
    keys = tmp_path / "keys.txt"
    keys.write_text(SIGNER.public_key)

    by_key, by_copy = both(log, "--public-key", keys), both(log, "--earlier", kept)

    assert by_key == (1, said_by_suite(log, OURS) + "\n")
    assert by_copy == (1, said_by_suite(log, None, kept) + "\n")


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"PK\x03\x04 no zip",
        b"[1]",
        b"[" * 100_000,
        b"# promptclaim\n\nKeeps the clocks.\n",
        b'{\n "previous_hash": "0"\n}\n',
        b'{"algorithm": "Ed25519", "keys": []}',
    ],
)
@pytest.mark.parametrize("name", ["README.md", "x.json"])
def test_what_is_no_log_is_not_called_broken(content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    assert both(path) == (2, f"{path} is not a timeliness log: its first line is no entry.\n")


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b'{"checkpoint": 5}',
        b'{"checkpoint":' * 50_000,
        as_bytes(LOG)[0][:-9],
        b"x" + as_bytes(LOG)[0],
    ],
)
def test_a_log_of_which_the_first_line_alone_was_damaged_is_broken(first: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([first, *as_bytes(LOG)[1:]]))

    status, said = both(path)

    assert status == 1
    assert said.startswith("Broken at entry 1: ")


def test_a_log_cut_down_to_a_damaged_first_line_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(as_bytes(LOG)[0][:-9])

    assert both(path) == (1, "Broken at entry 1: The line after entry 0 is not one of a timeliness log.\n")


@pytest.mark.parametrize("bad", [b"\xff", b'{"sequence":1,"recorded_at":"\xff"}', b'{"sequence":' * 100_000])
def test_a_line_that_nothing_can_read_is_named_by_its_place(bad: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([*as_bytes(LOG)[:3], bad]))

    assert both(path) == (1, "Broken at entry 4: The line after entry 3 is not one of a timeliness log.\n")


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_is_not_called_intact(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)

    assert both(path) == (2, "The file is empty: there is no log to verify.\n")


def test_an_earlier_copy_that_is_none_is_named(tmp_path: Path) -> None:
    log, other, empty = written(tmp_path, LOG), tmp_path / "README.md", tmp_path / "empty.jsonl"
    other.write_text("# promptclaim\n")
    empty.touch()

    assert both(log, "--earlier", other) == (2, f"{other} is no export of a timeliness log.\n")
    assert both(log, "--earlier", empty) == (2, f"{empty} has no entry to compare with.\n")


@pytest.mark.parametrize("content", ["no key", "", "{", '{"keys": [5]}', '{"keys": [{"public_key": 5}]}'])
def test_only_the_file_that_is_no_key_is_named(content: str, tmp_path: Path) -> None:
    keys = tmp_path / "README.md"
    keys.write_text(content)

    said = both(written(tmp_path, LOG), "--public-key", keys)

    assert said == (2, f"{keys} is no file of public keys.\n")


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    missing = tmp_path / "nothing"

    assert run(missing) == (2, f"{missing} cannot be read: No such file or directory\n")
    assert run(written(tmp_path, LOG), "--earlier", missing)[1].startswith(f"{missing} cannot be read")


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.integers(0, 511))
def test_its_signatures_are_those_of_the_library(seed: bytes, message: bytes, flipped: int) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    wrong = bytearray(signature)
    wrong[flipped // 8] ^= 1 << flipped % 8

    assert alone.is_signature(public, message, signature)
    assert not alone.is_signature(public, message, bytes(wrong))
    assert not alone.is_signature(public, message + b"x", signature)


def test_it_knows_the_signature_of_rfc_8032() -> None:
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )

    assert alone.is_signature(public, b"\x72", signature)
    assert not alone.is_signature(public, b"\x73", signature)
    assert not alone.is_signature(public[:31], b"\x72", signature)
    assert not alone.is_signature(public, b"\x72", signature[:63])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_both_agree_on_any_change_of_a_line(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(LOG) - 1))
    line = json.loads(json.dumps(LOG[place]))
    target = line.get("checkpoint", line)
    field = data.draw(st.sampled_from(sorted(target)))
    target[field] = data.draw(
        st.none() | st.integers(-3, 30) | st.text(max_size=3) | st.just({}) | st.just(target[field])
    )
    lines = [*LOG[:place], line, *LOG[place + 1 :]]
    data_bytes = as_bytes_or_none(lines)
    if data_bytes is None:
        return

    from services.commands.log_verification import _verify_lines

    ours = _verify_lines(data_bytes, None, None)
    try:
        theirs: tuple[int, str] | None = None
        alone.verify_lines(data_bytes)
    except alone.Broken as broken:
        theirs = broken.first_bad, broken.reason

    assert theirs == ((ours.first_bad_sequence, ours.reason) if isinstance(ours, Broken) else None)


def as_bytes_or_none(lines: Lines) -> list[bytes] | None:
    try:
        return as_bytes(lines)
    except UnicodeEncodeError:
        return None


def test_a_forger_cannot_sign_in_our_name() -> None:
    forged = as_lines([FORGER.sign(5, LOG[4]["hash"], LOG[5]["checkpoint"]["made_at"])])[0]
    forged["checkpoint"]["key_id"] = SIGNER.key_id

    with pytest.raises(alone.Broken, match="signature is not valid"):
        alone.verify_lines(as_bytes([*LOG[:5], forged]))
