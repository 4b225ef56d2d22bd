"""`workbench export`: a function as one file."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from workbench.cli import release_values
from workbench.cli.exits import Exit
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.cli.render import size
from workbench.model.names import LATEST, function_name
from workbench.model.transfer import Exported


async def run(arguments: Namespace, output: Output) -> int:
    """The file's path on stdout; what did not go along on stderr."""
    name = function_name(arguments.function)
    path = (arguments.output or Path(f"{name}.workbench.zip")).absolute()
    async with opened(arguments, engine=False) as workbench:
        exported = await workbench.transfer.export(name, path)
    if output.json:
        output.object(release_values.exported(exported))
    else:
        output.line(str(arguments.output or path.name))
    _narrate(exported, output)
    return Exit.SUCCESS


def _narrate(exported: Exported, output: Output) -> None:
    output.say(
        f"{exported.function}: {release_values.counted(exported)}, {size(exported.size_bytes)}."
    )
    for each in exported.without_values:
        where = "function.toml" if each.version == LATEST else f"version {each.version}"
        output.say(f"Without the secret values of {where}: {', '.join(each.names)}")
    for sentence in exported.left_out:
        output.say(sentence)
