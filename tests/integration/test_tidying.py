"""What a workbench deletes when it begins, and what it leaves because another may be using it."""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.fakes.versions import a_published_version
from workbench.assembly.tidying import tidy
from workbench.assembly.workbench import open_workbench
from workbench.clock import SystemClock
from workbench.config.events import EventFiles
from workbench.config.settings import Overrides
from workbench.facade.workbench import Workbench
from workbench.functions.code import CodeStore
from workbench.model.container import Mount
from workbench.model.release import CodePackage
from workbench.model.settings import EngineKind
from workbench.store.releases.release_store import ReleaseStore

LONG_AGO = (1.0, 1.0)
OLD_TREE = "0" * 64


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that was worked on: installed dependencies, old and new, and old code."""
    for place in ("dependencies/old", "dependencies/new", f"code/{OLD_TREE}", "code/files"):
        (tmp_path / ".workbench" / place).mkdir(parents=True)
    for old in ("dependencies/old", f"code/{OLD_TREE}"):
        os.utime(tmp_path / ".workbench" / old, LONG_AGO)
    return tmp_path


def left(project: Path) -> set[str]:
    rooms = [project / ".workbench" / name for name in ("code", "dependencies")]
    return {f"{room.name}/{path.name}" for room in rooms for path in room.iterdir()}


def working_on(project: Path) -> AbstractAsyncContextManager[Workbench]:
    return open_workbench(project, overrides=Overrides(engine=EngineKind.PROCESS))


async def tidied(project: Path) -> None:
    """Wait until the workbench that begins has deleted what is old."""
    async with asyncio.timeout(30):
        while left(project) != {"code/files", "dependencies/new"}:
            await SystemClock().sleep(0.01)


async def test_what_nobody_asked_for_in_a_while_is_deleted(project: Path) -> None:
    async with working_on(project):
        await tidied(project)


async def test_nothing_is_deleted_while_another_workbench_may_run_from_it(project: Path) -> None:
    state = project / ".workbench"
    code, events = CodeStore(state / "code"), EventFiles(project, state / "trash")
    releases = ReleaseStore(state, clock=SystemClock())
    async with working_on(project):
        await tidied(project)
        async with working_on(project):
            (state / "dependencies" / "used").mkdir()
            os.utime(state / "dependencies" / "used", LONG_AGO)
            await tidy(state, code=code, events=events, releases=releases, clock=SystemClock())
            kept = left(project)
    await tidy(state, code=code, events=events, releases=releases, clock=SystemClock())

    assert "dependencies/used" in kept
    assert left(project) == {"code/files", "dependencies/new"}


async def test_what_is_published_is_kept_however_old(project: Path) -> None:
    state = project / ".workbench"
    code, events = CodeStore(state / "code"), EventFiles(project, state / "trash")
    releases = ReleaseStore(state, clock=SystemClock())
    package = CodePackage(digest=OLD_TREE, sha256="A" * 44, zip_bytes=1, unzipped_bytes=1)
    needs = Mount(source=Path("dependencies/old"), target="/var/dependencies")
    releases.publish_now(
        a_published_version(package=package, dependencies=needs), same=lambda _: False
    )
    await tidy(state, code=code, events=events, releases=releases, clock=SystemClock())
    assert {f"code/{OLD_TREE}", "dependencies/old"} <= left(project)

    releases.database.path.write_bytes(b"damaged")
    releases.close()
    await tidy(state, code=code, events=events, releases=releases, clock=SystemClock())
    assert {f"code/{OLD_TREE}", "dependencies/old"} <= left(project), "nobody knows what is needed"
