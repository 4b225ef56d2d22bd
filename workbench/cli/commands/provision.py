"""`workbench provision`: environments of a version that are kept initialised."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from workbench.cli import release_values
from workbench.cli.control import Reply, order
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, print_table
from workbench.errors import InvalidParameter
from workbench.facade.provisioning import Wanted
from workbench.facade.workbench import Workbench
from workbench.model.names import Target, target

_COLUMNS = (
    Column(title="function"),
    Column(title="version", right=True),
    Column(title="requested", right=True),
    Column(title="available", right=True),
    Column(title="status"),
    Column(title="in", fold=True),
)
NOBODY_KEEPS = "No workbench runs that would keep them: they start with the next one that stays."


def prepare(arguments: Namespace) -> None:
    """Check what argparse cannot. Raises `InvalidParameter`."""
    if arguments.off and arguments.count is not None:
        raise InvalidParameter("Say how many, or --off.", parameter="--off")
    if arguments.target is None and arguments.off:
        raise InvalidParameter("Say of which version: FUNCTION:VERSION.", parameter="--off")


async def run(arguments: Namespace, output: Output) -> int:
    """List, ask for some, or for none any more."""
    asked = None if arguments.target is None else target(arguments.target)
    async with opened(arguments, engine=False) as workbench:
        if asked is not None and (arguments.off or arguments.count is not None):
            await _change(workbench, asked, None if arguments.off else arguments.count, output)
        wanted = await workbench.provisioning.wanted(None if asked is None else asked.name)
        replies = await order(workbench, "provisioned") if wanted else []
    found = [(each, _states(each, replies)) for each in wanted]
    if output.json:
        output.object([release_values.provisioned(each, states) for each, states in found])
        return Exit.SUCCESS
    if wanted:
        print_table(
            output, _COLUMNS, (row for each, states in found for row in _rows(each, states))
        )
    elif asked is None or arguments.count is None:
        output.say("No concurrency is provisioned.")
    if wanted and not replies:
        output.say(NOBODY_KEEPS)
    return Exit.SUCCESS


async def _change(workbench: Workbench, asked: Target, count: int | None, output: Output) -> None:
    if asked.qualifier is None:
        raise InvalidParameter(
            f"{asked.name} names no version: use FUNCTION:VERSION or FUNCTION:ALIAS.",
            parameter="FUNCTION:VERSION",
        )
    if count is not None:
        await workbench.provisioning.put(asked.name, asked.qualifier, count)
    elif not await workbench.provisioning.remove(asked.name, asked.qualifier):
        output.say(f"{asked}: none was provisioned.")


def _states(wanted: Wanted, replies: list[Reply]) -> dict[str, dict[str, Any]]:
    """How far each workbench is with it."""
    return {
        reply.name: each
        for reply in replies
        if reply.refusal is None
        for each in reply.answer["kept"]
        if (each["function"], each["qualifier"]) == (wanted.function, wanted.qualifier)
    }


def _rows(wanted: Wanted, states: dict[str, dict[str, Any]]) -> list[Row]:
    subject = f"{wanted.function}:{wanted.qualifier}"
    version, requested = wanted.version, str(wanted.requested)
    if not states:
        return [[subject, version, requested, "-", "-", "-"]]
    return [
        [subject, version, requested, str(state["available"]), _status(state), name]
        for name, state in states.items()
    ]


def _status(state: dict[str, Any]) -> str:
    return f"{state['status']}: {state['reason']}" if state["reason"] else str(state["status"])
