"""`workbench deployments`: what was moved, how far it is, and how it ended."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import deployment_values
from workbench.cli.control import settled
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, clock_time, local_time, print_table
from workbench.facade.deployments import Progress
from workbench.model.deployment import Deployment
from workbench.model.names import function_name

_COLUMNS = (
    Column(title="deployment"),
    Column(title="alias"),
    Column(title="from", right=True),
    Column(title="to", right=True),
    Column(title="share", right=True),
    Column(title="status"),
    Column(title="begun"),
    Column(title="why", fold=True),
)


async def run(arguments: Namespace, output: Output) -> int:
    """The list, or one."""
    async with opened(arguments, engine=False) as workbench:
        await settled(workbench, output)
        if arguments.show is not None:
            _show(await workbench.deployments.progress(arguments.show), output)
            return Exit.SUCCESS
        name = None if arguments.function is None else function_name(arguments.function)
        found = await workbench.deployments.recent(name, limit=arguments.limit)
    if output.json:
        output.object([deployment_values.deployment(one) for one in found])
    elif found:
        print_table(output, _COLUMNS, (_row(one) for one in found))
    else:
        output.say("Nothing was deployed yet.")
    return Exit.SUCCESS


def _row(one: Deployment) -> Row:
    return [
        one.id,
        f"{one.plan.function}:{one.plan.alias}",
        one.old_version,
        one.plan.version,
        f"{100 * one.weight:g}%",
        str(one.status),
        local_time(one.created_at),
        one.why or "",
    ]


def _show(found: Progress, output: Output) -> None:
    if output.json:
        output.object(deployment_values.progress(found))
        return
    print_table(output, _COLUMNS, (_row(found.deployment),))
    for move in found.moves:
        output.line(f"{clock_time(move.at)} {100 * move.weight:5.4g}% {move.event}: {move.reason}")
    output.line(deployment_values.told_traffic(found))
