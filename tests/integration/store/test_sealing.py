"""Keys over time: several processes, kill -9, rotation, and a project without its keys."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.store.sealing import keys_of, rows_of
from workbench.errors import AlreadyExists, KeyInUse, KeyMissing, KeyNotFound
from workbench.model.keys import DEFAULT_KEY, KeyName
from workbench.store.rotation import KeyCare
from workbench.store.sealing import Keys, seal_of

SECRET = b"hunter2-and-more"
ACME = KeyName("acme")

ROOT = Path(__file__).parents[3]


def test_of_processes_that_make_a_key_at_once_one_wins_and_all_use_it(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys", place=tmp_path / "shop")
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "tests.integration.store.sealing",
                        "seal",
                        str(tmp_path / "keys"),
                        str(tmp_path / f"shop{number}"),
                    ],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(4)
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        sealed = []
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in children:
            out, _ = child.communicate()
            sealed.append(bytes.fromhex(out))

    assert [keys.open(each, about="orders:1") for each in sealed] == [b"hunter2"] * 4
    found = keys.files.read("default")
    assert found is not None
    assert len(found.generations) == 1
    assert found.newest.places >= {str(tmp_path / f"shop{number}") for number in range(4)}


def fill(folder: Path, count: int = 4, *, key: str | None = None) -> KeyCare:
    """A project with that many sealed values."""
    keys, rows = keys_of(folder), rows_of(folder)
    for number in range(1, count + 1):
        about = f"orders:{number}"
        with keys.keeping():
            rows.add(about, keys.seal(SECRET, key=key, about=about))
    return KeyCare(keys, rows)


def generations(folder: Path, name: str = DEFAULT_KEY) -> list[int]:
    found = keys_of(folder).files.read(name)
    assert found is not None
    return [each.number for each in found.generations]


def opened(folder: Path) -> list[bytes]:
    keys = keys_of(folder)
    return [keys.open(value.sealed, about=value.about) for value in rows_of(folder).all_sealed()]


def test_a_rotation_seals_everything_anew_and_drops_the_old_key(tmp_path: Path) -> None:
    care = fill(tmp_path)
    before = {value.sealed for value in rows_of(tmp_path).all_sealed()}
    old = keys_of(tmp_path).files.path("default").read_bytes()

    done = care.rotate(DEFAULT_KEY)

    assert (done.generation, done.resealed, done.unreadable, done.kept) == (2, 4, (), ())
    assert generations(tmp_path) == [2]
    assert opened(tmp_path) == [SECRET] * 4
    assert before.isdisjoint(value.sealed for value in rows_of(tmp_path).all_sealed())
    assert keys_of(tmp_path).files.path("default").read_bytes() != old


def test_another_key_is_left_alone(tmp_path: Path) -> None:
    care = fill(tmp_path, 1)
    keys_of(tmp_path).seal(SECRET, key="acme", about="x")

    assert care.rotate(ACME).resealed == 0

    assert generations(tmp_path) == [1]
    assert generations(tmp_path, "acme") == [2]


def test_killed_at_any_step_of_a_rotation_everything_opens_and_the_next_one_ends_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "whole").mkdir()
    fill(tmp_path / "whole", 2)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.integration.store.sealing", "kill", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    copies = ended.stdout.split()
    assert len(copies) > 20
    seen = set()
    for name in copies:
        seen.add(tuple(generations(tmp_path / name)))
        assert opened(tmp_path / name) == [SECRET] * 2, name

    shutil.rmtree(tmp_path / "whole")  # whose keys these are copies of
    for name in copies:
        copy = tmp_path / name
        again = KeyCare(keys_of(copy), rows_of(copy)).rotate(DEFAULT_KEY, gone_too=True)
        assert again.unreadable == ()
        assert generations(copy) == [again.generation]
        assert opened(copy) == [SECRET] * 2
    assert seen >= {(1,), (1, 2)}


def test_what_is_sealed_while_a_rotation_is_under_way_keeps_its_key(tmp_path: Path) -> None:
    care, keys, rows = fill(tmp_path), keys_of(tmp_path), rows_of(tmp_path)
    rotating = threading.Thread(  # noqa: TID251 - another workbench
        target=care.rotate, args=(DEFAULT_KEY,)
    )
    with keys.keeping():
        sealed = keys.seal(SECRET, key=None, about="orders:9")
        rotating.start()
        while generations(tmp_path) == [1]:
            pass  # the new generation is there: the old one must wait for us
        assert 1 in generations(tmp_path)
        rows.add("orders:9", sealed)
    rotating.join()

    assert generations(tmp_path) == [2]
    assert opened(tmp_path) == [SECRET] * 5


def test_generations_that_another_project_needs_stay(tmp_path: Path) -> None:
    shop, other = tmp_path / "shop", tmp_path / "other"
    for folder in (shop, other):
        folder.mkdir()
    (tmp_path / "keys").mkdir(mode=0o700)
    for folder in (shop, other):
        (folder / "keys").symlink_to(tmp_path / "keys")
    mine, theirs = fill(shop), fill(other)

    first = mine.rotate(DEFAULT_KEY)

    assert (first.resealed, first.kept, first.places) == (4, (1,), (str(other / "state"),))
    assert opened(other) == [SECRET] * 4
    with pytest.raises(KeyInUse):
        mine.remove(DEFAULT_KEY)

    assert theirs.rotate(DEFAULT_KEY).kept == (2,)
    assert mine.rotate(DEFAULT_KEY).kept == (3,)
    assert opened(shop) == opened(other) == [SECRET] * 4

    shutil.rmtree(other / "state")
    assert mine.rotate(DEFAULT_KEY).kept == (3,)
    assert mine.rotate(DEFAULT_KEY, gone_too=True).kept == ()
    assert opened(shop) == [SECRET] * 4


def test_a_value_that_does_not_open_keeps_its_generation(tmp_path: Path) -> None:
    care, keys = fill(tmp_path), keys_of(tmp_path)
    rows_of(tmp_path).add("orders:9", keys.seal(SECRET, key=None, about="something else"))

    done = care.rotate(DEFAULT_KEY)

    assert (done.resealed, done.unreadable, done.kept) == (4, ("orders:9",), (1,))
    rows_of(tmp_path).remove("orders:9")
    assert care.rotate(DEFAULT_KEY).kept == ()


def test_a_key_that_is_needed_is_not_removed(tmp_path: Path) -> None:
    care = fill(tmp_path, 7, key="acme")

    with pytest.raises(KeyInUse, match=r"orders:1, .* and 2 more") as refused:
        care.remove(ACME)
    assert "acme" in str(refused.value)

    for number in range(1, 8):
        rows_of(tmp_path).remove(f"orders:{number}")
    care.remove(ACME)
    assert not keys_of(tmp_path).files.path("acme").exists()


def test_keys_are_made_and_listed(tmp_path: Path) -> None:
    care = fill(tmp_path, 3)
    care.create(ACME)

    with pytest.raises(AlreadyExists):
        care.create(ACME)
    with pytest.raises(KeyNotFound, match="There are: acme, default"):
        care.rotate(KeyName("nope"))
    with pytest.raises(KeyNotFound):
        care.remove(KeyName("nope"))
    acme, default = care.listed()

    assert (acme.name, acme.generations, acme.sealed, acme.problem) == ("acme", (1,), 0, None)
    assert (default.name, default.generations, default.sealed) == ("default", (1,), 3)
    keys_of(tmp_path).files.path("acme").chmod(0o644)
    keys_of(tmp_path).files.path("default").unlink()
    acme, default = care.listed()
    assert "chmod 600" in str(acme.problem)
    assert (default.sealed, default.generations) == (3, ())
    assert "not here" in str(default.problem)


def test_a_project_without_its_keys_tells_which_is_needed_and_shows_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "here").mkdir()
    fill(tmp_path / "here")
    (tmp_path / "copy").mkdir()
    shutil.copytree(tmp_path / "here" / "state", tmp_path / "copy" / "state")

    for value in rows_of(tmp_path / "copy").all_sealed():
        with pytest.raises(KeyMissing) as refused:
            keys_of(tmp_path / "copy").open(value.sealed, about=value.about)
        assert "default.key" in str(refused.value)
        assert SECRET.decode() not in str(refused.value)
    for path in (tmp_path / "copy").rglob("*"):
        if path.is_file():
            assert SECRET not in path.read_bytes()
            assert b"hunter2" not in path.read_bytes()


def test_a_sealed_value_says_which_key_it_needs(tmp_path: Path) -> None:
    fill(tmp_path, 1, key="acme")
    (value,) = rows_of(tmp_path).all_sealed()
    seal = seal_of(value.sealed)

    assert seal is not None
    assert (seal.key, seal.generation) == ("acme", 1)
