"""`workbench warm`: environments that are idle before anybody asks for them."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli.control import order, tell, told_started
from workbench.cli.output import Output
from workbench.cli.project import opened


async def run(arguments: Namespace, output: Output) -> int:
    """Tell every workbench on the project, and wait until they are there."""
    async with opened(arguments, engine=False) as workbench:
        name = workbench.catalog.function(arguments.function).name
        replies = await order(workbench, "warm", function=name, count=arguments.count)
    return tell(replies, output, told_started)
