"""`workbench warm`: environments that are idle before anybody asks for them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from workbench.cli.control import NOBODY, Reply, order
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened


async def run(arguments: Namespace, output: Output) -> int:
    """Tell every workbench on the project, and wait until they are there."""
    async with opened(arguments, engine=False) as workbench:
        name = workbench.catalog.function(arguments.function).name
        replies = await order(workbench, "warm", function=name, count=arguments.count)
    if output.json:
        output.object([reply.value for reply in replies])
    for reply in replies:
        output.say(f"{reply.name}: {_told(reply)}")
    if not replies:
        output.say(NOBODY)
    return exit_of_replies(replies)


def exit_of_replies(replies: Sequence[Reply]) -> Exit:
    """The worst of them; nobody there is one that could not."""
    return max((_exit(reply) for reply in replies), default=Exit.COULD_NOT)


def _exit(reply: Reply) -> Exit:
    started = reply.answer.get("started", reply.answer)
    if started.get("not_started"):
        return Exit.COULD_NOT
    return Exit.FUNCTION_FAILED if started.get("failed") else reply.exit


def _told(reply: Reply) -> str:
    return reply.refusal or f"{told_started(reply.answer)}."


def told_started(started: dict[str, list[str]]) -> str:
    """What became of environments that were started, without a full stop."""
    ready = len(started["ready"])
    parts = [f"{ready} started" if ready else "none had to be started"]
    if started["failed"] or started["not_started"]:
        parts = [f"{ready} started"]
    parts += [f"cannot initialise: {why.rstrip('.')}" for why in started["failed"]]
    parts += [f"cannot be started: {why.rstrip('.')}" for why in started["not_started"]]
    return "; ".join(parts)
