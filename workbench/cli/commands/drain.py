"""`workbench drain`: environments of a function go; the next invocation starts a new one."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli.commands.warm import exit_of_replies
from workbench.cli.control import NOBODY, Reply, order
from workbench.cli.output import Output
from workbench.cli.project import opened


async def run(arguments: Namespace, output: Output) -> int:
    """Tell every workbench on the project."""
    async with opened(arguments, engine=False) as workbench:
        name = workbench.catalog.function(arguments.function).name
        replies = await order(workbench, "drain", function=name)
    if output.json:
        output.object([reply.value for reply in replies])
    for reply in replies:
        output.say(f"{reply.name}: {_told(reply)}")
    if not replies:
        output.say(NOBODY)
    return exit_of_replies(replies)


def _told(reply: Reply) -> str:
    if reply.refusal is not None:
        return reply.refusal
    gone, finishing = reply.answer["gone"], reply.answer["finishing"]
    return f"{gone} gone, {finishing} to go when done." if finishing else f"{gone} gone."
