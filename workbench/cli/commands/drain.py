"""`workbench drain`: environments of a function go; the next invocation starts a new one."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from workbench.cli.control import order, tell
from workbench.cli.output import Output
from workbench.cli.project import opened


async def run(arguments: Namespace, output: Output) -> int:
    """Tell every workbench on the project."""
    async with opened(arguments, engine=False) as workbench:
        name = workbench.catalog.function(arguments.function).name
        replies = await order(workbench, "drain", function=name)
    return tell(replies, output, _told)


def _told(answer: dict[str, Any]) -> str:
    gone, finishing = answer["gone"], answer["finishing"]
    return f"{gone} gone, {finishing} to go when done" if finishing else f"{gone} gone"
