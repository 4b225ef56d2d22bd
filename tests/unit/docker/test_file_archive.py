"""Archives of an engine's API: what goes in comes out, and nothing comes out elsewhere."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from workbench.docker.file_archive import pack, unpack
from workbench.errors import DriverError


def archived(*members: tuple[str, str, str]) -> io.BytesIO:
    """As the engine gives it. A member: its name, its kind, and what a link leads to or a file has in it."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind.encode()
            if member.isreg():
                member.size = len(content)
            else:
                member.linkname = content
            tar.addfile(member, io.BytesIO(content.encode()))
    made.seek(0)
    return made


FILE, HARD, LINK, DEVICE, FOLDER = "0", "1", "2", "3", "5"


def test_a_folder_comes_out_as_it_went_in(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "tool").write_bytes(b"\x00\xff")
    (source / "inner" / "tool").chmod(0o755)
    (source / "note").write_text("n")
    (source / "note").chmod(0o644)
    os.utime(source / "note", (1_000_000_000, 1_000_000_000))
    (source / "link").symlink_to("../elsewhere")
    target.mkdir()

    with (tmp_path / "archive").open("w+b") as file:
        pack(source, file, under="installed")
        with tarfile.open(fileobj=file) as tar:
            owners = {(member.uid, member.gid, member.uname) for member in tar}
        file.seek(0)
        unpack(file, target)

    assert owners == {(0, 0, "")}
    assert sorted(str(p.relative_to(target)) for p in target.rglob("*")) == [
        *("inner", "inner/tool", "link", "note")
    ]
    assert (target / "inner" / "tool").read_bytes() == b"\x00\xff"
    assert (target / "inner" / "tool").stat().st_mode & 0o777 == 0o755
    assert (target / "note").stat().st_mode & 0o777 == 0o644
    assert (target / "note").stat().st_mtime == 1_000_000_000
    assert (target / "link").readlink() == Path("../elsewhere")


def test_one_file_goes_into_the_folder_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "program").write_text("p")
    with (tmp_path / "archive").open("w+b") as file:
        pack(tmp_path / "program", file, under="inner")
        with tarfile.open(fileobj=file) as tar:
            assert tar.getnames() == ["inner/program"]


def test_two_names_of_one_file_stay_that(tmp_path: Path) -> None:
    unpack(archived(("i/a", FILE, "a"), ("i/b", HARD, "i/a")), tmp_path)

    assert (tmp_path / "b").samefile(tmp_path / "a")


@pytest.mark.parametrize(
    "members",
    [
        [("i/../../out", FILE, "x")],
        [("i/link", LINK, "/"), ("i/link/out", FILE, "x")],
        [("i/link", LINK, ".."), ("i/link/out", FOLDER, "")],
        [("i/link", LINK, ".."), ("i/in", FOLDER, ""), ("i/link/in/out", LINK, "x")],
        [("i/out", HARD, "i/../../secret")],
        [("i/out", HARD, "i")],
        [("i/null", DEVICE, "")],
        [("/etc/out", FILE, "x")],
        [("i/a", FILE, "x"), ("i/a", FILE, "y")],
    ],
)
def test_nothing_is_written_outside_or_over_anything(
    members: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("s")
    into = tmp_path / "into"
    into.mkdir()

    with pytest.raises((DriverError, OSError)):
        unpack(archived(*members), into)

    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["into", "secret"]
    assert (tmp_path / "secret").stat().st_nlink == 1


def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="archive that is none"):
        unpack(io.BytesIO(b"nonsense" * 200), tmp_path)
