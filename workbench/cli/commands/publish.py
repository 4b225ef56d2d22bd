"""`workbench publish`: a version of what the function is now."""

from __future__ import annotations

from argparse import Namespace

from workbench.cli import release_values
from workbench.cli.exits import Exit
from workbench.cli.narration import narrated
from workbench.cli.output import Output
from workbench.cli.project import opened


async def run(arguments: Namespace, output: Output) -> int:
    """The number on stdout."""
    async with opened(arguments) as workbench:
        name = workbench.catalog.function(arguments.function).name
        async with narrated(workbench, output):
            version, new = await workbench.versions.publish(
                name,
                description=arguments.description,
                code_sha256=arguments.code_sha256,
                revision_id=arguments.revision_id,
            )
    if output.json:
        output.object({**release_values.version(version), "new": new})
        return Exit.SUCCESS
    output.line(str(version.number))
    if new:
        output.say(f"{name}: published as version {version.number}.")
    else:
        output.say(f"{name}: nothing has changed since version {version.number}.")
    return Exit.SUCCESS
