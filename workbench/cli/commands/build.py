"""`workbench build`: images, dependencies and code, so that nothing waits for them later."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli.exits import Exit, exit_of
from workbench.cli.narration import narrated
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Cell, Column, Row, print_table


async def run(arguments: Namespace, output: Output) -> int:
    """Make the named functions ready, all by default."""
    async with opened(arguments) as workbench, narrated(workbench, output):
        await workbench.environments.wait_engine()
        names = [workbench.catalog.function(name).name for name in arguments.functions]
        ended = await workbench.environments.build(names or None)
    if output.json:
        output.object(
            [
                {"function": name, "ready": error is None, "error": error and str(error)}
                for name, error in ended.items()
            ]
        )
    elif ended:
        rows: list[Row] = [
            [name, Cell("ready", "green") if error is None else Cell("not ready", "red")]
            for name, error in ended.items()
        ]
        print_table(output, (Column(title="function"), Column(title="")), rows)
    for error in ended.values():
        if error is not None:
            output.say(str(error))
    return max(
        (exit_of(error) for error in ended.values() if error is not None), default=Exit.SUCCESS
    )
