"""`workbench start`: the terminal UI; without a terminal, every saved event replayed."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path

from workbench.cli.exits import Exit
from workbench.cli.loading import loading
from workbench.cli.narration import narrated
from workbench.cli.output import Output, on_terminal
from workbench.cli.project import opened
from workbench.cli.signals import ended_with_terminal
from workbench.errors import EngineUnreachable, InvalidParameter
from workbench.facade.workbench import Workbench
from workbench.model.settings import EngineKind


async def run(arguments: Namespace, output: Output) -> int:
    """See that there is an engine, then open the screen on the project, or replay it."""
    arguments.project = _project(arguments)
    terminal = on_terminal() and not output.json
    async with opened(arguments, kind="tui" if terminal else "cli", engine=False) as workbench:
        await _provide_engine(workbench, output, required=not terminal)
        if terminal:
            return await _screen(workbench)
        workbench.environments.begin()
        async with narrated(workbench, output):
            await workbench.environments.wait_engine()
            await workbench.environments.build()  # side by side; what fails is said by its replay
        return await _replay(workbench, output)


def _project(arguments: Namespace) -> Path | None:
    root: Path | None = arguments.root
    if root is not None and arguments.project not in (None, root):
        raise InvalidParameter(
            f"Which project: {root} or {arguments.project}?", parameter="PROJECT"
        )
    return root or arguments.project


async def _provide_engine(workbench: Workbench, output: Output, *, required: bool) -> None:
    """Install and start what is missing, in words, where that is ours to do.

    required: raise where there can be none and only containers will do; the screen shows it itself.
    """
    kind = workbench.settings.engine
    if kind is EngineKind.PROCESS:
        return
    async with narrated(workbench, output):
        try:
            await workbench.doctor.provide_engine(output.say)
        except EngineUnreachable as error:
            if required and kind is EngineKind.DOCKER:
                raise
            output.say(str(error))


async def _screen(workbench: Workbench) -> Exit:
    with ExitStack() as held, ended_with_terminal(sys.stdin):
        held.enter_context(loading())
        from workbench.tui.app import WorkbenchApp  # 250 ms that no headless command waits for

        painted = asyncio.Event()
        held.callback(painted.set)
        async with asyncio.TaskGroup() as tasks:
            control = tasks.create_task(_take_orders(workbench, painted), name="control")
            try:
                await WorkbenchApp(workbench, painted=held.close).run_async()
            finally:
                control.cancel()
    return Exit.SUCCESS


async def _take_orders(workbench: Workbench, painted: asyncio.Event) -> None:
    """From `warm` and the like, once there is something to be seen."""
    await painted.wait()
    from workbench.api.control import (
        ControlEndpoint,
    )  # 10 ms that the first paint does not wait for

    async with ControlEndpoint(workbench).open():
        await asyncio.Event().wait()


async def _replay(workbench: Workbench, output: Output) -> Exit:
    from workbench.cli.commands.replay import replay  # the screen does without it

    return await replay(workbench, output)
