"""`workbench diff`: what two versions of a function differ in."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli.diff_text import Look, as_lines, as_value
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.model.names import function_name, qualifier


async def run(arguments: Namespace, output: Output) -> int:
    """As diff does: 0 when they are equal, 1 when not."""
    name = function_name(arguments.function)
    a, b = (None if text is None else qualifier(text) for text in (arguments.a, arguments.b))
    async with opened(arguments, engine=False) as workbench:
        found = await workbench.comparison.diff(name, a, b)
    if output.json:
        output.object(as_value(found))
    elif found.equal:
        output.say(f"{name}: {found.a} and {found.b} are the same.")
    else:
        look = Look(terminal=output.stdout.isatty(), styled=output.stdout_styled)
        for line in as_lines(found, look):
            output.line(line)
    return Exit.SUCCESS if found.equal else Exit.DIFFERENT
