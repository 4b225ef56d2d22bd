from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.config.locations import (
    cache_folder,
    host_id,
    keys_folder,
    runtime_folder,
    state_folder,
)
from workbench.errors import InvalidManifest


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_state_is_private_and_unseen_by_version_control(tmp_path: Path) -> None:
    folder = state_folder(tmp_path)

    assert folder == tmp_path / ".workbench"
    assert mode(folder) == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    assert state_folder(tmp_path) == folder


def test_state_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / ".workbench").mkdir(mode=0o755)

    assert mode(state_folder(tmp_path)) == 0o700


def test_state_is_never_written_through_a_link(tmp_path: Path) -> None:
    """A cloned project could hold one."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".workbench").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InvalidManifest, match="must be a folder, and no link"):
        state_folder(tmp_path)

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_file_in_the_place_of_state_is_said(tmp_path: Path) -> None:
    (tmp_path / ".workbench").write_text("")

    with pytest.raises(InvalidManifest, match="must be a folder"):
        state_folder(tmp_path)


def test_project_that_may_not_be_written_is_said(unprivileged: Path) -> None:
    root = unprivileged / "project"
    root.mkdir(mode=0o500)

    with pytest.raises(InvalidManifest, match="Permission denied"):
        state_folder(root)


def test_cache_is_where_xdg_says(tmp_path: Path) -> None:
    folder = cache_folder({"XDG_CACHE_HOME": str(tmp_path / "c"), "HOME": "/nowhere"})

    assert folder == tmp_path / "c" / "workbench"
    assert mode(folder) == 0o700


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_cache_is_in_the_home_folder_otherwise(tmp_path: Path, value: str) -> None:
    folder = cache_folder({"XDG_CACHE_HOME": value, "HOME": str(tmp_path)})

    assert folder == tmp_path / ".cache" / "workbench"


def test_sockets_go_where_xdg_says(socket_folder: Path) -> None:
    folder = runtime_folder({"XDG_RUNTIME_DIR": str(socket_folder)})

    assert folder == socket_folder / "workbench"
    assert mode(folder) == 0o700


@pytest.mark.parametrize("missing", ["unset", "gone", "too long"])
def test_sockets_go_to_a_private_temporary_folder_otherwise(tmp_path: Path, missing: str) -> None:
    environ = {}
    if missing == "gone":
        environ["XDG_RUNTIME_DIR"] = str(tmp_path / "gone")
    elif missing == "too long":
        long = tmp_path / ("x" * 60)
        long.mkdir()
        environ["XDG_RUNTIME_DIR"] = str(long)

    folder = runtime_folder(environ)

    assert folder.name == f"workbench-{os.getuid()}"
    assert mode(folder) == 0o700
    assert folder.lstat().st_uid == os.getuid()
    assert len(os.fsencode(folder)) <= 60


def test_folder_of_another_user_is_not_used(socket_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder that belongs to another")
    (socket_folder / "workbench").mkdir()
    os.chown(socket_folder / "workbench", 65534, 65534)

    assert runtime_folder({"XDG_RUNTIME_DIR": str(socket_folder)}) != socket_folder / "workbench"
    with pytest.raises(InvalidManifest, match="belongs to another user"):
        cache_folder({"XDG_CACHE_HOME": str(socket_folder)})


def test_host_is_the_same_each_time_and_does_not_give_the_machine_id_away(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("0123456789abcdef0123456789abcdef\n")
    other.write_text("fedcba9876543210fedcba9876543210\n")

    assert host_id(one) == host_id(one)
    assert host_id(one) != host_id(other)
    assert len(host_id(one)) == 16
    assert host_id(one) not in one.read_text()


def test_machine_without_an_id_has_one_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\xff")

    assert host_id(tmp_path / "gone") == host_id(tmp_path / "odd")


def test_keys_are_outside_of_every_project_and_private(tmp_path: Path) -> None:
    folder = keys_folder({"XDG_DATA_HOME": str(tmp_path / "data"), "HOME": "/nowhere"})
    assert folder == tmp_path / "data" / "workbench" / "keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700

    assert keys_folder({"HOME": str(tmp_path)}) == tmp_path / ".local/share/workbench/keys"
