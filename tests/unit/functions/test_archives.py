"""Uploaded archives: what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

import base64
import hashlib
import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.errors import CodeTooLarge, InvalidArchive, RequestError, ZipTooLarge
from workbench.functions import archives
from workbench.functions.code import CodeStore
from workbench.model.version import Code

Fill = Callable[[zipfile.ZipFile], object]


@pytest.fixture
def store(tmp_path: Path) -> CodeStore:
    return CodeStore(tmp_path / "store")


def archive(*fills: Fill, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as made:
        for fill in fills:
            fill(made)
    return target.getvalue()


def entry(name: str, content: bytes = b"x", mode: int = stat.S_IFREG | 0o644) -> Fill:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    info.create_system = 3
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return lambda made: made.writestr(info, content)


def link(name: str, target: str) -> Fill:
    return entry(name, target.encode(), stat.S_IFLNK | 0o777)


def contents(code: Code) -> dict[str, bytes]:
    return {
        path.relative_to(code.folder).as_posix(): path.read_bytes()
        for path in code.folder.rglob("*")
        if path.is_file()
    }


def left(tmp_path: Path) -> list[str]:
    """Every file and folder there is, but for the store's own empty rooms."""
    return sorted(
        str(path.relative_to(tmp_path))
        for path in tmp_path.rglob("*")
        if path not in (tmp_path / "store", tmp_path / "store" / "files")
    )


# --- accepted -------------------------------------------------------------------------------------------


async def test_an_archive_is_kept_as_it_came_and_unpacked(store: CodeStore, tmp_path: Path) -> None:
    data = archive(
        entry("app.py", b"pass"),
        entry("bin/run", b"#!/bin/sh", stat.S_IFREG | 0o700),
        entry("lib/secret.py", b"s", stat.S_IFREG | 0o600),
        entry("empty/", b"", stat.S_IFDIR | 0o755),
        entry("./lib//dotted.py", b"d"),
    )
    place = tmp_path / "up.zip"
    place.write_bytes(data)

    code, package = await store.take_archive("orders", place)

    assert contents(code) == {
        "app.py": b"pass",
        "bin/run": b"#!/bin/sh",
        "lib/secret.py": b"s",
        "lib/dotted.py": b"d",
    }
    assert (code.folder / "empty").is_dir()
    modes = {path.name: path.stat().st_mode & 0o777 for path in code.folder.rglob("*")}
    assert (modes["run"], modes["secret.py"], modes["lib"]) == (0o555, 0o444, 0o755)
    sha = hashlib.sha256(data)
    assert package.sha256 == base64.b64encode(sha.digest()).decode()
    assert (package.zip_bytes, package.unzipped_bytes) == (len(data), 4 + 9 + 1 + 1)
    assert (tmp_path / "store" / "zips" / f"{sha.hexdigest()}.zip").read_bytes() == data
    assert await store.take_archive("orders", data) == (code, package)


async def test_two_archives_of_the_same_code_are_both_kept(
    store: CodeStore, tmp_path: Path
) -> None:
    one = archive(entry("app.py"))
    other = archive(entry("app.py"), lambda made: setattr(made, "comment", b"another"))

    code, first = await store.take_archive("orders", one)
    again, second = await store.take_archive("orders", other)

    assert code == again
    assert first.sha256 != second.sha256
    kept = {path.read_bytes() for path in (tmp_path / "store" / "zips").iterdir()}
    assert kept == {one, other}


async def test_links_inside_become_what_they_lead_to(store: CodeStore) -> None:
    code, package = await store.take_archive(
        "orders",
        archive(
            entry("lib/v1/a.py", b"A"),
            entry("lib/v1/run", b"R", stat.S_IFREG | 0o755),
            link("lib/current", "v1"),
            link("a.py", "./lib/current/a.py"),
            link("lib/v1/up", "../.."),
            link("dangling", "nowhere"),
        ),
    )

    assert contents(code)["a.py"] == b"A"
    assert contents(code)["lib/current/run"] == b"R"
    assert (code.folder / "lib/current/run").stat().st_mode & 0o111
    assert not (code.folder / "dangling").exists()
    assert not any(path.is_symlink() for path in code.folder.rglob("*"))
    assert package.unzipped_bytes == sum(len(each) for each in contents(code).values())


async def test_names_of_zip_on_linux_are_utf8_without_the_mark(store: CodeStore) -> None:
    data = archive(entry("XXtil.py")).replace(b"XXtil.py", "ütil.py".encode())

    code, _ = await store.take_archive("orders", data)

    assert set(contents(code)) == {"ütil.py"}


# --- refused --------------------------------------------------------------------------------------------


def marked(data: bytes, offset: int, flag: int) -> bytes:
    """Set a 16-bit field of the only entry, in both of its headers."""
    found = bytearray(data)
    for mark, at in ((b"PK\3\4", offset), (b"PK\1\2", offset + 2)):
        struct.pack_into("<H", found, found.index(mark) + at, flag)
    return bytes(found)


def corrupt(data: bytes) -> bytes:
    at = data.index(b"app.py") + len("app.py") + 1
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def longer(data: bytes) -> bytes:
    """Says of its only entry that it has more than it has."""
    found = bytearray(data)
    struct.pack_into("<I", found, found.index(b"PK\1\2") + 24, 1000)
    return bytes(found)


DEVICE = archive(entry("app.py"), entry("null", b"", stat.S_IFCHR | 0o666))
REFUSED = {
    "absolute": (archive(entry("/etc/passwd")), "'/etc/passwd' has an absolute path"),
    "dots": (archive(entry("a/../../x")), "'a/../../x' leads out"),
    "backslash": (archive(entry("a\\..\\x")), "backslash"),
    "drive": (archive(entry("c:x.txt")), "drive letter"),
    "link-out": (archive(link("a/l", "../../x")), "'a/l' is a link that leads out"),
    "link-absolute": (archive(link("l", "/etc/passwd")), "'l' is a link that leads out"),
    "link-out-by-links": (
        archive(entry("d/e/f"), link("up", "d/e"), link("l", "up/../../..")),
        "'l' is a link that leads out",
    ),
    "link-loop": (archive(link("a", "b"), link("b", "a")), "leads to itself"),
    "link-nothing": (archive(link("a", "")), "a link to nothing"),
    "link-long": (archive(link("a", "x" * 5000)), "'a' is a link with more than"),
    "through-a-link": (archive(entry("d/x"), link("l", "d"), entry("l/y")), "'l' is a file and a"),
    "device": (DEVICE, "'null' is a device"),
    "fifo": (archive(entry("p", b"", stat.S_IFIFO | 0o666)), "'p' is a device, a pipe"),
    "socket": (archive(entry("s", b"", stat.S_IFSOCK | 0o666)), "'s' is a device, a pipe"),
    "twice": (archive(entry("a"), entry("./a")), "'./a' is in it twice"),
    "file-then-folder": (archive(entry("a"), entry("a/b")), "'a' is a file and a folder"),
    "folder-then-file": (archive(entry("a/b"), entry("a")), "'a' is in it twice, or is a file"),
    "folder-mode": (archive(entry("a", b"x", stat.S_IFDIR | 0o755)), "'a' is a file and a folder"),
    "folder-content": (archive(entry("a/", b"x", stat.S_IFDIR | 0o755)), "with content"),
    "no-name": (archive(entry(".")), "has no name"),
    "long-name": (archive(entry("n" * 256)), "a name of more than 255 bytes"),
    "long-path": (archive(entry("/".join(["n" * 200] * 11))), "a path of more than 2048 bytes"),
    "nul": (archive(entry("aXb")).replace(b"aXb", b"a\0b"), "a NUL in its name"),
    "not-utf8": (archive(entry("aXb")).replace(b"aXb", b"a\xffb"), "not UTF-8"),
    "not-utf8-marked": (archive(entry("aü")).replace(b"\xc3\xbc", b"\xff\xff"), "not UTF-8"),
    "encrypted": (marked(archive(entry("app.py")), 6, 1), "'app.py' is encrypted"),
    "method": (marked(archive(entry("app.py")), 8, 12), "'app.py' is compressed by method 12"),
    "crc": (
        corrupt(archive(entry("app.py", b"x" * 100))),
        "'app.py' cannot be read|not as long",
    ),
    "longer": (longer(archive(entry("app.py", b"x" * 100))), "'app.py'"),
    "no-zip": (b"not a zip", "cannot be read: File is not a zip file"),
    "nothing": (b"", "cannot be read"),
    "cut": (archive(entry("app.py", b"x" * 100))[:-30], "cannot be read"),
}


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED)
async def test_a_refused_archive_leaves_nothing(
    data: bytes, reason: str, store: CodeStore, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArchive, match=reason) as refused:
        await store.take_archive("orders", data)

    assert str(refused.value).startswith("Could not unzip uploaded file. Please check your file")
    assert left(tmp_path) == []


async def test_a_bomb_is_refused_before_it_is_unpacked(store: CodeStore, tmp_path: Path) -> None:
    half = bytes(archives.UNZIPPED_BYTES // 2)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        made.writestr("a.bin", half)
        made.writestr("b.bin", half)

    with pytest.raises(CodeTooLarge, match=r"smaller than 262144000 bytes.*'a\.bin' \(131"):
        await store.take_archive("orders", target.getvalue())
    assert left(tmp_path) == []


async def test_a_bomb_of_links_is_refused(store: CodeStore, tmp_path: Path) -> None:
    """Each folder has the one before it ten times."""
    fills = [entry("d0/x", b"")]
    for depth in range(1, 8):
        fills += [link(f"d{depth}/l{n}", f"../d{depth - 1}") for n in range(10)]

    with pytest.raises(InvalidArchive, match="Its links followed"):
        await store.take_archive("orders", archive(*fills))
    assert left(tmp_path) == []


async def test_more_entries_than_anybody_needs_are_refused_unread(store: CodeStore) -> None:
    with pytest.raises(InvalidArchive, match="more than 100000 entries"):
        await store.take_archive("orders", b"PK\1\2" * 100_001)


async def test_a_large_zip_is_refused_unread(store: CodeStore, tmp_path: Path) -> None:
    large = tmp_path / "large.zip"
    with large.open("wb") as file:
        file.truncate(archives.ZIPPED_BYTES)

    with pytest.raises(ZipTooLarge, match="Zipped size must be smaller than 52428800 bytes"):
        await store.take_archive("orders", large)
    with pytest.raises(ZipTooLarge):
        await store.take_archive("orders", large.read_bytes())


async def test_layers_count(store: CodeStore) -> None:
    with pytest.raises(RequestError, match="262144000 of them in layers"):
        await store.take_archive(
            "orders", archive(entry("a", b"")), taken_bytes=archives.UNZIPPED_BYTES
        )
