"""`workbench recycle`: environments are replaced by new ones."""

from __future__ import annotations

import re
from argparse import Namespace

from workbench.cli.commands.warm import exit_of_replies, told_started
from workbench.cli.control import NOBODY, Reply, order
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.errors import FunctionNotFound
from workbench.facade.workbench import Workbench

_ENVIRONMENT = re.compile("[0-9a-f]{8,32}")


async def run(arguments: Namespace, output: Output) -> int:
    """Tell every workbench on the project, and wait until the new ones are there."""
    wanted = arguments.what
    async with opened(arguments, engine=False) as workbench:
        key = "function" if _is_function(workbench, wanted) else "environment"
        replies = await order(workbench, "recycle", **{key: wanted})
    if output.json:
        output.object([reply.value for reply in replies])
    for reply in replies:
        output.say(f"{reply.name}: {_told(reply)}")
    if not replies:
        output.say(NOBODY)
    replaced = any(reply.answer.get("old") for reply in replies)
    if key == "environment" and replies and not replaced:
        output.say(f"No environment that can be replaced begins with {wanted}.")
        return max(Exit.BAD_REQUEST, exit_of_replies(replies))
    return exit_of_replies(replies)


def _is_function(workbench: Workbench, wanted: str) -> bool:
    """Raises `FunctionNotFound` for what is neither."""
    try:
        workbench.catalog.function(wanted)
    except FunctionNotFound:
        if _ENVIRONMENT.fullmatch(wanted):
            return False
        raise
    return True


def _told(reply: Reply) -> str:
    if reply.refusal is not None:
        return reply.refusal
    old = len(reply.answer["old"])
    return f"{old} replaced; {told_started(reply.answer['started'])}." if old else "none replaced."
