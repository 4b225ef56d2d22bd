"""`workbench ls`: the functions, and what is wrong with them."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import values
from workbench.cli.exits import Exit
from workbench.cli.narration import NO_ISOLATION, say_problems
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Cell, Column, Row, print_table
from workbench.model.function import Function
from workbench.model.settings import EngineKind

_COLUMNS = (
    Column(title="function"),
    Column(title="runtime"),
    Column(title="handler"),
    Column(title="memory", right=True),
    Column(title="timeout", right=True),
    Column(title="events", right=True),
    Column(title="description", fold=True),
)


async def run(arguments: Namespace, output: Output) -> int:
    """List them. A broken one is no failure of the list: it is in it, and says why on stderr."""
    async with opened(arguments, engine=False) as workbench:
        functions = workbench.catalog.functions()
        problems = workbench.catalog.problems()
        engine = workbench.settings.engine
    if output.json:
        output.object([values.function(function) for function in functions])
    elif functions:
        print_table(output, _COLUMNS, (_row(function) for function in functions))
    else:
        output.say(
            "There are no functions yet. Make one: workbench init hello --runtime python3.13"
        )
    if engine is EngineKind.PROCESS:
        output.say(NO_ISOLATION)
    say_problems(problems, output)
    return Exit.SUCCESS


def _row(function: Function) -> Row:
    configuration = function.configuration
    name = Cell(f"✖ {function.name}", "red") if function.broken else function.name
    events = str(len(function.events))
    if configuration is None:
        return [name, "-", "-", "-", "-", events, ""]
    return [
        name,
        configuration.runtime,
        configuration.handler,
        f"{configuration.memory_mb} MB",
        f"{configuration.timeout_s} s",
        events,
        configuration.description,
    ]
