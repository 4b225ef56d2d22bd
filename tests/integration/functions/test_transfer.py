"""Functions as files: what is exported, what comes of it elsewhere, and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.functions.stage import RUNTIMES, Stage, stage
from workbench.config.discovery import ProjectReader
from workbench.errors import (
    AlreadyExists,
    ConflictError,
    FunctionNotFound,
    FunctionNotReady,
    ImageMissing,
    InvalidExport,
    InvalidManifest,
    InvalidParameter,
)
from workbench.model.names import FunctionName, Qualifier
from workbench.model.release import Alias, ChangeKind, PublishedVersion
from workbench.model.runtime import Runtime
from workbench.model.telemetry import ProjectChanged
from workbench.model.transfer import Imported
from workbench.model.version import Image

ORDERS = FunctionName("orders")
SECRET = "hunter2-is-secret"
HANDLER = "def handler(event, context):\n    return 1\n"


def written(root: Path, answer: str, *, variables: dict[str, str] | None = None) -> Path:
    folder = root / "orders"
    (folder / "events").mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(HANDLER)
    (folder / "answer").write_text(answer)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "events" / "small.json").write_text('{"n": 1}')
    (folder / "events" / "small.expect.toml").write_text('outcome = "success"\n')
    (folder / "dev.env").write_text(f"API_TOKEN={SECRET}\n")
    lines = "".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in (variables or {}).items()
    )
    (folder / "function.toml").write_text(
        '# ours\nname = "orders"\nruntime = "python3.13"\nhandler = "app.handler"\n'
        f"timeout_s = 30\n[environment] # below\n{lines}"
    )
    return folder


@asynccontextmanager
async def project(root: Path) -> AsyncIterator[Stage]:
    root.mkdir(exist_ok=True)
    reader = ProjectReader(root, runtimes=RUNTIMES)
    async with stage(root, root / ".workbench", reader=reader) as here:
        yield here


async def exported(root: Path, path: Path) -> None:
    """A function of two versions and two aliases, of which the second shares its calls out."""
    written(root, "old", variables={"TABLE": "one", "DB_PASSWORD": SECRET})
    async with project(root) as here:
        versions, aliases = here.releases.versions, here.releases.aliases
        await versions.publish(ORDERS, description="the first")
        written(root, "new", variables={"TABLE": "two", "DB_PASSWORD": SECRET})
        (root / "orders" / "requirements.txt").write_text("boto3")
        installed = root / ".workbench" / "dependencies" / "boto3"
        (installed / "boto3").mkdir(parents=True)
        (installed / "boto3" / "session.py").write_text("# installed")
        (installed / "boto3" / "session.py").chmod(0o755)
        (installed / "latest").symlink_to("boto3")
        await versions.publish(ORDERS)
        written(root, "newest", variables={"TABLE": "three", "DB_PASSWORD": SECRET})
        await versions.publish(ORDERS)
        await versions.delete(ORDERS, Qualifier("3"))
        await aliases.create(ORDERS, "live", Qualifier("1"), description="for all")
        await aliases.create(ORDERS, "next", Qualifier("1"), weights={"2": 0.25})
        done = await here.releases.transfer.export(ORDERS, path)
    assert (done.versions, done.aliases, done.events) == ((1, 2), ("live", "next"), ("small",))
    assert done.size_bytes == path.stat().st_size
    assert {each.version: each.names for each in done.without_values} == {
        "$LATEST": ("DB_PASSWORD",),
        "1": ("API_TOKEN", "DB_PASSWORD"),
        "2": ("API_TOKEN", "DB_PASSWORD"),
    }


async def rows(here: Stage, name: FunctionName = ORDERS) -> tuple[Any, ...]:
    """What must be the same wherever a function is."""
    found = await here.releases.versions.all(name)
    return [_row(each) for each in found], [
        _alias(each) for each in await here.releases.aliases.all(name)
    ]


def _row(each: PublishedVersion) -> tuple[Any, ...]:
    configuration = each.configuration
    return (
        each.number,
        each.description,
        each.published_at,
        each.revision_id,
        each.package,
        each.layers,
        each.opt_digest,
        configuration.timeout_s,
        configuration.handler,
    )


def _alias(each: Alias) -> tuple[Any, ...]:
    return each.name, each.version, each.additional, each.weight, each.description, each.revision_id


def all_bytes(path: Path) -> bytes:
    """Everything in it, unpacked as often as it can be."""
    found = path.read_bytes()
    with zipfile.ZipFile(path) as outer:
        for name in outer.namelist():
            found += name.encode() + outer.read(name)
            if name.endswith(".zip"):
                with outer.open(name) as inner_file, zipfile.ZipFile(inner_file) as inner:
                    found += b"".join(inner.read(each) for each in inner.namelist())
    return found


async def import_(here: Stage, path: Path, **how: Any) -> Imported:
    return await here.releases.transfer.import_file(path, **how)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A project, and the file of its function."""
    folder = tmp_path_factory.mktemp("made")
    asyncio.run(exported(folder / "project", folder / "orders.zip"))
    return folder / "project", folder / "orders.zip"


async def test_what_was_exported_is_the_same_elsewhere(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    source, path = made
    values = tmp_path / "values.env"
    values.write_text(f"DB_PASSWORD={SECRET}\nAPI_TOKEN=other\nUNUSED=x\n")
    async with project(source) as here:
        before = await rows(here)
    there = tmp_path / "there"
    async with project(there) as here:
        done = await import_(here, path, values=values)
        assert await rows(here) == before
        assert (done.versions, done.aliases, done.events) == ((1, 2), ("live", "next"), ("small",))
        assert any("UNUSED" in note for note in done.notes)
        assert [await here.call("orders:1"), await here.call("orders:2")] == [b"old", b"new"]
        opened = here.releases.versions.configuration
        first, second = await here.releases.versions.all(ORDERS)
        assert {v.name: v.value for v in opened(second).variables} == {
            "TABLE": "two",
            "DB_PASSWORD": SECRET,
            "API_TOKEN": "other",
        }
        assert first.dependencies is None
        assert second.dependencies is not None
        installed = there / ".workbench" / second.dependencies.source
        assert (installed / "latest" / "session.py").read_text() == "# installed"
        assert os.access(installed / "boto3" / "session.py", os.X_OK)
        assert (installed / "latest").is_symlink()
        await here.hear(ProjectChanged)
        number, new = await here.releases.versions.publish(ORDERS)
        assert (number.number, new) == (4, True), "3 was given where it came from"
    folder = there / "orders"
    assert not (folder / "dev.env").exists()
    assert (folder / "answer").read_text() == "newest"
    assert os.access(folder / "run.sh", os.X_OK)
    assert (folder / "function.toml").read_text() == (
        '# ours\nname = "orders"\nruntime = "python3.13"\nhandler = "app.handler"\n'
        'timeout_s = 30\n[environment] # below\nTABLE = "three"\nDB_PASSWORD = ""\n'
    )
    for file in ("small.json", "small.expect.toml"):
        kept = source / "orders" / "events" / file
        assert (folder / "events" / file).read_bytes() == kept.read_bytes()


def test_no_secret_value_is_in_it(made: tuple[Path, Path]) -> None:
    content = all_bytes(made[1])
    assert SECRET.encode() not in content
    assert b"DB_PASSWORD" in content


async def test_without_values_it_is_imported_and_what_needs_them_does_not_run(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    async with project(tmp_path / "there") as here:
        done = await import_(here, made[1])
        assert {each.version: each.names for each in done.without_values}[Qualifier("2")] == (
            "API_TOKEN",
            "DB_PASSWORD",
        )
        with pytest.raises(FunctionNotReady, match=r"API_TOKEN, DB_PASSWORD.*--values"):
            await here.call("orders:1")
        values = tmp_path / "values.env"
        values.write_text("DB_PASSWORD=a\nAPI_TOKEN=b\n")
        assert (await here.releases.changes.undo()).kind is ChangeKind.IMPORT
        await import_(here, made[1], values=values)
        assert await here.call("orders:live") == b"old"


async def test_under_another_name_it_is_another_function(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    values = tmp_path / "values.env"
    values.write_text("DB_PASSWORD=a\nAPI_TOKEN=b\n")
    copy = FunctionName("copy")
    async with project(made[0]) as here:
        await import_(here, made[1], name=copy, values=values)
        assert await rows(here, copy) == await rows(here)
        assert await here.call("copy:next") in (b"old", b"new")
        assert 'name = "copy"' in (made[0] / "copy" / "function.toml").read_text()
        with pytest.raises(AlreadyExists, match="--as"):
            await import_(here, made[1])
        await here.releases.changes.undo()
        assert not (made[0] / "copy").exists()
        assert await rows(here) != ([], [])


async def test_undo_takes_all_of_it_back_unless_it_was_changed(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    there = tmp_path / "there"
    async with project(there) as here:
        await import_(here, made[1])
        await here.releases.aliases.create(ORDERS, "more", Qualifier("2"))
        assert (await here.releases.changes.undo()).kind is ChangeKind.CREATE_ALIAS
        (there / "orders" / "answer").write_text("edited")
        with pytest.raises(ConflictError, match="changed since"):
            await here.releases.changes.undo()
        assert len(await here.releases.versions.all(ORDERS)) == 2
        (there / "orders" / "answer").write_text("newest")
        (there / "orders" / "__pycache__").mkdir()
        await here.releases.changes.undo()
        with pytest.raises(FunctionNotFound):
            await here.call("orders:1")
        assert not (there / "orders").exists()
        (kept,) = (there / ".workbench" / "trash").glob("*/orders/answer")
        assert kept.read_text() == "newest"
        await import_(here, made[1])
        assert len(await here.releases.versions.all(ORDERS)) == 2


async def test_what_is_there_is_never_written_over(made: tuple[Path, Path], tmp_path: Path) -> None:
    there = tmp_path / "there"
    (there / "orders").mkdir(parents=True)
    async with project(there) as here:
        with pytest.raises(AlreadyExists, match="orders exists already"):
            await import_(here, made[1])
        (there / "orders").rmdir()
        await import_(here, made[1])
    async with project(there) as here:
        with pytest.raises(AlreadyExists):
            await import_(here, made[1])
        target = tmp_path / "orders.zip"
        target.write_text("mine")
        with pytest.raises(AlreadyExists):
            await here.releases.transfer.export(ORDERS, target)
        assert target.read_text() == "mine"
        with pytest.raises(InvalidParameter, match="cannot be written"):
            await here.releases.transfer.export(ORDERS, tmp_path / "none" / "orders.zip")
        with pytest.raises(FunctionNotFound):
            await here.releases.transfer.export(FunctionName("none"), tmp_path / "none.zip")


async def test_versions_alone_are_exported_where_the_folder_is_gone(tmp_path: Path) -> None:
    source, there, path = tmp_path / "a", tmp_path / "b", tmp_path / "orders.zip"
    folder = written(source, "old")
    (folder / "dev.env").unlink()
    async with project(source) as here:
        await here.releases.versions.publish(ORDERS)
    folder.rename(tmp_path / "elsewhere")
    async with project(source) as here:
        done = await here.releases.transfer.export(ORDERS, path)
        assert (done.versions, done.events, done.without_values) == ((1,), (), ())
    async with project(there) as here:
        assert (await import_(here, path)).folder is None
        assert await here.call("orders:1") == b"old"
        assert (await here.releases.changes.undo()).subject == "orders"


async def test_a_folder_alone_is_exported_where_nothing_was_published(tmp_path: Path) -> None:
    source, there, path = tmp_path / "a", tmp_path / "b", tmp_path / "orders.zip"
    written(source, "old")
    async with project(source) as here:
        await here.releases.transfer.export(ORDERS, path)
    async with project(there) as here:
        done = await import_(here, path)
        assert (done.versions, done.folder) == ((), there / "orders")
    async with project(there) as here:
        assert await here.call() == b"old"
        assert (await here.releases.versions.publish(ORDERS))[0].number == 1


async def test_a_function_toml_that_nobody_can_read_is_not_given_away(tmp_path: Path) -> None:
    folder = written(tmp_path, "old")
    (folder / "function.toml").write_text(f'[environment\nDB_PASSWORD = "{SECRET}"')
    async with project(tmp_path) as here:
        with pytest.raises(InvalidManifest, match="secret"):
            await here.releases.transfer.export(ORDERS, tmp_path / "orders.zip")
    assert not (tmp_path / "orders.zip").exists()


async def test_an_image_that_is_not_here_is_replaced_by_this_machines_own(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with project(tmp_path / "there") as here:

        async def pinned(image: Image, runtime: Runtime, *, subject: str) -> Image:
            if image.digest == "0" * 64:
                raise ImageMissing(image.reference, remedy=subject)
            return image

        async def ensure(runtime: Runtime, **_: Any) -> Image:
            return Image(reference="ours", digest="1" * 64)

        monkeypatch.setattr(here.images, "pinned", pinned)
        monkeypatch.setattr(here.images, "ensure", ensure)
        done = await import_(here, made[1])
        assert sum("this machine's image" in note for note in done.notes) == 2
        images = [each.image.digest for each in await here.releases.versions.all(ORDERS)]
        assert images == ["1" * 64] * 2


async def test_versions_have_their_layers_with_them_and_latest_says_which_it_needs(
    tmp_path: Path,
) -> None:
    source, there, path = tmp_path / "a", tmp_path / "b", tmp_path / "orders.zip"
    folder = written(source, "old")
    (folder / "dev.env").unlink()
    text = (folder / "function.toml").read_text()
    for number in "12":
        (source / f"layer{number}").mkdir()
        (source / f"layer{number}" / "same").write_text(number)
        (source / f"layer{number}" / f"only{number}").write_text(number)
    (folder / "function.toml").write_text('layers = ["../layer1", "../layer2"]\n' + text)
    async with project(source) as here:
        before, _ = await here.releases.versions.publish(ORDERS)
        done = await here.releases.transfer.export(ORDERS, path)
    assert any("../layer1, ../layer2" in sentence for sentence in done.left_out)
    async with project(there) as here:
        await import_(here, path)
        (after,) = await here.releases.versions.all(ORDERS)
        assert (after.layers, after.opt_digest) == (before.layers, before.opt_digest)
        assert await here.call("orders:1") == b"old"
    assert after.opt_digest is not None
    merged = there / ".workbench" / "code" / after.opt_digest
    assert {path.name: path.read_text() for path in merged.iterdir()} == {
        "same": "2",
        "only1": "1",
        "only2": "2",
    }


_NAMES = st.text("abcé ._-", min_size=1, max_size=8).filter(lambda name: name.strip(". ") == name)
_FILES = st.dictionaries(_NAMES.map(lambda name: f"in/{name}"), st.binary(max_size=50), max_size=3)
_VARIABLES = st.dictionaries(
    st.sampled_from(["TABLE", "STAGE", "API_TOKEN", "DB_PASSWORD"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20).map("v".__add__),
)


@settings(max_examples=15)
@given(
    published=st.lists(st.tuples(_FILES, _VARIABLES), min_size=1, max_size=3),
    events=st.dictionaries(st.from_regex(r"[a-z][a-z0-9.-]{0,8}", fullmatch=True), st.binary()),
    weight=st.floats(0, 1),
)
def test_whatever_it_is_it_comes_back_the_same(
    published: list[tuple[dict[str, bytes], dict[str, str]]],
    events: dict[str, bytes],
    weight: float,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_come_and_go(Path(folder), published, events, weight))


async def _come_and_go(
    folder: Path,
    published: list[tuple[dict[str, bytes], dict[str, str]]],
    events: dict[str, bytes],
    weight: float,
) -> None:
    source, path, copy = folder / "a", folder / "orders.zip", FunctionName("copy")
    async with project(source) as here:
        pass
    for files, variables in published:
        function = written(source, "old", variables=variables)
        shutil.rmtree(function / "in", ignore_errors=True)
        (function / "in").mkdir()
        for name, content in files.items():
            (function / name).write_bytes(content)
        for name, content in events.items():
            (function / "events" / f"{name}.json").write_bytes(content)
        async with project(source) as here:
            await here.releases.versions.publish(ORDERS)
    async with project(source) as here:
        versions = await here.releases.versions.all(ORDERS)
        first, last = versions[0].qualifier, versions[-1].qualifier
        weights: dict[str, float] = {last: weight} if last != first else {}
        await here.releases.aliases.create(ORDERS, "live", first, weights=weights)
        await here.releases.transfer.export(ORDERS, path)
        before = await rows(here)
        opened = [here.releases.versions.configuration(each).variables for each in versions]
    async with project(folder / "b") as here:
        done = await import_(here, path, name=copy)
        assert await rows(here, copy) == before
        assert set(done.events) == {"small", *events}
        for each, known in zip(await here.releases.versions.all(copy), opened, strict=True):
            assert {
                variable.name: (variable.value, variable.missing)
                for variable in here.releases.versions.configuration(each).variables
            } == {
                variable.name: ("", True) if variable.secret else (variable.value, False)
                for variable in known
            }
    for file in (source / "orders").rglob("*"):
        relative = file.relative_to(source / "orders")
        if file.is_file() and str(relative) not in ("function.toml", "dev.env"):
            assert (folder / "b" / "copy" / relative).read_bytes() == file.read_bytes()


# --- hostile files -----------------------------------------------------------------------------------


def repacked(path: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    with zipfile.ZipFile(path) as outer:
        entries = {name: outer.read(name) for name in outer.namelist()}
    change(entries)
    with zipfile.ZipFile(target, "w") as outer:
        for name, content in entries.items():
            outer.writestr(name, content)
    return target


def manifest_with(**changed: Any) -> Callable[[dict[str, bytes]], None]:
    def change(entries: dict[str, bytes]) -> None:
        document = json.loads(entries["manifest.json"])
        document.update(changed)
        entries["manifest.json"] = json.dumps(document).encode()

    return change


def version_with(change_version: Callable[[dict[str, Any]], None]) -> Any:
    def change(entries: dict[str, bytes]) -> None:
        document = json.loads(entries["manifest.json"])
        change_version(document["versions"][1])
        entries["manifest.json"] = json.dumps(document).encode()

    return change


def other_code(entries: dict[str, bytes]) -> None:
    """Other content, under the name of what is expected."""
    name = next(name for name in entries if name.startswith("code/"))
    entries[name] = b"PK" + entries[name][2:-1] + b"\1"


def other_folder(path: str) -> Callable[[dict[str, bytes]], None]:
    """A zip with that entry as the code of the folder, everything else as it should be."""

    def change(entries: dict[str, bytes]) -> None:
        import base64
        import io

        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as inner:
            inner.writestr(path, "x")
        digest = hashlib.sha256(target.getvalue())
        document = json.loads(entries["manifest.json"])
        document["folder"]["sha256"] = base64.b64encode(digest.digest()).decode()
        entries["manifest.json"] = json.dumps(document).encode()
        entries[f"code/{digest.hexdigest()}.zip"] = target.getvalue()

    return change


def named(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda entries: entries.update({name: b"{}"})


def without(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda entries: entries.__delitem__(next(n for n in entries if n.startswith(name)))


_LD: dict[str, Any] = {"name": "LD", "value": "x", "source": "x", "overrides": []}
HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "newer": (manifest_with(format=2, workbench="9.9"), "newer workbench"),
    "no format": (manifest_with(format="x"), "states no format"),
    "no manifest": (without("manifest.json"), "not made by"),
    "no json": (named("manifest.json"), "states no format"),
    "no object": (lambda e: e.update({"manifest.json": b"[1]"}), "no JSON object"),
    "cut json": (lambda e: e.update({"manifest.json": b"{"}), "no JSON"),
    "deep json": (lambda e: e.update({"manifest.json": b"[" * 10**6}), "no JSON"),
    "other code": (other_code, "another SHA-256"),
    "no code": (without("code/"), "is not in it"),
    "no dependencies": (without("dependencies/"), "is not in it"),
    "no folder": (without("folder/"), "is not in it"),
    "leads out": (named("../evil"), "leads out"),
    "absolute": (named("/evil"), "absolute"),
    "unknown": (named("events/deep/er.json"), "no export"),
    "event name": (named("events/.hidden.json"), "no export"),
    "function name": (manifest_with(function="../x"), "cannot be a function name"),
    "bad folder": (other_folder("../../x"), "leads out"),
    "other folder": (other_folder("app.py"), "not what its manifest.json says"),
    "last version": (manifest_with(last_version=1), "above the last"),
    "huge number": (manifest_with(last_version=2**70), "cannot be"),
    "nothing": (manifest_with(versions=[], aliases=[], folder=None), "neither"),
    "alias": (
        manifest_with(
            aliases=[
                {
                    "name": "live",
                    "version": "7",
                    "description": "",
                    "revision_id": "0" * 36,
                    "additional": None,
                    "weight": 0.0,
                }
            ]
        ),
        "leads to 7",
    ),
    "memory": (version_with(lambda v: v["configuration"].update(memory_mb=1)), "memory_mb"),
    "unknown key": (version_with(lambda v: v["configuration"].update(evil=1)), "evil"),
    "reserved variable": (
        version_with(lambda v: v["variables"].append({**_LD, "name": "AWS_REGION"})),
        "reserved",
    ),
    "bad variable": (
        version_with(lambda v: v["variables"].append({**_LD, "name": "A=B"})),
        "variable's name",
    ),
    "many variables": (
        version_with(lambda v: v["variables"].append({**_LD, "value": "x" * 5000})),
        "The variables take",
    ),
    "mount": (version_with(lambda v: v["dependencies"].update(target="/etc")), "has none here"),
    "image": (version_with(lambda v: v["image"].update(reference="--evil")), "cannot be"),
    "digest": (version_with(lambda v: v["code"].update(digest="../..")), "cannot be"),
    "time": (version_with(lambda v: v.update(published_at="now")), "for a time"),
    "layers": (version_with(lambda v: v.update(opt_digest="0" * 64)), "layers of version 2"),
    "number": (version_with(lambda v: v.update(number=1)), "twice"),
    "surrogate": (version_with(lambda v: v.update(description="\ud800")), "cannot be"),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_files_are_refused_and_leave_nothing(
    kind: str, made: tuple[Path, Path], tmp_path: Path
) -> None:
    change, told = HOSTILE[kind]
    path = repacked(made[1], tmp_path / "hostile.zip", change)
    there = tmp_path / "there"
    async with project(there) as here:
        with pytest.raises((InvalidExport, InvalidParameter), match=told):
            await import_(here, path)
        assert not (there / "orders").exists()
        assert await here.releases.changes.recent() == ()
        assert not here.releases.repository.store.imports.known_now(ORDERS)
        await import_(here, made[1])


@pytest.mark.parametrize(
    "content", [b"", b"x" * 100, b"PK\5\6" + b"\0" * 18, b"PK\5\6" + b"\xff" * 18]
)
async def test_what_is_no_zip_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "orders.zip"
    path.write_bytes(content)
    async with project(tmp_path / "there") as here:
        with pytest.raises(InvalidExport):
            await import_(here, path)
        with pytest.raises(InvalidParameter, match="cannot be read"):
            await import_(here, tmp_path / "none.zip")
        with pytest.raises(InvalidExport, match="no file"):
            await import_(here, tmp_path)


async def test_a_link_among_the_events_is_refused(made: tuple[Path, Path], tmp_path: Path) -> None:
    path = repacked(made[1], tmp_path / "hostile.zip", lambda _: None)
    info = zipfile.ZipInfo("events/more.json")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "a") as outer:
        outer.writestr(info, "/etc/passwd")
    async with project(tmp_path / "there") as here:
        with pytest.raises(InvalidExport, match="is a link"):
            await import_(here, path)


async def test_a_folder_that_would_run_programs_of_its_own_is_refused(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    """Right in all that can be checked, but for a .git folder."""
    from workbench.functions.code import CodeStore

    def change(entries: dict[str, bytes]) -> None:
        other_folder(".git/config")(entries)

    path = repacked(made[1], tmp_path / "first.zip", change)
    with zipfile.ZipFile(path) as outer:
        name = outer.namelist()[-1]
        _, package = await CodeStore(tmp_path / "code").take_archive("x", outer.read(name))
    told = {
        key: getattr(package, key) for key in ("digest", "sha256", "zip_bytes", "unzipped_bytes")
    }
    path = repacked(path, tmp_path / "second.zip", manifest_with(folder=told))
    async with project(tmp_path / "there") as here:
        with pytest.raises(InvalidExport, match="never part"):
            await import_(here, path)
