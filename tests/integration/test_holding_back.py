"""What a workbench leaves for after the first paint, and that nothing is missed for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from workbench.assembly.workbench import open_workbench
from workbench.config.settings import Overrides
from workbench.model.names import FunctionName
from workbench.model.settings import EngineKind
from workbench.model.telemetry import ProjectChanged
from workbench.telemetry import Feed

MANIFEST = 'runtime = "python3.13"\nhandler = "app.handler"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    put(tmp_path, "first")
    return tmp_path


def put(project: Path, name: str) -> None:
    folder = project / name
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context):\n    return 1\n")
    (folder / "function.toml").write_text(MANIFEST)


async def told_of(feed: Feed, name: str) -> None:
    async with asyncio.timeout(30):
        while True:
            for value in await feed.wait_values():
                if isinstance(value, ProjectChanged) and FunctionName(name) in value.functions:
                    return


async def test_what_changed_while_it_held_back_is_found_then_and_what_changes_later_too(
    project: Path,
) -> None:
    overrides = Overrides(engine=EngineKind.PROCESS)
    async with open_workbench(project, overrides=overrides, hold_engine=True) as workbench:
        with workbench.subscribe(kinds={ProjectChanged}) as feed:
            put(project, "meanwhile")
            assert [each.name for each in workbench.catalog.functions()] == ["first"]

            workbench.environments.begin()

            await told_of(feed, "meanwhile")
            put(project, "later")
            await told_of(feed, "later")

        assert len(workbench.catalog.functions()) == 3


async def test_it_closes_when_it_was_never_begun(project: Path) -> None:
    async with asyncio.timeout(30):
        async with open_workbench(project, hold_engine=True) as workbench:
            assert [each.name for each in workbench.catalog.functions()] == ["first"]
