"""`workbench undo`: the last change taken back."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import release_values
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened


async def run(arguments: Namespace, output: Output) -> int:
    """Says which it was."""
    async with opened(arguments, engine=False) as workbench:
        change = await workbench.changes.undo()
    if output.json:
        output.object(release_values.change(change))
    output.say(f"Undone: {change.summary}")
    return Exit.SUCCESS
