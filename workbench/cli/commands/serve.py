"""`workbench serve`: Lambda's Invoke operation on loopback, until told to stop."""

from __future__ import annotations

import asyncio
from argparse import Namespace

from workbench.api.control import ControlEndpoint
from workbench.api.server import Endpoint
from workbench.cli.exits import Exit
from workbench.cli.narration import narrated, say_problems
from workbench.cli.output import Output
from workbench.cli.project import opened

WHEN_STOPPED = Exit.SUCCESS
"""Being told to stop is how it ends."""


async def run(arguments: Namespace, output: Output) -> int:
    """Serve. One line on stdout says where, as soon as calls are answered."""
    async with (
        opened(arguments, kind="serve") as workbench,
        narrated(workbench, output),
    ):
        say_problems(workbench.catalog.problems(), output)
        await workbench.environments.wait_engine()
        async with (
            ControlEndpoint(workbench).open(),
            Endpoint(workbench).open(arguments.port) as address,
        ):
            workbench.instances.announce(address=address)
            if output.json:
                output.object({"address": address})
            else:
                output.line(address)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(workbench.environments.stand_by(), name="stand by")
                await asyncio.Event().wait()
    return Exit.SUCCESS
