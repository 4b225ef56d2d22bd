"""What is told of the engine, whenever it was opened."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.streams import output
from workbench.assembly.workbench import open_workbench
from workbench.cli.narration import narrated
from workbench.config.settings import Overrides
from workbench.model.settings import EngineKind


async def test_an_engine_that_was_open_before_is_told(project_folder: Path) -> None:
    overrides = Overrides(engine=EngineKind.PROCESS)
    out, _, stderr = output()
    async with open_workbench(project_folder, overrides=overrides) as workbench:
        await workbench.environments.wait_engine()
        async with narrated(workbench, out):
            pass

    assert stderr.text.startswith("No isolation")
