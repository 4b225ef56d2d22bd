"""`workbench import`: a function out of a file that was exported."""
# ruff: noqa: N999 - the command is a word of Python too; it is imported by its name

from __future__ import annotations

from argparse import Namespace

from workbench.cli import release_values
from workbench.cli.exits import Exit
from workbench.cli.narration import narrated
from workbench.cli.output import Output
from workbench.cli.project import opened
from workbench.model.names import LATEST, function_name
from workbench.model.transfer import Imported


async def run(arguments: Namespace, output: Output) -> int:
    """The function's name on stdout; what is missing, or not as it was, on stderr."""
    name = None if arguments.name is None else function_name(arguments.name)
    async with opened(arguments) as workbench, narrated(workbench, output):
        imported = await workbench.transfer.import_file(
            arguments.file.absolute(), name=name, values=arguments.values
        )
    if output.json:
        output.object(release_values.imported(imported))
    else:
        output.line(imported.function)
    _narrate(imported, output)
    return Exit.SUCCESS


def _narrate(imported: Imported, output: Output) -> None:
    where = "" if imported.folder is None else f" Its folder: {imported.folder}"
    output.say(f"{imported.function}: {release_values.counted(imported)} imported.{where}")
    for each in imported.without_values:
        names = ", ".join(each.names)
        if each.version == LATEST:
            output.say(
                f"Secret values are missing in function.toml: {names}. Put them there again."
            )
        else:
            output.say(
                f"Version {each.version} cannot run without the secret values of {names}. To give "
                "them: workbench undo, then import again with --values FILE.env"
            )
    for sentence in imported.notes:
        output.say(sentence)
    output.say("To take it back: workbench undo")
