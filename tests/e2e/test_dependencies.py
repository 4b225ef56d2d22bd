"""Dependencies: installed inside the runtime's own image, once, and there for the function."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.workshop import RUNTIMES, TEST_LABELS, Workshop, a_docker_stage, a_workshop, until
from workbench.assembly.tidying import delete_unused
from workbench.config.dependencies import read_stated
from workbench.docker.dependencies import DockerDependencies
from workbench.docker.files import Files
from workbench.errors import BuildFailed, InvalidManifest
from workbench.model.container import Mount
from workbench.model.names import FunctionName, RuntimeName
from workbench.model.telemetry import BuildBroke, BuildFinished, BuildProgress, BuildStarted

pytestmark = pytest.mark.docker

NAME = FunctionName("orders")
REQUIREMENTS = "# one small package\nsix==1.17.0\n"
PACKAGE = {"name": "orders", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}}
LOCK = {
    "name": "orders",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "orders", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}},
        "node_modules/is-number": {
            "version": "7.0.0",
            "integrity": "sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9c"
            "GvNp6NZWZUBlbGXYxxng==",
            "license": "MIT",
        },
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A function's."""
    folder = tmp_path / "orders"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where dependencies are kept."""
    return tmp_path / "dependencies"


@asynccontextmanager
async def a_store(
    store: Path, labels: tuple[tuple[str, str], ...] = TEST_LABELS, *, seen: bool = True
) -> AsyncIterator[tuple[DockerDependencies, Workshop]]:
    """seen: as if the engine saw this machine's folders, or did not."""
    async with a_workshop() as workshop:
        files = Files(workshop.client, labels=labels)
        files.seen = seen
        async with (
            files.open(),
            DockerDependencies.open(workshop.images, files, folder=store, labels=labels) as opened,
        ):
            yield opened, workshop


async def ensure(
    opened: DockerDependencies, workshop: Workshop, folder: Path, name: str
) -> Mount | None:
    image = await workshop.image(name)
    workshop.told()
    runtime = RUNTIMES[RuntimeName(name)]
    stated = None if runtime.dependencies is None else read_stated(runtime.dependencies, folder)
    return None if stated is None else await opened.ensure(NAME, stated, runtime, image)


@pytest.mark.parametrize(
    ("name", "seen"), [("python3.11", True), ("python3.13", True), ("python3.13", False)]
)
async def test_requirements_are_there_for_the_function(
    name: str, seen: bool, folder: Path, store: Path, tmp_path: Path
) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    async with a_store(store, seen=seen) as (opened, workshop):
        mount = await ensure(opened, workshop, folder, name)
        told = workshop.told()
    assert mount is not None

    files = {"app.py": "import six\ndef handler(e, c): return [six.__version__, six.__file__]\n"}
    async with a_docker_stage(name, tmp_path / "cache") as stage:
        done = await stage.invoke(files, "app.handler", dependencies=mount)

    assert done.answer == ["1.17.0", "/var/dependencies/six.py"]
    assert told[0] == BuildStarted(subject="dependencies of orders", functions=(NAME,))
    assert isinstance(told[-1], BuildFinished)
    lines = [value.line for value in told if isinstance(value, BuildProgress)]
    assert any("Successfully installed six-1.17.0" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "seen"), [("nodejs20.x", True), ("nodejs22.x", True), ("nodejs22.x", False)]
)
async def test_locked_packages_are_there_for_the_function(
    name: str, seen: bool, folder: Path, store: Path, tmp_path: Path
) -> None:
    (folder / "package.json").write_text(json.dumps(PACKAGE))
    (folder / "package-lock.json").write_text(json.dumps(LOCK))
    async with a_store(store, seen=seen) as (opened, workshop):
        mount = await ensure(opened, workshop, folder, name)
    assert mount is not None
    assert mount.target == "/var/task/node_modules"

    files = {
        "common.js": "const n = require('is-number'); exports.handler = async () => n('5');\n",
        "module.mjs": "import n from 'is-number'; export const handler = async () => n('x');\n",
    }
    async with a_docker_stage(name, tmp_path / "cache") as stage:
        common = await stage.invoke(files, "common.handler", dependencies=mount)
        module = await stage.invoke(files, "module.handler", dependencies=mount)

    assert (common.answer, module.answer) == (True, False)


async def test_installed_once_for_all_who_state_the_same(
    folder: Path, store: Path, tmp_path: Path
) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    other = tmp_path / "other"
    other.mkdir()
    (other / "requirements.txt").write_text(REQUIREMENTS)
    async with a_store(store) as (opened, workshop):
        async with asyncio.TaskGroup() as tasks:
            both = [
                tasks.create_task(ensure(opened, workshop, each, "python3.13"))
                for each in (folder, other)
            ]
        workshop.told()
        again = await ensure(opened, workshop, folder, "python3.13")
        told = workshop.told()

    assert both[0].result() == both[1].result() == again
    assert told == []
    assert len(list(store.iterdir())) == 1


@pytest.mark.slow
async def test_other_content_and_other_runtime_are_installed_apart(
    folder: Path, store: Path
) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(REQUIREMENTS)
    async with a_store(store) as (opened, workshop):
        first = await ensure(opened, workshop, folder, "python3.13")
        other_runtime = await ensure(opened, workshop, folder, "python3.11")
        requirements.write_text(REQUIREMENTS + "# another line\n")
        other_content = await ensure(opened, workshop, folder, "python3.13")

    assert len({first, other_runtime, other_content}) == 3


async def test_everybody_may_read_it_and_nobody_change_it(folder: Path, store: Path) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    async with a_store(store) as (opened, workshop):
        mount = await ensure(opened, workshop, folder, "python3.13")
    assert mount is not None

    for path in (mount.source, *mount.source.rglob("*")):
        found = path.stat()
        assert found.st_uid == os.geteuid()
        assert found.st_mode & 0o022 == 0
        assert found.st_mode & (0o555 if path.is_dir() else 0o444) == (
            0o555 if path.is_dir() else 0o444
        )


async def test_failing_installation_shows_the_tools_own_text_and_leaves_nothing(
    folder: Path, store: Path
) -> None:
    (folder / "requirements.txt").write_text("surely-not-a-package-of-anybody==1.0\n")
    async with a_store(store) as (opened, workshop):
        with pytest.raises(BuildFailed, match="No matching distribution found") as caught:
            await ensure(opened, workshop, folder, "python3.13")
        last = workshop.told()[-1]

    assert caught.value.subject == "dependencies of orders"
    assert isinstance(last, BuildBroke)
    assert list(store.iterdir()) == []


async def test_package_that_must_be_compiled_is_explained(folder: Path, store: Path) -> None:
    (folder / "requirements.txt").write_text("--no-binary ujson\nujson==5.10.0\n")
    async with a_store(store) as (opened, workshop):
        with pytest.raises(BuildFailed, match="runtime images have no compiler"):
            await ensure(opened, workshop, folder, "python3.13")


async def test_stated_packages_need_a_lock(folder: Path, store: Path) -> None:
    (folder / "package.json").write_text(json.dumps(PACKAGE))
    async with a_store(store) as (opened, workshop):
        with pytest.raises(InvalidManifest, match=r"package-lock\.json is missing") as caught:
            await ensure(opened, workshop, folder, "nodejs22.x")

    assert caught.value.path == folder / "package.json"


async def test_packages_in_the_folder_need_no_lock(folder: Path, store: Path) -> None:
    (folder / "package.json").write_text(json.dumps(PACKAGE))
    (folder / "node_modules" / "is-number").mkdir(parents=True)
    async with a_store(store) as (opened, workshop):
        assert await ensure(opened, workshop, folder, "nodejs22.x") is None


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("python3.13", {}),
        ("python3.13", {"requirements.txt": "# nothing yet\n"}),
        ("nodejs22.x", {"package.json": '{"type": "module"}'}),
        ("provided.al2023", {"requirements.txt": REQUIREMENTS}),
    ],
)
async def test_nothing_stated_is_nothing_installed(
    name: str, files: dict[str, str], folder: Path, store: Path
) -> None:
    for path, text in files.items():
        (folder / path).write_text(text)
    async with a_store(store) as (opened, workshop):
        assert await ensure(opened, workshop, folder, name) is None
        assert workshop.told() == []


async def test_installation_that_nobody_waits_for_is_given_up(folder: Path, store: Path) -> None:
    # an address for documentation: nobody answers, and pip asks again and again
    (folder / "requirements.txt").write_text("--index-url http://192.0.2.1/simple\nsix==1.17.0\n")
    label = secrets.token_hex(8)
    async with a_store(store, labels=(("workbench.test", label),)) as (opened, workshop):

        async def running() -> bool:
            mine = {"label": f"workbench.test={label}"}
            return bool(await workshop.client.call(workshop.client.api.containers, filters=mine))

        async def gone() -> bool:
            return not await running()

        async with asyncio.TaskGroup() as tasks:
            caller = tasks.create_task(ensure(opened, workshop, folder, "python3.13"))
            await until(running)
            caller.cancel()
        await until(gone)

        async def swept() -> bool:
            return not await asyncio.to_thread(lambda: list(store.iterdir()))

        await until(swept)
        assert isinstance(workshop.told()[-1], BuildBroke)


async def test_what_was_asked_for_lately_survives_tidying(folder: Path, store: Path) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    async with a_store(store) as (opened, workshop):
        mount = await ensure(opened, workshop, folder, "python3.13")
        assert mount is not None
        os.utime(mount.source, (1, 1))
        await ensure(opened, workshop, folder, "python3.13")
        used = delete_unused(store, unused_since_s=3600)
        os.utime(mount.source, (1, 1))
        deleted = delete_unused(store, unused_since_s=3600)

    assert (used, deleted) == (0, 1)
    assert list(store.iterdir()) == []
