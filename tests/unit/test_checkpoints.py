"""Signed checkpoints: what they prove, and how every kind of tampering is found and named."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_tampering import FORGER, FORGERIES, SEGMENTS, SIGNER, TAMPERINGS, as_bytes, as_lines, signed_log

from services.payments.log.audit_log import import_lines
from services.payments.log.checkpoint_step import DAILY, GROWN, is_due
from services.payments.log.checkpoints import Checkpoint, is_signed, read_key_documents
from services.payments.log.log_check import Broken, Expected, Head, Intact, LogItem, verify
from services.payments.log.merkle import EMPTY_ROOT, Tree, path, root_by
from services.payments.log.signing import KEY_FILE, NoSigningKey, rotate, signer_of, signing_keys
from shared.settings import Settings, SettingsError

OURS = frozenset({SIGNER.public_key})
hashes = st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), min_size=1, max_size=70)


def broken(found: Intact | Broken) -> Broken:
    assert isinstance(found, Broken), found
    return found


def items_of(tampered: list[dict[str, object]]) -> list[LogItem]:
    return list(import_lines(as_bytes(tampered)))


def test_a_signed_log_is_intact_with_its_checkpoints_also_after_export() -> None:
    items = signed_log(SEGMENTS)

    found = verify(items_of(as_lines(items)), expected=Expected(public_keys=OURS, signed=True, proven=True))

    assert isinstance(found, Intact)
    assert found.entries == 11
    assert [checkpoint.sequence for checkpoint in found.checkpoints] == [5, 9]


@pytest.mark.parametrize("name", [name for name in TAMPERINGS if name != "a line of something else"])
def test_tampering_is_found_and_the_first_bad_entry_named(name: str) -> None:
    tamper, first_bad = TAMPERINGS[name]

    found = broken(verify(items_of(tamper(as_lines(signed_log(SEGMENTS))))))

    assert found.first_bad_sequence == first_bad, found.reason


@pytest.mark.parametrize("name", FORGERIES)
def test_a_log_written_anew_is_found_by_who_knows_the_key_or_kept_a_copy(name: str) -> None:
    before = signed_log(SEGMENTS)
    tamper, first_bad = FORGERIES[name]
    forged = items_of(tamper(as_lines(before)))

    assert isinstance(verify(forged), Intact)
    by_key = broken(verify(forged, expected=Expected(public_keys=OURS, signed=True, proven=True)))
    by_copy = broken(verify(forged, earlier=before))

    assert by_key.first_bad_sequence == first_bad
    assert by_copy.first_bad_sequence in (5, 7)


def test_an_earlier_copy_must_be_the_beginning_of_the_log() -> None:
    whole = signed_log(SEGMENTS)

    assert isinstance(verify(whole, earlier=whole[:6]), Intact)
    assert isinstance(verify(whole, earlier=whole), Intact)
    assert broken(verify(whole[:6], earlier=whole)).first_bad_sequence == 6


def test_entries_added_past_the_writer_are_found_by_the_head() -> None:
    items = signed_log([3])
    head = Head(2, items[1].hash)

    assert broken(verify(items, head)).first_bad_sequence == 3


def test_checkpoints_come_daily_or_their_absence_is_named() -> None:
    slow = signed_log([2, 4], step=timedelta(hours=23))

    assert broken(verify(slow)).first_bad_sequence == 4
    assert isinstance(verify(signed_log([2, 2], step=timedelta(hours=23))), Intact)
    assert isinstance(verify(signed_log([6], step=timedelta(hours=23))), Intact)
    assert broken(verify(signed_log([6], step=timedelta(hours=23)), expected=Expected(signed=True)))


@given(
    st.sampled_from(["sequence", "hash", "made_at", "key_id", "signature", "public_key"]), st.integers(0, 3)
)
def test_a_signature_is_over_every_field(field: str, place: int) -> None:
    checkpoint = SIGNER.sign(7, "ab" * 32, "2026-03-02T18:00:00.000000Z")
    values = {name: getattr(checkpoint, name) for name in Checkpoint.__struct_fields__}
    old = values[field]
    values[field] = (
        old + 1
        if isinstance(old, int)
        else old[:place] + ("1" if old[place] == "0" else "0") + old[place + 1 :]
    )

    assert is_signed(checkpoint)
    assert not is_signed(Checkpoint(**values))
    assert not is_signed(Checkpoint(**{**values, field: old, "public_key": FORGER.public_key}))


@given(hashes, st.data())
def test_a_merkle_path_leads_from_its_leaf_to_the_root_and_from_no_other(
    leaves: list[str], data: st.DataObject
) -> None:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    index = data.draw(st.integers(0, len(leaves) - 1))
    steps = path(leaves, index)

    assert root_by(leaves[index], steps) == tree.root()
    other = "ff" * 32
    assert leaves[index] == other or root_by(other, steps) != tree.root()
    assert len(steps) <= 7


def test_the_tree_is_that_of_rfc_9162() -> None:
    # The leaves 0x00 … of RFC 9162's own examples are hashed by the same rule: MTH({d0}) = SHA-256(0x00 || d0).
    tree = Tree()
    assert tree.root() == EMPTY_ROOT == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    tree.add("")
    assert tree.root() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_a_checkpoint_is_due_daily_when_much_was_written_and_with_a_new_key() -> None:
    now = datetime(2026, 3, 2, 18, tzinfo=UTC)
    last = SIGNER.sign(10, "ab" * 32, "2026-03-02T17:00:00.000000Z")
    head = Head(11, "cd" * 32)

    assert is_due(None, head, now, SIGNER.key_id)
    assert not is_due(None, Head(0, "0" * 64), now, SIGNER.key_id)
    assert not is_due(last, head, now, SIGNER.key_id)
    assert not is_due(last, Head(10, "ab" * 32), now + DAILY * 9, SIGNER.key_id)
    assert is_due(last, head, now + DAILY, SIGNER.key_id)
    assert is_due(last, Head(10 + GROWN, "cd" * 32), now, SIGNER.key_id)
    assert is_due(last, head, now, FORGER.key_id)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "zz", "ab" * 31, '{"keys": [{"key_id": "1"}]}', '{"keys": 5}']
)
def test_a_file_of_public_keys_that_is_none_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(ValueError, match="no file of public keys"):
        read_key_documents(text)


def test_public_keys_are_read_as_published_and_as_bare_lines() -> None:
    published = (
        f'{{"algorithm": "Ed25519", "keys": [{{"key_id": "x", "public_key": "{SIGNER.public_key}"}}]}}'
    )

    assert read_key_documents(published) == OURS
    assert read_key_documents(f"{SIGNER.public_key}\n{FORGER.public_key}\n") == OURS | {FORGER.public_key}


def test_the_signing_key_comes_from_the_settings_and_is_never_shown(tmp_path: Path) -> None:
    seed = bytes(range(32)).hex()
    settings = Settings.from_environment(
        {"PROMPTCLAIM_SIGNING_KEY": seed.upper(), "PROMPTCLAIM_SIGNING_PUBLIC_KEYS": FORGER.public_key}
    )

    assert signer_of(settings).public_key == SIGNER.public_key
    assert signing_keys(settings).public == (SIGNER.public_key, FORGER.public_key)
    assert seed not in repr(settings) + repr(signer_of(settings))
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(
            {"PROMPTCLAIM_SIGNING_KEY": "short-secret", "PROMPTCLAIM_SIGNING_PUBLIC_KEYS": "x"}
        )
    assert "openssl rand -hex 32" in refused.value.problems[0]
    assert "short-secret" not in str(refused.value)
    assert len(refused.value.problems) == 2


def test_on_embedded_parts_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert signing_keys(settings).public == ()

    first, again = signer_of(settings).public_key, signer_of(settings).public_key
    old, new = rotate(settings)

    assert first == again == old != new
    assert signing_keys(settings).public == (new, old)
    assert signing_keys(settings).current == new
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_with_a_key_from_the_environment_the_operator_rotates(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, signing_key="ab" * 32)

    with pytest.raises(NoSigningKey):
        rotate(settings)
