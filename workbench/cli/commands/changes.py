"""`workbench changes`: what was published, moved, deleted and configured."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import release_values
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import Column, Row, local_time, print_table
from workbench.model.release import Change

_COLUMNS = (
    Column(title="at"),
    Column(title="change", fold=True),
    Column(title="undone"),
)


async def run(arguments: Namespace, output: Output) -> int:
    """The newest first."""
    async with opened(arguments, engine=False) as workbench:
        changes = await workbench.changes.recent(limit=arguments.limit)
    if output.json:
        output.object([release_values.change(each) for each in changes])
    elif changes:
        print_table(output, _COLUMNS, (_row(each) for each in changes))
    else:
        output.say("Nothing was published, moved, deleted or configured yet.")
    return Exit.SUCCESS


def _row(change: Change) -> Row:
    undone = change.undone_at
    return [local_time(change.at), change.summary, "" if undone is None else local_time(undone)]
