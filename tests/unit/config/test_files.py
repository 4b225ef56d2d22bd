from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.config.files import move_in, read_bytes, write_atomically
from workbench.errors import InvalidManifest


def test_new_file_has_the_mode_any_file_gets(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.write_bytes(b"")

    write_atomically(tmp_path / "new", b"content")

    assert (tmp_path / "new").read_bytes() == b"content"
    assert (tmp_path / "new").stat().st_mode == usual.stat().st_mode


def test_link_is_replaced_and_what_it_leads_to_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "link").symlink_to("target")

    write_atomically(tmp_path / "link", b"new")

    assert (tmp_path / "target").read_bytes() == b"precious"
    assert (tmp_path / "link").read_bytes() == b"new"
    assert not (tmp_path / "link").is_symlink()


def test_existing_file_is_kept_when_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "file", b"new", overwrite=False)

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_failure_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "folder", b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_longest_names_can_be_written(tmp_path: Path) -> None:
    name = "n" * 255

    write_atomically(tmp_path / name, b"x")

    assert (tmp_path / name).read_bytes() == b"x"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that belongs to another")
def test_file_that_may_not_be_linked_can_still_be_renamed_and_overwrites_nothing(
    unprivileged: Path,
) -> None:
    """`fs.protected_hardlinks` forbids a link to another user's file; so do some file systems."""
    os.seteuid(0)
    (unprivileged / "theirs").write_bytes(b"theirs")
    (unprivileged / "taken").write_bytes(b"taken")
    os.seteuid(65534)
    folder = os.open(unprivileged, os.O_RDONLY | os.O_DIRECTORY)

    with pytest.raises(FileExistsError):
        move_in(folder, "theirs", "taken")
    move_in(folder, "theirs", "renamed")
    os.close(folder)

    assert {p.name: p.read_bytes() for p in unprivileged.iterdir()} == {
        "renamed": b"theirs",
        "taken": b"taken",
    }


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/proc/kallsyms", "at most 100 are read"),  # a size of 0, and much more in it
        ("/proc/self/mem", "It cannot be read: Input/output error"),
    ],
)
def test_file_that_is_not_what_it_seems_is_a_complaint(path: str, says: str) -> None:
    if not Path(path).exists():
        pytest.skip(f"this system has no {path}")

    with pytest.raises(InvalidManifest, match=says):
        read_bytes(Path(path), limit=100)
