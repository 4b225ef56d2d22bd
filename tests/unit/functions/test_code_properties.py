"""What holds for any code: nothing is lost on the way into a zip and back, and nothing gets out."""

from __future__ import annotations

import asyncio
import io
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workbench.errors import RequestError
from workbench.functions.code import CodeStore
from workbench.functions.packages import Packages
from workbench.functions.sources import IgnoredPaths
from workbench.functions.trees import Listing, Trees, merge, parents
from workbench.model.names import FunctionName

NAME = FunctionName("orders")
IGNORED = IgnoredPaths()
SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # files are written

parts = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="/\\\0:"),
    min_size=1,
    max_size=8,
).filter(lambda part: part not in (".", ".."))
paths = st.lists(parts, min_size=1, max_size=3).map("/".join)
File = tuple[bytes, bool]
trees = st.dictionaries(paths, st.tuples(st.binary(max_size=300), st.booleans()), max_size=6).map(
    lambda files: {
        path: file for path, file in files.items() if not any(up in files for up in parents(path))
    }
)


@contextmanager
def room() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / "around").mkdir()
        yield Path(temporary)


def write(folder: Path, files: dict[str, File]) -> None:
    folder.mkdir()
    for path, (content, executable) in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o755 if executable else 0o644)


def read(folder: Path) -> dict[str, File]:
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes(),
            bool(path.stat().st_mode & stat.S_IXUSR),
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


@SLOW
@given(files=trees)
def test_code_is_the_same_after_a_journey_as_a_zip(files: dict[str, File]) -> None:
    async def journey(here: Path) -> None:
        write(here / "source", files)
        store, other = CodeStore(here / "store"), CodeStore(here / "other")
        code = await store.take(NAME, here / "source", ignored=IGNORED)
        package = await store.package(NAME, code)
        (kept,) = Packages(here / "store").all_of(code.digest)

        arrived, uploaded = await other.take_archive(NAME, kept.place)

        assert read(arrived.folder) == read(code.folder)
        assert arrived.digest == code.digest
        assert uploaded == package
        assert await other.package(NAME, arrived) == package  # made again, from what was unpacked
        assert await other.verified(code.digest) == arrived

    with room() as here:
        asyncio.run(journey(here))


@SLOW
@given(files=trees, changed=st.binary(max_size=300))
def test_the_digest_is_of_the_content_and_of_nothing_else(
    files: dict[str, File], changed: bytes
) -> None:
    async def take(here: Path, name: str) -> str:
        return (await CodeStore(here / name).take(NAME, here / "source", ignored=IGNORED)).digest

    with room() as here:
        write(here / "source", files)
        first = asyncio.run(take(here, "one"))
        assert asyncio.run(take(here, "two")) == first
        before = read(Trees(here / "one").tree(first))
        (here / "source" / "changed").write_bytes(changed)
        again = asyncio.run(take(here, "one"))
        assert (again == first) == (before == read(Trees(here / "one").tree(again)))


# --- hostile bytes ---------------------------------------------------------------------------------------

names = st.one_of(
    paths, st.sampled_from(["../x", "/x", "a/../../x", "a\\b", "a", "a/b", "a/", "."])
)
modes = st.sampled_from(
    [0, 0o100644, 0o100755, 0o40755, 0o120777, 0o20666, 0o10666, 0o60666, 0o140777, 0o777]
)
contents = st.one_of(
    st.binary(max_size=50), st.sampled_from([b"..", b"a", b"../..", b"/etc", b"a/b", b"."])
)


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """A zip of anything, and perhaps some of its bytes changed."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name, mode, content in draw(st.lists(st.tuples(names, modes, contents), max_size=6)):
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            info.create_system = 3
            info.external_attr = mode << 16
            info.compress_type = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
            if name not in made.NameToInfo:
                made.writestr(info, content)
    data = bytearray(target.getvalue())
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


@settings(SLOW, max_examples=200)
@given(data=st.one_of(archives(), st.binary(max_size=200)))
@example(b"PK\5\6" + bytes(18))
def test_any_bytes_are_taken_or_refused_and_nothing_is_written_outside(data: bytes) -> None:
    with room() as here:
        store = here / "store"
        try:
            code, _ = asyncio.run(CodeStore(store).take_archive(NAME, data))
        except RequestError:
            files = [path for path in store.rglob("*") if path != store / "files"]
            assert files == []
        else:
            assert not any(path.is_symlink() for path in code.folder.rglob("*"))
            assert {path.name for path in store.iterdir()} == {
                "files",
                "zips",
                "packages",
                code.digest,
            }
            asyncio.run(CodeStore(store).verified(code.digest))
        assert {path.name for path in here.iterdir()} <= {"store", "around"}
        assert list((here / "around").iterdir()) == []


# --- merging ---------------------------------------------------------------------------------------------


@given(layers=st.lists(trees, max_size=4))
def test_of_merged_trees_the_last_one_counts(layers: list[dict[str, File]]) -> None:
    """Compared with what unpacking them over one another would do, folders for files and back."""
    expected: dict[str, str] = {}
    listings = []
    for number, layer in enumerate(layers):
        listing = Listing(dict.fromkeys(layer, f"{number}"))
        listings.append(listing)
        for path in layer:
            for at in list(expected):
                if at.startswith(f"{path}/") or at in parents(path):
                    del expected[at]
            expected[path] = f"{number}"

    found = merge(listings)

    assert found.files == expected
    assert not {up for path in found.files for up in parents(path)} & {*found.files, *found.empty}


def test_merging_replaces_folders_by_files_and_files_by_folders() -> None:
    first = Listing({"a/x": "1", "b": "1", "c/d/x": "1", "c/y": "1"}, ("e",))
    second = Listing({"a": "2", "b/x": "2", "c/d": "2"}, ("c/z",))

    found = merge([first, second])

    assert found.files == {"a": "2", "b/x": "2", "c/d": "2", "c/y": "1"}
    assert found.empty == ("c/z", "e")
