"""Installed dependencies there and back, and zips of them that somebody else has made."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from workbench.errors import InvalidArchive
from workbench.functions.dependency_zips import pack_dependencies, unpack_dependencies


def packed(folder: Path) -> bytes:
    target = io.BytesIO()
    pack_dependencies(folder, target)
    return target.getvalue()


def test_links_modes_times_and_empty_folders_come_back(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "tool" / "empty").mkdir(parents=True)
    (source / ".bin").mkdir()
    (source / "tool" / "cli.js").write_text("#!/usr/bin/env node")
    (source / "tool" / "cli.js").chmod(0o755)
    os.utime(source / "tool" / "cli.js", (1_700_000_001, 1_700_000_001))
    (source / ".bin" / "tool").symlink_to("../tool/cli.js")
    (source / "all").symlink_to("tool")
    content = packed(source)
    assert content == packed(source)
    place = unpack_dependencies(content, around=tmp_path / "d", name="x", inner="node_modules")
    assert place == tmp_path / "d" / "x" / "node_modules"
    assert (place / ".bin" / "tool").readlink() == Path("../tool/cli.js")
    assert (place / "all" / "cli.js").read_text() == "#!/usr/bin/env node"
    assert (place / "tool" / "cli.js").stat().st_mode & 0o777 == 0o555
    assert (place / "tool" / "cli.js").stat().st_mtime == 1_700_000_001
    assert [*(place / "tool" / "empty").iterdir()] == []
    again = unpack_dependencies(b"never read", around=tmp_path / "d", name="x", inner=place.name)
    assert again == place


@pytest.mark.parametrize(
    ("name", "mode", "content"),
    [
        ("../out", 0o100644, b"x"),
        ("/out", 0o100644, b"x"),
        ("link", 0o120777, b"../../out"),
        ("link", 0o120777, b"/etc/passwd"),
        ("device", 0o020666, b""),
    ],
)
def test_what_leads_out_is_refused_and_leaves_nothing(
    name: str, mode: int, content: bytes, tmp_path: Path
) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        made.writestr(info, content)
    around = tmp_path / "d"
    with pytest.raises(InvalidArchive):
        unpack_dependencies(target.getvalue(), around=around, name="x", inner="y")
    assert not around.exists() or [*around.iterdir()] == []


def test_a_file_below_a_link_is_refused(tmp_path: Path) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        info = zipfile.ZipInfo("link")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        made.writestr(info, "folder")
        made.writestr("link/file", "x")
    with pytest.raises(InvalidArchive):
        unpack_dependencies(target.getvalue(), around=tmp_path / "d", name="x", inner="y")
