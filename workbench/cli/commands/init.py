"""`workbench init`: a new function, ready to be invoked."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import values
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened


async def run(arguments: Namespace, output: Output) -> int:
    """Make it; its folder on stdout."""
    async with opened(arguments, engine=False) as workbench:
        folder = await workbench.catalog.create(arguments.name, arguments.runtime)
    if output.json:
        output.object(values.folder(folder))
    else:
        output.line(str(folder))
    output.say(f"Try it: workbench invoke {arguments.name}")
    return Exit.SUCCESS
