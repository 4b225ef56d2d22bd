"""`workbench recycle`: environments are replaced by new ones."""

from __future__ import annotations

import re
from argparse import Namespace
from typing import Any

from workbench.cli.control import order, tell, told_started
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
    code = tell(replies, output, _told)
    replaced = any(reply.answer.get("old") for reply in replies)
    if key == "environment" and replies and not replaced:
        output.say(f"No environment that can be replaced begins with {wanted}.")
        return max(Exit.BAD_REQUEST, code)
    return code


def _is_function(workbench: Workbench, wanted: str) -> bool:
    """Raises `FunctionNotFound` for what is neither."""
    try:
        workbench.catalog.function(wanted)
    except FunctionNotFound:
        if _ENVIRONMENT.fullmatch(wanted):
            return False
        raise
    return True


def _told(answer: dict[str, Any]) -> str:
    old = len(answer["old"])
    return f"{old} replaced; {told_started(answer['started'])}" if old else "none replaced"
