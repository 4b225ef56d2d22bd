"""Edits of function.toml on real files, with a real journal and real keys."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.fakes.versions import a_published_version
from tests.integration.functions import killed_configuring
from tests.integration.functions.configuring import MANIFEST, ORDERS, Desk, add
from tests.integration.store.disks import fill, small_disk
from workbench.errors import (
    ConflictError,
    FunctionNotFound,
    FunctionNotReady,
    InvalidManifest,
    InvalidParameter,
    KeyMissing,
)
from workbench.model.keys import DEFAULT_KEY
from workbench.model.release import ChangeKind
from workbench.store.releases.sealed import SealedVariables
from workbench.store.rotation import KeyCare

AT_LEAST = 25
"""Steps there are; fewer would mean that the counting sees nothing."""
EDITED = MANIFEST.replace("= 128", "= 512")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return add(tmp_path)


@pytest.fixture
def desk(tmp_path: Path, manifest: Path) -> Desk:
    del manifest
    return Desk(tmp_path)


# --- editing, and taking it back -------------------------------------------------------------------------


def test_two_edits_are_taken_back_one_after_the_other(desk: Desk, manifest: Path) -> None:
    manifest.chmod(0o640)
    change = desk.edit(memory_mb="512")
    assert change is not None
    assert change.summary == "orders: set memory_mb"
    assert desk.edit("environment.DB_PASSWORD", timeout_s="9", environment_TABLE="t") is not None
    assert manifest.read_text() == (
        'runtime = "python3.13"\nmemory_mb = 512  # enough\ntimeout_s = 9\n\n'
        '[environment]\nTABLE = "t"\n'
    )

    second, first = desk.undo(), manifest.read_text()
    assert (second.kind, first) == (ChangeKind.CONFIGURE, EDITED)
    assert second.summary == (
        "orders: set timeout_s, environment.TABLE, unset environment.DB_PASSWORD"
    )
    desk.undo()
    assert manifest.read_text() == MANIFEST
    assert manifest.stat().st_mode & 0o777 == 0o640
    assert all(change.undone_at is not None for change in desk.changes())
    with pytest.raises(ConflictError, match="nothing to undo"):
        desk.undo()


def test_what_it_says_already_is_no_edit(desk: Desk) -> None:
    assert desk.edit(memory_mb="128", environment_DB_PASSWORD="hunter2") is None
    assert desk.changes() == ()


def test_edits_and_other_changes_are_taken_back_in_their_order(desk: Desk, manifest: Path) -> None:
    desk.edit(memory_mb="512")
    desk.store.publish_now(a_published_version(), same=lambda _: False)
    assert desk.undo().kind is ChangeKind.PUBLISH
    assert manifest.read_text() == EDITED
    assert desk.undo().kind is ChangeKind.CONFIGURE
    assert manifest.read_text() == MANIFEST


def test_there_and_back_again_is_taken_back_step_by_step(desk: Desk, manifest: Path) -> None:
    desk.edit(memory_mb="512")
    desk.edit(memory_mb="128")
    assert manifest.read_text() == MANIFEST
    desk.undo()
    assert manifest.read_text() == EDITED
    desk.undo()
    assert manifest.read_text() == MANIFEST


def test_what_somebody_saved_since_is_left_alone(desk: Desk, manifest: Path) -> None:
    desk.edit(memory_mb="512")
    manifest.write_text(EDITED + "# mine\n")
    with pytest.raises(ConflictError, match=r"orders/function\.toml was changed since"):
        desk.undo()
    assert manifest.read_text() == EDITED + "# mine\n"
    assert desk.changes()[0].undone_at is None
    manifest.unlink()
    with pytest.raises(ConflictError, match="is not there any more"):
        desk.undo()
    assert not manifest.exists()
    manifest.write_text(MANIFEST)
    desk.undo()
    assert manifest.read_text() == MANIFEST


def test_the_project_may_have_moved(tmp_path: Path) -> None:
    add(tmp_path / "here")
    Desk(tmp_path / "here").edit(memory_mb="512")
    (tmp_path / "here").rename(tmp_path / "there")
    Desk(tmp_path / "there").undo()
    assert (tmp_path / "there" / "orders" / "function.toml").read_text() == MANIFEST


def test_several_at_once_lose_nothing(tmp_path: Path, manifest: Path) -> None:
    desks = [Desk(tmp_path) for _ in range(4)]
    each = [
        threading.Thread(  # noqa: TID251 - as many processes
            target=desk.edit, kwargs={f"environment_NAME{at}": str(at)}
        )
        for at, desk in enumerate(desks)
    ]
    for thread in each:
        thread.start()
    for thread in each:
        thread.join()
    assert sorted(line for line in manifest.read_text().splitlines() if "NAME" in line) == [
        f'NAME{at} = "{at}"' for at in range(4)
    ]
    for _ in desks:
        desks[0].undo()
    assert manifest.read_text() == MANIFEST


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"handler": "nope.handler"}, "nope"),
        ({"runtime": "cobol"}, 'Unknown runtime "cobol"'),
        ({"layers": '["../gone"]'}, "gone"),
        ({"name": "billing"}, "Another function is named billing too"),
        ({"environment_AWS_REGION": "x"}, "AWS_REGION"),
        ({"environment_A-B": "x"}, '"A-B" cannot be a variable'),
        ({"environment_A\n[x]\n": "x"}, "cannot be a variable"),
        ({"environment_BIG": "x" * 5000}, "The variables take"),
        ({"ignore": '["!"]'}, "no pattern"),
        ({"memory_mb": "1", "timeout_s": "9"}, "memory_mb must be"),
    ],
)
def test_what_would_break_the_function_is_refused(
    tmp_path: Path, manifest: Path, values: dict[str, str], said: str
) -> None:
    add(tmp_path, "billing")
    desk = Desk(tmp_path)
    with pytest.raises(InvalidParameter) as refused:
        desk.edit(**values)
    assert said in str(refused.value)
    assert manifest.read_text() == MANIFEST
    assert desk.changes() == ()


def test_what_was_broken_before_may_stay_so_and_be_mended(tmp_path: Path) -> None:
    manifest = add(tmp_path, manifest='runtime = "python3.13"\nmemory_mb = 64\nnope = 1\n')
    desk = Desk(tmp_path)
    desk.edit(timeout_s="9")
    desk.edit(memory_mb="512")
    assert (
        manifest.read_text() == 'runtime = "python3.13"\nmemory_mb = 512\nnope = 1\ntimeout_s = 9\n'
    )
    with pytest.raises(InvalidParameter, match="cannot be a variable"):
        desk.edit(**{"environment_A-B": "x"})


def test_a_link_is_not_edited(tmp_path: Path) -> None:
    manifest = add(tmp_path)
    real = manifest.rename(tmp_path / "real.toml")
    manifest.symlink_to(real)
    with pytest.raises(InvalidManifest, match="This is a link"):
        Desk(tmp_path).edit(memory_mb="512")
    assert manifest.is_symlink()
    assert real.read_text() == MANIFEST


def test_a_function_that_is_not_there_is_said(desk: Desk) -> None:
    with pytest.raises(FunctionNotFound):
        desk.edit(function="nope", memory_mb="512")


def test_on_a_full_disk_nothing_is_edited_and_nothing_in_the_journal(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    with small_disk(tmp_path / "orders", size="64k") as folder:
        manifest = add(tmp_path)
        fill(folder)
        desk = Desk(tmp_path)
        with pytest.raises(InvalidManifest, match="cannot be written: No space left on device"):
            desk.edit(memory_mb="512")
        assert manifest.read_text() == MANIFEST
        assert desk.changes() == ()
        left = sorted(path.name for path in folder.iterdir())
        assert left == ["app.py", "filler", "function.toml"]


# --- where values come from -----------------------------------------------------------------------------------


async def test_each_value_says_where_it_stands(tmp_path: Path) -> None:
    add(tmp_path)
    (tmp_path / "workbench.toml").write_text(
        '[defaults]\ntimeout_s = 20\n[defaults.environment]\nDB_PASSWORD = "weak"\nTABLE = "t"\n'
    )
    found = await Desk(tmp_path).configuring.configured(ORDERS)
    values = {each.key: (each.value, each.source) for each in found.values}
    assert values["name"] == ("orders", "folder")
    assert values["runtime"] == ("python3.13", "orders/function.toml:1")
    assert values["memory_mb"] == (128, "orders/function.toml:2")
    assert values["timeout_s"] == (20, "workbench.toml:2")
    assert values["ephemeral_storage_mb"] == (512, "default")
    assert values["handler"][1] == "runtime python3.13"
    assert [(each.name, each.shown, each.source, each.overrides) for each in found.variables] == [
        ("DB_PASSWORD", "••••••••", "orders/function.toml:5", ("workbench.toml:4",)),
        ("TABLE", "t", "workbench.toml:5", ()),
    ]


async def test_a_broken_function_says_why_it_has_no_configuration(tmp_path: Path) -> None:
    add(tmp_path, manifest='runtime = "python3.13"\nmemory_mb = 64\n')
    with pytest.raises(FunctionNotReady, match="memory_mb must be"):
        await Desk(tmp_path).configuring.configured(ORDERS)


# --- what is kept is sealed -----------------------------------------------------------------------------------


def test_nothing_of_the_text_is_kept_in_plain(desk: Desk) -> None:
    desk.edit(environment_DB_PASSWORD="correct-horse", description="a battery staple")
    desk.undo()
    kept = b"".join(path.read_bytes() for path in desk.state.rglob("*") if path.is_file())
    assert b"set environment.DB_PASSWORD, description" in kept
    for text in (b"hunter2", b"correct-horse", b"battery", b"python3.13", b"# enough"):
        assert text not in kept


def test_a_rotation_seals_edits_anew(desk: Desk, manifest: Path) -> None:
    desk.edit(memory_mb="512")
    held = SealedVariables(desk.store.database)
    before = {each.id: each for each in held.all_sealed()}
    keys = desk.repository.keys()
    old = keys.files.path(DEFAULT_KEY).read_bytes()

    done = KeyCare(keys, held).rotate(DEFAULT_KEY)

    assert (done.generation, done.resealed, done.unreadable, done.kept) == (2, 2, (), ())
    after = {each.id: each for each in held.all_sealed()}
    assert before.keys() == after.keys()
    assert {each.about for each in after.values()} == {"orders/function.toml"}
    assert not {each.sealed for each in after.values()} & {e.sealed for e in before.values()}
    assert keys.files.path(DEFAULT_KEY).read_bytes() != old
    some = next(iter(before.values()))
    assert not held.replace_sealed(some.id, some.sealed, b"late")
    desk.undo()
    assert manifest.read_text() == MANIFEST


def test_without_the_key_nothing_is_taken_back(desk: Desk, manifest: Path) -> None:
    desk.edit(memory_mb="512")
    desk.repository.keys().files.path(DEFAULT_KEY).unlink()
    with pytest.raises(KeyMissing):
        desk.undo()
    assert manifest.read_text() == EDITED
    assert desk.changes()[0].undone_at is None


@pytest.mark.slow
def test_it_may_be_killed_at_any_step(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", killed_configuring.__name__, tmp_path],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert said.returncode == 0, said.stderr
    assert int(said.stdout) >= AT_LEAST
