from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InvalidParameter, KeyDenied, KeyMissing, SealingError
from workbench.store.sealing import Keys, seal_of

SECRET = b"hunter2-and-more"
NAMES = st.from_regex(r"[a-zA-Z0-9-_]{1,64}", fullmatch=True) | st.none()


def keys_in(folder: Path, place: str = "shop") -> Keys:
    return Keys(folder / "keys", place=folder / place)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return keys_in(tmp_path)


@given(plain=st.binary(max_size=5000), key=NAMES, about=st.text(max_size=80))
def test_what_was_sealed_opens(plain: bytes, key: str | None, about: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        keys = keys_in(Path(folder))

        sealed = keys.seal(plain, key=key, about=about)

        assert keys.open(sealed, about=about) == plain
        seal = seal_of(sealed)
        assert seal is not None
        assert (seal.key, seal.generation) == (key or "default", 1)


def test_any_flipped_bit_is_noticed(keys: Keys) -> None:
    sealed = keys.seal(SECRET, key=None, about="orders:7")

    for bit in range(len(sealed) * 8):
        damaged = bytearray(sealed)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealingError) as refused:
            keys.open(bytes(damaged), about="orders:7")
        assert "hunter2" not in str(refused.value)


@given(cut=st.integers(min_value=0, max_value=200), more=st.binary(max_size=5))
def test_a_value_cut_short_or_longer_is_noticed(cut: int, more: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        keys = keys_in(Path(folder))
        sealed = keys.seal(SECRET, key=None, about="orders:7")
        other = sealed[:cut] + more

        if other != sealed:
            with pytest.raises(SealingError):
                keys.open(other, about="orders:7")


@given(noise=st.binary(max_size=200))
def test_noise_is_no_sealed_value(noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(SealingError):
        keys_in(Path(folder)).open(b"wbs1" + noise, about="orders:7")


@given(said=st.text(max_size=20), asked=st.text(max_size=20))
def test_a_value_cannot_be_passed_off_as_anothers(said: str, asked: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        keys = keys_in(Path(folder))
        sealed = keys.seal(SECRET, key=None, about=said)

        if said != asked:
            with pytest.raises(KeyDenied):
                keys.open(sealed, about=asked)


def test_the_same_value_is_sealed_differently_each_time(keys: Keys) -> None:
    once, again = (keys.seal(SECRET, key=None, about="orders:7") for _ in range(2))

    assert once != again
    assert SECRET not in once


def test_a_key_is_this_users_alone(keys: Keys) -> None:
    mask = os.umask(0)
    try:
        keys.seal(SECRET, key="acme", about="orders:7")
    finally:
        os.umask(mask)

    folder = keys.files.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir() if path.suffix == ".key"} == {"acme.key"}
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "a/b", "../up", "a" * 65, "a.b", "caf\xe9"])
def test_a_key_has_a_name_that_can_be_a_files(keys: Keys, name: str) -> None:
    with pytest.raises(InvalidParameter):
        keys.seal(SECRET, key=name, about="orders:7")

    assert not keys.files.folder.exists()


# --- what is no good key -----------------------------------------------------------------------------------


def test_without_its_key_the_file_that_is_needed_is_named(tmp_path: Path) -> None:
    sealed = keys_in(tmp_path / "there").seal(SECRET, key="acme", about="orders:7")

    with pytest.raises(KeyMissing) as refused:
        keys_in(tmp_path / "here").open(sealed, about="orders:7")

    text = str(refused.value)
    assert str(tmp_path / "here" / "keys" / "acme.key") in text
    assert "orders:7" in text
    assert "hunter2" not in text


def test_another_key_of_that_name_is_told_from_a_damaged_value(tmp_path: Path) -> None:
    here = keys_in(tmp_path / "here")
    here.seal(SECRET, key=None, about="orders:1")
    sealed = keys_in(tmp_path / "there").seal(SECRET, key=None, about="orders:7")

    with pytest.raises(KeyDenied, match="another key named default"):
        here.open(sealed, about="orders:7")


def _readable(path: Path) -> None:
    path.chmod(0o640)


def _linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _flipped(path: Path) -> None:
    path.write_text(path.read_text().replace('"number": 1', '"number": 2'))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


def _renamed(path: Path) -> None:
    path.write_text(path.read_text().replace('"default"', '"another"'))


@pytest.mark.parametrize(
    ("spoil", "remedy"),
    [
        (_readable, "chmod 600"),
        (_linked, "is a link. Put the file itself"),
        (_flipped, "damaged. Put an undamaged copy"),
        (_cut, "damaged"),
        (_empty, "damaged"),
        (_renamed, "damaged"),
        (_piped, "is no file"),
        (_folder, "is no file"),
    ],
)
def test_a_file_that_is_no_good_key_is_refused(
    keys: Keys, spoil: Callable[[Path], None], remedy: str
) -> None:
    sealed = keys.seal(SECRET, key=None, about="orders:7")
    path = keys.files.path("default")
    secret = json.loads(path.read_text())["generations"][0]["key"]
    spoil(path)

    with pytest.raises(KeyDenied, match=remedy) as opening:
        keys.open(sealed, about="orders:7")
    with pytest.raises(KeyDenied, match=remedy) as sealing:
        keys.seal(SECRET, key=None, about="orders:8")

    for refused in (opening, sealing):
        assert str(path) in str(refused.value)
        assert secret not in str(refused.value)


def test_a_key_of_another_user_is_refused(keys: Keys) -> None:
    if os.getuid() != 0:
        pytest.skip("giving a file away takes root")
    keys.seal(SECRET, key=None, about="orders:7")
    os.chown(keys.files.path("default"), 12345, -1)

    with pytest.raises(KeyDenied, match="belongs to another user"):
        keys.seal(SECRET, key=None, about="orders:7")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("in the way")

    with pytest.raises(KeyDenied):
        keys_in(tmp_path).seal(SECRET, key=None, about="orders:7")


def test_nothing_shows_a_key_by_accident(keys: Keys) -> None:
    keys.seal(SECRET, key=None, about="orders:7")
    found = keys.files.read("default")

    assert found is not None
    assert repr(found.newest.secret) not in repr(found)


def test_a_key_notes_the_projects_that_use_it(tmp_path: Path) -> None:
    shop, copy = keys_in(tmp_path, "shop"), keys_in(tmp_path, "copy")
    sealed = shop.seal(SECRET, key=None, about="orders:7")

    assert copy.open(sealed, about="orders:7") == SECRET

    found = shop.files.read("default")
    assert found is not None
    assert found.newest.places == {str(tmp_path / "shop"), str(tmp_path / "copy")}
