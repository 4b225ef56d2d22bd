"""Code as zips: what is packaged comes out again as it was, and damage is found and mended."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import (
    CodeDamaged,
    CodeTooLarge,
    FunctionNotReady,
    InvalidParameter,
    ZipTooLarge,
)
from workbench.functions import archives, packages, packing
from workbench.functions.code import CodeStore
from workbench.functions.sources import IgnoredPaths
from workbench.model.names import FunctionName
from workbench.model.release import CodePackage
from workbench.model.version import Code

NAME = FunctionName("orders")


@pytest.fixture
def store(tmp_path: Path) -> CodeStore:
    return CodeStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "orders"
    (folder / "pkg").mkdir(parents=True)
    (folder / "app.py").write_text("def handler(event, context): return 1\n")
    (folder / "pkg" / "ütil.py").write_text("X = 1\n" * 5000)
    (folder / "noise.bin").write_bytes(os.urandom(300_000))
    (folder / "bootstrap").write_text("#!/bin/sh\n")
    (folder / "bootstrap").chmod(0o700)
    return folder


async def package_folder(
    store: CodeStore, folder: Path, *mount: str, taken_bytes: int = 0
) -> tuple[Code, CodePackage]:
    return await store.package_folder(
        NAME, folder, ignored=IgnoredPaths(), mount_points=mount, taken_bytes=taken_bytes
    )


async def take(store: CodeStore, folder: Path, *mount: str) -> Code:
    return await store.take(NAME, folder, ignored=IgnoredPaths(), mount_points=mount)


def zip_of(tmp_path: Path, package: CodePackage) -> Path:
    return tmp_path / "store" / "zips" / f"{base64.b64decode(package.sha256).hex()}.zip"


def contents(folder: Path) -> dict[str, tuple[bytes, bool]]:
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes(),
            bool(path.stat().st_mode & 0o100),
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


def overwrite(path: Path, content: bytes) -> None:
    """In place, so that every link to the file has it."""
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


# --- packaging -------------------------------------------------------------------------------------------


async def test_a_package_is_a_zip_that_anybody_can_read(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    code = await take(store, folder, "node_modules")
    package = await store.package(NAME, code)

    place = zip_of(tmp_path, package)
    data = place.read_bytes()
    assert package.sha256 == base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert package.zip_bytes == len(data)
    assert package.unzipped_bytes == sum(len(each) for each, _ in contents(folder).values())
    with zipfile.ZipFile(place) as archive:
        assert archive.testzip() is None
        infos = {info.filename: info for info in archive.infolist()}
        assert {
            name: (archive.read(name), bool(info.external_attr >> 16 & 0o100))
            for name, info in infos.items()
            if not info.is_dir()
        } == contents(folder)
        assert infos["node_modules/"].is_dir()
        assert {info.date_time for info in infos.values()} == {(1980, 1, 1, 0, 0, 0)}
        assert infos["noise.bin"].compress_type == zipfile.ZIP_STORED


async def test_the_same_code_has_the_same_package_wherever_and_whenever_it_is_made(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    first = await store.package(NAME, await take(store, folder))
    made = zip_of(tmp_path, first).stat()
    again = await store.package(NAME, await take(store, folder))
    other = CodeStore(tmp_path / "other")
    os.utime(folder / "app.py", (1000, 1000))

    assert again == first
    assert zip_of(tmp_path, first).stat().st_mtime_ns == made.st_mtime_ns  # not made once more
    assert await other.package(NAME, await take(other, folder)) == first


async def test_many_files_are_counted_in_the_larger_records(tmp_path: Path) -> None:
    from workbench.functions.packing import pack
    from workbench.functions.trees import TreeFile

    empty = tmp_path / "empty"
    empty.touch()
    files = [
        TreeFile(path=f"{n:06}", place=empty, executable=False, size_bytes=0, inode=n)
        for n in range(0x10000)
    ]
    target = io.BytesIO()
    pack(files, [], target, limit_bytes=archives.ZIPPED_BYTES)

    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == [file.path for file in files]


async def test_too_much_code_is_refused_with_its_largest_files(
    store: CodeStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await take(store, folder)
    package = await store.package(NAME, code)
    limit = archives.UNZIPPED_BYTES
    room = limit - package.unzipped_bytes

    assert await store.package(NAME, code, taken_bytes=room - 1) == package
    with pytest.raises(CodeTooLarge) as refused:
        await store.package(NAME, code, taken_bytes=room)
    assert str(refused.value).startswith(
        f"Unzipped size must be smaller than {limit} bytes. It has {limit}, {room} of them in "
        "layers. The largest files: 'noise.bin' (0.3 MB), 'pkg/ütil.py' (0.0 MB), "
    )


async def test_too_large_a_zip_is_refused_and_nothing_of_it_is_left(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    (folder / "large.bin").write_bytes(os.urandom(archives.ZIPPED_BYTES))
    code = await take(store, folder)

    with pytest.raises(ZipTooLarge, match=r"smaller than 52428800 bytes\..* 'large\.bin' \(52\.4"):
        await store.package(NAME, code)
    left = {path.name for path in (tmp_path / "store").iterdir()}
    assert left == {"files", code.digest}


async def test_a_name_that_no_zip_may_hold_is_refused(store: CodeStore, folder: Path) -> None:
    (folder / "a\\b").touch()

    with pytest.raises(InvalidParameter, match="backslash"):
        await store.package(NAME, await take(store, folder))


async def test_damaged_code_is_not_packaged(store: CodeStore, folder: Path) -> None:
    code = await take(store, folder)
    overwrite(code.folder / "app.py", b"not what was taken")

    with pytest.raises(CodeDamaged, match=r"'app\.py' has other content.*Delete"):
        await store.package(NAME, code)


# --- packaging a folder ----------------------------------------------------------------------------------


async def test_a_folder_has_the_package_that_its_tree_has_and_no_tree_is_made(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "index.js").write_text("1")
    other = CodeStore(tmp_path / "other")
    expected = await other.package(NAME, await take(other, folder, "node_modules"))

    code, package = await package_folder(store, folder, "node_modules")

    assert package == expected
    assert code.digest == package.digest
    assert {path.name for path in (tmp_path / "store").iterdir()} == {"files", "zips", "packages"}
    before = contents(folder)
    shutil.rmtree(folder)
    assert await CodeStore(tmp_path / "store").verified(code.digest) == code
    assert contents(code.folder) == {
        path: file for path, file in before.items() if not path.startswith("node_modules/")
    }
    assert list((code.folder / "node_modules").iterdir()) == []
    assert {path.stat().st_mode & 0o777 for path in code.folder.rglob("*") if path.is_file()} == {
        0o444,
        0o555,
    }


async def test_unpacked_code_shares_its_files_with_what_is_there(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    there = await take(store, folder)
    (folder / "app.py").write_text("another\n")
    code, _ = await package_folder(store, folder)
    await store.verified(code.digest)

    same = {path for path in contents(folder) if (code.folder / path).samefile(there.folder / path)}
    assert same == {"pkg/ütil.py", "noise.bin", "bootstrap"}
    assert contents(code.folder) == contents(folder)


async def test_an_unchanged_folder_is_not_packed_again(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    _, package = await package_folder(store, folder)
    made = zip_of(tmp_path, package).stat()

    for again in (store, CodeStore(tmp_path / "store")):
        assert (await package_folder(again, folder))[1] == package
        assert zip_of(tmp_path, package).stat().st_mtime_ns == made.st_mtime_ns


async def test_a_damaged_zip_is_made_again_where_it_is_all_there_is(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    _, package = await package_folder(store, folder)
    overwrite(zip_of(tmp_path, package), bytes(package.zip_bytes))

    code, again = await package_folder(store, folder)

    assert again == package
    await CodeStore(tmp_path / "store").verified(code.digest)
    assert contents(code.folder) == contents(folder)


async def test_code_that_was_packaged_can_be_taken_by_the_same_process(
    store: CodeStore, folder: Path
) -> None:
    code, _ = await package_folder(store, folder)

    assert await take(store, folder) == code
    assert contents(code.folder) == contents(folder)


async def test_what_is_packaged_is_what_was_read_last(
    store: CodeStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody saves between looking whether that code is known and packing it."""

    def saved(*arguments: Any, **named: Any) -> Any:
        (folder / "app.py").write_text("saved meanwhile, and longer than it was\n")
        return packing.pack(*arguments, **named)

    monkeypatch.setattr(packages, "pack", saved)
    code, package = await package_folder(store, folder)
    monkeypatch.undo()

    assert package.unzipped_bytes == sum(len(each) for each, _ in contents(folder).values())
    assert code == await take(store, folder)
    assert (await package_folder(store, folder))[1] == package


async def test_a_folder_too_large_is_refused_and_nothing_of_it_is_left(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    (folder / "large.bin").write_bytes(os.urandom(archives.ZIPPED_BYTES))
    with pytest.raises(ZipTooLarge, match=r"'large\.bin' \(52\.4"):
        await package_folder(store, folder)
    (folder / "large.bin").unlink()
    _, package = await package_folder(store, folder)
    with pytest.raises(CodeTooLarge):
        await package_folder(store, folder, taken_bytes=archives.UNZIPPED_BYTES)

    assert [path.stem for path in (tmp_path / "store").glob("packages/*")] == [package.digest]
    assert len([*(tmp_path / "store").glob("zips/*")]) == 1


async def test_what_no_archive_may_hold_is_not_published(
    store: CodeStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "ENTRIES", 4)
    await package_folder(store, folder)
    (folder / "one_more.py").touch()
    with pytest.raises(InvalidParameter, match="more than 4 files"):
        await package_folder(store, folder)
    (folder / "one_more.py").rename(folder / "a\\b")
    monkeypatch.undo()
    with pytest.raises(InvalidParameter, match="backslash"):
        await package_folder(store, folder)


async def test_what_cannot_be_read_is_said(store: CodeStore, tmp_path: Path) -> None:
    with pytest.raises(FunctionNotReady, match="gone"):
        await package_folder(store, tmp_path / "gone")


# --- verification ----------------------------------------------------------------------------------------


async def damaged(store: CodeStore, folder: Path, tmp_path: Path) -> tuple[Code, CodePackage]:
    code = await take(store, folder)
    package = await store.package(NAME, code)
    overwrite(code.folder / "app.py", b"other")
    (code.folder / "bootstrap").unlink()
    (code.folder / "pkg" / "extra.py").touch()
    return code, package


async def test_sound_code_is_read_once(store: CodeStore, folder: Path, tmp_path: Path) -> None:
    code = await take(store, folder)

    assert await CodeStore(tmp_path / "store").verified(code.digest) == code
    assert await store.verified(code.digest) == code
    overwrite(code.folder / "app.py", b"other")
    assert await store.verified(code.digest) == code  # not read again by this process


async def test_damage_is_mended_from_the_zip(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    code, _ = await damaged(store, folder, tmp_path)
    identity = code.folder.stat().st_ino

    assert await CodeStore(tmp_path / "store").verified(code.digest) == code
    assert contents(code.folder) == contents(folder)
    assert code.folder.stat().st_ino == identity  # containers run from this very folder


async def test_a_damaged_blob_is_mended_for_every_tree_that_has_it(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    published = await take(store, folder)
    await store.package(NAME, published)
    (folder / "new.py").touch()
    unpublished = await take(store, folder)
    overwrite(published.folder / "app.py", b"other")
    again = CodeStore(tmp_path / "store")

    with pytest.raises(CodeDamaged, match=r"'app\.py' has other content"):
        await again.verified(unpublished.digest)  # it has no zip of its own
    await again.verified(published.digest)
    assert await again.verified(unpublished.digest) == unpublished
    assert contents(unpublished.folder) == contents(folder)


async def test_a_whole_tree_is_made_again(store: CodeStore, folder: Path, tmp_path: Path) -> None:
    code = await take(store, folder, "node_modules")
    await store.package(NAME, code)
    for place in (code.folder, code.folder.parent / "files"):
        shutil.rmtree(place)

    assert await store.verified(code.digest) == code
    assert contents(code.folder) == contents(folder)
    assert list((code.folder / "node_modules").iterdir()) == []


async def test_a_damaged_zip_mends_nothing(store: CodeStore, folder: Path, tmp_path: Path) -> None:
    code, package = await damaged(store, folder, tmp_path)
    overwrite(zip_of(tmp_path, package), b"PK")

    with pytest.raises(CodeDamaged, match=r"\.zip is missing or has other content"):
        await CodeStore(tmp_path / "store").verified(code.digest)
    assert (code.folder / "app.py").read_bytes() == b"other"


async def test_code_that_was_never_here_is_damaged(store: CodeStore) -> None:
    with pytest.raises(CodeDamaged, match="is missing"):
        await store.verified("0" * 64)
